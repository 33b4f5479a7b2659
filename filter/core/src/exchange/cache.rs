//! Exchanged tokens, found again by everything that made them what they are.
//!
//! A hit is as good as a fresh exchange: the key covers subject token, acting agent, sender, resource, scopes and configuration,
//! the inbound token was verified anew on this request, and no entry outlives either token.
//! Bounded in entries and bytes; tokens that were used once go before those that were used again.
//! A false miss costs an exchange; there is no false hit.

use std::sync::{Arc, OnceLock};

use crate::base64url;
use crate::config::ScopeSet;
use crate::digest::sha256;
use crate::echo::Trace;
use crate::exchange::request::ExchangeKey;
use crate::limits::{
    ISSUED_TOKENS_BYTES_MAX, ISSUED_TOKENS_MAX, REFRESH_AHEAD_SECONDS, REFRESH_RETRY_SECONDS,
    TOKEN_EXPIRY_MARGIN_SECONDS,
};
use crate::redacted::Redacted;
use crate::segmented::{Room, Segmented};
use crate::time::{Seconds, UnixSeconds};

/// A token that an authorization server issued and whose lineage was checked.
#[derive(Debug)]
pub struct IssuedToken {
    pub(crate) token: Redacted<String>,
    pub(crate) expires_at: UnixSeconds,
    pub(crate) scopes: ScopeSet,
    pub(crate) jti: Option<String>,
    /// The key whose proof must go with it; none for a bearer token.
    pub(crate) bound: Option<Bound>,
    /// How it is looked for in answers, once one was searched.
    pub(crate) trace: OnceLock<Box<Trace>>,
}

/// To which of the gateway's own keys a token is tied (RFC 9449 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    key: [u8; 32],
    ath: String,
}

impl Bound {
    /// Ties `token` to the key with that thumbprint; `None` for a token that is too long to digest.
    pub(crate) fn new(key: [u8; 32], token: &Redacted<String>) -> Option<Self> {
        let ath = base64url::encode(&sha256(token.expose().as_bytes()))?;
        Some(Self { key, ath })
    }

    /// The RFC 7638 thumbprint of the key.
    pub(crate) const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// RFC 9449 §4.2: base64url of the SHA-256 of the token.
    pub(crate) fn ath(&self) -> &str {
        &self.ath
    }
}

impl IssuedToken {
    /// True while the token has enough life left for one more call.
    pub(crate) fn is_usable(&self, now: UnixSeconds) -> bool {
        now.get().saturating_add(TOKEN_EXPIRY_MARGIN_SECONDS) < self.expires_at.get()
    }

    /// The token as it stands, for the header of transaction tokens.
    pub(crate) fn plain(&self) -> Redacted<String> {
        self.token.clone()
    }

    /// The credential for the upstream; the one way out. A token that is tied to a key never says that it is a bearer token.
    pub(crate) fn credential(&self) -> Redacted<String> {
        let scheme = if self.bound.is_some() { "DPoP " } else { "Bearer " };
        Redacted::new([scheme, self.token.expose()].concat())
    }

    /// How it is looked for.
    pub(crate) fn trace(&self) -> &Trace {
        self.trace.get_or_init(|| Box::new(Trace::of(self.token.expose())))
    }

    /// What was granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Its identifier, for the record; the transaction's for a transaction token.
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }
}

#[derive(Debug)]
struct Entry {
    token: Arc<IssuedToken>,
    usable_until: UnixSeconds,
    subject_ends: UnixSeconds,
    kept_at: UnixSeconds,
    refresh_tried_at: Option<UnixSeconds>,
    uses: u32,
    /// What the tool it was exchanged for allows; another tool of the same scopes may allow more.
    reuse_max: Option<u32>,
    /// Other workers use it too, and nobody counts how often.
    is_shared: bool,
}

/// The acting agent, by the digest of its id. Where room is short, the one that holds most gives way first.
type Owner = [u8; 32];

/// The cache of one worker.
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    entries: Segmented<ExchangeKey, Entry, Owner>,
    pruned_at: Option<UnixSeconds>,
}

impl Default for IssuedTokens {
    fn default() -> Self {
        let room = Room { entries: ISSUED_TOKENS_MAX, bytes: ISSUED_TOKENS_BYTES_MAX };
        Self { entries: Segmented::new(room), pruned_at: None }
    }
}

impl IssuedTokens {
    /// Finds a token that may be sent once more. `reuse_max` is how often one exchange may serve beyond its first request.
    pub(crate) fn find(
        &mut self,
        key: ExchangeKey,
        reuse_max: Option<u32>,
        now: UnixSeconds,
    ) -> Option<Arc<IssuedToken>> {
        let entry = self.entries.peek(&key)?;
        let exhausted = |max: Option<u32>| max.is_some_and(|max| entry.uses >= max);
        if exhausted(entry.reuse_max) || now >= entry.usable_until || !entry.token.is_usable(now) {
            self.drop_key(key);
            return None;
        }
        // Spent for this tool, or used elsewhere uncounted; and still good for another one of the same scopes.
        if exhausted(reuse_max) || (entry.is_shared && reuse_max.is_some()) {
            return None;
        }
        let entry = self.entries.touch(key)?;
        entry.uses = entry.uses.saturating_add(1);
        Some(Arc::clone(&entry.token))
    }

    /// Keeps `token`, exchanged as `agent`, until it or its subject token ends, whichever is first, and for no more than `reuse_max` further uses.
    pub(crate) fn keep(
        &mut self,
        (key, agent): (ExchangeKey, &str),
        token: Arc<IssuedToken>,
        subject_expires_at: UnixSeconds,
        reuse_max: Option<u32>,
        now: UnixSeconds,
    ) {
        if reuse_max == Some(0) {
            return;
        }
        let usable_until = subject_expires_at.min(token.expires_at);
        let bytes = token.token.expose().len();
        self.entries.insert_of(
            sha256(agent.as_bytes()),
            key,
            Entry {
                token,
                usable_until,
                subject_ends: subject_expires_at,
                kept_at: now,
                refresh_tried_at: None,
                uses: 0,
                reuse_max,
                is_shared: false,
            },
            bytes,
        );
    }

    /// Keeps a token that another worker exchanged.
    pub(crate) fn keep_shared(
        &mut self,
        (key, agent): (ExchangeKey, &str),
        token: Arc<IssuedToken>,
        subject_expires_at: UnixSeconds,
        now: UnixSeconds,
    ) {
        self.keep((key, agent), token, subject_expires_at, None, now);
        if let Some(entry) = self.entries.peek_mut(&key) {
            entry.is_shared = true;
        }
    }

    /// Whether the token found under `key` should be exchanged anew ahead of its end; yes once in a while only, so that requests do not crowd.
    ///
    /// Never where uses are counted, nor where the subject token ends first and a new one would end with it.
    pub(crate) fn is_due(&mut self, key: ExchangeKey, now: UnixSeconds) -> bool {
        let Some(entry) = self.entries.peek_mut(&key) else {
            return false;
        };
        if entry.reuse_max.is_some() || entry.subject_ends <= entry.token.expires_at {
            return false;
        }
        let left = |from| entry.usable_until.since(from).map_or(0, Seconds::get);
        // A token that lives for a minute is not refreshed all its life.
        let ahead = REFRESH_AHEAD_SECONDS.saturating_add(TOKEN_EXPIRY_MARGIN_SECONDS).min(left(entry.kept_at) / 2);
        let rested = entry
            .refresh_tried_at
            .is_none_or(|at| now < at || now >= at.saturating_add(Seconds::new(REFRESH_RETRY_SECONDS)));
        let due = left(now) <= ahead && rested;
        if due {
            entry.refresh_tried_at = Some(now);
        }
        due
    }

    /// Forgets one token: withdrawn, or ended.
    pub(crate) fn drop_key(&mut self, key: ExchangeKey) {
        self.entries.remove(&key);
    }

    /// Forgets this token under `key`, and no other that has come in its place.
    pub(crate) fn drop_token(&mut self, key: ExchangeKey, token: &Arc<IssuedToken>) {
        if self.entries.peek(&key).is_some_and(|entry| Arc::ptr_eq(&entry.token, token)) {
            self.drop_key(key);
        }
    }

    /// Forgets what has ended, so that an idle worker does not keep dead credentials.
    ///
    /// Once a second at most: a busy worker ticks every millisecond, and has thousands of entries to go through.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        if self.pruned_at.replace(now) != Some(now) {
            self.entries.retain(|entry| now < entry.usable_until);
        }
    }

    /// When the token under `key` ends.
    pub(crate) fn ends(&self, key: ExchangeKey) -> Option<UnixSeconds> {
        self.entries.peek(&key).map(|entry| entry.token.expires_at)
    }

    /// How many tokens are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod properties;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
