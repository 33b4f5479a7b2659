use serde_json::{Value, json};

use super::{Scene, assert_refused};
use crate::dev::issuer::http::{HttpRequest, HttpResponse};
use crate::dev::world::streamward::{DEMO_USER_ID, IDP, KNOWLEDGE_AGENT, RAS_KNOWLEDGE, RAS_KNOWLEDGE_ISSUER};

fn control(scene: &mut Scene, server: &str, command: &Value) -> HttpResponse {
    let mut request = HttpRequest::form("/dev/control", &[]);
    request.body = command.to_string().into_bytes();
    scene.handle(server, &request)
}

#[test]
fn a_running_issuer_obeys_its_control_endpoint() {
    let mut scene = Scene::new();
    let fields = scene.exchange_fields();
    assert_eq!(control(&mut scene, IDP, &json!({ "break": "status=503" })).status, 200);
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 503);
    assert_eq!(control(&mut scene, IDP, &json!("behave")).status, 200);
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 200);

    control(&mut scene, IDP, &json!({ "user": { "id": DEMO_USER_ID, "active": false } }));
    assert_refused("human", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "access_denied");
    control(&mut scene, IDP, &json!({ "client": { "id": KNOWLEDGE_AGENT, "active": false } }));
    assert_refused("client", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 401, "invalid_client");

    let ledger = scene.handle(IDP, &HttpRequest::get("/dev/ledger")).body_json();
    assert_eq!(ledger["refusals"], 3);
}

#[test]
fn a_rotation_by_control_can_be_made_known() {
    let mut scene = Scene::new();
    let answer = control(&mut scene, RAS_KNOWLEDGE, &json!({ "rotate": "ES384" })).body_json();
    assert_eq!(answer["key"]["alg"], "ES384");
    let login = crate::dev::world::streamward::DEMO_USER;
    scene.t3 = scene.world.inbound_token(&mut scene.issuers, login, super::NOW).expect("hops 1, 3, 4");
    let fields = scene.exchange_fields();
    assert_refused("unknown key", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
    let trust = json!({ "trust": { "issuer": RAS_KNOWLEDGE_ISSUER, "key": answer["key"] } });
    control(&mut scene, IDP, &trust);
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 200);
    control(&mut scene, RAS_KNOWLEDGE, &json!({ "retire": answer["key"]["kid"] }));
    let keys = scene.handle(RAS_KNOWLEDGE, &HttpRequest::get("/oauth2/aus0/v1/keys")).body_json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
}

#[test]
fn nonsense_and_the_public_name_are_refused() {
    let mut scene = Scene::new();
    assert_eq!(control(&mut scene, IDP, &json!({ "break": "everything" })).status, 400);
    assert_eq!(control(&mut scene, IDP, &json!({ "open": "sesame" })).status, 400);
    let mut request = HttpRequest::get("/dev/ledger");
    request.headers.push(("host".to_owned(), "streamward.okta.example".to_owned()));
    assert_eq!(scene.handle(IDP, &request).status, 404);
}
