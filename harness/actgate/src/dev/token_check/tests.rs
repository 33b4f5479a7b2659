//! Every way a token may be wrong, each wrong in that way only.

use super::*;
use crate::dev::keys::{Algorithm, SigningKey};
use crate::dev::mint::{self, broken};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);
const ISSUER: &str = "https://issuer.example/oauth2/aus1";
const AUDIENCE: &str = "https://streamward.com/auroradb/mcp";

fn rule() -> TokenRule {
    TokenRule { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "demouser@streamward.com", "scp": ["Aurora-DB:read"],
        "iat": NOW.0, "exp": NOW.0 + 300,
        "act": { "sub": "agent", "act": { "sub": "orchestrator", "act": { "sub": "app" } } },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn check(key: &SigningKey, token: &str) -> Result<VerifiedToken, TokenRefusal> {
    verify(token, &[key.public_jwk()], &rule(), NOW)
}

#[test]
fn a_good_token_tells_human_chain_and_scope() {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let token = check(&key, &mint::access_token(&key, &claims())).expect("a good token passes");
    assert_eq!(token.subject(), "demouser@streamward.com");
    assert_eq!(token.actors(), ["agent", "orchestrator", "app"]);
    assert_eq!(token.require_scope("Aurora-DB:read"), Ok(()));
    assert_eq!(token.require_scope("Aurora-DB:write"), Err(TokenRefusal::Scope));
}

#[test]
fn a_scope_string_counts_like_a_scope_array() {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let mut claims = with("scope", json!("a Aurora-DB:read"));
    claims.as_object_mut().expect("claims are an object").remove("scp");
    let token = check(&key, &mint::access_token(&key, &claims)).expect("a good token passes");
    assert_eq!(token.scopes(), ["a", "Aurora-DB:read"]);
}

#[test]
fn wrong_claims_are_refused_for_their_own_reason() {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let deep = (0..=ACTORS_MAX).fold(json!({ "sub": "a" }), |act, _| json!({ "sub": "a", "act": act }));
    let cases = [
        (with("iss", json!("https://issuer.example/oauth2/aus0")), TokenRefusal::Issuer),
        (with("aud", json!("https://streamward.com/corp/knowledge")), TokenRefusal::Audience),
        (with("aud", json!([AUDIENCE, "https://elsewhere.example"])), TokenRefusal::Audience),
        (with("aud", Value::Null), TokenRefusal::Audience),
        (with("exp", json!(NOW.0)), TokenRefusal::Expired),
        (with("exp", Value::Null), TokenRefusal::Expired),
        (with("nbf", json!(NOW.0 + 31)), TokenRefusal::NotYetValid),
        (with("sub", json!("")), TokenRefusal::Malformed),
        (with("act", json!({ "sub": "agent", "act": { "sub_profile": "ai_agent" } })), TokenRefusal::Chain),
        (with("act", deep), TokenRefusal::Chain),
    ];
    for (claims, refusal) in cases {
        assert_eq!(check(&key, &mint::access_token(&key, &claims)), Err(refusal), "{claims}");
    }
}

#[test]
fn a_token_of_another_kind_or_another_key_is_refused() {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let other = SigningKey::generate(Algorithm::Es256, "k");
    let good = mint::access_token(&key, &claims());
    let cases = [
        (mint::jws(&key, &json!({ "typ": "oauth-id-jag+jwt" }), &claims()), TokenRefusal::Typ),
        (mint::access_token(&other, &claims()), TokenRefusal::Signature),
        (broken::bad_signature(&good), TokenRefusal::Signature),
        (broken::alg_none("none", &claims()), TokenRefusal::Signature),
        (broken::hs256_with_public_key(&key, &claims()), TokenRefusal::Signature),
        (broken::embedded_jwk(&other, &claims()), TokenRefusal::Signature),
        (broken::missing_part(&good), TokenRefusal::Malformed),
        (String::new(), TokenRefusal::Malformed),
    ];
    for (token, refusal) in cases {
        assert_eq!(check(&key, &token), Err(refusal));
    }
    assert_eq!(verify(&good, &[], &rule(), NOW), Err(TokenRefusal::Signature), "no keys, no trust");
}
