//! The key that tokens for an upstream are tied to, and what proofs with it say (RFC 9449).
//!
//! It is configured and not made here: issued tokens outlive a worker and are shared between workers and replicas.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::exchange::Kind;
use crate::config::{credential, raw, secret, sender};
use crate::jwks::PublicKey;
use crate::signatures::{Protected, SigningKey};

/// A key of the gateway's own.
#[derive(Debug)]
pub struct DpopKey {
    /// The private key; it prints as `[redacted]`.
    pub key: SigningKey,
    /// The header of every proof: `typ`, `alg` and the public key.
    pub header: Protected,
    /// Its RFC 7638 thumbprint.
    pub thumbprint: [u8; 32],
    /// Scheme and authority under which the upstream knows itself, in lower case, without the default port.
    pub origin: String,
    /// Whether the call for a grant proves it too.
    pub proves_grant: bool,
}

impl DpopKey {
    /// Its thumbprint as `cnf.jkt` has it.
    #[must_use]
    pub fn jkt(&self) -> Option<String> {
        base64url::encode(&self.thumbprint)
    }
}

/// Checks that a key stands only where there is a token to tie to it.
pub(super) fn check_reach(path: &Path<'_>, raw: &raw::Exchange) -> Result<(), ConfigError> {
    const WANT: &str = "\"id_jag\", \"token_exchange\", \"identity_chaining\" or \"client_credentials\" beside it";
    if raw.dpop.is_none() {
        return Ok(());
    }
    let (beside, advice) = match raw {
        raw::Exchange { inject: Some(_), .. } => {
            ("\"inject\"", "an injected secret is no token, and nobody could tie it to a key")
        }
        raw::Exchange { pass_through: Some(_), .. } => {
            ("\"pass_through\"", "the token was issued to the caller, and is tied to the caller's key or to none")
        }
        _other if !raw.kinds().is_empty() => return Ok(()),
        _alone => (
            "nothing but \"transaction_token\"",
            "a transaction token opens nothing, and no service asks for the proof of a key beside it",
        ),
    };
    Err(path.field("dpop").wrong(format!("found beside {beside}"), WANT, advice))
}

/// Reads the key, as the keys of client assertions are read.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::DpopKey,
    kind: &Kind,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Arc<DpopKey>, ConfigError> {
    let algorithm = match raw.algorithm.as_deref() {
        None => Algorithm::Es256,
        Some(name) => Algorithm::parse(name).ok_or_else(|| {
            let want = alternatives(Algorithm::ALL.map(Algorithm::name));
            path.field("algorithm").found(name, want, "the algorithm that this key signs with")
        })?,
    };
    if credential::is_slow(algorithm) {
        let place = path.field("algorithm");
        let name = algorithm.name();
        warnings.push(format!(
            "{place}: every request is signed for, and {name} takes tens of milliseconds where the host does not sign: prefer \"ES256\""
        ));
    }
    let proves_grant = raw.grant.unwrap_or_default();
    if proves_grant && kind.grant().is_none() {
        let advice = "one call gives the token, and it always proves the key";
        return Err(path.field("grant").wrong(format!("found true beside \"{}\"", kind.word()), "false", advice));
    }
    let origin = sender::check_origin(&path.field("origin"), raw.origin.as_deref(), "https://upstream.example")?;
    let place = path.field("key");
    let (pem, source) = secret::check(&place, raw.key.as_ref(), &credential::KEY, env, warnings)?;
    let place = place.field(source);
    let key = credential::parse_key(&place, algorithm, &pem)?;
    let (header, thumbprint) = public_half(&key).ok_or_else(|| {
        let want = format!("a private key for {} whose public half others take", algorithm.name());
        place.wrong("found one that does not fit", want, "its length must be one that verifiers accept")
    })?;
    Ok(Arc::new(DpopKey { key, header, thumbprint, origin, proves_grant }))
}

/// RFC 9449 §4.2: `typ`, and the public key "MUST NOT contain a private key".
fn public_half(key: &SigningKey) -> Option<(Protected, [u8; 32])> {
    let jwk = Value::Object(key.public_jwk()?);
    let thumbprint = *PublicKey::from_jwk(&jwk).ok()?.thumbprint();
    let mut members = Map::new();
    members.insert("typ".to_owned(), "dpop+jwt".into());
    members.insert("jwk".to_owned(), jwk);
    Some((key.protect(members).ok()?, thumbprint))
}
