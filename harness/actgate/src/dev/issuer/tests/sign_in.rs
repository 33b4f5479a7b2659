use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Fields, NOW, Scene, assert_refused};
use crate::dev::issuer::http::{HttpRequest, UnixSeconds};
use crate::dev::mint;
use crate::dev::world::streamward::{CHAT_APP, DEMO_USER, DEMO_USER_ID, IDP, ORCHESTRATOR, REDIRECT_URI};

const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

fn authorize_fields() -> Fields {
    Fields(vec![
        ("response_type", "code".to_owned()),
        ("client_id", CHAT_APP.to_owned()),
        ("redirect_uri", REDIRECT_URI.to_owned()),
        ("scope", "openid profile email".to_owned()),
        ("state", "s t&te".to_owned()),
        ("nonce", "n-1".to_owned()),
        ("code_challenge", URL_SAFE_NO_PAD.encode(hmac_sha256::Hash::hash(VERIFIER.as_bytes()))),
        ("code_challenge_method", "S256".to_owned()),
        ("login_hint", DEMO_USER.to_owned()),
    ])
}

/// The redirect's parameters, or the status when there was none.
fn authorize(scene: &mut Scene, fields: &Fields) -> Result<Vec<(String, String)>, u16> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields.pairs()).finish();
    let answer = scene.handle(IDP, &HttpRequest::get(&format!("/oauth2/v1/authorize?{query}")));
    let location = answer.header("location").ok_or(answer.status)?;
    let query = location.strip_prefix(&format!("{REDIRECT_URI}?")).expect("goes to the registered place");
    Ok(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn value(parameters: &[(String, String)], name: &str) -> String {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn code(scene: &mut Scene) -> Fields {
    let parameters = authorize(scene, &authorize_fields()).expect("a redirect");
    Fields(vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", value(&parameters, "code")),
        ("redirect_uri", REDIRECT_URI.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ])
}

#[test]
fn signing_in_yields_the_tokens_of_hop_1() {
    let mut scene = Scene::new();
    let parameters = authorize(&mut scene, &authorize_fields()).expect("a redirect");
    assert_eq!(value(&parameters, "state"), "s t&te");
    assert_eq!(value(&parameters, "iss"), "https://streamward.okta.example");
    let fields = code(&mut scene);
    let answer = scene.send(IDP, CHAT_APP, &fields).body_json();
    let t1 = mint::claims_of(answer["access_token"].as_str().unwrap_or_default());
    assert_eq!(
        (&t1["sub"], &t1["uid"], &t1["scp"], &t1["cid"]),
        (&json!(DEMO_USER), &json!(DEMO_USER_ID), &json!(["openid", "profile", "email"]), &json!(CHAT_APP))
    );
    assert!(t1.get("act").is_none());
    let id_token = mint::claims_of(answer["id_token"].as_str().unwrap_or_default());
    assert_eq!(
        (&id_token["sub"], &id_token["aud"], &id_token["nonce"]),
        (&json!(DEMO_USER_ID), &json!(CHAT_APP), &json!("n-1"))
    );
}

#[test]
fn a_bad_client_or_redirect_uri_is_not_redirected() {
    let mut scene = Scene::new();
    let elsewhere = authorize_fields().set("redirect_uri", "http://127.0.0.1/callback/other");
    let cases = [
        ("unknown client", authorize_fields().set("client_id", "0oa0")),
        ("no client", authorize_fields().without("client_id")),
        ("a client without redirect URIs", authorize_fields().set("client_id", ORCHESTRATOR)),
        ("another place", elsewhere),
        ("no place", authorize_fields().without("redirect_uri")),
        ("a parameter twice", authorize_fields().and("state", "other")),
    ];
    for (case, fields) in cases {
        assert_eq!(authorize(&mut scene, &fields), Err(400), "{case}");
    }
}

#[test]
fn a_bad_authorization_request_is_told_by_redirect() {
    let cases = [
        ("implicit", authorize_fields().set("response_type", "token"), "unsupported_response_type"),
        ("no PKCE", authorize_fields().without("code_challenge"), "invalid_request"),
        ("plain PKCE", authorize_fields().set("code_challenge_method", "plain"), "invalid_request"),
        ("unknown scope", authorize_fields().set("scope", "openid admin"), "invalid_scope"),
        ("no login", authorize_fields().without("login_hint"), "login_required"),
        ("nobody", authorize_fields().set("login_hint", "nobody@streamward.com"), "access_denied"),
    ];
    let mut scene = Scene::new();
    for (case, fields, error) in cases {
        let parameters = authorize(&mut scene, &fields).expect("a redirect");
        assert_eq!(
            (value(&parameters, "error"), value(&parameters, "code")),
            (error.to_owned(), String::new()),
            "{case}"
        );
    }
}

#[test]
fn a_code_works_once_and_only_as_it_was_made() {
    let mut scene = Scene::new();
    let fields = code(&mut scene);
    assert_eq!(scene.send(IDP, CHAT_APP, &fields).status, 200);
    assert_refused("again", &scene.send(IDP, CHAT_APP, &fields), 400, "invalid_grant");

    let fields = code(&mut scene);
    assert_refused("another client", &scene.send(IDP, ORCHESTRATOR, &fields), 400, "invalid_grant");
    assert_refused("spent by the attempt", &scene.send(IDP, CHAT_APP, &fields), 400, "invalid_grant");

    let other = "another-verifier-of-forty-three-characters-x";
    for (case, name, value) in
        [("another verifier", "code_verifier", other), ("another place", "redirect_uri", "http://127.0.0.1/")]
    {
        let fields = code(&mut scene).set(name, value);
        assert_refused(case, &scene.send(IDP, CHAT_APP, &fields), 400, "invalid_grant");
    }
    let fields = code(&mut scene).without("code_verifier");
    assert_refused("no verifier", &scene.send(IDP, CHAT_APP, &fields), 400, "invalid_request");
}

#[test]
fn a_code_lives_for_a_minute() {
    for (age, status) in [(59, 200), (60, 400)] {
        let mut scene = Scene::new();
        let fields = code(&mut scene);
        let later = UnixSeconds(NOW.0 + age);
        let request = scene.world.token_request(IDP, CHAT_APP, &fields.pairs(), later);
        let idp = scene.issuers.get_mut(IDP).expect("the world has one");
        assert_eq!(idp.handle(later, &request).status, status, "{age} s");
    }
}
