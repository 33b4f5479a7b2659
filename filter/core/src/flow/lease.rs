//! How long a released request may go on, and what ends it before.
//!
//! The end is told by an event; the adapter then resets the stream, so that the caller sees an answer that broke off and not one that is complete.

use std::sync::Arc;

use crate::config::{Agent, StreamRules};
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::behind::Behind;
use crate::record::Event;
use crate::revocation::Revocations;
use crate::step::ResponsePlan;
use crate::time::UnixSeconds;

/// Until when a request may go on, and for whom it does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lease {
    ends: Option<(UnixSeconds, EndReason)>,
    /// None where nobody had to be let in, and where nothing is refused.
    behind: Option<Arc<Behind>>,
    /// The agent, and its own token that a credential was got with.
    actor: Option<(Arc<Agent>, ProvenActor)>,
}

/// Why a stream was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// It lasted as long as one may here.
    MaxDuration,
    /// The token that opened it has expired.
    TokenExpired,
    /// Somebody behind it must not act any more.
    Revoked,
    /// Something in it could not be read, and nothing after that may pass.
    Unreadable,
}

impl EndReason {
    /// The stable word for events and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxDuration => "max_duration",
            Self::TokenExpired => "token_expired",
            Self::Revoked => "revoked",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Lease {
    /// For a request that is released now, with a token that ends at `expires_at`.
    pub(crate) fn new(rules: StreamRules, now: UnixSeconds, expires_at: UnixSeconds) -> Self {
        let by_duration = rules.duration_max.map(|longest| (now.saturating_add(longest), EndReason::MaxDuration));
        let by_token = rules.end_with_token.then_some((expires_at, EndReason::TokenExpired));
        let ends = by_duration.into_iter().chain(by_token).min_by_key(|(ends, _)| ends.get());
        Self { ends, behind: None, actor: None }
    }

    /// Who is behind it.
    pub(crate) fn behind(&self) -> Option<&Behind> {
        self.behind.as_deref()
    }

    /// The same for a request of somebody who can be withdrawn.
    pub(crate) fn for_behind(self, behind: Option<Arc<Behind>>) -> Self {
        Self { behind, ..self }
    }

    /// The same where a token of the agent's own went along, which can be withdrawn by itself.
    pub(crate) fn acted_by(self, agent: &Arc<Agent>, actor: Option<&ProvenActor>) -> Self {
        Self { actor: actor.map(|actor| (Arc::clone(agent), actor.clone())), ..self }
    }
}

impl ResponsePlan {
    /// Whether the request has gone on for long enough: until its time, or as long as its answer could be read.
    pub fn handle_time(&self, now: UnixSeconds) -> Option<Event> {
        if self.answer.is_muted_stream() {
            return Some(self.refusal.record.ended(EndReason::Unreadable));
        }
        let (ends, reason) = self.lease.ends?;
        (now >= ends).then(|| self.refusal.record.ended(reason))
    }

    /// Whether the request is one that a new one of its kind would be refused for.
    pub fn handle_revocations(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Event> {
        let behind = self.lease.behind.as_ref()?;
        let actor = self.lease.actor.as_ref().map(|(agent, actor)| (agent.as_ref(), actor));
        revocations.find(behind, actor, now).map(|_| self.refusal.record.ended(EndReason::Revoked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    fn ends(duration: Option<u64>, end_with_token: bool) -> Option<(u64, EndReason)> {
        let rules = StreamRules { duration_max: duration.map(Seconds::new), end_with_token };
        Lease::new(rules, UnixSeconds::new(1000), UnixSeconds::new(1060))
            .ends
            .map(|(ends, reason)| (ends.get(), reason))
    }

    #[test]
    fn whatever_ends_first_ends_it() {
        assert_eq!(ends(None, false), None);
        assert_eq!(ends(Some(10), false), Some((1010, EndReason::MaxDuration)));
        assert_eq!(ends(None, true), Some((1060, EndReason::TokenExpired)));
        assert_eq!(ends(Some(10), true), Some((1010, EndReason::MaxDuration)));
        assert_eq!(ends(Some(100), true), Some((1060, EndReason::TokenExpired)));
        assert_eq!(ends(Some(100), false), Some((1100, EndReason::MaxDuration)));
    }
}
