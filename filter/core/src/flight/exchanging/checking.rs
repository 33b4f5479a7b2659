//! What came back, held against what was asked: a grant before it is spent, a token before it is kept.

use std::sync::{Arc, OnceLock};

use super::asking::{Attempt, ask_for_grant, ask_for_token, grant_of, spend_grant};
use super::{Next, Progress, SpentGrant};
use crate::config::{AuthorizationServer, IssuedTokenFormat, Kind};
use crate::exchange::answer::{self, Hop, Scheme, TokenResponse};
use crate::exchange::cache::{Bound, IssuedToken};
use crate::exchange::lineage::{self, LineageError};
use crate::exchange::request::ExchangeRequest;
use crate::exchange::transaction;
use crate::flight::table::Waiter;
use crate::flight::{CalloutAnswer, RootStep};
use crate::jwt::verify::{AcceptedTyp, TokenRules, verify};
use crate::jwt::{JwtError, UnverifiedJwt, VerifiedJwt};
use crate::limits::{EXCHANGE_ATTEMPTS_MAX, ID_JAG_LIFETIME_SECONDS_MAX};
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::{Seconds, UnixSeconds};

impl Plugin {
    pub(super) fn take_grant(
        &mut self,
        attempt: Attempt<'_>,
        attempts: u32,
        answer: &CalloutAnswer<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Next {
        let exchange = &attempt.request.exchange;
        let hop = Hop::for_grant(&exchange.kind);
        if answer::may_ask_again(hop, answer) && attempts < EXCHANGE_ATTEMPTS_MAX {
            return ask_for_grant(attempt, attempts.saturating_add(1), &self.given_nonces, ambient, step);
        }
        match answer::read(hop, answer, Scheme::of(exchange)) {
            Ok(response) => self.check_grant(attempt, response, true, ambient, step),
            Err(rejection) => Next::Land(Err((hop, rejection))),
        }
    }

    pub(super) fn check_grant(
        &mut self,
        attempt: Attempt<'_>,
        response: TokenResponse,
        may_fetch: bool,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Next {
        let Attempt { id, request, .. } = attempt;
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
        spend_grant(attempt, (response.token, jti), &self.given_nonces, ambient, step)
    }

    pub(super) fn take_token(
        &mut self,
        attempt: Attempt<'_>,
        (attempts, spent): (u32, Option<SpentGrant>),
        answer: &CalloutAnswer<'_>,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) -> Next {
        let exchange = &attempt.request.exchange;
        let hop = Hop::for_token(&exchange.kind);
        if answer::may_ask_again(hop, answer) && attempts < EXCHANGE_ATTEMPTS_MAX {
            return ask_for_token(attempt, attempts.saturating_add(1), &self.given_nonces, ambient, step);
        }
        match answer::read(hop, answer, Scheme::of(exchange)) {
            Ok(response) => self.check_token(attempt, response, spent, true, ambient),
            Err(rejection) => Next::Land(Err((hop, rejection))),
        }
    }

    pub(super) fn check_token(
        &mut self,
        attempt: Attempt<'_>,
        response: TokenResponse,
        spent: Option<SpentGrant>,
        may_fetch: bool,
        ambient: &mut Ambient<'_>,
    ) -> Next {
        let Attempt { id, request, .. } = attempt;
        let hop = Hop::for_token(&request.exchange.kind);
        if is_given_back(request, &response, spent.as_ref()) {
            return refused(hop, LineageError::TokenType);
        }
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
                            Ok(_) => Next::Wait(Progress::TokenAwaitsKeys { response, spent }),
                            Err(_) => refused(hop, LineageError::Unverified),
                        };
                    }
                    Err(error) => Err(Rejection::Lineage(lineage_of(error))),
                }
            }
        };
        match issued {
            Ok(issued) => Next::Land(Ok((issued, spent))),
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

/// Whether the server answers with what it was given: the caller's own token, the one that says who acts, or the grant. None is for the upstream,
/// and where the answer is not read nothing else would tell.
fn is_given_back(request: &ExchangeRequest, response: &TokenResponse, spent: Option<&SpentGrant>) -> bool {
    let token = response.token.expose();
    request.is_own(token) || spent.is_some_and(|spent| spent.ends(token))
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
        expires_at: request.no_longer_than(verified.expires_at()),
        scopes: request.scopes.clone(),
        jti: claims.text(name).ok().flatten().map(str::to_owned),
        bound: bound(request, response)?,
        trace: OnceLock::new(),
    })
}

/// The key that the token was asked for with. What the token itself says of it, its lineage has shown by now, where it can be read.
fn bound(request: &ExchangeRequest, response: &TokenResponse) -> Result<Option<Bound>, Rejection> {
    let tie = |key| Bound::new(key, &response.token).ok_or(Rejection::Internal("an issued token without a digest"));
    request.exchange.bound_to().map(tie).transpose()
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
        expires_at: request.no_longer_than(now.saturating_add(Seconds::new(lifetime))),
        scopes: request.scopes.clone(),
        jti: None,
        bound: bound(request, response)?,
        trace: OnceLock::new(),
    })
}
