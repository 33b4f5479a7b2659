use serde_json::{Value, json};

use super::{Fields, NOW, Scene, assert_refused, with};
use crate::dev::issuer::http::HttpRequest;
use crate::dev::issuer::oauth::{TYPE_ACCESS_TOKEN, TYPE_ID_TOKEN};
use crate::dev::keys::{Algorithm, SigningKey};
use crate::dev::mint::{self, broken};
use crate::dev::world::streamward::{
    AURORADB_RESOURCE, CHAT_APP, DEMO_USER, DEMO_USER_ID, EXECUTE, IDP, KNOWLEDGE_AGENT, KNOWLEDGE_RESOURCE,
    ORCHESTRATOR, RAS_KNOWLEDGE_ISSUER, READ, WRITE,
};

#[test]
fn the_id_jag_is_the_blueprints() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields);
    let body = answer.body_json();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:id-jag");
    assert_eq!((&body["token_type"], &body["expires_in"], &body["scope"]), (&json!("N_A"), &json!(300), &json!(READ)));
    let token = body["access_token"].as_str().expect("a token");
    assert_eq!(mint::header_of(token)["typ"], "oauth-id-jag+jwt");
    let mut claims = mint::claims_of(token);
    let jti = claims["jti"].take();
    assert!(jti.as_str().is_some_and(|jti| jti.starts_with("IDAAG.")), "{jti}");
    let expected = json!({
        "jti": null, "iss": "https://streamward.okta.example", "aud": "https://streamward.okta.example/oauth2/aus1",
        "iat": NOW.0, "exp": NOW.0 + 300, "auth_time": NOW.0,
        "sub": DEMO_USER_ID, "email": DEMO_USER, "sub_profile": "user",
        "client_id": KNOWLEDGE_AGENT, "resource": AURORADB_RESOURCE, "scope": READ,
        "act": {
            "sub": KNOWLEDGE_AGENT, "sub_profile": "ai_agent",
            "act": { "sub": ORCHESTRATOR, "sub_profile": "ai_agent",
                     "act": { "sub": CHAT_APP, "sub_profile": "web_app" } },
        },
    });
    assert_eq!(claims, expected);
}

#[test]
fn a_wrong_parameter_is_refused() {
    type Bend = fn(Fields) -> Fields;
    let cases: [(&str, Bend, &str); 20] = [
        ("no grant_type", |f| f.without("grant_type"), "invalid_request"),
        ("a grant of the other server", |f| f.set("grant_type", super::JWT_BEARER), "unsupported_grant_type"),
        ("password grant", |f| f.set("grant_type", "password"), "unsupported_grant_type"),
        ("no requested_token_type", |f| f.without("requested_token_type"), "invalid_request"),
        (
            "an id token wanted",
            |f| f.set("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            "invalid_request",
        ),
        ("no subject_token", |f| f.without("subject_token"), "invalid_request"),
        ("no subject_token_type", |f| f.without("subject_token_type"), "invalid_request"),
        ("saml", |f| f.set("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"),
        ("actor_token", |f| f.and("actor_token", "x"), "invalid_request"),
        ("scope twice", |f| f.and("scope", READ), "invalid_request"),
        ("no audience", |f| f.without("audience"), "invalid_request"),
        ("two audiences", |f| f.and("audience", RAS_KNOWLEDGE_ISSUER), "invalid_target"),
        ("unknown audience", |f| f.set("audience", "https://elsewhere.example"), "invalid_target"),
        (
            "audience and resource swapped",
            |f| {
                let (audience, resource) = (f.text("audience"), f.text("resource"));
                f.set("audience", &resource).set("resource", &audience)
            },
            "invalid_target",
        ),
        ("no resource", |f| f.without("resource"), "invalid_target"),
        ("resource of another server", |f| f.set("resource", KNOWLEDGE_RESOURCE), "invalid_target"),
        (
            "no connection",
            |f| f.set("audience", RAS_KNOWLEDGE_ISSUER).set("resource", KNOWLEDGE_RESOURCE),
            "access_denied",
        ),
        ("no scope", |f| f.without("scope"), "invalid_scope"),
        ("a scope not allowed", |f| f.set("scope", WRITE), "invalid_scope"),
        ("a literal plus between scopes", |f| f.set("scope", "Aurora-DB:read+Aurora-DB:read"), "invalid_scope"),
    ];
    let mut scene = Scene::new();
    for (case, bend, error) in cases {
        let fields = bend(scene.exchange_fields());
        assert_refused(case, &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, error);
    }
}

#[test]
fn scopes_are_narrowed_to_what_is_allowed_and_the_answer_says_so() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields().set("scope", &format!("{WRITE} {READ} openid"));
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields).body_json();
    assert_eq!(answer["scope"], READ);
    assert_eq!(mint::claims_of(answer["access_token"].as_str().unwrap_or_default())["scope"], READ);
}

#[test]
fn a_wrong_subject_token_is_refused() {
    let mut scene = Scene::new();
    let claims = scene.t3_claims();
    let at_jwt = json!({ "typ": "at+jwt" });
    let again = |name: &str, value: Value| scene.forge_t3(&at_jwt, &with(claims.clone(), name, value));
    let stranger = SigningKey::generate(Algorithm::Es256, "ras-knowledge-0");
    let cases = [
        ("expired", again("exp", json!(NOW.0))),
        ("no exp", again("exp", Value::Null)),
        ("not yet valid", again("nbf", json!(NOW.0 + 1))),
        ("unknown issuer", again("iss", json!("https://elsewhere.example"))),
        ("signed by another trusted issuer", again("iss", json!("https://streamward.okta.example/oauth2/aus1"))),
        ("no issuer", again("iss", Value::Null)),
        ("for another agent", again("aud", json!("https://streamward.com/orchestrator"))),
        ("for this agent and another", again("aud", json!([KNOWLEDGE_RESOURCE, AURORADB_RESOURCE]))),
        ("about nobody we know", again("sub", json!("nobody@streamward.com"))),
        ("without a client, like an ID token", again("cid", Value::Null)),
        ("of another kind", scene.forge_t3(&json!({ "typ": "oauth-id-jag+jwt" }), &claims)),
        ("by a stranger's key", mint::access_token(&stranger, &claims)),
        ("bit turned", broken::bad_signature(&scene.t3)),
        ("alg none", broken::alg_none("none", &claims)),
        ("claims swapped", broken::swapped_claims(&scene.t3, &with(claims.clone(), "scp", json!([WRITE])))),
        ("opaque", "opaque".to_owned()),
    ];
    for (case, token) in cases {
        let fields = scene.exchange_fields().set("subject_token", &token);
        assert_refused(case, &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
    }
    let same = scene.forge_t3(&at_jwt, &scene.t3_claims());
    let fields = scene.exchange_fields().set("subject_token", &same);
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 200, "the same claims signed again are good");
}

#[test]
fn a_token_nobody_delegated_is_denied() {
    let mut scene = Scene::new();
    let claims = with(scene.t3_claims(), "act", json!({ "sub": "wlpzamsn8ruzX9RiH1d7", "sub_profile": "ai_agent" }));
    let token = scene.forge_t3(&json!({ "typ": "at+jwt" }), &claims);
    let fields = scene.exchange_fields().set("subject_token", &token);
    assert_refused("an agent without a link", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "access_denied");

    // The user's own token is for the orchestrator to exchange, not for the knowledge agent.
    let user = scene.world.sign_in(&mut scene.issuers, DEMO_USER, NOW).expect("the human signs in");
    let fields = scene.exchange_fields().set("subject_token", user["access_token"].as_str().unwrap_or_default());
    assert_refused("the user's token", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "access_denied");
    // And T3 is for the knowledge agent, not for the orchestrator that holds it.
    let fields = Fields(scene.exchange_fields().0)
        .set("audience", RAS_KNOWLEDGE_ISSUER)
        .set("resource", KNOWLEDGE_RESOURCE)
        .set("scope", EXECUTE);
    assert_refused("T3 from its holder", &scene.send(IDP, ORCHESTRATOR, &fields), 400, "invalid_grant");
}

#[test]
fn a_web_application_may_not_exchange() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    assert_refused("the chat app", &scene.send(IDP, CHAT_APP, &fields), 400, "unauthorized_client");
}

#[test]
fn a_human_who_left_is_denied() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let idp = scene.issuers.get_mut(IDP).expect("the world has one");
    idp.config_mut().users.iter_mut().for_each(|user| user.active = false);
    assert_refused("inactive", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "access_denied");
}

#[test]
fn an_id_token_counts_only_for_the_client_it_was_made_for() {
    let mut scene = Scene::new();
    let user = scene.world.sign_in(&mut scene.issuers, DEMO_USER, NOW).expect("the human signs in");
    let id_token = user["id_token"].as_str().unwrap_or_default().to_owned();
    let fields = scene.exchange_fields().set("subject_token", &id_token).set("subject_token_type", TYPE_ID_TOKEN);
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields);
    assert_refused("the chat app's ID token", &answer, 400, "invalid_grant");

    let claims = with(mint::claims_of(&id_token), "aud", json!(KNOWLEDGE_AGENT));
    let own = mint::jws(scene.world.key("idp/0").expect("a key"), &json!({ "typ": "JWT" }), &claims);
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields.clone().set("subject_token", &own)).body_json();
    let act = &mint::claims_of(answer["access_token"].as_str().unwrap_or_default())["act"];
    assert_eq!(act, &json!({ "sub": KNOWLEDGE_AGENT, "sub_profile": "ai_agent" }));

    let as_access_token = fields.set("subject_token", &own).set("subject_token_type", TYPE_ACCESS_TOKEN);
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &as_access_token);
    assert_refused("an ID token called an access token", &answer, 400, "invalid_grant");
    let swapped = scene.exchange_fields().set("subject_token_type", TYPE_ID_TOKEN);
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &swapped);
    assert_refused("an access token called an ID token", &answer, 400, "invalid_grant");
}

#[test]
fn the_id_at_the_audience_may_differ() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let idp = scene.issuers.get_mut(IDP).expect("the world has one");
    if let crate::dev::issuer::config::Role::IdentityProvider(policy) = &mut idp.config_mut().role {
        policy.connections.iter_mut().for_each(|one| one.client_id_at_audience = Some("other-id".to_owned()));
    }
    let answer = scene.send(IDP, KNOWLEDGE_AGENT, &fields).body_json();
    let claims = mint::claims_of(answer["access_token"].as_str().unwrap_or_default());
    assert_eq!((&claims["client_id"], &claims["act"]["sub"]), (&json!("other-id"), &json!(KNOWLEDGE_AGENT)));
}

#[test]
fn the_envelope_is_checked_too() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    let honest = |scene: &Scene| scene.world.token_request(IDP, KNOWLEDGE_AGENT, &fields.pairs(), NOW);

    let mut request = honest(&scene);
    request.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    assert_refused("JSON", &scene.handle(IDP, &request), 400, "invalid_request");
    let mut request = honest(&scene);
    request.path.push_str("?scope=openid");
    assert_refused("a query", &scene.handle(IDP, &request), 400, "invalid_request");
    let mut request = honest(&scene);
    request.body.push(0xff);
    assert_refused("not UTF-8", &scene.handle(IDP, &request), 400, "invalid_request");

    let mut request = honest(&scene);
    request.method = "GET".to_owned();
    assert_eq!(scene.handle(IDP, &request).status, 405);
    assert_eq!(scene.handle(IDP, &HttpRequest::get("/oauth2/v2/token")).status, 404);
    for (host, status) in [
        ("elsewhere.example", 421),
        ("streamward.okta.example.elsewhere.example", 421),
        ("streamward.okta.example", 200),
        ("streamward.okta.example:443", 200),
        ("127.0.0.1:18001", 200),
    ] {
        let mut request = honest(&scene);
        request.headers.push((":authority".to_owned(), host.to_owned()));
        assert_eq!(scene.handle(IDP, &request).status, status, "{host}");
    }
}
