//! What the upstream answers: a refused token stays between it and the gateway, its policy does not.

use actgate::dev::world::streamward::{IDP, ORCHESTRATOR, RAS_AURORADB};
use actgate_tests::envoy_gateway::Options;
use actgate_tests::tls_client;
use serde_json::Value;

use crate::client::{A2A, assert_no_trap, code, exchange, good_request, header, request, start, token};

const CHALLENGE: (&str, &str) = ("www-authenticate", "Bearer error=\"invalid_token\", realm=\"aurora\"");

#[test]
fn an_upstream_that_refuses() {
    let gateway = start(&Options::default());
    let bytes = good_request(&token(&gateway.world, "refused"));
    let calls = || (gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1);
    let before = calls();
    assert_eq!(code(&exchange(&gateway, &bytes)), "status 200");
    let first = gateway.upstream.take().expect("a request").claims();

    // Its policy passes, without its challenge, and the token stays.
    gateway.upstream.answer_with(403, &[CHALLENGE, ("proxy-authenticate", "Basic"), ("x-upstream", "said so")]);
    let answer = exchange(&gateway, &bytes);
    assert_eq!((answer.status, header(&answer, "x-upstream")), (403, Some("said so")), "{answer:?}");
    assert_eq!((header(&answer, "www-authenticate"), header(&answer, "proxy-authenticate")), (None, None));
    assert_eq!(gateway.upstream.take().expect("a request").claims()["jti"], first["jti"]);
    assert_eq!(calls(), (before.0 + 1, before.1 + 1), "a 403 drops nothing");

    // A refused token is the gateway's to solve: the caller is told to try again, in words that name no upstream.
    gateway.upstream.answer_with(401, &[CHALLENGE, ("x-upstream", "said so")]);
    let answer = exchange(&gateway, &bytes);
    assert_eq!((answer.status, code(&answer).as_str()), (200, "upstream_refused_token"), "{answer:?}");
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).expect("JSON")["error"]["data"]["retry_after"], 1);
    assert_eq!(header(&answer, "www-authenticate"), None, "{answer:?}");
    assert_eq!(header(&answer, "x-upstream"), None, "{answer:?}");
    let seen = gateway.upstream.take().expect("a request");
    assert_eq!(seen.all("x-actgate-txn"), [header(&answer, "x-actgate-txn").expect("a transaction")]);

    // The next request gets a new token, and that one is kept.
    gateway.upstream.answer_with(200, &[CHALLENGE]);
    let answer = exchange(&gateway, &bytes);
    assert_eq!((code(&answer).as_str(), header(&answer, "www-authenticate")), ("status 200", None));
    let second = gateway.upstream.take().expect("a request").claims();
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(calls(), (before.0 + 2, before.1 + 2), "a 401 drops the token");
    assert_eq!(code(&exchange(&gateway, &bytes)), "status 200");
    assert_eq!(gateway.upstream.take().expect("a request").claims()["jti"], second["jti"]);
    assert_eq!(calls(), (before.0 + 2, before.1 + 2));

    // At hop 5 the token is the caller's own, and so is the challenge.
    gateway.upstream.answer_with(401, &[CHALLENGE]);
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"message/send","params":{}}"#;
    let mut connection = gateway.connect(Some(ORCHESTRATOR)).expect("Envoy listens");
    let bytes = request(A2A, &token(&gateway.world, "own"), "", body);
    let answer = tls_client::exchange(&mut connection, &bytes).expect("an answer");
    assert_eq!((answer.status, header(&answer, "www-authenticate")), (401, Some(CHALLENGE.1)), "{answer:?}");
    assert_no_trap(&gateway);
}
