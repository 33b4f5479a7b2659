//! Issuers, keys and tokens for tests; keys are generated once per test process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jwt_simple::algorithms::{ES256KeyPair, ES384KeyPair, Ed25519KeyPair, RS256KeyPair};
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::config::{Agent, AgentStatus};
use crate::jwks::{KeySet, PublicKey};
use crate::profile::Profiles;
use crate::redacted::Redacted;
use crate::signatures::SigningKey;

/// A private key in PEM and the members of its public JWK that RFC 7638 requires.
struct Pair {
    pem: String,
    jwk: Value,
}

impl Pair {
    fn new(pem: String, public_jwk: &str) -> Self {
        let mut jwk: Value = serde_json::from_str(public_jwk).unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.retain(|name, _| ["crv", "e", "kty", "n", "x", "y"].contains(&name.as_str()));
        Self { pem, jwk }
    }

    fn of(algorithm: Algorithm) -> &'static Self {
        static RSA: OnceLock<Pair> = OnceLock::new();
        static P256: OnceLock<Pair> = OnceLock::new();
        static P384: OnceLock<Pair> = OnceLock::new();
        static ED25519: OnceLock<Pair> = OnceLock::new();
        match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => RSA.get_or_init(|| {
                let key = RS256KeyPair::generate(2048).unwrap();
                Self::new(key.to_pem().unwrap(), &key.public_key().to_jwk())
            }),
            Algorithm::Es256 => P256.get_or_init(|| {
                let key = ES256KeyPair::generate();
                Self::new(key.to_pem().unwrap(), &key.public_key().to_jwk())
            }),
            Algorithm::Es384 => P384.get_or_init(|| {
                let key = ES384KeyPair::generate();
                Self::new(key.to_pem().unwrap(), &key.public_key().to_jwk())
            }),
            Algorithm::EdDsa => ED25519.get_or_init(|| {
                let key = Ed25519KeyPair::generate();
                Self::new(key.to_pem(), &key.public_key().to_jwk())
            }),
        }
    }
}

/// An active agent with nothing but that id.
pub(crate) fn agent(id: &str) -> Agent {
    Agent {
        id: id.to_owned(),
        name: String::new(),
        owner: None,
        status: AgentStatus::Active,
        profiles: Profiles::unclassified(),
        audience: None,
        spiffe_id: None,
        dpop_keys: Vec::new(),
        api_keys: Vec::new(),
        client_ids: BTreeMap::new(),
        credential: None,
        issuer: None,
        scopes: None,
        resources: None,
    }
}

/// The private key of [`Issuer::of`] that algorithm, in PEM.
pub(crate) fn private_pem(algorithm: Algorithm) -> String {
    Pair::of(algorithm).pem.clone()
}

/// Someone who signs tokens.
pub(crate) struct Issuer {
    pub(crate) signing_key: SigningKey,
    public_jwk: Value,
}

impl Issuer {
    /// The issuer of that algorithm, the same on each call; all RSA algorithms share one key.
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        let pair = Pair::of(algorithm);
        Self::new(algorithm, pair)
    }

    /// Another issuer of ES256 tokens on each call.
    pub(crate) fn stranger() -> Self {
        let key = ES256KeyPair::generate();
        let pair = Pair::new(key.to_pem().unwrap(), &key.public_key().to_jwk());
        Self::new(Algorithm::Es256, &pair)
    }

    fn new(algorithm: Algorithm, pair: &Pair) -> Self {
        let pem = Redacted::new(pair.pem.clone());
        Self { signing_key: SigningKey::from_pem(algorithm, &pem).unwrap(), public_jwk: pair.jwk.clone() }
    }

    /// The public key with those members added.
    pub(crate) fn jwk(&self, members: Value) -> Value {
        let mut jwk = self.public_jwk.clone();
        let Value::Object(members) = members else {
            return jwk;
        };
        jwk.as_object_mut().unwrap().extend(members);
        jwk
    }

    /// The public key without `kid` and `alg`.
    pub(crate) fn unbound_key(&self) -> PublicKey {
        PublicKey::from_jwk(&self.public_jwk).unwrap()
    }

    /// A set of this issuer's key alone.
    pub(crate) fn key_set(&self, kid: &str) -> KeySet {
        KeySet::from_values(&[self.jwk(json!({"kid": kid}))]).unwrap()
    }

    /// A token of those parts, whatever they are, signed over as they stand.
    pub(crate) fn token(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.signing_key.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", base64url::encode(&signature).unwrap())
    }
}

/// Those claims, as if they had been read out of a token.
pub(crate) fn claims(members: &Value) -> super::Claims {
    super::Claims::parse(members.to_string().as_bytes()).unwrap()
}

/// A part of a token.
pub(crate) fn encoded(text: &str) -> String {
    base64url::encode(text.as_bytes()).unwrap()
}
