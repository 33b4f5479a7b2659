//! One request, from its headers to the upstream's answer.
//!
//! ```text
//! headers ─► resource ─► credential ─► signature ─► delegation ─► body ─► operation ─► exchange ─► Forward
//!                                        │ keys?                                         │ token?
//!                                        └── Join ──► again                              └── Join ──► again
//! ```
//!
//! Every failure on the way is one `Reply`. A state is consumed by what it waited for, so nothing can be decided twice.
//! What was checked before a wait and may have changed since (expiry, keys) is checked again after it.

mod actor;
mod admission;
mod arrival;
mod authorization;
mod bare;
mod credential;
mod held_body;
mod lease;
mod opaque;
mod release;
mod response;
mod standing;
mod transaction;

pub use actor::AwaitActorKeys;
pub use admission::handle_request_headers;
pub use authorization::{AwaitBody, AwaitToken};
pub use credential::AwaitKeys;
pub use held_body::{BodyVerdict, CheckBody};
pub use lease::EndReason;
pub(crate) use lease::Lease;
pub use opaque::AwaitIntrospection;
pub(crate) use response::{Answer, Echoing};
pub use response::{BodyStep, Reading, ResponseHead, ResponseStep};
pub use transaction::AwaitTransaction;

use crate::flight::Landing;
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::revocation::{Revocation, Revocations};
use crate::step::{RefusalContext, Reply, Step};
use crate::time::UnixSeconds;

/// A request that waits for a flight.
#[derive(Debug)]
pub enum Joined {
    /// Waits for keys of the token's issuer.
    Keys(Box<AwaitKeys>),
    /// Waits for keys of the acting agent's trust domain.
    Actor(Box<AwaitActorKeys>),
    /// Waits for what the server says of an opaque token.
    Introspection(Box<AwaitIntrospection>),
    /// Waits for the exchanged token.
    Token(Box<AwaitToken>),
    /// Waits for the transaction token, which comes last.
    Transaction(Box<AwaitTransaction>),
}

impl Joined {
    /// Takes the landing of the flight this request joined.
    pub fn handle_landing(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, landing: &Landing) -> Step {
        match self {
            Self::Keys(waiting) => waiting.handle_keys(plugin, ambient),
            Self::Actor(waiting) => waiting.handle_keys(plugin, ambient),
            Self::Introspection(waiting) => waiting.handle_landing(plugin, ambient, landing),
            Self::Token(waiting) => waiting.handle_token(plugin, ambient, landing),
            Self::Transaction(waiting) => waiting.handle_token(plugin, ambient, landing),
        }
    }

    /// The configuration that it came under is gone, and the flight with it. Not even what was observed goes on.
    pub fn handle_reconfigured(self) -> Reply {
        self.refusal().reply(Rejection::Reconfigured)
    }

    /// Whether a list refuses what was admitted. Who is not known yet is held against it when that wait is over.
    pub fn find_revocation(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Revocation> {
        match self {
            Self::Keys(_) | Self::Introspection(_) => None,
            Self::Actor(waiting) => waiting.admitted().find_revocation(revocations, now),
            Self::Token(waiting) => waiting.admitted().find_revocation(revocations, now),
            Self::Transaction(waiting) => waiting.admitted().find_revocation(revocations, now),
        }
    }

    /// Refuses what was withdrawn during the wait.
    pub fn handle_revocation(self, revocation: Revocation) -> Reply {
        self.refusal().reply(revocation.rejection())
    }

    fn refusal(self) -> RefusalContext {
        match self {
            Self::Keys(waiting) => waiting.refusal(),
            Self::Actor(waiting) => waiting.refusal(),
            Self::Introspection(waiting) => waiting.refusal(),
            Self::Token(waiting) => waiting.refusal(),
            Self::Transaction(waiting) => waiting.refusal(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests;
