//! Fetching metadata: one GET, one strict reading of the answer; and who waits for it.
//!
//! Streams never wait for metadata itself: a fetch of keys does, or an exchange, and streams wait for those.

use super::table::{Flight, Waiter};
use super::{Callout, CalloutAnswer, FlightId, RootStep};
use crate::config::{AuthorizationServer, Endpoint, Location};
use crate::discovery::Needs;
use crate::discovery::document::{self, Found};
use crate::exchange::request::ExchangeRequest;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

impl Plugin {
    /// Lets the flight `waiter` wait for the metadata of `server`, if it is being fetched or may be.
    pub(super) fn discover_for(
        &mut self,
        server: &AuthorizationServer,
        waiter: FlightId,
        now: UnixSeconds,
    ) -> Result<(), Rejection> {
        if !self.flights.is_discovering(&server.name) && !self.discovered.may_look(server, now) {
            return Err(Rejection::EndpointsUnavailable);
        }
        let id = self.flights.discover(&server.name, now);
        self.flights.enlist(id, Waiter::Flight(waiter))
    }

    /// Starts what is due by the clock rather than by a request.
    pub(super) fn start_due_discoveries(&mut self, now: UnixSeconds) {
        let config = self.config();
        for (name, server) in &config.servers {
            if self.discovered.is_due(server, now) && !self.flights.is_discovering(name) {
                let _id = self.flights.discover(name, now);
            }
        }
    }

    pub(super) fn start_discovery(
        &mut self,
        id: FlightId,
        flight: Flight,
        name: &str,
        now: UnixSeconds,
        step: &mut RootStep,
    ) {
        self.discovered.attempted(name, now);
        let config = self.config();
        let found = config.servers.get(name).and_then(|server| Some((server, server.discovery.as_ref()?)));
        let Some((server, discovery)) = found else {
            self.land_discovery(flight, name, Err("nothing to look up"), now, step);
            return;
        };
        step.calls.push(Callout {
            flight: id,
            cluster: discovery.cluster.clone(),
            headers: vec![
                (":method", "GET".to_owned()),
                (":scheme", discovery.endpoint.scheme.as_str().to_owned()),
                (":authority", discovery.endpoint.authority.clone()),
                (":path", discovery.endpoint.path.clone()),
                ("accept", "application/json".to_owned()),
            ],
            authorization: None,
            proof: None,
            body: Redacted::new(String::new()),
            timeout: server.timeout,
        });
        self.flights.put_back(id, flight);
    }

    /// Reads what the server `name` says of itself.
    pub(super) fn read_discovery(&self, name: &str, answer: &CalloutAnswer<'_>) -> Result<Found, &'static str> {
        let config = self.config();
        let server = config.servers.get(name).ok_or("no such server")?;
        let discovery = server.discovery.as_ref().ok_or("nothing to look up")?;
        document::read(answer, &server.issuer, discovery, &Needs::of(&config, server))
    }

    /// Ends the fetch: keeps a proven document, lets everybody go on who waits.
    pub(super) fn land_discovery(
        &mut self,
        flight: Flight,
        name: &str,
        read: Result<Found, &'static str>,
        now: UnixSeconds,
        step: &mut RootStep,
    ) {
        self.flights.landed(&flight);
        step.events.push(match read {
            Ok(found) => {
                let event = Event::MetadataFetched { server: name.to_owned(), unlisted: found.unlisted.clone() };
                self.move_to(name, found, now);
                event
            }
            Err(reason) => {
                self.discovered.failed(name);
                Event::MetadataNotFetched { server: name.to_owned(), reason }
            }
        });
        for waiter in flight.waiters {
            if let Waiter::Flight(id) = waiter {
                self.fetched_for.push_back(id);
            }
        }
    }

    /// Goes by the new document from here on. Calls in the air end where they were sent.
    fn move_to(&mut self, name: &str, found: Found, now: UnixSeconds) {
        let moved = |before: &Option<Endpoint>, now: &Option<Endpoint>| before.is_some() && before != now;
        let (token_endpoint, jwks_uri) = (found.token_endpoint.clone(), found.jwks_uri.clone());
        let Some(before) = self.discovered.replace(name, found, now) else {
            return;
        };
        if moved(&before.token_endpoint, &token_endpoint) {
            // What failed there says nothing about the new place; and who moves often must not be remembered everywhere.
            self.forget_endpoint(before.token_endpoint.as_ref());
        }
        if moved(&before.jwks_uri, &jwks_uri) {
            self.forget_endpoint(before.jwks_uri.as_ref());
            let config = self.config();
            let elsewhere = config.servers.get(name).is_some_and(|server| Needs::of(&config, server).jwks_uri);
            if elsewhere {
                // The set of the old place serves until the new one is proven.
                let _id = self.flights.fetch(name, now);
            }
        }
    }

    fn forget_endpoint(&mut self, endpoint: Option<&Endpoint>) {
        let Some(endpoint) = endpoint else { return };
        self.breakers.forget(endpoint);
        self.called.retain(|_, (authority, path)| *authority != endpoint.authority || *path != endpoint.path);
    }

    /// Writes into `request` where its calls go, or lets the flight wait for the metadata that says so; false where it waits.
    pub(super) fn locate(
        &mut self,
        id: FlightId,
        request: &mut ExchangeRequest,
        now: UnixSeconds,
    ) -> Result<bool, Rejection> {
        request.located.clear();
        let exchange = std::sync::Arc::clone(&request.exchange);
        for server in exchange.servers() {
            if server.token_endpoint != Some(Location::Discovered) {
                continue;
            }
            match self.discovered.token_endpoint(server, now) {
                Some(endpoint) => {
                    request.located.insert(server.name.clone(), endpoint.clone());
                }
                None => {
                    self.discover_for(server, id, now)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
