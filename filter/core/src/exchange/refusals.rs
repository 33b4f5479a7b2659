//! What an authorization server refused a moment ago, so that a client in a loop is answered without asking again.
//!
//! Only a server's own refusals by policy are kept, each for exactly what was asked, and for [`REFUSAL_SECONDS`].
//! A server that failed, or an answer that did not pass its checks, says nothing about the next one, and is not kept.

use crate::exchange::request::ExchangeKey;
use crate::limits::{REFUSAL_SECONDS, REFUSALS_MAX};
use crate::rejection::Rejection;
use crate::segmented::{Room, Segmented};
use crate::time::{Seconds, UnixSeconds};

/// The refusals that would be repeated. Workers tell one another the place in this list.
const BY_POLICY: [Rejection; 5] = [
    Rejection::ExchangeDenied,
    Rejection::SubjectTokenRefused,
    Rejection::StepUpRequired,
    Rejection::InteractionRequired,
    Rejection::ScopeNotGranted,
];

/// Where the refusal stands in the list, if it is one of them.
pub(crate) fn place(rejection: Rejection) -> Option<u8> {
    BY_POLICY.iter().position(|other| *other == rejection).and_then(|place| u8::try_from(place).ok())
}

/// The refusal at that place.
pub(crate) fn at_place(place: u8) -> Option<Rejection> {
    BY_POLICY.get(usize::from(place)).copied()
}

/// True while a refusal of that moment is repeated.
pub(crate) fn is_recent(at: UnixSeconds, now: UnixSeconds) -> bool {
    now >= at && now < at.saturating_add(Seconds::new(REFUSAL_SECONDS))
}

/// The refusals that one worker remembers.
#[derive(Debug)]
pub(crate) struct Refusals {
    refused: Segmented<ExchangeKey, (Rejection, UnixSeconds)>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { refused: Segmented::new(Room { entries: REFUSALS_MAX, bytes: REFUSALS_MAX }) }
    }
}

impl Refusals {
    /// Why the same was refused a moment ago.
    pub(crate) fn find(&mut self, key: ExchangeKey, now: UnixSeconds) -> Option<Rejection> {
        let (rejection, at) = *self.refused.peek(&key)?;
        if is_recent(at, now) {
            return Some(rejection);
        }
        self.refused.remove(&key);
        None
    }

    /// Takes note of a refusal, if it is of the kind that would be repeated.
    pub(crate) fn note(&mut self, key: ExchangeKey, rejection: Rejection, now: UnixSeconds) {
        if BY_POLICY.contains(&rejection) {
            self.refused.insert(key, (rejection, now), 1);
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const KEY: ExchangeKey = ExchangeKey([7; 32]);

    fn check(rejection: Rejection, after: u64, want: Option<Rejection>) {
        let mut refusals = Refusals::default();
        refusals.note(KEY, rejection, UnixSeconds::new(1000));
        assert_eq!(refusals.find(KEY, UnixSeconds::new(1000 + after)), want, "{rejection:?} after {after}");
        assert_eq!(refusals.find(ExchangeKey([8; 32]), UnixSeconds::new(1000 + after)), None);
    }

    #[test]
    fn a_refusal_by_policy_is_repeated_for_a_moment() {
        check(Rejection::ExchangeDenied, 0, Some(Rejection::ExchangeDenied));
        check(Rejection::StepUpRequired, REFUSAL_SECONDS - 1, Some(Rejection::StepUpRequired));
        check(Rejection::StepUpRequired, REFUSAL_SECONDS, None);
    }

    #[test]
    fn a_failure_is_not() {
        for failure in [
            Rejection::AuthorizationServerUnavailable,
            Rejection::AuthorizationServerAnswerInvalid,
            Rejection::GrantReplayed,
            Rejection::GrantRefused,
            Rejection::AgentCredentialRefused,
            Rejection::Overloaded,
        ] {
            check(failure, 0, None);
        }
    }

    #[test]
    fn there_are_boundedly_many() {
        let mut refusals = Refusals::default();
        for each in 0..=u32::try_from(REFUSALS_MAX).unwrap_or(u32::MAX) {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&each.to_be_bytes());
            refusals.note(ExchangeKey(key), Rejection::ExchangeDenied, UnixSeconds::new(1000));
        }
        assert_eq!(refusals.refused.len(), REFUSALS_MAX);
        assert_eq!(refusals.find(ExchangeKey([0; 32]), UnixSeconds::new(1000)), None);
    }
}
