//! JWT-SVIDs that come with the request, issued as it runs: what reaches the token endpoint, and what reaches nobody.

use std::time::Duration;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::keys::{Algorithm, PublicJwk, SigningKey};
use actgate::dev::mint;
use actgate::dev::world::World;
use actgate::dev::world::streamward::{
    AURORADB_RESOURCE, IDP, IDP_ISSUER, KNOWLEDGE_AGENT, ORCHESTRATOR, SPIFFE_TRUST_DOMAIN, SVID_KEY,
};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::peer;
use actgate_tests::tls_client::Answer;
use serde_json::{Value, json};

use crate::client::{MCP, assert_no_trap, code, exchange, good_body, header, request, token, wait_for};

const HEADER: &str = "x-spiffe-jwt-svid";

fn document(world: &World) -> Value {
    let mut document = world.filter_config(Default::default());
    let bundle = format!("{IDP_ISSUER}/spiffe/bundle");
    document["trust_domains"] = json!({ SPIFFE_TRUST_DOMAIN: { "jwks": { "uri": bundle }, "cluster": IDP } });
    let same = |claim: &str| json!({ "inbound": claim, "issued": claim });
    document["resources"][1]["exchange"] = json!({ "token_exchange": {
        "server": "idp", "resource": AURORADB_RESOURCE, "max_lifetime": "1h",
        "actor_token": { "from_header": HEADER, "audience": IDP_ISSUER, "max_lifetime": "5m" },
        "lineage": { "access_token": { "same_subject": [same("/sub"), same("/uid")] } },
    } });
    document
}

/// An Envoy whose trust domain publishes those keys at the start.
fn start(keys: Vec<PublicJwk>) -> EnvoyGateway {
    let mut world = new_world();
    for issuer in world.issuers.iter_mut().filter(|issuer| issuer.name == IDP) {
        if let Some(domain) = &mut issuer.trust_domain {
            domain.keys.clone_from(&keys);
        }
    }
    let document = document(&world);
    let gateway = EnvoyGateway::start(world, &document, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    wait_for(&gateway, "the first keys", |gateway| {
        let logs = gateway.envoy.logs();
        let told = |line: &&str| line.contains("keys_fetched") || line.contains("keys_not_fetched");
        logs.lines().filter(|line| line.contains(SPIFFE_TRUST_DOMAIN)).filter(told).count() >= 2
    });
    gateway
}

fn publish(gateway: &EnvoyGateway, key: &SigningKey) {
    let mut issuer = gateway.issuer(IDP);
    if let Some(domain) = &mut issuer.config_mut().trust_domain {
        domain.keys.push(key.public_jwk());
    }
}

fn svid(gateway: &EnvoyGateway, key: &SigningKey, agent: &str) -> String {
    mint::svid(key, &peer::uri_san(&gateway.world, agent), IDP_ISSUER, UnixSeconds::from_system_clock())
}

fn ask(gateway: &EnvoyGateway, jti: &str, svid: &str) -> Answer {
    gateway.upstream.take_begun();
    let lines = format!("{HEADER}: {svid}\r\n");
    exchange(gateway, &request(MCP, &token(&gateway.world, jti), &lines, &good_body()))
}

/// The request passes, the token endpoint saw who acts, and the upstream sees nothing of it.
fn served(gateway: &EnvoyGateway, jti: &str, svid: &str) {
    let answer = ask(gateway, jti, svid);
    assert_eq!(code(&answer), "status 200", "{jti}: {answer:?}\n{}", gateway.envoy.logs());
    let seen = gateway.upstream.take().expect("the upstream was reached");
    assert_eq!(seen.claims()["actor_token_seen"], true, "{jti}");
    assert_eq!(seen.claims()["act"]["sub"], KNOWLEDGE_AGENT, "{jti}");
    assert_eq!(seen.all(HEADER), Vec::<String>::new(), "{jti}");
    assert!(!seen.headers.iter().any(|(_, value)| value.contains(svid)), "{jti}: the JWT-SVID went upstream");
}

fn refused(gateway: &EnvoyGateway, jti: &str, svid: &str, status: u16, word: &str) -> Answer {
    let answer = ask(gateway, jti, svid);
    assert_eq!((answer.status, code(&answer).as_str()), (status, word), "{jti}: {answer:?}\n{}", gateway.envoy.logs());
    assert_eq!(gateway.upstream.take_begun(), 0, "{jti}: something reached the upstream");
    answer
}

#[test]
fn a_jwt_svid_goes_to_the_token_endpoint_and_to_nobody_else() {
    let gateway = start(vec![new_key_of_none()]);
    let key = gateway.world.key(SVID_KEY).expect("the trust domain's key").clone();
    // Signed by a key that the bundle does not have: it was published before anybody could tell.
    let good = svid(&gateway, &key, KNOWLEDGE_AGENT);
    std::thread::sleep(Duration::from_secs(5));
    publish(&gateway, &key);
    served(&gateway, "waits-for-the-bundle", &good);
    served(&gateway, "is-known", &good);
    served(&gateway, "another-of-the-same", &svid(&gateway, &key, KNOWLEDGE_AGENT));

    let answer = exchange(&gateway, &request(MCP, &token(&gateway.world, "none"), "", &good_body()));
    assert_eq!((answer.status, code(&answer).as_str()), (400, "actor_token_missing"), "{answer:?}");
    let challenge = header(&answer, "www-authenticate").expect("a challenge");
    assert!(challenge.contains(&format!("actor_token_header=\"{HEADER}\"")), "{challenge}");
    refused(&gateway, "others", &svid(&gateway, &key, ORCHESTRATOR), 403, "actor_token_mismatch");
    let stranger = SigningKey::generate(Algorithm::Es256, key.kid());
    refused(&gateway, "forged", &svid(&gateway, &stranger, KNOWLEDGE_AGENT), 403, "actor_token_signature");
    refused(&gateway, "joined", &format!("{good},{good}"), 400, "actor_token_repeated");
    refused(&gateway, "twice", &format!("{good}\r\n{HEADER}: {good}"), 400, "actor_token_repeated");

    let logs = gateway.envoy.logs();
    let signature = good.rsplit('.').next().expect("three parts");
    assert!(!logs.contains(signature), "a JWT-SVID is in the log");
    assert_no_trap(&gateway);
}

/// A request is complete before the keys are there that its decision waits for.
#[test]
fn a_bundle_that_comes_late_is_waited_for_with_the_whole_body() {
    let mut gateway = start(Vec::new());
    let key = gateway.world.key(SVID_KEY).expect("the trust domain's key").clone();
    publish(&gateway, &key);
    gateway.order(IDP, "bundle:slow=400");
    std::thread::sleep(Duration::from_secs(1));
    served(&gateway, "late", &svid(&gateway, &key, KNOWLEDGE_AGENT));
    gateway.behave();
    assert_no_trap(&gateway);
}

/// A key that nobody has.
fn new_key_of_none() -> PublicJwk {
    SigningKey::generate(Algorithm::Es256, "nobody").public_jwk()
}
