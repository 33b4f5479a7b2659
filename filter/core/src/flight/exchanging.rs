//! One exchange in the air: ask for the token, by way of a grant where there are two calls, and check what comes back.
//!
//! ```text
//! two calls   Queued ──call 7──► AskedForGrant ──(keys)──► spent ──call 8──► AskedForToken ──(keys)──► landed
//! one call    Queued ───────────────────────────call────────────────────────► AskedForToken ──(keys)──► landed
//! ```
//!
//! A call is made once more on a transient failure, but never the one that spends a grant.
//! Each stage is consumed by what it waited for. A grant leaves [`Flight`] by value and is spent by the call that carries it.

use std::sync::Arc;

use super::table::{Flight, Stage, Waiter};
use super::{CalloutAnswer, FlightId, Landing, RootStep};
use crate::config::{AuthorizationServer, Grant, IssuedTokenFormat, Kind};
use crate::exchange::answer::{self, Hop, TokenResponse};
use crate::exchange::cache::IssuedToken;
use crate::exchange::lineage::{self, LineageError};
use crate::exchange::request::ExchangeRequest;
use crate::exchange::transaction;
use crate::jwt::verify::{AcceptedTyp, TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::limits::{EXCHANGE_ATTEMPTS_MAX, ID_JAG_LIFETIME_SECONDS_MAX};
use crate::plugin::Plugin;
use crate::record::Event;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::{Seconds, UnixSeconds};

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
    AskedForToken { attempts: u32, grant_jti: Option<String> },
    /// The token is here, its issuer's keys are being fetched.
    TokenAwaitsKeys { response: TokenResponse, grant_jti: Option<String> },
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
    credentials: Credentials,
    reuse_max: Option<u32>,
}

/// Which of the agent's keys each call is made with. Each may change once in the life of a flight.
#[derive(Debug, Clone, Copy, Default)]
struct Credentials {
    for_grant: usize,
    for_token: usize,
}

impl Credentials {
    fn is_first(self) -> bool {
        self.for_grant == 0 && self.for_token == 0
    }
}

impl Exchanging {
    /// An exchange not yet begun. `reuse_max` is how often its token may serve beyond the request it is for.
    pub(crate) fn new(request: ExchangeRequest, reuse_max: Option<u32>) -> Self {
        Self { request, progress: Progress::Queued, credentials: Credentials::default(), reuse_max }
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
    Land(Result<(IssuedToken, Option<String>), (Hop, Rejection)>),
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
        let Exchanging { mut request, progress, mut credentials, reuse_max } = *exchanging;
        let hop = progress.hop(&request.exchange.kind);
        let next = match (progress, arrival) {
            (Progress::Queued, Arrival::Start | Arrival::Fetched) => match self.locate(id, &mut request, ambient.now) {
                Ok(true) => begin(id, &request, credentials, ambient, step),
                Ok(false) => Next::Wait(Progress::Queued),
                Err(rejection) => Next::Land(Err((hop, rejection))),
            },
            (Progress::AskedForGrant { .. } | Progress::AskedForToken { .. }, Arrival::Answer(answer))
                if answer::is_unknown_client(&answer) && next_key(hop, &request, &mut credentials, ambient.now) =>
            {
                begin(id, &request, credentials, ambient, step)
            }
            (Progress::AskedForGrant { attempts }, Arrival::Answer(answer)) => {
                self.take_grant(id, &request, credentials, attempts, &answer, ambient, step)
            }
            (Progress::GrantAwaitsKeys(response), Arrival::Fetched) => {
                self.check_grant(id, &request, credentials, response, false, ambient, step)
            }
            (Progress::AskedForToken { attempts, grant_jti }, Arrival::Answer(answer)) => {
                if answer::may_ask_again(hop, &answer) && attempts < EXCHANGE_ATTEMPTS_MAX {
                    ask_for_token(id, &request, credentials, attempts.saturating_add(1), ambient, step)
                } else {
                    match answer::read(hop, &answer) {
                        Ok(response) => self.check_token(id, &request, response, grant_jti, true, ambient),
                        Err(rejection) => Next::Land(Err((hop, rejection))),
                    }
                }
            }
            (Progress::TokenAwaitsKeys { response, grant_jti }, Arrival::Fetched) => {
                self.check_token(id, &request, response, grant_jti, false, ambient)
            }
            (_, Arrival::Overdue) => Next::Land(Err((hop, Rejection::AuthorizationServerUnavailable))),
            (_, Arrival::Start | Arrival::Answer(_) | Arrival::Fetched) => {
                Next::Land(Err((hop, Rejection::Internal("arrival out of turn"))))
            }
        };
        let shared = flight.shared;
        match next {
            Next::Wait(progress) => {
                let stage = Stage::Exchanging(Box::new(Exchanging { request, progress, credentials, reuse_max }));
                self.flights.put_back(id, Flight { stage, ..flight });
            }
            Next::Land(result) => {
                let stage = Stage::Exchanging(Box::new(Exchanging {
                    request,
                    progress: Progress::Queued,
                    credentials,
                    reuse_max,
                }));
                self.land_exchange(Flight { stage, shared, ..flight }, result, ambient, step);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a callback of the root brings")]
    fn take_grant(
        &mut self,
        id: FlightId,
        request: &ExchangeRequest,
        credentials: Credentials,
        attempts: u32,
        answer: &CalloutAnswer<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Next {
        let hop = Hop::for_grant(&request.exchange.kind);
        if answer::may_ask_again(hop, answer) && attempts < EXCHANGE_ATTEMPTS_MAX {
            return ask_for_grant(id, request, credentials, attempts.saturating_add(1), ambient, step);
        }
        match answer::read(hop, answer) {
            Ok(response) => self.check_grant(id, request, credentials, response, true, ambient, step),
            Err(rejection) => Next::Land(Err((hop, rejection))),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a callback of the root brings")]
    fn check_grant(
        &mut self,
        id: FlightId,
        request: &ExchangeRequest,
        credentials: Credentials,
        response: TokenResponse,
        may_fetch: bool,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Next {
        let hop = Hop::for_grant(&request.exchange.kind);
        let grant = match grant_of(request) {
            Ok(grant) => grant,
            Err(rejection) => return Next::Land(Err((hop, rejection))),
        };
        let idp = Arc::clone(&grant.idp);
        let audience = request.exchange.server.issuer.as_str();
        let lifetime = Seconds::new(ID_JAG_LIFETIME_SECONDS_MAX);
        let checked = self.verify_returned(&response, &idp, audience, &grant.typ, lifetime, ambient);
        let verified = match checked {
            Ok(verified) => verified,
            Err(JwtError::UnknownKid) if may_fetch => {
                return match self.fetch_for(&idp, Waiter::Flight(id), ambient.now) {
                    Ok(_) => Next::Wait(Progress::GrantAwaitsKeys(response)),
                    Err(_) => refused(hop, LineageError::Unverified),
                };
            }
            Err(error) => return refused(hop, lineage_of(error)),
        };
        if response.scopes.as_ref().is_some_and(|said| !said.is_subset(&request.scopes)) {
            return refused(hop, LineageError::Scope);
        }
        if let Err(error) = lineage::of_grant(&verified, request, grant) {
            return refused(hop, error);
        }
        let Ok(Some(jti)) = verified.claims().text("jti").map(|jti| jti.map(str::to_owned)) else {
            return refused(hop, LineageError::Malformed);
        };
        if !self.spent.spend(&idp.issuer, &jti) {
            return Next::Land(Err((hop, Rejection::GrantReplayed)));
        }
        match request.spend_grant(response.token, credentials.for_token, id, ambient) {
            Ok(call) => {
                step.calls.push(call);
                Next::Wait(Progress::AskedForToken { attempts: 1, grant_jti: Some(jti) })
            }
            Err(rejection) => Next::Land(Err((Hop::for_token(&request.exchange.kind), rejection))),
        }
    }

    fn check_token(
        &mut self,
        id: FlightId,
        request: &ExchangeRequest,
        response: TokenResponse,
        grant_jti: Option<String>,
        may_fetch: bool,
        ambient: &mut Ambient<'_>,
    ) -> Next {
        let hop = Hop::for_token(&request.exchange.kind);
        let issued = match request.exchange.issued_token {
            IssuedTokenFormat::Opaque => opaque(request, &response, ambient.now),
            IssuedTokenFormat::Jwt => {
                let server = Arc::clone(&request.exchange.server);
                let audience = request.exchange.resource.as_str();
                let lifetime = request.exchange.lifetime_max;
                match self.verify_returned(&response, &server, audience, request.exchange.typ(), lifetime, ambient) {
                    // The skew of clocks that verification allows is no life for the upstream.
                    Ok(verified) if ambient.now >= verified.expires_at() => {
                        Err(Rejection::Lineage(LineageError::Lifetime))
                    }
                    Ok(verified) => structured(request, &response, &verified)
                        .and_then(|issued| self.only_once(request, &response).map(|()| issued)),
                    Err(JwtError::UnknownKid) if may_fetch => {
                        return match self.fetch_for(&server, Waiter::Flight(id), ambient.now) {
                            Ok(_) => Next::Wait(Progress::TokenAwaitsKeys { response, grant_jti }),
                            Err(_) => refused(hop, LineageError::Unverified),
                        };
                    }
                    Err(error) => Err(Rejection::Lineage(lineage_of(error))),
                }
            }
        };
        match issued {
            Ok(issued) => Next::Land(Ok((issued, grant_jti))),
            Err(rejection) => Next::Land(Err((hop, rejection))),
        }
    }

    /// A transaction token that was returned before is another transaction's.
    fn only_once(&mut self, request: &ExchangeRequest, response: &TokenResponse) -> Result<(), Rejection> {
        let Kind::TransactionToken(_) = &request.exchange.kind else {
            return Ok(());
        };
        let name = transaction::name_of(response.token.expose());
        let issuer = &request.exchange.server.issuer;
        if self.transactions.spend(issuer, &name) { Ok(()) } else { Err(Rejection::GrantReplayed) }
    }

    fn verify_returned(
        &self,
        response: &TokenResponse,
        server: &AuthorizationServer,
        audience: &str,
        typ: &AcceptedTyp,
        lifetime_max: Seconds,
        ambient: &Ambient<'_>,
    ) -> Result<VerifiedJwt, JwtError> {
        let jwt = UnverifiedJwt::parse(response.token.expose())?;
        let keys = self.keys.usable(server, ambient.now).ok_or(JwtError::UnknownKid)?;
        let rules = TokenRules {
            issuer: &server.issuer,
            audience,
            typ,
            algorithms: &server.algorithms,
            clock_skew: server.clock_skew,
            lifetime_max: Some(lifetime_max),
        };
        verify(&jwt, &keys, &rules, ambient.now, ambient.signatures)
    }

    fn land_exchange(
        &mut self,
        flight: Flight,
        result: Result<(IssuedToken, Option<String>), (Hop, Rejection)>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        self.flights.landed(&flight);
        let Stage::Exchanging(exchanging) = &flight.stage else {
            return;
        };
        let (request, now) = (&exchanging.request, ambient.now);
        let outcome = match result {
            Ok((issued, grant_jti)) => {
                let issued = Arc::new(issued);
                let (token, subject_ends) = (Arc::clone(&issued), request.subject_expires_at);
                self.issued.keep(request.key(), token, subject_ends, exchanging.reuse_max, now);
                step.events.push(Event::granted(request, &issued, grant_jti));
                Ok(issued)
            }
            Err((hop, rejection)) => {
                self.refusals.note(request.key(), rejection, now);
                step.events.push(Event::not_granted(request, hop, rejection));
                Err(rejection)
            }
        };
        self.share_exchanged(&flight, &outcome, ambient);
        step.landings.extend(flight.streams().map(|stream| (stream, Landing::Token(outcome.clone()))));
    }
}

/// Turns to the agent's other key at the server that refused the first one; false where there is none, or where it was tried.
///
/// A call whose client was not known did nothing, so it may be made anew; a grant that went with it is not sent again, but asked for afresh.
fn next_key(hop: Hop, request: &ExchangeRequest, credentials: &mut Credentials, now: UnixSeconds) -> bool {
    let (server, nth) = match request.exchange.kind.grant() {
        Some(grant) if hop.number() == 7 => (&grant.idp, &mut credentials.for_grant),
        Some(_) | None => (&request.exchange.server, &mut credentials.for_token),
    };
    let has_another = *nth == 0 && request.has_credential(server, 1, now);
    if has_another {
        *nth = 1;
    }
    has_another
}

/// With the other key nothing is asked twice.
fn begin(
    id: FlightId,
    request: &ExchangeRequest,
    credentials: Credentials,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    let attempts = if credentials.is_first() { 1 } else { EXCHANGE_ATTEMPTS_MAX };
    match request.exchange.kind.grant() {
        Some(_) => ask_for_grant(id, request, credentials, attempts, ambient, step),
        None => ask_for_token(id, request, credentials, attempts, ambient, step),
    }
}

fn ask_for_grant(
    id: FlightId,
    request: &ExchangeRequest,
    credentials: Credentials,
    attempts: u32,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    match grant_of(request).and_then(|grant| request.ask_for_grant(grant, credentials.for_grant, id, ambient)) {
        Ok(call) => {
            step.calls.push(call);
            Next::Wait(Progress::AskedForGrant { attempts })
        }
        Err(rejection) => Next::Land(Err((Hop::for_grant(&request.exchange.kind), rejection))),
    }
}

fn ask_for_token(
    id: FlightId,
    request: &ExchangeRequest,
    credentials: Credentials,
    attempts: u32,
    ambient: &mut Ambient<'_>,
    step: &mut RootStep,
) -> Next {
    match request.ask_for_token(credentials.for_token, id, ambient) {
        Ok(call) => {
            step.calls.push(call);
            Next::Wait(Progress::AskedForToken { attempts, grant_jti: None })
        }
        Err(rejection) => Next::Land(Err((Hop::for_token(&request.exchange.kind), rejection))),
    }
}

fn grant_of(request: &ExchangeRequest) -> Result<&Grant, Rejection> {
    request.exchange.kind.grant().ok_or(Rejection::Internal("first of two calls without a grant"))
}

/// What the failed check of a returned token means for its lineage.
fn lineage_of(error: JwtError) -> LineageError {
    match error {
        JwtError::AudienceMismatch => LineageError::Audience,
        JwtError::Expired
        | JwtError::ExpiresBeforeIssued
        | JwtError::IssuedInFuture
        | JwtError::LifetimeTooLong
        | JwtError::NotYetValid => LineageError::Lifetime,
        JwtError::TypNotAccepted => LineageError::TokenType,
        JwtError::Claim { .. } | JwtError::ClaimsJson(_) | JwtError::ClaimsNotObject => LineageError::Malformed,
        JwtError::AlgMissing
        | JwtError::AlgNone
        | JwtError::AlgNotAllowed
        | JwtError::AlgSymmetric
        | JwtError::AlgUnknown
        | JwtError::Base64
        | JwtError::HeaderB64
        | JwtError::HeaderCrit
        | JwtError::HeaderCty
        | JwtError::HeaderEncrypted
        | JwtError::HeaderJson(_)
        | JwtError::HeaderKey
        | JwtError::HeaderKid
        | JwtError::HeaderNotObject
        | JwtError::HeaderTyp
        | JwtError::IssuerMismatch
        | JwtError::KeyAmbiguous
        | JwtError::KeyMismatch
        | JwtError::KeyTries
        | JwtError::Signature
        | JwtError::SignatureLength
        | JwtError::SignatureMissing
        | JwtError::TokenAlphabet
        | JwtError::TokenEncrypted
        | JwtError::TokenParts
        | JwtError::TokenTooLong
        | JwtError::UnknownKid => LineageError::Unverified,
    }
}

fn refused(hop: Hop, error: LineageError) -> Next {
    Next::Land(Err((hop, Rejection::Lineage(error))))
}

fn structured(
    request: &ExchangeRequest,
    response: &TokenResponse,
    verified: &VerifiedJwt,
) -> Result<IssuedToken, Rejection> {
    lineage::of_access_token(verified, request).map_err(Rejection::Lineage)?;
    let claims = verified.claims();
    let granted = claims.scopes().map_err(|_| Rejection::Lineage(LineageError::Malformed))?;
    let said = response.scopes.as_ref();
    if said.is_some_and(|said| !said.iter().all(|scope| request.scopes.contains(scope))) {
        return Err(Rejection::Lineage(LineageError::Scope));
    }
    if !request.scopes.iter().all(|scope| granted.contains(scope)) {
        return Err(Rejection::ScopeNotGranted);
    }
    let name = if matches!(request.exchange.kind, Kind::TransactionToken(_)) { "txn" } else { "jti" };
    Ok(IssuedToken {
        token: response.token.clone(),
        expires_at: verified.expires_at(),
        scopes: request.scopes.clone(),
        jti: claims.text(name).ok().flatten().map(str::to_owned),
    })
}

/// An opaque token shows nothing: only the response speaks for it, and the assertion it was bought with was checked in full.
fn opaque(request: &ExchangeRequest, response: &TokenResponse, now: UnixSeconds) -> Result<IssuedToken, Rejection> {
    let lifetime = response
        .expires_in
        .filter(|seconds| *seconds > 0 && *seconds <= request.exchange.lifetime_max.get())
        .ok_or(Rejection::Lineage(LineageError::Lifetime))?;
    if let Some(said) = &response.scopes {
        if !said.iter().all(|scope| request.scopes.contains(scope)) {
            return Err(Rejection::Lineage(LineageError::Scope));
        }
        if !request.scopes.iter().all(|scope| said.contains(scope)) {
            return Err(Rejection::ScopeNotGranted);
        }
    }
    Ok(IssuedToken {
        token: response.token.clone(),
        expires_at: now.saturating_add(Seconds::new(lifetime)),
        scopes: request.scopes.clone(),
        jti: None,
    })
}
