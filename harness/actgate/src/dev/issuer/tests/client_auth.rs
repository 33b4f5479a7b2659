use serde_json::{Value, json};

use super::{NOW, Scene, assert_refused, with};
use crate::dev::issuer::http::HttpRequest;
use crate::dev::keys::{Algorithm, SigningKey};
use crate::dev::mint::{self, broken};
use crate::dev::world::streamward::{IDP, KNOWLEDGE_AGENT, ORCHESTRATOR, RAS_AURORADB};

const ENDPOINT: &str = "https://streamward.okta.example/oauth2/v1/token";

fn honest() -> Value {
    json!({
        "iss": KNOWLEDGE_AGENT, "sub": KNOWLEDGE_AGENT, "aud": ENDPOINT, "jti": "one",
        "iat": NOW.0, "exp": NOW.0 + 60,
    })
}

#[test]
fn an_honest_assertion_is_accepted_once() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let assertion = mint::jws(scene.key(KNOWLEDGE_AGENT), &json!({ "typ": "JWT" }), &honest());
    assert_eq!(scene.send_with(IDP, &assertion, &fields).status, 200);
    let again = scene.send_with(IDP, &assertion, &fields);
    assert_refused("the same assertion again", &again, 401, "invalid_client");
    let resigned = mint::jws(scene.key(KNOWLEDGE_AGENT), &json!({}), &with(honest(), "iat", json!(NOW.0 - 1)));
    let again = scene.send_with(IDP, &resigned, &fields);
    assert_refused("the same jti in another assertion", &again, 401, "invalid_client");
}

#[test]
fn a_wrong_claim_is_refused() {
    let cases = [
        ("iss is another", "iss", json!(ORCHESTRATOR)),
        ("no iss", "iss", Value::Null),
        ("sub is another", "sub", json!(ORCHESTRATOR)),
        ("no sub", "sub", Value::Null),
        ("aud is the issuer", "aud", json!("https://streamward.okta.example")),
        ("aud is another endpoint", "aud", json!("https://streamward.okta.example/oauth2/aus1/v1/token")),
        ("aud has one more", "aud", json!([ENDPOINT, "https://elsewhere.example"])),
        ("no aud", "aud", Value::Null),
        ("expired", "exp", json!(NOW.0)),
        ("lives too long", "exp", json!(NOW.0 + 3601)),
        ("no exp", "exp", Value::Null),
        ("exp is text", "exp", json!("1780000060")),
        ("from the future", "iat", json!(NOW.0 + 61)),
        ("not yet valid", "nbf", json!(NOW.0 + 61)),
        ("no jti", "jti", Value::Null),
    ];
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    for (case, claim, value) in cases {
        let assertion = mint::jws(scene.key(KNOWLEDGE_AGENT), &json!({}), &with(honest(), claim, value));
        let answer = scene.send_with(IDP, &assertion, &fields);
        assert_refused(case, &answer, 401, "invalid_client");
    }
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 200, "the same request, honestly");
}

#[test]
fn a_wrong_signature_or_header_is_refused() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let key = scene.key(KNOWLEDGE_AGENT).clone();
    let good = mint::jws(&key, &json!({}), &honest());
    let stranger = SigningKey::generate(Algorithm::Es256, "k1");
    let cases = [
        ("another key under the same kid", mint::jws(&stranger, &json!({}), &honest())),
        ("another client's key", mint::jws(scene.key(ORCHESTRATOR), &json!({}), &honest())),
        ("a kid nobody registered", mint::jws(&key, &json!({ "kid": "k2" }), &honest())),
        ("alg of another family", mint::jws(&key, &json!({ "alg": "ES384" }), &honest())),
        ("typ of an ID-JAG", mint::jws(&key, &json!({ "typ": "oauth-id-jag+jwt" }), &honest())),
        ("typ of an access token", mint::access_token(&key, &honest())),
        ("unknown crit", broken::unknown_crit(&key, &honest())),
        ("key in the header", broken::embedded_jwk(&stranger, &honest())),
        ("alg none", broken::alg_none("none", &honest())),
        ("HS256 with the public key", broken::hs256_with_public_key(&key, &honest())),
        ("a bit turned", broken::bad_signature(&good)),
        ("no signature", broken::empty_signature(&good)),
        ("DER signature", broken::der_signature(&good)),
        ("zero signature", broken::zero_signature(&good)),
        ("loose base64", broken::non_canonical_base64(&good).expect("64 bytes leave bits unused")),
        ("padding", broken::padded(&good)),
        ("four parts", broken::extra_part(&good)),
        ("two parts", broken::missing_part(&good)),
        ("claims swapped", broken::swapped_claims(&good, &with(honest(), "jti", json!("two")))),
        (
            "a name twice",
            mint::signed_bytes(&key, br#"{"alg":"ES256","alg":"ES256"}"#, honest().to_string().as_bytes()),
        ),
        ("nothing", String::new()),
    ];
    for (case, assertion) in cases {
        let answer = scene.send_with(IDP, &assertion, &fields);
        assert_refused(case, &answer, 401, "invalid_client");
    }
    assert_eq!(scene.send_with(IDP, &good, &fields).status, 200, "the good one, after all");
}

#[test]
fn another_way_to_authenticate_is_refused() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let assertion_type = fields.clone().and("client_id", KNOWLEDGE_AGENT);
    let request = HttpRequest::form("/oauth2/v1/token", &assertion_type.pairs());
    assert_refused("client_id alone", &scene.handle(IDP, &request), 401, "invalid_client");

    let secret = fields.clone().and("client_secret", "secret");
    assert_refused("a secret beside it", &scene.send(IDP, KNOWLEDGE_AGENT, &secret), 400, "invalid_request");
    let other = fields.clone().and("client_id", ORCHESTRATOR);
    assert_refused("client_id of another", &scene.send(IDP, KNOWLEDGE_AGENT, &other), 401, "invalid_client");

    // What happens when a gateway forwards the inbound credential to the token endpoint.
    let mut request = scene.world.token_request(IDP, KNOWLEDGE_AGENT, &fields.pairs(), NOW);
    request.headers.push(("authorization".to_owned(), format!("Bearer {}", scene.t3)));
    assert_refused("a bearer token beside it", &scene.handle(IDP, &request), 400, "invalid_request");
}

#[test]
fn an_assertion_for_one_server_is_refused_by_the_other() {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    let assertion = mint::jws(scene.key(KNOWLEDGE_AGENT), &json!({}), &honest());
    assert_refused("hop 7's assertion", &scene.send_with(RAS_AURORADB, &assertion, &fields), 401, "invalid_client");
}

#[test]
fn the_issuer_can_be_the_audience_instead() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let idp = scene.issuers.get_mut(IDP).expect("the world has one");
    idp.config_mut().client_assertion_audience = crate::dev::issuer::config::AssertionAudience::Issuer;
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields);
    assert_refused("the endpoint", &answer, 401, "invalid_client");
    let claims = with(honest(), "aud", json!("https://streamward.okta.example"));
    let assertion = mint::jws(scene.key(KNOWLEDGE_AGENT), &json!({}), &claims);
    assert_eq!(scene.send_with(IDP, &assertion, &fields).status, 200);
}

#[test]
fn a_client_that_was_stopped_is_refused() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let idp = scene.issuers.get_mut(IDP).expect("the world has one");
    idp.config_mut().clients.entry(KNOWLEDGE_AGENT.to_owned()).and_modify(|client| client.active = false);
    assert_refused("inactive", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 401, "invalid_client");
}
