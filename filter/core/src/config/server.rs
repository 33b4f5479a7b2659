//! Authorization servers: whose tokens are accepted, and who is asked for tokens.
//!
//! Everything that decides trust in an issuer is here: its exact identifier, its keys, its algorithms, its token types.
//! How a server is reached is a cluster of Envoy's, named and never resolved here.

use crate::algorithm::Algorithms;
use crate::config::endpoint::Endpoint;
use crate::jwks::KeySet;
use crate::jwt::verify::AcceptedTyp;
use crate::time::{Millis, Seconds};

/// One authorization server, known by the name configuration gives it.
#[derive(Debug)]
pub struct AuthorizationServer {
    /// The name in configuration, in logs and in metrics.
    pub name: String,
    /// The issuer identifier, kept as the exact string: RFC 8414 §3.3 compares it without normalization.
    pub issuer: String,
    /// Where tokens are asked for; present on every server an exchange names.
    pub token_endpoint: Option<Endpoint>,
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
    pub endpoint: Endpoint,
    /// The Envoy cluster that reaches it.
    pub cluster: String,
    /// How old a set may be before the next one is fetched.
    pub refresh: Seconds,
    /// How old a set may be and still verify anything; never less than `refresh`.
    pub max_stale: Seconds,
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
