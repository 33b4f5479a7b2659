//! An API key on the line of somebody else, where its agent has no certificate to compare with.

use super::*;
use crate::digest::sha256;

const KEY: &str = "test-key-0f8b7a6c5d4e3f2a1b0c9d8e7f6a";

/// A worker that serves one agent by its API key alone, and knows another one by its certificate.
fn plugin() -> Plugin {
    let digest: String = sha256(KEY.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut served = resource(
        "mcp",
        &json!({
            "exchange": {"inject": {"as": "header", "header": "x-api-key", "secret": {"env": "SECRET"}}},
            "mcp": {"tools": {"free": {"scopes": ["read"]}}},
        }),
    );
    served["accept"]["subject_profiles"] = json!(["service"]);
    served["accept"]["workloads"] = json!({"agents": ["keyed"], "by": ["api_key"]});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "api_key_header": "x-agent-key",
        "authorization_servers": {"as": {"issuer": "https://as.example", "cluster": "as",
            "jwks": {"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]}}},
        "agents": {
            "agent": agent(),
            "keyed": {"name": "Keyed", "status": "active", "api_key_sha256": [digest], "ceiling": {"scopes": ["read"]}},
        },
        "resources": [served],
    });
    let env = |name: &str| match name {
        "SECRET" => Some("opaque-injected-secret-0001".to_owned()),
        _ => Some(private_pem(Algorithm::Es256)),
    };
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

#[test]
fn a_key_on_the_line_of_another_agent_is_stolen() {
    for (shown, want) in [
        (None, "reads"),
        (Some("spiffe://e.example/nobody-registered"), "reads"),
        (Some("spiffe://e.example/agent"), "caller_mismatch"),
    ] {
        let headers: [(&[u8], &[u8]); 5] = [
            (b":method", b"POST"),
            (b":path", b"/mcp"),
            (b":authority", b"e.example"),
            (b"content-type", b"application/json"),
            (b"x-agent-key", KEY.as_bytes()),
        ];
        let peer = Peer { uri_san: shown, ..Peer::default() };
        let head = RequestHead { stream: StreamId(1), headers: Headers::of(&headers), peer, end_of_stream: false };
        let step = at(&mut plugin(), NOW, |plugin, ambient| handle_request_headers(plugin, ambient, &head));
        assert_eq!(code(&step), want, "{shown:?}");
    }
}
