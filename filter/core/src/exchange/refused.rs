//! Tokens that an upstream refuses although they are fresh: when to stop asking for more.
//!
//! One refusal may be a token withdrawn on the way, and the next request asks afresh at once. More in a row, for one agent at one resource,
//! are no accident: asking on would only load the issuer, so there is a wait before the next exchange, and it doubles.
//! Tokens in the cache go on being used meanwhile, and the first one that the upstream takes ends the wait:
//! a caller who provokes refusals delays others by no more than they themselves confirm.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::exchange::cache::IssuedToken;
use crate::limits::{REFUSED_PAIRS_MAX, UPSTREAM_BACKOFF_SECONDS_MAX};
use crate::time::{Seconds, UnixSeconds};

#[derive(Debug)]
struct Refusals {
    in_a_row: u32,
    /// Many requests may send one token; it is refused once.
    last: Weak<IssuedToken>,
    held_until: UnixSeconds,
}

/// What upstreams refused on this worker, by resource and agent.
#[derive(Debug, Default)]
pub(crate) struct RefusedTokens {
    by_pair: BTreeMap<(String, String), Refusals>,
}

impl RefusedTokens {
    /// How long no token is asked for; `None` where one may be asked for now.
    pub(crate) fn wait(&self, resource: &str, agent: &str, now: UnixSeconds) -> Option<Seconds> {
        if self.by_pair.is_empty() {
            return None;
        }
        let refusals = self.by_pair.get(&pair(resource, agent))?;
        let left = refusals.held_until.get().checked_sub(now.get()).filter(|left| *left > 0)?;
        // More than the longest wait means that the clock was set back.
        (left <= UPSTREAM_BACKOFF_SECONDS_MAX).then_some(Seconds::new(left))
    }

    /// Notes that the upstream refused `token`, which was exchanged for this very request.
    pub(crate) fn refused(&mut self, resource: &str, agent: &str, token: &Arc<IssuedToken>, now: UnixSeconds) {
        let key = pair(resource, agent);
        if !self.by_pair.contains_key(&key) && self.by_pair.len() >= REFUSED_PAIRS_MAX {
            self.forget_one();
        }
        let refusals =
            self.by_pair.entry(key).or_insert_with(|| Refusals { in_a_row: 0, last: Weak::new(), held_until: now });
        if refusals.last.upgrade().is_some_and(|last| Arc::ptr_eq(&last, token)) {
            return;
        }
        refusals.last = Arc::downgrade(token);
        refusals.in_a_row = refusals.in_a_row.saturating_add(1);
        refusals.held_until = now.saturating_add(backoff(refusals.in_a_row));
    }

    /// Notes that the upstream took a token.
    pub(crate) fn taken(&mut self, resource: &str, agent: &str) {
        if !self.by_pair.is_empty() {
            self.by_pair.remove(&pair(resource, agent));
        }
    }

    /// The one whose wait ends first.
    fn forget_one(&mut self) {
        let first = self.by_pair.iter().min_by_key(|(_, refusals)| refusals.held_until).map(|(key, _)| key.clone());
        if let Some(key) = first {
            self.by_pair.remove(&key);
        }
    }
}

fn pair(resource: &str, agent: &str) -> (String, String) {
    (resource.to_owned(), agent.to_owned())
}

/// None after the first refusal, a second after the next, then doubled each time.
pub(crate) fn backoff(in_a_row: u32) -> Seconds {
    let seconds = match in_a_row.checked_sub(2) {
        None => 0,
        Some(exponent) => 1_u64.checked_shl(exponent).unwrap_or(u64::MAX),
    };
    Seconds::new(seconds.min(UPSTREAM_BACKOFF_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ScopeSet;
    use crate::redacted::Redacted;

    fn token() -> Arc<IssuedToken> {
        Arc::new(IssuedToken {
            token: Redacted::new("t".to_owned()),
            expires_at: UnixSeconds::new(9999),
            scopes: ScopeSet::default(),
            jti: None,
            bound: None,
        })
    }

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_ends_with_a_token_that_is_taken() {
        let mut refused = RefusedTokens::default();
        for want in [None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(60), Some(60)] {
            refused.refused("r", "a", &token(), at(100));
            assert_eq!(refused.wait("r", "a", at(100)).map(Seconds::get), want);
        }
        assert_eq!(refused.wait("r", "a", at(159)).map(Seconds::get), Some(1));
        assert_eq!(refused.wait("r", "a", at(160)), None);
        assert_eq!(refused.wait("r", "a", at(99)), None, "the clock was set back");
        assert_eq!(refused.wait("r", "b", at(100)), None);
        assert_eq!(refused.wait("s", "a", at(100)), None);
        refused.taken("r", "a");
        assert_eq!(refused.wait("r", "a", at(100)), None);
        refused.refused("r", "a", &token(), at(100));
        assert_eq!(refused.wait("r", "a", at(100)), None, "it begins anew");
    }

    #[test]
    fn one_token_is_refused_once_however_many_sent_it() {
        let mut refused = RefusedTokens::default();
        let token = token();
        for _ in 0..100 {
            refused.refused("r", "a", &token, at(100));
        }
        assert_eq!(refused.wait("r", "a", at(100)), None);
    }

    #[test]
    fn memory_holds_at_the_bound_and_not_one_past() {
        let mut refused = RefusedTokens::default();
        for number in 0..=REFUSED_PAIRS_MAX {
            refused.refused("r", &number.to_string(), &token(), at(100));
            assert_eq!(refused.by_pair.len(), number.saturating_add(1).min(REFUSED_PAIRS_MAX));
        }
    }
}
