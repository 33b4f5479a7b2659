//! One exchange in the air: ask for the token, by way of a grant where there are two calls, and check what comes back.
//!
//! ```text
//! two calls   Queued ──call 7──► AskedForGrant ──(keys)──► spent ──call 8──► AskedForToken ──(keys)──► landed
//! one call    Queued ───────────────────────────call────────────────────────► AskedForToken ──(keys)──► landed
//! ```
//!
//! A call is made once more on a transient failure, but never the one that spends a grant; what else makes one anew is said in `asking`.
//! Each stage is consumed by what it waited for. A grant leaves [`Flight`] by value and is spent by the call that carries it.

mod asking;
mod checking;

use std::sync::Arc;

use super::table::{Flight, Stage};
use super::{CalloutAnswer, FlightId, Landing, RootStep};
use crate::config::Kind;
use crate::exchange::answer::{self, Hop, TokenResponse};
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeRequest;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::UnixSeconds;
use asking::{Attempt, Manner, begin};

/// How much of a spent grant is kept, in bytes: 192 bits of its signature in base64url, far less than the shortest signature has.
const SPENT_GRANT_END_BYTES: usize = 32;

/// How far an exchange has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing sent yet; where to send it may still be looked up.
    Queued,
    /// Call 7 is out; this many were sent.
    AskedForGrant { attempts: u32 },
    /// The grant is here, the keys of its issuer are being fetched.
    GrantAwaitsKeys(TokenResponse),
    /// The call for the token is out; a grant, where there was one, is spent.
    AskedForToken { attempts: u32, spent: Option<SpentGrant> },
    /// The token is here, its issuer's keys are being fetched.
    TokenAwaitsKeys { response: TokenResponse, spent: Option<SpentGrant> },
}

/// What is known of a grant after the call that carried it away.
#[derive(Debug)]
pub(super) struct SpentGrant {
    jti: String,
    /// The end of its text, by which it is known if it comes back as the token: no more than that of a signature.
    end: Redacted<String>,
}

impl SpentGrant {
    fn of(jti: String, grant: &str) -> Self {
        let rest = grant.len().saturating_sub(SPENT_GRANT_END_BYTES);
        Self { jti, end: Redacted::new(grant.get(rest..).unwrap_or_default().to_owned()) }
    }

    /// Whether `token` ends as the grant did. No two signatures do.
    fn ends(&self, token: &str) -> bool {
        token.ends_with(self.end.expose().as_str())
    }
}

impl Progress {
    /// The call that is being made or whose answer is being checked.
    fn hop(&self, kind: &Kind) -> Hop {
        match self {
            Self::Queued if kind.grant().is_none() => Hop::for_token(kind),
            Self::Queued | Self::AskedForGrant { .. } | Self::GrantAwaitsKeys(_) => Hop::for_grant(kind),
            Self::AskedForToken { .. } | Self::TokenAwaitsKeys { .. } => Hop::for_token(kind),
        }
    }
}

/// An exchange and where it stands.
#[derive(Debug)]
pub(crate) struct Exchanging {
    request: ExchangeRequest,
    progress: Progress,
    manner: Manner,
    reuse_max: Option<u32>,
}

impl Exchanging {
    /// An exchange not yet begun. `reuse_max` is how often its token may serve beyond the request it is for.
    pub(crate) fn new(request: ExchangeRequest, reuse_max: Option<u32>) -> Self {
        Self { request, progress: Progress::Queued, manner: Manner::default(), reuse_max }
    }

    /// True while it has made no call.
    pub(super) const fn is_queued(&self) -> bool {
        matches!(self.progress, Progress::Queued)
    }

    /// What is asked for.
    pub(super) const fn request(&self) -> &ExchangeRequest {
        &self.request
    }
}

/// What reached the flight.
#[derive(Debug)]
pub(super) enum Arrival<'a> {
    Start,
    Answer(CalloutAnswer<'a>),
    /// Keys or metadata that it waited for, or none.
    Fetched,
    /// The host never answered. Nothing more is sent: a late answer to the old call must not be read as one to a new call.
    Overdue,
}

/// What the flight does next.
enum Next {
    Wait(Progress),
    Land(Result<(IssuedToken, Option<SpentGrant>), (Hop, Rejection)>),
}

impl Plugin {
    pub(super) fn advance_exchange(
        &mut self,
        id: FlightId,
        flight: Flight,
        arrival: Arrival<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let Flight { stage: Stage::Exchanging(exchanging), .. } = flight else {
            return;
        };
        let Exchanging { mut request, progress, mut manner, reuse_max } = *exchanging;
        let hop = progress.hop(&request.exchange.kind);
        let has_nonce = match &arrival {
            Arrival::Answer(answer) => self.take_nonce(hop, &request, answer),
            Arrival::Start | Arrival::Fetched | Arrival::Overdue => false,
        };
        let next = match (progress, arrival) {
            (Progress::Queued, Arrival::Start | Arrival::Fetched) => match self.locate(id, &mut request, ambient.now) {
                Ok(true) => begin(Attempt { id, request: &request, manner }, &self.given_nonces, ambient, step),
                Ok(false) => Next::Wait(Progress::Queued),
                Err(rejection) => Next::Land(Err((hop, rejection))),
            },
            (Progress::AskedForGrant { .. } | Progress::AskedForToken { .. }, Arrival::Answer(answer))
                if (answer::is_unknown_client(&answer) && manner.next_key(hop, &request, ambient.now))
                    || (has_nonce && answer::wants_nonce(&answer) && manner.renew(hop, &request)) =>
            {
                begin(Attempt { id, request: &request, manner }, &self.given_nonces, ambient, step)
            }
            (Progress::AskedForGrant { attempts }, Arrival::Answer(answer)) => {
                self.take_grant(Attempt { id, request: &request, manner }, attempts, &answer, ambient, step)
            }
            (Progress::GrantAwaitsKeys(response), Arrival::Fetched) => {
                self.check_grant(Attempt { id, request: &request, manner }, response, false, ambient, step)
            }
            (Progress::AskedForToken { attempts, spent }, Arrival::Answer(answer)) => {
                let attempt = Attempt { id, request: &request, manner };
                self.take_token(attempt, (attempts, spent), &answer, ambient, step)
            }
            (Progress::TokenAwaitsKeys { response, spent }, Arrival::Fetched) => {
                self.check_token(Attempt { id, request: &request, manner }, response, spent, false, ambient)
            }
            (_, Arrival::Overdue) => Next::Land(Err((hop, Rejection::AuthorizationServerUnavailable))),
            (_, Arrival::Start | Arrival::Answer(_) | Arrival::Fetched) => {
                Next::Land(Err((hop, Rejection::Internal("arrival out of turn"))))
            }
        };
        let (progress, landed) = match self.unless_resting(id, next, &request.exchange.kind, ambient.now, step) {
            Next::Wait(progress) => (progress, None),
            Next::Land(result) => (Progress::Queued, Some(result)),
        };
        let stage = Stage::Exchanging(Box::new(Exchanging { request, progress, manner, reuse_max }));
        let flight = Flight { stage, ..flight };
        match landed {
            None => self.flights.put_back(id, flight),
            Some(result) => self.land_exchange(flight, result, ambient, step),
        }
    }

    /// What waits for a call lands where the server of that call is left to rest.
    fn unless_resting(&mut self, id: FlightId, next: Next, kind: &Kind, now: UnixSeconds, step: &mut RootStep) -> Next {
        match next {
            Next::Wait(progress) => match self.may_call(id, now, step) {
                Ok(()) => Next::Wait(progress),
                Err(rejection) => Next::Land(Err((progress.hop(kind), rejection))),
            },
            Next::Land(result) => Next::Land(result),
        }
    }

    /// Takes the nonce that an answer brought, where the call proved a key (RFC 9449 §8.2: with any answer); true where it brought one.
    fn take_nonce(&mut self, hop: Hop, request: &ExchangeRequest, answer: &CalloutAnswer<'_>) -> bool {
        let server = match request.exchange.kind.grant() {
            Some(grant) if hop.number() == 7 => request.key_proven_for_grant().map(|_| &grant.idp),
            Some(_) | None => request.exchange.dpop.as_ref().map(|_| &request.exchange.server),
        };
        server.is_some_and(|server| self.given_nonces.server_gave(&server.name, answer))
    }

    fn land_exchange(
        &mut self,
        flight: Flight,
        result: Result<(IssuedToken, Option<SpentGrant>), (Hop, Rejection)>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        self.flights.landed(&flight);
        let Stage::Exchanging(exchanging) = &flight.stage else {
            return;
        };
        let (request, now) = (&exchanging.request, ambient.now);
        let outcome = match result {
            Ok((issued, spent)) => {
                let issued = Arc::new(issued);
                let (token, subject_ends) = (Arc::clone(&issued), request.subject_expires_at);
                self.issued.keep((request.key(), &request.agent.id), token, subject_ends, exchanging.reuse_max, now);
                step.events.push(Event::granted(request, &issued, spent.map(|spent| spent.jti)));
                Ok(issued)
            }
            Err((hop, rejection)) => {
                self.refusals.note(request.refusal_key(), rejection, now);
                step.events.push(Event::not_granted(request, hop, rejection));
                Err(rejection)
            }
        };
        self.share_exchanged(&flight, &outcome, ambient);
        step.landings.extend(flight.streams().map(|stream| (stream, Landing::Token(outcome.clone()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_known_by_its_end() {
        let spent = |grant: &str| SpentGrant::of("1".to_owned(), grant);
        let end = "e".repeat(SPENT_GRANT_END_BYTES);
        assert_eq!(spent(&format!("abc{end}")).end.expose(), &end);
        assert!(spent(&format!("abc{end}")).ends(&format!("abc{end}")));
        assert!(!spent(&format!("abc{end}")).ends(&format!("abc{end}f")));
        assert!(!spent(&end).ends(&"e".repeat(SPENT_GRANT_END_BYTES - 1)), "one letter fewer");
        assert!(spent("short").ends("short"));
    }
}
