//! The flights in the air: who waits for which, and which are still to be started.

use std::collections::{BTreeMap, VecDeque};

use super::FlightId;
use super::exchanging::Exchanging;
use super::introspecting::Asking;
use crate::exchange::request::ExchangeKey;
use crate::introspection::Place;
use crate::limits::{
    FLIGHT_SECONDS_MAX, FLIGHTS_MAX, FLIGHTS_PER_AGENT_MAX, FLIGHTS_PER_ENDPOINT_MAX, WAITERS_PER_FLIGHT_MAX,
};
use crate::rejection::Rejection;
use crate::request::StreamId;
use crate::sharing::Standing;
use crate::time::{Seconds, UnixSeconds};

/// Who is told when a flight lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiter {
    Stream(StreamId),
    Flight(FlightId),
}

/// What a flight is for, and how far it has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// The key set of the authorization server of this name.
    Fetching(String),
    /// The metadata of the authorization server of this name.
    Discovering(String),
    /// What an opaque token is.
    Introspecting(Box<Asking>),
    /// A token.
    Exchanging(Box<Exchanging>),
}

impl Stage {
    /// True for an exchange that has made no call yet.
    pub(super) fn is_queued(&self) -> bool {
        match self {
            Self::Exchanging(exchanging) => exchanging.is_queued(),
            Self::Fetching(_) | Self::Discovering(_) | Self::Introspecting(_) => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) stage: Stage,
    pub(super) waiters: Vec<Waiter>,
    pub(super) shared: Option<ExchangeKey>,
    pub(super) began: UnixSeconds,
    pub(super) ends_by: UnixSeconds,
    /// How it stands to the other workers.
    pub(super) standing: Standing,
    /// What it counts against.
    pub(super) claims: Vec<Claim>,
}

impl Flight {
    /// Whether it exchanges with an actor token, which the next request of the same agent may have another of.
    pub(super) fn has_actor(&self) -> bool {
        matches!(&self.stage, Stage::Exchanging(exchanging) if exchanging.request().actor.is_some())
    }

    /// The streams that wait for it.
    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.waiters.iter().filter_map(|waiter| match waiter {
            Waiter::Stream(stream) => Some(*stream),
            Waiter::Flight(_) => None,
        })
    }
}

/// What flights are counted by, so that one of them does not take all there are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// The acting agent.
    Agent(String),
    /// The URL of a token endpoint.
    Endpoint(String),
}

impl Claim {
    const fn most(&self) -> usize {
        match self {
            Self::Agent(_) => FLIGHTS_PER_AGENT_MAX,
            Self::Endpoint(_) => FLIGHTS_PER_ENDPOINT_MAX,
        }
    }
}

/// All flights of one plugin on one worker.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    in_air: BTreeMap<FlightId, Flight>,
    to_start: VecDeque<FlightId>,
    by_key: BTreeMap<ExchangeKey, FlightId>,
    by_server: BTreeMap<String, FlightId>,
    discovering: BTreeMap<String, FlightId>,
    asking: BTreeMap<Place, FlightId>,
    claimed: BTreeMap<Claim, usize>,
    last: u64,
}

impl Flights {
    /// The flight that fetches the keys of `server`, started where there is none.
    pub(super) fn fetch(&mut self, server: &str, now: UnixSeconds) -> FlightId {
        if let Some(id) = self.by_server.get(server) {
            return *id;
        }
        // Never refused: there are at most as many as servers, and a crowd of exchanges must not keep the keys from being renewed.
        let id = self.add(Stage::Fetching(server.to_owned()), None, Vec::new(), now);
        self.by_server.insert(server.to_owned(), id);
        id
    }

    /// True where the keys of `server` are being fetched.
    pub(super) fn is_fetching(&self, server: &str) -> bool {
        self.by_server.contains_key(server)
    }

    /// The flight that fetches the metadata of `server`, started where there is none. Never refused, as for keys.
    pub(super) fn discover(&mut self, server: &str, now: UnixSeconds) -> FlightId {
        if let Some(id) = self.discovering.get(server) {
            return *id;
        }
        let id = self.add(Stage::Discovering(server.to_owned()), None, Vec::new(), now);
        self.discovering.insert(server.to_owned(), id);
        id
    }

    /// True where the metadata of `server` is being fetched.
    pub(super) fn is_discovering(&self, server: &str) -> bool {
        self.discovering.contains_key(server)
    }

    /// How many exchanges and questions about tokens are in the air.
    pub(super) fn exchanges(&self) -> usize {
        self.in_air.len().saturating_sub(self.by_server.len()).saturating_sub(self.discovering.len())
    }

    /// The flight in the air that exchanges for this key.
    pub(super) fn sharing(&self, key: ExchangeKey) -> Option<FlightId> {
        self.by_key.get(&key).copied()
    }

    /// A new flight for this exchange; [`Self::may_begin`] was asked.
    pub(super) fn exchange(
        &mut self,
        exchanging: Exchanging,
        shared: Option<ExchangeKey>,
        claims: Vec<Claim>,
        now: UnixSeconds,
    ) -> FlightId {
        let id = self.add(Stage::Exchanging(Box::new(exchanging)), shared, claims, now);
        if let Some(key) = shared {
            self.by_key.insert(key, id);
        }
        id
    }

    /// The flight in the air that asks about what is looked for at `place`, and what exactly it asks.
    pub(super) fn asking(&self, place: Place) -> Option<(FlightId, &Asking)> {
        let id = self.asking.get(&place)?;
        match &self.in_air.get(id)?.stage {
            Stage::Introspecting(asking) => Some((*id, asking)),
            Stage::Fetching(_) | Stage::Discovering(_) | Stage::Exchanging(_) => None,
        }
    }

    /// A new flight that asks about a token; [`Self::may_begin`] was asked.
    pub(super) fn introspect(&mut self, asking: Asking, claims: Vec<Claim>, now: UnixSeconds) -> FlightId {
        let place = asking.place();
        let id = self.add(Stage::Introspecting(Box::new(asking)), None, claims, now);
        self.asking.insert(place, id);
        id
    }

    /// Whether there may be one more exchange of all, and of each that it counts against.
    pub(super) fn may_begin(&self, claims: &[Claim]) -> Result<(), Rejection> {
        let taken = |claim: &Claim| self.claimed.get(claim).is_some_and(|claimed| *claimed >= claim.most());
        if self.exchanges() >= FLIGHTS_MAX || claims.iter().any(taken) { Err(Rejection::Overloaded) } else { Ok(()) }
    }

    fn add(&mut self, stage: Stage, shared: Option<ExchangeKey>, claims: Vec<Claim>, now: UnixSeconds) -> FlightId {
        for claim in &claims {
            let claimed = self.claimed.entry(claim.clone()).or_default();
            *claimed = claimed.saturating_add(1);
        }
        self.last = self.last.saturating_add(1);
        let id = FlightId(self.last);
        let ends_by = now.saturating_add(Seconds::new(FLIGHT_SECONDS_MAX));
        let flight =
            Flight { stage, waiters: Vec::new(), shared, began: now, ends_by, standing: Standing::Alone, claims };
        self.in_air.insert(id, flight);
        self.to_start.push_back(id);
        id
    }

    /// Puts a waiter on the list of `id`.
    pub(super) fn enlist(&mut self, id: FlightId, waiter: Waiter) -> Result<(), Rejection> {
        let flight = self.in_air.get_mut(&id).ok_or(Rejection::Internal("joined flight is not in the air"))?;
        if flight.waiters.len() >= WAITERS_PER_FLIGHT_MAX {
            return Err(Rejection::Overloaded);
        }
        flight.waiters.push(waiter);
        Ok(())
    }

    /// A stream that left waits for nothing any more.
    ///
    /// An exchange that was not begun and that nobody waits for is not made at all: opening and leaving streams costs the issuer nothing.
    pub(crate) fn leave(&mut self, id: FlightId, stream: StreamId) {
        let Some(flight) = self.in_air.get_mut(&id) else {
            return;
        };
        flight.waiters.retain(|waiter| *waiter != Waiter::Stream(stream));
        let idle = flight.waiters.is_empty() && matches!(flight.stage, Stage::Exchanging(_) | Stage::Introspecting(_));
        if idle && self.to_start.contains(&id) {
            self.to_start.retain(|queued| *queued != id);
            if let Some(flight) = self.take(id) {
                self.landed(&flight);
            }
        }
    }

    /// Puts back a flight that waited for metadata before its first call.
    pub(super) fn start_again(&mut self, id: FlightId, flight: Flight) {
        self.put_back(id, flight);
        self.to_start.push_back(id);
    }

    /// Takes the next flight that waits to be started.
    pub(super) fn next_to_start(&mut self) -> Option<FlightId> {
        self.to_start.pop_front()
    }

    /// True while a tick has something to start.
    pub(crate) fn has_work(&self) -> bool {
        !self.to_start.is_empty()
    }

    /// Takes a flight out; it lands, or is put back at a later stage.
    pub(super) fn take(&mut self, id: FlightId) -> Option<Flight> {
        self.in_air.remove(&id)
    }

    /// Puts a flight back that has come further.
    pub(super) fn put_back(&mut self, id: FlightId, flight: Flight) {
        self.in_air.insert(id, flight);
    }

    /// Forgets the names under which a landed flight could be joined.
    pub(super) fn landed(&mut self, flight: &Flight) {
        match &flight.stage {
            Stage::Fetching(server) => drop(self.by_server.remove(server)),
            Stage::Discovering(server) => drop(self.discovering.remove(server)),
            Stage::Introspecting(asking) => drop(self.asking.remove(&asking.place())),
            Stage::Exchanging(_) => {}
        }
        if let Some(key) = flight.shared {
            self.by_key.remove(&key);
        }
        for claim in &flight.claims {
            let left = self.claimed.get(claim).map_or(0, |claimed| claimed.saturating_sub(1));
            if left == 0 {
                self.claimed.remove(claim);
            } else {
                self.claimed.insert(claim.clone(), left);
            }
        }
    }

    /// Flights whose host never answered.
    pub(super) fn overdue(&self, now: UnixSeconds) -> Vec<FlightId> {
        self.in_air.iter().filter(|(_, flight)| now > flight.ends_by).map(|(id, _)| *id).collect()
    }
}
