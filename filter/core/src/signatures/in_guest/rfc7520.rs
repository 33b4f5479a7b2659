//! The signatures of the JOSE cookbook (RFC 7520 §4), with the public keys of its §3.
//!
//! One of them is of an algorithm that is known here, and holds. PS384, ES512 and HS256 are not: no such algorithm is read, and no key that is for it alone.
//! Its payload is a sentence and no claims, so no form of it is a token; §4.6 to §4.8 are JSON serialisations, which are none either.

use serde_json::{Value, json};

use super::signed;
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwks::{KeyFault, PublicKey};
use crate::jwt::UnverifiedJwt;

const PAYLOAD: &str = concat!(
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUg",
    "cm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0",
    "IGJlIHN3ZXB0IG9mZiB0by4",
);

const RS256: &str = concat!(
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8",
    "4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS",
    "adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu",
    "shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
);

const PS384: &str = concat!(
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItl",
    "lVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0",
    "TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0",
    "uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
);

const ES512: &str = concat!(
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_",
    "sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
);

const HS256: &str = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";

const HEADERS: [(&str, &str); 4] = [
    ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", RS256),
    ("eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", PS384),
    ("eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", ES512),
    ("eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9", HS256),
];

/// RFC 7520 §3.3.
fn rsa_key() -> Value {
    json!({"kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "e": "AQAB", "n": concat!(
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRB",
        "SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD",
        "1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_",
        "qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
    )})
}

fn holds(algorithm: Algorithm, header: &str, signature: &[u8]) -> bool {
    let key = PublicKey::from_jwk(&rsa_key()).unwrap();
    signed(key.material(), algorithm, format!("{header}.{PAYLOAD}").as_bytes(), signature)
}

#[test]
fn its_rsa_signatures_hold_by_their_own_algorithm_and_no_other() {
    let [(header, rs256), (pss_header, ps384), ..] = HEADERS;
    let (rs256, ps384) = (base64url::decode(rs256).unwrap(), base64url::decode(ps384).unwrap());
    for algorithm in Algorithm::ALL {
        assert_eq!(holds(algorithm, header, &rs256), algorithm == Algorithm::Rs256, "{algorithm:?}");
        assert!(!holds(algorithm, pss_header, &ps384), "{algorithm:?}");
    }
    assert!(!holds(Algorithm::Rs256, pss_header, &rs256), "under another header");
    for byte in (0..rs256.len()).step_by(15) {
        let mut changed = rs256.clone();
        *changed.get_mut(byte).unwrap() ^= 1;
        assert!(!holds(Algorithm::Rs256, header, &changed), "byte {byte} changed");
    }
}

#[test]
fn its_other_algorithms_are_not_read() {
    for name in ["PS384", "ES512", "HS256"] {
        assert!(Algorithm::parse(name).is_none(), "{name}");
    }
    // RFC 7520 §3.1 and §3.5.
    let p521 = json!({
        "kty": "EC", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
    });
    let symmetric =
        json!({"kty": "oct", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037", "use": "sig", "alg": "HS256", "k": "AA"});
    assert_eq!(PublicKey::from_jwk(&p521).unwrap_err(), KeyFault::CurveUnsupported);
    assert_eq!(PublicKey::from_jwk(&symmetric).unwrap_err(), KeyFault::Symmetric);
}

#[test]
fn nothing_in_it_is_a_token() {
    for (header, signature) in HEADERS {
        assert!(UnverifiedJwt::parse(&format!("{header}.{PAYLOAD}.{signature}")).is_err(), "{header}");
        // RFC 7520 §4.5, detached content.
        assert!(UnverifiedJwt::parse(&format!("{header}..{signature}")).is_err(), "{header}");
    }
}
