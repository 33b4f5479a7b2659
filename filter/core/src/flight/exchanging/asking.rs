//! The calls of a flight, each made once or, for a reason that a server gives, anew.
//!
//! A call is made anew with the agent's other key where the server did not know the first, and with a nonce where it wanted one: each once for each call.
//! A call that was answered so did nothing. A grant that went with it is not sent again, but asked for afresh.

use super::{Next, Progress, SpentGrant};
use crate::config::Grant;
use crate::dpop::GivenNonces;
use crate::exchange::answer::Hop;
use crate::exchange::calls::With;
use crate::exchange::request::ExchangeRequest;
use crate::flight::{Callout, FlightId, RootStep};
use crate::limits::EXCHANGE_ATTEMPTS_MAX;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::UnixSeconds;

/// How the calls of a flight are made. Each part may change once in its life.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    for_grant: OfCall,
    for_token: OfCall,
}

/// How one call is made.
#[derive(Debug, Clone, Copy, Default)]
struct OfCall {
    /// Which of the agent's keys or secrets authenticates it.
    nth: usize,
    /// The server asked for a nonce, and got it.
    has_renewed: bool,
}

impl Manner {
    fn is_first(&self) -> bool {
        [self.for_grant, self.for_token].iter().all(|call| call.nth == 0 && !call.has_renewed)
    }

    fn of(&mut self, hop: Hop, request: &ExchangeRequest) -> &mut OfCall {
        if is_for_grant(hop, request) { &mut self.for_grant } else { &mut self.for_token }
    }

    /// Turns to the agent's other key at the server that refused the first one; false where there is none, or where it was tried.
    pub(super) fn next_key(&mut self, hop: Hop, request: &ExchangeRequest, now: UnixSeconds) -> bool {
        let server = match request.exchange.kind.grant() {
            Some(grant) if is_for_grant(hop, request) => &grant.idp,
            Some(_) | None => &request.exchange.server,
        };
        let call = self.of(hop, request);
        let has_another = call.nth == 0 && request.has_credential(server, 1, now);
        if has_another {
            call.nth = 1;
        }
        has_another
    }

    /// Notes that the server's nonce is known by now; false where that helped nothing before.
    pub(super) fn renew(&mut self, hop: Hop, request: &ExchangeRequest) -> bool {
        !core::mem::replace(&mut self.of(hop, request).has_renewed, true)
    }
}

/// Whether the call of `hop` asks for a grant, which another call spends.
fn is_for_grant(hop: Hop, request: &ExchangeRequest) -> bool {
    hop.number() == 7 && request.exchange.kind.grant().is_some()
}

/// A flight about to make a call.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) id: FlightId,
    pub(super) request: &'a ExchangeRequest,
    pub(super) manner: Manner,
}

/// From the first call on. In any other manner than the first, nothing is asked twice.
pub(super) fn begin(
    attempt: Attempt<'_>,
    nonces: &GivenNonces,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    let attempts = if attempt.manner.is_first() { 1 } else { EXCHANGE_ATTEMPTS_MAX };
    match attempt.request.exchange.kind.grant() {
        Some(_) => ask_for_grant(attempt, attempts, nonces, ambient, step),
        None => ask_for_token(attempt, attempts, nonces, ambient, step),
    }
}

pub(super) fn ask_for_grant(
    attempt: Attempt<'_>,
    attempts: u32,
    nonces: &GivenNonces,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    let Attempt { id, request, manner } = attempt;
    let with = With { nth: manner.for_grant.nth, nonces };
    let call = grant_of(request).and_then(|grant| request.ask_for_grant(grant, with, id, ambient));
    wait_for(call, Progress::AskedForGrant { attempts }, Hop::for_grant(&request.exchange.kind), step)
}

pub(super) fn ask_for_token(
    attempt: Attempt<'_>,
    attempts: u32,
    nonces: &GivenNonces,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    let Attempt { id, request, manner } = attempt;
    let call = request.ask_for_token(With { nth: manner.for_token.nth, nonces }, id, ambient);
    wait_for(call, Progress::AskedForToken { attempts, spent: None }, Hop::for_token(&request.exchange.kind), step)
}

/// Spends a grant, which is gone then.
pub(super) fn spend_grant(
    attempt: Attempt<'_>,
    (grant, jti): (Redacted<String>, String),
    nonces: &GivenNonces,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    let Attempt { id, request, manner } = attempt;
    let spent = SpentGrant::of(jti, grant.expose());
    let call = request.spend_grant(grant, With { nth: manner.for_token.nth, nonces }, id, ambient);
    wait_for(
        call,
        Progress::AskedForToken { attempts: 1, spent: Some(spent) },
        Hop::for_token(&request.exchange.kind),
        step,
    )
}

/// Makes the call, and lands where it cannot be made.
fn wait_for(call: Result<Callout, Rejection>, asked: Progress, hop: Hop, step: &mut RootStep) -> Next {
    match call {
        Ok(call) => {
            step.calls.push(call);
            Next::Wait(asked)
        }
        Err(rejection) => Next::Land(Err((hop, rejection))),
    }
}

pub(super) fn grant_of(request: &ExchangeRequest) -> Result<&Grant, Rejection> {
    request.exchange.kind.grant().ok_or(Rejection::Internal("first of two calls without a grant"))
}
