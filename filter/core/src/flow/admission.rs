//! Admission: from the request headers to an authorised delegation.

use std::sync::Arc;

use crate::bearer;
use crate::config::{CallerProof, Protocol, Resource};
use crate::delegation::policy::AuthorizedDelegation;
use crate::exchange::answer::is_json;
use crate::flow::{Joined, authorization};
use crate::jwks::KeySet;
use crate::jwt::verify::{TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::mcp::Hints;
use crate::plugin::Plugin;
use crate::record::Record;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead, StreamId, TransactionId};
use crate::routing;
use crate::step::{RefusalContext, Step};

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
    pub(super) hints: Option<Hints>,
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
        speaks_rpc: false,
        rpc_id: None,
        scopes_needed: String::new(),
    };
    let resource = match routing::find(&plugin.config().resources, head) {
        Ok(resource) => resource,
        Err(rejection) => return context.refuse(rejection),
    };
    context.record.at_resource(&resource.name);
    context.speaks_rpc = true;
    context.scopes_needed = resource.accept.required_scopes.to_parameter();
    match read_head(&resource, head) {
        Ok((token, hints)) => {
            let arrived = Arrived {
                stream: head.stream,
                token: Redacted::new(token.to_owned()),
                peer_uri_san: head.peer_uri_san.map(str::to_owned),
                strip: stripped(&resource, hints.as_ref(), head),
                hints,
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
fn read_head<'a>(resource: &Resource, head: &RequestHead<'a>) -> Result<(&'a str, Option<Hints>), Rejection> {
    let token = bearer::read(head)?;
    if head.single(":method") != Ok(Some(b"POST".as_slice())) {
        return Err(Rejection::HttpMethodRefused);
    }
    let content_type = head.single("content-type").map_err(|_| Rejection::ContentTypeRefused)?;
    // An encoded body would be judged by us as bytes and by the upstream as something else.
    if !content_type.is_some_and(is_utf8_json) || head.all("content-encoding").next().is_some() {
        return Err(Rejection::ContentTypeRefused);
    }
    let hints = match &resource.protocol {
        Protocol::Mcp(_) => Some(Hints::read(head)?),
        Protocol::A2a(_) => None,
    };
    Ok((token, hints))
}

/// JSON in the one encoding it is judged in.
///
/// RFC 8259 §8.1 knows UTF-8 only, but servers obey `charset`: in UTF-7 or ISO-2022 the bytes that were judged are another call.
fn is_utf8_json(content_type: &[u8]) -> bool {
    let mut parameters = content_type.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let utf8 = |parameter: &[u8]| {
        parameter.eq_ignore_ascii_case(b"charset=utf-8") || parameter.eq_ignore_ascii_case(b"charset=\"utf-8\"")
    };
    is_json(content_type) && parameters.all(utf8)
}

fn stripped(resource: &Resource, hints: Option<&Hints>, head: &RequestHead<'_>) -> Vec<String> {
    let routing = hints.is_some_and(Hints::must_strip);
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
                || (routing && (read_as == "mcp-method" || read_as == "mcp-name"))
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
    match AuthorizedDelegation::authorize(&verified, accept, &config, peer) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_judged_in_the_encoding_it_is_read_in() {
        for accepted in [
            b"application/json".as_slice(),
            b"Application/JSON",
            b"application/json; charset=utf-8",
            b"application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_utf8_json(accepted), "{}", String::from_utf8_lossy(accepted));
        }
        for refused in [
            b"application/json; charset=utf-7".as_slice(),
            b"application/json; charset=utf-16le",
            b"application/json; charset=iso-2022-jp",
            b"application/json; charset=utf-8; charset=utf-7",
            b"application/json; charset = utf-7",
            b"application/json; boundary=x",
            b"application/json;charset=utf-8,text/plain",
            b"application/json;",
            b"text/plain; charset=utf-8",
        ] {
            assert!(!is_utf8_json(refused), "{}", String::from_utf8_lossy(refused));
        }
    }
}
