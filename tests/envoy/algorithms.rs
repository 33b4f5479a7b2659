//! Every algorithm that issuers and agents may sign with, signed and verified by a real Envoy: one world for each.

use actgate::dev::keys::Algorithm;
use actgate::dev::mint;
use actgate::dev::world::streamward::{IDP, KNOWLEDGE_AGENT, RAS_AURORADB};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world_of};
use serde_json::json;

use crate::client::{assert_no_trap, code, exchange, good_request, token};

/// SHA-256 of nothing, in place of a certificate's.
const THUMBPRINT: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

fn works(algorithm: Algorithm) {
    let name = algorithm.name();
    let world = new_world_of(algorithm);
    let mut document = world.filter_config(Default::default());
    let key = &mut document["agents"][KNOWLEDGE_AGENT]["credential"]["private_key_jwt"];
    assert_eq!(key["alg"], name);
    key["x5t_s256"] = json!(THUMBPRINT);
    let gateway = EnvoyGateway::start(world, &document, &Options::default()).unwrap_or_else(|error| panic!("{error}"));

    let inbound = token(&gateway.world, name);
    assert_eq!(mint::header_of(&inbound)["alg"], name);
    let answer = exchange(&gateway, &good_request(&inbound));
    assert_eq!(code(&answer), "status 200", "{name}: {answer:?}\n{}", gateway.envoy.logs());
    let seen = gateway.upstream.take().expect("a request");
    let issued = seen.all("authorization")[0].strip_prefix("Bearer ").expect("a bearer token").to_owned();
    assert_eq!(mint::header_of(&issued)["alg"], name);
    for issuer in [IDP, RAS_AURORADB] {
        let issuer = gateway.issuer(issuer);
        let entry = issuer.ledger().entries.iter().rfind(|entry| entry.grant.is_some()).expect("a call");
        let header = entry.assertion.as_ref().expect("an assertion");
        assert_eq!((&header["alg"], &header["x5t#S256"]), (&json!(name), &json!(THUMBPRINT)), "{name}");
    }

    // One bit of the same token makes it nobody's.
    let forged = mint::broken::bad_signature(&token(&gateway.world, "forged"));
    let answer = exchange(&gateway, &good_request(&forged));
    assert_eq!((answer.status, code(&answer).as_str()), (401, "token_signature"), "{name}: {answer:?}");
    assert_no_trap(&gateway);
}

#[test]
fn issuers_and_agents_may_sign_with_each_algorithm() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        works(algorithm);
    }
}
