//! The upstream's answer to a forwarded request.
//!
//! A 401 for a token that the gateway exchanged is not the caller's to solve: the token is dropped,
//! the upstream's challenge stays here, and the caller gets an error that says to try again.
//! A 403 is the upstream's policy and drops nothing.

use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::step::{Reply, ResponsePlan, TRANSACTION_HEADER};

impl ResponsePlan {
    /// Takes the upstream's status; a reply replaces the answer, `None` lets it pass.
    pub fn handle_response_status(&self, plugin: &mut Plugin, status: Option<u16>) -> Option<Reply> {
        let key = self.exchanged?;
        if status != Some(401) {
            return None;
        }
        plugin.issued.drop_key(key);
        Some(self.refusal.clone().reply(Rejection::UpstreamRefusedToken))
    }

    /// Headers of the upstream that are not for the caller: challenges concern a token it never sees.
    pub fn response_headers_to_remove(&self) -> &'static [&'static str] {
        match self.exchanged {
            Some(_) => &["www-authenticate", "proxy-authenticate"],
            None => &[],
        }
    }

    /// Headers that go to the caller in place of whatever the upstream put there: the transaction it may ask about.
    pub fn response_headers_to_set(&self) -> [(&'static str, &str); 1] {
        [(TRANSACTION_HEADER, self.refusal.txn.as_str())]
    }
}

#[cfg(test)]
mod tests {
    use crate::record::Record;
    use crate::request::TransactionId;
    use crate::step::{RefusalContext, ResponsePlan, Shape};

    #[test]
    fn an_answer_that_passes_names_its_transaction() {
        let txn = TransactionId::new([0xa5; 16]);
        let refusal = RefusalContext {
            record: Record::new(&txn),
            txn,
            shape: Shape::Rpc,
            rpc_id: None,
            scopes_needed: String::new(),
        };
        let plan = ResponsePlan { exchanged: None, refusal };
        assert_eq!(plan.response_headers_to_set(), [("x-actgate-txn", "a5".repeat(16).as_str())]);
    }
}
