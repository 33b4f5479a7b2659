//! Authorization: from the delegation and the body to the token that goes upstream.

use std::sync::Arc;

use crate::asker::Asker;
use crate::bound::{Holder, Kind};
use crate::config::{Acquisition, Exchange, Protocol};
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::policy::AuthorizedDelegation;
use crate::dpop::Towards;
use crate::exchange::cache::IssuedToken;
use crate::exchange::refused::Whose;
use crate::exchange::request::{ExchangeKey, ExchangeRequest};
use crate::flight::Landing;
use crate::flow::Joined;
use crate::flow::admission::Arrived;
use crate::flow::arrival::ToldBy;
use crate::flow::release::{Judged, Outgoing};
use crate::flow::standing::{still_admitted, still_holds};
use crate::observed::Watched;
use crate::operation::Operation;
use crate::plugin::Plugin;
use crate::record::Source;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::revocation::{Revocation, Revocations};
use crate::session::SESSION_ID;
use crate::step::{RefusalContext, Reply, Step};
use crate::time::UnixSeconds;

/// An admitted request.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) arrived: Arrived,
    pub(super) delegation: Arc<AuthorizedDelegation>,
    /// What a token that came along says of who acts, where the exchange takes one.
    pub(super) actor: Option<ProvenActor>,
}

/// Goes on after admission: by the body where the host lets us hold the headers for it, by the headers alone where it does not.
pub(super) fn begin(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    arrived: Arrived,
    delegation: Arc<AuthorizedDelegation>,
    actor: Option<ProvenActor>,
) -> Step {
    let told_by = arrived.arrival.told_by();
    if told_by == ToldBy::Body && arrived.end_of_stream {
        return arrived.context.refuse(Rejection::BodyInvalid);
    }
    let mut admitted = Admitted { arrived, delegation, actor };
    let judged = match told_by {
        ToldBy::Head => Judged::Wholly,
        ToldBy::Body if plugin.config().hold_headers => {
            let limit = admitted.arrived.resource.body_bytes_max;
            return Step::ReadBody { limit, then: AwaitBody(Box::new(admitted)) };
        }
        ToldBy::Body => Judged::ByHeaders,
    };
    match admitted.judge_head(ambient.now) {
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
        match still_admitted(&admitted, plugin, ambient).and_then(|()| admitted.judge(body, ambient.now)) {
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

    /// Whether a list refuses what was admitted.
    pub fn find_revocation(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Revocation> {
        self.0.find_revocation(revocations, now)
    }

    /// Refuses what was withdrawn while the body came.
    pub fn handle_revocation(self, revocation: Revocation) -> Reply {
        self.0.arrived.context.reply(revocation.rejection())
    }

    /// The configuration that admitted the request is gone. Not even what was observed goes on.
    pub fn handle_reconfigured(self) -> Reply {
        self.0.arrived.context.reply(Rejection::Reconfigured)
    }
}

impl Admitted {
    /// What is observed is not refused; it is on record when its wait is over.
    pub(super) fn find_revocation(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Revocation> {
        if self.arrived.context.is_observed(now) {
            return None;
        }
        let agent = self.delegation.agent().as_ref();
        revocations.find(self.delegation.behind(), self.actor.as_ref().map(|actor| (agent, actor)), now)
    }

    fn judge_head(&mut self, now: UnixSeconds) -> Result<Operation, Rejection> {
        let Arrived { arrival, resource, context, .. } = &mut self.arrived;
        let mut watched = Watched::of(resource, now);
        let mut asker = Asker::new(&self.delegation, &mut watched);
        let judged = arrival.judge_head(&resource.protocol, &mut asker, context);
        // Where a body is to come, it is judged anew with all that the headers said.
        if judged.is_err() || arrival.told_by() == ToldBy::Head {
            context.record.would_refuse(watched.found());
        }
        judged
    }

    fn judge(&mut self, body: &[u8], now: UnixSeconds) -> Result<Operation, Rejection> {
        let Arrived { arrival, resource, context, .. } = &mut self.arrived;
        let mut watched = Watched::of(resource, now);
        let mut asker = Asker::new(&self.delegation, &mut watched);
        let judged = arrival.judge_body(&resource.protocol, body, &mut asker, context);
        context.record.would_refuse(watched.found());
        judged
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
        self.arrived.context.scopes_needed = Some(operation.scopes.clone());
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
            Ok(key) => key.acted_by(self.actor.as_ref()),
            Err(rejection) => return self.arrived.context.refuse(rejection),
        };
        // Before anything is asked of anybody: what is observed is not exchanged.
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        // An upstream that asks for a nonce again and again gets no more proofs for a while, and so no token is needed for it.
        let towards = Towards { resource: &self.arrived.resource.name, agent: &self.delegation.agent().id };
        if exchange.dpop.is_some()
            && let Some(wait) = plugin.given_nonces.wait(towards, ambient.now)
        {
            let reply = self.arrived.context.reply_after(Rejection::UpstreamWantsNonce, wait);
            return Step::Reply(Box::new(reply));
        }
        let mut issued = plugin.issued.find(key, operation.reuse_max, ambient.now);
        if issued.is_none() && operation.reuse_max.is_none() {
            let which = (&operation.scopes, exchange.bound_to());
            let whose = (key, self.delegation.agent().id.as_str());
            plugin.take_shared_token(whose, which, self.delegation.expires_at(), ambient);
            issued = plugin.issued.find(key, None, ambient.now);
        }
        if let Some(issued) = issued {
            if self.would_outlast(&issued)
                && plugin.issued.is_due(key, ambient.now)
                && let Ok(request) = self.exchange_request(&exchange, &operation, &generation)
            {
                plugin.refresh_exchange(request, ambient.now);
            }
            let issued = Outgoing::Issued(key, issued, Source::Cached);
            return self.release(plugin, ambient, issued, operation, judged);
        }
        let whose = || Whose::of(&self.arrived.resource.name, Some(self.delegation.behind().as_ref()));
        if let Some(wait) = plugin.refused.wait(whose, ambient.now) {
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
        let request = ExchangeRequest::new(&self.delegation, token, exchange, &operation.scopes, generation, txn)?;
        Ok(request.acted_by(self.actor.as_ref()))
    }

    /// Whether a token that is exchanged now could live longer than `issued`, which may have ended with the actor token that it was exchanged with.
    fn would_outlast(&self, issued: &IssuedToken) -> bool {
        self.actor.as_ref().is_none_or(|actor| issued.expires_at < actor.expires_at())
    }

    /// Nobody is asked for the scopes: the caller's own token must have them, or where there is none the registry.
    fn unexchanged(
        mut self,
        plugin: &mut Plugin,
        ambient: &mut Ambient<'_>,
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
    fn withhold(
        mut self,
        plugin: &mut Plugin,
        ambient: &mut Ambient<'_>,
        operation: Operation,
        judged: Judged,
    ) -> Step {
        // Before anything is asked of anybody: what is observed is not exchanged.
        if let Some(observation) = self.arrived.context.observing.take() {
            return self.arrived.context.observed(observation, None);
        }
        let whose = || Whose::of(&self.arrived.resource.name, Some(self.delegation.behind().as_ref()));
        if let Some(wait) = plugin.refused.wait(whose, ambient.now) {
            let reply = self.arrived.context.reply_after(Rejection::UpstreamRefusedToken, wait);
            return Step::Reply(Box::new(reply));
        }
        self.release(plugin, ambient, Outgoing::Nothing, operation, judged)
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
    pub(super) const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    pub(super) fn refusal(self) -> RefusalContext {
        self.admitted.arrived.context
    }
}
