//! What an issuer is told: its names, whom it knows, and its policy.
//!
//! Guaranteed: a document with an unknown member is refused.
//! Absent on purpose: private keys. They are handed over beside the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dev::keys::PublicJwk;

/// One authorization server of the development world.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The name of the process and of the Envoy cluster that leads to it.
    pub name: String,
    /// The issuer identifier (RFC 8414 §2), which is not where it listens.
    pub issuer: String,
    /// The audience a client assertion must name.
    pub client_assertion_audience: AssertionAudience,
    /// The `typ` of the access tokens; null leaves it out, as some vendors do.
    pub access_token_typ: Option<String>,
    /// The registered clients, by client id at this server.
    pub clients: BTreeMap<String, Client>,
    /// The directory.
    pub users: Vec<User>,
    /// The part this server plays.
    pub role: Role,
    /// The SPIFFE trust domain whose JWT-SVIDs it takes as actor tokens, and whose bundle is served beside its own endpoints.
    #[serde(default)]
    pub trust_domain: Option<TrustDomain>,
}

/// A SPIFFE trust domain.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDomain {
    /// Its name, without a scheme.
    pub name: String,
    /// The keys that its JWT-SVIDs are signed with, as published.
    pub keys: Vec<PublicJwk>,
}

impl IssuerConfig {
    /// The token endpoint URL.
    pub fn token_endpoint(&self) -> String {
        format!("{}{}", self.endpoints(), "/v1/token")
    }

    /// The JWKS URL.
    pub fn jwks_uri(&self) -> String {
        format!("{}{}", self.endpoints(), "/v1/keys")
    }

    /// The introspection endpoint URL.
    pub fn introspection_endpoint(&self) -> String {
        format!("{}{}", self.endpoints(), "/v1/introspect")
    }

    /// The URL of the trust domain's bundle.
    pub fn bundle_uri(&self) -> String {
        format!("{}/spiffe/bundle", self.issuer)
    }

    /// The authorization endpoint URL.
    pub fn authorization_endpoint(&self) -> String {
        format!("{}{}", self.endpoints(), "/v1/authorize")
    }

    /// An organisation's own server has its endpoints under `/oauth2`; a custom server is there already.
    fn endpoints(&self) -> String {
        match self.role {
            Role::IdentityProvider(_) => format!("{}/oauth2", self.issuer),
            Role::ResourceServer(_) => self.issuer.clone(),
        }
    }

    /// The audience a client assertion must name, spelled out.
    pub fn assertion_audience(&self) -> String {
        match self.client_assertion_audience {
            AssertionAudience::TokenEndpoint => self.token_endpoint(),
            AssertionAudience::Issuer => self.issuer.clone(),
        }
    }
}

/// Which of its own names a server wants in a client assertion's `aud`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// RFC 7523 §3 (and shipped products): the URL of the endpoint called.
    TokenEndpoint,
    /// draft-ietf-oauth-rfc7523bis: the issuer identifier, and nothing else.
    Issuer,
}

/// The part a server plays.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Signs users in and hands out ID-JAGs.
    IdentityProvider(IdpPolicy),
    /// Takes ID-JAGs and hands out access tokens for its resources.
    ResourceServer(RasPolicy),
}

/// A registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// A name for people.
    pub name: String,
    /// What it becomes in `sub_profile` of an `act` (`ai_agent`, `web_app`).
    pub profile: String,
    /// Whether it may use the token endpoint at all.
    pub active: bool,
    /// Its public keys.
    pub keys: Vec<PublicJwk>,
    /// Where an authorization code may be sent.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The resource identifier under which this client is itself called (agents).
    #[serde(default)]
    pub resource: Option<String>,
    /// Its secret, where it may authenticate by one.
    #[serde(default)]
    pub secret: Option<String>,
    /// Whether whoever terminates TLS in front of this server is believed to have seen its certificate.
    #[serde(default)]
    pub has_certificate: bool,
    /// The `actor_token` it may send with a token exchange.
    #[serde(default)]
    pub actor_token: Option<String>,
    /// Its SPIFFE ID: the `sub` of a JWT-SVID that it may send in place of that.
    #[serde(default)]
    pub spiffe_id: Option<String>,
}

/// A human in the directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The directory id: `sub` of an ID-JAG, `uid` of an access token.
    pub id: String,
    /// The login: `sub` of an access token.
    pub email: String,
    /// Whether anything may be issued for this human.
    pub active: bool,
}

/// What the identity provider allows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdpPolicy {
    /// What the resource authorization servers govern: issuer identifier to resource identifiers.
    pub resource_servers: BTreeMap<String, Vec<String>>,
    /// Which agent may reach which resource with which scopes.
    pub connections: Vec<Connection>,
    /// Which agent may act on which other client's token.
    pub delegation_links: Vec<DelegationLink>,
    /// The access token this server issues at sign-in: its scopes, by default request.
    pub sign_in_scopes: Vec<String>,
}

/// One agent's way to one resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The agent, by its client id here.
    pub client: String,
    /// The issuer identifier of the resource authorization server.
    pub audience: String,
    /// The resource identifier.
    pub resource: String,
    /// The most this agent may ask for.
    pub scopes: Vec<String>,
    /// The agent's client id at that server, where it differs.
    #[serde(default)]
    pub client_id_at_audience: Option<String>,
}

/// Leave for `to` to exchange a token whose current actor is `from`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationLink {
    /// The client the token was issued to.
    pub from: String,
    /// The client that exchanges it.
    pub to: String,
}

/// What a resource authorization server allows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RasPolicy {
    /// The identity provider whose ID-JAGs count.
    pub identity_provider: String,
    /// The resources it governs, by identifier.
    pub resources: BTreeMap<String, ResourcePolicy>,
}

/// Who may do what at one resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourcePolicy {
    /// The scopes each human may be served with, by directory id.
    pub user_scopes: BTreeMap<String, Vec<String>>,
    /// The scopes each client may have for itself, by client id.
    #[serde(default)]
    pub client_scopes: BTreeMap<String, Vec<String>>,
}
