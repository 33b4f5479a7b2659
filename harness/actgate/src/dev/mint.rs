//! Compact JWS: honest ones for the development world, broken ones for tests.
//!
//! Guaranteed: nothing here checks anything, so that every wrong token can be made.
//! Absent on purpose: claims of its own; what a token says is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::issuer::http::UnixSeconds;
use super::keys::SigningKey;

/// RFC 7523 §2.2.
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an honest client assertion of this world lives, in seconds.
pub const CLIENT_ASSERTION_LIFETIME: u64 = 60;

/// Signs `claims`; the header is `alg` and `kid` of the key with `header` merged over it.
///
/// A null in `header` takes the member away.
pub fn jws(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let mut merged = json!({ "alg": key.algorithm().name(), "kid": key.kid() });
    for (name, value) in header.as_object().into_iter().flatten() {
        merged[name.as_str()] = value.clone();
    }
    if let Some(members) = merged.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    signed_bytes(key, merged.to_string().as_bytes(), claims.to_string().as_bytes())
}

/// Signs exactly these header and payload bytes: for duplicate names, depth, bad UTF-8.
pub fn signed_bytes(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let input = signing_input(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// An access token (`at+jwt`, RFC 9068 §2.1).
pub fn access_token(key: &SigningKey, claims: &Value) -> String {
    jws(key, &json!({ "typ": "at+jwt" }), claims)
}

/// A client assertion (RFC 7523 §2.2) of the shape the development issuers accept.
pub fn client_assertion(key: &SigningKey, client_id: &str, audience: &str, jti: &str, now: UnixSeconds) -> String {
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": audience, "jti": jti,
        "iat": now.0, "exp": now.plus(CLIENT_ASSERTION_LIFETIME).0,
    });
    jws(key, &json!({ "typ": "JWT" }), &claims)
}

/// How long an honest JWT-SVID of this world lives, in seconds.
pub const SVID_LIFETIME: u64 = 300;

/// The claims of a JWT-SVID (SPIFFE JWT-SVID §3).
pub fn svid_claims(spiffe_id: &str, audience: &str, now: UnixSeconds) -> Value {
    json!({ "sub": spiffe_id, "aud": [audience], "iat": now.0, "exp": now.plus(SVID_LIFETIME).0 })
}

/// A JWT-SVID.
pub fn svid(key: &SigningKey, spiffe_id: &str, audience: &str, now: UnixSeconds) -> String {
    jws(key, &json!({ "typ": "JWT" }), &svid_claims(spiffe_id, audience, now))
}

/// The claims of a compact JWS, unverified; null when there are none.
pub fn claims_of(token: &str) -> Value {
    part(token, 1)
}

/// The header of a compact JWS, unverified; null when there is none.
pub fn header_of(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    let bytes = token.split('.').nth(index).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn signing_input(header: &[u8], claims: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// Tokens no verifier may accept, each wrong in one way.
pub mod broken {
    use base64::Engine as _;

    use super::{SigningKey, URL_SAFE_NO_PAD, Value, json, jws, signing_input};

    /// RFC 7518 §3.6: `alg` none with an empty signature. `name` spells it ("none", "None", "nOnE").
    pub fn alg_none(name: &str, claims: &Value) -> String {
        let header = json!({ "alg": name, "typ": "at+jwt" });
        format!("{}.", signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes()))
    }

    /// HS256 keyed with the issuer's public key in PEM (RFC 8725 §2.1).
    pub fn hs256_with_public_key(key: &SigningKey, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": key.kid() });
        let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
        let mac = hmac_sha256::HMAC::mac(input.as_bytes(), key.public_pem().as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// The same token with one bit of the signature turned.
    pub fn bad_signature(token: &str) -> String {
        let (input, signature) = split(token);
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        if let Some(first) = bytes.first_mut() {
            *first ^= 1;
        }
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The same token without its signature, the last dot kept.
    pub fn empty_signature(token: &str) -> String {
        format!("{}.", split(token).0)
    }

    /// The same signature in DER, which RFC 7518 §3.4 does not allow. For ECDSA tokens.
    pub fn der_signature(token: &str) -> String {
        let (input, signature) = split(token);
        let raw = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let (r, s) = raw.split_at(raw.len() / 2);
        let body = [integer(r), integer(s)].concat();
        let der = [vec![0x30, u8::try_from(body.len()).unwrap_or_default()], body].concat();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(der))
    }

    fn integer(bytes: &[u8]) -> Vec<u8> {
        let mut body: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if body.first().is_none_or(|byte| *byte >= 0x80) {
            body.insert(0, 0);
        }
        [vec![0x02, u8::try_from(body.len()).unwrap_or_default()], body].concat()
    }

    /// The all-zero ECDSA signature of the key's size (CVE-2022-21449).
    pub fn zero_signature(token: &str) -> String {
        let (input, signature) = split(token);
        let length = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default().len();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(vec![0; length]))
    }

    /// The signature in a second base64url spelling of the same bytes: unused trailing bits set.
    ///
    /// None when the signature's length leaves no unused bits.
    pub fn non_canonical_base64(token: &str) -> Option<String> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (input, signature) = split(token);
        if signature.len() % 4 < 2 {
            return None;
        }
        let last = signature.bytes().last()?;
        let index = ALPHABET.iter().position(|byte| *byte == last)?;
        let other = char::from(*ALPHABET.get(index ^ 1)?);
        Some(format!("{input}.{}{other}", signature.get(..signature.len() - 1)?))
    }

    /// The signature with base64 padding, which RFC 7515 §2 forbids.
    pub fn padded(token: &str) -> String {
        let missing = (4 - split(token).1.len() % 4) % 4;
        format!("{token}{}", "=".repeat(missing.max(1)))
    }

    /// A fourth part.
    pub fn extra_part(token: &str) -> String {
        format!("{token}.e30")
    }

    /// Two parts.
    pub fn missing_part(token: &str) -> String {
        split(token).0.to_owned()
    }

    /// A header with a critical extension nobody knows (RFC 7515 §4.1.11).
    pub fn unknown_crit(key: &SigningKey, claims: &Value) -> String {
        jws(key, &json!({ "typ": "at+jwt", "crit": ["x-unknown"], "x-unknown": 1 }), claims)
    }

    /// The attacker's own key, offered in the header (RFC 7515 §4.1.3).
    pub fn embedded_jwk(attacker: &SigningKey, claims: &Value) -> String {
        jws(attacker, &json!({ "typ": "at+jwt", "jwk": attacker.public_jwk().to_json() }), claims)
    }

    /// Other claims under the signature of `token`.
    pub fn swapped_claims(token: &str, claims: &Value) -> String {
        let mut parts = token.split('.');
        let header = parts.next().unwrap_or_default();
        let signature = parts.nth(1).unwrap_or_default();
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn split(token: &str) -> (&str, &str) {
        token.rsplit_once('.').unwrap_or((token, ""))
    }
}
