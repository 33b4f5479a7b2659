//! Authorization servers: whose tokens are accepted, and who is asked for tokens.
//!
//! Everything that decides trust in an issuer is here: its exact identifier, its keys, its algorithms, its token types.
//! How a server is reached is a cluster of Envoy's, named and never resolved here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::algorithm::{Algorithm, Algorithms};
use crate::config::discovery::{self, Discovery, Location};
use crate::config::endpoint::{Endpoint, Scheme};
use crate::config::error::{ConfigError, Path, alternatives, quoted};
use crate::config::{duration, raw, text};
use crate::jwks::{JwksError, KeySet, KeyUse};
use crate::jwt::verify::AcceptedTyp;
use crate::limits::{
    CLOCK_SKEW_SECONDS_MAX, JWKS_REFRESH_SECONDS_MAX, JWKS_REFRESH_SECONDS_MIN, JWKS_STALE_SECONDS_MAX,
    KEYS_PER_SET_MAX, SERVERS_MAX, TIMEOUT_MILLIS_MAX, TYPES_MAX,
};
use crate::time::{Millis, Seconds};

/// One authorization server, known by the name configuration gives it.
#[derive(Debug)]
pub struct AuthorizationServer {
    /// The name in configuration, in logs and in metrics.
    pub name: String,
    /// The issuer identifier, kept as the exact string: RFC 8414 §3.3 compares it without normalization.
    pub issuer: String,
    /// Where tokens are asked for; present on every server an exchange names.
    pub token_endpoint: Option<Location>,
    /// Where it is asked about tokens; present on every server whose opaque tokens are taken.
    pub introspection_endpoint: Option<Endpoint>,
    /// How its metadata is fetched; present wherever something of it is left to that.
    pub discovery: Option<Discovery>,
    /// The keys its tokens are verified with.
    pub keys: KeySource,
    /// The Envoy cluster that reaches it; present whenever anything is fetched from it.
    pub cluster: Option<String>,
    /// How long one call may take; never zero, which Envoy takes for "no timeout".
    pub timeout: Millis,
    /// The `aud` of the client assertions sent to it.
    pub client_assertion_audience: AssertionAudience,
    /// The signature algorithms its tokens may use.
    pub algorithms: Algorithms,
    /// The `typ` header values its tokens may have.
    pub typ: AcceptedTyp,
    /// How far its clock may be from ours.
    pub clock_skew: Seconds,
}

/// Where the keys of an issuer come from.
#[derive(Debug)]
pub enum KeySource {
    /// In the configuration itself; they change with it only.
    Inline(KeySet),
    /// Fetched from the issuer.
    Remote(RemoteKeys),
}

/// A key set that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKeys {
    /// Where it is fetched from.
    pub endpoint: Location,
    /// The Envoy cluster that reaches it.
    pub cluster: String,
    /// How old a set may be before the next one is fetched.
    pub refresh: Seconds,
    /// How old a set may be and still verify anything; never less than `refresh`.
    pub max_stale: Seconds,
    /// Which keys of it count.
    pub for_use: KeyUse,
}

/// The `aud` of a client assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer identifier, which draft-ietf-oauth-rfc7523bis makes the only right value.
    Issuer,
    /// The URL of the endpoint called, which older servers expect.
    TokenEndpoint,
    /// Another value that the server documents.
    Explicit(String),
}

/// The checked servers, by name.
pub(super) type Servers = BTreeMap<String, Arc<AuthorizationServer>>;

const TIMEOUT: Millis = Millis::new(2000);
const REFRESH: Seconds = Seconds::new(10 * 60);
const MAX_STALE: Seconds = Seconds::new(60 * 60);
const CLOCK_SKEW: Seconds = Seconds::new(30);

/// Checks every server.
pub(super) fn check_all(
    path: &Path<'_>,
    servers: Option<&BTreeMap<String, raw::Server>>,
    warnings: &mut Vec<String>,
) -> Result<Servers, ConfigError> {
    const WANT: &str = "at least one authorization server";
    const ADVICE: &str = "tokens are accepted from named issuers only";
    let servers = servers.ok_or_else(|| path.missing(WANT, ADVICE))?;
    if servers.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(path, servers.len(), SERVERS_MAX, "authorization servers")?;
    let mut checked = Servers::new();
    let mut issuers: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, server) in servers {
        let path = path.key(name);
        text::name(&path, name)?;
        let server_checked = check(&path, name, server, warnings)?;
        let issuer = server.issuer.as_deref().unwrap_or_default();
        if let Some(other) = issuers.insert(issuer, name) {
            return Err(path.field("issuer").found(
                issuer,
                "an issuer that no other authorization server has",
                format!("{} has it already, and one issuer has one set of keys", quoted(other)),
            ));
        }
        checked.insert(name.clone(), Arc::new(server_checked));
    }
    Ok(checked)
}

/// The server of that name, which some other member refers to.
pub(super) fn refer(
    path: &Path<'_>,
    name: Option<&str>,
    servers: &Servers,
    advice: &str,
) -> Result<Arc<AuthorizationServer>, ConfigError> {
    let want = || format!("one of authorization_servers: {}", alternatives(servers.keys().map(String::as_str)));
    let name = name.ok_or_else(|| path.missing(want(), advice))?;
    servers.get(name).cloned().ok_or_else(|| path.found(name, want(), advice))
}

fn check(
    path: &Path<'_>,
    name: &str,
    raw: &raw::Server,
    warnings: &mut Vec<String>,
) -> Result<AuthorizationServer, ConfigError> {
    let issuer = check_issuer(&path.field("issuer"), raw.issuer.as_deref(), warnings)?;
    let token_endpoint = check_endpoint(&path.field("token_endpoint"), raw.token_endpoint.as_deref())?;
    let place = path.field("introspection_endpoint");
    let introspection_endpoint = check_endpoint(&place, raw.introspection_endpoint.as_deref())?;
    let cluster = text::optional_text(&path.field("cluster"), raw.cluster.as_deref())?;
    if let (Some(endpoint), None) = (token_endpoint.as_ref().or(introspection_endpoint.as_ref()), &cluster) {
        return Err(cluster_missing(path, endpoint));
    }
    let discovery = check_discovery(path, raw, &issuer, cluster.as_deref())?;
    let token_endpoint =
        token_endpoint.map(Location::Given).or_else(|| discovery.as_ref().map(|_| Location::Discovered));
    let keys = check_keys(path, raw.jwks.as_ref(), (cluster.as_deref(), discovery.as_ref()), KeyUse::Tokens)?;
    let timeout = check_timeout(&path.field("timeout"), raw.timeout.as_deref())?;
    let clock_skew = check_clock_skew(&path.field("clock_skew"), raw.clock_skew.as_deref())?;
    Ok(AuthorizationServer {
        name: name.to_owned(),
        issuer,
        client_assertion_audience: check_assertion_audience(
            &path.field("client_assertion_audience"),
            raw.client_assertion_audience.as_deref(),
            token_endpoint.as_ref(),
            discovery.as_ref().is_some_and(|discovery| !discovery.authorities.is_empty()),
        )?,
        token_endpoint,
        introspection_endpoint,
        discovery,
        keys,
        cluster,
        timeout,
        algorithms: check_algorithms(&path.field("algorithms"), raw.algorithms.as_deref())?,
        typ: check_typ(&path.field("typ"), raw.typ.as_deref())?,
        clock_skew,
    })
}

pub(super) fn check_timeout(path: &Path<'_>, value: Option<&str>) -> Result<Millis, ConfigError> {
    value.map_or(Ok(TIMEOUT), |value| duration::timeout(path, value, Millis::new(TIMEOUT_MILLIS_MAX)))
}

pub(super) fn check_clock_skew(path: &Path<'_>, value: Option<&str>) -> Result<Seconds, ConfigError> {
    const ADVICE: &str = "what clocks differ by is added to the life of every token";
    value.map_or(Ok(CLOCK_SKEW), |value| duration::seconds(path, value, 0..=CLOCK_SKEW_SECONDS_MAX, ADVICE))
}

fn check_issuer(path: &Path<'_>, issuer: Option<&str>, warnings: &mut Vec<String>) -> Result<String, ConfigError> {
    let issuer = issuer
        .ok_or_else(|| path.missing("the issuer's URL", "it must be exactly the `iss` of this server's tokens"))?;
    let endpoint = Endpoint::parse_issuer(issuer).map_err(|error| error.at(path, issuer))?;
    if endpoint.scheme == Scheme::Http {
        warnings.push(format!("{path}: http, which is accepted on this machine only: not for production"));
    }
    Ok(endpoint.url)
}

fn check_endpoint(path: &Path<'_>, url: Option<&str>) -> Result<Option<Endpoint>, ConfigError> {
    url.map(|url| Endpoint::parse(url).map_err(|error| error.at(path, url))).transpose()
}

fn check_discovery(
    path: &Path<'_>,
    raw: &raw::Server,
    issuer: &str,
    cluster: Option<&str>,
) -> Result<Option<Discovery>, ConfigError> {
    let Some(found) = &raw.discovery else {
        return Ok(None);
    };
    let place = path.field("discovery");
    let given = raw.jwks.as_ref().is_some_and(|jwks| jwks.uri.is_some() || jwks.keys.is_some());
    if raw.token_endpoint.is_some() && given {
        let advice = "what is given is not looked up";
        return Err(place.wrong("found beside token_endpoint and jwks", "at least one of them left out", advice));
    }
    let cluster = cluster.ok_or_else(|| {
        path.field("cluster").missing("the name of an Envoy cluster", "the filter fetches the metadata through it")
    })?;
    discovery::check(&place, found, issuer, cluster).map(Some)
}

fn cluster_missing(path: &Path<'_>, endpoint: &Endpoint) -> ConfigError {
    path.field("cluster").missing(
        "the name of an Envoy cluster",
        format!("the filter reaches {} through it", quoted(&endpoint.authority)),
    )
}

/// Checks where keys for that end come from: through the cluster, from where the metadata says, or from the document itself.
pub(super) fn check_keys(
    path: &Path<'_>,
    raw: Option<&raw::Jwks>,
    (cluster, discovery): (Option<&str>, Option<&Discovery>),
    for_use: KeyUse,
) -> Result<KeySource, ConfigError> {
    const WANT: &str = "{\"uri\": URL} or {\"keys\": [JWK, ...]}";
    const ADVICE: &str = "say where this issuer's public keys come from";
    let jwks = path.field("jwks");
    let raw = match (raw, discovery) {
        (Some(raw), _) => raw,
        (None, Some(_)) => &raw::Jwks::default(),
        (None, None) => return Err(jwks.missing(WANT, ADVICE)),
    };
    match (&raw.uri, &raw.keys) {
        (None, None) => {
            let cluster = discovery.map(|discovery| discovery.cluster.clone());
            let cluster = cluster.ok_or_else(|| jwks.wrong("empty", WANT, ADVICE))?;
            let (refresh, max_stale) = check_ages(&jwks, raw)?;
            Ok(KeySource::Remote(RemoteKeys { endpoint: Location::Discovered, cluster, refresh, max_stale, for_use }))
        }
        (Some(_), Some(_)) => Err(jwks.wrong("found both \"uri\" and \"keys\"", WANT, ADVICE)),
        (None, Some(keys)) => check_inline_keys(&jwks, raw, keys, for_use).map(KeySource::Inline),
        (Some(uri), None) => {
            let uri_path = jwks.field("uri");
            let endpoint = Endpoint::parse(uri).map_err(|error| error.at(&uri_path, uri))?;
            let cluster = cluster.ok_or_else(|| cluster_missing(path, &endpoint))?.to_owned();
            let (refresh, max_stale) = check_ages(&jwks, raw)?;
            let endpoint = Location::Given(endpoint);
            Ok(KeySource::Remote(RemoteKeys { endpoint, cluster, refresh, max_stale, for_use }))
        }
    }
}

/// Keys that a person wrote down are all meant: one that cannot be used is an error, not something to skip.
fn check_inline_keys(
    path: &Path<'_>,
    raw: &raw::Jwks,
    keys: &[serde_json::Value],
    for_use: KeyUse,
) -> Result<KeySet, ConfigError> {
    const WANT: &str = "public RSA, EC or Ed25519 signature keys (RFC 7517)";
    for (name, value) in [("refresh", &raw.refresh), ("max_stale", &raw.max_stale)] {
        if let Some(value) = value {
            return Err(path.field(name).found(value, "nothing", "inline keys are not fetched"));
        }
    }
    let path = path.field("keys");
    text::at_most(&path, keys.len(), KEYS_PER_SET_MAX, "keys")?;
    for (at, key) in keys.iter().enumerate() {
        if let Err(error) = KeySet::published_for(for_use, core::slice::from_ref(key)) {
            let reason = match error {
                JwksError::NoUsableKey { first: Some(fault) } => fault.code(),
                JwksError::Json(_)
                | JwksError::NoKeysArray
                | JwksError::NoUsableKey { first: None }
                | JwksError::TooLong
                | JwksError::TooManyKeys => error.code(),
            };
            let found = format!("found an unusable key ({reason})");
            return Err(path.index(at).wrong(found, WANT, "remove the key, or publish it as it should be"));
        }
    }
    KeySet::published_for(for_use, keys).map_err(|_| path.wrong("empty", WANT, "no token could be verified"))
}

fn check_ages(path: &Path<'_>, raw: &raw::Jwks) -> Result<(Seconds, Seconds), ConfigError> {
    let refresh = raw.refresh.as_deref().map_or(Ok(REFRESH), |value| {
        let range = JWKS_REFRESH_SECONDS_MIN..=JWKS_REFRESH_SECONDS_MAX;
        let advice = "a key that the issuer withdraws is believed until the next fetch";
        duration::seconds(&path.field("refresh"), value, range, advice)
    })?;
    let path = path.field("max_stale");
    let max_stale = raw.max_stale.as_deref().map_or(Ok(MAX_STALE), |value| {
        let advice = "how old keys may be and still verify, when the issuer cannot be reached";
        duration::seconds(&path, value, 1..=JWKS_STALE_SECONDS_MAX, advice)
    })?;
    if max_stale < refresh {
        let found = raw
            .max_stale
            .as_deref()
            .map_or_else(|| "missing, which means \"1h\"".to_owned(), |value| format!("found {}", quoted(value)));
        let advice = "keys would expire before the next ones are fetched";
        return Err(path.wrong(found, "at least as long as refresh", advice));
    }
    Ok((refresh, max_stale))
}

fn check_assertion_audience(
    path: &Path<'_>,
    value: Option<&str>,
    token_endpoint: Option<&Location>,
    names_hosts: bool,
) -> Result<AssertionAudience, ConfigError> {
    match (value, token_endpoint) {
        (None | Some("issuer"), _) => Ok(AssertionAudience::Issuer),
        // Elsewhere than at the issuer's own host, the document that names the endpoint would choose whom an assertion is good for.
        (Some(value @ "token_endpoint"), Some(Location::Discovered)) if names_hosts => Err(path.found(
            value,
            "\"issuer\" or a URL",
            "with discovery.authorities the server could name another server's endpoint, and an assertion would be good there",
        )),
        (Some("token_endpoint"), Some(_)) => Ok(AssertionAudience::TokenEndpoint),
        (Some(value @ "token_endpoint"), None) => {
            Err(path.found(value, "\"issuer\", or a token_endpoint beside it", "this server has no token_endpoint"))
        }
        (Some(value), _) if Endpoint::parse(value).is_ok() => Ok(AssertionAudience::Explicit(value.to_owned())),
        (Some(value), _) => Err(path.found(
            value,
            "\"issuer\", \"token_endpoint\" or a URL",
            "the `aud` that this server expects in client assertions",
        )),
    }
}

pub(super) fn check_algorithms(path: &Path<'_>, names: Option<&[String]>) -> Result<Algorithms, ConfigError> {
    const ADVICE: &str = "signatures are asymmetric, and names are case-sensitive";
    let Some(names) = names else {
        return Ok(Algorithms::all());
    };
    let want = || alternatives(Algorithm::ALL.map(Algorithm::name));
    let mut seen = BTreeSet::new();
    let mut algorithms = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = path.index(at);
        algorithms.push(Algorithm::parse(name).ok_or_else(|| path.found(name, want(), ADVICE))?);
        text::once(&path, name, &mut seen)?;
    }
    Algorithms::new(algorithms).ok_or_else(|| path.wrong("empty", want(), "no token could be verified"))
}

pub(super) fn check_typ(path: &Path<'_>, words: Option<&[String]>) -> Result<AcceptedTyp, ConfigError> {
    const WANT: &str = "token types such as \"at+jwt\", \"JWT\" or \"absent\"";
    let Some(words) = words else {
        return Ok(AcceptedTyp::only("at+jwt"));
    };
    let mut seen = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let path = path.index(at);
        if AcceptedTyp::new([word.as_str()]).is_none() {
            return Err(path.found(word, WANT, "it must be a `typ` that a token's header can have"));
        }
        text::once(&path, word, &mut seen)?;
    }
    text::at_most(path, words.len(), TYPES_MAX, "token types")?;
    AcceptedTyp::new(words.iter().map(String::as_str))
        .ok_or_else(|| path.wrong("empty", WANT, "no token could be accepted"))
}
