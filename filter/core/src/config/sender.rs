//! How a sender shows that it is the agent a token is for: by its certificate, by a DPoP proof, or not at all.
//!
//! A shared secret is no such proof, so there is no word for one.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::algorithm::{Algorithm, Algorithms};
use crate::base64url;
use crate::config::endpoint::Endpoint;
use crate::config::error::{ConfigError, Path};
use crate::config::resource::Surroundings;
use crate::config::{duration, raw, secret, server, text};
use crate::dpop::normal_origin;
use crate::limits::{DPOP_AGE_SECONDS_MAX, DPOP_KEYS_PER_AGENT_MAX, DPOP_NONCE_SECRET_BYTES_MIN};
use crate::redacted::Redacted;
use crate::time::Seconds;

/// How the presenter is proven to be the one on the line; any one of several ways is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerProof {
    /// By the SPIFFE ID in its client certificate.
    pub mtls: bool,
    /// By a DPoP proof with a key that is registered for it.
    pub dpop: bool,
}

impl CallerProof {
    /// Not at all: everyone who holds the token passes for the agent.
    pub const AUDIENCE_ONLY: Self = Self { mtls: false, dpop: false };

    /// True where the presenter must prove itself in some way.
    #[must_use]
    pub const fn is_needed(self) -> bool {
        self.mtls || self.dpop
    }
}

/// What a DPoP proof must be at a resource (RFC 9449).
#[derive(Debug)]
pub struct DpopRules {
    /// Scheme and authority under which clients reach the resource, in lower case, without the default port.
    pub origin: String,
    /// The signature algorithms that proofs may have.
    pub algorithms: Algorithms,
    /// How long a proof may be used, counted from its `iat`.
    pub max_age: Seconds,
    /// What nonces are made of; with it, every proof needs one.
    pub nonce_secret: Option<Redacted<String>>,
}

impl DpopRules {
    /// The algorithms as a challenge names them.
    #[must_use]
    pub fn algs(&self) -> String {
        self.algorithms.iter().map(Algorithm::name).collect::<Vec<_>>().join(" ")
    }
}

const MAX_AGE: Seconds = Seconds::new(60);

/// Checks how the presenter is proven: one word, or a list of which any one is enough.
pub(super) fn check_caller(path: &Path<'_>, raw: Option<&Value>) -> Result<CallerProof, ConfigError> {
    const WANT: &str = "\"mtls\", \"dpop\", \"audience_only\", or a list of the first two";
    const ADVICE: &str = "say how the presenter is proven to be the one on the line";
    let mtls = CallerProof { mtls: true, dpop: false };
    match raw {
        None => Ok(mtls),
        Some(Value::String(word)) if word == "audience_only" => Ok(CallerProof::AUDIENCE_ONLY),
        Some(Value::String(word)) => add(path, CallerProof::AUDIENCE_ONLY, word),
        Some(Value::Array(words)) if words.is_empty() => Err(path.wrong("empty", WANT, ADVICE)),
        Some(Value::Array(words)) => {
            let mut proof = CallerProof::AUDIENCE_ONLY;
            let mut seen = BTreeSet::new();
            for (at, word) in words.iter().enumerate() {
                let path = path.index(at);
                let word = word.as_str().ok_or_else(|| path.wrong("found no text", WANT, ADVICE))?;
                proof = add(&path, proof, word)?;
                text::once(&path, word, &mut seen)?;
            }
            Ok(proof)
        }
        Some(_) => Err(path.wrong("found another type", WANT, ADVICE)),
    }
}

fn add(path: &Path<'_>, proof: CallerProof, word: &str) -> Result<CallerProof, ConfigError> {
    match word {
        "mtls" => Ok(CallerProof { mtls: true, ..proof }),
        "dpop" => Ok(CallerProof { dpop: true, ..proof }),
        _ => Err(path.found(
            word,
            "\"mtls\", \"dpop\" or, alone, \"audience_only\"",
            "say how the presenter is proven to be the one on the line",
        )),
    }
}

/// Checks what proofs must be, where they are taken at all.
pub(super) fn check_dpop(
    path: &Path<'_>,
    raw: Option<&raw::Dpop>,
    caller: CallerProof,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<DpopRules>>, ConfigError> {
    let Some(raw) = raw else {
        if caller.dpop {
            return Err(path.missing("{\"origin\": ...}", "caller names \"dpop\": say what a proof must be made for"));
        }
        return Ok(None);
    };
    let max_age = raw.max_age.as_deref().map_or(Ok(MAX_AGE), |value| {
        let advice = "how long a proof may be used, which is how long it is remembered";
        duration::seconds(&path.field("max_age"), value, 1..=DPOP_AGE_SECONDS_MAX, advice)
    })?;
    Ok(Some(Arc::new(DpopRules {
        origin: check_origin(&path.field("origin"), raw.origin.as_deref(), "https://gateway.example.com")?,
        algorithms: server::check_algorithms(&path.field("algorithms"), raw.algorithms.as_deref())?,
        max_age,
        nonce_secret: raw
            .nonce_secret
            .as_ref()
            .map(|raw| check_nonce_secret(&path.field("nonce_secret"), raw, around, warnings))
            .transpose()?,
    })))
}

/// Where those who make proofs think they are: `Host` is theirs to write, so it is said here.
pub(super) fn check_origin(path: &Path<'_>, value: Option<&str>, example: &str) -> Result<String, ConfigError> {
    const ADVICE: &str = "the `htu` of a proof is this origin with the path of the request";
    let want = || format!("an origin such as \"{example}\", without a path");
    let value = value.ok_or_else(|| path.missing(want(), ADVICE))?;
    let endpoint = Endpoint::parse(value).map_err(|error| error.at(path, value))?;
    let origin = format!("{}://{}", endpoint.scheme.as_str(), endpoint.authority);
    if value != origin {
        return Err(path.found(value, want(), ADVICE));
    }
    Ok(normal_origin(endpoint.scheme.as_str(), &endpoint.authority))
}

fn check_nonce_secret(
    path: &Path<'_>,
    raw: &raw::Secret,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Redacted<String>, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a secret", short: "secret" };
    let (secret, _place) = secret::check(path, Some(raw), &SECRET, around.env, warnings)?;
    if secret.expose().len() < DPOP_NONCE_SECRET_BYTES_MIN {
        return Err(path.wrong(
            "found a short one",
            format!("at least {DPOP_NONCE_SECRET_BYTES_MIN} bytes of randomness"),
            "whoever guesses it makes nonces: `openssl rand -hex 32` makes one",
        ));
    }
    Ok(secret)
}

/// The thumbprints of an agent's keys.
pub(super) fn check_keys(path: &Path<'_>, raw: Option<&[String]>) -> Result<Vec<[u8; 32]>, ConfigError> {
    let values = raw.unwrap_or_default();
    text::at_most(path, values.len(), DPOP_KEYS_PER_AGENT_MAX, "keys")?;
    let mut keys = Vec::new();
    for (at, value) in values.iter().enumerate() {
        keys.push(check_key(&path.index(at), value)?);
    }
    Ok(keys)
}

/// The thumbprint of a key.
pub(super) fn check_key(path: &Path<'_>, value: &str) -> Result<[u8; 32], ConfigError> {
    base64url::decode(value).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        path.found(value, "an RFC 7638 thumbprint with SHA-256, in base64url", "43 characters, as in `cnf.jkt`")
    })
}
