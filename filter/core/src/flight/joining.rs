//! How a stream comes to wait for an exchange, and what keeps an exchange from being begun.

use super::FlightId;
use super::breaker::resting;
use super::exchanging::Exchanging;
use super::table::{Claim, Waiter};
use crate::exchange::request::ExchangeRequest;
use crate::limits::FLIGHTS_MAX;
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::StreamId;
use crate::time::UnixSeconds;

impl Plugin {
    /// Joins the flight that exchanges exactly this, or starts one.
    ///
    /// A tool whose tokens may not be used twice (`max_reuse` 0) never shares a flight.
    pub(crate) fn join_exchange(
        &mut self,
        request: ExchangeRequest,
        reuse_max: Option<u32>,
        stream: StreamId,
        now: UnixSeconds,
    ) -> Result<FlightId, Rejection> {
        if let Some(rejection) = self.refusals.find(request.refusal_key(), now) {
            return Err(rejection);
        }
        let id = self.begin_exchange(request, reuse_max, now)?;
        self.flights.enlist(id, Waiter::Stream(stream))?;
        Ok(id)
    }

    /// Exchanges anew for a token that will end soon, so that nobody has to wait for it.
    ///
    /// Called by a request that the old token still serves, and only then: nothing is asked for that nobody wanted.
    /// It is left out where the flights are half taken, and where the same is in the air already.
    pub(crate) fn refresh_exchange(&mut self, request: ExchangeRequest, now: UnixSeconds) {
        let busy = self.flights.exchanges() >= FLIGHTS_MAX / 2;
        if !busy
            && self.flights.sharing(request.key()).is_none()
            && self.refusals.find(request.refusal_key(), now).is_none()
        {
            // Refused where the server rests or has enough to do: the next request sees to it.
            let _ = self.begin_exchange(request, None, now);
        }
    }

    fn begin_exchange(
        &mut self,
        request: ExchangeRequest,
        reuse_max: Option<u32>,
        now: UnixSeconds,
    ) -> Result<FlightId, Rejection> {
        let shareable = reuse_max.is_none();
        let shared = shareable.then(|| request.key());
        if let Some(id) = shared.and_then(|key| self.flights.sharing(key)) {
            return Ok(id);
        }
        let mut claims = vec![Claim::Agent(request.agent.id.clone())];
        let mut endpoints = Vec::new();
        for server in request.exchange.servers() {
            let endpoint = self.discovered.token_endpoint(server, now);
            // Where it is not known yet, the issuer stands for it.
            claims.push(Claim::Endpoint(endpoint.map_or_else(|| server.issuer.clone(), |known| known.url.clone())));
            endpoints.extend(endpoint.cloned());
        }
        // One server may answer both calls.
        claims.dedup();
        self.flights.may_begin(&claims)?;
        self.breakers.admit(endpoints.iter(), now).map_err(resting)?;
        let request = Exchanging::new(request, reuse_max);
        Ok(self.flights.exchange(request, shared, claims, now))
    }
}
