//! What was done to a request that went on, as far as its answer is concerned.

use std::sync::Arc;

use super::{RefusalContext, Reply};
use crate::bound::Holder;
use crate::config::{Agent, Resource};
use crate::dpop::Round;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeKey;
use crate::flow::{Answer, Echoing, Lease};
use crate::injection::Injection;
use crate::record::Event;
use crate::rejection::Rejection;
use crate::time::Seconds;

/// The exchanged token that went upstream.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) key: ExchangeKey,
    pub(crate) token: Arc<IssuedToken>,
    /// True where it was exchanged for this request, or one that waited with it.
    pub(crate) is_fresh: bool,
    /// When the proof beside it was made, where there is one.
    pub(crate) proven: Option<Round>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) agent: Arc<Agent>,
}

/// What the filter does when the upstream answers.
#[derive(Debug)]
pub struct ResponsePlan {
    pub(crate) exchanged: Option<Sent>,
    /// The secret that went upstream in place of a token.
    pub(crate) injected: Option<Arc<Injection>>,
    /// The transaction token that went along, or alone, which nobody outside may see.
    pub(crate) transaction: Option<Arc<IssuedToken>>,
    /// How all these come back in the answer.
    pub(crate) echoing: Echoing,
    pub(crate) refusal: RefusalContext,
    pub(crate) answer: Answer,
    pub(crate) lease: Lease,
    pub(crate) begun: bool,
    /// What happened to the answer and was not told yet.
    pub(crate) untold: Vec<Event>,
    /// It is on record that something was withheld.
    pub(crate) told_withheld: bool,
    /// Where sessions are bound: to whom, and what the client gets in place of the server's identifier.
    pub(crate) session: Option<Session>,
}

/// Whom a session serves, and its identifier for the client once the server named one.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) holder: Holder,
    pub(crate) bound: Option<String>,
}

impl ResponsePlan {
    /// For a request that goes on with nothing of the gateway's own: its answer is passed on as it comes.
    pub(crate) fn plain(refusal: RefusalContext, lease: Lease) -> Self {
        Self {
            exchanged: None,
            injected: None,
            transaction: None,
            echoing: Echoing::default(),
            refusal,
            answer: Answer::Unread,
            lease,
            begun: false,
            untold: Vec::new(),
            told_withheld: false,
            session: None,
        }
    }

    /// What happened to the answer since this was last asked, for the log and the counters.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.untold)
    }

    /// The reply to a request that was decided but cannot be released.
    pub fn refuse(self, rejection: Rejection) -> Reply {
        self.refusal.reply(rejection)
    }

    /// The same, with the time after which it makes sense to try again.
    pub(crate) fn refusal_until(&self, rejection: Rejection, wait: Seconds) -> Reply {
        self.refusal.clone().reply_after(rejection, wait)
    }

    /// The reply in place of an answer that cannot be passed on.
    pub fn refusal(&self, rejection: Rejection) -> Reply {
        self.refusal.clone().reply(rejection)
    }
}
