//! The keys the gateway holds for its agents.
//!
//! A key comes from the VM's environment, or from the document where that is explicitly called insecure.
//! No error and no `Debug` form shows any part of it.

use crate::algorithm::Algorithm;
use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::{raw, secret, text};
use crate::limits::KID_BYTES_MAX;
use crate::redacted::Redacted;
use crate::signatures::{SigningKey, SigningKeyError};

/// What the gateway signs an agent's client assertions with (`private_key_jwt`, RFC 7523 §2.2).
#[derive(Debug)]
pub struct Credential {
    /// The `alg` of the assertion.
    pub algorithm: Algorithm,
    /// The `kid` under which the server knows the public key.
    pub kid: Option<String>,
    /// The private key; it prints as `[redacted]`.
    pub key: SigningKey,
}

/// Checks an agent's credential, and reads its key.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Credential,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Credential, ConfigError> {
    let path = path.field("private_key_jwt");
    let raw = raw.private_key_jwt.as_ref().ok_or_else(|| {
        path.missing(
            "{\"alg\": ..., \"kid\": ..., \"key\": ...}",
            "client assertions are the only way an agent authenticates",
        )
    })?;
    let want = || alternatives(Algorithm::ALL.map(Algorithm::name));
    let alg = path.field("alg");
    let advice = "the algorithm that this key signs with";
    let name = raw.alg.as_deref().ok_or_else(|| alg.missing(want(), advice))?;
    let algorithm = Algorithm::parse(name).ok_or_else(|| alg.found(name, want(), advice))?;
    if is_slow(algorithm) {
        warnings.push(format!(
            "{alg}: {name} takes tens of milliseconds for each signature inside the filter, where the host does not sign: prefer \"ES256\""
        ));
    }
    let kid = raw.kid.as_deref().map(|kid| text::text(&path.field("kid"), kid, KID_BYTES_MAX)).transpose()?;
    let key = check_key(&path.field("key"), algorithm, raw.key.as_ref(), env, warnings)?;
    Ok(Credential { algorithm, kid, key })
}

const fn is_slow(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => true,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => false,
    }
}

fn check_key(
    path: &Path<'_>,
    algorithm: Algorithm,
    raw: Option<&raw::Secret>,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<SigningKey, ConfigError> {
    const KEY: secret::Wanted =
        secret::Wanted { name: "private key", inline: "PEM", content: "a private key in PKCS#8 PEM", short: "key" };
    let (pem, place) = secret::check(path, raw, &KEY, env, warnings)?;
    parse_key(&path.field(place), algorithm, &pem)
}

fn parse_key(path: &Path<'_>, algorithm: Algorithm, pem: &Redacted<String>) -> Result<SigningKey, ConfigError> {
    SigningKey::from_pem(algorithm, pem).map_err(|error| {
        let (found, advice) = match error {
            SigningKeyError::NotPkcs8Pem => (
                "found something else",
                "it begins with -----BEGIN PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` converts others",
            ),
            SigningKeyError::TooLong => ("found too many bytes", "no key is this long"),
            SigningKeyError::Unusable => {
                ("found a key that does not fit", "its type, curve and length must be the algorithm's")
            }
        };
        path.wrong(found, format!("a private key for {} in unencrypted PKCS#8 PEM", algorithm.name()), advice)
    })
}
