//! A resource's view of its issuer's keys: fetched when first needed, again when none fits.
//!
//! Guaranteed: a flood of bad signatures asks the issuer at most once per `REFETCH_AFTER`.
//! Absent on purpose: expiry. The development issuers rotate by adding a key.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;

use super::{TokenRefusal, TokenRule, VerifiedToken, verify};
use crate::dev::agent::bearer::Token;
use crate::dev::agent::client::{Client, Target};
use crate::dev::issuer::http::UnixSeconds;
use crate::dev::keys::PublicJwk;

/// The least time between two fetches.
const REFETCH_AFTER: Duration = Duration::from_secs(1);

/// A rule, and where the keys for it are.
#[derive(Debug)]
pub struct Verifier {
    rule: TokenRule,
    jwks: Target,
    http: Client,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<PublicJwk>,
    fetched: Option<Instant>,
}

impl Verifier {
    /// A verifier that has fetched nothing yet.
    pub fn new(rule: TokenRule, jwks: Target) -> Self {
        Self { rule, jwks, http: Client::plain(), known: Mutex::default() }
    }

    /// Checks a request's token by the system clock.
    pub async fn verify(&self, token: Option<&Token>) -> Result<VerifiedToken, TokenRefusal> {
        let token = token.ok_or(TokenRefusal::Missing)?.expose();
        let now = UnixSeconds::from_system_clock();
        let mut known = self.known.lock().await;
        match verify(token, &known.keys, &self.rule, now) {
            Err(TokenRefusal::Signature) if known.may_fetch() => {}
            Err(TokenRefusal::Signature) if known.keys.is_empty() => return Err(TokenRefusal::KeysUnavailable),
            outcome => return outcome,
        }
        known.fetched = Some(Instant::now());
        match self.fetch().await {
            Some(keys) => known.keys = keys,
            None if known.keys.is_empty() => return Err(TokenRefusal::KeysUnavailable),
            None => {}
        }
        verify(token, &known.keys, &self.rule, now)
    }

    async fn fetch(&self) -> Option<Vec<PublicJwk>> {
        let reply = self.http.get(&self.jwks).await.ok()?;
        let keys = (reply.status == 200).then(|| reply.json())?.get("keys").cloned()?;
        serde_json::from_value::<Vec<Value>>(keys)
            .ok()
            .map(|keys| keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}

impl Known {
    fn may_fetch(&self) -> bool {
        self.fetched.is_none_or(|fetched| fetched.elapsed() >= REFETCH_AFTER)
    }
}
