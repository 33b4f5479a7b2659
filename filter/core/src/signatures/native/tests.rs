//! The host here is a function that computes with the guest's own code, or lies.

use super::*;
use crate::base64url;
use crate::jwt::sample::{Issuer, encoded, private_pem};
use crate::signatures::SigningKeyError;

/// The public key of the algorithm's issuer, found by its SPKI; the self-test's keys are unknown to it.
fn fields_of(arguments: &[u8]) -> [Vec<u8>; 4] {
    let mut found: [Vec<u8>; 4] = Default::default();
    for field in wire::fields(arguments).unwrap() {
        let Field::Bytes(number, bytes) = field else { continue };
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| found.get_mut(number.saturating_sub(1))) {
            *slot = bytes.to_vec();
        }
    }
    found
}

fn honest_verify(arguments: &[u8]) -> bool {
    let [digest, spki, signature, text] = fields_of(arguments);
    let rsa = |material| match digest.as_slice() {
        b"sha256" => signed(material, Algorithm::Rs256, &text, &signature),
        b"sha384" => signed(material, Algorithm::Rs384, &text, &signature),
        _ => signed(material, Algorithm::Rs512, &text, &signature),
    };
    use crate::jwks::key::Material;
    use jwt_simple::algorithms::{P256PublicKey, P384PublicKey, RSAPublicKey};
    if let Ok(key) = RSAPublicKey::from_der(&spki) {
        return rsa(&Material::Rsa(Box::new(key)));
    }
    if let Ok(key) = P256PublicKey::from_der(&spki) {
        let jws = der::to_jws(&signature, 32);
        return jws.is_some_and(|jws| signed(&Material::P256(key), Algorithm::Es256, &text, &jws));
    }
    let Ok(key) = P384PublicKey::from_der(&spki) else { return false };
    let jws = der::to_jws(&signature, 48);
    jws.is_some_and(|jws| signed(&Material::P384(key), Algorithm::Es384, &text, &jws))
}

fn honest_sign(arguments: &[u8]) -> Vec<u8> {
    let [_, key, text, _] = fields_of(arguments);
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
        let own = signing_key(algorithm);
        if own.pkcs8_der() == Some(&key) {
            let signature = own.sign(&text).unwrap();
            let ecdsa = Form::of(algorithm).unwrap().ecdsa_half.is_some();
            let signature = if ecdsa { der::from_jws(&signature).unwrap() } else { signature };
            let mut answer = vec![0x08, 0x01];
            wire::put(&mut answer, 2, &signature).unwrap();
            return answer;
        }
    }
    vec![0x1a, 1, b'x']
}

fn honest(name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
    match name {
        "verify_signature" => Some(if honest_verify(arguments) { vec![0x08, 0x01] } else { vec![0x12, 1, b'x'] }),
        "sign" => Some(honest_sign(arguments)),
        _ => None,
    }
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pem(algorithm, &Redacted::new(private_pem(algorithm))).unwrap()
}

const KNOWN: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Es256, Algorithm::Es384];

fn probed(call: ForeignCall) -> Native {
    let keys = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa].map(signing_key);
    Native::probed(call, keys.iter())
}

#[test]
fn an_honest_host_is_relied_on_for_what_it_knows() {
    let native = probed(honest);
    assert_eq!(native.verifies(), KNOWN);
    assert_eq!(native.signs(), [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384]);
}

#[test]
fn a_host_that_says_yes_to_everything_is_not_relied_on() {
    let native = probed(|_, _| Some(vec![0x08, 0x01]));
    assert!(native.verifies().is_empty() && native.signs().is_empty());
}

#[test]
fn a_host_that_misses_one_thing_is_not_relied_on() {
    // Says yes whatever the text, whatever the signature, whatever the key.
    fn all_but(arguments: &[u8], forgotten: usize) -> bool {
        let mut fields = fields_of(arguments);
        let good: [Vec<u8>; 4] = GOOD.with(|good| {
            let mut good = good.borrow_mut();
            if honest_verify(arguments) {
                good.push(fields.clone());
            }
            good.last().cloned().unwrap_or_default()
        });
        if let (Some(field), Some(good)) = (fields.get_mut(forgotten), good.get(forgotten)) {
            field.clone_from(good);
        }
        let mut rewritten = Vec::new();
        for (number, field) in (1..).zip(&fields) {
            wire::put(&mut rewritten, number, field).unwrap();
        }
        honest_verify(&rewritten)
    }
    thread_local! {
        static GOOD: core::cell::RefCell<Vec<[Vec<u8>; 4]>> = const { core::cell::RefCell::new(Vec::new()) };
    }
    fn answer(yes: bool) -> Option<Vec<u8>> {
        Some(if yes { vec![0x08, 0x01] } else { Vec::new() })
    }
    let ignorant: [ForeignCall; 3] = [
        |_, arguments| answer(all_but(arguments, 1)),
        |_, arguments| answer(all_but(arguments, 2)),
        |_, arguments| answer(all_but(arguments, 3)),
    ];
    for call in ignorant {
        assert!(probed(call).verifies().is_empty());
    }
}

#[test]
fn an_answer_that_says_nothing_says_no() {
    let silent: [ForeignCall; 7] = [
        |_, _| None,
        |_, _| Some(Vec::new()),
        |_, _| Some(vec![0x08]),
        |_, _| Some(vec![0x08, 0x00]),
        |_, _| Some(vec![0x08, 0x02]),
        |_, _| Some(vec![0x08, 0x01, 0x12, 0x01, b'x']),
        |_, _| Some(vec![0x10, 0x01]),
    ];
    for call in silent {
        let native = Native { call, verifies: KNOWN.to_vec(), signs: KNOWN.to_vec() };
        for algorithm in KNOWN {
            let issuer = Issuer::of(algorithm);
            let token = issuer.token(&format!(r#"{{"alg":"{}"}}"#, algorithm.name()), "{}");
            let jwt = UnverifiedJwt::parse(&token).unwrap();
            assert!(InGuest.verify(&issuer.unbound_key(), algorithm, &jwt));
            assert!(!native.verify(&issuer.unbound_key(), algorithm, &jwt), "{algorithm:?}");
        }
    }
}

/// The host and the guest over every algorithm, key and spoiled form.
#[test]
fn both_ways_agree() {
    let native = probed(honest);
    for signer in Algorithm::ALL {
        let issuer = Issuer::of(signer);
        let good = issuer.token(&format!(r#"{{"alg":"{}"}}"#, signer.name()), r#"{"a":1}"#);
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let mut spoiled = base64url::decode(signature).unwrap();
        spoiled.reverse();
        let zero = vec![0; spoiled.len()];
        let texts = [
            good.clone(),
            good.replacen(&encoded(r#"{"a":1}"#), &encoded(r#"{"a":2}"#), 1),
            format!("{rest}.{}", base64url::encode(&spoiled).unwrap()),
            format!("{rest}.{}", base64url::encode(&zero).unwrap()),
        ];
        for (at, text) in texts.iter().enumerate() {
            let jwt = UnverifiedJwt::parse(text).unwrap();
            for other in Algorithm::ALL {
                let key = Issuer::of(other).unbound_key();
                if !key.fits(signer) {
                    continue;
                }
                let want = InGuest.verify(&key, signer, &jwt);
                assert_eq!(want, at == 0, "{signer:?} {at}");
                assert_eq!(native.verify(&key, signer, &jwt), want, "{signer:?} {at}");
            }
        }
    }
}

#[test]
fn a_key_of_another_kind_is_not_even_asked_about() {
    let native = Native { call: |_, _| Some(vec![0x08, 0x01]), verifies: KNOWN.to_vec(), signs: Vec::new() };
    let token = Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256"}"#, "{}");
    let jwt = UnverifiedJwt::parse(&token).unwrap();
    assert!(!native.verify(&Issuer::of(Algorithm::Es384).unbound_key(), Algorithm::Es256, &jwt));
}

#[test]
fn what_the_host_signs_the_guest_verifies_and_what_it_does_not_the_guest_signs() {
    let native = probed(honest);
    let deaf = Native { call: |_, _| None, verifies: Vec::new(), signs: KNOWN.to_vec() };
    for algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let public = key.public().unwrap();
        for signatures in [&native, &deaf] {
            let signature = signatures.sign(&key, b"input").unwrap();
            assert!(signed(&public, algorithm, b"input", &signature), "{algorithm:?}");
        }
    }
}

#[test]
fn a_key_reaches_the_host_only_as_one_whole_pkcs8_key() {
    let pem = private_pem(Algorithm::Es256);
    assert!(signing_key(Algorithm::Es256).pkcs8_der().is_some());
    let more = format!("{pem}\n{pem}");
    match SigningKey::from_pem(Algorithm::Es256, &Redacted::new(more)) {
        Ok(key) => assert_eq!(key.pkcs8_der(), None),
        Err(error) => assert_eq!(error, SigningKeyError::Unusable),
    }
}
