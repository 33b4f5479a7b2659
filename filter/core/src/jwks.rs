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

pub use key::{KeyFault, PublicKey};

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

/// At least one usable key of one issuer.
#[derive(Clone, Debug)]
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
        if document.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong);
        }
        let document = json::parse(document, JWKS_JSON_DEPTH_MAX).map_err(JwksError::Json)?;
        let keys = document.get("keys").and_then(Value::as_array);
        Self::from_values(keys.ok_or(JwksError::NoKeysArray)?)
    }

    /// Reads keys that stand in the configuration itself.
    ///
    /// Those values must come from a strict reader too, such as [`json::parse`].
    pub fn from_values(values: &[Value]) -> Result<Self, JwksError> {
        if values.len() > KEYS_PER_SET_MAX {
            return Err(JwksError::TooManyKeys);
        }
        let mut keys: Vec<PublicKey> = Vec::new();
        let mut skipped: Option<Skipped> = None;
        for value in values {
            match PublicKey::from_jwk(value) {
                // A key listed twice must not make tokens without `kid` ambiguous.
                Ok(key) if keys.contains(&key) => {}
                Ok(key) => keys.push(key),
                Err(fault) => {
                    let before = skipped.unwrap_or(Skipped { count: 0, first: fault });
                    let count = before.count.saturating_add(1);
                    skipped = Some(Skipped { count, ..before });
                }
            }
        }
        if keys.is_empty() {
            let first = skipped.map(|skipped| skipped.first);
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
