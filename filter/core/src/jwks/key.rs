//! One public key, read from a JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
//!
//! Every key is tied to what it may verify: the `alg` it names, or else what its type and curve allow.
//! So a key of one algorithm can never be tried with another (JWT BCP: "each key must be used with exactly one algorithm").
//! Members a JWK may carry for others, such as `x5c` and `x5u`, are not read.

use core::fmt;

use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, P384PublicKey, RSAPublicKey};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::digest::sha256;
use crate::limits::{KID_BYTES_MAX, RSA_MODULUS_BITS_MAX, RSA_MODULUS_BITS_MIN};

/// Why a JWK is not a key that can verify a token here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// `alg` names an algorithm that does not go with the key's type and curve.
    AlgConflict,
    /// `alg` is not a name the gateway knows, an encryption algorithm for example.
    AlgUnsupported,
    /// The curve is not P-256, P-384 or Ed25519.
    CurveUnsupported,
    /// `key_ops` does not list `verify`, or is not an array.
    KeyOps,
    /// `kid` is empty, too long or not a string, or not there where it must be.
    Kid,
    /// `kty` is missing or not one the gateway knows.
    KtyUnsupported,
    /// A member that the key type needs is missing, or is not the canonical base64url of the right length.
    Member,
    /// It is not a JSON object.
    NotAnObject,
    /// The point is not on its curve, or is one of the few that every signature would fit.
    Point,
    /// It has members of a private key.
    Private,
    /// The RSA exponent is not 65537.
    RsaExponent,
    /// The RSA modulus is even.
    RsaModulus,
    /// The RSA modulus is longer than [`RSA_MODULUS_BITS_MAX`].
    RsaTooLong,
    /// The RSA modulus is shorter than [`RSA_MODULUS_BITS_MIN`].
    RsaTooShort,
    /// It is a symmetric key.
    Symmetric,
    /// `use` says another one than is wanted.
    Use,
}

impl KeyFault {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AlgConflict => "key_alg_conflict",
            Self::AlgUnsupported => "key_alg_unsupported",
            Self::CurveUnsupported => "key_curve_unsupported",
            Self::KeyOps => "key_ops",
            Self::Kid => "key_kid",
            Self::KtyUnsupported => "key_kty_unsupported",
            Self::Member => "key_member",
            Self::NotAnObject => "key_not_an_object",
            Self::Point => "key_point",
            Self::Private => "key_private",
            Self::RsaExponent => "key_rsa_exponent",
            Self::RsaModulus => "key_rsa_modulus",
            Self::RsaTooLong => "key_rsa_too_long",
            Self::RsaTooShort => "key_rsa_too_short",
            Self::Symmetric => "key_symmetric",
            Self::Use => "key_use",
        }
    }
}

/// What keys are published for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyUse {
    /// Tokens of an issuer. RFC 7517 §4.2: "Use of the "use" member is OPTIONAL", and where it is there it says `sig`.
    #[default]
    Tokens,
    /// JWT-SVIDs of a trust domain. SPIFFE bundles hold keys for other ends too, so each must say `jwt-svid`, and have a `kid`
    /// (JWT-SVID §6).
    Svids,
}

/// A key with which a token can be verified.
///
/// Invariant: its material is valid for each algorithm it [`fits`](Self::fits), and its SPKI and thumbprint are of that material.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<String>,
    alg: Option<Algorithm>,
    material: Material,
    thumbprint: [u8; 32],
    spki_der: Vec<u8>,
}

/// The key in the form in which jwt-simple computes with it.
#[derive(Clone)]
pub(crate) enum Material {
    Rsa(Box<RSAPublicKey>),
    P256(P256PublicKey),
    P384(P384PublicKey),
    Ed25519(Edwards25519PublicKey),
}

impl Material {
    /// Whether the key's type and curve are those of the algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
    const fn fits(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                matches!(self, Self::Rsa(_))
            }
            Algorithm::Es256 => matches!(self, Self::P256(_)),
            Algorithm::Es384 => matches!(self, Self::P384(_)),
            Algorithm::EdDsa => matches!(self, Self::Ed25519(_)),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// Two keys are equal when they have the same identifier, the same binding and the same material.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.alg == other.alg && self.thumbprint == other.thumbprint
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Reads one JWK of an issuer.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyFault> {
        Self::published_for(KeyUse::Tokens, jwk)
    }

    /// Reads one JWK.
    pub(super) fn published_for(wanted: KeyUse, jwk: &Value) -> Result<Self, KeyFault> {
        let jwk = jwk.as_object().ok_or(KeyFault::NotAnObject)?;
        // Sorted out before anything else is read, so that the reason in the log is the alarming one.
        if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(KeyFault::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyFault::Private);
        }
        for_verifying(wanted, jwk)?;
        let kid = kid(jwk)?;
        if wanted == KeyUse::Svids && kid.is_none() {
            return Err(KeyFault::Kid);
        }
        let alg = alg(jwk)?;
        let (material, thumbprint) = material(jwk)?;
        if alg.is_some_and(|alg| !material.fits(alg)) {
            return Err(KeyFault::AlgConflict);
        }
        let spki_der = spki_der(&material)?;
        Ok(Self { kid, alg, material, thumbprint, spki_der })
    }

    /// The identifier the issuer gave it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it may verify signatures of that algorithm.
    ///
    /// An RSA key that names no `alg` fits every RSA algorithm; which of them a token may use is then the issuer's allow-list to say.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.alg.is_none_or(|alg| alg == algorithm)
    }

    /// Its JWK thumbprint: SHA-256 over its required members (RFC 7638 §3).
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Its `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1), built from the parsed key and so free of anything the issuer appended.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }
}

/// The members that only private keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// RFC 7517 §4.2 and §4.3: a key said to be for something else is not for this.
fn for_verifying(wanted: KeyUse, jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    let fits = match (wanted, jwk.get("use")) {
        (KeyUse::Tokens, said) => said.is_none_or(|said| said == "sig"),
        (KeyUse::Svids, said) => said.is_some_and(|said| said == "jwt-svid"),
    };
    if !fits {
        return Err(KeyFault::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err(KeyFault::KeyOps),
    }
}

fn kid(jwk: &Map<String, Value>) -> Result<Option<String>, KeyFault> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if (1..=KID_BYTES_MAX).contains(&kid.len()) => Ok(Some(kid.clone())),
        Some(_) => Err(KeyFault::Kid),
    }
}

fn alg(jwk: &Map<String, Value>) -> Result<Option<Algorithm>, KeyFault> {
    let Some(alg) = jwk.get("alg") else {
        return Ok(None);
    };
    let alg = alg.as_str().and_then(Algorithm::parse);
    alg.map(Some).ok_or(KeyFault::AlgUnsupported)
}

fn material(jwk: &Map<String, Value>) -> Result<(Material, [u8; 32]), KeyFault> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    match (text("kty"), text("crv")) {
        (Some("RSA"), _) => rsa(jwk),
        (Some("EC"), Some("P-256")) => {
            let (point, thumbprint) = ec_point(jwk, "P-256", 32)?;
            let key = P256PublicKey::from_bytes(&point).map_err(|_| KeyFault::Point)?;
            Ok((Material::P256(key), thumbprint))
        }
        (Some("EC"), Some("P-384")) => {
            let (point, thumbprint) = ec_point(jwk, "P-384", 48)?;
            let key = P384PublicKey::from_bytes(&point).map_err(|_| KeyFault::Point)?;
            Ok((Material::P384(key), thumbprint))
        }
        (Some("OKP"), Some("Ed25519")) => {
            let x = member(jwk, "x", 32)?;
            let key = Edwards25519PublicKey::from_bytes(&x).map_err(|_| KeyFault::Point)?;
            let x = encoded(&x)?;
            let required = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
            Ok((Material::Ed25519(key), thumbprint(&required)))
        }
        (Some("EC" | "OKP"), _) => Err(KeyFault::CurveUnsupported),
        _ => Err(KeyFault::KtyUnsupported),
    }
}

/// The point of an elliptic curve key in SEC 1 form, and the key's thumbprint.
fn ec_point(jwk: &Map<String, Value>, crv: &str, coordinate_bytes: usize) -> Result<(Vec<u8>, [u8; 32]), KeyFault> {
    let x = member(jwk, "x", coordinate_bytes)?;
    let y = member(jwk, "y", coordinate_bytes)?;
    let uncompressed: &[u8] = &[4];
    let point = [uncompressed, &x, &y].concat();
    let (x, y) = (encoded(&x)?, encoded(&y)?);
    let required = format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Ok((point, thumbprint(&required)))
}

/// An RSA key.
///
/// Only the exponent 65537 is taken, as jwt-simple does: no issuer needs another, and small ones have a history of forged signatures.
fn rsa(jwk: &Map<String, Value>) -> Result<(Material, [u8; 32]), KeyFault> {
    let (n, e) = (octets(jwk, "n")?, octets(jwk, "e")?);
    // RFC 7518 §6.3.1.1 forbids the leading zero octet that some issuers write all the same; the number is not in doubt.
    let n = trimmed(&n);
    if trimmed(&e) != [1, 0, 1] {
        return Err(KeyFault::RsaExponent);
    }
    let bits = bit_length(n);
    if bits < RSA_MODULUS_BITS_MIN {
        return Err(KeyFault::RsaTooShort);
    }
    if bits > RSA_MODULUS_BITS_MAX {
        return Err(KeyFault::RsaTooLong);
    }
    let key = RSAPublicKey::from_components(n, &[1, 0, 1]).map_err(|_| KeyFault::RsaModulus)?;
    let n = encoded(n)?;
    let required = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{n}"}}"#);
    Ok((Material::Rsa(Box::new(key)), thumbprint(&required)))
}

/// A member that is base64url of some bytes (RFC 7518 §2 `Base64urlUInt`).
fn octets(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyFault> {
    let text = jwk.get(name).and_then(Value::as_str);
    let bytes = text.and_then(base64url::decode).ok_or(KeyFault::Member)?;
    if bytes.is_empty() { Err(KeyFault::Member) } else { Ok(bytes) }
}

/// A member of exactly that length (RFC 7518 §6.2.1.2: "MUST be the full size of a coordinate").
fn member(jwk: &Map<String, Value>, name: &str, bytes: usize) -> Result<Vec<u8>, KeyFault> {
    let value = octets(jwk, name)?;
    if value.len() == bytes { Ok(value) } else { Err(KeyFault::Member) }
}

fn encoded(bytes: &[u8]) -> Result<String, KeyFault> {
    base64url::encode(bytes).ok_or(KeyFault::Member)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The length in bits of a number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros());
    let unused = usize::try_from(unused).unwrap_or(usize::MAX);
    number.len().saturating_mul(8).saturating_sub(unused)
}

/// RFC 7638 §3: the required members in lexicographic order, without white space.
/// Base64url and curve names need no escaping, so the text can be written down directly.
fn thumbprint(required: &str) -> [u8; 32] {
    sha256(required.as_bytes())
}

fn spki_der(material: &Material) -> Result<Vec<u8>, KeyFault> {
    match material {
        Material::Rsa(key) => key.to_der().map_err(|_| KeyFault::RsaModulus),
        Material::P256(key) => key.to_der().map_err(|_| KeyFault::Point),
        Material::P384(key) => key.to_der().map_err(|_| KeyFault::Point),
        Material::Ed25519(key) => Ok(key.to_der()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
