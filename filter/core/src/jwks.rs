//! The keys of one issuer (RFC 7517), as far as they can verify a token.
//!
//! A [`KeySet`] holds at least one usable key: a document without one is an error, so a failed or empty fetch never becomes a set that refuses everyone, or trusts no one in particular.
//! Keys that are not usable are skipped and counted, as RFC 7517 §5 asks ("SHOULD ignore"), because issuers publish encryption keys and new algorithms beside the ones needed here.
//! Symmetric keys and private keys are never usable: whoever publishes one has told the world how to sign.
//! No member that names a URL or a certificate is read.

pub mod key;

use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::json::{self, JsonError};
use crate::limits::{JWKS_BYTES_MAX, JWKS_JSON_DEPTH_MAX, KEYS_PER_SET_MAX};

pub use key::{KeyFault, KeyUse, PublicKey};

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwksError {
    /// It is not strict JSON.
    Json(JsonError),
    /// It is not an object with an array `keys` (RFC 7517 §5.1).
    NoKeysArray,
    /// Not one of its keys can be used; the first had this fault, if there was a key at all.
    NoUsableKey {
        /// The fault of the first key.
        first: Option<KeyFault>,
    },
    /// It is longer than [`JWKS_BYTES_MAX`].
    TooLong,
    /// It has more keys than [`KEYS_PER_SET_MAX`].
    TooManyKeys,
}

impl JwksError {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::NoKeysArray => "jwks_no_keys_array",
            Self::NoUsableKey { .. } => "jwks_no_usable_key",
            Self::TooLong => "jwks_too_long",
            Self::TooManyKeys => "jwks_too_many_keys",
        }
    }
}

/// The usable keys of one issuer: at least one where it was parsed; the default is the empty set, which verifies nothing.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Option<Skipped>,
}

/// How many keys of a document were left out, and why the first was; fit for a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The number of keys left out, at least one.
    pub count: usize,
    /// The fault of the first of them.
    pub first: KeyFault,
}

impl KeySet {
    /// Reads a document as an issuer's `jwks_uri` serves it.
    pub fn parse(document: &[u8]) -> Result<Self, JwksError> {
        Self::parse_published_for(KeyUse::Tokens, document)
    }

    /// Reads a document with keys for that end; those for another are left out.
    pub fn parse_published_for(wanted: KeyUse, document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong);
        }
        let document = json::parse(document, JWKS_JSON_DEPTH_MAX).map_err(JwksError::Json)?;
        let keys = document.get("keys").and_then(Value::as_array);
        Self::published_for(wanted, keys.ok_or(JwksError::NoKeysArray)?)
    }

    /// Reads keys that stand in the configuration itself.
    ///
    /// Those values must come from a strict reader too, such as [`json::parse`].
    pub fn from_values(values: &[Value]) -> Result<Self, JwksError> {
        Self::published_for(KeyUse::Tokens, values)
    }

    /// The same for keys for that end.
    pub fn published_for(wanted: KeyUse, values: &[Value]) -> Result<Self, JwksError> {
        if values.len() > KEYS_PER_SET_MAX {
            return Err(JwksError::TooManyKeys);
        }
        let mut keys: Vec<PublicKey> = Vec::new();
        let mut skipped: Option<Skipped> = None;
        let mut first: Option<KeyFault> = None;
        for value in values {
            match PublicKey::published_for(wanted, value) {
                // A key listed twice must not make tokens without `kid` ambiguous.
                Ok(key) if keys.contains(&key) => {}
                Ok(key) => keys.push(key),
                // A bundle has keys for other ends by its nature: nothing is wrong with them.
                Err(KeyFault::Use) if wanted == KeyUse::Svids => first = first.or(Some(KeyFault::Use)),
                Err(fault) => {
                    first = first.or(Some(fault));
                    let before = skipped.unwrap_or(Skipped { count: 0, first: fault });
                    let count = before.count.saturating_add(1);
                    skipped = Some(Skipped { count, ..before });
                }
            }
        }
        if keys.is_empty() {
            return Err(JwksError::NoUsableKey { first });
        }
        Ok(Self { keys, skipped })
    }

    /// The keys that were left out, if any were.
    #[must_use]
    pub const fn skipped(&self) -> Option<Skipped> {
        self.skipped
    }

    /// The keys, in the document's order.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Whether the key with that thumbprint is in the set: what was verified by a key that has gone must be verified anew.
    #[must_use]
    pub fn contains_thumbprint(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|key| key.thumbprint() == thumbprint)
    }

    /// The keys of that identifier that fit that algorithm, and whether the identifier is known at all.
    pub(crate) fn named(&self, kid: &str, algorithm: Algorithm) -> (bool, Vec<&PublicKey>) {
        let named = || self.keys.iter().filter(|key| key.kid() == Some(kid));
        let fitting = named().filter(|key| key.fits(algorithm)).collect();
        (named().next().is_some(), fitting)
    }

    /// All keys that fit that algorithm.
    pub(crate) fn fitting(&self, algorithm: Algorithm) -> Vec<&PublicKey> {
        self.keys.iter().filter(|key| key.fits(algorithm)).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::Issuer;

    fn check(document: &str, want: Result<usize, JwksError>) {
        let got = KeySet::parse(document.as_bytes()).map(|set| set.keys().len());
        assert_eq!(got, want, "{document}");
    }

    fn jwk(kid: &str) -> Value {
        Issuer::of(Algorithm::Es256).jwk(json!({"kid": kid}))
    }

    #[test]
    fn a_set_is_an_object_with_an_array_of_keys() {
        check(&json!({"keys": [jwk("a")], "other": 1}).to_string(), Ok(1));
        check(&json!([jwk("a")]).to_string(), Err(JwksError::NoKeysArray));
        check(&json!({"keys": jwk("a")}).to_string(), Err(JwksError::NoKeysArray));
        check(&json!({"Keys": [jwk("a")]}).to_string(), Err(JwksError::NoKeysArray));
        check(&jwk("a").to_string(), Err(JwksError::NoKeysArray));
        check("", Err(JwksError::Json(JsonError::Syntax)));
        check("<html>", Err(JwksError::Json(JsonError::Syntax)));
        let twice = format!(r#"{{"keys":[],"keys":[{}]}}"#, jwk("a"));
        check(&twice, Err(JwksError::Json(JsonError::DuplicateName)));
    }

    #[test]
    fn a_set_without_a_usable_key_is_no_set() {
        check(r#"{"keys":[]}"#, Err(JwksError::NoUsableKey { first: None }));
        let unusable = json!({"keys": [{"kty": "oct", "k": "AAAA"}, 7]}).to_string();
        let first = Some(KeyFault::Symmetric);
        check(&unusable, Err(JwksError::NoUsableKey { first }));
    }

    #[test]
    fn every_fault_has_its_word() {
        let word = |document: &str| KeySet::parse(document.as_bytes()).unwrap_err().code();
        assert_eq!(word("{"), "json_syntax");
        assert_eq!(word("{}"), "jwks_no_keys_array");
        assert_eq!(word(r#"{"keys":[]}"#), "jwks_no_usable_key");
        assert_eq!(word(&" ".repeat(JWKS_BYTES_MAX.saturating_add(1))), "jwks_too_long");
        let many = json!({"keys": vec![Value::Null; KEYS_PER_SET_MAX.saturating_add(1)]});
        assert_eq!(word(&many.to_string()), "jwks_too_many_keys");
    }

    #[test]
    fn keys_that_cannot_be_used_are_left_out_and_counted() {
        let document = json!({"keys": [
            Issuer::of(Algorithm::Rs256).jwk(json!({"use": "enc"})),
            jwk("a"),
            {"kty": "EC", "crv": "P-521"},
            Issuer::of(Algorithm::EdDsa).jwk(json!({})),
            null,
        ]});
        let set = KeySet::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(set.keys().len(), 2);
        let first = KeyFault::Use;
        assert_eq!(set.skipped(), Some(Skipped { count: 3, first }));
        let all = KeySet::from_values(&[jwk("a")]).unwrap();
        assert_eq!(all.skipped(), None);
    }

    #[test]
    fn the_same_key_twice_is_one_key_but_one_kid_may_name_two() {
        let one = Issuer::of(Algorithm::Es256).jwk(json!({"kid": "a"}));
        let other = Issuer::of(Algorithm::EdDsa).jwk(json!({"kid": "a"}));
        let set = KeySet::from_values(&[one.clone(), other, one]).unwrap();
        assert_eq!(set.keys().len(), 2);
        let (known, fitting) = set.named("a", Algorithm::EdDsa);
        assert!(known && fitting.len() == 1);
        let (known, fitting) = set.named("a", Algorithm::Rs256);
        assert!(known && fitting.is_empty());
        assert!(!set.named("b", Algorithm::Es256).0);
    }

    #[test]
    fn of_a_bundle_only_keys_of_jwt_svids_count() {
        let own = || Issuer::of(Algorithm::Es256);
        let check = |key: Value, want: Result<usize, KeyFault>| {
            let got = KeySet::published_for(KeyUse::Svids, core::slice::from_ref(&key)).map(|set| set.keys().len());
            assert_eq!(got, want.map_err(|fault| JwksError::NoUsableKey { first: Some(fault) }), "{key}");
        };
        check(own().jwk(json!({"kid": "a", "use": "jwt-svid"})), Ok(1));
        check(own().jwk(json!({"use": "jwt-svid"})), Err(KeyFault::Kid));
        check(own().jwk(json!({"kid": "a"})), Err(KeyFault::Use));
        for other in ["sig", "x509-svid", "JWT-SVID", ""] {
            check(own().jwk(json!({"kid": "a", "use": other})), Err(KeyFault::Use));
        }
        // And none of them is an issuer's.
        let key = own().jwk(json!({"kid": "a", "use": "jwt-svid"}));
        let first = Some(KeyFault::Use);
        assert_eq!(KeySet::from_values(&[key]).err(), Some(JwksError::NoUsableKey { first }));
        let bundle = json!({"spiffe_sequence": 1, "spiffe_refresh_hint": 300, "keys": [
            {"use": "x509-svid", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "x5c": ["AA"]},
            own().jwk(json!({"kid": "a", "use": "jwt-svid"})),
            own().jwk(json!({"use": "jwt-svid"})),
        ]});
        let set = KeySet::parse_published_for(KeyUse::Svids, bundle.to_string().as_bytes()).unwrap();
        let skipped = Some(Skipped { count: 1, first: KeyFault::Kid });
        assert_eq!((set.keys().len(), set.skipped()), (1, skipped), "a key for another end is not missed");
    }

    #[test]
    fn a_key_that_has_gone_is_missed() {
        let (one, other) = (Issuer::of(Algorithm::Es256), Issuer::stranger());
        let thumbprint = *one.unbound_key().thumbprint();
        assert!(one.key_set("a").contains_thumbprint(&thumbprint));
        assert!(!other.key_set("a").contains_thumbprint(&thumbprint));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let keys = |count: usize| -> Vec<Value> { (0..count).map(|each| jwk(&each.to_string())).collect() };
        let most = KeySet::from_values(&keys(KEYS_PER_SET_MAX)).unwrap();
        assert_eq!(most.keys().len(), KEYS_PER_SET_MAX);
        let past = KeySet::from_values(&keys(KEYS_PER_SET_MAX.saturating_add(1)));
        assert_eq!(past.err(), Some(JwksError::TooManyKeys));
    }

    #[test]
    fn the_length_of_a_document_is_bounded() {
        let document = json!({"keys": [jwk("a")]}).to_string();
        let padding = JWKS_BYTES_MAX.saturating_sub(document.len());
        let longest = format!("{document}{}", " ".repeat(padding));
        assert!(KeySet::parse(longest.as_bytes()).is_ok());
        let past = KeySet::parse(format!("{longest} ").as_bytes());
        assert_eq!(past.err(), Some(JwksError::TooLong));
    }

    #[test]
    fn the_depth_of_a_document_is_bounded() {
        let nested = |levels: usize| {
            let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"keys":[{}],"x":{deep}}}"#, jwk("a"))
        };
        check(&nested(JWKS_JSON_DEPTH_MAX.saturating_sub(1)), Ok(1));
        check(&nested(JWKS_JSON_DEPTH_MAX), Err(JwksError::Json(JsonError::TooDeep)));
    }
}
