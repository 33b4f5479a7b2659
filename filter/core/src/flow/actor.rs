//! The actor token of a request: read with the headers, and verified when it is known who acts.
//!
//! It waits for the keys of its trust domain by itself: whoever is admitted is not decided about anew when they come,
//! and a proof that was taken is not taken twice.

use std::sync::Arc;

use crate::config::Resource;
use crate::delegation::actor_token::{self, ProvenActor, Unproven, Verifier};
use crate::delegation::policy::AuthorizedDelegation;
use crate::flow::Joined;
use crate::flow::admission::Arrived;
use crate::flow::authorization::{self, Admitted};
use crate::flow::standing::still_admitted;
use crate::plugin::Plugin;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead};
use crate::step::{RefusalContext, Step};

/// Reads the actor token of a request; it says nothing yet.
pub(super) fn read(resource: &Resource, head: &RequestHead<'_>) -> Result<Option<Redacted<String>>, Rejection> {
    let Some(wanted) = resource.exchange.presented_actor() else {
        return Ok(None);
    };
    actor_token::read(wanted, head).map_err(Rejection::ActorToken)
}

/// Verifies what the request says of who acts, and goes on.
pub(super) fn admit(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    arrived: Arrived,
    delegation: Arc<AuthorizedDelegation>,
) -> Step {
    match prove(plugin, ambient, &arrived, &delegation) {
        Ok(actor) => authorization::begin(plugin, ambient, arrived, delegation, actor),
        Err(Unproven::Refused(rejection)) => arrived.context.refuse(rejection),
        Err(Unproven::ForNow(otherwise, domain)) => match plugin.join_fetch(&domain, arrived.stream, ambient.now) {
            Ok(flight) => {
                let waiting = AwaitActorKeys(Admitted { arrived, delegation, actor: None });
                Step::Join { flight, then: Joined::Actor(Box::new(waiting)) }
            }
            Err(Rejection::Overloaded) => arrived.context.refuse(Rejection::Overloaded),
            Err(_) => arrived.context.refuse(otherwise),
        },
    }
}

fn prove(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    arrived: &Arrived,
    delegation: &AuthorizedDelegation,
) -> Result<Option<ProvenActor>, Unproven> {
    let (Some(token), Some(wanted)) = (&arrived.actor_token, arrived.resource.exchange.presented_actor()) else {
        return Ok(None);
    };
    let config = plugin.config();
    let verifier = Verifier {
        config: &config,
        keys: &plugin.keys,
        known: &mut plugin.svids,
        checks: &mut plugin.signature_checks,
    };
    let agent = delegation.agent().as_ref();
    let actor = ProvenActor::of(token, (agent, wanted), verifier, || arrived.shown.peer(ambient), ambient)?;
    actor.refuse_withdrawn(agent, &plugin.revocations, ambient.now).map_err(Unproven::Refused)?;
    Ok(Some(actor))
}

/// Waits for keys of the acting agent's trust domain.
#[derive(Debug)]
pub struct AwaitActorKeys(Admitted);

impl AwaitActorKeys {
    /// Verifies again, with whatever keys are there now; there is no second wait.
    pub(super) fn handle_keys(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>) -> Step {
        let mut admitted = self.0;
        admitted.arrived.context.observe_no_longer_than(ambient.now);
        if let Err(rejection) = still_admitted(&admitted, plugin, ambient) {
            return admitted.arrived.context.refuse(rejection);
        }
        let Admitted { arrived, delegation, .. } = admitted;
        match prove(plugin, ambient, &arrived, &delegation) {
            Ok(actor) => authorization::begin(plugin, ambient, arrived, delegation, actor),
            Err(Unproven::Refused(rejection) | Unproven::ForNow(rejection, _)) => arrived.context.refuse(rejection),
        }
    }

    pub(super) const fn admitted(&self) -> &Admitted {
        &self.0
    }

    pub(super) fn refusal(self) -> RefusalContext {
        self.0.arrived.context
    }
}
