//! Signing keys of the development world: made at run time, written as PKCS#8, published as JWKs.
//!
//! Guaranteed: a key is bound to one algorithm and one `kid`, and its `Debug` shows no private part.
//! Absent on purpose: symmetric keys, and any use of the gateway's own cryptography code, so that the
//! two sides of a test cannot share a mistake.

use std::fmt;
use std::sync::{Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used".
const RSA_BITS: usize = 2048;

/// A JWS signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm the development issuers can sign with.
    pub const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The value of the `alg` header (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads an `alg` header value; case-sensitive, as RFC 7515 §4.1.1 says.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn is_rsa(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256)
    }
}

#[derive(Clone)]
enum Secret {
    Rsa(Box<rsa::RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_compact::KeyPair),
}

/// A private key bound to one algorithm and one key id.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    secret: Secret,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("secret", &"[redacted]")
            .finish()
    }
}

/// Why a PEM file could not be used as a signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl SigningKey {
    /// Makes a fresh key.
    pub fn generate(algorithm: Algorithm, kid: &str) -> Self {
        let secret = match algorithm {
            Algorithm::Es256 => Secret::P256(loop {
                // A scalar of zero or above the group order is refused; drawing again is the cure.
                if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&random::<32>()) {
                    break key;
                }
            }),
            Algorithm::Es384 => Secret::P384(loop {
                if let Ok(key) = p384::ecdsa::SigningKey::from_slice(&random::<48>()) {
                    break key;
                }
            }),
            Algorithm::EdDsa => {
                let seed = ed25519_compact::Seed::new(random::<32>());
                Secret::Ed25519(ed25519_compact::KeyPair::from_seed(seed))
            }
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => Secret::Rsa(Box::new(
                rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).expect("the system has entropy"),
            )),
        };
        Self { kid: kid.to_owned(), algorithm, secret }
    }

    /// The same ES256 key for the same words, for runs that must repeat to the last byte.
    ///
    /// Whoever knows the words has the key, so nothing that is served uses one.
    pub fn es256_of(words: &str, kid: &str) -> Self {
        let scalar = digest(words);
        let key = p256::ecdsa::SigningKey::from_slice(&scalar).expect("one hash in four thousand million is no scalar");
        Self { kid: kid.to_owned(), algorithm: Algorithm::Es256, secret: Secret::P256(key) }
    }

    /// A key kept for the life of the process: the same `slot` gives the same key material.
    ///
    /// RSA keys take seconds to make in an unoptimised build, so tests that only need "some RSA key"
    /// ask here. The four RSA algorithms share the material of a slot.
    pub fn shared(algorithm: Algorithm, slot: usize, kid: &str) -> Self {
        type Slots = Mutex<Vec<(Algorithm, usize, Secret)>>;
        static SLOTS: OnceLock<Slots> = OnceLock::new();
        let family = if algorithm.is_rsa() { Algorithm::Rs256 } else { algorithm };
        let mut slots = SLOTS.get_or_init(Slots::default).lock().expect("no holder of this lock panics");
        let known = slots.iter().find(|(of, at, _)| *of == family && *at == slot).map(|(_, _, secret)| secret.clone());
        let secret = known.unwrap_or_else(|| {
            let secret = Self::generate(family, kid).secret;
            slots.push((family, slot, secret.clone()));
            secret
        });
        Self { kid: kid.to_owned(), algorithm, secret }
    }

    /// Reads a PKCS#8 PEM private key.
    pub fn from_pem(algorithm: Algorithm, kid: &str, pem: &str) -> Result<Self, KeyError> {
        let secret = if algorithm.is_rsa() {
            rsa::RsaPrivateKey::from_pkcs8_pem(pem).map(|key| Secret::Rsa(Box::new(key))).map_err(refused)?
        } else if algorithm == Algorithm::Es256 {
            use p256::pkcs8::DecodePrivateKey as _;
            Secret::P256(p256::ecdsa::SigningKey::from_pkcs8_pem(pem).map_err(refused)?)
        } else if algorithm == Algorithm::Es384 {
            use p384::pkcs8::DecodePrivateKey as _;
            Secret::P384(p384::ecdsa::SigningKey::from_pkcs8_pem(pem).map_err(refused)?)
        } else {
            Secret::Ed25519(ed25519_compact::KeyPair::from_pem(pem).map_err(refused)?)
        };
        Ok(Self { kid: kid.to_owned(), algorithm, secret })
    }

    /// The private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> String {
        match &self.secret {
            Secret::Rsa(key) => key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).expect("a valid key encodes").to_string(),
            Secret::P256(key) => {
                use p256::pkcs8::EncodePrivateKey as _;
                key.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).expect("a valid key encodes").to_string()
            }
            Secret::P384(key) => {
                use p384::pkcs8::EncodePrivateKey as _;
                key.to_pkcs8_pem(p384::pkcs8::LineEnding::LF).expect("a valid key encodes").to_string()
            }
            Secret::Ed25519(key) => key.to_pem(),
        }
    }

    /// The public key as SPKI PEM: the "secret" of the HS256 key-confusion attack.
    pub fn public_pem(&self) -> String {
        match &self.secret {
            Secret::Rsa(key) => {
                key.to_public_key().to_public_key_pem(rsa::pkcs8::LineEnding::LF).expect("a valid key encodes")
            }
            Secret::P256(key) => {
                use p256::pkcs8::EncodePublicKey as _;
                key.verifying_key().to_public_key_pem(p256::pkcs8::LineEnding::LF).expect("a valid key encodes")
            }
            Secret::P384(key) => {
                use p384::pkcs8::EncodePublicKey as _;
                key.verifying_key().to_public_key_pem(p384::pkcs8::LineEnding::LF).expect("a valid key encodes")
            }
            Secret::Ed25519(key) => key.pk.to_pem(),
        }
    }

    /// The key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs; the result is the raw JWS signature (RFC 7518 §3.4: R and S, not DER).
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Rsa(key) => sign_rsa(key, self.algorithm, input),
            Secret::P256(key) => {
                use p256::ecdsa::signature::Signer as _;
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Secret::P384(key) => {
                use p384::ecdsa::signature::Signer as _;
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sk.sign(input, None).to_vec(),
        }
    }

    /// The public half, as published in a JWKS.
    pub fn public_jwk(&self) -> PublicJwk {
        let mut jwk = match &self.secret {
            Secret::Rsa(key) => json!({
                "kty": "RSA",
                "n": URL_SAFE_NO_PAD.encode(key.n().to_bytes_be()),
                "e": URL_SAFE_NO_PAD.encode(key.e().to_bytes_be()),
            }),
            Secret::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                json!({
                    "kty": "EC", "crv": "P-256",
                    "x": URL_SAFE_NO_PAD.encode(point.x().expect("an uncompressed point has x")),
                    "y": URL_SAFE_NO_PAD.encode(point.y().expect("an uncompressed point has y")),
                })
            }
            Secret::P384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                json!({
                    "kty": "EC", "crv": "P-384",
                    "x": URL_SAFE_NO_PAD.encode(point.x().expect("an uncompressed point has x")),
                    "y": URL_SAFE_NO_PAD.encode(point.y().expect("an uncompressed point has y")),
                })
            }
            Secret::Ed25519(key) => json!({
                "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(*key.pk),
            }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm.name());
        jwk["use"] = json!("sig");
        match jwk {
            Value::Object(members) => PublicJwk(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                PublicJwk(Map::new())
            }
        }
    }
}

fn refused(error: impl fmt::Display) -> KeyError {
    KeyError(error.to_string())
}

/// Bytes that are the same for the same words.
pub(crate) fn digest(words: &str) -> [u8; 32] {
    hmac_sha256::Hash::hash(words.as_bytes())
}

/// Fresh random bytes from the system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has entropy");
    bytes
}

fn sign_rsa(key: &rsa::RsaPrivateKey, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
    use rsa::sha2::{Sha256, Sha384, Sha512};
    use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
    let key = key.clone();
    match algorithm {
        Algorithm::Rs384 => rsa::pkcs1v15::SigningKey::<Sha384>::new(key).sign(input).to_vec(),
        Algorithm::Rs512 => rsa::pkcs1v15::SigningKey::<Sha512>::new(key).sign(input).to_vec(),
        Algorithm::Ps256 => {
            rsa::pss::SigningKey::<Sha256>::new(key).sign_with_rng(&mut rsa::rand_core::OsRng, input).to_vec()
        }
        Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
            rsa::pkcs1v15::SigningKey::<Sha256>::new(key).sign(input).to_vec()
        }
    }
}

/// A public key as published: the members of a JWK.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicJwk(Map<String, Value>);

impl PublicJwk {
    /// The JWK as JSON.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The key id.
    pub fn kid(&self) -> Option<&str> {
        self.0.get("kid").and_then(Value::as_str)
    }

    /// Whether `signature` over `input` was made by this key with exactly this algorithm.
    ///
    /// The JWK's own `alg` decides, never the token's header alone.
    pub fn verify(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        if self.0.get("alg").and_then(Value::as_str) != Some(algorithm.name()) {
            return false;
        }
        self.check(algorithm, input, signature).unwrap_or(false)
    }

    fn member(&self, name: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.0.get(name)?.as_str()?).ok()
    }

    fn check(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> Option<bool> {
        match algorithm {
            Algorithm::Es256 => {
                use p256::ecdsa::signature::Verifier as _;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point()?).ok()?;
                let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(key.verify(input, &signature).is_ok())
            }
            Algorithm::Es384 => {
                use p384::ecdsa::signature::Verifier as _;
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.point()?).ok()?;
                let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
                Some(key.verify(input, &signature).is_ok())
            }
            Algorithm::EdDsa => {
                let key = ed25519_compact::PublicKey::from_slice(&self.member("x")?).ok()?;
                let signature = ed25519_compact::Signature::from_slice(signature).ok()?;
                Some(key.verify(input, &signature).is_ok())
            }
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                self.check_rsa(algorithm, input, signature)
            }
        }
    }

    /// The SEC 1 uncompressed point of an EC key.
    fn point(&self) -> Option<Vec<u8>> {
        Some([vec![4], self.member("x")?, self.member("y")?].concat())
    }

    fn check_rsa(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> Option<bool> {
        use rsa::sha2::{Sha256, Sha384, Sha512};
        use rsa::signature::Verifier as _;
        let modulus = rsa::BigUint::from_bytes_be(&self.member("n")?);
        let exponent = rsa::BigUint::from_bytes_be(&self.member("e")?);
        let key = rsa::RsaPublicKey::new(modulus, exponent).ok()?;
        if algorithm == Algorithm::Ps256 {
            let signature = rsa::pss::Signature::try_from(signature).ok()?;
            return Some(rsa::pss::VerifyingKey::<Sha256>::new(key).verify(input, &signature).is_ok());
        }
        let signature = rsa::pkcs1v15::Signature::try_from(signature).ok()?;
        let verified = match algorithm {
            Algorithm::Rs384 => rsa::pkcs1v15::VerifyingKey::<Sha384>::new(key).verify(input, &signature),
            Algorithm::Rs512 => rsa::pkcs1v15::VerifyingKey::<Sha512>::new(key).verify(input, &signature),
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
                rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key).verify(input, &signature)
            }
        };
        Some(verified.is_ok())
    }
}

/// A JWKS document (RFC 7517 §5).
pub fn key_set(keys: &[PublicJwk]) -> Value {
    json!({ "keys": keys.iter().map(PublicJwk::to_json).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_signs_verifies_and_survives_pem() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::shared(algorithm, 0, "k");
            let again = SigningKey::from_pem(algorithm, "k", &key.to_pem()).expect("own PEM is read back");
            let signature = again.sign(b"input");
            let jwk = key.public_jwk();
            assert!(jwk.verify(algorithm, b"input", &signature), "{algorithm:?}");
            assert!(!jwk.verify(algorithm, b"inputs", &signature), "{algorithm:?}: other input");
            for other in Algorithm::ALL {
                assert!(other == algorithm || !jwk.verify(other, b"input", &signature), "{algorithm:?} as {other:?}");
            }
        }
    }

    #[test]
    fn debug_shows_no_private_part() {
        let shown = format!("{:?}", SigningKey::generate(Algorithm::Es256, "k"));
        assert_eq!(shown, r#"SigningKey { kid: "k", algorithm: Es256, secret: "[redacted]" }"#);
    }
}
