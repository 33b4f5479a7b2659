//! The gateway's own keys, and the tokens it signs with them.
//!
//! A [`SigningKey`] is tied to one algorithm and prints nothing of itself.
//! The claims signed are exactly those given: no clock is read and no `iat`, `exp` or `jti` is added.
//! ECDSA and Ed25519 signatures are deterministic (RFC 6979, RFC 8032) and draw no randomness;
//! RSA draws some for blinding, and RSASSA-PSS for its salt, inside the library.

use core::fmt;

use jwt_simple::algorithms::{Edwards25519KeyPair, P256KeyPair, P384KeyPair, RSAKeyPair};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use serde_json::{Map, Value};
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Private};
use superboring::rsa::{Padding, Rsa};
use superboring::sign::{RsaPssSaltlen, Signer};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::digest::{sha256, sha384};
use crate::limits::SIGNING_KEY_PEM_BYTES_MAX;
use crate::redacted::Redacted;

/// Why a text is not a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyError {
    /// It is not an unencrypted private key in PKCS#8 PEM (RFC 7468 §10).
    NotPkcs8Pem,
    /// It is longer than [`SIGNING_KEY_PEM_BYTES_MAX`].
    TooLong,
    /// It is no sound key of the type the algorithm needs.
    Unusable,
}

impl SigningKeyError {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotPkcs8Pem => "signing_key_not_pkcs8_pem",
            Self::TooLong => "signing_key_too_long",
            Self::Unusable => "signing_key_unusable",
        }
    }
}

/// Why a token was not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// The header or the claims could not be written as JSON, or were too long to encode.
    Encoding,
    /// The library refused to sign.
    Signature,
}

impl SignError {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Encoding => "sign_encoding",
            Self::Signature => "sign_signature",
        }
    }
}

/// A private key and the one algorithm it signs with.
pub struct SigningKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Rsa {
        key: PKey<Private>,
        digest: MessageDigest,
        padding: Padding,
    },
    P256(P256KeyPair),
    P384(P384KeyPair),
    Ed25519(Edwards25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.algorithm.name())
    }
}

impl SigningKey {
    /// Reads a private key for that algorithm.
    ///
    /// The key's type and curve must be the algorithm's, and an RSA key must be as long as a verifier would ask.
    pub fn from_pem(algorithm: Algorithm, pem: &Redacted<String>) -> Result<Self, SigningKeyError> {
        let pem = pem.expose().trim();
        if pem.len() > SIGNING_KEY_PEM_BYTES_MAX {
            return Err(SigningKeyError::TooLong);
        }
        if !pem.starts_with("-----BEGIN PRIVATE KEY-----") {
            return Err(SigningKeyError::NotPkcs8Pem);
        }
        let material = match algorithm {
            Algorithm::Rs256 => rsa(pem, MessageDigest::sha256(), Padding::PKCS1),
            Algorithm::Rs384 => rsa(pem, MessageDigest::sha384(), Padding::PKCS1),
            Algorithm::Rs512 => rsa(pem, MessageDigest::sha512(), Padding::PKCS1),
            Algorithm::Ps256 => rsa(pem, MessageDigest::sha256(), Padding::PKCS1_PSS),
            Algorithm::Es256 => P256KeyPair::from_pem(pem).ok().map(Material::P256),
            Algorithm::Es384 => P384KeyPair::from_pem(pem).ok().map(Material::P384),
            Algorithm::EdDsa => Edwards25519KeyPair::from_pem(pem).ok().map(Material::Ed25519),
        };
        let material = material.ok_or(SigningKeyError::Unusable)?;
        Ok(Self { algorithm, material })
    }

    /// The algorithm it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs those claims, as they are, into a compact JWS (RFC 7515 §7.1).
    pub fn sign_jwt(
        &self,
        typ: Option<&str>,
        kid: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<Redacted<String>, SignError> {
        compact(self.algorithm, typ, kid, claims, |input| self.sign(input))
    }

    /// The signature over those bytes, in the form JWS uses (for ECDSA, RFC 7518 §3.4: r and s side by side).
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.material {
            Material::Rsa { key, digest, padding } => sign_rsa(key, digest.clone(), *padding, input),
            Material::P256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> = key.as_ref().sign_prehash(&sha256(input));
                signature.map(|signature| signature.to_vec()).map_err(|_| SignError::Signature)
            }
            Material::P384(key) => {
                let signature: Result<p384::ecdsa::Signature, _> = key.as_ref().sign_prehash(&sha384(input));
                signature.map(|signature| signature.to_vec()).map_err(|_| SignError::Signature)
            }
            Material::Ed25519(key) => Ok(key.as_ref().sk.sign(input, None).to_vec()),
        }
    }
}

/// A compact JWS whose signature `sign` makes.
pub(super) fn compact(
    algorithm: Algorithm,
    typ: Option<&str>,
    kid: Option<&str>,
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SignError>,
) -> Result<Redacted<String>, SignError> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), algorithm.name().into());
    if let Some(kid) = kid {
        header.insert("kid".to_owned(), kid.into());
    }
    if let Some(typ) = typ {
        header.insert("typ".to_owned(), typ.into());
    }
    let mut jws = part(&header)?;
    jws.push('.');
    jws.push_str(&part(claims)?);
    let signature = sign(jws.as_bytes())?;
    jws.push('.');
    jws.push_str(&base64url::encode(&signature).ok_or(SignError::Encoding)?);
    Ok(Redacted::new(jws))
}

fn part(object: &Map<String, Value>) -> Result<String, SignError> {
    let json = serde_json::to_vec(object).map_err(|_| SignError::Encoding)?;
    base64url::encode(&json).ok_or(SignError::Encoding)
}

fn rsa(pem: &str, digest: MessageDigest, padding: Padding) -> Option<Material> {
    let pair = RSAKeyPair::from_pem(pem).ok()?;
    let key: &Rsa<Private> = pair.as_ref();
    let key = PKey::from_rsa(key.clone()).ok()?;
    Some(Material::Rsa { key, digest, padding })
}

fn sign_rsa(
    key: &PKey<Private>,
    digest: MessageDigest,
    padding: Padding,
    input: &[u8],
) -> Result<Vec<u8>, SignError> {
    let sign = || {
        let mut signer = Signer::new(digest, key)?;
        signer.set_rsa_padding(padding)?;
        // RFC 7518 §3.5: "The size of the salt value is the same size as the hash function output."
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        signer.update(input)?;
        signer.sign_to_vec()
    };
    sign().map_err(|_| SignError::Signature)
}
