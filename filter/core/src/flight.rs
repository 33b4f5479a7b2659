//! Flights: work at an authorization server that belongs to the plugin's root, not to the stream that asked first.
//!
//! A stream joins a flight and may leave at any time; the flight lands all the same, and everybody still waiting is told.
//! The answer to a call consumes the stage that waited for it, so no stage can see two answers.
//! A flight is bounded in calls, in time and in waiters, and there are boundedly many.

mod breaker;
mod discovering;
mod exchanging;
mod fetching;
mod following;
mod introspecting;
mod joining;
mod root;
mod table;

use std::sync::Arc;

pub(crate) use breaker::Breakers;
pub(crate) use table::Flights;

use crate::exchange::cache::IssuedToken;
use crate::introspection::Told;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::StreamId;
use crate::time::Millis;

/// Names one flight within a plugin. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlightId(pub(crate) u64);

/// One HTTP call for the host to dispatch from the root.
#[derive(Debug)]
pub struct Callout {
    /// Whose call it is; handed back with the answer.
    pub flight: FlightId,
    /// The host's cluster to send it through.
    pub cluster: String,
    /// Pseudo-headers first.
    pub headers: Vec<(&'static str, String)>,
    /// The `authorization` header, where there is one.
    pub authorization: Option<Redacted<String>>,
    /// The `dpop` header, where the call proves a key: good for this one call, so not for a log either.
    pub proof: Option<Redacted<String>>,
    /// The body; holds tokens.
    pub body: Redacted<String>,
    /// How long to wait, never zero (the host takes zero for ever).
    pub timeout: Millis,
}

impl Callout {
    /// Every header as it goes on the wire.
    #[must_use]
    pub fn all_headers(&self) -> Vec<(&str, &str)> {
        let authorization = self.authorization.as_ref().map(|value| ("authorization", value.expose().as_str()));
        let proof = self.proof.as_ref().map(|value| ("dpop", value.expose().as_str()));
        self.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(authorization).chain(proof).collect()
    }
}

/// What became of a [`Callout`].
#[derive(Debug, Clone, Copy)]
pub enum CalloutAnswer<'a> {
    /// Not dispatched, reset, or dropped by the host.
    Failed,
    /// Anything with a status, time-outs that the host answers as 504 included.
    Response {
        /// `:status`.
        status: u16,
        /// The only `content-type`; `None` where there is none or several.
        content_type: Option<&'a [u8]>,
        /// The only `dpop-nonce`; `None` where there is none or several.
        dpop_nonce: Option<&'a [u8]>,
        /// The whole body.
        body: &'a [u8],
    },
}

impl<'a> CalloutAnswer<'a> {
    /// An answer without a nonce.
    #[must_use]
    pub const fn response(status: u16, content_type: Option<&'a [u8]>, body: &'a [u8]) -> Self {
        Self::Response { status, content_type, dpop_nonce: None, body }
    }

    /// The same answer with that nonce.
    #[must_use]
    pub const fn with_nonce(self, nonce: Option<&'a [u8]>) -> Self {
        match self {
            Self::Failed => Self::Failed,
            Self::Response { status, content_type, body, .. } => {
                Self::Response { status, content_type, dpop_nonce: nonce, body }
            }
        }
    }

    /// The only `dpop-nonce`, if one came.
    pub(crate) const fn dpop_nonce(&self) -> Option<&'a [u8]> {
        match self {
            Self::Failed => None,
            Self::Response { dpop_nonce, .. } => *dpop_nonce,
        }
    }
}

/// What a waiting stream is told.
#[derive(Debug, Clone)]
pub enum Landing {
    /// New keys may be there: verify again.
    Keys,
    /// The server said what an opaque token is, or did not.
    Introspection(Result<Told, Rejection>),
    /// The exchange ended.
    Token(Result<Arc<IssuedToken>, Rejection>),
}

/// What the root does next: dispatch, wake, report.
#[derive(Debug, Default)]
#[must_use]
pub struct RootStep {
    /// Calls to dispatch; one that cannot be is answered with [`CalloutAnswer::Failed`] at once.
    pub calls: Vec<Callout>,
    /// Streams to resume, in the order they came.
    pub landings: Vec<(StreamId, Landing)>,
    /// What to log and count.
    pub events: Vec<Event>,
}
