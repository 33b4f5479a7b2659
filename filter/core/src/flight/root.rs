//! The entries of the root: a tick, and the answer to a call.

use super::breaker::{self, resting};
use super::exchanging::Arrival;
use super::table::{Flight, Stage};
use super::{CalloutAnswer, FlightId, RootStep};
use crate::limits::{LANDINGS_PER_STEP_MAX, STARTS_PER_TICK_MAX};
use crate::plugin::Plugin;
use crate::record::Event;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::UnixSeconds;

impl Plugin {
    /// Starts what waits to be started, refreshes what is due, ends what was never answered.
    pub fn handle_tick(&mut self, ambient: &mut Ambient<'_>) -> RootStep {
        let mut step = RootStep::default();
        self.start_due_discoveries(ambient.now);
        self.start_due_fetches(ambient.now);
        self.look_again(ambient, &mut step);
        for _ in 0..STARTS_PER_TICK_MAX {
            let Some(id) = self.flights.next_to_start() else {
                break;
            };
            self.start(id, ambient, &mut step);
        }
        for id in self.flights.overdue(ambient.now) {
            self.give_up(id, ambient, &mut step);
        }
        self.issued.prune(ambient.now);
        self.known.prune(ambient.now);
        self.svids.prune(ambient.now);
        self.introspected.prune(ambient.now);
        self.proofs.prune(ambient.now);
        self.tell_flights(ambient, &mut step);
        self.hand_out(&mut step);
        step
    }

    /// Takes the answer to the call of `flight`. An answer nobody waits for changes nothing.
    pub fn handle_answer(
        &mut self,
        flight: FlightId,
        answer: CalloutAnswer<'_>,
        ambient: &mut Ambient<'_>,
    ) -> RootStep {
        let mut step = RootStep::default();
        if let Some((authority, path)) = self.called.remove(&flight) {
            self.breakers.note(&authority, &path, &answer, ambient.now);
        }
        self.arrive(flight, answer, ambient, &mut step);
        self.tell_flights(ambient, &mut step);
        self.hand_out(&mut step);
        step
    }

    /// Notes where the calls go and what is to be counted, and lets no more streams go on at once than may; the others follow with the next tick.
    fn hand_out(&mut self, step: &mut RootStep) {
        for call in &step.calls {
            if let Some(place) = breaker::place(call) {
                self.called.insert(call.flight, place);
            }
        }
        let tallies = self.sharing.take_tallies();
        step.events.extend(tallies.into_iter().map(|((what, outcome), count)| Event::Shared { what, outcome, count }));
        self.landed.extend(step.landings.drain(..));
        let now = self.landed.len().min(LANDINGS_PER_STEP_MAX);
        step.landings.extend(self.landed.drain(..now));
    }

    /// Lets the last call of `step` go, or takes it back where `flight` made it and another one is trying its endpoint after a rest.
    pub(super) fn may_call(
        &mut self,
        flight: FlightId,
        now: UnixSeconds,
        step: &mut RootStep,
    ) -> Result<(), Rejection> {
        let Some(call) = step.calls.last().filter(|call| call.flight == flight) else {
            return Ok(());
        };
        let tried = self.breakers.try_call(call, now).map_err(resting);
        if tried.is_err() {
            step.calls.pop();
        }
        tried
    }

    fn start(&mut self, id: FlightId, ambient: &mut Ambient<'_>, step: &mut RootStep) {
        let Some(flight) = self.flights.take(id) else {
            return;
        };
        self.begin_or_follow(id, flight, ambient, step);
    }

    fn arrive(&mut self, id: FlightId, answer: CalloutAnswer<'_>, ambient: &mut Ambient<'_>, step: &mut RootStep) {
        let Some(flight) = self.flights.take(id) else {
            return;
        };
        match &flight.stage {
            Stage::Fetching(server) => {
                let server = server.clone();
                self.answer_fetch(flight, &server, &answer, ambient, step);
            }
            Stage::Discovering(server) => {
                let server = server.clone();
                let read = self.read_discovery(&server, &answer);
                self.land_discovery(flight, &server, read, ambient.now, step);
            }
            Stage::Introspecting(_) => self.advance_introspection(id, flight, Arrival::Answer(answer), ambient, step),
            Stage::Exchanging(_) => {
                self.advance_exchange(id, flight, Arrival::Answer(answer), ambient, step);
            }
        }
    }

    fn give_up(&mut self, id: FlightId, ambient: &mut Ambient<'_>, step: &mut RootStep) {
        if let Some((authority, path)) = self.called.remove(&id) {
            self.breakers.note(&authority, &path, &CalloutAnswer::Failed, ambient.now);
        }
        let Some(flight) = self.flights.take(id) else {
            return;
        };
        match &flight.stage {
            Stage::Fetching(server) => {
                let server = server.clone();
                self.fail_fetch(flight, &server, "no answer", ambient, step);
            }
            Stage::Discovering(server) => {
                let server = server.clone();
                self.land_discovery(flight, &server, Err("no answer"), ambient.now, step);
            }
            Stage::Introspecting(_) => self.advance_introspection(id, flight, Arrival::Overdue, ambient, step),
            Stage::Exchanging(_) => self.advance_exchange(id, flight, Arrival::Overdue, ambient, step),
        }
    }

    /// What waited for keys or metadata goes on in the same callback; what has made no call yet takes its turn among the others.
    fn tell_flights(&mut self, ambient: &mut Ambient<'_>, step: &mut RootStep) {
        while let Some(id) = self.fetched_for.pop_front() {
            let Some(flight) = self.flights.take(id) else {
                continue;
            };
            if flight.stage.is_queued() {
                self.flights.start_again(id, flight);
            } else {
                self.go_on(id, flight, Arrival::Fetched, ambient, step);
            }
        }
    }

    /// Starts a flight, or goes on with one that waited for another.
    pub(super) fn go_on(
        &mut self,
        id: FlightId,
        flight: Flight,
        arrival: Arrival<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        match &flight.stage {
            Stage::Fetching(server) => {
                let server = server.clone();
                self.start_fetch(id, flight, &server, ambient, step);
            }
            Stage::Discovering(server) => {
                let server = server.clone();
                self.start_discovery(id, flight, &server, ambient.now, step);
            }
            Stage::Introspecting(_) => self.advance_introspection(id, flight, arrival, ambient, step),
            Stage::Exchanging(_) => self.advance_exchange(id, flight, arrival, ambient, step),
        }
    }
}
