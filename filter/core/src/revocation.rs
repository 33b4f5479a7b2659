//! Who or what must not act any more, and which requests in progress that ends.
//!
//! A stream was decided on when it was opened; what has been withdrawn since must not read on.
//! A prior actor counts as much as the current one: history may end a request as it may refuse one.
//! Absent on purpose: where revocations come from, and any memory of them. Whoever has them refuses later requests and hands them to
//! [`Plugin::handle_revocation`] for those in progress.

use crate::flight::RootStep;
use crate::plugin::Plugin;

/// What is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// All that is done for this subject.
    Subject {
        /// `iss` of its tokens.
        issuer: String,
        /// `sub` of its tokens.
        subject: String,
    },
    /// All that this agent does, has passed on, or calls with.
    Agent(String),
    /// What was opened with this token.
    Token {
        /// `iss` of the token.
        issuer: String,
        /// `jti` of the token.
        jti: String,
    },
}

impl Plugin {
    /// Takes what is withdrawn: the step ends the streams it concerns.
    pub fn handle_revocation(&mut self, revocation: Revocation) -> RootStep {
        RootStep { revocations: vec![revocation], ..RootStep::default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::StreamRules;
    use crate::flow::Lease;
    use crate::record::Record;
    use crate::request::TransactionId;
    use crate::revocation::Revocation;
    use crate::step::{RefusalContext, ResponsePlan, Shape};
    use crate::time::UnixSeconds;
    use serde_json::json;

    fn plan() -> ResponsePlan {
        let txn = TransactionId::new([1; 16]);
        let members = json!({"issuer": "https://idp", "subject": "ann", "jti": "7", "agent": "b", "actor": "b", "chain": ["b", "a"]});
        let refusal = RefusalContext {
            record: Record::of_members(&txn, &members),
            txn,
            shape: Shape::Rpc,
            rpc_id: None,
            scopes_needed: crate::config::ScopeSet::default(),
            dpop: None,
            sign_in_needed: String::new(),
            allow: std::borrow::Cow::default(),
            metadata_url: None,
            observing: None,
        };
        let lease = Lease::new(StreamRules::default(), UnixSeconds::new(1), UnixSeconds::new(2));
        ResponsePlan::plain(refusal, lease)
    }

    #[test]
    fn whoever_stands_behind_a_request_ends_it() {
        let subject =
            |issuer: &str, subject: &str| Revocation::Subject { issuer: issuer.into(), subject: subject.into() };
        let token = |issuer: &str, jti: &str| Revocation::Token { issuer: issuer.into(), jti: jti.into() };
        let agent = |id: &str| Revocation::Agent(id.into());
        let plan = plan();
        for ends in [subject("https://idp", "ann"), token("https://idp", "7"), agent("a"), agent("b")] {
            let event = plan.handle_revocation(&ends).map(|event| event.to_json()).unwrap_or_default();
            assert!(
                event.contains("\"reason\":\"revoked\"") && event.contains("\"subject\":\"ann\""),
                "{ends:?}: {event}"
            );
        }
        for passes in [
            subject("https://other", "ann"),
            subject("https://idp", "bob"),
            token("https://other", "7"),
            token("https://idp", "8"),
            agent("c"),
            agent("ann"),
        ] {
            assert!(plan.handle_revocation(&passes).is_none(), "{passes:?}");
        }
        assert!(plan.handle_time(UnixSeconds::new(u64::MAX)).is_none(), "nothing was said of its end");
    }
}
