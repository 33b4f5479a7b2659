//! What authorization servers say of themselves, as it stands on this worker (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! Metadata says where endpoints are; whom to trust was said before.
//! A document serves until its successor is proven, and no longer than `max_stale` after its own fetch.
//! Where none can be had, the time between two attempts doubles, so that a server that is down is not asked by every request.

pub(crate) mod document;
mod needs;

use std::collections::BTreeMap;

use crate::config::{AuthorizationServer, Config, Endpoint, Location};
use crate::discovery::document::Found;
use crate::keys::has_passed;
use crate::limits::{KEY_RETRY_INTERVAL_SECONDS, METADATA_RETRY_SECONDS_MAX};
use crate::time::UnixSeconds;

pub(crate) use needs::Needs;

#[derive(Debug, Default)]
struct Looked {
    found: Option<(Found, UnixSeconds)>,
    last_attempt: Option<UnixSeconds>,
    failures: u32,
}

/// The metadata of all servers of one plugin on one worker.
#[derive(Debug)]
pub(crate) struct Discovered {
    servers: BTreeMap<String, Looked>,
}

impl Discovered {
    pub(crate) fn new(config: &Config) -> Self {
        let looked_up = config.servers.iter().filter(|(_, server)| server.discovery.is_some());
        Self { servers: looked_up.map(|(name, _)| (name.clone(), Looked::default())).collect() }
    }

    /// What may be gone by now.
    pub(crate) fn usable(&self, server: &AuthorizationServer, now: UnixSeconds) -> Option<&Found> {
        let max_stale = server.discovery.as_ref()?.max_stale;
        let (found, at) = self.servers.get(&server.name)?.found.as_ref()?;
        (now.get() <= at.get().saturating_add(max_stale.get())).then_some(found)
    }

    /// Where the server is asked for tokens, as far as it is known.
    pub(crate) fn token_endpoint<'a>(
        &'a self,
        server: &'a AuthorizationServer,
        now: UnixSeconds,
    ) -> Option<&'a Endpoint> {
        match server.token_endpoint.as_ref()? {
            Location::Given(endpoint) => Some(endpoint),
            Location::Discovered => self.usable(server, now)?.token_endpoint.as_ref(),
        }
    }

    /// True where an attempt may be made now.
    pub(crate) fn may_look(&self, server: &AuthorizationServer, now: UnixSeconds) -> bool {
        let Some(looked) = self.servers.get(&server.name) else {
            return false;
        };
        let doubled = 1_u64.checked_shl(looked.failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let interval = KEY_RETRY_INTERVAL_SECONDS.saturating_mul(doubled).min(METADATA_RETRY_SECONDS_MAX);
        looked.last_attempt.is_none_or(|at| has_passed(at, interval, now))
    }

    /// True where the document of `server` is due for its regular refresh.
    pub(crate) fn is_due(&self, server: &AuthorizationServer, now: UnixSeconds) -> bool {
        let (Some(discovery), Some(looked)) = (&server.discovery, self.servers.get(&server.name)) else {
            return false;
        };
        let old = looked.found.as_ref().is_none_or(|(_, at)| has_passed(*at, discovery.refresh.get(), now));
        old && self.may_look(server, now)
    }

    /// Notes that an attempt begins.
    pub(crate) fn attempted(&mut self, server: &str, now: UnixSeconds) {
        if let Some(looked) = self.servers.get_mut(server) {
            looked.last_attempt = Some(now);
        }
    }

    /// Keeps a proven document; returns the one before it.
    pub(crate) fn replace(&mut self, server: &str, found: Found, now: UnixSeconds) -> Option<Found> {
        let looked = self.servers.get_mut(server)?;
        looked.failures = 0;
        looked.found.replace((found, now)).map(|(before, _)| before)
    }

    /// Notes an attempt that came to nothing; what was found before serves on.
    pub(crate) fn failed(&mut self, server: &str) {
        if let Some(looked) = self.servers.get_mut(server) {
            looked.failures = looked.failures.saturating_add(1);
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
