//! The release of a request whose decision stands: which credential goes on, what changes in the headers, what is done with the answer.

use std::sync::Arc;

use crate::config::{Agent, Exchange, Resource};
use crate::dpop::{Round, Towards, UpstreamProof};
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeKey;
use crate::flow::admission::Arrived;
use crate::flow::authorization::Admitted;
use crate::flow::held_body::{BodyCheck, CheckBody, Granted};
use crate::flow::{Answer, Lease};
use crate::injection::Injection;
use crate::operation::{Operation, RequestEdit};
use crate::plugin::Plugin;
use crate::record::{Record, Source};
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
    pub(super) fn let_go(mut self, plugin: &Plugin, ambient: &mut Ambient<'_>, transaction: Option<Issued>) -> Step {
        let beside = transaction.as_ref().map(|(_, token)| Arc::clone(token));
        let edited = self.prove(plugin, ambient).and_then(|proof| {
            let edits = self.edit(proof.as_ref(), beside.as_ref())?;
            Ok((edits, proof.map(|proof| proof.round)))
        });
        let (mut edits, proven) = match edited {
            Ok(edited) => edited,
            Err(rejection) => return self.admitted.arrived.context.refuse(rejection),
        };
        let record = self.record(beside.as_ref());
        let Self { admitted, outgoing, operation, judged } = self;
        let Operation { scopes, reuse_max, edit, lists, tasks, holder, .. } = operation;
        let resource = Arc::clone(&admitted.arrived.resource);
        let lease = Lease::new(resource.streams, ambient.now, admitted.delegation.expires_at());
        let lease = lease.for_behind(Some(admitted.delegation.behind().clone()));
        let Admitted { arrived, delegation, actor } = admitted;
        let agent = Arc::clone(delegation.agent());
        let lease = lease.acted_by(&agent, actor.as_ref());
        let body_edit = edits.also(for_search(edit, &outgoing, beside.is_some()));
        let (body, context) = match judged {
            Judged::Wholly => (body_edit.map_or(BodyPlan::Release, BodyPlan::Replace), arrived.context),
            Judged::ByHeaders => {
                let context = arrived.context.clone();
                let then = CheckBody::new(BodyCheck::new(arrived, (delegation, actor), Granted { scopes, reuse_max }));
                (BodyPlan::HoldUntil { limit: resource.body_bytes_max, then }, context)
            }
        };
        let mut response = Box::new(ResponsePlan::plain(context, lease));
        (response.exchanged, response.injected) = outgoing.sent(transaction, proven, resource, agent);
        response.transaction = beside;
        response.answer = Answer::to(lists, tasks);
        response.session = holder.map(|holder| Session { holder, bound: None });
        Step::Forward(Box::new(Forward { edits, body, response, record }))
    }

    /// What changes in the headers for the credential's sake; `beside` is the transaction token.
    fn edit(
        &mut self,
        proof: Option<&UpstreamProof>,
        beside: Option<&Arc<IssuedToken>>,
    ) -> Result<HeaderEdits, Rejection> {
        let Arrived { resource, context, strip, .. } = &mut self.admitted.arrived;
        if resource.transaction.is_some() != beside.is_some() {
            return Err(Rejection::Internal("released without its transaction token"));
        }
        let (strip, txn) = (core::mem::take(strip), &context.txn);
        let mut edits = match (&self.outgoing, beside) {
            (Outgoing::Issued(_, token, _), _) => HeaderEdits::authorize(token, proof, strip, txn)?,
            (Outgoing::Own, _) => HeaderEdits::pass_through(strip, txn),
            (Outgoing::Secret(injection), _) => HeaderEdits::inject(injection, strip, txn),
            (Outgoing::Nothing, Some(token)) => HeaderEdits::in_place_of_credential(token, strip, txn),
            (Outgoing::Nothing, None) => return Err(Rejection::Internal("released with nothing at all")),
        };
        if let Some(token) = beside {
            edits.transaction(token);
        }
        Ok(edits)
    }

    /// The decision.
    fn record(&self, beside: Option<&Arc<IssuedToken>>) -> Record {
        let record = self.admitted.arrived.context.record.clone();
        match &self.outgoing {
            Outgoing::Issued(_, token, source) => record.allowed(*source, Some(token), beside),
            Outgoing::Own => record.allowed(Source::PassedThrough, None, beside),
            Outgoing::Secret(_) => record.allowed(Source::Injected, None, beside),
            Outgoing::Nothing => record.allowed(Source::Exchanged, None, beside),
        }
    }
}

impl Outgoing {
    /// What went upstream, for whoever reads the answer: a token that was issued for it, or a secret of the gateway's.
    fn sent(
        self,
        transaction: Option<Issued>,
        proven: Option<Round>,
        resource: Arc<Resource>,
        agent: Arc<Agent>,
    ) -> (Option<Sent>, Option<Arc<Injection>>) {
        match (self, transaction) {
            (Self::Issued(key, token, source), _) => {
                let is_fresh = source == Source::Exchanged;
                (Some(Sent { key, token, is_fresh, proven, resource, agent }), None)
            }
            // What the upstream answers is about this one then.
            (Self::Nothing, Some((key, token))) => {
                (Some(Sent { key, token, is_fresh: true, proven: None, resource, agent }), None)
            }
            (Self::Own, _) | (Self::Nothing, None) => (None, None),
            (Self::Secret(injection), _) => (None, Some(injection)),
        }
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
