//! Faults of the key that tokens for an upstream are tied to.

use actgate_core::algorithm::Algorithm;
use actgate_core::config::{Acquisition, Exchange};
use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, edited, message, read};

const DPOP: &str = "/resources/0/exchange/dpop";

fn dpop() -> Value {
    json!({"key": {"env": "KEY"}, "origin": "https://upstream.example"})
}

fn with(name: &str, value: Value) -> [Edit; 1] {
    let mut dpop = dpop();
    if value.is_null() {
        dpop.as_object_mut().unwrap().remove(name);
    } else {
        dpop[name] = value;
    }
    [Edit::Set(DPOP, dpop)]
}

#[test]
fn keys_and_origins() {
    let origin = "want an origin such as \"https://upstream.example\", without a path: the `htu` of a proof is this origin with the path of the request";
    check(&[
        (
            &with("key", Value::Null),
            "resources[0].exchange.dpop.key: missing; want {\"env\": NAME} or {\"insecure_inline\": PEM}: say where the private key comes from",
        ),
        (
            &with("key", json!({"env": "KEY_SEC1"})),
            "resources[0].exchange.dpop.key.env: found something else; want a private key for ES256 in unencrypted PKCS#8 PEM: it begins with -----BEGIN PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` converts others",
        ),
        (
            &with("key", json!({"env": "KEY_RSA"})),
            "resources[0].exchange.dpop.key.env: found a key that does not fit; want a private key for ES256 in unencrypted PKCS#8 PEM: its type, curve and length must be the algorithm's",
        ),
        (
            &with("algorithm", json!("HS256")),
            "resources[0].exchange.dpop.algorithm: found \"HS256\"; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": the algorithm that this key signs with",
        ),
        (&with("origin", Value::Null), &format!("resources[0].exchange.dpop.origin: missing; {origin}")),
        (
            &with("origin", json!("https://upstream.example/mcp")),
            &format!("resources[0].exchange.dpop.origin: found \"https://upstream.example/mcp\"; {origin}"),
        ),
        (
            &with("origins", json!([])),
            "resources[0].exchange.dpop.origins: unknown; want \"key\", \"algorithm\", \"origin\" or \"grant\": correct the name, or remove the member",
        ),
    ]);
}

#[test]
fn where_no_token_could_be_tied() {
    let want = "want \"id_jag\", \"token_exchange\", \"identity_chaining\" or \"client_credentials\" beside it";
    let beside = |kind: Value| {
        let mut exchange = kind;
        exchange["dpop"] = dpop();
        [Edit::Set("/resources/1/exchange", exchange)]
    };
    let exchanged =
        json!({"server": "idp", "resource": "https://example/x", "max_lifetime": "1h", "issued_token": "opaque"});
    check(&[
        (
            &beside(json!({"pass_through": {"audience": "https://example/corp/knowledge"}})),
            &format!(
                "resources[1].exchange.dpop: found beside \"pass_through\"; {want}: the token was issued to the caller, and is tied to the caller's key or to none"
            ),
        ),
        (
            &beside(json!({"inject": {"as": "bearer", "secret": {"env": "SECRET"}}})),
            &format!(
                "resources[1].exchange.dpop: found beside \"inject\"; {want}: an injected secret is no token, and nobody could tie it to a key"
            ),
        ),
        (
            &beside(
                json!({"transaction_token": {"server": "idp", "audience": "https://example/x", "max_lifetime": "5m"}}),
            ),
            &format!(
                "resources[1].exchange.dpop: found beside nothing but \"transaction_token\"; {want}: a transaction token opens nothing, and no service asks for the proof of a key beside it"
            ),
        ),
        (
            &beside(json!({})),
            "resources[1].exchange: empty; want one of \"id_jag\", \"token_exchange\", \"identity_chaining\", \"client_credentials\", \"inject\" and \"pass_through\", or \"transaction_token\": say what credential is sent on",
        ),
        (
            &[
                Edit::Set("/resources/0/exchange", json!({"token_exchange": exchanged})),
                Edit::Set(DPOP, json!({"key": {"env": "KEY"}, "origin": "https://upstream.example", "grant": true})),
            ],
            "resources[0].exchange.dpop.grant: found true beside \"token_exchange\"; want false: one call gives the token, and it always proves the key",
        ),
    ]);
}

fn acquisition(edits: &[Edit]) -> std::sync::Arc<Acquisition> {
    let config = read(&edited(edits)).unwrap();
    let Exchange::Acquire(acquisition) = &config.resources[0].exchange else { unreachable!("it is acquired") };
    std::sync::Arc::clone(acquisition)
}

#[test]
fn what_is_good_arrives() {
    let acquired = acquisition(&with("origin", json!("https://Upstream.example:443")));
    let dpop = acquired.dpop.as_ref().unwrap();
    assert_eq!((dpop.key.algorithm(), dpop.proves_grant), (Algorithm::Es256, false));
    assert_eq!(dpop.origin, "https://upstream.example");
    assert_eq!(dpop.jkt().unwrap().len(), 43);
    let acquired = acquisition(&with("grant", json!(true)));
    assert!(acquired.dpop.as_ref().unwrap().proves_grant);
    assert!(acquisition(&[]).dpop.is_none());
    for (algorithm, key) in [("RS256", "KEY_RSA"), ("ES384", "KEY_P384")] {
        let dpop = json!({"key": {"env": key}, "algorithm": algorithm, "origin": "http://127.0.0.1:8080"});
        assert_eq!(message(&[Edit::Set(DPOP, dpop)]), "accepted", "{algorithm}");
    }
}

#[test]
fn every_key_that_signs_is_tried_with_the_host() {
    let count = |edits: &[Edit]| read(&edited(edits)).unwrap().signing_keys().count();
    assert_eq!(count(&with("grant", json!(false))), count(&[]) + 1);
}
