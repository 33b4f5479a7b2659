//! Tokens that an upstream refuses although they are fresh: when to stop asking for more.
//!
//! One refusal may be a token withdrawn on the way, and the next request asks afresh at once. More in a row, for one subject by one agent
//! at one resource, are no accident: asking on would only load the issuer, so there is a wait before the next exchange, and it doubles.
//! Tokens in the cache go on being used meanwhile, and the first one that the upstream takes ends the wait.
//! An upstream may refuse one subject for ever, so what it says of one makes no other wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::delegation::behind::Behind;
use crate::digest::sha256;
use crate::exchange::cache::IssuedToken;
use crate::limits::{REFUSED_SUBJECTS_MAX, UPSTREAM_BACKOFF_SECONDS_MAX};
use crate::time::{Seconds, UnixSeconds};

/// For whom tokens are asked: one subject of one issuer, by one agent, at one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whose([u8; 32]);

impl Whose {
    /// A digest, because names may be long. Somebody stands behind every request that a token is asked for.
    pub(crate) fn of(resource: &str, behind: Option<&Behind>) -> Self {
        let (issuer, subject) = behind.map(Behind::subject).unwrap_or_default();
        let agent = behind.map_or("", |behind| &behind.agent().id);
        let parts = [resource, agent, issuer.unwrap_or_default(), subject];
        Self(sha256(&parts.map(|part| sha256(part.as_bytes())).concat()))
    }
}

#[derive(Debug)]
struct Refusals {
    in_a_row: u32,
    /// Many requests may send one token; it is refused once.
    last: Weak<IssuedToken>,
    held_until: UnixSeconds,
}

/// What upstreams refused on this worker.
#[derive(Debug, Default)]
pub(crate) struct RefusedTokens {
    by_subject: BTreeMap<Whose, Refusals>,
}

impl RefusedTokens {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// How long no token is asked for; `None` where one may be asked for now.
    pub(crate) fn wait(&self, whose: impl FnOnce() -> Whose, now: UnixSeconds) -> Option<Seconds> {
        if self.by_subject.is_empty() {
            return None;
        }
        let refusals = self.by_subject.get(&whose())?;
        let left = refusals.held_until.get().checked_sub(now.get()).filter(|left| *left > 0)?;
        // More than the longest wait means that the clock was set back.
        (left <= UPSTREAM_BACKOFF_SECONDS_MAX).then_some(Seconds::new(left))
    }

    /// Notes that the upstream refused `token`, which was exchanged for this very request.
    pub(crate) fn refused(&mut self, whose: Whose, token: &Arc<IssuedToken>, now: UnixSeconds) {
        if !self.by_subject.contains_key(&whose) && self.by_subject.len() >= REFUSED_SUBJECTS_MAX {
            self.forget_one();
        }
        let refusals = self.by_subject.entry(whose).or_insert_with(|| Refusals {
            in_a_row: 0,
            last: Weak::new(),
            held_until: now,
        });
        if refusals.last.upgrade().is_some_and(|last| Arc::ptr_eq(&last, token)) {
            return;
        }
        refusals.last = Arc::downgrade(token);
        refusals.in_a_row = refusals.in_a_row.saturating_add(1);
        refusals.held_until = now.saturating_add(backoff(refusals.in_a_row));
    }

    /// Notes that the upstream took a token.
    pub(crate) fn taken(&mut self, whose: impl FnOnce() -> Whose) {
        if !self.by_subject.is_empty() {
            self.by_subject.remove(&whose());
        }
    }

    /// The one whose wait ends first.
    fn forget_one(&mut self) {
        let first = self.by_subject.iter().min_by_key(|(_, refusals)| refusals.held_until).map(|(key, _)| *key);
        if let Some(key) = first {
            self.by_subject.remove(&key);
        }
    }
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
            trace: std::sync::OnceLock::new(),
        })
    }

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    fn whose(name: &str) -> Whose {
        Whose(sha256(name.as_bytes()))
    }

    fn wait(refused: &RefusedTokens, name: &str, now: u64) -> Option<u64> {
        refused.wait(|| whose(name), at(now)).map(Seconds::get)
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_ends_with_a_token_that_is_taken() {
        let mut refused = RefusedTokens::default();
        for want in [None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(60), Some(60)] {
            refused.refused(whose("a"), &token(), at(100));
            assert_eq!(wait(&refused, "a", 100), want);
        }
        assert_eq!(wait(&refused, "a", 159), Some(1));
        assert_eq!(wait(&refused, "a", 160), None);
        assert_eq!(wait(&refused, "a", 99), None, "the clock was set back");
        assert_eq!(wait(&refused, "b", 100), None);
        refused.taken(|| whose("a"));
        assert_eq!(wait(&refused, "a", 100), None);
        refused.refused(whose("a"), &token(), at(100));
        assert_eq!(wait(&refused, "a", 100), None, "it begins anew");
    }

    #[test]
    fn one_token_is_refused_once_however_many_sent_it() {
        let mut refused = RefusedTokens::default();
        let token = token();
        for _ in 0..100 {
            refused.refused(whose("a"), &token, at(100));
        }
        assert_eq!(wait(&refused, "a", 100), None);
    }

    #[test]
    fn memory_holds_at_the_bound_and_not_one_past() {
        let mut refused = RefusedTokens::default();
        for number in 0..=REFUSED_SUBJECTS_MAX {
            refused.refused(whose(&number.to_string()), &token(), at(100));
            assert_eq!(refused.by_subject.len(), number.saturating_add(1).min(REFUSED_SUBJECTS_MAX));
        }
    }
}
