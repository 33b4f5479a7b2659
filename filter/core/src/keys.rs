//! The key sets of the authorization servers and trust domains, as they stand on this worker.
//!
//! A fetched set serves until its successor is proven, and no longer than `max_stale` after its own fetch.
//! An unknown `kid` may cause one fetch per interval: otherwise invented `kid`s would be a lever against the issuer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{AuthorizationServer, Config, KeySource, RemoteKeys};
use crate::jwks::KeySet;
use crate::limits::{KEY_FETCH_INTERVAL_SECONDS_MIN, KEY_RETRY_INTERVAL_SECONDS};
use crate::time::UnixSeconds;

#[derive(Debug, Default)]
struct Fetched {
    set: Option<(Arc<KeySet>, UnixSeconds)>,
    last_attempt: Option<UnixSeconds>,
}

/// True `seconds` after `at`, and where the clock was set back to before it: a set of tomorrow would otherwise not be refreshed until then.
pub(crate) fn has_passed(at: UnixSeconds, seconds: u64, now: UnixSeconds) -> bool {
    now < at || now.get() >= at.get().saturating_add(seconds)
}

/// All key sets of one plugin on one worker.
#[derive(Debug)]
pub(crate) struct KeyStore {
    inline: BTreeMap<String, Arc<KeySet>>,
    fetched: BTreeMap<String, Fetched>,
}

impl KeyStore {
    pub(crate) fn new(config: &Config) -> Self {
        let mut inline = BTreeMap::new();
        let mut fetched = BTreeMap::new();
        for (name, server) in config.key_holders() {
            match &server.keys {
                KeySource::Inline(set) => {
                    inline.insert(name.clone(), Arc::new(set.clone()));
                }
                KeySource::Remote(_) => {
                    fetched.insert(name.clone(), Fetched::default());
                }
            }
        }
        Self { inline, fetched }
    }

    /// The keys that may be trusted now.
    pub(crate) fn usable(&self, server: &AuthorizationServer, now: UnixSeconds) -> Option<Arc<KeySet>> {
        match &server.keys {
            KeySource::Inline(_) => self.inline.get(&server.name).map(Arc::clone),
            KeySource::Remote(remote) => {
                let (set, at) = self.fetched.get(&server.name)?.set.as_ref()?;
                let fresh = now.get() <= at.get().saturating_add(remote.max_stale.get());
                fresh.then(|| Arc::clone(set))
            }
        }
    }

    /// True while the key of this thumbprint is among the keys of `server`.
    pub(crate) fn still_trusts(&self, server: &AuthorizationServer, thumbprint: &[u8; 32], now: UnixSeconds) -> bool {
        self.usable(server, now).is_some_and(|set| set.contains_thumbprint(thumbprint))
    }

    /// True where a fetch on behalf of a request is allowed now.
    pub(crate) fn may_fetch(&self, server: &AuthorizationServer, now: UnixSeconds) -> bool {
        let Some(fetched) = self.fetched.get(&server.name) else {
            return false;
        };
        let interval = if self.usable(server, now).is_some() {
            KEY_FETCH_INTERVAL_SECONDS_MIN
        } else {
            KEY_RETRY_INTERVAL_SECONDS
        };
        fetched.last_attempt.is_none_or(|at| has_passed(at, interval, now))
    }

    /// True where the set of `server` is due for its regular refresh.
    pub(crate) fn is_due(&self, server: &AuthorizationServer, now: UnixSeconds) -> bool {
        let (KeySource::Remote(remote), Some(fetched)) = (&server.keys, self.fetched.get(&server.name)) else {
            return false;
        };
        let old = match &fetched.set {
            None => true,
            Some((_, at)) => has_passed(*at, remote.refresh.get(), now),
        };
        let rested = fetched.last_attempt.is_none_or(|at| has_passed(at, KEY_FETCH_INTERVAL_SECONDS_MIN, now));
        old && rested
    }

    /// When the set of `server` was fetched.
    pub(crate) fn fetched_at(&self, server: &str) -> Option<UnixSeconds> {
        self.fetched.get(server)?.set.as_ref().map(|(_, at)| *at)
    }

    /// True for a set of that moment that need not be refreshed yet.
    pub(crate) fn is_current(server: &AuthorizationServer, at: UnixSeconds, now: UnixSeconds) -> bool {
        Self::remote(server).is_some_and(|remote| !has_passed(at, remote.refresh.get(), now))
    }

    /// Notes that a fetch begins.
    pub(crate) fn attempted(&mut self, server: &str, now: UnixSeconds) {
        if let Some(fetched) = self.fetched.get_mut(server) {
            fetched.last_attempt = Some(now);
        }
    }

    /// Replaces the set of `server` with a proven one.
    pub(crate) fn replace(&mut self, server: &str, set: KeySet, now: UnixSeconds) {
        if let Some(fetched) = self.fetched.get_mut(server) {
            fetched.set = Some((Arc::new(set), now));
        }
    }

    /// Where the keys of `server` are fetched; `None` for inline keys.
    pub(crate) fn remote(server: &AuthorizationServer) -> Option<&RemoteKeys> {
        match &server.keys {
            KeySource::Inline(_) => None,
            KeySource::Remote(remote) => Some(remote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_does_not_stop_the_refresh() {
        let at = UnixSeconds::new(1000);
        for (now, want) in [(1000, false), (1009, false), (1010, true), (999, true)] {
            assert_eq!(has_passed(at, 10, UnixSeconds::new(now)), want, "{now}");
        }
    }
}
