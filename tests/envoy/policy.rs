//! The rules of a resource on who may act for whom, in a real Envoy.

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::mint;
use actgate::dev::world::streamward::{
    CHAT_APP, DEMO_USER, IDP, KNOWLEDGE_AGENT, ORCHESTRATOR, RAS_KNOWLEDGE, SECOND_USER,
};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

use crate::client::{assert_no_trap, code, exchange, good_request, header, start_with};

/// A good token whose claims are changed by `edit`.
fn token(gateway: &EnvoyGateway, jti: &str, edit: impl FnOnce(&mut Value)) -> String {
    let now = UnixSeconds::from_system_clock();
    let mut claims = good_claims(now, jti);
    claims["auth_time"] = json!(now.0 - 60);
    claims["tenant"] = json!("t1");
    claims["groups"] = json!(["finance"]);
    claims["entitlements"] = json!(["Aurora-DB:read"]);
    edit(&mut claims);
    let keys = gateway.world.issuer_keys(RAS_KNOWLEDGE);
    mint::access_token(keys.first().expect("a key"), &claims)
}

fn refused(gateway: &EnvoyGateway, status: u16, word: &str, edit: impl FnOnce(&mut Value)) -> String {
    gateway.upstream.take_begun();
    let asked = gateway.asked(IDP).0;
    let answer = exchange(gateway, &good_request(&token(gateway, word, edit)));
    assert_eq!((answer.status, code(&answer).as_str()), (status, word), "{answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0, "{word}: the upstream was reached");
    assert_eq!(gateway.asked(IDP).0, asked, "{word}: something was exchanged");
    header(&answer, "www-authenticate").unwrap_or_default().to_owned()
}

#[test]
fn every_rule_of_a_resource_refuses_by_its_own_name() {
    let gateway = start_with(&Options::default(), |document| {
        document["agents"][KNOWLEDGE_AGENT]["ceiling"] =
            json!({"scopes": ["Aurora-DB:read"], "resources": ["aurora-db"]});
        let accept = &mut document["resources"][1]["accept"];
        accept["authentication"] = json!({"max_age": "10m"});
        accept["entitlements"] = json!("/entitlements");
        accept["claims"] = json!([{"at": "/tenant", "const": "t1"}]);
        accept["delegation"]["client"] = json!("current_actor");
        accept["delegation"]["actor_issuer"] = json!("forbidden");
        accept["delegation"]["groups"] = json!("/groups");
        accept["delegation"]["pairs"] = json!([{"groups": ["finance"], "actors": [ORCHESTRATOR]}]);
    });
    let answer = exchange(&gateway, &good_request(&token(&gateway, "good", |_| {})));
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    let seen = gateway.upstream.take().expect("a request");
    assert_eq!((&seen.claims()["sub"], &seen.claims()["scp"]), (&json!(DEMO_USER), &json!(["Aurora-DB:read"])));

    let challenge = refused(&gateway, 401, "authentication_too_old", |claims| {
        claims["auth_time"] = json!(UnixSeconds::from_system_clock().0 - 3600);
    });
    assert!(challenge.contains(r#"error="insufficient_user_authentication", max_age="600""#), "{challenge}");
    let challenge = refused(&gateway, 403, "pair_not_accepted", |claims| claims["groups"] = json!(["staff"]));
    assert!(challenge.contains(r#"error="actor_unauthorized""#), "{challenge}");
    refused(&gateway, 401, "client_mismatch", |claims| claims["cid"] = json!(CHAT_APP));
    refused(&gateway, 401, "actor_issuer_refused", |claims| {
        let issuer = claims["iss"].clone();
        claims["act"]["iss"] = issuer;
    });
    refused(&gateway, 403, "claim_not_accepted", |claims| claims["tenant"] = json!("t2"));
    refused(&gateway, 200, "scope_beyond_subject", |claims| {
        claims["sub"] = json!(SECOND_USER);
        claims["entitlements"] = json!([]);
    });
    assert_no_trap(&gateway);
}
