//! How a stream comes to wait for an exchange.

use super::FlightId;
use super::exchanging::Exchanging;
use super::table::Waiter;
use crate::exchange::request::ExchangeRequest;
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
        let shareable = reuse_max.is_none();
        let shared = shareable.then(|| request.key());
        let id = self.flights.exchange(Exchanging::new(request, reuse_max), shared, now)?;
        self.flights.enlist(id, Waiter::Stream(stream))?;
        Ok(id)
    }
}
