//! Fetching a key set: one GET, one strict reading of the answer.

use super::table::{Flight, Waiter};
use super::{Callout, CalloutAnswer, FlightId, Landing, RootStep};
use crate::config::{AuthorizationServer, Location};
use crate::exchange::answer::is_json;
use crate::jwks::{KeySet, KeyUse};
use crate::keys::KeyStore;
use crate::limits::JWKS_BYTES_MAX;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, StreamId};
use crate::time::UnixSeconds;

impl Plugin {
    /// Lets `waiter` wait for new keys of `server`, if a fetch is in the air or may be started.
    pub(crate) fn join_fetch(
        &mut self,
        server: &AuthorizationServer,
        stream: StreamId,
        now: UnixSeconds,
    ) -> Result<FlightId, Rejection> {
        self.fetch_for(server, Waiter::Stream(stream), now)
    }

    pub(super) fn fetch_for(
        &mut self,
        server: &AuthorizationServer,
        waiter: Waiter,
        now: UnixSeconds,
    ) -> Result<FlightId, Rejection> {
        if !self.flights.is_fetching(&server.name) && !self.keys.may_fetch(server, now) {
            return Err(Rejection::KeysUnavailable);
        }
        let id = self.flights.fetch(&server.name, now);
        self.flights.enlist(id, waiter)?;
        Ok(id)
    }

    /// Starts the fetches that are due by the clock rather than by a request.
    pub(super) fn start_due_fetches(&mut self, now: UnixSeconds) {
        let config = self.config();
        for (name, server) in config.key_holders() {
            if self.keys.is_due(server, now) && !self.flights.is_fetching(name) {
                let _id = self.flights.fetch(name, now);
            }
        }
    }

    pub(super) fn start_fetch(
        &mut self,
        id: FlightId,
        flight: Flight,
        name: &str,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let config = self.config();
        let remote = config.key_holder(name).and_then(|server| KeyStore::remote(server).map(|remote| (server, remote)));
        let Some((server, remote)) = remote else {
            self.fail_fetch(flight, name, "no key endpoint", ambient, step);
            return;
        };
        let endpoint = match &remote.endpoint {
            Location::Given(endpoint) => endpoint.clone(),
            Location::Discovered => {
                match self.discovered.usable(server, ambient.now).and_then(|found| found.jwks_uri.clone()) {
                    Some(endpoint) => endpoint,
                    None => return self.fetch_when_discovered(id, flight, server, ambient, step),
                }
            }
        };
        self.keys.attempted(name, ambient.now);
        step.calls.push(Callout {
            flight: id,
            cluster: remote.cluster.clone(),
            headers: vec![
                (":method", "GET".to_owned()),
                (":scheme", endpoint.scheme.as_str().to_owned()),
                (":authority", endpoint.authority),
                (":path", endpoint.path),
                ("accept", "application/jwk-set+json, application/json".to_owned()),
            ],
            authorization: None,
            proof: None,
            body: Redacted::new(String::new()),
            timeout: server.timeout,
        });
        self.flights.put_back(id, flight);
    }

    /// Where the keys are is known when the metadata is; without any, there are none.
    fn fetch_when_discovered(
        &mut self,
        id: FlightId,
        flight: Flight,
        server: &AuthorizationServer,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        match self.discover_for(server, id, ambient.now) {
            Ok(()) => self.flights.put_back(id, flight),
            Err(_) => {
                self.keys.attempted(&server.name, ambient.now);
                self.fail_fetch(flight, &server.name, "no metadata", ambient, step);
            }
        }
    }

    /// Reads what came, and tells the other workers.
    pub(super) fn answer_fetch(
        &mut self,
        flight: Flight,
        name: &str,
        answer: &CalloutAnswer<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let config = self.config();
        let remote = config.key_holder(name).and_then(|server| KeyStore::remote(server));
        match (read(answer, remote.map_or(KeyUse::Tokens, |remote| remote.for_use)), answer) {
            (Ok(set), CalloutAnswer::Response { body, .. }) => {
                self.share_fetched(name, flight.standing, Some(body), ambient);
                self.land_fetch(flight, name, Ok((set, ambient.now)), step);
            }
            (Ok(_), CalloutAnswer::Failed) => self.fail_fetch(flight, name, "no answer", ambient, step),
            (Err(reason), _) => self.fail_fetch(flight, name, reason, ambient, step),
        }
    }

    /// Ends a fetch that came to nothing.
    pub(super) fn fail_fetch(
        &mut self,
        flight: Flight,
        name: &str,
        reason: &'static str,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        self.share_fetched(name, flight.standing, None, ambient);
        self.land_fetch(flight, name, Err(reason), step);
    }

    /// Ends the fetch: keeps a proven set, tells everybody who waits.
    pub(super) fn land_fetch(
        &mut self,
        flight: Flight,
        name: &str,
        read: Result<(KeySet, UnixSeconds), &'static str>,
        step: &mut RootStep,
    ) {
        self.flights.landed(&flight);
        step.events.push(match read {
            Ok((set, at)) => {
                let event = Event::KeysFetched {
                    server: name.to_owned(),
                    keys: set.keys().len(),
                    skipped: set.skipped().map_or(0, |skipped| skipped.count),
                };
                self.keys.replace(name, set, at);
                event
            }
            Err(reason) => Event::KeysNotFetched { server: name.to_owned(), reason },
        });
        for waiter in flight.waiters {
            match waiter {
                Waiter::Stream(stream) => step.landings.push((stream, Landing::Keys)),
                Waiter::Flight(id) => self.fetched_for.push_back(id),
            }
        }
    }
}

/// Reads a key set out of the answer; the error is for the log.
fn read(answer: &CalloutAnswer<'_>, for_use: KeyUse) -> Result<KeySet, &'static str> {
    let CalloutAnswer::Response { status, content_type, body, .. } = answer else {
        return Err("no answer");
    };
    if *status != 200 {
        return Err("status is not 200");
    }
    let typed = content_type
        .is_some_and(|value| is_json(value) || value.to_ascii_lowercase().starts_with(b"application/jwk-set+json"));
    if !typed {
        return Err("content type is not JSON");
    }
    if body.len() > JWKS_BYTES_MAX {
        return Err("larger than a key set may be");
    }
    KeySet::parse_published_for(for_use, body).map_err(|_| "no usable key in it")
}
