//! What the host does next with a request. Every entry point of the flow returns exactly one step.
//!
//! `Forward` and `Reply` end the decision; `then` is consumed by what it waits for.
//! There is no step that forwards an undecided request but `Observed`, which takes a configuration that says so for a time, and no way to write a header after the request was released.

mod challenge;
mod plan;
mod shape;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::a2a::PublicCard;
use crate::config::observe::Observing;
use crate::config::{DpopRules, Resource, ScopeSet};
use crate::dpop::{UpstreamProof, nonce};
use crate::exchange::cache::IssuedToken;
use crate::exchange::transaction;
use crate::flight::FlightId;
use crate::flow::{AwaitBody, CheckBody, Joined, Lease};
use crate::injection::Injection;
use crate::operation::RequestEdit;
use crate::record::Record;
use crate::redacted::Redacted;
use crate::rejection::{OauthError, Rejection};
use crate::request::TransactionId;
use crate::rpc::RpcId;
use crate::time::Seconds;
use crate::time::UnixSeconds;

pub(crate) use self::shape::Shape;
pub use crate::operation::BodyEdit;
pub use plan::ResponsePlan;
pub(crate) use plan::{Sent, Session};

/// The header that carries the transaction id, upstream and in replies.
pub const TRANSACTION_HEADER: &str = "x-actgate-txn";

/// The header that says so where a refusal has a status of success, for whoever looks at HTTP alone.
const REFUSED_HEADER: &str = "x-actgate-refused";

/// What the host does next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Hold the headers, collect the body up to `limit` bytes, and hand it to `then`.
    ReadBody {
        /// In bytes; past it the request is refused.
        limit: usize,
        /// Consumes the body.
        then: AwaitBody,
    },
    /// Hold the request until `flight` lands.
    Join {
        /// What is waited for.
        flight: FlightId,
        /// Consumes the landing.
        then: Joined,
    },
    /// Let the request through as it came, undecided by intent: its resource observes. Never a kind of success.
    Observed(Box<Observed>),
    /// Let the request through with these edits.
    Forward(Box<Forward>),
    /// Answer downstream; the request goes no further.
    Reply(Box<Reply>),
}

/// A decided request on its way to the upstream.
#[derive(Debug)]
pub struct Forward {
    /// What to change in the request headers, before release.
    pub edits: HeaderEdits,
    /// What happens to the body.
    pub body: BodyPlan,
    /// What to do when the upstream answers.
    pub response: Box<ResponsePlan>,
    /// The decision.
    pub record: Record,
}

/// An undecided request on its way to the upstream, with the caller's own credential.
///
/// Made by `RefusalContext::observed` only, which takes an `Observation`.
#[derive(Debug)]
pub struct Observed {
    /// What to change in the request headers, before release.
    pub edits: HeaderEdits,
    /// What to do when the upstream answers.
    pub response: Box<ResponsePlan>,
    /// What would have been decided.
    pub record: Record,
    _observing: Observing,
}

/// Says that the resource of a request observes, and which headers must not reach the upstream even so.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    observing: Observing,
    strip: Vec<String>,
}

impl Observation {
    pub(crate) fn new(observing: Observing, strip: Vec<String>) -> Self {
        Self { observing, strip }
    }
}

/// Whether the body follows its headers at once.
#[derive(Debug)]
pub enum BodyPlan {
    /// It was judged, or there is none.
    Release,
    /// It was judged, and its beginning changes.
    Replace(BodyEdit),
    /// The headers go first, as the host mode demands; the body is held until it says what the headers said.
    HoldUntil {
        /// In bytes; past it the request is refused.
        limit: usize,
        /// Consumes the body.
        then: CheckBody,
    },
}

/// Changes to the request headers: removals first, then replacements.
#[derive(Debug)]
pub struct HeaderEdits {
    strip: Vec<String>,
    remove: Vec<&'static str>,
    set: Vec<(Cow<'static, str>, Redacted<String>)>,
}

impl HeaderEdits {
    /// Replaces the caller's credential by the one issued for the upstream, and the caller's proof by the gateway's own.
    ///
    /// # Errors
    ///
    /// [`Rejection::Internal`] for a token that is tied to a key without a proof of that very key, and for a proof beside one that is not.
    pub(crate) fn authorize(
        issued: &IssuedToken,
        proof: Option<&UpstreamProof>,
        strip: Vec<String>,
        txn: &TransactionId,
    ) -> Result<Self, Rejection> {
        let mut set = vec![(Cow::Borrowed("authorization"), issued.credential()), named(txn)];
        match (&issued.bound, proof) {
            (None, None) => {}
            (Some(bound), Some(proof)) if proof.is_for(bound) => set.push((Cow::Borrowed("dpop"), proof.text())),
            (Some(_) | None, _) => return Err(Rejection::Internal("a token and a proof that do not belong together")),
        }
        Ok(Self { strip, remove: Vec::new(), set })
    }

    /// Replaces the caller's credential by a secret of the gateway's own, whichever header that stands in.
    pub(crate) fn inject(injection: &Injection, strip: Vec<String>, txn: &TransactionId) -> Self {
        let header = Cow::Owned(injection.header().to_owned());
        let set = vec![(header, injection.value().clone()), named(txn)];
        Self { strip, remove: vec!["authorization"], set }
    }

    /// Keeps the caller's credential, whose audience is the upstream itself.
    pub(crate) fn pass_through(strip: Vec<String>, txn: &TransactionId) -> Self {
        Self { strip, remove: Vec::new(), set: vec![named(txn)] }
    }

    /// Takes the caller's credential away where a transaction token goes in its place.
    pub(crate) fn in_place_of_credential(token: &IssuedToken, strip: Vec<String>, txn: &TransactionId) -> Self {
        let mut edits = Self::pass_through(strip, txn);
        edits.remove.push("authorization");
        edits.transaction(token);
        edits
    }

    /// Sends a transaction token along; what a caller sent under that name is removed before.
    pub(crate) fn transaction(&mut self, token: &IssuedToken) {
        self.set.push((transaction::HEADER.into(), token.plain()));
    }

    /// Applies what follows from the operation, after everything else.
    pub(crate) fn also(&mut self, edit: RequestEdit) -> Option<BodyEdit> {
        if edit.body.is_some() {
            // The host never mends a length. Without one the message goes on in chunks.
            self.remove.push("content-length");
        }
        self.remove.extend(edit.remove);
        self.set.extend(edit.headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), Redacted::new(value))));
        edit.body
    }

    /// Takes the caller's credentials away, where none is needed: for a public card, and for nothing else.
    pub(crate) fn without_credential(_card: &PublicCard, strip: Vec<String>, txn: &TransactionId) -> Self {
        Self { remove: vec!["authorization", "cookie"], ..Self::pass_through(strip, txn) }
    }

    /// Headers to remove.
    pub fn removals(&self) -> impl Iterator<Item = &str> {
        self.strip.iter().map(String::as_str).chain(self.remove.iter().copied())
    }

    /// Headers to set, replacing what is there.
    pub fn replacements(&self) -> impl Iterator<Item = (&str, &Redacted<String>)> {
        self.set.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

fn named(txn: &TransactionId) -> (Cow<'static, str>, Redacted<String>) {
    (Cow::Borrowed(TRANSACTION_HEADER), Redacted::new(txn.as_str().to_owned()))
}

/// A reply of the filter's own.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers besides the status.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// The stable code, for the host's response code details.
    pub details: &'static str,
    /// The decision.
    pub record: Record,
}

/// What a refusal needs to know of the request to answer in its own terms.
#[derive(Debug, Clone)]
pub(crate) struct RefusalContext {
    pub(crate) txn: TransactionId,
    pub(crate) shape: Shape,
    pub(crate) rpc_id: Option<RpcId>,
    /// What the operation needs, once it is known; until then it is what the resource asks of every token.
    pub(crate) scopes_needed: Option<ScopeSet>,
    /// RFC 9110 §15.5.6: what `Allow` says where the method is refused.
    pub(crate) allow: Cow<'static, str>,
    /// The resource, once one matched. What a challenge says of it is made where one is written: few requests are refused.
    pub(crate) resource: Option<Arc<Resource>>,
    /// The request came by the scheme for tokens that are tied to a key, so that its fault is told in it.
    pub(crate) is_dpop: bool,
    /// When it came.
    pub(crate) arrived_at: UnixSeconds,
    /// Where the resource observes, nothing is refused.
    pub(crate) observing: Option<Observation>,
    pub(crate) record: Record,
}

impl RefusalContext {
    /// Of a request of which nothing is known yet.
    pub(crate) fn new(txn: TransactionId, arrived_at: UnixSeconds) -> Self {
        Self {
            record: Record::new(&txn),
            txn,
            shape: Shape::OAuth,
            rpc_id: None,
            scopes_needed: None,
            allow: Cow::Borrowed("POST"),
            resource: None,
            is_dpop: false,
            arrived_at,
            observing: None,
        }
    }

    /// What proofs must be, where the resource takes any.
    fn dpop(&self) -> Option<&DpopRules> {
        self.resource.as_ref()?.accept.dpop.as_deref()
    }

    /// The reply that says so, and only so much; where the resource observes, the request goes on and the record says so.
    pub(crate) fn refuse(mut self, rejection: Rejection) -> Step {
        match self.observing.take() {
            Some(observation) => self.observed(observation, Some(rejection)),
            None => Step::Reply(Box::new(self.reply(rejection))),
        }
    }

    /// A request that waited past the end of the observing is decided.
    pub(crate) fn observe_no_longer_than(&mut self, now: UnixSeconds) {
        self.observing = self.observing.take().filter(|observation| observation.observing.holds(now));
    }

    /// Whether nothing is refused.
    pub(crate) fn is_observed(&self, now: UnixSeconds) -> bool {
        self.observing.as_ref().is_some_and(|observation| observation.observing.holds(now))
    }

    /// Lets a request go on as it came; `would` is what it would have been refused with.
    pub(crate) fn observed(self, observation: Observation, would: Option<Rejection>) -> Step {
        let Observation { observing, strip } = observation;
        Step::Observed(Box::new(Observed {
            edits: HeaderEdits::pass_through(strip, &self.txn),
            record: self.record.clone().observed(would, &observing),
            // Nothing is refused, so nothing ends by time either.
            response: Box::new(ResponsePlan::plain(self, Lease::default())),
            _observing: observing,
        }))
    }

    /// The reply that names the seconds after which to try again; never less than one.
    pub(crate) fn reply_after(self, rejection: Rejection, wait: Seconds) -> Reply {
        self.reply_with(rejection, Some(wait.get().max(1)))
    }

    pub(crate) fn reply(self, rejection: Rejection) -> Reply {
        self.reply_with(rejection, rejection.retry_after())
    }

    /// `wait`: the seconds after which to try again.
    fn reply_with(self, rejection: Rejection, wait: Option<u64>) -> Reply {
        let id = self.rpc_id.as_ref();
        let status = self.shape.status(rejection, id);
        let (mut headers, body) = if status == 202 {
            (Vec::new(), Vec::new())
        } else {
            let told = wait.filter(|_| is_success(status));
            let body = self.shape.body(rejection, &self.txn, id, told).into_bytes();
            (vec![("content-type", "application/json".to_owned())], body)
        };
        headers.push(("cache-control", "no-store".to_owned()));
        headers.push((TRANSACTION_HEADER, self.txn.as_str().to_owned()));
        if is_success(status) {
            headers.push((REFUSED_HEADER, rejection.code().to_owned()));
        } else {
            headers.extend(self.advice(rejection, wait));
        }
        Reply { status, headers, body, details: rejection.code(), record: self.record.refused(rejection) }
    }

    /// What headers tell a client to do next. They stand beside an error status and no other: nothing on the way acts upon a success.
    fn advice(&self, rejection: Rejection, wait: Option<u64>) -> impl Iterator<Item = (&'static str, String)> {
        let challenge = challenge::challenge(rejection, self).map(|challenge| ("www-authenticate", challenge));
        let wants_nonce = rejection.oauth_error() == OauthError::UseDpopNonce;
        let secret = self.dpop().filter(|_| wants_nonce).and_then(|dpop| dpop.nonce_secret.as_ref());
        let nonce = secret.and_then(|secret| nonce::current(secret, self.arrived_at));
        let wait = wait.map(|seconds| ("retry-after", seconds.to_string()));
        let allow = (rejection == Rejection::HttpMethodRefused).then(|| ("allow", self.allow.clone().into_owned()));
        challenge.into_iter().chain(nonce.map(|nonce| ("dpop-nonce", nonce))).chain(wait).chain(allow)
    }

    /// A document about a resource, told to whoever asks.
    pub(crate) fn tell(self, document: &Value) -> Step {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "max-age=300".to_owned()),
            // Public, and without any credential: a page may read it too.
            ("access-control-allow-origin", "*".to_owned()),
            (TRANSACTION_HEADER, self.txn.as_str().to_owned()),
        ];
        Step::Reply(Box::new(Reply {
            status: 200,
            headers,
            body: document.to_string().into_bytes(),
            details: "metadata",
            record: self.record.told(),
        }))
    }
}

const fn is_success(status: u16) -> bool {
    status < 300
}
