//! Issuers of whom nothing but their name is configured, looked up for real.

use actgate::dev::world::streamward::{IDP, RAS_AURORADB, RAS_KNOWLEDGE};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use serde_json::{Value, json};

use crate::client::{assert_no_trap, assert_refuses, assert_serves, start_with};

fn looked_up(document: &mut Value, server: &str, how: &str) {
    let server = document["authorization_servers"][server].as_object_mut().expect("a server");
    server.remove("token_endpoint");
    server.remove("jwks");
    server.insert("discovery".to_owned(), json!({"document": how}));
}

fn looks(gateway: &EnvoyGateway, issuer: &str) -> usize {
    gateway.issuer(issuer).ledger().metadata_fetches
}

#[test]
fn endpoints_are_looked_up_once_by_each_instance() {
    let gateway = start_with(&Options { workers: 2, ..Options::default() }, |document| {
        looked_up(document, "idp", "openid");
        looked_up(document, "knowledge", "oauth");
        looked_up(document, "auroradb", "oauth");
    });
    for number in 0..6 {
        assert_serves(&gateway, &format!("looked-up-{number}"));
    }
    // Two workers and the main thread.
    for issuer in [IDP, RAS_KNOWLEDGE, RAS_AURORADB] {
        assert_eq!(looks(&gateway, issuer), 3, "{issuer}");
    }
    let stats = gateway.envoy.admin_get("/stats").expect("admin answers");
    assert!(stats.contains("wasmcustom.actgate.metadata.server.auroradb.code.fetched: 3"), "{stats}");
    assert_no_trap(&gateway);
}

#[test]
fn the_last_good_answer_holds() {
    let mut gateway = start_with(&Options::default(), |document| {
        // The keys stay where they are, so that the start does not wait for the metadata.
        let server = document["authorization_servers"]["auroradb"].as_object_mut().expect("a server");
        server.remove("token_endpoint");
        server.insert("discovery".to_owned(), json!({"document": "openid"}));
    });
    // It was honest at the start, and what it said then holds until it is due again.
    gateway.order(RAS_AURORADB, "metadata:member:/issuer=\"https://elsewhere.example\"");
    assert_serves(&gateway, "last-good");
    assert_no_trap(&gateway);
}

#[test]
fn an_issuer_with_another_name_is_not_asked_for_tokens() {
    let gateway = start_with(&Options::default(), |document| {
        // Configured with a `/` at the end that the server does not have.
        let server = document["authorization_servers"]["auroradb"].as_object_mut().expect("a server");
        server.remove("token_endpoint");
        let issuer = format!("{}/", server["issuer"].as_str().expect("an issuer"));
        server.insert("issuer".to_owned(), json!(issuer));
        server.insert("discovery".to_owned(), json!({"document": "oauth"}));
    });
    assert_refuses(&gateway, "liar", 200, "endpoints_unavailable");
    assert_eq!(gateway.asked(RAS_AURORADB).1, 0, "somebody was sent a grant");
    assert!(gateway.envoy.logs().contains("\"reason\":\"issuer is another\""));
    assert_no_trap(&gateway);
}
