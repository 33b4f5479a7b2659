//! The checks that turn an unverified token into a verified one.
//!
//! They run from cheap to dear, so that a token that is not meant for this place costs no cryptography:
//! issuer, type, algorithm, audience, times, key, and the signature last.
//! Everything but the key set is stated by [`TokenRules`]; nothing is taken from the token on trust, `kid` and `alg` included:
//! they choose among the keys of the expected issuer, and a key verifies only with the algorithm it is tied to.

use core::fmt;
use std::collections::BTreeSet;

use super::{ClaimFault, Claims, Header, JwtError, UnverifiedJwt};
use crate::algorithm::{Algorithm, Algorithms};
use crate::digest::sha256;
use crate::jwks::{KeySet, PublicKey};
use crate::limits::{KEY_TRIES_MAX, TYP_BYTES_MAX};
use crate::signatures::Signatures;
use crate::time::{Seconds, UnixSeconds};

/// The values of `typ` that a token may have.
///
/// RFC 7515 §4.1.9: a value without `/` stands for itself with `application/` in front; media types are compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTyp {
    types: BTreeSet<String>,
    absent: bool,
}

impl AcceptedTyp {
    /// The word that accepts a token without `typ`; a token whose `typ` is that word is not meant by it.
    pub const ABSENT: &'static str = "absent";

    /// Exactly that type.
    #[must_use]
    pub fn only(typ: &str) -> Self {
        Self { types: BTreeSet::from([media_type(typ)]), absent: false }
    }

    /// Those types, and no `typ` at all where [`Self::ABSENT`] is among them.
    ///
    /// `None` for an empty list, and for a word that no header can have: empty, too long, or with white space or other characters than visible ASCII.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut accepted = Self { types: BTreeSet::new(), absent: false };
        for word in words {
            if word == Self::ABSENT {
                accepted.absent = true;
            } else if (1..=TYP_BYTES_MAX).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic()) {
                accepted.types.insert(media_type(word));
            } else {
                return None;
            }
        }
        (accepted.absent || !accepted.types.is_empty()).then_some(accepted)
    }

    /// Whether a token may have that `typ`.
    #[must_use]
    pub fn accepts(&self, typ: Option<&str>) -> bool {
        typ.map_or(self.absent, |typ| self.types.iter().any(|one| one.eq_ignore_ascii_case(subtype(typ))))
    }
}

/// The one form of a type: lower case, without `application/`.
fn media_type(typ: &str) -> String {
    subtype(typ).to_ascii_lowercase()
}

/// A type without `application/` in front, in whatever case.
fn subtype(typ: &str) -> &str {
    const APPLICATION: &str = "application/";
    match typ.split_at_checked(APPLICATION.len()) {
        Some((first, subtype)) if first.eq_ignore_ascii_case(APPLICATION) && !subtype.contains('/') => subtype,
        Some(_) | None => typ,
    }
}

/// What a token must be, to be a token at this place.
#[derive(Clone, Copy, Debug)]
pub struct TokenRules<'a> {
    /// `iss`, compared as the exact text.
    pub issuer: &'a str,
    /// What `aud` must be, or have among its values.
    pub audience: &'a str,
    /// The kinds of token: an ID token is not an access token, however well it is signed.
    pub typ: &'a AcceptedTyp,
    /// The algorithms the issuer signs with.
    pub algorithms: &'a Algorithms,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: Seconds,
    /// How long the token may live from `iat` to `exp`; when set, `iat` is required.
    pub lifetime_max: Option<Seconds>,
}

/// A token whose signature and standing claims have been checked.
///
/// Holding one proves that a key of the expected issuer signed it with an algorithm allowed there, that `iss`, `typ` and `aud` are the expected ones,
/// and that it was valid at the moment of the check.
/// It says nothing about what the token allows, and nothing about later: see [`Self::expires_at`] and [`Self::key_thumbprint`].
///
/// [`verify`] is the only way to one:
///
/// ```compile_fail,E0451
/// fn forge(genuine: actgate_core::jwt::VerifiedJwt, claims: actgate_core::jwt::Claims) -> actgate_core::jwt::VerifiedJwt {
///     actgate_core::jwt::VerifiedJwt { claims, ..genuine }
/// }
/// ```
#[derive(Clone)]
pub struct VerifiedJwt {
    claims: Claims,
    issuer: String,
    header: Header,
    expires_at: UnixSeconds,
    key_thumbprint: [u8; 32],
    digest: [u8; 32],
}

impl fmt::Debug for VerifiedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJwt")
            .field("issuer", &self.issuer)
            .field("header", &self.header)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl VerifiedJwt {
    /// The claims, which the issuer stands for.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The header, under the same signature as the claims.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// When the token ends, clock skew not counted; whatever is derived from it must end no later.
    #[must_use]
    pub const fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// Which key signed it; see [`KeySet::contains_thumbprint`].
    #[must_use]
    pub const fn key_thumbprint(&self) -> [u8; 32] {
        self.key_thumbprint
    }

    /// SHA-256 of the token's text, which stands in for it where tokens are told apart.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Checks a token at the moment `now`, and spends at most [`KEY_TRIES_MAX`] signature checks on it.
///
/// # Errors
///
/// The first check that fails, in the order of the module's description.
/// [`JwtError::UnknownKid`] alone says that newer keys might help.
pub fn verify(
    jwt: &UnverifiedJwt<'_>,
    keys: &KeySet,
    rules: &TokenRules<'_>,
    now: UnixSeconds,
    crypto: &dyn Signatures,
) -> Result<VerifiedJwt, JwtError> {
    let (header, claims) = (jwt.header(), jwt.claims());
    let expires_at = standing(header, claims, rules, now)?;
    let algorithm = header.algorithm();
    let key = signing_key(jwt, candidates(keys, header.kid(), algorithm)?, algorithm, crypto)?;
    Ok(VerifiedJwt {
        claims: claims.clone(),
        issuer: rules.issuer.to_owned(),
        header: header.clone(),
        expires_at,
        key_thumbprint: *key.thumbprint(),
        digest: sha256(jwt.token().as_bytes()),
    })
}

/// Whether a token that was verified before would be now and by those rules: everything but the signature, which cannot change,
/// is checked again, and the key that made it must still be one that would be tried.
pub(super) fn still_verified(token: &VerifiedJwt, keys: &KeySet, rules: &TokenRules<'_>, now: UnixSeconds) -> bool {
    let header = &token.header;
    standing(header, &token.claims, rules, now).is_ok() && would_try(keys, header, &token.key_thumbprint)
}

/// Whether the key of that thumbprint is one that would be tried for a token with that header.
pub(super) fn would_try(keys: &KeySet, header: &Header, thumbprint: &[u8; 32]) -> bool {
    candidates(keys, header.kid(), header.algorithm())
        .is_ok_and(|candidates| candidates.iter().take(KEY_TRIES_MAX).any(|key| key.thumbprint() == thumbprint))
}

/// What the token itself can fail, its signature apart; and when it ends.
fn standing(
    header: &Header,
    claims: &Claims,
    rules: &TokenRules<'_>,
    now: UnixSeconds,
) -> Result<UnixSeconds, JwtError> {
    check_issuer(claims, rules)?;
    check_header(header, rules.typ, rules.algorithms)?;
    audience_and_times(claims, rules, now)
}

/// What the header of a token can fail.
pub(super) fn check_header(header: &Header, typ: &AcceptedTyp, algorithms: &Algorithms) -> Result<(), JwtError> {
    if !typ.accepts(header.typ()) {
        return Err(JwtError::TypNotAccepted);
    }
    if !algorithms.contains(header.algorithm()) {
        return Err(JwtError::AlgNotAllowed);
    }
    Ok(())
}

/// What `aud` and the times of a token can fail, whoever issued it; and when it ends.
pub(super) fn audience_and_times(
    claims: &Claims,
    rules: &TokenRules<'_>,
    now: UnixSeconds,
) -> Result<UnixSeconds, JwtError> {
    // RFC 7519 §4.1.3: a principal that does not find itself in `aud` MUST reject the token.
    if !claims.is_for(rules.audience)? {
        return Err(JwtError::AudienceMismatch);
    }
    check_times(claims, rules, now)
}

/// What claims can fail that no signature came with, because their issuer was asked for them; and when the token ends.
pub(crate) fn claims_stand(claims: &Claims, rules: &TokenRules<'_>, now: UnixSeconds) -> Result<UnixSeconds, JwtError> {
    check_issuer(claims, rules)?;
    audience_and_times(claims, rules, now)
}

fn check_issuer(claims: &Claims, rules: &TokenRules<'_>) -> Result<(), JwtError> {
    let issuer = claims.issuer()?;
    if issuer != rules.issuer {
        return Err(JwtError::IssuerMismatch);
    }
    Ok(())
}

/// RFC 7519 §4.1.4 to §4.1.6, each with the clock skew in the token's favour; the lifetime is the issuer's own arithmetic and gets none.
fn check_times(claims: &Claims, rules: &TokenRules<'_>, now: UnixSeconds) -> Result<UnixSeconds, JwtError> {
    let missing = |claim| JwtError::Claim { claim, fault: ClaimFault::Missing };
    let expires_at = claims.expires_at()?.ok_or_else(|| missing("exp"))?;
    // "The current date/time MUST be before the expiration date/time."
    if now >= expires_at.saturating_add(rules.clock_skew) {
        return Err(JwtError::Expired);
    }
    let latest = now.saturating_add(rules.clock_skew);
    // "The current date/time MUST be after or equal to the not-before date/time."
    if claims.not_before()?.is_some_and(|not_before| latest < not_before) {
        return Err(JwtError::NotYetValid);
    }
    let issued_at = claims.issued_at()?;
    if issued_at.is_some_and(|issued_at| latest < issued_at) {
        return Err(JwtError::IssuedInFuture);
    }
    if issued_at.is_some_and(|issued_at| expires_at < issued_at) {
        return Err(JwtError::ExpiresBeforeIssued);
    }
    if let Some(lifetime_max) = rules.lifetime_max {
        let lifetime = expires_at.since(issued_at.ok_or_else(|| missing("iat"))?);
        if lifetime.is_none_or(|lifetime| lifetime > lifetime_max) {
            return Err(JwtError::LifetimeTooLong);
        }
    }
    Ok(expires_at)
}

/// The keys worth trying: those of the token's `kid`, or the only one that fits a token without.
pub(super) fn candidates<'k>(
    keys: &'k KeySet,
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Result<Vec<&'k PublicKey>, JwtError> {
    let Some(kid) = kid else {
        let fitting = keys.fitting(algorithm);
        return match fitting.len() {
            0 => Err(JwtError::UnknownKid),
            1 => Ok(fitting),
            _ => Err(JwtError::KeyAmbiguous),
        };
    };
    match keys.named(kid, algorithm) {
        (false, _) => Err(JwtError::UnknownKid),
        (true, fitting) if fitting.is_empty() => Err(JwtError::KeyMismatch),
        (true, fitting) => Ok(fitting),
    }
}

/// The candidate that made the signature, paid from the budget of checks.
pub(super) fn signing_key<'k>(
    jwt: &UnverifiedJwt<'_>,
    candidates: Vec<&'k PublicKey>,
    algorithm: Algorithm,
    crypto: &dyn Signatures,
) -> Result<&'k PublicKey, JwtError> {
    let mut tries_left = KEY_TRIES_MAX;
    for key in candidates {
        tries_left = tries_left.checked_sub(1).ok_or(JwtError::KeyTries)?;
        if crypto.verify(key, algorithm, jwt) {
            return Ok(key);
        }
    }
    Err(JwtError::Signature)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
