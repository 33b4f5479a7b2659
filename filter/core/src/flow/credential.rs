//! The credential of a request: from what it shows to an authorised delegation.
//!
//! What the headers and the connection show is read at once and kept, so that it can wait for the issuer's keys.
//! A token that its issuer tied to a key is held against that key here, whatever the resource asks of the caller.

use std::sync::Arc;

use crate::bearer;
use crate::config::CallerProof;
use crate::delegation::binding;
use crate::delegation::caller::Sender;
use crate::delegation::policy::AuthorizedDelegation;
use crate::flow::admission::Arrived;
use crate::flow::{Joined, authorization};
use crate::jwks::KeySet;
use crate::jwt::verify::{TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::plugin::Plugin;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead};
use crate::step::Step;

/// What a request shows of who sends it, owned, so that it can wait.
#[derive(Debug)]
pub(super) struct Credential {
    token: Redacted<String>,
    uri_san: Option<String>,
    certificate_sha256: Option<[u8; 32]>,
}

impl Credential {
    /// Reads the one token, and what the connection shows.
    pub(super) fn read(head: &RequestHead<'_>) -> Result<Self, Rejection> {
        let token = bearer::read(head)?;
        Ok(Self {
            token: Redacted::new(token.to_owned()),
            uri_san: head.peer.uri_san.map(str::to_owned),
            certificate_sha256: head.peer.certificate_sha256,
        })
    }

    /// The token as it came.
    pub(super) fn token(&self) -> &Redacted<String> {
        &self.token
    }
}

/// Waits for keys of the token's issuer.
#[derive(Debug)]
pub struct AwaitKeys(Arrived);

impl AwaitKeys {
    /// Verifies again, with whatever keys are there now; there is no second wait.
    pub(super) fn handle_keys(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>) -> Step {
        let mut arrived = self.0;
        arrived.context.observe_no_longer_than(ambient.now);
        admit_with(plugin, ambient, arrived, false)
    }
}

/// Decides who may act with this credential, and goes on.
pub(super) fn admit(plugin: &mut Plugin, ambient: &mut Ambient<'_>, arrived: Arrived) -> Step {
    admit_with(plugin, ambient, arrived, true)
}

fn admit_with(plugin: &mut Plugin, ambient: &mut Ambient<'_>, mut arrived: Arrived, may_fetch: bool) -> Step {
    // Whoever shows no certificate where one is needed costs neither a signature check nor a fetch of keys.
    if arrived.resource.accept.caller == CallerProof::Mtls && arrived.credential.uri_san.is_none() {
        return arrived.context.refuse(Rejection::CallerUnproven);
    }
    let verified = match verify_inbound(plugin, ambient, &arrived) {
        Ok(verified) => verified,
        Err(Unverified::ForNow(rejection)) => {
            return wait_for_keys(plugin, ambient, arrived, may_fetch, rejection);
        }
        Err(Unverified::Refused(error)) => return arrived.context.refuse(Rejection::Token(error)),
    };
    arrived.context.record.verified(verified.claims());
    match authorize(plugin, ambient, &arrived, &verified) {
        Ok(delegation) => {
            arrived.context.record.delegated(&delegation);
            authorization::begin(plugin, ambient, arrived, delegation)
        }
        Err(rejection) => arrived.context.refuse(rejection),
    }
}

fn authorize(
    plugin: &Plugin,
    ambient: &Ambient<'_>,
    arrived: &Arrived,
    verified: &VerifiedJwt,
) -> Result<AuthorizedDelegation, Rejection> {
    let (shown, resource) = (&arrived.credential, &arrived.resource);
    binding::check(verified.claims(), shown.certificate_sha256.as_ref()).map_err(Rejection::Binding)?;
    let sender = Sender { uri_san: shown.uri_san.as_deref() };
    let observe = resource.observe.as_ref();
    let observed = observe.map(|observe| observe.of_rules(ambient.now)).unwrap_or_default();
    let delegation =
        AuthorizedDelegation::authorize(verified, &resource.accept, &plugin.config(), sender, ambient.now, &observed)?;
    let may = delegation.agent().resources.as_ref().is_none_or(|names| names.contains(&resource.name));
    if may { Ok(delegation) } else { Err(Rejection::AgentResourceRefused) }
}

enum Unverified {
    /// Newer keys might help; if they do not come, this is why.
    ForNow(Rejection),
    /// No key could help.
    Refused(JwtError),
}

fn verify_inbound(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    arrived: &Arrived,
) -> Result<Arc<VerifiedJwt>, Unverified> {
    let accept = &arrived.resource.accept;
    let server = &accept.server;
    let token = arrived.credential.token.expose();
    let rules = TokenRules {
        issuer: &server.issuer,
        audience: &accept.audience,
        typ: &server.typ,
        algorithms: &server.algorithms,
        clock_skew: server.clock_skew,
        lifetime_max: Some(accept.lifetime_max),
    };
    let keys = plugin.keys.usable(server, ambient.now);
    // Without keys the token is checked against none: one that could not pass with any key causes no fetch.
    let empty = KeySet::default();
    let set = keys.as_deref().unwrap_or(&empty);
    if let Some(verified) = plugin.known.find(token, set, &rules, ambient.now) {
        return Ok(verified);
    }
    let jwt = UnverifiedJwt::parse(token).map_err(Unverified::Refused)?;
    match verify(&jwt, set, &rules, ambient.now, ambient.signatures) {
        Ok(verified) => Ok(plugin.known.keep(&jwt, verified)),
        Err(JwtError::UnknownKid) if keys.is_none() => Err(Unverified::ForNow(Rejection::KeysUnavailable)),
        Err(JwtError::UnknownKid) => Err(Unverified::ForNow(Rejection::Token(JwtError::UnknownKid))),
        Err(error) => Err(Unverified::Refused(error)),
    }
}

fn wait_for_keys(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    arrived: Arrived,
    may_fetch: bool,
    otherwise: Rejection,
) -> Step {
    if !may_fetch {
        return arrived.context.refuse(otherwise);
    }
    let server = Arc::clone(&arrived.resource.accept.server);
    match plugin.join_fetch(&server, arrived.stream, ambient.now) {
        Ok(flight) => Step::Join { flight, then: Joined::Keys(Box::new(AwaitKeys(arrived))) },
        Err(Rejection::Overloaded) => arrived.context.refuse(Rejection::Overloaded),
        Err(_) => arrived.context.refuse(otherwise),
    }
}
