//! Opaque tokens: when their server is asked about them, and what becomes of the answer.
//!
//! Whoever lets a server be asked about tokens that are not good pays as for bad signatures, by the same books:
//! in advance, since whoever asks may be gone when the answer comes, and gets it back where the token is good.
//! What the server does not answer is not given back: it may fail, or ask for less, because of that very flood.

use crate::config::Resource;
use crate::flight::Landing;
use crate::flow::Joined;
use crate::flow::admission::Arrived;
use crate::flow::credential::{Credential, admit_told};
use crate::introspection::{Parties, Told, check_form, may_be_jwt};
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::signatures::checks::Peer;
use crate::step::{RefusalContext, Step};

/// What is known of a token that `resource` may ask about.
pub(super) enum Opaque {
    /// It may be a JWT, or this resource asks about none.
    No,
    /// Its server must be asked.
    Unknown,
    /// What its server said.
    Told(Told),
}

impl Opaque {
    /// What is known of the token in `shown`; `told` is the answer that it waited for.
    pub(super) fn of(
        plugin: &mut Plugin,
        ambient: &Ambient<'_>,
        shown: &Credential,
        resource: &Resource,
        told: Option<&Told>,
    ) -> Result<Self, Rejection> {
        let accept = &resource.accept;
        let token = shown.token().expose();
        let Some(introspection) = accept.introspection.as_ref().filter(|_| !may_be_jwt(token)) else {
            return Ok(Self::No);
        };
        check_form(token).map_err(Rejection::Token)?;
        let parties = Parties::of(&accept.server, introspection);
        let kept = || plugin.introspected.find(&parties, token, introspection.age_max, ambient.now);
        Ok(told.cloned().or_else(kept).map_or(Self::Unknown, Self::Told))
    }
}

/// Waits for what a server says of a token.
#[derive(Debug)]
pub struct AwaitIntrospection {
    arrived: Arrived,
    /// Who paid for the question, where it was asked for this request.
    paid: Option<Peer>,
}

impl AwaitIntrospection {
    /// Decides by the answer; there is no second question.
    pub(super) fn handle_landing(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, landing: &Landing) -> Step {
        let Self { mut arrived, paid } = self;
        arrived.context.observe_no_longer_than(ambient.now);
        match (paid, landing) {
            (Some(peer), Landing::Introspection(Ok(Told::Active(_)))) => plugin.signature_checks.was_not_bad(peer),
            (None, Landing::Introspection(Ok(Told::Inactive))) => {
                if let Some(peer) = arrived.shown.peer(ambient) {
                    plugin.signature_checks.was_bad(peer, ambient.now);
                }
            }
            (Some(_) | None, _) => {}
        }
        let told = match landing {
            Landing::Introspection(Ok(told)) => told,
            Landing::Introspection(Err(rejection)) => return arrived.context.refuse(*rejection),
            Landing::Keys | Landing::Token(_) => {
                return arrived.context.refuse(Rejection::Internal("no introspection landed where one was awaited"));
            }
        };
        admit_told(plugin, ambient, arrived, told)
    }

    pub(super) fn refusal(self) -> RefusalContext {
        self.arrived.context
    }
}

/// Asks, or waits with whoever asked about the same token.
pub(super) fn wait(plugin: &mut Plugin, ambient: &Ambient<'_>, arrived: Arrived) -> Step {
    let accept = &arrived.resource.accept;
    let (Some(introspection), Some(token)) = (&accept.introspection, arrived.shown.token()) else {
        return arrived.context.refuse(Rejection::Internal("nobody to ask about a token"));
    };
    let peer = arrived.shown.peer(ambient);
    if peer.is_some_and(|peer| !plugin.signature_checks.may_check(peer, ambient.now)) {
        return arrived.context.refuse(Rejection::TooManyBadSignatures);
    }
    match plugin.join_introspection(&accept.server, introspection, token, arrived.stream, ambient.now) {
        Ok((flight, is_new)) => {
            let paid = peer.filter(|_| is_new);
            if let Some(peer) = paid {
                plugin.signature_checks.was_bad(peer, ambient.now);
            }
            Step::Join { flight, then: Joined::Introspection(Box::new(AwaitIntrospection { arrived, paid })) }
        }
        Err(rejection) => arrived.context.refuse(rejection),
    }
}
