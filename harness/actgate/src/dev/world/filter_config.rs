//! The filter's configuration document for a world.
//!
//! Guaranteed: it covers hop 5 (agent to agent, passed through) and hops 6 to 8 (agent to tool, exchanged).
//! Absent on purpose: private keys, unless they are asked for inline.

use serde_json::{Value, json};

use super::{World, streamward};
use crate::dev::issuer::config::{AssertionAudience, IssuerConfig};
use crate::dev::keys::{SigningKey, key_set};

/// Where the filter finds the issuers' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jwks {
    /// In the document: the key each issuer signs with at the start.
    Inline,
    /// At the issuers' JWKS URLs.
    Fetched,
}

/// Where the filter finds the agent's private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// In the environment of its VM (`World::environment`).
    Environment,
    /// In the document.
    Inline,
}

/// What a run may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterOptions {
    /// Whether Envoy is told the same; see the knob of that name.
    pub allow_on_headers_stop_iteration: bool,
    /// Where the issuers' keys are.
    pub jwks: Jwks,
    /// Where the agent's key is.
    pub credential: Credential,
    /// `mtls` or `audience_only`.
    pub caller: &'static str,
}

impl Default for FilterOptions {
    fn default() -> Self {
        Self {
            allow_on_headers_stop_iteration: true,
            jwks: Jwks::Fetched,
            credential: Credential::Environment,
            caller: "mtls",
        }
    }
}

impl World {
    /// The document for the filter.
    pub fn filter_config(&self, options: FilterOptions) -> Value {
        json!({
            "allow_on_headers_stop_iteration": options.allow_on_headers_stop_iteration,
            "authorization_servers": self.servers(options),
            "agents": self.registry(options),
            "resources": [self.knowledge_agent(options), self.aurora_db(options), self.aurora_db_rest(options)],
        })
    }

    fn servers(&self, options: FilterOptions) -> Value {
        let mut servers = json!({});
        let names = [
            ("idp", streamward::IDP),
            ("knowledge", streamward::RAS_KNOWLEDGE),
            ("auroradb", streamward::RAS_AURORADB),
        ];
        for (name, issuer) in names {
            if let Some(config) = self.issuer_config(issuer) {
                servers[name] = self.server(config, options);
            }
        }
        servers
    }

    fn server(&self, config: &IssuerConfig, options: FilterOptions) -> Value {
        let audience = match config.client_assertion_audience {
            AssertionAudience::TokenEndpoint => "token_endpoint",
            AssertionAudience::Issuer => "issuer",
        };
        let first = self.issuer_keys(&config.name).first().map(SigningKey::public_jwk);
        let jwks = match options.jwks {
            Jwks::Inline => key_set(first.as_slice()),
            Jwks::Fetched => {
                json!({ "uri": config.jwks_uri(), "refresh": "10m", "max_stale": "1h" })
            }
        };
        let typ = config.access_token_typ.as_deref().unwrap_or("absent");
        json!({
            "issuer": config.issuer, "token_endpoint": config.token_endpoint(), "jwks": jwks,
            "cluster": config.name, "timeout": "2s", "client_assertion_audience": audience, "typ": [typ],
        })
    }

    fn registry(&self, options: FilterOptions) -> Value {
        let mut registry = json!({});
        for agent in &self.agents {
            let mut entry = json!({
                "name": agent.name, "owner": agent.owner, "status": "active", "profiles": [agent.profile],
            });
            if let Some(resource) = &agent.resource {
                entry["resource"] = json!(resource);
            }
            if let Some(spiffe_id) = &agent.spiffe_id {
                entry["spiffe_id"] = json!(spiffe_id);
            }
            if let (Some(variable), Some(key)) = (&agent.key_variable, self.client_key(&agent.id)) {
                let source = match options.credential {
                    Credential::Environment => json!({ "env": variable }),
                    Credential::Inline => json!({ "insecure_inline": key.to_pem() }),
                };
                entry["credential"] = json!({
                    "private_key_jwt": { "alg": key.algorithm().name(), "kid": key.kid(), "key": source },
                });
            }
            registry[agent.id.as_str()] = entry;
        }
        registry
    }

    /// What T3 must be, whoever presents it.
    fn accept(&self, options: FilterOptions, presenter: &str) -> Value {
        json!({
            "authorization_server": "knowledge", "audience": streamward::KNOWLEDGE_RESOURCE,
            "presenter": presenter, "caller": options.caller,
            "required_scopes": [streamward::EXECUTE], "forbidden_scopes": ["Aurora-DB:*"],
            "max_lifetime": "1h", "subject_profiles": ["user"],
            "delegation": { "required": true, "max_actors": 4, "actor_profiles": ["ai_agent"] },
        })
    }

    fn knowledge_agent(&self, options: FilterOptions) -> Value {
        json!({
            "name": "corp-knowledge",
            "match": { "hosts": [self.gateway_host], "path_prefix": "/agents/knowledge" },
            "accept": self.accept(options, "current_actor"),
            "exchange": { "pass_through": { "audience": streamward::KNOWLEDGE_RESOURCE } },
            "a2a": {
                "methods": { "message/send": {}, "SendMessage": {} },
                "push_notification_urls": ["https://hooks.streamward.com/a2a"],
                "agent_card": "public",
            },
        })
    }

    /// Hops 7 and 8 for the database.
    fn aurora_db_exchange() -> Value {
        let same = |inbound: &str, issued: &str| json!({ "inbound": inbound, "issued": issued });
        json!({ "id_jag": {
            "idp": "idp", "resource_server": "auroradb", "resource": streamward::AURORADB_RESOURCE,
            "max_lifetime": "1h",
            "lineage": {
                "id_jag": { "same_subject": [same("/sub", "/email"), same("/uid", "/sub")] },
                "access_token": { "same_subject": [same("/sub", "/sub"), same("/uid", "/uid")] },
            },
        } })
    }

    /// The same database by REST, beneath the path of the other so that the shipped route leads there.
    fn aurora_db_rest(&self, options: FilterOptions) -> Value {
        let read = [streamward::READ];
        json!({
            "name": "aurora-db-rest",
            "match": { "hosts": [self.gateway_host], "path_prefix": "/auroradb/mcp/rest" },
            "accept": self.accept(options, "audience_agent"),
            "exchange": Self::aurora_db_exchange(),
            "rest": { "operations": {
                "list_documents": { "method": "GET", "path": "/documents", "scopes": read, "query": {
                    "limit": { "min": 1, "max": 100, "required": false }, "owner": { "equals_claim": "/sub", "required": false },
                    "tag": {},
                } },
                "get_document": { "method": "GET", "path": "/documents/{id}", "scopes": read,
                    "path_rules": { "id": { "prefix": "KB-" } } },
                "document_exists": { "method": "HEAD", "path": "/documents/{id}", "scopes": read },
                "get_secret_document": { "method": "GET", "path": "/documents/secret", "refused": true },
                "get_contract": { "method": "GET", "path": "/contracts/{id}", "scopes": read, "demands": ["human"], "query": { "*": {}, "format": { "enum": ["pdf", "txt"] } } },
                "archive_document": { "method": "POST", "path": "/documents/{id}:archive", "scopes": read, "max_reuse": 0 },
                "upload_document": { "method": "PUT", "path": "/documents/{id}", "scopes": read },
                "create_note": { "method": "POST", "path": "/documents/{id}/notes", "scopes": read, "body_rules": {
                    "/text": { "max_length": 100 }, "/author/login": { "equals_claim": "/sub" }, "/approved": { "absent": true },
                    "/priority": { "min": 1, "max": 5, "required": false },
                } },
                "delete_document": { "method": "DELETE", "path": "/documents/{id}", "scopes": [streamward::WRITE] },
            } },
        })
    }

    fn aurora_db(&self, options: FilterOptions) -> Value {
        json!({
            "name": "aurora-db",
            "match": { "hosts": [self.gateway_host], "path_prefix": "/auroradb/mcp" },
            "accept": self.accept(options, "audience_agent"),
            "exchange": Self::aurora_db_exchange(),
            "mcp": {
                "tools": { "query_knowledge_base": { "scopes": [streamward::READ] } },
                "methods": ["initialize", "notifications/initialized", "ping", "tools/list"],
                "method_scopes": [streamward::READ],
                "resource_wide_scopes": [streamward::READ],
            },
        })
    }
}
