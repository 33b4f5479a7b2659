use serde_json::json;

use super::*;
use crate::jwt::sample::Issuer;

fn check(jwk: &Value, want: Result<(), KeyFault>) {
    assert_eq!(PublicKey::from_jwk(jwk).map(|_| ()), want, "{jwk}");
}

/// The JWK of the issuer of that algorithm with those members added.
fn jwk(algorithm: Algorithm, members: Value) -> Value {
    Issuer::of(algorithm).jwk(members)
}

fn fits(jwk: &Value) -> Vec<Algorithm> {
    let key = PublicKey::from_jwk(jwk).unwrap();
    Algorithm::ALL.into_iter().filter(|algorithm| key.fits(*algorithm)).collect()
}

#[test]
fn a_key_fits_its_alg_or_what_its_type_allows() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256, Rs384, Rs512};
    for (algorithm, want) in
        [(Rs256, vec![Rs256, Rs384, Rs512, Ps256]), (Es256, vec![Es256]), (Es384, vec![Es384]), (EdDsa, vec![EdDsa])]
    {
        assert_eq!(fits(&jwk(algorithm, json!({}))), want);
    }
    for algorithm in Algorithm::ALL {
        let bound = jwk(algorithm, json!({"alg": algorithm.name()}));
        assert_eq!(fits(&bound), [algorithm]);
    }
    assert_eq!(fits(&jwk(EdDsa, json!({"alg": "Ed25519"}))), [EdDsa]);
}

#[test]
fn an_alg_must_go_with_the_key() {
    for (algorithm, alg) in [
        (Algorithm::Es256, "ES384"),
        (Algorithm::Es256, "RS256"),
        (Algorithm::Rs256, "ES256"),
        (Algorithm::EdDsa, "ES256"),
    ] {
        check(&jwk(algorithm, json!({"alg": alg})), Err(KeyFault::AlgConflict));
    }
    for alg in [json!("RSA-OAEP"), json!("HS256"), json!("none"), json!("rs256"), json!(null), json!(["RS256"])] {
        check(&jwk(Algorithm::Rs256, json!({"alg": alg})), Err(KeyFault::AlgUnsupported));
    }
}

#[test]
fn a_key_for_something_else_is_not_for_this() {
    let with = |members| jwk(Algorithm::Es256, members);
    check(&with(json!({"use": "sig", "key_ops": ["verify"]})), Ok(()));
    check(&with(json!({"key_ops": ["sign", "verify"]})), Ok(()));
    for other in [json!("enc"), json!("SIG"), json!(null), json!(["sig"])] {
        check(&with(json!({"use": other})), Err(KeyFault::Use));
    }
    for other in [json!(["sign"]), json!([]), json!("verify"), json!(null)] {
        check(&with(json!({"key_ops": other})), Err(KeyFault::KeyOps));
    }
}

#[test]
fn secrets_are_never_keys_to_verify_with() {
    check(&json!({"kty": "oct", "k": "AAAA"}), Err(KeyFault::Symmetric));
    check(&json!({"kty": "oct"}), Err(KeyFault::Symmetric));
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        check(&jwk(Algorithm::Rs256, json!({name: "AQ"})), Err(KeyFault::Private));
    }
}

#[test]
fn other_types_and_curves_are_not_supported() {
    check(&json!(null), Err(KeyFault::NotAnObject));
    check(&json!("key"), Err(KeyFault::NotAnObject));
    check(&json!({}), Err(KeyFault::KtyUnsupported));
    check(&json!({"kty": "rsa"}), Err(KeyFault::KtyUnsupported));
    check(&json!({"kty": "AKP"}), Err(KeyFault::KtyUnsupported));
    for (kty, crv) in
        [("EC", "P-521"), ("EC", "secp256k1"), ("EC", "Ed25519"), ("OKP", "X25519"), ("OKP", "Ed448"), ("OKP", "P-256")]
    {
        check(&json!({"kty": kty, "crv": crv}), Err(KeyFault::CurveUnsupported));
    }
    check(&json!({"kty": "EC"}), Err(KeyFault::CurveUnsupported));
}

#[test]
fn a_kid_is_a_text_of_bounded_length() {
    let with = |kid: Value| jwk(Algorithm::Es256, json!({"kid": kid}));
    let longest = "k".repeat(KID_BYTES_MAX);
    check(&with(json!(longest)), Ok(()));
    check(&with(json!(format!("{longest}k"))), Err(KeyFault::Kid));
    for other in [json!(""), json!(7), json!(null)] {
        check(&with(other), Err(KeyFault::Kid));
    }
}

#[test]
fn a_coordinate_has_its_full_length_and_the_point_its_curve() {
    for (algorithm, bytes) in [(Algorithm::Es256, 32_usize), (Algorithm::Es384, 48)] {
        for bad in [json!(null), json!(7), json!(""), json!("%"), json!("AA==")] {
            check(&jwk(algorithm, json!({"x": bad})), Err(KeyFault::Member));
            check(&jwk(algorithm, json!({"y": bad})), Err(KeyFault::Member));
        }
        let one = |bytes: usize| {
            let mut number = vec![0; bytes.saturating_sub(1)];
            number.push(1);
            base64url::encode(&number).unwrap()
        };
        for other in [bytes.saturating_sub(1), bytes.saturating_add(1)] {
            check(&jwk(algorithm, json!({"y": one(other)})), Err(KeyFault::Member));
        }
        // Full length, but no longer on the curve.
        check(&jwk(algorithm, json!({"y": one(bytes)})), Err(KeyFault::Point));
    }
    let ed25519 = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x).unwrap()});
    check(&ed25519(&[7; 31]), Err(KeyFault::Member));
    check(&ed25519(&[7; 33]), Err(KeyFault::Member));
    // The neutral element: a signature of zeros would fit it.
    let mut neutral = [0; 32];
    if let Some(first) = neutral.first_mut() {
        *first = 1;
    }
    check(&ed25519(&neutral), Err(KeyFault::Point));
}

/// An RSA JWK with an odd modulus of that many bits.
fn rsa_jwk(bits: usize, e: &[u8]) -> Value {
    let mut n = vec![0xff; bits.div_ceil(8)];
    let unused = n.len().saturating_mul(8).saturating_sub(bits);
    if let Some(first) = n.first_mut() {
        *first = 0xff_u8.checked_shr(u32::try_from(unused).unwrap()).unwrap();
    }
    rsa_jwk_of(&n, e)
}

fn rsa_jwk_of(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "n": base64url::encode(n).unwrap(), "e": base64url::encode(e).unwrap()})
}

#[test]
fn the_length_of_a_modulus_is_bounded_to_the_bit() {
    let e = [1, 0, 1];
    check(&rsa_jwk(RSA_MODULUS_BITS_MIN, &e), Ok(()));
    check(&rsa_jwk(RSA_MODULUS_BITS_MIN.saturating_sub(1), &e), Err(KeyFault::RsaTooShort));
    check(&rsa_jwk(1024, &e), Err(KeyFault::RsaTooShort));
    check(&rsa_jwk(RSA_MODULUS_BITS_MAX, &e), Ok(()));
    check(&rsa_jwk(RSA_MODULUS_BITS_MAX.saturating_add(1), &e), Err(KeyFault::RsaTooLong));
    // Zeros in front make no longer number.
    check(&rsa_jwk_of(&[vec![0; 128], vec![0xff; 128]].concat(), &e), Err(KeyFault::RsaTooShort));
    let even = [vec![0xff; 255], vec![0xfe]].concat();
    check(&rsa_jwk_of(&even, &e), Err(KeyFault::RsaModulus));
}

#[test]
fn the_exponent_is_the_usual_one() {
    check(&rsa_jwk(2048, &[0, 1, 0, 1]), Ok(()));
    for e in [&[3][..], &[1], &[0], &[1, 0, 0], &[1, 0, 1, 0], &[1, 0, 1, 0, 0, 0, 0, 1]] {
        check(&rsa_jwk(2048, e), Err(KeyFault::RsaExponent));
    }
    check(&rsa_jwk(2048, &[]), Err(KeyFault::Member));
    check(&json!({"kty": "RSA", "e": "AQAB"}), Err(KeyFault::Member));
    check(&json!({"kty": "RSA", "n": "AQAB"}), Err(KeyFault::Member));
}

#[test]
fn a_zero_in_front_of_a_modulus_changes_nothing() {
    let plain = jwk(Algorithm::Rs256, json!({}));
    let n = base64url::decode(plain.get("n").and_then(Value::as_str).unwrap()).unwrap();
    let padded = jwk(Algorithm::Rs256, json!({"n": base64url::encode(&[&[0], n.as_slice()].concat()).unwrap()}));
    assert_eq!(PublicKey::from_jwk(&plain).unwrap(), PublicKey::from_jwk(&padded).unwrap());
}

#[test]
fn the_thumbprints_of_rfc_7638_and_rfc_8037() {
    let check = |jwk: &Value, want: &str| {
        let key = PublicKey::from_jwk(jwk).unwrap();
        assert_eq!(base64url::encode(key.thumbprint()).unwrap(), want);
    };
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z",
            "wu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5Js",
            "GY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic",
            "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-",
            "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF",
            "Cur-kEgU8awapJzKnqDKgw"
        ),
    });
    check(&rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    check(&ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// RFC 3279 §2.3.1, RFC 5480 §2 and RFC 8410 §4: the DER a host's verifier takes, byte for byte up to the key.
#[test]
fn the_spki_is_that_of_the_key() {
    for (algorithm, head, key_bytes) in [
        (
            Algorithm::Es256,
            &[
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
            ][..],
            64_usize,
        ),
        (
            Algorithm::Es384,
            &[
                0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
            ],
            96,
        ),
        (Algorithm::EdDsa, &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], 32),
        (
            Algorithm::Rs256,
            &[
                0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
                0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00,
            ],
            261,
        ),
    ] {
        let key = Issuer::of(algorithm).unbound_key();
        assert!(key.spki_der().starts_with(head), "{algorithm:?}");
        assert_eq!(key.spki_der().len(), head.len().saturating_add(key_bytes), "{algorithm:?}");
    }
}

#[test]
fn debug_names_the_key_only() {
    let key = PublicKey::from_jwk(&jwk(Algorithm::Es256, json!({"kid": "k1"}))).unwrap();
    assert_eq!(format!("{key:?}"), r#"PublicKey { kid: Some("k1"), alg: None, .. }"#);
}
