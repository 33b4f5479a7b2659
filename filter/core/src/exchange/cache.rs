//! Exchanged tokens, found again by everything that made them what they are.
//!
//! A hit is as good as a fresh exchange: the key covers subject token, acting agent, sender, resource, scopes and configuration,
//! the inbound token was verified anew on this request, and no entry outlives either token.
//! Bounded in entries and bytes; the least recently used goes first.
//! A false miss costs an exchange; there is no false hit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::ScopeSet;
use crate::exchange::request::ExchangeKey;
use crate::limits::{ISSUED_TOKENS_BYTES_MAX, ISSUED_TOKENS_MAX, TOKEN_EXPIRY_MARGIN_SECONDS};
use crate::redacted::Redacted;
use crate::time::UnixSeconds;

/// A token that an authorization server issued and whose lineage was checked.
#[derive(Debug)]
pub struct IssuedToken {
    pub(crate) token: Redacted<String>,
    pub(crate) expires_at: UnixSeconds,
    pub(crate) scopes: ScopeSet,
    pub(crate) jti: Option<String>,
}

impl IssuedToken {
    /// True while the token has enough life left for one more call.
    pub(crate) fn is_usable(&self, now: UnixSeconds) -> bool {
        now.get().saturating_add(TOKEN_EXPIRY_MARGIN_SECONDS) < self.expires_at.get()
    }

    /// The credential for the upstream; the one way out.
    pub(crate) fn bearer(&self) -> Redacted<String> {
        Redacted::new(format!("Bearer {}", self.token.expose()))
    }

    /// What was granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Its identifier, for the record.
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }
}

#[derive(Debug)]
struct Entry {
    token: Arc<IssuedToken>,
    usable_until: UnixSeconds,
    uses: u32,
    /// What the tool it was exchanged for allows; another tool of the same scopes may allow more.
    reuse_max: Option<u32>,
    stamp: u64,
}

/// The cache of one worker.
#[derive(Debug, Default)]
pub(crate) struct IssuedTokens {
    entries: BTreeMap<ExchangeKey, Entry>,
    recency: BTreeMap<u64, ExchangeKey>,
    stamp: u64,
    bytes: usize,
    pruned_at: Option<UnixSeconds>,
}

impl IssuedTokens {
    /// Finds a token that may be sent once more. `reuse_max` is how often one exchange may serve beyond its first request.
    pub(crate) fn find(
        &mut self,
        key: ExchangeKey,
        reuse_max: Option<u32>,
        now: UnixSeconds,
    ) -> Option<Arc<IssuedToken>> {
        let entry = self.entries.get(&key)?;
        let exhausted = |max: Option<u32>| max.is_some_and(|max| entry.uses >= max);
        if exhausted(entry.reuse_max) || now >= entry.usable_until || !entry.token.is_usable(now) {
            self.drop_key(key);
            return None;
        }
        // Spent for this tool, and still good for another one of the same scopes.
        if exhausted(reuse_max) {
            return None;
        }
        self.stamp = self.stamp.saturating_add(1);
        let stamp = self.stamp;
        let entry = self.entries.get_mut(&key)?;
        self.recency.remove(&entry.stamp);
        self.recency.insert(stamp, key);
        entry.stamp = stamp;
        entry.uses = entry.uses.saturating_add(1);
        Some(Arc::clone(&entry.token))
    }

    /// Keeps `token` until it or its subject token ends, whichever is first, and for no more than `reuse_max` further uses.
    pub(crate) fn keep(
        &mut self,
        key: ExchangeKey,
        token: Arc<IssuedToken>,
        subject_expires_at: UnixSeconds,
        reuse_max: Option<u32>,
    ) {
        if reuse_max == Some(0) {
            return;
        }
        self.drop_key(key);
        self.stamp = self.stamp.saturating_add(1);
        let usable_until = subject_expires_at.min(token.expires_at);
        self.bytes = self.bytes.saturating_add(token.token.expose().len());
        self.recency.insert(self.stamp, key);
        self.entries.insert(key, Entry { token, usable_until, uses: 0, reuse_max, stamp: self.stamp });
        while self.entries.len() > ISSUED_TOKENS_MAX || self.bytes > ISSUED_TOKENS_BYTES_MAX {
            let Some((_, oldest)) = self.recency.first_key_value() else {
                break;
            };
            let oldest = *oldest;
            self.drop_key(oldest);
        }
    }

    /// Forgets one token: withdrawn, refused by the upstream, or ended.
    pub(crate) fn drop_key(&mut self, key: ExchangeKey) {
        if let Some(entry) = self.entries.remove(&key) {
            self.recency.remove(&entry.stamp);
            self.bytes = self.bytes.saturating_sub(entry.token.token.expose().len());
        }
    }

    /// Forgets what has ended, so that an idle worker does not keep dead credentials.
    ///
    /// Once a second at most: a busy worker ticks every millisecond, and has thousands of entries to go through.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        if self.pruned_at.replace(now) == Some(now) {
            return;
        }
        let ended: Vec<ExchangeKey> =
            self.entries.iter().filter(|(_, entry)| now >= entry.usable_until).map(|(key, _)| *key).collect();
        for key in ended {
            self.drop_key(key);
        }
    }

    /// How many tokens are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod properties;
