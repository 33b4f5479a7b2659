//! Signatures by the host, where it has proven to know how: Envoy's `verify_signature` (1.30) and `sign` (1.37).
//!
//! Each algorithm is believed for itself, after a self-test that includes wrong answers; the rest is computed by [`InGuest`].
//! The host is told everything: which digest, a `SubjectPublicKeyInfo` built from the parsed key, ECDSA signatures in DER.
//! It ties no digest to a curve and takes bytes after a key, so what reaches it was checked here before.
//! An answer that is missing, empty or not well-formed says `false`: an algorithm that failed later refuses and never admits.

mod der;
mod probe;
mod wire;

use super::signing::{SignError, SigningKey};
use super::{InGuest, Signatures};
use crate::algorithm::Algorithm;
use crate::jwks::PublicKey;
use crate::jwt::UnverifiedJwt;
use crate::redacted::Redacted;
use crate::signatures::in_guest::signed;
use wire::Field;

/// A function of the host, by name and with its arguments: its answer, or `None` where it has none or refuses.
pub type ForeignCall = fn(&str, &[u8]) -> Option<Vec<u8>>;

/// The host's cryptography as far as it can be relied on, and the guest's for the rest.
#[derive(Clone, Debug)]
pub struct Native {
    call: ForeignCall,
    verifies: Vec<Algorithm>,
    signs: Vec<Algorithm>,
}

impl Native {
    /// Tries what the host knows. `keys` are those that will sign: for each algorithm the first of them signs a text that is no token.
    pub fn probed<'k>(call: ForeignCall, keys: impl Iterator<Item = &'k SigningKey>) -> Self {
        let mut native = Self { call, verifies: Vec::new(), signs: Vec::new() };
        native.verifies = Algorithm::ALL.into_iter().filter(|each| probe::verifies(&native, *each)).collect();
        let mut tried = Vec::new();
        for key in keys {
            let algorithm = key.algorithm();
            if !tried.contains(&algorithm) {
                tried.push(algorithm);
                if native.signs_well(key) {
                    native.signs.push(algorithm);
                }
            }
        }
        native
    }

    /// Which algorithms the host verifies.
    #[must_use]
    pub fn verifies(&self) -> &[Algorithm] {
        &self.verifies
    }

    /// Which algorithms the host signs with, of those that were needed.
    #[must_use]
    pub fn signs(&self) -> &[Algorithm] {
        &self.signs
    }

    /// A signature of the host's is good here for its own text and for no other.
    fn signs_well(&self, key: &SigningKey) -> bool {
        let (Some(public), Some(signature)) = (key.public(), self.ask_sign(key, probe::TEXT)) else {
            return false;
        };
        let good_for = |text| signed(&public, key.algorithm(), text, &signature);
        good_for(probe::TEXT) && !good_for(probe::OTHER_TEXT)
    }

    fn ask_verify(&self, spki: &[u8], algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        let ask = || {
            let form = Form::of(algorithm)?;
            let signature = match form.ecdsa_half {
                None => Redacted::new(signature.to_vec()),
                Some(half) if signature.len() == half.checked_mul(2)? => Redacted::new(der::from_jws(signature)?),
                Some(_) => return None,
            };
            let mut arguments = Vec::new();
            wire::put(&mut arguments, 1, form.digest.as_bytes())?;
            wire::put(&mut arguments, 2, spki)?;
            wire::put(&mut arguments, 3, signature.expose())?;
            wire::put(&mut arguments, 4, text)?;
            verdict(&(self.call)("verify_signature", &arguments)?)
        };
        ask().unwrap_or(false)
    }

    fn ask_sign(&self, key: &SigningKey, text: &[u8]) -> Option<Vec<u8>> {
        let form = Form::of(key.algorithm())?;
        let mut arguments = Vec::new();
        wire::put(&mut arguments, 1, form.digest.as_bytes())?;
        wire::put(&mut arguments, 2, key.pkcs8_der()?)?;
        wire::put(&mut arguments, 3, text)?;
        let answer = (self.call)("sign", &arguments)?;
        let fields = wire::fields(&answer)?;
        if !fields.contains(&Field::Number(1, 1)) {
            return None;
        }
        let signature = fields.iter().find_map(|field| match field {
            Field::Bytes(2, signature) if !signature.is_empty() => Some(*signature),
            Field::Bytes(..) | Field::Number(..) => None,
        })?;
        match form.ecdsa_half {
            None => Some(signature.to_vec()),
            Some(half) => der::to_jws(signature, half),
        }
    }
}

impl Signatures for Native {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
        if self.verifies.contains(&algorithm) {
            let fits = key.fits(algorithm);
            return fits && self.ask_verify(key.spki_der(), algorithm, jwt.signing_input().as_bytes(), jwt.signature());
        }
        InGuest.verify(key, algorithm, jwt)
    }

    /// A key that the host does not take, another than the one it was tried with, signs here.
    fn sign(&self, key: &SigningKey, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let native = if self.signs.contains(&key.algorithm()) { self.ask_sign(key, input) } else { None };
        native.map_or_else(|| key.sign(input), Ok)
    }
}

/// What the host calls an algorithm; `None` for one it cannot be asked for.
struct Form {
    digest: &'static str,
    /// The length of r and of s.
    ecdsa_half: Option<usize>,
}

impl Form {
    const fn of(algorithm: Algorithm) -> Option<Self> {
        let (digest, ecdsa_half) = match algorithm {
            Algorithm::Rs256 => ("sha256", None),
            Algorithm::Rs384 => ("sha384", None),
            Algorithm::Rs512 => ("sha512", None),
            Algorithm::Es256 => ("sha256", Some(32)),
            Algorithm::Es384 => ("sha384", Some(48)),
            Algorithm::Ps256 | Algorithm::EdDsa => return None,
        };
        Some(Self { digest, ecdsa_half })
    }
}

/// `{1: true}`, and nothing said against it. A false result is left out of the message, so an empty one says no.
fn verdict(answer: &[u8]) -> Option<bool> {
    let fields = wire::fields(answer)?;
    Some(fields == [Field::Number(1, 1)] || fields == [Field::Number(1, 1), Field::Bytes(2, b"")])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
