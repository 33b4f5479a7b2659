//! `verify_signature` and `sign`, answering what Envoy's BoringSSL answers.
//!
//! Keys are SubjectPublicKeyInfo and PKCS#8 in DER, or PEM in the fields 1.37 added. RSA is PKCS#1
//! v1.5 only, ECDSA signatures are ASN.1 DER, the hash is the caller's choice whatever the curve,
//! and Ed25519, RSA-PSS and secp256k1 fail.
//!
//! Differs from BoringSSL: ECDSA signatures made here are deterministic (RFC 6979), and RSA keys
//! above 4096 bits are refused.

use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::Digest as _;

use super::protobuf::{Message, put_bool, put_bytes};
use crate::abi::Status;

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(text).to_vec(),
            Self::Sha224 => sha2::Sha224::digest(text).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(text).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(text).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(text).to_vec(),
        }
    }

    fn pkcs1(self) -> Pkcs1v15Sign {
        match self {
            Self::Sha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
            Self::Sha224 => Pkcs1v15Sign::new::<sha2::Sha224>(),
            Self::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
            Self::Sha384 => Pkcs1v15Sign::new::<sha2::Sha384>(),
            Self::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
        }
    }
}

/// The digest as wide as the curve's field, so that a short one is a number like any other.
fn widened(digest: &[u8], field: usize) -> Vec<u8> {
    let mut wide = vec![0; field.saturating_sub(digest.len())];
    wide.extend_from_slice(digest);
    wide
}

/// The first DER value: BoringSSL reads a key and leaves what follows it alone.
fn first_der(bytes: &[u8]) -> &[u8] {
    let length = match bytes {
        [_, short @ 0..=0x7f, ..] => 2 + usize::from(*short),
        [_, 0x81, a, ..] => 3 + usize::from(*a),
        [_, 0x82, a, b, ..] => 4 + usize::from(u16::from_be_bytes([*a, *b])),
        _ => bytes.len(),
    };
    bytes.get(..length).unwrap_or(bytes)
}

/// Which of the DER and the PEM field holds the key. Since 1.37 both, or neither, is an error.
fn key_field<'a>(args: &Message<'a>, der: u64, pem: u64, pem_keys: bool) -> Result<Key<'a>, Status> {
    let (der, pem) = (args.bytes(der), if pem_keys { args.bytes(pem) } else { &[] });
    match (der.is_empty(), pem.is_empty()) {
        (false, true) => Ok(Key::Der(first_der(der))),
        (true, false) => Ok(Key::Pem(std::str::from_utf8(pem).unwrap_or_default())),
        _ if pem_keys => Err(Status::BadArgument),
        _ => Ok(Key::Der(der)),
    }
}

enum Key<'a> {
    Der(&'a [u8]),
    Pem(&'a str),
}

enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl PublicKey {
    fn read(key: &Key<'_>) -> Option<Self> {
        use p256::pkcs8::DecodePublicKey as _;
        macro_rules! read {
            ($variant:ident, $kind:ty) => {
                let read = match key {
                    Key::Der(der) => <$kind>::from_public_key_der(der).ok(),
                    Key::Pem(pem) => <$kind>::from_public_key_pem(pem.trim()).ok(),
                };
                if let Some(key) = read {
                    return Some(Self::$variant(key));
                }
            };
        }
        read!(Rsa, RsaPublicKey);
        read!(P256, p256::ecdsa::VerifyingKey);
        read!(P384, p384::ecdsa::VerifyingKey);
        read!(P521, p521::ecdsa::VerifyingKey);
        None
    }

    fn verifies(&self, hash: Hash, text: &[u8], signature: &[u8]) -> bool {
        use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
        let digest = hash.digest(text);
        match self {
            Self::Rsa(key) => key.verify(hash.pkcs1(), &digest, signature).is_ok(),
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|s| key.verify_prehash(&widened(&digest, 32), &s).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|s| key.verify_prehash(&widened(&digest, 48), &s).is_ok()),
            Self::P521(key) => p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|s| key.verify_prehash(&widened(&digest, 66), &s).is_ok()),
        }
    }
}

pub(super) fn verify(args: &Message<'_>, pem_keys: bool) -> Result<Vec<u8>, Status> {
    let (name, key) = (args.text(1)?, key_field(args, 2, 5, pem_keys)?);
    let error = match (Hash::named(name), PublicKey::read(&key)) {
        (None, _) => format!("{name} is not supported."),
        (_, None) => "Failed to initialize digest verify.".to_owned(),
        (Some(hash), Some(key)) if key.verifies(hash, args.bytes(4), args.bytes(3)) => String::new(),
        _ => "Failed to verify digest. Error code: 0".to_owned(),
    };
    let mut out = Vec::new();
    put_bool(&mut out, 1, error.is_empty());
    put_bytes(&mut out, 2, error.as_bytes());
    Ok(out)
}

enum PrivateKey {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl PrivateKey {
    fn read(key: &Key<'_>) -> Option<Self> {
        use p256::pkcs8::DecodePrivateKey as _;
        let rsa = match key {
            Key::Der(der) => RsaPrivateKey::from_pkcs8_der(der).ok(),
            Key::Pem(pem) => {
                RsaPrivateKey::from_pkcs8_pem(pem).ok().or_else(|| RsaPrivateKey::from_pkcs1_pem(pem).ok())
            }
        };
        if let Some(rsa) = rsa {
            return Some(Self::Rsa(Box::new(rsa)));
        }
        macro_rules! read {
            ($variant:ident, $curve:ident) => {
                let read = match key {
                    Key::Der(der) => $curve::SecretKey::from_pkcs8_der(der).ok(),
                    Key::Pem(pem) => $curve::SecretKey::from_pkcs8_pem(pem)
                        .ok()
                        .or_else(|| $curve::SecretKey::from_sec1_pem(pem).ok()),
                };
                if let Some(key) = read {
                    return Some(Self::$variant(key.into()));
                }
            };
        }
        read!(P256, p256);
        read!(P384, p384);
        read!(P521, p521);
        None
    }

    fn sign(&self, hash: Hash, text: &[u8]) -> Option<Vec<u8>> {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        let digest = hash.digest(text);
        macro_rules! der {
            ($curve:ident, $key:ident, $field:literal) => {{
                let signature: $curve::ecdsa::Signature = $key.sign_prehash(&widened(&digest, $field)).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }};
        }
        match self {
            Self::Rsa(key) => key.sign(hash.pkcs1(), &digest).ok(),
            Self::P256(key) => der!(p256, key, 32),
            Self::P384(key) => der!(p384, key, 48),
            Self::P521(key) => der!(p521, key, 66),
        }
    }
}

pub(super) fn sign(args: &Message<'_>) -> Result<Vec<u8>, Status> {
    let (name, key) = (args.text(1)?, key_field(args, 2, 4, true)?);
    let signed = match (Hash::named(name), PrivateKey::read(&key)) {
        (None, _) => Err(format!("{name} is not supported.")),
        (_, None) => Err("Failed to initialize digest sign.".to_owned()),
        (Some(hash), Some(key)) => key.sign(hash, args.bytes(3)).ok_or_else(|| "Failed to sign digest.".to_owned()),
    };
    let mut out = Vec::new();
    match signed {
        Ok(signature) => {
            put_bool(&mut out, 1, true);
            put_bytes(&mut out, 2, &signature);
        }
        Err(error) => put_bytes(&mut out, 3, error.as_bytes()),
    }
    Ok(out)
}
