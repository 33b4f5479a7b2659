//! How a server of the development world checks a DPoP proof (RFC 9449 §4.3).
//!
//! Guaranteed: a `CheckedProof` is for exactly this method and URL, fresh, signed by the key in it, and for this token where there is one.
//! Absent on purpose: any use of the gateway's own code, and whether it was used before, which is its server's to remember.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Map, Value};

use super::issuer::http::UnixSeconds;
use super::issuer::jws::Jws;
use super::keys::PublicJwk;

/// How old a proof may be, and how far ahead of this clock, in seconds.
const AGE_MAX: u64 = 60;
const AHEAD_MAX: u64 = 5;

/// A proof whose signature and claims are right.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedProof {
    /// The RFC 7638 thumbprint of the key that signed.
    pub thumbprint: String,
    /// Its identifier.
    pub jti: String,
    /// The nonce it repeats.
    pub nonce: Option<String>,
}

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Where the server thinks it is, with the path, without a query.
    pub url: &'a str,
    /// The access token beside it.
    pub token: Option<&'a str>,
    /// The time.
    pub now: UnixSeconds,
}

/// Checks a proof, and says in a few words what is wrong with it.
pub fn check(text: &str, wanted: Wanted<'_>) -> Result<CheckedProof, &'static str> {
    let proof = Jws::parse(text).ok_or("proof is not a JWT")?;
    if proof.typ() != Some("dpop+jwt") {
        return Err("proof typ is not dpop+jwt");
    }
    let members: Vec<&str> = proof.header.keys().map(String::as_str).collect();
    if members != ["alg", "jwk", "typ"] {
        return Err("proof header has other members than alg, jwk and typ");
    }
    let jwk = proof.header.get("jwk").and_then(Value::as_object).ok_or("proof has no jwk")?;
    let thumbprint = thumbprint(jwk).ok_or("proof jwk is not a bare public key")?;
    let mut key = jwk.clone();
    key.insert("alg".to_owned(), proof.header.get("alg").cloned().unwrap_or_default());
    let key: PublicJwk = serde_json::from_value(Value::Object(key)).map_err(|_| "proof jwk is not a key")?;
    if !proof.verified_by(&[key]) {
        return Err("proof signature is wrong");
    }
    if proof.text("htm") != Some(wanted.method) {
        return Err("proof htm is another method");
    }
    if proof.text("htu") != Some(wanted.url) {
        return Err("proof htu is another URL");
    }
    let made = proof.instant("iat").ok_or("proof has no iat")?;
    if made > wanted.now.plus(AHEAD_MAX) || made.plus(AGE_MAX) < wanted.now {
        return Err("proof is not fresh");
    }
    let digest = wanted.token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    if proof.text("ath") != digest.as_deref() {
        return Err("proof ath is not the token's");
    }
    let jti = proof.text("jti").filter(|jti| jti.len() >= 16).ok_or("proof has no jti to speak of")?;
    Ok(CheckedProof { thumbprint, jti: jti.to_owned(), nonce: proof.text("nonce").map(str::to_owned) })
}

/// RFC 7638 §3, of a key that has the required members and no other.
fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let required: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut names: Vec<&str> = jwk.keys().map(String::as_str).collect();
    names.sort_unstable();
    if names != required {
        return None;
    }
    let texts: Option<Vec<String>> =
        required.iter().map(|name| Some(format!("\"{name}\":\"{}\"", jwk.get(*name)?.as_str()?))).collect();
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", texts?.join(",")))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_is_the_one_of_rfc_7638() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = json!({ "kty": "RSA", "n": modulus, "e": "AQAB" });
        let found = jwk.as_object().and_then(thumbprint);
        assert_eq!(found.as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        let more = json!({ "kty": "RSA", "n": modulus, "e": "AQAB", "kid": "k" });
        assert_eq!(more.as_object().and_then(thumbprint), None);
    }
}
