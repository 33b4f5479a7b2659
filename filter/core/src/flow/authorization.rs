//! Authorization: from the delegation and the body to the token that goes upstream.

use std::sync::Arc;

use crate::bound::{Holder, Kind};
use crate::config::{Accept, Acquisition, Exchange, Protocol, Resource};
use crate::delegation::policy::{AuthorizedDelegation, Basis};
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::{ExchangeKey, ExchangeRequest};
use crate::flight::Landing;
use crate::flow::admission::Arrived;
use crate::flow::arrival::{Arrival, ToldBy};
use crate::flow::{Answer, Joined, Lease};
use crate::injection::Injection;
use crate::introspection::Parties;
use crate::jwt::JwtError;
use crate::limits::INTROSPECTION_STANDS_SECONDS;
use crate::operation::Operation;
use crate::plugin::Plugin;
use crate::record::Source;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::session::SESSION_ID;
use crate::step::{BodyEdit, BodyPlan, Forward, HeaderEdits, Injected, Reply, ResponsePlan, Sent, Session, Step};
use crate::time::{Seconds, UnixSeconds};

/// An admitted request.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) arrived: Arrived,
    pub(super) delegation: AuthorizedDelegation,
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
    /// None: the transaction token says all there is to say.
    Nothing,
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

    /// Takes the session that the client names for the server's, where it was given to this very caller.
    fn bind_session(&self, operation: &mut Operation) -> Result<(), Rejection> {
        let resource = &self.arrived.resource;
        let Protocol::Mcp(policy) = &resource.protocol else { return Ok(()) };
        let Some(secret) = &policy.session_secret else { return Ok(()) };
        let holder = Holder::new(secret, &resource.name, &self.delegation);
        if let Some(shown) = &self.arrived.session_id {
            let id = holder.unbind(Kind::Session, shown).ok_or(Rejection::SessionUnknown)?;
            operation.edit.headers.push((SESSION_ID, id));
        }
        operation.holder = Some(holder);
        Ok(())
    }

    fn obtain(
        mut self,
        plugin: &mut Plugin,
        ambient: &mut Ambient<'_>,
        mut operation: Operation,
        judged: Judged,
    ) -> Step {
        if let Err(rejection) = self.bind_session(&mut operation) {
            return self.arrived.context.refuse(rejection);
        }
        self.arrived.context.scopes_needed = operation.scopes.clone();
        if judged == Judged::ByHeaders || self.arrived.arrival.told_by() == ToldBy::Head {
            self.arrived.context.record.operation(&operation.label);
        }
        let exchange = match &self.arrived.resource.exchange {
            Exchange::PassThrough { .. } => {
                return self.unexchanged(plugin, ambient, Outgoing::Own, operation, judged);
            }
            Exchange::Inject(injection) => {
                let secret = Outgoing::Secret(Arc::clone(injection));
                return self.unexchanged(plugin, ambient, secret, operation, judged);
            }
            Exchange::Withheld => return self.withhold(plugin, ambient, operation, judged),
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
        let mut issued = plugin.issued.find(key, operation.reuse_max, ambient.now);
        if issued.is_none() && operation.reuse_max.is_none() {
            plugin.take_shared_token(key, &operation.scopes, self.delegation.expires_at(), ambient);
            issued = plugin.issued.find(key, None, ambient.now);
        }
        if let Some(issued) = issued {
            if plugin.issued.is_due(key, ambient.now)
                && let Ok(request) = self.exchange_request(&exchange, &operation, &generation)
            {
                plugin.refresh_exchange(request, ambient.now);
            }
            let issued = Outgoing::Issued(key, issued, Source::Cached);
            return self.release(plugin, ambient, issued, operation, judged);
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
        let (token, txn) = (self.arrived.shown.token(), &self.arrived.context.txn);
        ExchangeRequest::new(&self.delegation, token, exchange, &operation.scopes, generation, txn)
    }

    /// Nobody is asked for the scopes: the caller's own token must have them, or where there is none the registry.
    fn unexchanged(
        mut self,
        plugin: &mut Plugin,
        ambient: &Ambient<'_>,
        outgoing: Outgoing,
        operation: Operation,
        judged: Judged,
    ) -> Step {
        let held = match self.delegation.scopes() {
            Ok(held) => held,
            Err(rejection) => return self.arrived.context.refuse(rejection),
        };
        if !operation.scopes.is_subset(&held) {
            return self.arrived.context.refuse(Rejection::ScopeMissing);
        }
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        // A body that comes later is held against what goes ahead: the whole token, or the transaction token beside it.
        let ahead = if self.arrived.resource.transaction.is_some() { operation.scopes.clone() } else { held };
        self.release(plugin, ambient, outgoing, Operation { scopes: ahead, ..operation }, judged)
    }

    /// Nothing is sent on but a transaction token.
    fn withhold(mut self, plugin: &mut Plugin, ambient: &Ambient<'_>, operation: Operation, judged: Judged) -> Step {
        // Before anything is asked of anybody: what is observed is not exchanged.
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        let (resource, agent) = (&self.arrived.resource.name, &self.delegation.agent().id);
        if let Some(wait) = plugin.refused.wait(resource, agent, ambient.now) {
            let reply = self.arrived.context.reply_after(Rejection::UpstreamRefusedToken, wait);
            return Step::Reply(Box::new(reply));
        }
        self.release(plugin, ambient, Outgoing::Nothing, operation, judged)
    }

    /// A request whose decision stands: it goes on, by way of a transaction token where its resource sends one.
    fn release(
        self,
        plugin: &mut Plugin,
        ambient: &Ambient<'_>,
        outgoing: Outgoing,
        operation: Operation,
        judged: Judged,
    ) -> Step {
        let transaction = self.arrived.resource.transaction.clone();
        let released = Released { admitted: self, outgoing, operation, judged };
        match transaction {
            Some(transaction) => released.begin_transaction(plugin, ambient, &transaction),
            None => released.let_go(ambient.now, None),
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

    /// Lets it go. `transaction` is the token that its resource wants to go along; without it, such a request does not go.
    pub(super) fn let_go(self, now: UnixSeconds, transaction: Option<Issued>) -> Step {
        let Self { admitted, outgoing, operation, judged } = self;
        let agent = Arc::clone(admitted.delegation.agent());
        let Arrived { context, strip, resource, arrival, shown, .. } = admitted.arrived;
        if resource.transaction.is_some() != transaction.is_some() {
            return context.refuse(Rejection::Internal("released without its transaction token"));
        }
        let Operation { edit, lists, tasks, holder, .. } = operation.clone();
        let record = context.record.clone();
        let beside = transaction.as_ref().map(|(_, token)| token.as_ref());
        let (mut edits, record) = match (&outgoing, beside) {
            (Outgoing::Issued(_, token, source), _) => {
                (HeaderEdits::authorize(token, strip, &context.txn), record.allowed(*source, Some(token), beside))
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
        let lease = Lease::new(resource.streams, now, admitted.delegation.expires_at());
        let body_edit = edits.also(edit);
        let body = match judged {
            Judged::Wholly => body_edit.map_or(BodyPlan::Release, BodyPlan::Replace),
            Judged::ByHeaders => BodyPlan::HoldUntil {
                limit: resource.body_bytes_max,
                then: CheckBody(Box::new(BodyCheck {
                    arrival,
                    resource: Arc::clone(&resource),
                    delegation: admitted.delegation,
                    granted: operation,
                    context: context.clone(),
                    token: resource.accept.introspection.as_ref().and_then(|_| shown.token().cloned()),
                })),
            },
        };
        let answer = Answer::to(lists, tasks);
        let sends_transaction = transaction.is_some();
        let (exchanged, injected) = match (outgoing, transaction) {
            (Outgoing::Issued(key, token, source), _) => {
                (Some(Sent { key, token, is_fresh: source == Source::Exchanged, resource, agent }), None)
            }
            // What the upstream answers is about this one then.
            (Outgoing::Nothing, Some((key, token))) => {
                (Some(Sent { key, token, is_fresh: true, resource, agent }), None)
            }
            (Outgoing::Own, _) | (Outgoing::Nothing, None) => (None, None),
            (Outgoing::Secret(injection), _) => (None, Some(Injected { injection, echoes: Vec::new() })),
        };
        let refusal = context;
        let response = ResponsePlan {
            exchanged,
            injected,
            sends_transaction,
            refusal,
            answer,
            begun: false,
            told_withheld: false,
            session: holder.map(|holder| Session { holder, bound: None }),
            lease,
        };
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
            Landing::Keys | Landing::Introspection(_) => {
                let wrong = Rejection::Internal("keys landed where a token was awaited");
                return self.admitted.arrived.context.refuse(wrong);
            }
        };
        match still_holds(&self.admitted, plugin, ambient, &issued) {
            Ok(()) => self.admitted.release(
                plugin,
                ambient,
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
    let Arrived { resource, shown, .. } = &admitted.arrived;
    still_stands(&admitted.delegation, &resource.accept, shown.token(), plugin, ambient)
}

fn still_stands(
    delegation: &AuthorizedDelegation,
    accept: &Accept,
    token: Option<&Redacted<String>>,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
) -> Result<(), Rejection> {
    let basis = delegation.basis();
    if let Basis::Workload(_) = basis {
        return Ok(());
    }
    let issuer = delegation.claims().issuer().map_err(Rejection::Token)?;
    let (server, _) = accept.issuer(issuer).ok_or(Rejection::Internal("admitted for an issuer not taken"))?;
    let ends = delegation.expires_at().saturating_add(server.clock_skew);
    if ambient.now >= ends {
        return Err(Rejection::Token(JwtError::Expired));
    }
    if delegation.authentication_ends().is_some_and(|ends| ambient.now >= ends) {
        return Err(Rejection::AuthenticationTooOld);
    }
    match basis {
        Basis::Key(thumbprint) if !plugin.keys.still_trusts(server, thumbprint, ambient.now) => {
            Err(Rejection::Token(JwtError::UnknownKid))
        }
        Basis::Told(since) if still_active(accept, token, plugin, *since, ambient.now) => Ok(()),
        Basis::Told(_) => Err(Rejection::TokenInactive),
        Basis::Key(_) | Basis::Workload(_) => Ok(()),
    }
}

/// Nobody learnt anything else of an opaque token meanwhile, and it is not long ago.
fn still_active(
    accept: &Accept,
    token: Option<&Redacted<String>>,
    plugin: &Plugin,
    since: UnixSeconds,
    now: UnixSeconds,
) -> bool {
    let (Some(introspection), Some(token)) = (&accept.introspection, token) else {
        return false;
    };
    let parties = Parties::of(&accept.server, introspection);
    !plugin.introspected.is_inactive(&parties, token.expose(), now)
        && now < since.saturating_add(Seconds::new(INTROSPECTION_STANDS_SECONDS))
}

pub(super) fn still_holds(
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
    /// For opaque tokens, which only their text tells apart.
    token: Option<Redacted<String>>,
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
    ///
    /// A body may come slowly: what held when its headers went must hold still.
    pub fn handle_body(
        self,
        plugin: &Plugin,
        ambient: &Ambient<'_>,
        body: &[u8],
        plan: &mut ResponsePlan,
    ) -> BodyVerdict {
        let mut check = *self.0;
        let accept = &check.resource.accept;
        let stands = still_stands(&check.delegation, accept, check.token.as_ref(), plugin, ambient);
        let judged = stands.and_then(|()| check.judge(body)).and_then(|operation| {
            plan.await_answer(&check.context, Answer::to(operation.lists, operation.tasks))?;
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
            (Exchange::Acquire(_) | Exchange::Withheld, false) => Err(Rejection::HeaderMismatch),
        }
    }
}
