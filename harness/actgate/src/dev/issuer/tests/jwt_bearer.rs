use serde_json::{Value, json};

use super::{Fields, NOW, Scene, assert_refused, with};
use crate::dev::issuer::config::Role;
use crate::dev::issuer::oauth::TOKEN_EXCHANGE;
use crate::dev::keys::{Algorithm, SigningKey};
use crate::dev::mint::{self, broken};
use crate::dev::world::streamward::{
    AURORADB_RESOURCE, DEMO_USER_ID, IDP, KNOWLEDGE_AGENT, KNOWLEDGE_RESOURCE, ORCHESTRATOR, RAS_AURORADB,
    RAS_AURORADB_ISSUER, RAS_KNOWLEDGE, READ, SECOND_USER_ID, WRITE,
};

/// An ID-JAG like the honest one with other header members and claims, signed by the identity provider.
fn bent(scene: &mut Scene, header: &Value, name: &str, value: Value) -> Fields {
    let fields = scene.bearer_fields();
    let claims = with(mint::claims_of(&fields.text("assertion")), name, value);
    let key = scene.world.key("idp/0").expect("a key of the world");
    fields.set("assertion", &mint::jws(key, header, &claims))
}

fn id_jag() -> Value {
    json!({ "typ": "oauth-id-jag+jwt" })
}

#[test]
fn the_access_token_is_the_blueprints() {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    let act = mint::claims_of(&fields.text("assertion"))["act"].clone();
    let answer = scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).body_json();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"], &answer["scope"]),
        (&json!("Bearer"), &json!(3600), &json!(READ))
    );
    let token = answer["access_token"].as_str().expect("a token");
    assert_eq!(mint::header_of(token)["typ"], "at+jwt");
    let mut claims = mint::claims_of(token);
    assert!(claims["jti"].take().as_str().is_some_and(|jti| jti.starts_with("AT.")));
    let expected = json!({
        "ver": 1, "jti": null, "iss": RAS_AURORADB_ISSUER, "aud": AURORADB_RESOURCE,
        "iat": NOW.0, "exp": NOW.0 + 3600, "auth_time": NOW.0,
        "cid": KNOWLEDGE_AGENT, "client_id": KNOWLEDGE_AGENT, "uid": DEMO_USER_ID,
        "sub": "demouser@streamward.com", "scp": [READ], "sub_profile": "user", "act": act,
    });
    assert_eq!(claims, expected);
}

#[test]
fn an_id_jag_works_once() {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    assert_eq!(scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).status, 200);
    assert_refused("again", &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
}

#[test]
fn a_wrong_id_jag_is_refused() {
    let mut scene = Scene::new();
    let cases = [
        ("another issuer", "iss", json!("https://elsewhere.example")),
        ("issued by a resource server", "iss", json!(RAS_AURORADB_ISSUER)),
        ("for another server", "aud", json!("https://streamward.okta.example/oauth2/aus0")),
        ("for the resource", "aud", json!(AURORADB_RESOURCE)),
        ("for the endpoint", "aud", json!("https://streamward.okta.example/oauth2/aus1/v1/token")),
        ("for two servers", "aud", json!([RAS_AURORADB_ISSUER, "https://elsewhere.example"])),
        ("for nobody", "aud", Value::Null),
        ("another client's", "client_id", json!(ORCHESTRATOR)),
        ("no client's", "client_id", Value::Null),
        ("expired", "exp", json!(NOW.0)),
        ("no exp", "exp", Value::Null),
        ("no iat", "iat", Value::Null),
        ("no jti", "jti", Value::Null),
        ("unknown human", "sub", json!("00u0")),
        ("a resource not governed here", "resource", json!(KNOWLEDGE_RESOURCE)),
        ("two resources", "resource", json!([AURORADB_RESOURCE, KNOWLEDGE_RESOURCE])),
        ("no resource", "resource", Value::Null),
    ];
    for (case, claim, value) in cases {
        let fields = bent(&mut scene, &id_jag(), claim, value);
        assert_refused(case, &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
    }
    for typ in ["at+jwt", "jwt", "OAUTH-ID-JAG+JWT"] {
        let fields = bent(&mut scene, &json!({ "typ": typ }), "jti", json!("fresh"));
        assert_refused(typ, &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
    }
    let fields = bent(&mut scene, &id_jag(), "jti", json!("fresh"));
    assert_eq!(scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).status, 200, "bent in nothing that matters");
}

#[test]
fn a_wrong_signature_is_refused() {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    let good = fields.text("assertion");
    let claims = mint::claims_of(&good);
    let stranger = SigningKey::generate(Algorithm::Es256, "idp-0");
    let cases = [
        ("a stranger's key", mint::jws(&stranger, &id_jag(), &claims)),
        ("the client's own key", mint::jws(scene.key(KNOWLEDGE_AGENT), &id_jag(), &claims)),
        ("bit turned", broken::bad_signature(&good)),
        ("alg none", broken::alg_none("none", &claims)),
        ("T3 itself", scene.t3.clone()),
        ("not a JWT", "opaque".to_owned()),
    ];
    for (case, token) in cases {
        let fields = fields.clone().set("assertion", &token);
        assert_refused(case, &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
    }
}

#[test]
fn an_id_jag_serves_only_its_client_and_its_server() {
    let mut scene = Scene::new();
    let fields = scene.bearer_fields();
    // The orchestrator becomes a client of that server too, and still may not use it.
    let orchestrator = scene.world.issuer_config(IDP).expect("the world has one").clients[ORCHESTRATOR].clone();
    let server = scene.issuers.get_mut(RAS_AURORADB).expect("the world has one");
    server.config_mut().clients.insert(ORCHESTRATOR.to_owned(), orchestrator);
    assert_refused("another client", &scene.send(RAS_AURORADB, ORCHESTRATOR, &fields), 400, "invalid_grant");
    assert_refused("another server", &scene.send(RAS_KNOWLEDGE, ORCHESTRATOR, &fields), 400, "invalid_grant");
    let server = scene.issuers.get_mut(RAS_KNOWLEDGE).expect("the world has one");
    let _ = server.config_mut().clients.remove(KNOWLEDGE_AGENT).expect("it asks about opaque tokens there");
    assert_refused("no client there", &scene.send(RAS_KNOWLEDGE, KNOWLEDGE_AGENT, &fields), 401, "invalid_client");
    let exchange = scene.exchange_fields();
    let answer = scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &exchange);
    assert_refused("hop 7 at hop 8's server", &answer, 400, "unsupported_grant_type");
    assert_eq!(exchange.text("grant_type"), TOKEN_EXCHANGE);
    assert_eq!(scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).status, 200, "refusals did not spend it");
}

#[test]
fn scope_is_what_id_jag_request_and_human_agree_on() {
    /// What it is called, what the ID-JAG carries, what is asked for, what comes of it.
    type Case = (&'static str, &'static str, Option<&'static str>, Result<&'static [&'static str], &'static str>);
    let cases: [Case; 7] = [
        ("all of it", READ, None, Ok(&[READ])),
        ("both are the human's right", "Aurora-DB:read Aurora-DB:write", None, Ok(&[READ, WRITE])),
        ("narrowed by the request", "Aurora-DB:read Aurora-DB:write", Some(READ), Ok(&[READ])),
        ("the request cannot widen", READ, Some("Aurora-DB:read Aurora-DB:write"), Ok(&[READ])),
        ("the human's rights narrow", "Aurora-DB:read Aurora-DB:drop", None, Ok(&[READ])),
        ("nothing in common", READ, Some(WRITE), Err("invalid_scope")),
        ("not the human's right", "Aurora-DB:drop", None, Err("access_denied")),
    ];
    let mut scene = Scene::new();
    for (case, carried, asked, expected) in cases {
        let fields = bent(&mut scene, &id_jag(), "scope", json!(carried));
        let fields = asked.map_or_else(|| fields.clone(), |asked| fields.clone().set("scope", asked));
        let answer = scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields);
        match expected {
            Ok(scopes) => {
                let token = answer.body_json()["access_token"].as_str().unwrap_or_default().to_owned();
                assert_eq!(mint::claims_of(&token)["scp"], json!(scopes), "{case}");
                assert_eq!(answer.body_json()["scope"], scopes.join(" "), "{case}");
            }
            Err(error) => assert_refused(case, &answer, 400, error),
        }
    }
}

#[test]
fn a_human_without_rights_or_gone_is_denied() {
    let mut scene = Scene::new();
    let fields = bent(&mut scene, &id_jag(), "sub", json!(SECOND_USER_ID));
    assert_refused("no rights", &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "access_denied");

    let server = scene.issuers.get_mut(RAS_AURORADB).expect("the world has one");
    server.config_mut().users.iter_mut().for_each(|user| user.active = false);
    let fields = scene.bearer_fields();
    assert_refused("gone", &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields), 400, "access_denied");
}

#[test]
fn another_resource_cannot_be_asked_for() {
    let mut scene = Scene::new();
    let server = scene.issuers.get_mut(RAS_AURORADB).expect("the world has one");
    if let Role::ResourceServer(policy) = &mut server.config_mut().role {
        policy.resources.insert("https://streamward.com/other/mcp".to_owned(), Default::default());
    }
    let fields = scene.bearer_fields().and("resource", "https://streamward.com/other/mcp");
    assert_refused(
        "governed, but not asserted",
        &scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields),
        400,
        "invalid_target",
    );
}
