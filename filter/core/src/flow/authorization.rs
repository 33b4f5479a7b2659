//! Authorization: from the delegation and the body to the token that goes upstream.

use std::sync::Arc;

use crate::config::{Acquisition, Exchange, Resource};
use crate::delegation::policy::AuthorizedDelegation;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::{ExchangeKey, ExchangeRequest};
use crate::flight::Landing;
use crate::flow::admission::Arrived;
use crate::flow::arrival::{Arrival, ToldBy};
use crate::flow::{Answer, Joined, Lease};
use crate::injection::Injection;
use crate::jwt::JwtError;
use crate::operation::Operation;
use crate::plugin::Plugin;
use crate::record::Source;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::step::{BodyEdit, BodyPlan, Forward, HeaderEdits, Injected, Reply, ResponsePlan, Sent, Step};
use crate::time::UnixSeconds;

/// An admitted request.
#[derive(Debug)]
struct Admitted {
    arrived: Arrived,
    delegation: AuthorizedDelegation,
}

/// Goes on after admission: by the body where the host lets us hold the headers for it, by the headers alone where it does not.
pub(super) fn begin(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    arrived: Arrived,
    delegation: AuthorizedDelegation,
) -> Step {
    let told_by = arrived.arrival.told_by();
    if told_by == ToldBy::Body && arrived.end_of_stream {
        return arrived.context.refuse(Rejection::BodyInvalid);
    }
    let mut admitted = Admitted { arrived, delegation };
    let judged = match told_by {
        ToldBy::Head => Judged::Wholly,
        ToldBy::Body if plugin.config().hold_headers => {
            let limit = admitted.arrived.resource.body_bytes_max;
            return Step::ReadBody { limit, then: AwaitBody(Box::new(admitted)) };
        }
        ToldBy::Body => Judged::ByHeaders,
    };
    match admitted.judge_head() {
        Ok(operation) => admitted.obtain(plugin, ambient, operation, judged),
        Err(rejection) => admitted.arrived.context.refuse(rejection),
    }
}

/// Waits for the whole body.
#[derive(Debug)]
pub struct AwaitBody(Box<Admitted>);

impl AwaitBody {
    /// Takes the whole body.
    pub fn handle_body(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, body: &[u8]) -> Step {
        let mut admitted = *self.0;
        admitted.arrived.context.observe_no_longer_than(ambient.now);
        // A body may come slowly, and the token end on the way.
        match still_admitted(&admitted, plugin, ambient).and_then(|()| admitted.judge(body)) {
            Ok(operation) => admitted.obtain(plugin, ambient, operation, Judged::Wholly),
            Err(rejection) => admitted.arrived.context.refuse(rejection),
        }
    }

    /// The body grew past the limit that came with the step.
    pub fn handle_too_large(self, ambient: &Ambient<'_>) -> Step {
        let mut admitted = *self.0;
        admitted.arrived.context.observe_no_longer_than(ambient.now);
        admitted.arrived.context.refuse(Rejection::BodyTooLarge)
    }

    /// The configuration that admitted the request is gone. Not even what was observed goes on.
    pub fn handle_reconfigured(self) -> Reply {
        self.0.arrived.context.reply(Rejection::Reconfigured)
    }
}

/// How much of the request was judged before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// All that tells the operation.
    Wholly,
    /// The headers, which go first; the body is held until it agrees.
    ByHeaders,
}

/// The credential that goes upstream.
#[derive(Debug)]
enum Outgoing {
    /// One that was issued for it.
    Issued(ExchangeKey, Arc<IssuedToken>, Source),
    /// The caller's own.
    Own,
    /// The gateway's own.
    Secret(Arc<Injection>),
}

impl Admitted {
    fn judge_head(&mut self) -> Result<Operation, Rejection> {
        let Arrived { arrival, resource, context, .. } = &mut self.arrived;
        arrival.judge_head(&resource.protocol, &self.delegation, context)
    }

    fn judge(&mut self, body: &[u8]) -> Result<Operation, Rejection> {
        let Arrived { arrival, resource, context, .. } = &mut self.arrived;
        arrival.judge_body(&resource.protocol, body, &self.delegation, context)
    }

    fn obtain(mut self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, operation: Operation, judged: Judged) -> Step {
        self.arrived.context.scopes_needed = operation.scopes.to_parameter();
        if judged == Judged::ByHeaders || self.arrived.arrival.told_by() == ToldBy::Head {
            self.arrived.context.record.operation(&operation.label);
        }
        let exchange = match &self.arrived.resource.exchange {
            Exchange::PassThrough { .. } => {
                return self.unexchanged(ambient.now, Outgoing::Own, operation, judged);
            }
            Exchange::Inject(injection) => {
                let secret = Outgoing::Secret(Arc::clone(injection));
                return self.unexchanged(ambient.now, secret, operation, judged);
            }
            Exchange::Acquire(acquisition) => Arc::clone(acquisition),
        };
        let generation = plugin.config().digest;
        let key = match ExchangeKey::of(&self.delegation, &exchange, &operation.scopes, &generation) {
            Ok(key) => key,
            Err(rejection) => return self.arrived.context.refuse(rejection),
        };
        // Before anything is asked of anybody: what is observed is not exchanged.
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        if let Some(issued) = plugin.issued.find(key, operation.reuse_max, ambient.now) {
            if plugin.issued.is_due(key, ambient.now)
                && let Ok(request) = self.exchange_request(&exchange, &operation, &generation)
            {
                plugin.refresh_exchange(request, ambient.now);
            }
            return self.release(ambient.now, Outgoing::Issued(key, issued, Source::Cached), operation, judged);
        }
        let (resource, agent) = (&self.arrived.resource.name, &self.delegation.agent().id);
        if let Some(wait) = plugin.refused.wait(resource, agent, ambient.now) {
            let reply = self.arrived.context.reply_after(Rejection::UpstreamRefusedToken, wait);
            return Step::Reply(Box::new(reply));
        }
        let joined = self
            .exchange_request(&exchange, &operation, &generation)
            .and_then(|request| plugin.join_exchange(request, operation.reuse_max, self.arrived.stream, ambient.now));
        match joined {
            Ok(flight) => {
                let waiting = AwaitToken { admitted: self, operation, judged, key };
                Step::Join { flight, then: Joined::Token(Box::new(waiting)) }
            }
            Err(rejection) => self.arrived.context.refuse(rejection),
        }
    }

    fn exchange_request(
        &self,
        exchange: &Arc<Acquisition>,
        operation: &Operation,
        generation: &[u8; 32],
    ) -> Result<ExchangeRequest, Rejection> {
        let (token, txn) = (self.arrived.credential.token(), &self.arrived.context.txn);
        ExchangeRequest::new(&self.delegation, token, exchange, &operation.scopes, generation, txn)
    }

    /// Nobody is asked for the scopes: the caller's own token must have them.
    fn unexchanged(mut self, now: UnixSeconds, outgoing: Outgoing, operation: Operation, judged: Judged) -> Step {
        let held = match self.delegation.claims().scopes() {
            Ok(held) => held,
            Err(error) => return self.arrived.context.refuse(Rejection::Token(error)),
        };
        if !operation.scopes.is_subset(&held) {
            return self.arrived.context.refuse(Rejection::ScopeMissing);
        }
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        // A body that comes later is held against what goes ahead, which is the whole token.
        self.release(now, outgoing, Operation { scopes: held, ..operation }, judged)
    }

    fn release(self, now: UnixSeconds, outgoing: Outgoing, operation: Operation, judged: Judged) -> Step {
        let agent = Arc::clone(self.delegation.agent());
        let Arrived { context, strip, resource, .. } = self.arrived;
        let Operation { edit, lists, .. } = operation.clone();
        let record = context.record.clone();
        let (mut edits, record) = match &outgoing {
            Outgoing::Issued(_, token, source) => {
                (HeaderEdits::authorize(token, strip, &context.txn), record.allowed(*source, Some(token)))
            }
            Outgoing::Own => {
                (HeaderEdits::pass_through(strip, &context.txn), record.allowed(Source::PassedThrough, None))
            }
            Outgoing::Secret(injection) => {
                (HeaderEdits::inject(injection, strip, &context.txn), record.allowed(Source::Injected, None))
            }
        };
        let lease = Lease::new(resource.streams, now, self.delegation.expires_at());
        let body_edit = edits.also(edit);
        let body = match judged {
            Judged::Wholly => body_edit.map_or(BodyPlan::Release, BodyPlan::Replace),
            Judged::ByHeaders => BodyPlan::HoldUntil {
                limit: resource.body_bytes_max,
                then: CheckBody(Box::new(BodyCheck {
                    arrival: self.arrived.arrival,
                    resource: Arc::clone(&resource),
                    delegation: self.delegation,
                    granted: operation,
                    context: context.clone(),
                })),
            },
        };
        let answer = lists.map_or(Answer::Unread, |listing| Answer::Awaited(Box::new(listing)));
        let (exchanged, injected) = match outgoing {
            Outgoing::Issued(key, token, source) => {
                (Some(Sent { key, token, is_fresh: source == Source::Exchanged, resource, agent }), None)
            }
            Outgoing::Own => (None, None),
            Outgoing::Secret(injection) => (None, Some(Injected { injection, echoes: Vec::new() })),
        };
        let response = ResponsePlan { exchanged, injected, refusal: context, answer, begun: false, lease };
        Step::Forward(Box::new(Forward { edits, body, response, record }))
    }
}

/// Waits for the exchanged token.
#[derive(Debug)]
pub struct AwaitToken {
    admitted: Admitted,
    operation: Operation,
    judged: Judged,
    key: ExchangeKey,
}

impl AwaitToken {
    pub(super) fn handle_token(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, landing: &Landing) -> Step {
        let issued = match landing {
            Landing::Token(Ok(issued)) => Arc::clone(issued),
            Landing::Token(Err(rejection)) => return self.admitted.arrived.context.refuse(*rejection),
            Landing::Keys => {
                let wrong = Rejection::Internal("keys landed where a token was awaited");
                return self.admitted.arrived.context.refuse(wrong);
            }
        };
        match still_holds(&self.admitted, plugin, ambient, &issued) {
            Ok(()) => self.admitted.release(
                ambient.now,
                Outgoing::Issued(self.key, issued, Source::Exchanged),
                self.operation,
                self.judged,
            ),
            Err(rejection) => self.admitted.arrived.context.refuse(rejection),
        }
    }
}

impl AwaitToken {
    pub(super) fn handle_reconfigured(self) -> Reply {
        self.admitted.arrived.context.reply(Rejection::Reconfigured)
    }
}

/// The wait may have been long: what held before it must hold now.
fn still_admitted(admitted: &Admitted, plugin: &Plugin, ambient: &Ambient<'_>) -> Result<(), Rejection> {
    let issuer = admitted.delegation.claims().issuer().map_err(Rejection::Token)?;
    let accept = &admitted.arrived.resource.accept;
    let (server, _) = accept.issuer(issuer).ok_or(Rejection::Internal("admitted for an issuer not taken"))?;
    let ends = admitted.delegation.expires_at().saturating_add(server.clock_skew);
    if ambient.now >= ends {
        return Err(Rejection::Token(JwtError::Expired));
    }
    if admitted.delegation.authentication_ends().is_some_and(|ends| ambient.now >= ends) {
        return Err(Rejection::AuthenticationTooOld);
    }
    if !plugin.keys.still_trusts(server, &admitted.delegation.key_thumbprint(), ambient.now) {
        return Err(Rejection::Token(JwtError::UnknownKid));
    }
    Ok(())
}

fn still_holds(
    admitted: &Admitted,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
    issued: &IssuedToken,
) -> Result<(), Rejection> {
    still_admitted(admitted, plugin, ambient)?;
    if ambient.now >= issued.expires_at {
        return Err(Rejection::AuthorizationServerAnswerInvalid);
    }
    Ok(())
}

/// A released request whose body is still held, because its headers had to go first.
#[derive(Debug)]
pub struct CheckBody(Box<BodyCheck>);

#[derive(Debug)]
struct BodyCheck {
    arrival: Arrival,
    resource: Arc<Resource>,
    delegation: AuthorizedDelegation,
    granted: Operation,
    context: crate::step::RefusalContext,
}

/// What becomes of a held body.
#[derive(Debug)]
#[must_use]
pub enum BodyVerdict {
    /// It says what its headers said.
    Release,
    /// It does, and its beginning changes.
    Replace(BodyEdit),
    /// It does not; the upstream gets no byte of it.
    Reply(Box<Reply>),
}

impl CheckBody {
    /// Takes the whole body; `plan` learns what answer to expect to it.
    pub fn handle_body(self, body: &[u8], plan: &mut ResponsePlan) -> BodyVerdict {
        let mut check = *self.0;
        let judged = check.judge(body).and_then(|operation| {
            plan.await_answer(&check.context, operation.lists)?;
            Ok(operation.edit.body)
        });
        match judged {
            Ok(None) => BodyVerdict::Release,
            Ok(Some(edit)) => BodyVerdict::Replace(edit),
            Err(rejection) => BodyVerdict::Reply(Box::new(check.context.reply(rejection))),
        }
    }

    /// The body grew past its limit.
    pub fn handle_too_large(self) -> BodyVerdict {
        BodyVerdict::Reply(Box::new(self.0.context.reply(Rejection::BodyTooLarge)))
    }
}

impl BodyCheck {
    fn judge(&mut self, body: &[u8]) -> Result<Operation, Rejection> {
        let protocol = &self.resource.protocol;
        let operation = self.arrival.judge_body(protocol, body, &self.delegation, &mut self.context)?;
        // A tool that limits the use of its tokens must be known before one is sent: the one that went ahead may have served before.
        if operation.reuse_max.is_some() && operation.reuse_max != self.granted.reuse_max {
            return Err(Rejection::ToolUnknownBeforeBody);
        }
        // The token that went ahead must carry what this operation needs.
        match (&self.resource.exchange, operation.scopes.is_subset(&self.granted.scopes)) {
            (_, true) => Ok(operation),
            (Exchange::PassThrough { .. } | Exchange::Inject(_), false) => Err(Rejection::ScopeMissing),
            (_, false) => Err(Rejection::HeaderMismatch),
        }
    }
}
