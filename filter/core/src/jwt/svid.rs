//! JWT-SVIDs (SPIFFE JWT-SVID): a workload's own identity as a short-lived token, verified by the keys of its trust domain.
//!
//! A token is held against one SPIFFE ID, and the keys are those of its trust domain: nothing in the token chooses either.
//! `iss` is not looked at, which JWT-SVIDs need not have. One that has ended is refused without any skew of clocks, because it is to be sent on.
//! Those that were verified are remembered, and everything but the signature is checked on every request.

use core::fmt;
use std::sync::Arc;

use super::verify::{self, TokenRules};
use super::{Claims, Header, JwtError, UnverifiedJwt};
use crate::config::AuthorizationServer;
use crate::jwks::KeySet;
use crate::limits::{KNOWN_SVIDS_BYTES_MAX, KNOWN_SVIDS_MAX, KNOWN_TOKEN_OVERHEAD_BYTES};
use crate::redacted::Redacted;
use crate::segmented::{Room, Segmented};
use crate::signatures::Signatures;
use crate::signatures::checks::Peer;
use crate::time::{Seconds, UnixSeconds};

/// What a JWT-SVID must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SvidRules<'a> {
    /// Whose it must be.
    pub(crate) spiffe_id: &'a str,
    /// The trust domain of that SPIFFE ID.
    pub(crate) domain: &'a AuthorizationServer,
    /// What `aud` must be, or have among its values.
    pub(crate) audience: &'a str,
    /// The longest it may live.
    pub(crate) lifetime_max: Seconds,
}

/// Why one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SvidError {
    /// It is somebody else's.
    Subject,
    /// As any other token.
    Token(JwtError),
}

impl From<JwtError> for SvidError {
    fn from(error: JwtError) -> Self {
        Self::Token(error)
    }
}

/// A JWT-SVID that was verified.
///
/// Holding one proves that a key of the trust domain signed it for that SPIFFE ID and that audience, and that it had not ended then.
pub(crate) struct VerifiedSvid {
    token: Redacted<String>,
    header: Header,
    claims: Claims,
    spiffe_id: String,
    expires_at: UnixSeconds,
    key_thumbprint: [u8; 32],
}

impl fmt::Debug for VerifiedSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSvid")
            .field("spiffe_id", &self.spiffe_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl VerifiedSvid {
    /// The text, which is a credential.
    pub(crate) const fn token(&self) -> &Redacted<String> {
        &self.token
    }

    /// Whose it is.
    pub(crate) fn spiffe_id(&self) -> &str {
        &self.spiffe_id
    }

    /// When it was issued.
    pub(crate) fn issued_at(&self) -> Option<UnixSeconds> {
        self.claims.issued_at().ok().flatten()
    }

    /// When it ends.
    pub(crate) const fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// Which key signed it.
    pub(crate) const fn key_thumbprint(&self) -> &[u8; 32] {
        &self.key_thumbprint
    }
}

/// Checks a JWT-SVID at the moment `now`, from cheap to dear, the signature last.
///
/// # Errors
///
/// The first check that fails. [`JwtError::UnknownKid`] alone says that newer keys might help.
pub(crate) fn verify(
    jwt: &UnverifiedJwt<'_>,
    keys: &KeySet,
    rules: &SvidRules<'_>,
    now: UnixSeconds,
    crypto: &dyn Signatures,
) -> Result<VerifiedSvid, SvidError> {
    let (header, claims) = (jwt.header(), jwt.claims());
    let expires_at = standing(header, claims, rules, now)?;
    let algorithm = header.algorithm();
    let key = verify::signing_key(jwt, verify::candidates(keys, header.kid(), algorithm)?, algorithm, crypto)?;
    Ok(VerifiedSvid {
        token: Redacted::new(jwt.token().to_owned()),
        header: header.clone(),
        claims: claims.clone(),
        spiffe_id: rules.spiffe_id.to_owned(),
        expires_at,
        key_thumbprint: *key.thumbprint(),
    })
}

/// What it can fail, its signature apart; and when it ends.
fn standing(
    header: &Header,
    claims: &Claims,
    rules: &SvidRules<'_>,
    now: UnixSeconds,
) -> Result<UnixSeconds, SvidError> {
    let SvidRules { spiffe_id, domain, audience, lifetime_max } = *rules;
    verify::check_header(header, &domain.typ, &domain.algorithms)?;
    // JWT-SVID §3.1: "The sub claim MUST be set to the SPIFFE ID of the workload to which it is issued."
    if claims.subject()? != spiffe_id {
        return Err(SvidError::Subject);
    }
    let rules = TokenRules {
        issuer: &domain.issuer,
        audience,
        typ: &domain.typ,
        algorithms: &domain.algorithms,
        clock_skew: domain.clock_skew,
        lifetime_max: Some(lifetime_max),
    };
    let expires_at = verify::audience_and_times(claims, &rules, now)?;
    if now >= expires_at {
        return Err(SvidError::Token(JwtError::Expired));
    }
    Ok(expires_at)
}

/// The last letters of a token, which are of its signature: where to look, and never the answer.
type Place = [u8; 16];

/// The JWT-SVIDs that one worker knows.
pub(crate) struct KnownSvids {
    svids: Segmented<Place, Arc<VerifiedSvid>, Peer>,
    pruned_at: Option<UnixSeconds>,
}

impl fmt::Debug for KnownSvids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownSvids({})", self.svids.len())
    }
}

impl Default for KnownSvids {
    fn default() -> Self {
        let room = Room { entries: KNOWN_SVIDS_MAX, bytes: KNOWN_SVIDS_BYTES_MAX };
        Self { svids: Segmented::new(room), pruned_at: None }
    }
}

impl KnownSvids {
    /// The proof for this very text, where it was made before and holds here and now.
    pub(crate) fn find(
        &mut self,
        token: &str,
        keys: &KeySet,
        rules: &SvidRules<'_>,
        now: UnixSeconds,
    ) -> Option<Arc<VerifiedSvid>> {
        let place = *token.as_bytes().last_chunk()?;
        let known = self.svids.peek(&place)?;
        let VerifiedSvid { header, claims, key_thumbprint, .. } = known.as_ref();
        let holds = *known.token.expose() == *token
            && standing(header, claims, rules, now).is_ok()
            && verify::would_try(keys, header, key_thumbprint);
        if holds { self.svids.touch(place).map(|known| Arc::clone(known)) } else { None }
    }

    /// Remembers one that was verified just now, brought by `peer`.
    pub(crate) fn keep(&mut self, verified: VerifiedSvid, peer: Peer) -> Arc<VerifiedSvid> {
        let verified = Arc::new(verified);
        let token = verified.token.expose();
        if let Some(place) = token.as_bytes().last_chunk().copied() {
            let bytes = token.len().saturating_mul(3).saturating_add(KNOWN_TOKEN_OVERHEAD_BYTES);
            self.svids.insert_of(peer, place, Arc::clone(&verified), bytes);
        }
        verified
    }

    /// Forgets what has ended; once a second at most.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        if self.pruned_at.replace(now) != Some(now) {
            self.svids.retain(|known| now < known.expires_at);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
