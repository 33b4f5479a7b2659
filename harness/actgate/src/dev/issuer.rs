//! A development authorization server as a function: time and request in, response out.
//!
//! Guaranteed: no socket, no clock, no thread; the process that serves it and the test that calls it
//! run the same code, and every refusal a real server would make is made.
//! Absent on purpose: persistence, browser pages, TLS. It is honest, not hardened.
//!
//! The issuer identifier (`https://…`) is a name. Where it listens is the world document's business.

pub mod config;
pub mod http;
pub mod ledger;
pub mod misbehaviour;
pub mod server;
pub mod set;

mod bound;
mod client_auth;
mod client_credentials;
mod control;
mod id_jag;
pub mod introspection;
mod issuing;
pub(crate) mod jws;
mod jwt_bearer;
mod key_ring;
pub(crate) mod oauth;
mod replay;
mod sign_in;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use self::bound::Proving;
use self::config::{IssuerConfig, Role};
use self::http::{HttpRequest, HttpResponse, UnixSeconds};
use self::key_ring::KeyRing;
use self::ledger::{Entry, Ledger};
use self::misbehaviour::{Break, Endpoint, answer};
pub(crate) use self::oauth::split_url;
use self::oauth::{
    AUTHORIZATION_CODE, CLIENT_CREDENTIALS, Form, JWT_BEARER, Refusal, TOKEN_EXCHANGE, TYPE_ID_JAG, TYPE_JWT,
};
use self::replay::Replays;
use self::sign_in::PendingCode;
use super::keys::{Algorithm, PublicJwk, SigningKey, key_set};
use super::mint;

/// One authorization server and everything it remembers.
#[derive(Debug)]
pub struct Issuer {
    config: IssuerConfig,
    keys: KeyRing,
    trust: BTreeMap<String, Vec<PublicJwk>>,
    entropy: Entropy,
    assertions: Replays,
    proofs: Replays,
    proving: Proving,
    id_jags: Replays,
    codes: BTreeMap<String, PendingCode>,
    breaks: Vec<Break>,
    last_grants: BTreeMap<String, String>,
    /// What the request being answered handed in: the subject token, or the grant.
    handed_in: Option<String>,
    actor_handed_in: Option<String>,
    unknown_key: Option<SigningKey>,
    ledger: Ledger,
}

impl Issuer {
    /// A server that signs with the first of `keys` and publishes that one alone; the rest stand by.
    ///
    /// `trust` lists, by issuer identifier, the keys of the other servers whose tokens this one reads.
    /// `seed` is the only entropy it will ever have.
    pub fn new(
        config: IssuerConfig,
        keys: Vec<SigningKey>,
        trust: BTreeMap<String, Vec<PublicJwk>>,
        seed: [u8; 32],
    ) -> Self {
        Self {
            config,
            keys: KeyRing::new(keys),
            trust,
            entropy: Entropy { seed, drawn: 0 },
            assertions: Replays::default(),
            proofs: Replays::default(),
            proving: Proving::default(),
            id_jags: Replays::default(),
            codes: BTreeMap::new(),
            breaks: Vec::new(),
            last_grants: BTreeMap::new(),
            handed_in: None,
            actor_handed_in: None,
            unknown_key: None,
            ledger: Ledger::default(),
        }
    }

    /// What this server was told.
    pub fn config(&self) -> &IssuerConfig {
        &self.config
    }

    /// The same, to change rights, users and clients while it runs.
    pub fn config_mut(&mut self) -> &mut IssuerConfig {
        &mut self.config
    }

    /// What was asked of it so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Misbehaves from the next request on, until `behave`.
    pub fn misbehave(&mut self, how: Break) {
        self.breaks.push(how);
    }

    /// Ends every misbehaviour.
    pub fn behave(&mut self) {
        self.breaks.clear();
    }

    /// The key that signs at present.
    pub fn signing_key(&self) -> &SigningKey {
        self.keys.signer()
    }

    /// The keys its JWKS lists.
    pub fn published_keys(&self) -> Vec<PublicJwk> {
        self.keys.published()
    }

    /// Publishes the next key and signs with it; the keys before it stay published.
    ///
    /// A standby key is taken while there is one. A key made afresh must be made known to the other
    /// servers with `trust`.
    pub fn rotate(&mut self, algorithm: Algorithm) -> PublicJwk {
        self.keys.rotate(algorithm)
    }

    /// Takes a key out of the JWKS, and out of use when it was the signer.
    pub fn retire(&mut self, kid: &str) {
        self.keys.retire(kid);
    }

    /// Believes tokens of `issuer` that this key signed.
    pub fn trust(&mut self, issuer: &str, key: PublicJwk) {
        self.trust.entry(issuer.to_owned()).or_default().push(key);
    }

    /// Answers one request.
    pub fn handle(&mut self, now: UnixSeconds, request: &HttpRequest) -> HttpResponse {
        if let Some(response) = self.control(request) {
            return response;
        }
        let mut entry = Entry::new(now, &request.method, request.path_only());
        let response = if self.is_addressed(request) {
            self.route(now, request, &mut entry)
        } else {
            HttpResponse::text(421, "text/plain", "this server has another name")
        };
        entry.status = response.status;
        let body = response.body_json();
        entry.error = body.get("error").and_then(Value::as_str).map(str::to_owned);
        let issued = body.get("access_token").and_then(Value::as_str).map(mint::claims_of);
        entry.issued = issued.filter(Value::is_object);
        self.ledger.record(entry);
        response
    }

    /// RFC 9110 §7.4: a request for another host is not answered. Loopback names lead here directly.
    fn is_addressed(&self, request: &HttpRequest) -> bool {
        let Some(host) = request.header(":authority").or_else(|| request.header("host")) else {
            return true;
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let own = split_url(&self.config.issuer).0;
        host == own || name == own || ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    }

    fn route(&mut self, now: UnixSeconds, request: &HttpRequest, entry: &mut Entry) -> HttpResponse {
        let path = request.path_only().to_owned();
        let is = |url: &str| split_url(url).1 == path;
        let (endpoint, method) = if is(&self.config.token_endpoint()) {
            (Endpoint::Token, "POST")
        } else if is(&self.config.jwks_uri()) {
            (Endpoint::Keys, "GET")
        } else if self.config.trust_domain.is_some() && is(&self.config.bundle_uri()) {
            (Endpoint::Bundle, "GET")
        } else if is(&self.config.authorization_endpoint()) {
            (Endpoint::Authorize, "GET")
        } else if is(&self.config.introspection_endpoint()) {
            (Endpoint::Introspection, "POST")
        } else if self.metadata_paths().contains(&path) {
            (Endpoint::Metadata, "GET")
        } else {
            return HttpResponse::text(404, "text/plain", "no such endpoint");
        };
        entry.endpoint = Some(endpoint);
        if request.method != method {
            return HttpResponse::text(405, "text/plain", "method not allowed").with("allow", method);
        }
        let broken = self.begin_breaks(endpoint);
        let mut response = match answer::replacement(&broken) {
            Some(response) => {
                self.note_request(request, entry);
                response
            }
            None => self.endpoint(endpoint, now, request, entry),
        };
        answer::mangle(&broken, &mut response);
        response
    }

    fn endpoint(
        &mut self,
        endpoint: Endpoint,
        now: UnixSeconds,
        request: &HttpRequest,
        entry: &mut Entry,
    ) -> HttpResponse {
        match (endpoint, self.config.role.clone()) {
            (Endpoint::Token, role) => {
                self.note_request(request, entry);
                self.handed_in = self::oauth::handed_in(request);
                self.actor_handed_in = self::oauth::actor_handed_in(request);
                self.token(now, request, &role, entry).unwrap_or_else(|refusal| {
                    entry.reason = Some(refusal.description);
                    refusal.response()
                })
            }
            (Endpoint::Introspection, _) => self.introspect(now, request, entry).unwrap_or_else(|refusal| {
                entry.reason = Some(refusal.description);
                refusal.response()
            }),
            (Endpoint::Keys, _) => {
                HttpResponse::text(200, "application/json", key_set(&self.keys.published()).to_string())
            }
            (Endpoint::Bundle, _) => HttpResponse::text(200, "application/json", self.bundle().to_string()),
            (Endpoint::Metadata, _) => self.told_metadata(),
            (Endpoint::Authorize, Role::IdentityProvider(policy)) => self.authorize(now, request, &policy),
            (Endpoint::Authorize, Role::ResourceServer(_)) => HttpResponse::text(404, "text/plain", "no such endpoint"),
        }
    }

    fn token(
        &mut self,
        now: UnixSeconds,
        request: &HttpRequest,
        role: &Role,
        entry: &mut Entry,
    ) -> Result<HttpResponse, Refusal> {
        if let Err(response) = self.take_proof(now, request)? {
            return Ok(response);
        }
        let form = Form::parse(request)?;
        let client = self.authenticate(now, request, &form)?;
        entry.client = Some(client.id.clone());
        entry.assertion.clone_from(&client.assertion);
        match (form.required("grant_type", "no grant_type")?, role) {
            (TOKEN_EXCHANGE, Role::IdentityProvider(policy)) => self.exchange(now, &form, &client, policy),
            (AUTHORIZATION_CODE, Role::IdentityProvider(_)) => self.redeem_code(now, &form, &client),
            (JWT_BEARER, Role::ResourceServer(policy)) => self.redeem_id_jag(now, &form, &client, policy),
            (CLIENT_CREDENTIALS, Role::ResourceServer(policy)) => self.own_token(now, &form, &client, policy),
            _ => Err(Refusal::grant_type()),
        }
    }

    /// What was asked goes into the ledger before anything is refused; tokens stay out.
    fn note_request(&self, request: &HttpRequest, entry: &mut Entry) {
        let Ok(form) = Form::from_pairs(&request.body) else {
            return;
        };
        let text = |name| form.text(name).map(str::to_owned);
        entry.grant = text("grant_type");
        entry.audience = text("audience");
        entry.resource = text("resource");
        entry.scope = text("scope");
    }

    /// The keys that count for tokens of `issuer`: its own as published, another's as configured.
    fn trusted_keys(&self, issuer: &str) -> Option<Vec<PublicJwk>> {
        if issuer == self.config.issuer { Some(self.keys.published()) } else { self.trust.get(issuer).cloned() }
    }

    /// SPIFFE Trust Domain and Bundle §4: keys for more ends than one, each with its `use`.
    fn bundle(&self) -> Value {
        let of_svids = self.config.trust_domain.iter().flat_map(|domain| &domain.keys).map(|key| {
            let mut key = key.to_json();
            key["use"] = json!("jwt-svid");
            key
        });
        let mut keys: Vec<Value> = of_svids.collect();
        let mut authority = self.keys.signer().public_jwk().to_json();
        authority["use"] = json!("x509-svid");
        keys.push(authority);
        json!({ "spiffe_sequence": 1, "spiffe_refresh_hint": 300, "keys": keys })
    }

    /// RFC 8414 §3.1 puts the well-known part first; OpenID Connect Discovery §4 appends it.
    fn metadata_paths(&self) -> [String; 2] {
        let own = split_url(&self.config.issuer).1;
        [format!("/.well-known/oauth-authorization-server{own}"), format!("{own}/.well-known/openid-configuration")]
    }

    fn metadata(&self) -> Value {
        let mut document = json!({
            "issuer": self.config.issuer,
            "token_endpoint": self.config.token_endpoint(),
            "jwks_uri": self.config.jwks_uri(),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        });
        match &self.config.role {
            Role::IdentityProvider(policy) => {
                document["authorization_endpoint"] = json!(self.config.authorization_endpoint());
                document["response_types_supported"] = json!(["code"]);
                document["code_challenge_methods_supported"] = json!(["S256"]);
                document["grant_types_supported"] = json!([AUTHORIZATION_CODE, TOKEN_EXCHANGE]);
                document["scopes_supported"] = json!(policy.sign_in_scopes);
                document["subject_types_supported"] = json!(["public"]);
                document["id_token_signing_alg_values_supported"] = json!([self.keys.signer().algorithm().name()]);
                document["authorization_response_iss_parameter_supported"] = json!(true);
                document["identity_chaining_requested_token_types_supported"] = json!([TYPE_ID_JAG, TYPE_JWT]);
            }
            // "RAS MUST NOT publish the list of issuers it trusts": the profile is named, nothing more.
            Role::ResourceServer(_) => {
                document["grant_types_supported"] = json!([JWT_BEARER, CLIENT_CREDENTIALS]);
                document["authorization_grant_profiles_supported"] =
                    json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
                document["response_types_supported"] = json!([]);
            }
        }
        document
    }
}

/// Identifiers drawn from a seed: unguessable without it, reproducible with it.
#[derive(Debug)]
struct Entropy {
    seed: [u8; 32],
    drawn: u64,
}

impl Entropy {
    fn id(&mut self, prefix: &str) -> String {
        self.drawn = self.drawn.wrapping_add(1);
        let mac = hmac_sha256::HMAC::mac(self.drawn.to_be_bytes(), self.seed);
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(mac))
    }
}

#[cfg(test)]
mod tests;
