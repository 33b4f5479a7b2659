//! A configuration, issuers and tokens in which a request can pass, and in which every part can be wrong.
//!
//! Issuers sign with a digest that only this module computes in place of a signature: no bytes of the fuzzer can forge it, and it costs next to nothing.
//! Agents sign their client assertions for real, since the core does not ask [`Signatures`] for that.

use std::sync::OnceLock;

use actgate_core::algorithm::Algorithm;
use actgate_core::base64url;
use actgate_core::config::Config;
use actgate_core::digest::sha256;
use actgate_core::jwks::PublicKey;
use actgate_core::jwt::UnverifiedJwt;
use actgate_core::signatures::Signatures;
use jwt_simple::algorithms::Ed25519KeyPair;
use serde_json::{Value, json};

/// When everything begins.
pub const START: u64 = 1_795_478_400;

/// The acting agent.
pub const AGENT: &str = "agent-1";

/// The agent that calls it.
pub const CALLER: &str = "agent-2";

/// What the inbound token is for.
pub const AUDIENCE: &str = "https://agent.example/one";

/// The protected server whose tokens are JWTs.
pub const TOOLS: &str = "https://tools.example/mcp";

/// The protected server whose tokens are opaque.
pub const OPAQUE: &str = "https://opaque.example/mcp";

/// The peer that the acting agent proves to be.
pub const PEER: &str = "spiffe://example/agent-1";

/// The peer that the calling agent proves to be.
pub const CALLING_PEER: &str = "spiffe://example/agent-2";

/// Issuers by the names of the configuration.
pub const IDP: &str = "https://idp.example";
/// The issuer of inbound tokens.
pub const KNOWLEDGE: &str = "https://idp.example/knowledge";
/// The issuer of tokens for the protected servers.
pub const RESOURCE_SERVER: &str = "https://idp.example/resource";

/// Keys: one per issuer, one that nobody publishes, one that an issuer may come to publish instead of its own, one of the agent.
#[derive(Debug)]
struct Keys {
    issuers: [(&'static str, Value, PublicKey); 3],
    unpublished: (Value, PublicKey),
    other: Value,
    agent_pem: String,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let issuers = [IDP, KNOWLEDGE, RESOURCE_SERVER].map(|issuer| {
            let (jwk, key) = public_key(issuer);
            (issuer, jwk, key)
        });
        Keys {
            issuers,
            unpublished: public_key("unpublished"),
            other: public_key("other").0,
            agent_pem: Ed25519KeyPair::generate().to_pem(),
        }
    })
}

fn public_key(kid: &str) -> (Value, PublicKey) {
    let text = Ed25519KeyPair::generate().public_key().to_jwk();
    let read: Value = serde_json::from_str(&text).expect("the library's own document");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": read["x"] });
    let key = PublicKey::from_jwk(&jwk).expect("a usable key");
    (jwk, key)
}

/// The published keys of an issuer.
pub fn key_set(issuer: &str) -> Value {
    let found = keys().issuers.iter().find(|(name, _, _)| *name == issuer);
    json!({ "keys": found.map(|(_, jwk, _)| jwk).into_iter().collect::<Vec<_>>() })
}

/// A set in which the issuer's key is not.
pub fn other_key_set() -> Value {
    json!({ "keys": [keys().other] })
}

/// Stands for a signature: 64 bytes over the key and the input.
fn seal(key: &PublicKey, input: &str) -> Vec<u8> {
    let mut all = key.thumbprint().to_vec();
    all.extend_from_slice(input.as_bytes());
    let first = sha256(&all);
    [first, sha256(&first)].concat()
}

/// Knows a seal from anything else.
#[derive(Debug)]
pub struct Seals;

impl Signatures for Seals {
    fn verify(&self, key: &PublicKey, _algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
        jwt.signature() == seal(key, jwt.signing_input())
    }
}

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The issuer's own.
    Own,
    /// Nobody's, under the issuer's `kid`.
    Forged,
    /// One that is not published, under its own `kid`.
    Unpublished,
}

/// A token of `issuer`.
pub fn token(issuer: &str, typ: &str, claims: &Value, signer: Signer) -> String {
    let found = keys().issuers.iter().find(|(name, _, _)| *name == issuer);
    let (own, unpublished) = (found.map(|(_, _, key)| key), &keys().unpublished.1);
    let (kid, key) = match signer {
        Signer::Own => (issuer, own.unwrap_or(unpublished)),
        Signer::Forged => (issuer, unpublished),
        Signer::Unpublished => ("unpublished", unpublished),
    };
    let header = json!({ "alg": "EdDSA", "typ": typ, "kid": kid });
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&seal(key, &input));
    format!("{input}.{signature}")
}

/// Base64url.
pub fn encode(bytes: &[u8]) -> String {
    base64url::encode(bytes).expect("a length that does not overflow")
}

/// The claims of a token made here.
pub fn claims_of(token: &str) -> Value {
    let bytes = token.split('.').nth(1).and_then(base64url::decode).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// What the inbound token of that user says.
pub fn inbound_claims(user: u8, now: u64, jti: u64) -> Value {
    json!({
        "iss": KNOWLEDGE, "sub": format!("user-{user}@example"), "uid": format!("uid-{user}"), "aud": AUDIENCE,
        "cid": CALLER, "scp": ["agent:execute"], "iat": now, "exp": now + 900, "jti": format!("T{jti}"),
        "sub_profile": "user",
        "act": { "sub": CALLER, "sub_profile": "ai_agent", "act": { "sub": "app", "sub_profile": "web_app" } },
    })
}

/// How a world may differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether the host lets the headers go before the body is seen.
    pub headers_first: bool,
    /// Whether the keys are in the document.
    pub inline_keys: bool,
}

/// The document.
pub fn document(options: Options) -> Value {
    let keys = |issuer: &str| {
        if options.inline_keys {
            return key_set(issuer);
        }
        json!({ "uri": format!("{issuer}/keys"), "refresh": "10m", "max_stale": "1h" })
    };
    let server = |issuer: &str, cluster: &str| {
        json!({
            "issuer": issuer, "token_endpoint": format!("{issuer}/token"), "jwks": keys(issuer), "cluster": cluster,
            "timeout": "2s", "client_assertion_audience": "token_endpoint", "algorithms": ["EdDSA"], "typ": ["at+jwt"],
        })
    };
    json!({
        "allow_on_headers_stop_iteration": !options.headers_first,
        "authorization_servers": {
            "idp": server(IDP, "idp"), "knowledge": server(KNOWLEDGE, "knowledge"),
            "resource": server(RESOURCE_SERVER, "resource"),
        },
        "agents": {
            AGENT: {
                "name": "One", "owner": "team@example", "status": "active", "profiles": ["ai_agent"],
                "resource": AUDIENCE, "spiffe_id": PEER,
                "credential": { "private_key_jwt": { "alg": "EdDSA", "kid": "k1", "key": { "env": "AGENT_KEY" } } },
            },
            CALLER: { "name": "Two", "owner": "team@example", "status": "active", "spiffe_id": CALLING_PEER },
            "app": { "name": "App", "owner": "team@example", "status": "active", "profiles": ["web_app"] },
            "retired": { "name": "Old", "owner": "team@example", "status": "retired" },
        },
        "resources": [
            tools("tools", "/tools", TOOLS, "jwt"),
            tools("opaque", "/opaque", OPAQUE, "opaque"),
            {
                "name": "agents", "match": { "hosts": ["gateway.example"], "path_prefix": "/agents" },
                "accept": accept("current_actor"),
                "exchange": { "pass_through": { "audience": AUDIENCE } },
                "a2a": { "methods": { "message/send": {}, "tasks/get": { "demands": ["human"] } } },
                "max_body": "1KiB",
            },
            {
                "name": "tasks", "match": { "hosts": ["gateway.example"], "path_prefix": "/tasks" },
                "accept": accept("current_actor"),
                "exchange": { "pass_through": { "audience": AUDIENCE } },
                "a2a": {
                    "methods": { "message/send": {}, "tasks/get": {} },
                    "task_secret": { "insecure_inline": "0123456789abcdef0123456789abcdef" },
                },
                "max_body": "8KiB",
            },
        ],
    })
}

fn accept(presenter: &str) -> Value {
    json!({
        "authorization_server": "knowledge", "audience": AUDIENCE, "presenter": presenter,
        "required_scopes": ["agent:execute"], "forbidden_scopes": ["tools:*"], "max_lifetime": "1h",
        "subject_profiles": ["user"],
        "delegation": { "required": true, "max_actors": 4, "actor_profiles": ["ai_agent"] },
    })
}

fn tools(name: &str, path: &str, resource: &str, issued: &str) -> Value {
    let mut lineage = json!({ "id_jag": { "same_subject": [
        { "inbound": "/sub", "issued": "/email" }, { "inbound": "/uid", "issued": "/sub" } ] } });
    if issued == "jwt" {
        lineage["access_token"] = json!({ "same_subject": [{ "inbound": "/sub", "issued": "/sub" }] });
    }
    json!({
        "name": name, "match": { "hosts": ["gateway.example"], "path_prefix": path },
        "accept": accept("audience_agent"),
        "exchange": { "id_jag": {
            "idp": "idp", "resource_server": "resource", "resource": resource,
            "subject_token_type": "access_token", "issued_token": issued, "max_lifetime": "1h",
            "lineage": lineage,
        } },
        "mcp": {
            "tools": {
                "query": { "scopes": ["tools:read"] },
                "write": { "scopes": ["tools:read", "tools:write"], "demands": ["human"] },
                "once": { "scopes": ["tools:read"], "max_reuse": 0 },
                "twice": { "scopes": ["tools:read"], "max_reuse": 1 },
                "approved": { "scopes": ["tools:read"], "demands": ["approval"] },
            },
            "methods": ["initialize", "tools/list"], "method_scopes": ["tools:list"],
            "resource_wide_scopes": ["tools:read"],
        },
        "max_body": "1KiB",
    })
}

/// The environment of the VM.
pub fn environment(name: &str) -> Option<String> {
    (name == "AGENT_KEY").then(|| keys().agent_pem.clone())
}

/// The configuration in force; read once, since reading its keys costs more than most of what is done with it.
pub fn config(options: Options) -> Config {
    static READ: [OnceLock<Config>; 4] = [const { OnceLock::new() }; 4];
    let [plain, first, inline, both] = &READ;
    let place = match (options.headers_first, options.inline_keys) {
        (false, false) => plain,
        (true, false) => first,
        (false, true) => inline,
        (true, true) => both,
    };
    let read = place.get_or_init(|| {
        let document = document(options).to_string();
        Config::from_json(document.as_bytes(), &environment).unwrap_or_else(|error| panic!("{error}"))
    });
    Config {
        hold_headers: read.hold_headers,
        servers: read.servers.clone(),
        trust_domains: read.trust_domains.clone(),
        agents: read.agents.clone(),
        resources: read.resources.clone(),
        api_key_header: read.api_key_header.clone(),
        actor_token_headers: read.actor_token_headers.clone(),
        revoked: read.revoked.clone(),
        sharing: read.sharing.clone(),
        recorded: read.recorded.clone(),
        warnings: read.warnings.clone(),
        digest: read.digest,
        environment: read.environment.clone(),
        reads_environment: read.reads_environment,
    }
}
