//! Who is who in a benchmark: keys made for this run, and the filter's configuration.

use std::fs;
use std::path::{Path, PathBuf};

use actgate::dev::keys::{Algorithm, SigningKey, key_set};
use serde_json::{Value, json};

/// The tool that is called.
pub(crate) const TOOL: &str = "query_knowledge_base";
/// Where it is.
pub(crate) const MCP_PATH: &str = "/mcp";
/// An operation without a body.
pub(crate) const REST_PATH: &str = "/api/incidents";
/// The same operation, whose token goes on as it came.
pub(crate) const VERIFY_PATH: &str = "/verify/incidents";

/// Keys and where their files are.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    es256: SigningKey,
    rs256: SigningKey,
    idp: SigningKey,
    agent: SigningKey,
}

impl World {
    /// Makes keys, and writes those that other processes sign with.
    pub(crate) fn generate(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder for the run");
        let world = Self {
            folder: folder.to_owned(),
            es256: SigningKey::generate(Algorithm::Es256, "issuer"),
            rs256: SigningKey::generate(Algorithm::Rs256, "issuer"),
            idp: SigningKey::generate(Algorithm::Es256, "idp"),
            agent: SigningKey::generate(Algorithm::Es256, "agent"),
        };
        for (name, key) in [("ES256", &world.es256), ("RS256", &world.rs256), ("idp", &world.idp)] {
            fs::write(world.pem(name), key.to_pem()).expect("a file for a key");
        }
        world
    }

    /// The file with that private key.
    pub(crate) fn pem(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// The key set of the tokens' issuer.
    pub(crate) fn jwks(&self, algorithm: &str) -> Value {
        let key = if algorithm == "RS256" { &self.rs256 } else { &self.es256 };
        key_set(&[key.public_jwk()])
    }

    /// The filter's configuration: a tool and an operation behind an exchange, and an operation without one.
    pub(crate) fn document(&self, algorithm: &str) -> Value {
        let same_subject = json!({ "same_subject": [{ "inbound": "/sub", "issued": "/sub" }] });
        let exchange = json!({ "id_jag": {
            "idp": "idp", "resource_server": "tool", "resource": "https://tool.bench.example/resource", "max_lifetime": "1h",
            "lineage": { "id_jag": same_subject, "access_token": same_subject },
        } });
        let accept = json!({
            "authorization_server": "issuer", "audience": "https://agent.bench.example", "presenter": "audience_agent",
            "caller": "audience_only", "required_scopes": ["agent:execute"], "max_lifetime": "2h",
            "subject_profiles": ["user"], "delegation": { "required": true, "max_actors": 4 },
        });
        let operations = |scope: &str| json!({ "operations": { "read_incidents": { "method": "GET", "path": "/incidents", "scopes": [scope] } } });
        let resource = |name: &str, path: &str| json!({ "name": name, "match": { "hosts": ["bench.example"], "path_prefix": path }, "accept": accept });
        let mut mcp = resource("mcp", MCP_PATH);
        mcp["max_body"] = json!("4MiB");
        mcp["exchange"] = exchange.clone();
        mcp["mcp"] = json!({ "tools": { TOOL: { "scopes": ["tool:read"] } }, "methods": ["ping"], "method_scopes": ["tool:read"] });
        let mut rest = resource("rest", "/api");
        rest["exchange"] = exchange;
        rest["rest"] = operations("tool:read");
        let mut verify = resource("verify", "/verify");
        verify["exchange"] = json!({ "pass_through": { "audience": "https://agent.bench.example" } });
        verify["rest"] = operations("agent:execute");
        json!({
            "allow_on_headers_stop_iteration": true,
            "sharing": { "secret": { "insecure_inline": "0123456789abcdef0123456789abcdef" } },
            "authorization_servers": {
                "issuer": { "issuer": "https://issuer.bench.example", "jwks": self.jwks(algorithm) },
                "idp": self.server("https://idp.bench.example"),
                "tool": self.server("https://tool.bench.example"),
            },
            "agents": {
                "chat-app": { "name": "Chat App", "status": "active", "profiles": ["web_app"] },
                "orchestrator": { "name": "Orchestrator", "status": "active" },
                "agent": {
                    "name": "Agent", "status": "active", "resource": "https://agent.bench.example",
                    "credential": { "private_key_jwt": {
                        "alg": "ES256", "kid": "agent", "key": { "insecure_inline": self.agent.to_pem() },
                    } },
                },
            },
            "resources": [mcp, rest, verify],
        })
    }

    fn server(&self, issuer: &str) -> Value {
        json!({
            "issuer": issuer, "token_endpoint": format!("{issuer}/token"), "cluster": "idp", "timeout": "10s",
            "jwks": key_set(&[self.idp.public_jwk()]),
        })
    }

    /// A call of the tool that is about so many bytes long; `{n}` is for the number of the request.
    pub(crate) fn call(&self, bytes: usize) -> String {
        let call = |pad: usize| {
            json!({
                "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": { "name": TOOL, "arguments": { "question": "x".repeat(pad) } },
            })
            .to_string()
        };
        call(bytes.saturating_sub(call(0).len()))
    }
}
