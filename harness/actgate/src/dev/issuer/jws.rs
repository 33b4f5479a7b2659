//! Reading a compact JWS the strict way, for the issuers' own checks.
//!
//! Guaranteed: three parts, canonical base64url, JSON objects without repeated member names.
//! Absent on purpose: trust. `verified_by` answers one question about one list of keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::http::UnixSeconds;
use crate::dev::keys::{Algorithm, PublicJwk};

/// A parsed token nobody has verified yet.
#[derive(Debug)]
pub(crate) struct Jws {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    input: String,
    signature: Vec<u8>,
}

impl Jws {
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            input: input.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// What a server knows of a token that nobody signed.
    pub(crate) fn known(claims: Map<String, Value>) -> Self {
        Self { header: Map::new(), claims, input: String::new(), signature: Vec::new() }
    }

    /// Whether one of `keys` made the signature; a `kid` in the header must name that key.
    pub(crate) fn verified_by(&self, keys: &[PublicJwk]) -> bool {
        // RFC 7515 §4.1.11: an extension that is not understood makes the JWS invalid.
        if self.header.contains_key("crit") {
            return false;
        }
        let algorithm = self.header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let Some(algorithm) = algorithm else {
            return false;
        };
        let kid = self.header.get("kid").and_then(Value::as_str);
        keys.iter()
            .filter(|key| kid.is_none() || key.kid() == kid)
            .any(|key| key.verify(algorithm, self.input.as_bytes(), &self.signature))
    }

    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.get("typ").and_then(Value::as_str)
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    pub(crate) fn instant(&self, claim: &str) -> Option<UnixSeconds> {
        self.claims.get(claim).and_then(Value::as_u64).map(UnixSeconds)
    }

    /// The audiences, as a string or an array of strings (RFC 7519 §4.1.3).
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        }
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice::<Strict>(&bytes).ok()?.0 {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// RFC 7519 §4: "JWTs with duplicate Claim Names" may be rejected; these issuers do.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated member names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated member name"));
            }
        }
        Ok(Value::Object(map))
    }
}
