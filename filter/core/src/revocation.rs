//! What is withdrawn while a plugin serves, and which requests under way that ends.
//!
//! A host may give another configuration to a plugin of its own and let the old one serve on. Of the new one, the old one takes what is
//! withdrawn and nothing else: from then on it refuses by both lists, its own and the newest, and what is under way is held against them
//! once more. Of streams it is enough to look once for each list, since time only ends entries and never begins one.
//!
//! A prior actor counts as much as the current one: history may end a request as it may refuse one.
//! Nothing that ended comes back when a later list withdraws less.
//! Absent on purpose: where the newest list comes from. Whoever runs plugins of one kind side by side brings it ([`Plugin::handle_newest`]).

use std::sync::Arc;

use crate::config::{Agent, Revoked};
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::behind::Behind;
use crate::delegation::shown_key::ShownKey;
use crate::jwt::Claims;
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// The lists that count at one plugin.
#[derive(Debug, Clone)]
pub struct Revocations {
    /// Of its own configuration. It always counts: a host may go back to a plugin that it still has, without a word.
    own: Arc<Revoked>,
    /// Of the newest configuration.
    newest: Arc<Revoked>,
}

/// Says that a request under way is one that a list refuses; made by the lists only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation(Rejection);

impl Revocation {
    /// What a new request of the same kind is refused with.
    pub(crate) const fn rejection(self) -> Rejection {
        self.0
    }
}

impl Revocations {
    pub(crate) fn new(own: &Arc<Revoked>) -> Self {
        Self { own: Arc::clone(own), newest: Arc::clone(own) }
    }

    fn lists(&self) -> impl Iterator<Item = &Revoked> {
        let other = (!Arc::ptr_eq(&self.own, &self.newest)).then_some(&self.newest);
        core::iter::once(&self.own).chain(other).map(Arc::as_ref)
    }

    /// Refuses a token whose `jti`, `sub` or `sid` is withdrawn at its issuer.
    ///
    /// # Errors
    ///
    /// The rejection that says which of them; [`Rejection::Token`] where a claim that decides has not its type.
    pub(crate) fn refuse_token(&self, claims: &Claims, now: UnixSeconds) -> Result<(), Rejection> {
        self.lists().try_for_each(|revoked| revoked.refuse_token(claims, now))
    }

    /// Refuses what comes with a withdrawn key.
    ///
    /// # Errors
    ///
    /// The rejection that says which kind of key.
    pub(crate) fn refuse_keys(&self, keys: &[ShownKey], now: UnixSeconds) -> Result<(), Rejection> {
        self.lists().try_for_each(|revoked| revoked.refuse_keys(keys, now))
    }

    /// Refuses what a withdrawn actor does, has passed on or is the subject of.
    ///
    /// # Errors
    ///
    /// [`Rejection::ActorRevoked`]; [`Rejection::Token`] where a claim that decides has not its type.
    pub(crate) fn refuse_actors(&self, behind: &Behind, now: UnixSeconds) -> Result<(), Rejection> {
        self.lists().try_for_each(|revoked| revoked.refuse_actors(behind, now))
    }

    /// Refuses a token by which the agent says that it acts, issued no earlier than `issued_at`.
    ///
    /// # Errors
    ///
    /// [`Rejection::ActorRevoked`]
    pub(crate) fn refuse_actor_token(
        &self,
        agent: &Agent,
        issued_at: Option<UnixSeconds>,
        now: UnixSeconds,
    ) -> Result<(), Rejection> {
        let refused = self.lists().any(|revoked| revoked.refuses_token_of(agent, issued_at, now));
        if refused { Err(Rejection::ActorRevoked) } else { Ok(()) }
    }

    /// All of it, for a request that was admitted before.
    pub(crate) fn refuse(&self, behind: &Behind, now: UnixSeconds) -> Result<(), Rejection> {
        if let Some(claims) = behind.issued() {
            self.refuse_token(claims, now)?;
        }
        self.refuse_keys(behind.keys(), now)?;
        self.refuse_actors(behind, now)
    }

    /// What of a request that was admitted before is withdrawn, the agent's own token among it.
    pub(crate) fn find(
        &self,
        behind: &Behind,
        actor: Option<(&Agent, &ProvenActor)>,
        now: UnixSeconds,
    ) -> Option<Revocation> {
        let refuse_actor = || actor.map_or(Ok(()), |(agent, actor)| actor.refuse_withdrawn(agent, self, now));
        self.refuse(behind, now).and_then(|()| refuse_actor()).err().map(Revocation)
    }
}

impl Plugin {
    /// What its own configuration withdraws, for older plugins of the same kind.
    #[must_use]
    pub fn revoked(&self) -> Arc<Revoked> {
        Arc::clone(&self.config().revoked)
    }

    /// Takes what the newest configuration withdraws; true where that is another list, so that what is under way is to be held against it.
    pub fn handle_newest(&mut self, newest: &Arc<Revoked>) -> bool {
        let is_other = !Arc::ptr_eq(&self.revocations.newest, newest);
        if is_other {
            self.revocations.newest = Arc::clone(newest);
        }
        is_other
    }

    /// The lists that count now, to hold requests under way against.
    #[must_use]
    pub fn revocations(&self) -> Revocations {
        self.revocations.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{Agent, StreamRules};
    use crate::flow::Lease;
    use crate::jwt::sample::{self, claims};
    use crate::record::Record;
    use crate::request::TransactionId;
    use crate::step::{RefusalContext, ResponsePlan, Shape};

    const NOW: UnixSeconds = UnixSeconds::new(500);

    fn list(entries: Value) -> Arc<Revoked> {
        Arc::new(Revoked::of_entries("https://idp", &entries))
    }

    /// Issued at 100 for ann in session 3, and carried by a and then b.
    fn behind() -> Behind {
        Behind::token(
            &claims(&json!({
                "iss": "https://idp", "sub": "ann", "jti": "7", "sid": "3", "iat": 100, "client_id": "client",
                "act": {"sub": "b", "act": {"sub": "a"}},
            })),
            &agent("acting"),
            vec![ShownKey::Certificate([1; 32]), ShownKey::Dpop([2; 32]), ShownKey::Api([3; 32])],
        )
    }

    fn agent(id: &str) -> Arc<Agent> {
        Arc::new(sample::agent(id))
    }

    fn plan(behind: Option<Behind>) -> ResponsePlan {
        let txn = TransactionId::new([1; 16]);
        let members = json!({"issuer": "https://idp", "subject": "ann"});
        let record = Record::of_members(&txn, &members);
        let refusal = RefusalContext { record, shape: Shape::Rpc, ..RefusalContext::new(txn, UnixSeconds::new(0)) };
        let lease = Lease::new(StreamRules::default(), UnixSeconds::new(1), UnixSeconds::new(2));
        ResponsePlan::plain(refusal, lease.for_behind(behind.map(Arc::new)))
    }

    fn newest(entries: Value) -> Revocations {
        Revocations { newest: list(entries), ..Revocations::new(&list(json!([]))) }
    }

    #[test]
    fn whoever_stands_behind_a_stream_ends_it() {
        let plan = plan(Some(behind()));
        for ends in [
            json!({"sub": "ann"}),
            json!({"jti": "7"}),
            json!({"sid": "3"}),
            json!({"actor": "a"}),
            json!({"actor": "b"}),
            json!({"actor": "client"}),
            json!({"actor": "acting"}),
            json!({"actor": "ann"}),
            json!({"certificate": 1}),
            json!({"dpop": 2}),
            json!({"api": 3, "until": 501}),
            json!({"sub": "ann", "issued_before": 101}),
            json!({"actor": "a", "issued_before": 101, "until": 501}),
        ] {
            let event = plan.handle_revocations(&newest(json!([ends])), NOW);
            let event = event.map(|event| event.to_json()).unwrap_or_default();
            assert!(
                event.contains("\"reason\":\"revoked\"") && event.contains("\"subject\":\"ann\""),
                "{ends}: {event}"
            );
        }
        for passes in [
            json!({"sub": "bob"}),
            json!({"jti": "8"}),
            json!({"sid": "7"}),
            json!({"actor": "c"}),
            json!({"actor": "7"}),
            json!({"certificate": 2}),
            json!({"dpop": 1}),
            json!({"api": 3, "until": 500}),
            json!({"sub": "ann", "issued_before": 100}),
            json!({"actor": "a", "until": 500}),
        ] {
            assert!(plan.handle_revocations(&newest(json!([passes])), NOW).is_none(), "{passes}");
        }
        let elsewhere = Arc::new(Revoked::of_entries("https://other", &json!([{"sub": "ann"}, {"jti": "7"}])));
        let elsewhere = Revocations { own: Arc::default(), newest: elsewhere };
        assert!(plan.handle_revocations(&elsewhere, NOW).is_none(), "one issuer withdraws nothing of another");
        assert!(plan.handle_time(UnixSeconds::new(u64::MAX)).is_none(), "nothing was said of its end");
    }

    #[test]
    fn a_stream_of_nobody_is_ended_by_nobody() {
        assert!(plan(None).handle_revocations(&newest(json!([{"sub": "ann"}])), NOW).is_none());
    }

    #[test]
    fn an_agent_without_a_token_counts_from_its_admission() {
        let plan = plan(Some(Behind::workload(
            &Claims::of_workload("batch", "service"),
            &agent("batch"),
            Vec::new(),
            UnixSeconds::new(400),
        )));
        for (before, ends) in [(400, false), (401, true)] {
            let list = newest(json!([{"actor": "batch", "issued_before": before}]));
            assert_eq!(plan.handle_revocations(&list, NOW).is_some(), ends, "{before}");
        }
    }

    #[test]
    fn a_session_that_is_no_text_is_not_overlooked() {
        let members = json!({"iss": "https://idp", "sub": "ann", "sid": 3, "iat": 100});
        let plan = plan(Some(Behind::token(&claims(&members), &agent("acting"), Vec::new())));
        assert!(plan.handle_revocations(&newest(json!([{"sid": "x"}])), NOW).is_some());
        assert!(plan.handle_revocations(&newest(json!([{"sub": "x"}])), NOW).is_none());
    }

    #[test]
    fn both_lists_count_and_the_newest_replaces_the_one_before() {
        let refuses = |revocations: &Revocations| revocations.find(&behind(), None, NOW).map(Revocation::rejection);
        let own = Revocations::new(&list(json!([{"jti": "7"}])));
        assert_eq!(refuses(&own), Some(Rejection::TokenRevoked));
        let both = Revocations { newest: list(json!([{"sub": "bob"}])), ..own };
        assert_eq!(refuses(&both), Some(Rejection::TokenRevoked), "its own list goes on");
        assert_eq!(refuses(&newest(json!([{"sid": "3"}]))), Some(Rejection::SessionRevoked));
        assert_eq!(refuses(&newest(json!([]))), None, "a later list that withdraws less");
    }
}
