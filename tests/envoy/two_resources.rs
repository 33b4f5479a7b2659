//! Hop 5 (to the agent, passed through) and hop 6 (to the tool, exchanged) behind one Envoy: each by its own rules.

use actgate::dev::world::streamward::{AURORADB_RESOURCE, IDP, KNOWLEDGE_AGENT, ORCHESTRATOR};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::tls_client::{self, Answer};
use serde_json::json;

use crate::client::{A2A, MCP, assert_no_trap, assert_serves, code, good_body, request, start, token};

fn a2a_body() -> Vec<u8> {
    let message = json!({"role": "user", "messageId": "m1", "parts": [{"kind": "text", "text": "What is due?"}]});
    json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message}})
        .to_string()
        .into_bytes()
}

fn ask(gateway: &EnvoyGateway, peer: &str, path: &str, token: &str) -> Answer {
    let body = if path == A2A { a2a_body() } else { good_body() };
    let mut connection = gateway.connect(Some(peer)).expect("Envoy listens");
    tls_client::exchange(&mut connection, &request(path, token, "", &body)).expect("an answer")
}

/// Asserts a refusal, and that nothing went upstream.
fn refused(gateway: &EnvoyGateway, peer: &str, path: &str, token: &str, status: u16, word: &str) {
    gateway.upstream.take_begun();
    let answer = ask(gateway, peer, path, token);
    assert_eq!((answer.status, code(&answer).as_str()), (status, word), "{peer} at {path}: {answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0, "{peer} at {path}: the upstream was reached");
}

/// Asserts that TLS itself refuses: no answer to whatever is asked.
fn no_connection(connected: Result<tls_client::Connection, Box<dyn std::error::Error>>, bytes: &[u8], what: &str) {
    if let Ok(mut connection) = connected {
        let answer = tls_client::exchange(&mut connection, bytes);
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
}

/// TLS lets nobody in without a certificate, nor with one that another authority made for the same name.
fn certificates_of_this_world_alone(gateway: &EnvoyGateway, good: &str) {
    let bytes = request(MCP, good, "", &good_body());
    no_connection(gateway.connect(None), &bytes, "no certificate");
    let elsewhere = new_world();
    let files = elsewhere.certificates.as_ref().expect("a written world");
    let authority = &gateway.world.certificates.as_ref().expect("a written world").authority;
    let namesake = tls_client::connect(
        gateway.address(),
        &gateway.world.gateway_host,
        authority,
        files.agents.get(KNOWLEDGE_AGENT),
    );
    no_connection(namesake, &bytes, "the same name by another authority");
}

#[test]
fn each_resource_has_its_own_rules() {
    let gateway = start(&Options::default());
    let good = token(&gateway.world, "both");

    // Hop 5: the orchestrator calls the agent, whose own token it holds.
    let asked = gateway.asked(IDP).0;
    let answer = ask(&gateway, ORCHESTRATOR, A2A, &good);
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    let seen = gateway.upstream.take().expect("the agent was reached");
    assert_eq!(seen.all("authorization"), [format!("Bearer {good}")]);
    assert_eq!(seen.body, a2a_body());
    assert_eq!(gateway.asked(IDP).0, asked, "nothing is exchanged for hop 5");

    // Hop 6: the agent calls the tool with the same token, which goes no further.
    let answer = ask(&gateway, KNOWLEDGE_AGENT, MCP, &good);
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    let seen = gateway.upstream.take().expect("the tool was reached");
    assert_eq!(seen.claims()["aud"], AURORADB_RESOURCE);
    assert!(!seen.headers.iter().any(|(_, value)| value.contains(&good)), "the inbound token went upstream");
    let issued = seen.all("authorization")[0].strip_prefix("Bearer ").expect("a bearer token").to_owned();

    // Who may present the token differs by resource.
    refused(&gateway, KNOWLEDGE_AGENT, A2A, &good, 401, "caller_mismatch");
    refused(&gateway, ORCHESTRATOR, MCP, &good, 401, "caller_mismatch");
    refused(&gateway, "stranger", A2A, &good, 401, "caller_mismatch");
    refused(&gateway, "stranger", MCP, &good, 401, "caller_mismatch");

    // What was issued for the tool opens neither door of the gateway.
    for (peer, path) in [(ORCHESTRATOR, A2A), (KNOWLEDGE_AGENT, MCP)] {
        refused(&gateway, peer, path, &issued, 401, "token_issuer_mismatch");
    }

    // Each speaks its own protocol.
    let mut connection = gateway.connect(Some(KNOWLEDGE_AGENT)).expect("Envoy listens");
    let answer = tls_client::exchange(&mut connection, &request(MCP, &good, "", &a2a_body())).expect("an answer");
    assert_eq!((answer.status, code(&answer).as_str()), (200, "method_not_mapped"));
    let mut connection = gateway.connect(Some(ORCHESTRATOR)).expect("Envoy listens");
    let answer = tls_client::exchange(&mut connection, &request(A2A, &good, "", &good_body())).expect("an answer");
    assert_eq!((answer.status, code(&answer).as_str()), (403, "method_not_mapped"));

    // Neither is reached by a path beside it.
    for path in ["/auroradb/mcpx", "/agents/knowledgebase", "/auroradb", "/"] {
        let answer = ask(&gateway, KNOWLEDGE_AGENT, path, &good);
        assert_eq!((answer.status, code(&answer).as_str()), (404, "resource_unknown"), "{path}: {answer:?}");
    }
    assert_eq!(gateway.upstream.take_begun(), 0);

    certificates_of_this_world_alone(&gateway, &good);
    assert_eq!(gateway.upstream.take_begun(), 0);

    assert_serves(&gateway, "last");
    assert_no_trap(&gateway);
}
