use serde_json::{Value, json};

use super::*;
use crate::algorithm::{Algorithm, Algorithms};
use crate::jwt::sample::Issuer;
use crate::redacted::Redacted;
use crate::signatures::InGuest;

const NOW: u64 = 1_795_478_400;
const FACTS: Facts<'_> = Facts { method: "POST", path: "/mcp", token: "token", token_digest: None };

impl ProvenKey {
    /// A key that nobody proved.
    pub(crate) fn for_test(thumbprint: [u8; 32], seen: [u8; 32], ends: UnixSeconds) -> Self {
        Self { thumbprint, seen, ends }
    }
}

fn rules() -> DpopRules {
    DpopRules {
        origin: "https://gateway.example".to_owned(),
        algorithms: Algorithms::new([Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]).unwrap(),
        max_age: Seconds::new(60),
        nonce_secret: None,
    }
}

fn claims() -> Value {
    let hash = base64url::encode(&sha256(b"token")).unwrap();
    json!({"jti": "1", "htm": "POST", "htu": "https://gateway.example/mcp", "iat": NOW, "ath": hash})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn proof(algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    let issuer = Issuer::of(algorithm);
    let mut whole = json!({"typ": "dpop+jwt", "alg": algorithm.name(), "jwk": issuer.jwk(json!({}))});
    for (name, value) in header.as_object().unwrap() {
        whole[name] = value.clone();
    }
    issuer.token(&whole.to_string(), &claims.to_string())
}

fn read(text: &str) -> Result<ProvenKey, DpopError> {
    read_by(text, &rules(), NOW)
}

fn read_by(text: &str, rules: &DpopRules, now: u64) -> Result<ProvenKey, DpopError> {
    Proof::read(text, FACTS, rules, UnixSeconds::new(now)).and_then(|proof| proof.verify(&InGuest))
}

fn check(claims: &Value, want: Result<(), DpopError>) {
    assert_eq!(read(&proof(Algorithm::Es256, &json!({}), claims)).map(|_| ()), want, "{claims}");
}

#[test]
fn a_proof_proves_its_key() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let proven = read(&proof(algorithm, &json!({}), &claims())).unwrap();
        assert_eq!(proven.thumbprint(), Issuer::of(algorithm).unbound_key().thumbprint());
    }
}

#[test]
fn every_claim_is_needed() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        check(&claims, Err(DpopError::Malformed));
        check(&with(name, json!(null)), Err(DpopError::Malformed));
        check(&with(name, json!("")), Err(DpopError::Malformed));
    }
}

#[test]
fn the_header_is_held_to_its_form() {
    let header = |header: Value, want| {
        assert_eq!(read(&proof(Algorithm::Es256, &header, &claims())).map(|_| ()), want, "{header}");
    };
    header(json!({"typ": "DPoP+JWT"}), Ok(()));
    header(json!({"typ": "JWT"}), Err(DpopError::Typ));
    header(json!({"typ": "at+jwt"}), Err(DpopError::Typ));
    header(json!({"alg": "none"}), Err(DpopError::Alg));
    header(json!({"alg": "HS256"}), Err(DpopError::Alg));
    header(json!({"alg": "ES512"}), Err(DpopError::Alg));
    // Known, and not taken at this resource.
    header(json!({"alg": "PS256"}), Err(DpopError::Signature));
    header(json!({"alg": "EdDSA"}), Err(DpopError::Key));
    header(json!({"crit": ["x"]}), Err(DpopError::Malformed));
    header(json!({"jku": "https://attacker.example"}), Err(DpopError::Malformed));
    header(json!({"jwk": null}), Err(DpopError::Key));
    header(json!({"jwk": "k"}), Err(DpopError::Key));
    header(json!({"jwk": {"kty": "oct", "k": "AAAA"}}), Err(DpopError::Key));
    let private = Issuer::of(Algorithm::Es256).jwk(json!({"d": "AAAA"}));
    header(json!({"jwk": private}), Err(DpopError::Key));
    header(json!({"jwk": Issuer::stranger().jwk(json!({}))}), Err(DpopError::Signature));
}

#[test]
fn a_known_algorithm_may_still_not_be_taken() {
    let text = proof(Algorithm::Es384, &json!({}), &claims());
    assert_eq!(read(&text).map(|_| ()), Err(DpopError::Alg));
}

#[test]
fn a_proof_without_a_key_names_none() {
    let issuer = Issuer::of(Algorithm::Es256);
    let text = issuer.token(r#"{"typ":"dpop+jwt","alg":"ES256"}"#, &claims().to_string());
    assert_eq!(read(&text).map(|_| ()), Err(DpopError::Key));
}

#[test]
fn the_target_is_the_configured_origin_and_the_path() {
    for htu in [
        "https://gateway.example/mcp",
        "HTTPS://Gateway.Example/mcp",
        "https://gateway.example:443/mcp",
        "https://gateway.example/mcp?a=b",
        "https://gateway.example/mcp#a",
    ] {
        check(&with("htu", json!(htu)), Ok(()));
    }
    for htu in [
        "http://gateway.example/mcp",
        "https://gateway.example:8443/mcp",
        "https://gateway.example/MCP",
        "https://gateway.example/mcp/",
        "https://gateway.example/",
        "https://gateway.example",
        "https://gateway.example.attacker.example/mcp",
        "https://gateway.example@attacker.example/mcp",
        "https://attacker.example/mcp",
        "/mcp",
        "gateway.example/mcp",
        "https:/gateway.example/mcp",
        "https://gateway.example/x/../mcp",
        "https://gateway.example/%6dcp",
    ] {
        check(&with("htu", json!(htu)), Err(DpopError::Target));
    }
}

#[test]
fn other_facts_are_refused() {
    check(&with("htm", json!("post")), Err(DpopError::Method));
    check(&with("htm", json!("GET")), Err(DpopError::Method));
    check(&with("ath", json!(base64url::encode(&sha256(b"other")).unwrap())), Err(DpopError::Token));
}

#[test]
fn a_proof_lives_for_its_age_and_little_in_the_future() {
    let text = proof(Algorithm::Es256, &json!({}), &claims());
    for (now, want) in [
        (NOW + 60, Ok(())),
        (NOW + 61, Err(DpopError::Age)),
        (NOW - DPOP_FUTURE_SECONDS_MAX, Ok(())),
        (NOW - DPOP_FUTURE_SECONDS_MAX - 1, Err(DpopError::Age)),
    ] {
        assert_eq!(read_by(&text, &rules(), now).map(|_| ()), want, "{now}");
    }
}

#[test]
fn where_there_are_nonces_a_proof_needs_one() {
    let secret = Redacted::new("secret".to_owned());
    let rules = DpopRules { nonce_secret: Some(secret.clone()), ..rules() };
    let nonce = nonce::current(&secret, UnixSeconds::new(NOW)).unwrap();
    for (claims, want) in [
        (claims(), Err(DpopError::Nonce)),
        (with("nonce", json!("other")), Err(DpopError::Nonce)),
        (with("nonce", json!(7)), Err(DpopError::Malformed)),
        (with("nonce", json!(nonce)), Ok(())),
    ] {
        let text = proof(Algorithm::Es256, &json!({}), &claims);
        assert_eq!(read_by(&text, &rules, NOW).map(|_| ()), want, "{claims}");
    }
}

#[test]
fn the_length_of_a_proof_is_bounded() {
    let padded = |length: usize| {
        (0..4).find_map(|spare| {
            let header = json!({"x": "x".repeat(spare)});
            let bare = proof(Algorithm::Es256, &header, &with("pad", json!(""))).len();
            let pad = length.checked_sub(bare)?.checked_mul(3)?.checked_div(4)?;
            (pad.saturating_sub(3)..=pad.saturating_add(3))
                .map(|pad| proof(Algorithm::Es256, &header, &with("pad", json!("x".repeat(pad)))))
                .find(|text| text.len() == length)
        })
    };
    assert!(read(&padded(DPOP_PROOF_BYTES_MAX).unwrap()).is_ok());
    assert_eq!(read(&padded(DPOP_PROOF_BYTES_MAX + 1).unwrap()).map(|_| ()), Err(DpopError::Malformed));
}

#[test]
fn one_proof_is_one_whatever_its_signature() {
    let seen = |claims: &Value| read(&proof(Algorithm::Es256, &json!({}), claims)).unwrap().seen;
    assert_eq!(seen(&claims()), seen(&with("other", json!(1))));
    assert_ne!(seen(&claims()), seen(&with("jti", json!("2"))));
}
