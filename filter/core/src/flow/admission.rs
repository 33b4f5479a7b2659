//! Admission: from the request headers to an authorised delegation.

use std::sync::Arc;

use crate::bearer;
use crate::config::{CallerProof, Resource};
use crate::delegation::policy::AuthorizedDelegation;
use crate::flow::arrival::Arrival;
use crate::flow::{Joined, arrival, authorization};
use crate::jwks::KeySet;
use crate::jwt::verify::{TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::plugin::Plugin;
use crate::record::Record;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead, StreamId, TransactionId};
use crate::routing;
use crate::step::{RefusalContext, Shape, Step};

/// Headers that a caller must not set for the upstream, or whose worth ends here.
///
/// The inbound proofs are for this gateway; an upstream could only be misled by them.
/// Those that name another target or method would undo what was judged.
const STRIPPED: [&str; 13] = [
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-forwarded-access-token",
    "proxy-authorization",
    "proxy-connection",
    "dpop",
    "txn-token",
    "x-forwarded-client-cert",
    "workload-identity-token",
    "workload-proof-token",
];

/// Headers that were judged under their own name, so that a second spelling of one must not travel beside it.
const DECIDING: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
];

/// A request as far as its headers go, owned, so that it can wait.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) stream: StreamId,
    pub(super) resource: Arc<Resource>,
    pub(super) token: Redacted<String>,
    pub(super) peer_uri_san: Option<String>,
    pub(super) strip: Vec<String>,
    pub(super) arrival: Arrival,
    pub(super) end_of_stream: bool,
    pub(super) context: RefusalContext,
}

/// Waits for keys of the token's issuer.
#[derive(Debug)]
pub struct AwaitKeys(Arrived);

impl AwaitKeys {
    /// Verifies again, with whatever keys are there now; there is no second wait.
    pub(super) fn handle_keys(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>) -> Step {
        admit(plugin, ambient, self.0, false)
    }
}

/// Decides on the headers of a request as far as they allow.
pub fn handle_request_headers(plugin: &mut Plugin, ambient: &mut Ambient<'_>, head: &RequestHead<'_>) -> Step {
    let txn = TransactionId::new((ambient.draw)());
    let mut context = RefusalContext {
        record: Record::new(&txn),
        txn,
        shape: Shape::OAuth,
        rpc_id: None,
        scopes_needed: String::new(),
        sign_in_needed: String::new(),
    };
    let resource = match routing::find(&plugin.config().resources, head) {
        Ok(resource) => resource,
        Err(rejection) => return context.refuse(rejection),
    };
    context.record.at_resource(&resource.name);
    context.shape = arrival::refusal_shape(&resource);
    context.scopes_needed = resource.accept.required_scopes.to_parameter();
    context.sign_in_needed = resource.accept.rules.authentication.challenge();
    match read_head(&resource, head) {
        Ok((token, arrival)) => {
            let arrived = Arrived {
                stream: head.stream,
                token: Redacted::new(token.to_owned()),
                peer_uri_san: head.peer_uri_san.map(str::to_owned),
                strip: stripped(&resource, &arrival, head),
                arrival,
                end_of_stream: head.end_of_stream,
                resource,
                context,
            };
            admit(plugin, ambient, arrived, true)
        }
        Err(rejection) => context.refuse(rejection),
    }
}

/// The checks that cost nothing come first: credential, then form.
fn read_head<'a>(resource: &Resource, head: &RequestHead<'a>) -> Result<(&'a str, Arrival), Rejection> {
    let token = bearer::read(head)?;
    let arrival = Arrival::read(resource, head)?;
    Ok((token, arrival))
}

fn stripped(resource: &Resource, arrival: &Arrival, head: &RequestHead<'_>) -> Vec<String> {
    let mut names: Vec<String> = head
        .headers
        .iter()
        .filter_map(|(name, _)| core::str::from_utf8(name).ok())
        .filter(|name| {
            // CGI and its descendants (RFC 3875 §4.1.18) make one variable of `x_a` and `x-a`.
            let read_as = name.to_ascii_lowercase().replace('_', "-");
            STRIPPED.contains(&read_as.as_str())
                || read_as.starts_with("x-actgate-")
                || (resource.strip_cookies && read_as == "cookie")
                || arrival.strips(&read_as)
                || (read_as != **name && DECIDING.contains(&read_as.as_str()))
        })
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn admit(plugin: &mut Plugin, ambient: &mut Ambient<'_>, mut arrived: Arrived, may_fetch: bool) -> Step {
    // Whoever shows no certificate where one is needed costs neither a signature check nor a fetch of keys.
    if arrived.resource.accept.caller == CallerProof::Mtls && arrived.peer_uri_san.is_none() {
        return arrived.context.refuse(Rejection::CallerUnproven);
    }
    let verified = match verify_inbound(plugin, ambient, &arrived) {
        Ok(verified) => verified,
        Err(Unverified::ForNow(rejection)) => {
            return wait_for_keys(plugin, ambient, arrived, may_fetch, rejection);
        }
        Err(Unverified::Refused(error)) => return arrived.context.refuse(Rejection::Token(error)),
    };
    let accept = &arrived.resource.accept;
    // RFC 7800 §3: the issuer tied the token to a key. Where nobody is asked for a key, a thief would pass for its holder.
    if accept.caller == CallerProof::AudienceOnly && verified.claims().value("cnf").is_some() {
        return arrived.context.refuse(Rejection::CallerUnproven);
    }
    let config = plugin.config();
    let peer = arrived.peer_uri_san.as_deref();
    arrived.context.record.verified(verified.claims());
    let delegation =
        AuthorizedDelegation::authorize(&verified, accept, &config, peer, ambient.now).and_then(|delegation| {
            let may = delegation.agent().resources.as_ref().is_none_or(|names| names.contains(&arrived.resource.name));
            if may { Ok(delegation) } else { Err(Rejection::AgentResourceRefused) }
        });
    match delegation {
        Ok(delegation) => {
            arrived.context.record.delegated(&delegation);
            authorization::begin(plugin, ambient, arrived, delegation)
        }
        Err(rejection) => arrived.context.refuse(rejection),
    }
}

enum Unverified {
    /// Newer keys might help; if they do not come, this is why.
    ForNow(Rejection),
    /// No key could help.
    Refused(JwtError),
}

fn verify_inbound(plugin: &Plugin, ambient: &Ambient<'_>, arrived: &Arrived) -> Result<VerifiedJwt, Unverified> {
    let accept = &arrived.resource.accept;
    let server = &accept.server;
    let jwt = UnverifiedJwt::parse(arrived.token.expose()).map_err(Unverified::Refused)?;
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
    match verify(&jwt, set, &rules, ambient.now, ambient.signatures) {
        Ok(verified) => Ok(verified),
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
