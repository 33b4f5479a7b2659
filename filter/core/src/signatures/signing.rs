//! The gateway's own keys, and the tokens it signs with them.
//!
//! A [`SigningKey`] is tied to one algorithm and prints nothing of itself.
//! The claims signed are exactly those given: no clock is read and no `iat`, `exp` or `jti` is added.
//! ECDSA and Ed25519 signatures are deterministic (RFC 6979, RFC 8032) and draw no randomness;
//! RSA draws some for blinding, and RSASSA-PSS for its salt, inside the library.

use core::fmt;

use ct_codecs::{Base64, Decoder as _};
use jwt_simple::algorithms::{Edwards25519KeyPair, P256KeyPair, P384KeyPair, RSAKeyPair};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use serde_json::{Map, Value, json};
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Private};
use superboring::rsa::{Padding, Rsa};
use superboring::sign::{RsaPssSaltlen, Signer};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::digest::{sha256, sha384};
use crate::jwks::key;
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
    pkcs8_der: Option<Redacted<Vec<u8>>>,
}

enum Material {
    Rsa { pair: Box<RSAKeyPair>, key: PKey<Private>, digest: MessageDigest, padding: Padding },
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
        Ok(Self { algorithm, material, pkcs8_der: der(pem) })
    }

    /// The key as a host takes it (RFC 5208 §5); `None` where the text has more than this one key in it.
    pub(super) fn pkcs8_der(&self) -> Option<&[u8]> {
        self.pkcs8_der.as_ref().map(|der| der.expose().as_slice())
    }

    /// The public half, to check with what another signed for this key.
    pub(super) fn public(&self) -> Option<key::Material> {
        match &self.material {
            Material::Rsa { pair, .. } => Some(key::Material::Rsa(Box::new(pair.public_key()))),
            Material::P256(pair) => Some(key::Material::P256(pair.public_key())),
            Material::P384(pair) => Some(key::Material::P384(pair.public_key())),
            Material::Ed25519(pair) => Some(key::Material::Ed25519(pair.public_key())),
        }
    }

    /// The public half as a JWK with its required members and no other (RFC 7638 §3.2); `None` for one that no JWK could say.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Map<String, Value>> {
        let jwk = match self.public()? {
            key::Material::Rsa(key) => {
                let parts = key.to_components();
                json!({ "kty": "RSA", "n": base64url::encode(&parts.n)?, "e": base64url::encode(&parts.e)? })
            }
            key::Material::P256(key) => point("P-256", &key.to_bytes_uncompressed())?,
            key::Material::P384(key) => point("P-384", &key.to_bytes_uncompressed())?,
            key::Material::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&key.to_bytes())? })
            }
        };
        match jwk {
            Value::Object(members) => Some(members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }

    /// A header for tokens of this key that is the same each time, so that it is written once.
    pub fn protect(&self, mut members: Map<String, Value>) -> Result<Protected, SignError> {
        members.insert("alg".to_owned(), self.algorithm.name().into());
        part(&members).map(Protected)
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
        compact(self.algorithm, &[("kid", kid), ("typ", typ)], claims, |input| self.sign(input))
    }

    /// The signature over those bytes, in the form JWS uses (for ECDSA, RFC 7518 §3.4: r and s side by side).
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.material {
            Material::Rsa { key, digest, padding, .. } => sign_rsa(key, digest.clone(), *padding, input),
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

/// The header of a token, encoded.
#[derive(Clone, Debug)]
pub struct Protected(String);

/// SEC 1 §2.3.3: 4, then both coordinates.
fn point(crv: &str, uncompressed: &[u8]) -> Option<Value> {
    let (_form, coordinates) = uncompressed.split_first()?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    Some(json!({ "kty": "EC", "crv": crv, "x": base64url::encode(x)?, "y": base64url::encode(y)? }))
}

/// A compact JWS whose signature `sign` makes, with those members in its header that are there.
pub(super) fn compact(
    algorithm: Algorithm,
    members: &[(&str, Option<&str>)],
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SignError>,
) -> Result<Redacted<String>, SignError> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), algorithm.name().into());
    for (name, value) in members {
        if let Some(value) = value {
            header.insert((*name).to_owned(), (*value).into());
        }
    }
    under(&Protected(part(&header)?), claims, sign)
}

/// The same under a header that is written already.
pub(super) fn under(
    header: &Protected,
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SignError>,
) -> Result<Redacted<String>, SignError> {
    let mut jws = header.0.clone();
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
    Some(Material::Rsa { pair: Box::new(pair), key, digest, padding })
}

/// What the PEM of one key holds (RFC 7468 §10).
fn der(pem: &str) -> Option<Redacted<Vec<u8>>> {
    let text = pem.strip_prefix("-----BEGIN PRIVATE KEY-----")?.strip_suffix("-----END PRIVATE KEY-----")?;
    let text: String = text.split_ascii_whitespace().collect();
    Base64::decode_to_vec(&text, None).ok().map(Redacted::new)
}

fn sign_rsa(key: &PKey<Private>, digest: MessageDigest, padding: Padding, input: &[u8]) -> Result<Vec<u8>, SignError> {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::UnverifiedJwt;
    use crate::jwt::sample::{Issuer, private_pem};
    use crate::signatures::{InGuest, Signatures as _};

    fn check(algorithm: Algorithm, pem: &str, want: Result<(), SigningKeyError>) {
        let key = SigningKey::from_pem(algorithm, &Redacted::new(pem.to_owned()));
        assert_eq!(key.map(|_| ()), want, "{algorithm:?}");
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
    }

    #[test]
    fn a_key_serves_the_algorithms_of_its_type_only() {
        for key in Algorithm::ALL {
            for algorithm in Algorithm::ALL {
                let rsa = |algorithm| {
                    matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256)
                };
                let fits = key == algorithm || (rsa(key) && rsa(algorithm));
                let want = if fits { Ok(()) } else { Err(SigningKeyError::Unusable) };
                check(algorithm, &private_pem(key), want);
            }
        }
    }

    #[test]
    fn the_public_half_is_the_one_that_others_know() {
        for algorithm in Algorithm::ALL {
            let issuer = Issuer::of(algorithm);
            let jwk = Value::Object(issuer.signing_key.public_jwk().unwrap());
            assert_eq!(jwk, issuer.jwk(Value::Null), "{algorithm:?}");
        }
    }

    #[test]
    fn only_a_pkcs8_private_key_is_taken() {
        let pem = private_pem(Algorithm::Es256);
        check(Algorithm::Es256, &format!("\n  {pem}\n"), Ok(()));
        for label in ["EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"] {
            let other = pem.replace("PRIVATE KEY", label);
            check(Algorithm::Es256, &other, Err(SigningKeyError::NotPkcs8Pem));
        }
        check(Algorithm::Es256, "", Err(SigningKeyError::NotPkcs8Pem));
        let (head, _) = pem.split_at(60);
        check(Algorithm::Es256, head, Err(SigningKeyError::Unusable));
    }

    #[test]
    fn the_length_of_a_pem_is_bounded() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        let filled = |bytes: usize| format!("{begin}{}", "A".repeat(bytes.saturating_sub(begin.len())));
        check(Algorithm::Rs256, &filled(SIGNING_KEY_PEM_BYTES_MAX), Err(SigningKeyError::Unusable));
        let past = SIGNING_KEY_PEM_BYTES_MAX.saturating_add(1);
        check(Algorithm::Rs256, &filled(past), Err(SigningKeyError::TooLong));
    }

    #[test]
    fn what_is_signed_is_what_was_given() {
        let claims = json!({"iss": "a", "exp": 7, "iat": 1.5, "aud": ["x", "y"], "nested": {"n": null}});
        for algorithm in Algorithm::ALL {
            let issuer = Issuer::of(algorithm);
            let token = issuer
                .signing_key
                .sign_jwt(Some("client-authentication+jwt"), Some("k1"), claims.as_object().unwrap())
                .unwrap();
            let jwt = UnverifiedJwt::parse(token.expose()).unwrap();
            assert_eq!(jwt.claims().object(), claims.as_object());
            assert_eq!(jwt.header().algorithm(), algorithm);
            assert_eq!(jwt.header().typ(), Some("client-authentication+jwt"));
            assert_eq!(jwt.header().kid(), Some("k1"));
            assert!(InGuest.verify(&issuer.unbound_key(), algorithm, &jwt));
        }
    }

    #[test]
    fn the_header_says_no_more_than_it_was_told() {
        let key = &Issuer::of(Algorithm::EdDsa).signing_key;
        let token = key.sign_jwt(None, None, &Map::new()).unwrap();
        // {"alg":"EdDSA"} and {}.
        assert!(token.expose().starts_with("eyJhbGciOiJFZERTQSJ9.e30."));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = &Issuer::of(Algorithm::Es256).signing_key;
        assert_eq!(format!("{key:?}"), "SigningKey(ES256, [redacted])");
    }

    /// RFC 8037 appendix A.4, with the published key of A.1.
    #[test]
    fn ed25519_signs_as_rfc_8037_has_it() {
        let seed = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let point = base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let pair = Edwards25519KeyPair::from_bytes(&[seed, point].concat()).unwrap();
        let key = SigningKey { algorithm: Algorithm::EdDsa, material: Material::Ed25519(pair), pkcs8_der: None };
        let signature = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc").unwrap();
        assert_eq!(
            base64url::encode(&signature).unwrap(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    /// RFC 6979 appendix A.2.5, message "sample", SHA-256.
    #[test]
    fn es256_signs_as_rfc_6979_has_it() {
        let scalar = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let key = SigningKey {
            algorithm: Algorithm::Es256,
            material: Material::P256(P256KeyPair::from_bytes(&scalar).unwrap()),
            pkcs8_der: None,
        };
        let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
        let s = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        assert_eq!(key.sign(b"sample").unwrap(), bytes(&format!("{r}{s}")));
    }
}
