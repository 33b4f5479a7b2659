use serde_json::{Value, json};

use super::{Scene, assert_refused};
use crate::dev::issuer::http::HttpRequest;
use crate::dev::keys::Algorithm;
use crate::dev::mint;
use crate::dev::world::streamward::{DEMO_USER, IDP, KNOWLEDGE_AGENT, RAS_AURORADB, RAS_KNOWLEDGE};
use crate::dev::world::{Ports, World};

fn kids(scene: &mut Scene, server: &str, path: &str) -> Vec<String> {
    let keys = scene.handle(server, &HttpRequest::get(path)).body_json();
    let keys = keys["keys"].as_array().cloned().unwrap_or_default();
    assert!(keys.iter().all(|key| key.get("d").is_none()), "no private member is published");
    keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect()
}

#[test]
fn rotation_publishes_before_it_retires() {
    let mut scene = Scene::new();
    assert_eq!(kids(&mut scene, IDP, "/oauth2/v1/keys"), ["idp-0"]);
    scene.issuers.rotate(IDP, Algorithm::Es256).expect("the world has one");
    assert_eq!(kids(&mut scene, IDP, "/oauth2/v1/keys"), ["idp-0", "idp-1"]);
    let fields = scene.bearer_fields();
    assert_eq!(mint::header_of(&fields.text("assertion"))["kid"], "idp-1");
    assert_eq!(scene.send(RAS_AURORADB, KNOWLEDGE_AGENT, &fields).status, 200, "its readers know the new key");
    scene.issuers.get_mut(IDP).expect("the world has one").retire("idp-0");
    assert_eq!(kids(&mut scene, IDP, "/oauth2/v1/keys"), ["idp-1"]);
    assert_eq!(scene.issuers.get(IDP).expect("the world has one").ledger().key_fetches, 3);
}

#[test]
fn a_fresh_key_is_made_known_by_the_set_and_by_nobody_else() {
    let mut scene = Scene::new();
    // Past the standby keys, and of an algorithm none of them has.
    scene.issuers.rotate(RAS_KNOWLEDGE, Algorithm::EdDsa).expect("the world has one");
    scene.t3 = scene.world.inbound_token(&mut scene.issuers, DEMO_USER, super::NOW).expect("hops 1, 3, 4");
    assert_eq!(mint::header_of(&scene.t3)["alg"], "EdDSA");
    let fields = scene.exchange_fields();
    assert_eq!(scene.send(IDP, KNOWLEDGE_AGENT, &fields).status, 200);

    scene.issuers.get_mut(RAS_KNOWLEDGE).expect("the world has one").rotate(Algorithm::EdDsa);
    scene.t3 = scene.world.inbound_token(&mut scene.issuers, DEMO_USER, super::NOW).expect("hops 1, 3, 4");
    let fields = scene.exchange_fields();
    assert_refused("nobody told", &scene.send(IDP, KNOWLEDGE_AGENT, &fields), 400, "invalid_grant");
}

#[test]
fn the_last_key_is_replaced_when_it_is_retired() {
    let mut scene = Scene::new();
    scene.issuers.get_mut(IDP).expect("the world has one").retire("idp-0");
    assert_eq!(kids(&mut scene, IDP, "/oauth2/v1/keys"), ["idp-1"]);
}

#[test]
fn metadata_names_the_issuer_it_is_fetched_from() {
    let mut scene = Scene::new();
    let cases = [
        (IDP, "/.well-known/oauth-authorization-server", "https://streamward.okta.example", "/oauth2/v1/token"),
        (IDP, "/.well-known/openid-configuration", "https://streamward.okta.example", "/oauth2/v1/token"),
        (
            RAS_AURORADB,
            "/.well-known/oauth-authorization-server/oauth2/aus1",
            "https://streamward.okta.example/oauth2/aus1",
            "/v1/token",
        ),
    ];
    for (server, path, issuer, token) in cases {
        let document = scene.handle(server, &HttpRequest::get(path)).body_json();
        assert_eq!(document["issuer"], issuer, "{path}");
        assert_eq!(document["token_endpoint"], format!("{issuer}{token}"), "{path}");
    }
    let server = scene.handle(RAS_AURORADB, &HttpRequest::get("/oauth2/aus1/.well-known/openid-configuration"));
    let document = server.body_json();
    assert_eq!(
        document["authorization_grant_profiles_supported"],
        json!(["urn:ietf:params:oauth:grant-profile:id-jag"])
    );
    assert_eq!(document.get("authorization_endpoint"), None::<&Value>);
}

#[test]
fn the_world_works_with_every_algorithm() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es384, Algorithm::EdDsa] {
        let world = World::with_algorithm(Ports::default(), algorithm);
        let mut issuers = world.issuer_set();
        let inbound = world.inbound_token(&mut issuers, DEMO_USER, super::NOW).expect("hops 1, 3, 4");
        assert_eq!(mint::header_of(&inbound)["alg"], algorithm.name());
        world.outbound_token(&mut issuers, &inbound, super::NOW).expect("hops 7, 8");
    }
}
