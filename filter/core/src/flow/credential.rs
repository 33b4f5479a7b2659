//! The credential of a request: from what it shows to an authorised delegation.
//!
//! What the headers and the connection show is read at once and kept, so that it can wait for the issuer's keys.
//! A token that its issuer tied to a key is held against that key here, whatever the resource asks of the caller.

use std::sync::Arc;

use crate::bearer::{self, Scheme};
use crate::config::observe::Rule;
use crate::config::{Accept, AuthorizationServer, Config, Resource};
use crate::delegation::binding::{BindingError, Confirmation};
use crate::delegation::caller::Sender;
use crate::delegation::inbound::Inbound;
use crate::delegation::policy::AuthorizedDelegation;
use crate::dpop::{DpopError, Facts, Proof, ProvenKey};
use crate::flow::admission::Arrived;
use crate::flow::bare::Bare;
use crate::flow::opaque::{self, Opaque};
use crate::flow::{Joined, actor};
use crate::introspection::{Introspected, Told};
use crate::jwks::KeySet;
use crate::jwt::verify::{TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::observed::Watched;
use crate::plugin::Plugin;
use crate::record::Record;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead};
use crate::routing;
use crate::signatures::checks::{Peer, Rationed};
use crate::step::{RefusalContext, Step};
use crate::time::UnixSeconds;

/// What a request shows of who sends it.
#[derive(Debug)]
pub(super) enum Shown {
    /// A token, and what goes with it.
    Token(Box<Credential>),
    /// No token, where the resource may do without.
    Bare(Bare),
}

impl Shown {
    /// Reads the one credential of a request.
    pub(super) fn read(config: &Config, resource: &Resource, head: &RequestHead<'_>) -> Result<Self, Rejection> {
        match Bare::read(config, resource, head)? {
            Some(bare) => Ok(Self::Bare(bare)),
            None => Credential::read(resource, head).map(|credential| Self::Token(Box::new(credential))),
        }
    }

    /// The token as it came, if one did.
    pub(super) fn token(&self) -> Option<&Redacted<String>> {
        match self {
            Self::Token(credential) => Some(&credential.token),
            Self::Bare(_) => None,
        }
    }

    /// Who pays for a token that is no good.
    pub(super) fn peer(&self, ambient: &Ambient<'_>) -> Option<Peer> {
        match self {
            Self::Token(credential) => Some(credential.peer(ambient)),
            Self::Bare(_) => None,
        }
    }
}

/// What a request with a token shows of who sends it, owned, so that it can wait.
#[derive(Debug)]
pub(super) struct Credential {
    scheme: Scheme,
    token: Redacted<String>,
    proof: Option<ShownProof>,
    uri_san: Option<String>,
    certificate_sha256: Option<[u8; 32]>,
}

/// A proof as it came, and the request that it must be for.
#[derive(Debug)]
struct ShownProof {
    text: Redacted<String>,
    method: String,
    path: String,
}

impl ShownProof {
    fn read(text: &str, head: &RequestHead<'_>) -> Result<Self, Rejection> {
        let of_head = |name| head.single_text(name).ok().flatten().unwrap_or_default();
        Ok(Self {
            text: Redacted::new(text.to_owned()),
            method: of_head(":method").to_owned(),
            path: routing::plain_path(of_head(":path"))?.to_owned(),
        })
    }
}

impl Credential {
    /// Reads the one token, the one proof where `resource` takes proofs, and what the connection shows.
    fn read(resource: &Resource, head: &RequestHead<'_>) -> Result<Self, Rejection> {
        let takes_dpop = resource.accept.dpop.is_some();
        let (scheme, token) = bearer::read(head, takes_dpop)?;
        let proof = if takes_dpop { read_proof(head).map_err(Rejection::Dpop)? } else { None };
        if scheme == Scheme::Dpop && proof.is_none() {
            return Err(Rejection::Dpop(DpopError::Missing));
        }
        Ok(Self {
            scheme,
            token: Redacted::new(token.to_owned()),
            proof: proof.map(|proof| ShownProof::read(proof, head)).transpose()?,
            uri_san: head.peer.uri_san.map(str::to_owned),
            certificate_sha256: head.peer.certificate_sha256,
        })
    }
}

impl Credential {
    /// The token as it came.
    pub(super) const fn token(&self) -> &Redacted<String> {
        &self.token
    }

    fn peer(&self, ambient: &Ambient<'_>) -> Peer {
        let address = if self.uri_san.is_none() { (ambient.address)() } else { None };
        Peer::of(self.uri_san.as_deref(), address.as_deref())
    }
}

/// RFC 9449 §4.3: "There is not more than one DPoP HTTP request header field."
fn read_proof<'a>(head: &RequestHead<'a>) -> Result<Option<&'a str>, DpopError> {
    let mut values = head.all("dpop");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // A host may join what was sent twice.
    if values.next().is_some() || value.contains(&b',') {
        return Err(DpopError::Repeated);
    }
    core::str::from_utf8(value).map(Some).map_err(|_| DpopError::Malformed)
}

/// Waits for keys of the token's issuer.
#[derive(Debug)]
pub struct AwaitKeys(Arrived);

impl AwaitKeys {
    /// Verifies again, with whatever keys are there now; there is no second wait.
    pub(super) fn handle_keys(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>) -> Step {
        let mut arrived = self.0;
        arrived.context.observe_no_longer_than(ambient.now);
        admit_with(plugin, ambient, arrived, Wait::Over(None))
    }

    pub(super) fn refusal(self) -> RefusalContext {
        self.0.context
    }
}

/// Decides who may act with this credential, and goes on.
pub(super) fn admit(plugin: &mut Plugin, ambient: &mut Ambient<'_>, arrived: Arrived) -> Step {
    admit_with(plugin, ambient, arrived, Wait::Allowed)
}

/// The same, with what the server just said of its token.
pub(super) fn admit_told(plugin: &mut Plugin, ambient: &mut Ambient<'_>, arrived: Arrived, told: &Told) -> Step {
    admit_with(plugin, ambient, arrived, Wait::Over(Some(told)))
}

/// There is one wait.
#[derive(Clone, Copy)]
enum Wait<'t> {
    Allowed,
    /// It is over, and this came of it.
    Over(Option<&'t Told>),
}

fn admit_with(plugin: &mut Plugin, ambient: &mut Ambient<'_>, mut arrived: Arrived, wait: Wait<'_>) -> Step {
    let may_wait = matches!(wait, Wait::Allowed);
    let was_told = matches!(wait, Wait::Over(Some(Told::Active(_))));
    match decide(plugin, ambient, &mut arrived, wait) {
        Ok(delegation) => {
            // Not before all of it holds: a token that is good elsewhere makes nobody known here.
            if was_told && let Some(peer) = arrived.shown.peer(ambient) {
                plugin.signature_checks.was_good(peer);
            }
            arrived.context.record.delegated(&delegation);
            actor::admit(plugin, ambient, arrived, delegation)
        }
        Err(Undecided::ForNow(rejection, server)) if may_wait => {
            wait_for_keys(plugin, ambient, arrived, &server, rejection)
        }
        Err(Undecided::ForNow(rejection, _)) => arrived.context.refuse(rejection),
        Err(Undecided::Unknown) if may_wait => opaque::wait(plugin, ambient, arrived),
        Err(Undecided::Unknown) => arrived.context.refuse(Rejection::TokenInactive),
        Err(Undecided::Refused(rejection)) => arrived.context.refuse(rejection),
    }
}

enum Undecided {
    /// Newer keys of that server might help; if they do not come, this is why.
    ForNow(Rejection, Arc<AuthorizationServer>),
    /// The token's server must be asked what it is.
    Unknown,
    /// No key could help.
    Refused(Rejection),
}

impl From<Rejection> for Undecided {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

fn decide(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    arrived: &mut Arrived,
    wait: Wait<'_>,
) -> Result<Arc<AuthorizedDelegation>, Undecided> {
    let Arrived { shown, resource, context, .. } = arrived;
    let mut watched = Watched::of(resource, ambient.now);
    let record = &mut context.record;
    let decided = match shown {
        Shown::Token(shown) => decide_by_token(plugin, ambient, (shown, wait), resource, record, &mut watched),
        Shown::Bare(bare) => bare
            .decide(plugin, resource, ambient, record, &mut watched)
            .and_then(|delegation| check_ceiling(&delegation, resource, &mut watched).map(|()| Arc::new(delegation)))
            .map_err(Undecided::from),
    };
    record.would_refuse(watched.found());
    decided
}

/// By what a token was verified, kept as long as it is looked at.
enum Verified {
    Signed(Arc<VerifiedJwt>),
    Told(Arc<Introspected>),
}

/// An agent may be registered for some resources only.
fn check_ceiling(
    delegation: &AuthorizedDelegation,
    resource: &Resource,
    watched: &mut Watched,
) -> Result<(), Rejection> {
    let here = delegation.agent().resources.as_ref().is_none_or(|names| names.contains(&resource.name));
    watched.hold(Rule::Ceiling, here.then_some(()).ok_or(Rejection::AgentResourceRefused))
}

/// From cheap to dear: what is shown at all, what a proof says, the token, what it is tied to, the proof's signature, and the policy.
fn decide_by_token(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    (shown, wait): (&Credential, Wait<'_>),
    resource: &Arc<Resource>,
    record: &mut Record,
    watched: &mut Watched,
) -> Result<Arc<AuthorizedDelegation>, Undecided> {
    let accept = &resource.accept;
    // Whoever shows nothing where something is needed costs neither a signature check nor a fetch of keys.
    let shows = (accept.caller.mtls && shown.uri_san.is_some()) || (accept.caller.dpop && shown.proof.is_some());
    if accept.caller.is_needed() && !shows {
        return Err(Undecided::Refused(Rejection::CallerUnproven));
    }
    let proof = proof_of(plugin, shown, accept, ambient).map_err(Rejection::Dpop)?;
    let told = match wait {
        Wait::Over(told) => told,
        Wait::Allowed => None,
    };
    let verified = match Opaque::of(plugin, ambient, shown, resource, told)? {
        Opaque::No => Verified::Signed(verify_inbound(plugin, ambient, shown, accept)?),
        Opaque::Unknown => return Err(Undecided::Unknown),
        Opaque::Told(Told::Inactive) => return Err(Undecided::Refused(Rejection::TokenInactive)),
        Opaque::Told(Told::Active(told)) => Verified::Told(told),
    };
    let rules = rules(&accept.server, &accept.audience, accept);
    let inbound = match &verified {
        Verified::Signed(token) => Inbound::signed(token),
        Verified::Told(told) => {
            let shown = (shown.token.expose().as_str(), shown.scheme);
            Inbound::told(told, shown, &rules, ambient.now).map_err(Rejection::Token)?
        }
    };
    record.verified(inbound.claims());
    let bound = inbound.claims().confirmation().map_err(Rejection::Binding)?;
    bound.check_certificate(shown.certificate_sha256.as_ref()).map_err(Rejection::Binding)?;
    check_key(shown.scheme, &bound, proof.as_ref())?;
    let key = proof.map(|proof| verify_proof(plugin, ambient, shown, proof)).transpose()?;
    let sender = Sender { uri_san: shown.uri_san.as_deref(), certificate: shown.certificate_sha256, key: key.as_ref() };
    let token = (shown.token.expose().as_str(), &verified, &inbound);
    let delegation = authorize(plugin, token, resource, sender, ambient.now, watched)?;
    check_ceiling(&delegation, resource, watched)?;
    // A proof that nothing rests on proves nothing twice either, and takes no room.
    if let Some(key) = key.filter(|_| bound.key.is_some() || delegation.caller().rests_on_key()) {
        let agent = &delegation.agent().id;
        plugin.proofs.take(agent, &key, ambient.now)?;
        plugin.sharing.take_proof(agent, &key, ambient)?;
    }
    Ok(delegation)
}

/// What the token leads to: what it led to before, where that stands, or what is decided now.
fn authorize(
    plugin: &mut Plugin,
    (token, verified, inbound): (&str, &Verified, &Inbound<'_>),
    resource: &Arc<Resource>,
    sender: Sender<'_>,
    now: UnixSeconds,
    watched: &mut Watched,
) -> Result<Arc<AuthorizedDelegation>, Rejection> {
    let known = match verified {
        // What is observed now may be enforced when the token comes again.
        Verified::Signed(verified) if watched.observes_nothing() => Some((token, verified)),
        Verified::Signed(_) | Verified::Told(_) => None,
    };
    let accept = &resource.accept;
    let before = known.and_then(|known| plugin.known.admitted(known, resource, sender));
    if let Some(before) = before.filter(|before| before.stands_at(accept, &plugin.revocations, now)) {
        return Ok(before);
    }
    let config = plugin.config();
    let lists = (config.as_ref(), &plugin.revocations);
    let delegation = Arc::new(AuthorizedDelegation::authorize(inbound, accept, lists, sender, now, watched)?);
    if let Some(known) = known {
        plugin.known.admit(known, resource, sender, &delegation, now);
    }
    Ok(delegation)
}

/// What the proof says, where there is one: it is checked even where nothing rests on it.
fn proof_of<'a>(
    plugin: &Plugin,
    shown: &'a Credential,
    accept: &Accept,
    ambient: &Ambient<'_>,
) -> Result<Option<Proof<'a>>, DpopError> {
    let (Some(rules), Some(proof)) = (&accept.dpop, &shown.proof) else {
        return Ok(None);
    };
    let (token, ShownProof { method, path, .. }) = (shown.token.expose(), proof);
    let facts = Facts { method, path, token, token_digest: plugin.known.digest_of(token) };
    Proof::read(proof.text.expose(), facts, rules, ambient.now).map(Some)
}

/// Whoever holds a good token may make any number of bad proofs beside it, so they are paid for as bad tokens are.
fn verify_proof(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    shown: &Credential,
    proof: Proof<'_>,
) -> Result<ProvenKey, Rejection> {
    let checks = &mut plugin.signature_checks;
    let rationed = Rationed::of_own_key(checks, shown.peer(ambient), ambient.now, ambient.signatures);
    let proven = proof.verify(&rationed);
    if rationed.settle() { Err(Rejection::TooManyBadSignatures) } else { proven.map_err(Rejection::Dpop) }
}

/// Holds the key a token is tied to against the scheme and the proof it came with.
fn check_key(scheme: Scheme, bound: &Confirmation, proof: Option<&Proof<'_>>) -> Result<(), Rejection> {
    match (scheme, bound.key, proof) {
        // RFC 9449 §7.2: a DPoP-bound token received as a bearer token must be rejected.
        (Scheme::Bearer, Some(_), _) => Err(Rejection::Binding(BindingError::DpopRequired)),
        // RFC 9449 §7.1: no binding is inferred from a proof.
        (Scheme::Bearer, None, _) => Ok(()),
        (Scheme::Dpop, None, _) => Err(Rejection::Dpop(DpopError::Unbound)),
        (Scheme::Dpop, Some(_), None) => Err(Rejection::Dpop(DpopError::Missing)),
        (Scheme::Dpop, Some(key), Some(proof)) if key != *proof.thumbprint() => {
            Err(Rejection::Dpop(DpopError::KeyMismatch))
        }
        (Scheme::Dpop, Some(_), Some(_)) => Ok(()),
    }
}

fn verify_inbound(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    shown: &Credential,
    accept: &Accept,
) -> Result<Arc<VerifiedJwt>, Undecided> {
    let token = shown.token.expose();
    for (server, audience) in accept.issuers() {
        let keys = plugin.keys.usable(server, ambient.now);
        let rules = rules(server, audience, accept);
        if let Some(verified) = keys.and_then(|set| plugin.known.find(token, &set, &rules, ambient.now)) {
            return Ok(verified);
        }
    }
    let refused = |error| Undecided::Refused(Rejection::Token(error));
    let jwt = UnverifiedJwt::parse(token).map_err(refused)?;
    // `iss` chooses whose rules are applied, and is then held against them; of an unknown issuer nothing more is looked at.
    let issuer = jwt.claims().issuer().map_err(refused)?;
    let (server, audience) = accept.issuer(issuer).ok_or_else(|| refused(JwtError::IssuerMismatch))?;
    let keys = plugin.keys.usable(server, ambient.now);
    // Without keys the token is checked against none: one that could not pass with any key causes no fetch.
    let empty = KeySet::default();
    let set = keys.as_deref().unwrap_or(&empty);
    let for_now = |rejection| Undecided::ForNow(rejection, Arc::clone(server));
    let peer = shown.peer(ambient);
    let rationed = Rationed::new(&mut plugin.signature_checks, peer, ambient.now, ambient.signatures);
    let verdict = verify(&jwt, set, &rules(server, audience, accept), ambient.now, &rationed);
    if rationed.settle() {
        return Err(Undecided::Refused(Rejection::TooManyBadSignatures));
    }
    match verdict {
        Ok(verified) => Ok(plugin.known.keep(&jwt, verified, peer)),
        Err(JwtError::UnknownKid) if keys.is_none() => Err(for_now(Rejection::KeysUnavailable)),
        Err(JwtError::UnknownKid) => Err(for_now(Rejection::Token(JwtError::UnknownKid))),
        Err(error) => Err(refused(error)),
    }
}

/// What a token of that server must be at this resource.
fn rules<'a>(server: &'a AuthorizationServer, audience: &'a str, accept: &Accept) -> TokenRules<'a> {
    TokenRules {
        issuer: &server.issuer,
        audience,
        typ: &server.typ,
        algorithms: &server.algorithms,
        clock_skew: server.clock_skew,
        lifetime_max: Some(accept.lifetime_max),
    }
}

fn wait_for_keys(
    plugin: &mut Plugin,
    ambient: &Ambient<'_>,
    arrived: Arrived,
    server: &AuthorizationServer,
    otherwise: Rejection,
) -> Step {
    match plugin.join_fetch(server, arrived.stream, ambient.now) {
        Ok(flight) => Step::Join { flight, then: Joined::Keys(Box::new(AwaitKeys(arrived))) },
        Err(Rejection::Overloaded) => arrived.context.refuse(Rejection::Overloaded),
        Err(_) => arrived.context.refuse(otherwise),
    }
}
