//! The body of a request whose headers had to go first: nothing of it passes until it says what they said.

use std::sync::Arc;

use crate::asker::Asker;
use crate::config::{Exchange, Resource, ScopeSet};
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::policy::AuthorizedDelegation;
use crate::flow::Answer;
use crate::flow::admission::Arrived;
use crate::flow::arrival::Arrival;
use crate::flow::standing::{actor_still_stands, still_stands};
use crate::observed::Watched;
use crate::operation::Operation;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::step::{BodyEdit, RefusalContext, Reply, ResponsePlan};

/// A released request whose body is still held, because its headers had to go first.
#[derive(Debug)]
pub struct CheckBody(Box<BodyCheck>);

#[derive(Debug)]
pub(super) struct BodyCheck {
    arrival: Arrival,
    resource: Arc<Resource>,
    delegation: Arc<AuthorizedDelegation>,
    actor: Option<ProvenActor>,
    granted: Granted,
    context: RefusalContext,
    /// For opaque tokens, which only their text tells apart.
    token: Option<Redacted<String>>,
}

/// What the token that went ahead may be used for.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) scopes: ScopeSet,
    pub(super) reuse_max: Option<u32>,
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
    pub(super) fn new(check: BodyCheck) -> Self {
        Self(Box::new(check))
    }

    /// Takes the whole body; `plan` learns what answer to expect to it.
    ///
    /// A body may come slowly: what held when its headers went must hold still.
    /// The decision is on record already, so what observed rules find in a body that goes on is an event.
    pub fn handle_body(
        self,
        plugin: &Plugin,
        ambient: &Ambient<'_>,
        body: &[u8],
        plan: &mut ResponsePlan,
    ) -> (BodyVerdict, Option<Event>) {
        let mut check = *self.0;
        let accept = &check.resource.accept;
        let stands = still_stands(&check.delegation, accept, check.token.as_ref(), plugin, ambient);
        let acts = || actor_still_stands(check.actor.as_ref(), &check.delegation, plugin, ambient.now);
        let stands = stands.and_then(|()| acts());
        let mut watched = Watched::of(&check.resource, ambient.now);
        let judged = stands.and_then(|()| check.judge(body, &mut watched)).and_then(|operation| {
            plan.await_answer(&check.context, Answer::to(operation.lists, operation.tasks))?;
            Ok(operation.edit.body)
        });
        let found = || Event::observed(&check.context.record, watched.found());
        match judged {
            Ok(None) => (BodyVerdict::Release, found()),
            Ok(Some(edit)) => (BodyVerdict::Replace(edit), found()),
            Err(rejection) => {
                check.context.record.would_refuse(watched.found());
                (BodyVerdict::Reply(Box::new(check.context.reply(rejection))), None)
            }
        }
    }

    /// The body grew past its limit.
    pub fn handle_too_large(self) -> BodyVerdict {
        BodyVerdict::Reply(Box::new(self.0.context.reply(Rejection::BodyTooLarge)))
    }
}

impl BodyCheck {
    pub(super) fn new(
        arrived: Arrived,
        (delegation, actor): (Arc<AuthorizedDelegation>, Option<ProvenActor>),
        granted: Granted,
    ) -> Self {
        let Arrived { arrival, resource, context, shown, .. } = arrived;
        let token = resource.accept.introspection.as_ref().and_then(|_| shown.token().cloned());
        Self { arrival, resource, delegation, actor, granted, context, token }
    }

    fn judge(&mut self, body: &[u8], watched: &mut Watched) -> Result<Operation, Rejection> {
        let protocol = &self.resource.protocol;
        let mut asker = Asker::new(&self.delegation, watched);
        let operation = self.arrival.judge_body(protocol, body, &mut asker, &mut self.context)?;
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
