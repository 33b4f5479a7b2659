//! The actor token that comes with a request: a JWT-SVID, and what it proves.
//!
//! `ProvenActor` says that the trust domain of the acting agent issued a token to this very agent, for the audience that the resource names,
//! and that it had not ended when that was checked. It says nothing about who sends the request: whoever holds such a token may send it along,
//! so it never counts as the caller's proof.

use std::sync::Arc;

use crate::config::{Agent, AuthorizationServer, Config, PresentedActorToken};
use crate::jwks::KeySet;
use crate::jwt::svid::{self, KnownSvids, SvidError, SvidRules, VerifiedSvid};
use crate::jwt::{JwtError, UnverifiedJwt};
use crate::keys::KeyStore;
use crate::limits::TOKEN_BYTES_MAX;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead};
use crate::revocation::Revocations;
use crate::signatures::checks::{Peer, Rationed, SignatureChecks};
use crate::time::UnixSeconds;
use crate::words;

/// Why an actor token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorTokenError {
    /// It is not for the audience that the resource names.
    Audience,
    /// It has ended.
    Expired,
    /// Its type or its algorithm is none that a JWT-SVID of that trust domain has.
    Kind,
    /// It lives too long, does not say how long, or is not valid yet.
    Lifetime,
    /// The header does not hold one JWT.
    Malformed,
    /// It is another workload's than the acting agent.
    Mismatch,
    /// The header is not there.
    Missing,
    /// The header came twice.
    Repeated,
    /// No key of the trust domain made the signature.
    Signature,
    /// The acting agent is registered with no SPIFFE ID of a configured trust domain.
    Unregistered,
}

impl ActorTokenError {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Audience => "actor_token_audience_mismatch",
            Self::Expired => "actor_token_expired",
            Self::Kind => "actor_token_kind",
            Self::Lifetime => "actor_token_lifetime",
            Self::Malformed => "actor_token_malformed",
            Self::Mismatch => "actor_token_mismatch",
            Self::Missing => "actor_token_missing",
            Self::Repeated => "actor_token_repeated",
            Self::Signature => "actor_token_signature",
            Self::Unregistered => "actor_token_unregistered",
        }
    }

    /// Whether the request itself is at fault (RFC 6750 §3.1, "invalid_request"), rather than what was sent along.
    pub(crate) const fn is_of_form(self) -> bool {
        matches!(self, Self::Malformed | Self::Missing | Self::Repeated)
    }
}

/// Reads the actor token that `wanted` asks for; none where it may do without.
///
/// # Errors
///
/// [`ActorTokenError::Missing`], [`ActorTokenError::Repeated`] and, for anything but visible ASCII, [`ActorTokenError::Malformed`].
pub(crate) fn read(
    wanted: &PresentedActorToken,
    head: &RequestHead<'_>,
) -> Result<Option<Redacted<String>>, ActorTokenError> {
    let mut values = head.all(&wanted.header);
    let Some(value) = values.next() else {
        return if wanted.required { Err(ActorTokenError::Missing) } else { Ok(None) };
    };
    // A host may join what was sent twice.
    if values.next().is_some() || words::holds(value, b',') {
        return Err(ActorTokenError::Repeated);
    }
    if value.is_empty() || value.len() > TOKEN_BYTES_MAX || words::holds(value, b' ') || !words::visible(value) {
        return Err(ActorTokenError::Malformed);
    }
    let text = core::str::from_utf8(value).map_err(|_| ActorTokenError::Malformed)?;
    Ok(Some(Redacted::new(text.to_owned())))
}

/// Says: this agent's own trust domain says that it acts. See the module.
#[derive(Debug, Clone)]
pub(crate) struct ProvenActor {
    svid: Arc<VerifiedSvid>,
    domain: Arc<AuthorizationServer>,
}

/// Why nothing is proven.
#[derive(Debug)]
pub(crate) enum Unproven {
    /// Newer keys of that trust domain might help; if they do not come, this is why.
    ForNow(Rejection, Arc<AuthorizationServer>),
    /// No key could help.
    Refused(Rejection),
}

impl From<ActorTokenError> for Unproven {
    fn from(error: ActorTokenError) -> Self {
        Self::Refused(Rejection::ActorToken(error))
    }
}

/// By what an actor token is verified.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    pub(crate) config: &'a Config,
    pub(crate) keys: &'a KeyStore,
    pub(crate) known: &'a mut KnownSvids,
    pub(crate) checks: &'a mut SignatureChecks,
}

impl ProvenActor {
    /// Holds `token` against the SPIFFE ID that the acting agent is registered with.
    ///
    /// `peer` brought it, and is asked for only where a signature is to be checked.
    pub(crate) fn of(
        token: &Redacted<String>,
        (agent, wanted): (&Agent, &PresentedActorToken),
        verifier: Verifier<'_>,
        peer: impl FnOnce() -> Option<Peer>,
        ambient: &Ambient<'_>,
    ) -> Result<Self, Unproven> {
        let (Verifier { config, keys, known, checks }, now) = (verifier, ambient.now);
        let spiffe_id = agent.spiffe_id.as_deref().ok_or(ActorTokenError::Unregistered)?;
        // The registered SPIFFE ID says whose keys count, whatever the token says of itself.
        let domain = config.trust_domain_of(spiffe_id).ok_or(ActorTokenError::Unregistered)?;
        let rules = SvidRules { spiffe_id, domain, audience: &wanted.audience, lifetime_max: wanted.lifetime_max };
        let proven = |svid| Self { svid, domain: Arc::clone(domain) };
        let set = keys.usable(domain, now);
        let text = token.expose();
        if let Some(svid) = set.as_ref().and_then(|set| known.find(text, set, &rules, now)) {
            return Ok(proven(svid));
        }
        let jwt = UnverifiedJwt::parse(text).map_err(reason)?;
        // Without keys it is checked against none: one that could not pass with any key causes no fetch.
        let empty = KeySet::default();
        let peer = peer().ok_or(Unproven::Refused(Rejection::Internal("an actor token beside no token")))?;
        let rationed = Rationed::new(checks, peer, now, ambient.signatures);
        let verdict = svid::verify(&jwt, set.as_deref().unwrap_or(&empty), &rules, now, &rationed);
        if rationed.settle() {
            return Err(Unproven::Refused(Rejection::TooManyBadSignatures));
        }
        match verdict {
            Ok(svid) => Ok(proven(known.keep(svid, peer))),
            Err(SvidError::Subject) => Err(ActorTokenError::Mismatch.into()),
            Err(SvidError::Token(JwtError::UnknownKid)) => {
                let unknown = Rejection::ActorToken(ActorTokenError::Signature);
                let otherwise = if set.is_some() { unknown } else { Rejection::KeysUnavailable };
                Err(Unproven::ForNow(otherwise, Arc::clone(domain)))
            }
            Err(SvidError::Token(error)) => Err(reason(error).into()),
        }
    }

    /// What was proven before a wait must hold after it.
    ///
    /// # Errors
    ///
    /// [`ActorTokenError::Expired`], [`ActorTokenError::Signature`] where the key that made it is none of the trust domain's any more,
    /// or [`Rejection::ActorRevoked`].
    pub(crate) fn still_stands(
        &self,
        agent: &Agent,
        (keys, revocations): (&KeyStore, &Revocations),
        now: UnixSeconds,
    ) -> Result<(), Rejection> {
        if now >= self.svid.expires_at() {
            return Err(Rejection::ActorToken(ActorTokenError::Expired));
        }
        if !keys.still_trusts(&self.domain, self.svid.key_thumbprint(), now) {
            return Err(Rejection::ActorToken(ActorTokenError::Signature));
        }
        self.refuse_withdrawn(agent, revocations, now)
    }

    /// A token of the agent's from before it was withdrawn says nothing more, however new the token is that it comes beside.
    ///
    /// # Errors
    ///
    /// [`Rejection::ActorRevoked`]
    pub(crate) fn refuse_withdrawn(
        &self,
        agent: &Agent,
        revocations: &Revocations,
        now: UnixSeconds,
    ) -> Result<(), Rejection> {
        // The trust domain's clock may be as much ahead as is allowed for.
        let issued_at = self.svid.issued_at().map(|at| at.saturating_sub(self.domain.clock_skew));
        revocations.refuse_actor_token(agent, issued_at, now)
    }

    /// Who acts.
    pub(crate) fn spiffe_id(&self) -> &str {
        self.svid.spiffe_id()
    }

    /// The token, for the token endpoint and for nobody else.
    pub(crate) fn token(&self) -> &Redacted<String> {
        self.svid.token()
    }

    /// When it ends, and with it what was exchanged for it.
    pub(crate) fn expires_at(&self) -> UnixSeconds {
        self.svid.expires_at()
    }
}

/// What the failed check of an actor token means.
fn reason(error: JwtError) -> ActorTokenError {
    match error {
        JwtError::AudienceMismatch | JwtError::Claim { claim: "aud", .. } => ActorTokenError::Audience,
        JwtError::Expired => ActorTokenError::Expired,
        JwtError::ExpiresBeforeIssued
        | JwtError::IssuedInFuture
        | JwtError::LifetimeTooLong
        | JwtError::NotYetValid
        | JwtError::Claim { claim: "exp" | "iat" | "nbf", .. } => ActorTokenError::Lifetime,
        JwtError::TypNotAccepted
        | JwtError::AlgMissing
        | JwtError::AlgNone
        | JwtError::AlgNotAllowed
        | JwtError::AlgSymmetric
        | JwtError::AlgUnknown => ActorTokenError::Kind,
        JwtError::KeyAmbiguous
        | JwtError::KeyMismatch
        | JwtError::KeyTries
        | JwtError::Signature
        | JwtError::UnknownKid => ActorTokenError::Signature,
        JwtError::Base64
        | JwtError::Claim { .. }
        | JwtError::ClaimsJson(_)
        | JwtError::ClaimsNotObject
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
        | JwtError::SignatureLength
        | JwtError::SignatureMissing
        | JwtError::TokenAlphabet
        | JwtError::TokenEncrypted
        | JwtError::TokenParts
        | JwtError::TokenTooLong => ActorTokenError::Malformed,
    }
}
