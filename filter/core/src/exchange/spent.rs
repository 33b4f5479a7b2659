//! Identity assertions that were spent here, so that none is spent twice.
//!
//! MCP Enterprise-Managed Authorization makes replay refusal the server's duty; an identity provider that hands the same assertion out again is caught before that.
//! A forgotten entry costs nothing but this early sign: the authorization server still refuses the replay.

use std::collections::{BTreeSet, VecDeque};

use crate::digest::sha256;
use crate::limits::SPENT_GRANTS_MAX;

/// The latest spent assertions, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct SpentGrants {
    known: BTreeSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl SpentGrants {
    /// Marks an assertion as spent; false where it was already.
    pub(crate) fn spend(&mut self, issuer: &str, jti: &str) -> bool {
        let digest = sha256(format!("{}:{issuer}{jti}", issuer.len()).as_bytes());
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > SPENT_GRANTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_spent_once() {
        let mut spent = SpentGrants::default();
        assert!(spent.spend("https://idp", "1"));
        assert!(!spent.spend("https://idp", "1"));
        assert!(spent.spend("https://idp", "2"));
        assert!(spent.spend("https://other", "1"));
    }

    #[test]
    fn memory_holds_at_the_bound_and_forgets_one_past() {
        let mut spent = SpentGrants::default();
        for number in 0..SPENT_GRANTS_MAX {
            assert!(spent.spend("i", &number.to_string()));
        }
        assert!(!spent.spend("i", "0"));
        assert!(spent.spend("i", "one past"));
        assert_eq!(spent.known.len(), SPENT_GRANTS_MAX);
        assert!(spent.spend("i", "0"));
    }
}
