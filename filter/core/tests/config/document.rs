//! A good document, keys for it, and edits.

use std::sync::OnceLock;

use actgate_core::config::{Config, ConfigError};
use jwt_simple::algorithms::{ES256KeyPair, ES384KeyPair, RS256KeyPair};
use serde_json::{Value, json};

/// Where one exchange of tokens is configured, and one resource that passes them through.
pub(crate) fn good() -> Value {
    json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {
            "idp": {
                "issuer": "https://idp.example",
                "token_endpoint": "https://idp.example/oauth2/v1/token",
                "jwks": { "uri": "https://idp.example/oauth2/v1/keys", "refresh": "10m", "max_stale": "1h" },
                "cluster": "idp", "timeout": "2s", "client_assertion_audience": "token_endpoint",
                "algorithms": ["ES256"], "typ": ["at+jwt"], "clock_skew": "30s"
            },
            "knowledge": { "issuer": "https://idp.example/aus0", "jwks": { "keys": [public_key()] } },
            "auroradb": {
                "issuer": "https://idp.example/aus1",
                "token_endpoint": "https://idp.example/aus1/v1/token",
                "jwks": { "uri": "https://idp.example/aus1/v1/keys" },
                "cluster": "idp"
            }
        },
        "agents": {
            "wlp2": {
                "name": "Corp-Knowledge-Agent", "owner": "team@example", "status": "active",
                "profiles": ["ai_agent"], "resource": "https://example/corp/knowledge",
                "spiffe_id": "spiffe://example/ns/agents/sa/corp-knowledge",
                "client_ids": { "auroradb": "other-id" },
                "credential": { "private_key_jwt": { "alg": "ES256", "kid": "k1", "key": { "env": "KEY" } } }
            },
            "wlp1": {
                "name": "Orchestrator", "status": "active", "spiffe_id": "spiffe://example/ns/agents/sa/orchestrator"
            },
            "0oa": { "name": "Chat App", "status": "active", "profiles": ["web_app"] }
        },
        "resources": [
            {
                "name": "aurora-db",
                "match": { "hosts": ["Gateway.example"], "path_prefix": "/auroradb/mcp" },
                "accept": {
                    "authorization_server": "knowledge", "audience": "https://example/corp/knowledge",
                    "presenter": "audience_agent", "caller": "mtls",
                    "required_scopes": ["Agent:execute"], "forbidden_scopes": ["Aurora-DB:*"],
                    "max_lifetime": "1h", "subject_profiles": ["user"],
                    "delegation": {
                        "required": true, "max_actors": 4, "actor_profiles": ["ai_agent"],
                        "unregistered_prior_actors": "refuse", "repeated_actors": "refuse"
                    }
                },
                "exchange": {
                    "id_jag": {
                        "idp": "idp", "resource_server": "auroradb", "resource": "https://example/auroradb/mcp",
                        "subject_token_type": "access_token", "issued_token": "jwt", "max_lifetime": "1h",
                        "lineage": {
                            "id_jag": { "same_subject": [{ "inbound": "/sub", "issued": "/email" }] },
                            "access_token": { "same_subject": [{ "inbound": "/sub", "issued": "/sub" }] }
                        }
                    }
                },
                "mcp": {
                    "tools": { "query": { "scopes": ["Aurora-DB:read"], "demands": ["human"], "max_reuse": 0 } },
                    "methods": ["initialize"], "method_scopes": ["Aurora-DB:read"],
                    "resource_wide_scopes": ["Aurora-DB:read"]
                },
                "max_body": "1MiB", "strip_cookies": true
            },
            {
                "name": "knowledge",
                "match": { "hosts": ["gateway.example"], "path_prefix": "/knowledge" },
                "accept": {
                    "authorization_server": "knowledge", "audience": "https://example/corp/knowledge",
                    "presenter": "current_actor", "required_scopes": ["Agent:execute"],
                    "max_lifetime": "1h", "subject_profiles": ["user"],
                    "delegation": { "required": true, "max_actors": 4 }
                },
                "exchange": { "pass_through": { "audience": "https://example/corp/knowledge" } },
                "a2a": { "methods": { "message/send": { "demands": [] }, "SendMessage": {} } }
            }
        ]
    })
}

/// A P-256 private key, another each time the tests run.
pub(crate) fn private_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| ES256KeyPair::generate().to_pem().unwrap())
}

/// A key that fits `RS256` and none of the others.
pub(crate) fn rsa_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| RS256KeyPair::generate(2048).unwrap().to_pem().unwrap())
}

fn p384_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| ES384KeyPair::generate().to_pem().unwrap())
}

fn public_key() -> Value {
    static KEY: OnceLock<Value> = OnceLock::new();
    let generate = || serde_json::from_str(&ES256KeyPair::generate().public_key().to_jwk()).unwrap();
    KEY.get_or_init(generate).clone()
}

/// The same with those members in place of its own `kid` and `use`.
pub(crate) fn key_with(members: Value) -> Value {
    let mut key = public_key();
    let own = key.as_object_mut().unwrap();
    own.remove("kid");
    own.remove("use");
    own.extend(members.as_object().cloned().unwrap_or_default());
    key
}

pub(crate) fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some(private_key().to_owned()),
        "KEY_RSA" => Some(rsa_key().to_owned()),
        "KEY_P384" => Some(p384_key().to_owned()),
        "KEY_SEC1" => Some(private_key().replace("PRIVATE KEY", "EC PRIVATE KEY")),
        "KEY_EMPTY" => Some(String::new()),
        "SECRET" => Some("correct horse".to_owned()),
        "SECRET_AT_THE_BOUND" => Some("x".repeat(512)),
        "SECRET_PAST_THE_BOUND" => Some("x".repeat(513)),
        _ => None,
    }
}

/// Reads a document with the environment of these tests.
pub(crate) fn read(document: &Value) -> Result<Config, ConfigError> {
    Config::from_json(document.to_string().as_bytes(), &env)
}

/// What one edit makes of the member it points at.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Remove(&'static str),
    Set(&'static str, Value),
}

/// The good document with those edits.
pub(crate) fn edited(edits: &[Edit]) -> Value {
    let mut document = good();
    for edit in edits {
        let (Edit::Remove(pointer) | Edit::Set(pointer, _)) = edit;
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match (document.pointer_mut(parent).unwrap(), edit) {
            (Value::Object(members), Edit::Remove(_)) => {
                assert!(members.remove(&name).is_some(), "{pointer}")
            }
            (Value::Object(members), Edit::Set(_, value)) => drop(members.insert(name, value.clone())),
            (Value::Array(elements), Edit::Remove(_)) => drop(elements.remove(name.parse().unwrap())),
            (Value::Array(elements), Edit::Set(_, value)) => {
                *elements.get_mut(name.parse::<usize>().unwrap()).unwrap() = value.clone();
            }
            (_, _) => unreachable!("{pointer} is no member"),
        }
    }
    document
}

/// The message about the good document with those edits.
pub(crate) fn message(edits: &[Edit]) -> String {
    match read(&edited(edits)) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}
