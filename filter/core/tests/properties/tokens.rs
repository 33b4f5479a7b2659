//! Tokens: their form, their signature, their end.

use std::sync::OnceLock;

use actgate_core::algorithm::{Algorithm, Algorithms};
use actgate_core::jwks::KeySet;
use actgate_core::jwt::{AcceptedTyp, TokenRules, UnverifiedJwt, verify};
use actgate_core::redacted::Redacted;
use actgate_core::signatures::{InGuest, SigningKey};
use actgate_core::time::{Seconds, UnixSeconds};
use jwt_simple::algorithms::{ES256KeyPair, Ed25519KeyPair};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::value;
use crate::world::{self, AUDIENCE, KNOWLEDGE, START, encode};

/// A signed token of each algorithm, made with real keys, and the set that verifies it.
fn signed() -> &'static [(String, KeySet); 2] {
    static SIGNED: OnceLock<[(String, KeySet); 2]> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let ed25519 = Ed25519KeyPair::generate();
        let p256 = ES256KeyPair::generate();
        [
            (Algorithm::EdDsa, ed25519.to_pem(), ed25519.public_key().to_jwk()),
            (Algorithm::Es256, p256.to_pem().unwrap(), p256.public_key().to_jwk()),
        ]
        .map(|(algorithm, pem, jwk)| {
            let key = SigningKey::from_pem(algorithm, &Redacted::new(pem)).unwrap();
            let claims = world::inbound_claims(1, START, 1);
            let token = key.sign_jwt(Some("at+jwt"), Some("k"), claims.as_object().unwrap()).unwrap();
            let mut jwk: Value = serde_json::from_str(&jwk).unwrap();
            jwk["kid"] = json!("k");
            (token.into_exposed(), KeySet::from_values(&[jwk]).unwrap())
        })
    })
}

fn passes(token: &str, keys: &KeySet, now: u64) -> bool {
    let rules = TokenRules {
        issuer: KNOWLEDGE,
        audience: AUDIENCE,
        typ: &AcceptedTyp::only("at+jwt"),
        algorithms: &Algorithms::all(),
        clock_skew: Seconds::new(30),
        lifetime_max: Some(Seconds::new(3600)),
    };
    UnverifiedJwt::parse(token).is_ok_and(|jwt| verify(&jwt, keys, &rules, UnixSeconds::new(now), &InGuest).is_ok())
}

#[test]
fn the_tokens_pass_as_they_are() {
    for (token, keys) in signed() {
        assert!(passes(token, keys, START));
    }
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn a_token_is_the_text_it_was_read_from(claims in value(), signature in prop::collection::vec(any::<u8>(), 64)) {
        let header = encode(br#"{"alg":"EdDSA"}"#);
        let claims = json!({ "any": claims });
        let input = format!("{header}.{}", encode(claims.to_string().as_bytes()));
        let text = format!("{input}.{}", encode(&signature));
        let jwt = UnverifiedJwt::parse(&text).unwrap();
        prop_assert_eq!((jwt.token(), jwt.signing_input(), jwt.signature()), (text.as_str(), input.as_str(), signature.as_slice()));
        prop_assert_eq!(jwt.claims().object().map(|object| Value::Object(object.clone())), serde_json::from_str(&claims.to_string()).ok());
        let again = format!("{}.{}", jwt.signing_input(), encode(jwt.signature()));
        prop_assert_eq!(again, text);
    }

    #[test]
    fn one_byte_changed_added_or_taken_is_refused(which in 0..2usize, at: prop::sample::Index, byte: u8, how in 0..3u8) {
        let (token, keys) = &signed()[which];
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => { bytes.remove(at); }
        }
        prop_assume!(bytes != token.as_bytes());
        let passed = std::str::from_utf8(&bytes).is_ok_and(|text| passes(text, keys, START));
        prop_assert!(!passed);
    }

    #[test]
    fn what_has_ended_has_ended(one in START - 100..START + 2000, later in 0..10_000u64) {
        let (token, keys) = &signed()[0];
        let valid = passes(token, keys, one);
        prop_assert_eq!(valid, (START - 30..START + 930).contains(&one));
        prop_assert!(one < START || valid || !passes(token, keys, one + later), "it begins again");
    }
}
