//! What binds sessions, where clients are sent for tokens, and who may call an operation of a REST interface.

use actgate_core::limits::{BINDING_SECRET_BYTES_MIN, CALLERS_MAX, SERVERS_MAX};
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

#[test]
fn a_session_secret_is_long_and_shown_nowhere() {
    let secret = |value: Value| Edit::Set("/resources/0/mcp/session_secret", value);
    let inline = |size: usize| json!({ "insecure_inline": "s".repeat(size) });
    assert_eq!(message(&[secret(inline(BINDING_SECRET_BYTES_MIN))]), "accepted");
    let config = read(&edited(&[secret(inline(BINDING_SECRET_BYTES_MIN))])).unwrap();
    assert!(!format!("{config:?}").contains(&"s".repeat(BINDING_SECRET_BYTES_MIN)));
    assert_eq!(
        message(&[secret(inline(BINDING_SECRET_BYTES_MIN - 1))]),
        "resources[0].mcp.session_secret.insecure_inline: found a short one; want at least 32 bytes of randomness: whoever guesses it takes over sessions: `openssl rand -hex 32` makes one"
    );
    assert_eq!(
        message(&[secret(json!({}))]),
        "resources[0].mcp.session_secret: empty; want {\"env\": NAME} or {\"insecure_inline\": SECRET}: say where the secret comes from"
    );
}

#[test]
fn clients_are_sent_to_issuers_only() {
    let servers = |values: Value| {
        let metadata = json!({ "resource": "https://gateway.example/auroradb/mcp", "authorization_servers": values });
        message(&[Edit::Set("/resources/0/metadata", metadata)])
    };
    let many = |count: usize| json!((0..count).map(|at| format!("https://as{at}.example")).collect::<Vec<_>>());
    assert_eq!(servers(many(SERVERS_MAX)), "accepted");
    let past = servers(many(SERVERS_MAX + 1));
    assert!(past.starts_with("resources[0].metadata.authorization_servers: found 33 issuers; "), "{past}");
    assert_eq!(
        servers(json!([])),
        "resources[0].metadata.authorization_servers: empty; want at least one issuer: leave it out for the issuers whose tokens are accepted"
    );
    for wrong in ["http://as.example", "as.example", "https://as.example/?a", "https://u@as.example"] {
        let got = servers(json!([wrong]));
        assert!(got.starts_with("resources[0].metadata.authorization_servers[0]: "), "{got}");
    }
    let twice = servers(json!(["https://as.example", "https://as.example"]));
    assert!(twice.starts_with("resources[0].metadata.authorization_servers[1]: "), "{twice}");
}

#[test]
fn a_rest_operation_may_be_for_some_only() {
    let told = |name: &str, value: Value| {
        let mut operation = json!({ "method": "GET", "path": "/a", "scopes": ["s"] });
        operation[name] = value;
        let rest = json!({ "operations": { "op": operation } });
        message(&[Edit::Remove("/resources/0/mcp"), Edit::Set("/resources/0/rest", rest)])
    };
    let many = |count: usize| json!((0..count).map(|at| format!("n{at}")).collect::<Vec<_>>());
    assert_eq!(told("subjects", many(CALLERS_MAX)), "accepted");
    assert!(told("subjects", many(CALLERS_MAX + 1)).contains("operations.op.subjects: found 257 entries; "));
    assert_eq!(told("actors", json!(["wlp1"])), "accepted");
    assert_eq!(
        told("actors", json!(["nobody"])),
        "resources[0].rest.operations.op.actors[0]: found \"nobody\"; want the id of an agent: an actor that is not registered is refused anyway"
    );
    assert_eq!(
        told("subjects", json!([])),
        "resources[0].rest.operations.op.subjects: empty; want at least one: nobody could call it: leave the operation out instead"
    );
}
