//! The release of a request whose decision stands: which credential goes on, what changes in the headers, what is done with the answer.

use std::sync::Arc;

use crate::config::Exchange;
use crate::dpop::{Towards, UpstreamProof};
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeKey;
use crate::flow::admission::Arrived;
use crate::flow::authorization::Admitted;
use crate::flow::held_body::{BodyCheck, CheckBody};
use crate::flow::{Answer, Lease};
use crate::injection::Injection;
use crate::operation::{Operation, RequestEdit};
use crate::plugin::Plugin;
use crate::record::Source;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::step::{BodyPlan, Forward, HeaderEdits, ResponsePlan, Sent, Session, Step};
use crate::time::UnixSeconds;

/// How much of the request was judged before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// All that tells the operation.
    Wholly,
    /// The headers, which go first; the body is held until it agrees.
    ByHeaders,
}

/// The credential that goes upstream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// One that was issued for it.
    Issued(ExchangeKey, Arc<IssuedToken>, Source),
    /// The caller's own.
    Own,
    /// The gateway's own.
    Secret(Arc<Injection>),
    /// None: the transaction token says all there is to say.
    Nothing,
}

impl Admitted {
    /// A request whose decision stands: it goes on, by way of a transaction token where its resource sends one.
    pub(super) fn release(
        self,
        plugin: &mut Plugin,
        ambient: &mut Ambient<'_>,
        outgoing: Outgoing,
        operation: Operation,
        judged: Judged,
    ) -> Step {
        let transaction = self.arrived.resource.transaction.clone();
        let released = Released { admitted: self, outgoing, operation, judged };
        match transaction {
            Some(transaction) => released.begin_transaction(plugin, ambient, &transaction),
            None => released.let_go(plugin, ambient, None),
        }
    }
}

/// A token and what it is known by.
pub(super) type Issued = (ExchangeKey, Arc<IssuedToken>);

/// A request that may go on, with what it goes on with.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) admitted: Admitted,
    outgoing: Outgoing,
    pub(super) operation: Operation,
    judged: Judged,
}

impl Released {
    /// Whether the token that goes on has not ended meanwhile.
    pub(super) fn still_current(&self, now: UnixSeconds) -> Result<(), Rejection> {
        match &self.outgoing {
            Outgoing::Issued(_, token, _) if now >= token.expires_at => {
                Err(Rejection::AuthorizationServerAnswerInvalid)
            }
            Outgoing::Issued(..) | Outgoing::Own | Outgoing::Secret(_) | Outgoing::Nothing => Ok(()),
        }
    }

    /// The proof that goes beside the token, where that is tied to a key: made for this request now, and for no other.
    fn prove(&self, plugin: &Plugin, ambient: &mut Ambient<'_>) -> Result<Option<UpstreamProof>, Rejection> {
        let Outgoing::Issued(_, token, _) = &self.outgoing else {
            return Ok(None);
        };
        let Some(bound) = &token.bound else {
            return Ok(None);
        };
        let Arrived { resource, target, .. } = &self.admitted.arrived;
        let (Exchange::Acquire(acquisition), Some(target)) = (&resource.exchange, target) else {
            return Err(Rejection::Internal("a token tied to a key where none is configured"));
        };
        let key = acquisition.dpop.as_ref().ok_or(Rejection::Internal("a token tied to a key that is not there"))?;
        let towards = Towards { resource: &resource.name, agent: &self.admitted.delegation.agent().id };
        UpstreamProof::make(key, bound, (towards, target), &plugin.given_nonces, ambient).map(Some)
    }

    /// Lets it go. `transaction` is the token that its resource wants to go along; without it, such a request does not go.
    pub(super) fn let_go(self, plugin: &Plugin, ambient: &mut Ambient<'_>, transaction: Option<Issued>) -> Step {
        let proof = match self.prove(plugin, ambient) {
            Ok(proof) => proof,
            Err(rejection) => return self.admitted.arrived.context.refuse(rejection),
        };
        let Self { admitted, outgoing, operation, judged } = self;
        let agent = Arc::clone(admitted.delegation.agent());
        let Arrived { context, strip, resource, arrival, shown, .. } = admitted.arrived;
        if resource.transaction.is_some() != transaction.is_some() {
            return context.refuse(Rejection::Internal("released without its transaction token"));
        }
        let Operation { edit, lists, tasks, holder, .. } = operation.clone();
        let record = context.record.clone();
        let beside = transaction.as_ref().map(|(_, token)| token);
        let (mut edits, record) = match (&outgoing, beside) {
            (Outgoing::Issued(_, token, source), _) => {
                match HeaderEdits::authorize(token, proof.as_ref(), strip, &context.txn) {
                    Ok(edits) => (edits, record.allowed(*source, Some(token), beside)),
                    Err(rejection) => return context.refuse(rejection),
                }
            }
            (Outgoing::Own, _) => {
                (HeaderEdits::pass_through(strip, &context.txn), record.allowed(Source::PassedThrough, None, beside))
            }
            (Outgoing::Secret(injection), _) => {
                (HeaderEdits::inject(injection, strip, &context.txn), record.allowed(Source::Injected, None, beside))
            }
            (Outgoing::Nothing, Some(token)) => (
                HeaderEdits::in_place_of_credential(token, strip, &context.txn),
                record.allowed(Source::Exchanged, None, beside),
            ),
            (Outgoing::Nothing, None) => {
                return context.refuse(Rejection::Internal("released with nothing at all"));
            }
        };
        if let Some(token) = beside {
            edits.transaction(token);
        }
        let lease = Lease::new(resource.streams, ambient.now, admitted.delegation.expires_at());
        let lease = lease.for_behind(Some(admitted.delegation.behind().clone()));
        let body_edit = edits.also(for_search(edit, &outgoing, beside.is_some()));
        let body = match judged {
            Judged::Wholly => body_edit.map_or(BodyPlan::Release, BodyPlan::Replace),
            Judged::ByHeaders => BodyPlan::HoldUntil {
                limit: resource.body_bytes_max,
                then: CheckBody::new(BodyCheck {
                    arrival,
                    resource: Arc::clone(&resource),
                    delegation: admitted.delegation,
                    granted: operation,
                    context: context.clone(),
                    token: resource.accept.introspection.as_ref().and_then(|_| shown.token().cloned()),
                }),
            },
        };
        let answer = Answer::to(lists, tasks);
        let beside = beside.cloned();
        let (exchanged, injected) = match (outgoing, transaction) {
            (Outgoing::Issued(key, token, source), _) => {
                let (is_fresh, proven) = (source == Source::Exchanged, proof.map(|proof| proof.round));
                (Some(Sent { key, token, is_fresh, proven, resource, agent }), None)
            }
            // What the upstream answers is about this one then.
            (Outgoing::Nothing, Some((key, token))) => {
                (Some(Sent { key, token, is_fresh: true, proven: None, resource, agent }), None)
            }
            (Outgoing::Own, _) | (Outgoing::Nothing, None) => (None, None),
            (Outgoing::Secret(injection), _) => (None, Some(injection)),
        };
        let session = holder.map(|holder| Session { holder, bound: None });
        let transaction = beside;
        let plain = ResponsePlan::plain(context, lease);
        let response = ResponsePlan { exchanged, injected, transaction, answer, session, ..plain };
        Step::Forward(Box::new(Forward { edits, body, response, record }))
    }
}

/// Asks for an answer that can be searched for what goes upstream: never for an encoded one, and where a secret goes, which lasts, not for parts either.
fn for_search(mut edit: RequestEdit, outgoing: &Outgoing, has_transaction: bool) -> RequestEdit {
    if has_transaction || !matches!(outgoing, Outgoing::Own) {
        edit.ask_for_plain();
    }
    if matches!(outgoing, Outgoing::Secret(_)) {
        edit.ask_for_all();
    }
    edit
}
