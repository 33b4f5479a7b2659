//! Asking what a token is: one POST, one strict reading of the answer, for everybody who shows that very token meanwhile.
//!
//! The question is asked once more on a transient failure, and with the client's other key where the first is not known: it changes nothing at the server.

use std::sync::Arc;

use super::breaker::resting;
use super::exchanging::Arrival;
use super::table::{Claim, Flight, Stage, Waiter};
use super::{Callout, FlightId, Landing, RootStep};
use crate::config::{AuthorizationServer, Introspection};
use crate::exchange::answer::{is_transient, is_unknown_client};
use crate::exchange::form::Form;
use crate::introspection::{Parties, Place, Told, answer};
use crate::limits::EXCHANGE_ATTEMPTS_MAX;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, StreamId};
use crate::time::UnixSeconds;

/// A question and how often it was asked.
#[derive(Debug)]
pub(super) struct Asking {
    server: Arc<AuthorizationServer>,
    introspection: Arc<Introspection>,
    token: Redacted<String>,
    place: Place,
    nth: usize,
    attempts: u32,
}

impl Asking {
    /// Where it may be joined.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// True where it is about this very token, asked of this server by the same client.
    fn is_about(&self, server: &AuthorizationServer, introspection: &Introspection, token: &Redacted<String>) -> bool {
        let client = self.introspection.client.id == introspection.client.id;
        client && self.server.name == server.name && self.token.expose() == token.expose()
    }
}

impl Plugin {
    /// Lets `stream` wait for what the server says of `token`, asked by somebody else already or for it; true where it is asked for it.
    pub(crate) fn join_introspection(
        &mut self,
        server: &Arc<AuthorizationServer>,
        introspection: &Arc<Introspection>,
        token: &Redacted<String>,
        stream: StreamId,
        now: UnixSeconds,
    ) -> Result<(FlightId, bool), Rejection> {
        let place = Place::of(&Parties::of(server, introspection), token.expose());
        let joined = self.flights.asking(place);
        let joined = joined.filter(|(_, asking)| asking.is_about(server, introspection, token)).map(|(id, _)| id);
        let id = match joined {
            Some(id) => id,
            None => {
                let claims = vec![Claim::Endpoint(introspection.endpoint.url.clone())];
                self.flights.may_begin(&claims)?;
                self.breakers.admit(core::iter::once(&introspection.endpoint), now).map_err(resting)?;
                let asking = Asking {
                    server: Arc::clone(server),
                    introspection: Arc::clone(introspection),
                    token: token.clone(),
                    place,
                    nth: 0,
                    attempts: 0,
                };
                self.flights.introspect(asking, claims, now)
            }
        };
        self.flights.enlist(id, Waiter::Stream(stream))?;
        Ok((id, joined.is_none()))
    }

    pub(super) fn advance_introspection(
        &mut self,
        id: FlightId,
        flight: Flight,
        arrival: Arrival<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let Flight { stage: Stage::Introspecting(mut asking), .. } = flight else {
            return;
        };
        let told = match arrival {
            Arrival::Start => None,
            Arrival::Answer(answer)
                if is_unknown_client(&answer) && asking.nth == 0 && has_another(&asking, ambient.now) =>
            {
                asking.nth = 1;
                None
            }
            Arrival::Answer(answer) if is_transient(&answer) && asking.attempts < EXCHANGE_ATTEMPTS_MAX => None,
            Arrival::Answer(answer) => Some(answer::read(&answer)),
            Arrival::Overdue => Some(Err(Rejection::AuthorizationServerUnavailable)),
            Arrival::Fetched => Some(Err(Rejection::Internal("keys where an introspection was awaited"))),
        };
        let told = match told {
            Some(told) => told,
            None => match self.ask(id, &asking, ambient, step) {
                Ok(()) => {
                    asking.attempts = asking.attempts.saturating_add(1);
                    self.flights.put_back(id, Flight { stage: Stage::Introspecting(asking), ..flight });
                    return;
                }
                Err(rejection) => Err(rejection),
            },
        };
        if let Ok(told) = &told {
            let parties = Parties::of(&asking.server, &asking.introspection);
            self.introspected.keep(&parties, asking.token.expose(), told, ambient.now);
        }
        step.events.push(Event::Introspected { server: asking.server.name.clone(), code: word(&told) });
        let flight = Flight { stage: Stage::Introspecting(asking), ..flight };
        self.flights.landed(&flight);
        for waiter in flight.waiters {
            if let Waiter::Stream(stream) = waiter {
                step.landings.push((stream, Landing::Introspection(told.clone())));
            }
        }
    }
}

impl Plugin {
    fn ask(
        &mut self,
        id: FlightId,
        asking: &Asking,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Result<(), Rejection> {
        step.calls.push(question(id, asking, ambient)?);
        self.may_call(id, ambient.now, step)
    }
}

fn word(told: &Result<Told, Rejection>) -> &'static str {
    match told {
        Ok(Told::Active(_)) => "active",
        Ok(Told::Inactive) => "inactive",
        Err(rejection) => rejection.code(),
    }
}

fn has_another(asking: &Asking, now: UnixSeconds) -> bool {
    let credential = asking.introspection.client.credential.as_ref();
    credential.is_some_and(|credential| credential.at(&asking.server.name, 1, now).is_some())
}

/// RFC 7662 §2.1.
fn question(id: FlightId, asking: &Asking, ambient: &mut Ambient<'_>) -> Result<Callout, Rejection> {
    let Asking { server, introspection, token, nth, .. } = asking;
    Form::new()
        .field("token", token.expose())
        .field("token_type_hint", "access_token")
        .authenticated(&introspection.client, *nth, server, &introspection.endpoint, ambient)?
        .post(id, server, &introspection.endpoint)
}
