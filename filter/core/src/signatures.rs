//! Signatures: the one interface behind which cryptography happens.
//!
//! [`Signatures`] answers one question, whether a key signed exactly those bytes, and reads no claim.
//! [`InGuest`] computes the answer here; [`Native`] asks the host where it has proven to know, which is ten times as fast and more.
//! An implementation that cannot answer says `false`, so a broken host refuses and never admits.

pub(crate) mod checks;
mod in_guest;
mod native;
pub mod signing;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::jwks::PublicKey;
use crate::jwt::UnverifiedJwt;
use crate::redacted::Redacted;

pub use in_guest::InGuest;
pub use native::{ForeignCall, Native};
pub use signing::{Protected, SignError, SigningKey, SigningKeyError};

/// Something that can check a signature.
pub trait Signatures {
    /// Whether `jwt`'s signature over its signing input was made by `key` with `algorithm`.
    ///
    /// The caller has made sure that `key` fits `algorithm` and that `algorithm` is the one in the token's header.
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool;

    /// The signature of `key` over `input`, computed in the guest unless an implementation knows better.
    fn sign(&self, key: &SigningKey, input: &[u8]) -> Result<Vec<u8>, SignError> {
        key.sign(input)
    }

    /// Those claims, signed as they are, under a header with those members that are there; see [`SigningKey::sign_jwt`].
    fn sign_jwt(
        &self,
        key: &SigningKey,
        members: &[(&str, Option<&str>)],
        claims: &Map<String, Value>,
    ) -> Result<Redacted<String>, SignError> {
        signing::compact(key.algorithm(), members, claims, |input| self.sign(key, input))
    }

    /// Those claims, signed as they are, under a header that [`SigningKey::protect`] made for this key.
    fn sign_under(
        &self,
        key: &SigningKey,
        header: &Protected,
        claims: &Map<String, Value>,
    ) -> Result<Redacted<String>, SignError> {
        signing::under(header, claims, |input| self.sign(key, input))
    }
}
