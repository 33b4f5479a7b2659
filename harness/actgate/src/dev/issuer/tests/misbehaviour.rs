use serde_json::{Value, json};

use super::{NOW, Scene, assert_refused};
use crate::dev::issuer::http::{HttpRequest, HttpResponse};
use crate::dev::issuer::misbehaviour::{Break, Misbehaviour, WITH_A_VALUE};
use crate::dev::mint::{claims_of, header_of};
use crate::dev::world::streamward::{
    IDP, KNOWLEDGE_AGENT, ORCHESTRATOR, RAS_AURORADB, READ, SECOND_USER, SECOND_USER_ID, WRITE,
};

/// Hop 8 at a server that does as the word says.
fn hop_8(word: &str) -> HttpResponse {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    order(&mut scene, RAS_AURORADB, word);
    scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields)
}

fn order(scene: &mut Scene, server: &str, word: &str) {
    let how = word.parse().expect("a known word");
    scene.issuers.get_mut(server).expect("the world has one").misbehave(how);
}

fn token(answer: &HttpResponse) -> String {
    answer.body_json()["access_token"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_lies_in_a_token_are_the_ones_ordered() {
    let claim = |word: &str, name: &str| claims_of(&token(&hop_8(word)))[name].clone();
    assert_eq!(claim("widen", "scp"), json!([READ, WRITE]));
    assert_eq!(hop_8("widen").body_json()["scope"], format!("{READ} {WRITE}"));
    assert_eq!(claim("drop-act", "act"), json!({ "sub": KNOWLEDGE_AGENT, "sub_profile": "ai_agent" }));
    assert_eq!(claim("swap-sub", "sub"), SECOND_USER);
    assert_eq!(claim("swap-sub", "uid"), SECOND_USER_ID);
    assert_eq!(claim("wrong-aud", "aud"), "https://elsewhere.example");
    assert_eq!(claim("wrong-iss", "iss"), "https://elsewhere.example");
    assert_eq!(claim("expired", "exp"), NOW.0 - 10);
    assert!(claim("long-lived", "exp").as_u64().is_some_and(|exp| exp > NOW.0 + 300_000_000));
    assert_eq!(header_of(&token(&hop_8("wrong-typ")))["typ"], "dpop+jwt");
    assert_eq!(header_of(&token(&hop_8("unknown-key")))["kid"], "unknown");
    assert!(!token(&hop_8("opaque")).contains('.'));
    assert_eq!(hop_8("no-expires-in").body_json().get("expires_in"), None::<&Value>);
}

#[test]
fn the_signature_is_wrong_when_ordered_and_right_otherwise() {
    let mut scene = Scene::new();
    let keys = scene.issuers.get(RAS_AURORADB).expect("the world has one").published_keys();
    for (word, good) in
        [(None, true), (Some("bad-signature"), false), (Some("unknown-key"), false), (Some("widen"), true)]
    {
        let fields = scene.bearer_fields();
        scene.issuers.get_mut(RAS_AURORADB).expect("the world has one").behave();
        if let Some(word) = word {
            order(&mut scene, RAS_AURORADB, word);
        }
        let answer = scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields);
        let token = crate::dev::issuer::jws::Jws::parse(&token(&answer)).expect("a JWT");
        assert_eq!(token.verified_by(&keys), good, "{word:?}");
    }
}

#[test]
fn the_identity_provider_lies_too() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let first = token(&scene.send(IDP, KNOWLEDGE_AGENT, &fields));
    order(&mut scene, IDP, "reuse-jag");
    assert_eq!(token(&scene.send(IDP, KNOWLEDGE_AGENT, &fields)), first);
    scene.issuers.get_mut(IDP).expect("the world has one").behave();
    order(&mut scene, IDP, "swap-sub");
    let claims = claims_of(&token(&scene.send(IDP, KNOWLEDGE_AGENT, &fields)));
    assert_eq!((&claims["sub"], &claims["email"]), (&json!(SECOND_USER_ID), &json!(SECOND_USER)));

    // A client that checks nothing ends up with a right the agent was never to have.
    scene.issuers.get_mut(IDP).expect("the world has one").behave();
    order(&mut scene, IDP, "widen");
    let fields = scene.bearer_fields();
    let answer = scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields);
    assert_eq!(claims_of(&token(&answer))["scp"], json!([READ, WRITE]));
    assert_ne!(claims_of(&token(&answer))["act"]["sub"], ORCHESTRATOR);
}

#[test]
fn the_failures_are_the_ones_ordered() {
    assert_eq!(hop_8("status=500").status, 500);
    assert_eq!(hop_8("status=503").status, 503);
    assert!(serde_json::from_slice::<Value>(&hop_8("garbage").body).is_err());
    assert_eq!(hop_8("huge=2").body.len() >> 20, 2);
    let html = hop_8("wrong-content-type");
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html")));
    let empty = hop_8("empty");
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    assert_eq!(hop_8("redirect").status, 302);
    assert_eq!(hop_8("slow=3000").delay_ms, 3000);
    let twice = hop_8("duplicate-keys").body;
    assert_eq!(String::from_utf8_lossy(&twice).matches("\"access_token\"").count(), 2);
    assert!(hop_8("deep-nesting").body.iter().filter(|byte| **byte == b'[').count() >= 1000);
    assert_refused("ordered", &hop_8("invalid_client"), 401, "invalid_client");
    for error in ["invalid_grant", "access_denied", "interaction_required", "insufficient_user_authentication"] {
        assert_refused("ordered", &hop_8(error), 400, error);
    }
}

#[test]
fn the_jwks_fails_apart_from_the_token_endpoint_and_for_as_long_as_ordered() {
    let mut scene = Scene::new();
    order(&mut scene, RAS_AURORADB, "keys:status=500*2");
    let keys = HttpRequest::get("/oauth2/aus1/v1/keys");
    let statuses: Vec<u16> = (0..3).map(|_| scene.handle(RAS_AURORADB, &keys).status).collect();
    assert_eq!(statuses, [500, 500, 200]);
    order(&mut scene, RAS_AURORADB, "keys:garbage");
    let fields = scene.bearer_fields();
    assert_eq!(scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).status, 200);
}

#[test]
fn every_word_is_understood_and_no_other() {
    for word in Misbehaviour::words() {
        let example = WITH_A_VALUE.iter().find(|(usage, _)| *usage == word).map_or(word, |(_, example)| *example);
        assert!(example.parse::<Break>().is_ok(), "{word}");
    }
    for word in ["", "wide", "slow", "slow=", "status=x", "nowhere:widen", "widen*", "widen*x"] {
        assert!(word.parse::<Break>().is_err(), "{word}");
    }
}

#[test]
fn a_refused_or_broken_request_is_counted_and_no_token_is_kept() {
    let mut scene = Scene::new();
    order(&mut scene, IDP, "status=503*1");
    let fields = scene.exchange_fields();
    let before = scene.issuers.get(IDP).expect("the world has one").ledger().exchanges;
    scene.send(IDP, KNOWLEDGE_AGENT, &fields);
    scene.send(IDP, KNOWLEDGE_AGENT, &fields.clone().set("scope", WRITE));
    scene.send(IDP, KNOWLEDGE_AGENT, &fields);
    let ledger = scene.issuers.get(IDP).expect("the world has one").ledger();
    assert_eq!((ledger.exchanges - before, ledger.refusals), (3, 2));
    let written = serde_json::to_string(ledger).expect("a ledger is JSON");
    let signature = scene.t3.rsplit('.').next().unwrap_or_default();
    assert!(!written.contains(signature) && !written.contains("eyJ"), "{written}");
}
