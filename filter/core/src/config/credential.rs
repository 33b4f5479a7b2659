//! How the gateway authenticates as an agent at authorization servers.
//!
//! One method for each server: `private_key_jwt` everywhere but where another one is named.
//! A secret is known to the server it is for, so it is never shared between two.
//! Every method may have two keys or secrets, so that one can be changed for another without a lost request.
//! No error and no `Debug` form shows any part of one.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::server::Servers;
use crate::config::{raw, secret, text};
use crate::limits::{CLIENT_KEYS_MAX, CLIENT_SECRET_BYTES_MAX, KID_BYTES_MAX};
use crate::redacted::Redacted;
use crate::signatures::{SigningKey, SigningKeyError};
use crate::time::UnixSeconds;

/// How the gateway authenticates as an agent.
#[derive(Debug)]
pub struct Credential {
    keys: Vec<AssertionKey>,
    secrets: BTreeMap<String, (SecretPlace, Vec<Redacted<String>>)>,
    certificate_at: BTreeSet<String>,
}

/// What the gateway signs an agent's client assertions with (`private_key_jwt`, RFC 7523 §2.2).
#[derive(Debug)]
pub struct AssertionKey {
    /// The `alg` of the assertion.
    pub algorithm: Algorithm,
    /// The `kid` under which the server knows the public key.
    pub kid: Option<String>,
    /// The SHA-256 thumbprint of the certificate under which the server knows it (RFC 7515 §4.1.8).
    pub x5t_s256: Option<String>,
    /// From when on it signs, before keys that signed earlier; always, where nothing is said.
    pub not_before: Option<UnixSeconds>,
    /// The private key; it prints as `[redacted]`.
    pub key: SigningKey,
}

/// Where a client secret stands in a request (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecretPlace {
    Header,
    Form,
}

/// How to authenticate at one server.
#[derive(Clone, Copy, Debug)]
pub enum ClientAuthentication<'a> {
    /// A signed assertion.
    PrivateKeyJwt(&'a AssertionKey),
    /// A secret in the `Authorization` header.
    SecretBasic(&'a Redacted<String>),
    /// A secret in the form.
    SecretPost(&'a Redacted<String>),
    /// The client certificate that Envoy's cluster presents (RFC 8705 §2.1); nothing is held here.
    TlsClientAuth,
}

impl Credential {
    /// Whether there is a method at the server of that name, now and whenever.
    #[must_use]
    pub fn is_for(&self, server: &str) -> bool {
        self.at(server, 0, UnixSeconds::new(0)).is_some()
    }

    /// The method at the server of that name at `now`; `nth` counts from the one that is tried first.
    #[must_use]
    pub fn at(&self, server: &str, nth: usize, now: UnixSeconds) -> Option<ClientAuthentication<'_>> {
        if self.certificate_at.contains(server) {
            return (nth == 0).then_some(ClientAuthentication::TlsClientAuth);
        }
        match self.secrets.get(server) {
            Some((SecretPlace::Header, secrets)) => secrets.get(nth).map(ClientAuthentication::SecretBasic),
            Some((SecretPlace::Form, secrets)) => secrets.get(nth).map(ClientAuthentication::SecretPost),
            None => self.signing(now).get(nth).copied().map(ClientAuthentication::PrivateKeyJwt),
        }
    }

    /// The keys that may sign at `now`, the newest first.
    fn signing(&self, now: UnixSeconds) -> Vec<&AssertionKey> {
        let begun = |key: &&AssertionKey| key.not_before.is_none_or(|not_before| not_before <= now);
        let mut keys: Vec<&AssertionKey> = self.keys.iter().filter(begun).collect();
        keys.sort_by_key(|key| Reverse(key.not_before));
        keys
    }

    /// The keys of its client assertions, the one that signs first in front.
    #[must_use]
    pub fn assertion_keys(&self) -> &[AssertionKey] {
        &self.keys
    }

    /// The servers that see the certificate of Envoy's cluster.
    pub fn certificate_at(&self) -> impl Iterator<Item = &str> {
        self.certificate_at.iter().map(String::as_str)
    }
}

/// Checks an agent's credential, and reads its keys and secrets.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Credential,
    servers: &Servers,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Credential, ConfigError> {
    let mut credential = Credential { keys: Vec::new(), secrets: BTreeMap::new(), certificate_at: BTreeSet::new() };
    if let Some(raw) = &raw.private_key_jwt {
        let path = path.field("private_key_jwt");
        check_count(&path, raw.0.len())?;
        for (at, one) in raw.0.iter().enumerate() {
            let element = path.index(at);
            let path = if raw.0.len() == 1 { &path } else { &element };
            credential.keys.push(check_key(path, one, env, warnings)?);
        }
        if credential.keys.iter().all(|key| key.not_before.is_some()) {
            let advice = "there would be a time when the agent could not authenticate";
            return Err(path.wrong("found not_before in every key", "a key without it", advice));
        }
    }
    let mut named = BTreeSet::new();
    let places = [
        ("client_secret_basic", SecretPlace::Header, &raw.client_secret_basic),
        ("client_secret_post", SecretPlace::Form, &raw.client_secret_post),
    ];
    for (field, place, raw) in places {
        let path = path.field(field);
        for (server, raw) in raw.iter().flatten() {
            let path = path.key(server);
            check_server(&path, server, servers, &mut named)?;
            credential.secrets.insert(server.clone(), (place, check_secrets(&path, raw, env, warnings)?));
            warnings.push(format!(
                "{path}: a secret is sent with every call, and who sees one call has it: prefer private_key_jwt"
            ));
        }
    }
    let path_of_tls = path.field("tls_client_auth");
    for (at, server) in raw.tls_client_auth.iter().flatten().enumerate() {
        let path = path_of_tls.index(at);
        check_server(&path, server, servers, &mut named)?;
        credential.certificate_at.insert(server.clone());
        warnings.push(format!(
            "{path}: the filter proves nothing here: Envoy's cluster must present this agent's certificate"
        ));
    }
    if credential.keys.is_empty() && named.is_empty() {
        const WANT: &str =
            "\"private_key_jwt\", \"client_secret_basic\", \"client_secret_post\" or \"tls_client_auth\"";
        return Err(path.wrong("empty", WANT, "say how the agent authenticates"));
    }
    Ok(credential)
}

fn check_count(path: &Path<'_>, count: usize) -> Result<(), ConfigError> {
    if count == 0 {
        return Err(path.wrong("empty", "one key, or the one in use and the next", "say how the agent authenticates"));
    }
    text::at_most(path, count, CLIENT_KEYS_MAX, "keys")
}

fn check_server(
    path: &Path<'_>,
    server: &str,
    servers: &Servers,
    named: &mut BTreeSet<String>,
) -> Result<(), ConfigError> {
    if !servers.contains_key(server) {
        let known = alternatives(servers.keys().map(String::as_str));
        let want = format!("one of authorization_servers: {known}");
        return Err(path.wrong("unknown", want, "a secret or a certificate is for one server"));
    }
    text::once(path, server, named)
}

fn check_secrets(
    path: &Path<'_>,
    raw: &raw::OneOrMany<raw::Secret>,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Redacted<String>>, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a client secret", short: "secret" };
    check_count(path, raw.0.len())?;
    let mut secrets = Vec::new();
    for raw in &raw.0 {
        let (secret, place) = secret::check(path, Some(raw), &SECRET, env, warnings)?;
        let text = secret.expose();
        // RFC 6749 appendix A.2: `client-secret = *VSCHAR`.
        let plain = !text.is_empty() && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if !plain || text.len() > CLIENT_SECRET_BYTES_MAX {
            let want = format!("1 to {CLIENT_SECRET_BYTES_MAX} visible ASCII characters");
            return Err(path.field(place).wrong("found something else", want, "it is sent exactly as it stands"));
        }
        secrets.push(secret);
    }
    Ok(secrets)
}

/// What a private key is, in the words of errors.
pub(super) const KEY: secret::Wanted =
    secret::Wanted { name: "private key", inline: "PEM", content: "a private key in PKCS#8 PEM", short: "key" };

fn check_key(
    path: &Path<'_>,
    raw: &raw::PrivateKeyJwt,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<AssertionKey, ConfigError> {
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
    let x5t_s256 = raw.x5t_s256.as_deref().map(|value| check_thumbprint(&path.field("x5t_s256"), value)).transpose()?;
    let not_before = text::date(&path.field("not_before"), raw.not_before)?;
    let path = path.field("key");
    let (pem, place) = secret::check(&path, raw.key.as_ref(), &KEY, env, warnings)?;
    let key = parse_key(&path.field(place), algorithm, &pem)?;
    Ok(AssertionKey { algorithm, kid, x5t_s256, not_before, key })
}

/// RFC 7515 §4.1.8: the base64url of 32 bytes.
fn check_thumbprint(path: &Path<'_>, value: &str) -> Result<String, ConfigError> {
    match base64url::decode(value) {
        Some(bytes) if bytes.len() == 32 => Ok(value.to_owned()),
        Some(_) | None => Err(path.found(
            value,
            "the SHA-256 of the certificate in base64url, 43 characters",
            "`openssl x509 -outform DER | openssl dgst -sha256 -binary` gives its bytes",
        )),
    }
}

pub(super) const fn is_slow(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => true,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => false,
    }
}

pub(super) fn parse_key(
    path: &Path<'_>,
    algorithm: Algorithm,
    pem: &Redacted<String>,
) -> Result<SigningKey, ConfigError> {
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
