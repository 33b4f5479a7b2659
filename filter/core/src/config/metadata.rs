//! What a resource tells of itself to whoever asks how to get a token for it (RFC 9728).
//!
//! The identifier is configured and never taken from a request: a `Host` of the caller's choice must not become the name of a resource.
//! Its host and path are those of the resource, so the document is found where clients look for it, and no two resources share one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::accept::Accept;
use crate::config::endpoint::{Endpoint, host_of};
use crate::config::error::{ConfigError, Path};
use crate::config::resource::PathPrefix;
use crate::config::scope::ScopeSet;
use crate::config::{raw, text};
use crate::limits::SERVERS_MAX;

/// RFC 9728 §3: between the host and the path of the identifier.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of one resource.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The identifier: what clients ask a token for.
    pub resource: String,
    /// The host of the identifier, in lower case and without a port.
    pub host: String,
    /// Where on that host the document is.
    pub path: String,
    /// The URL of the document, for challenges.
    pub url: Arc<str>,
    /// The scopes a client may ask for here.
    pub scopes_supported: ScopeSet,
    /// Where a client gets a token, by issuer identifier; `None` for the issuers whose tokens are accepted.
    pub authorization_servers: Option<Vec<String>>,
}

/// What the identifier must agree with.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) hosts: &'a [String],
    pub(super) prefix: &'a PathPrefix,
}

/// Checks the metadata of a resource; without any none is served.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Metadata>,
    place: Place<'_>,
    accept: &Accept,
    warnings: &mut Vec<String>,
) -> Result<Option<Metadata>, ConfigError> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let field = path.field("resource");
    let identifier = raw.resource.as_deref().ok_or_else(|| {
        field.missing("the URL of this resource as clients know it", "it is never taken from a request (RFC 9728 §2)")
    })?;
    let (endpoint, host) = check_identifier(&field, identifier, place)?;
    if identifier != accept.audience {
        warnings.push(format!(
            "{field}: clients that discover this resource ask for a token for it, and accept.audience is another"
        ));
    }
    // RFC 9728 §3.1: a slash that ends the host is left out before the segment is put in.
    let inserted = if endpoint.path == "/" { "" } else { endpoint.path.as_str() };
    let document = format!("{WELL_KNOWN}{inserted}");
    Ok(Some(Metadata {
        resource: identifier.to_owned(),
        host,
        url: format!("{}://{}{document}", endpoint.scheme.as_str(), endpoint.authority).into(),
        path: document,
        scopes_supported: match raw.scopes_supported.as_deref() {
            None => accept.required_scopes.clone(),
            Some(values) => text::scopes(&path.field("scopes_supported"), values)?,
        },
        authorization_servers: raw
            .authorization_servers
            .as_deref()
            .map(|values| check_servers(&path.field("authorization_servers"), values))
            .transpose()?,
    }))
}

/// Clients go there to log in, so nothing but a URL that could be an issuer's is told.
fn check_servers(path: &Path<'_>, values: &[String]) -> Result<Vec<String>, ConfigError> {
    if values.is_empty() {
        return Err(path.wrong(
            "empty",
            "at least one issuer",
            "leave it out for the issuers whose tokens are accepted",
        ));
    }
    text::at_most(path, values.len(), SERVERS_MAX, "issuers")?;
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        Endpoint::parse_issuer(value).map_err(|error| error.at(&path, value))?;
        text::once(&path, value, &mut seen)?;
    }
    Ok(values.to_vec())
}

fn check_identifier(path: &Path<'_>, value: &str, place: Place<'_>) -> Result<(Endpoint, String), ConfigError> {
    let endpoint = Endpoint::parse_issuer(value).map_err(|error| error.at(path, value))?;
    let host = host_of(&endpoint.authority).map_err(|error| error.at(path, value))?.to_ascii_lowercase();
    let bracketed = format!("[{host}]");
    if !place.hosts.iter().any(|known| *known == host || *known == bracketed) {
        return Err(path.found(value, "a URL with one of match.hosts", "clients look for the document on that host"));
    }
    if endpoint.path != place.prefix.as_str() {
        return Err(path.found(
            value,
            format!("a URL whose path is {}", place.prefix.as_str()),
            "match.path_prefix: clients look for the document under the path that they call",
        ));
    }
    Ok((endpoint, host))
}
