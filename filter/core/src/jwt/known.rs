//! Tokens whose signature was checked before, so that the same text need not be checked again.
//!
//! What is remembered is one fact: a key of that thumbprint signed exactly this text.
//! A hit compares the whole text, and then checks again whatever can change or differ from place to place:
//! issuer, type, algorithm, audience, times, and that the key is still among the issuer's for that `kid` and algorithm.
//! Where anything of it fails, the token goes the long way and is refused there.
//! Refused tokens are not remembered: each would take room that a good one needs.
//! Where room is short, the peer that brought most gives way first.
//!
//! Beside a token stands what it led to ([`Admissions`]), as far as there is room for that: the oldest gives way first.

use core::fmt;
use std::sync::Arc;

use super::verify::{TokenRules, still_verified};
use super::{UnverifiedJwt, VerifiedJwt};
use crate::config::Resource;
use crate::delegation::admissions::{Admissions, ByAge};
use crate::delegation::caller::Sender;
use crate::delegation::policy::AuthorizedDelegation;
use crate::jwks::KeySet;
use crate::limits::{KNOWN_TOKEN_OVERHEAD_BYTES, KNOWN_TOKENS_BYTES_MAX, KNOWN_TOKENS_MAX};
use crate::redacted::Redacted;
use crate::segmented::{Room, Segmented};
use crate::signatures::checks::Peer;
use crate::time::UnixSeconds;

/// The last letters of a token, which are of its signature: where to look, and never the answer.
type Place = [u8; 16];

struct Known {
    token: Redacted<Box<str>>,
    verified: Arc<VerifiedJwt>,
    /// Whether it came a second time.
    came_again: bool,
    admissions: Admissions,
}

/// The tokens that one worker knows.
pub(crate) struct KnownTokens {
    tokens: Segmented<Place, Known, Peer>,
    /// Beside which tokens the admissions are. A token may be gone by now.
    admitted: ByAge<Place>,
    pruned_at: Option<UnixSeconds>,
}

impl fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownTokens({})", self.tokens.len())
    }
}

impl Default for KnownTokens {
    fn default() -> Self {
        let room = Room { entries: KNOWN_TOKENS_MAX, bytes: KNOWN_TOKENS_BYTES_MAX };
        Self { tokens: Segmented::new(room), admitted: ByAge::default(), pruned_at: None }
    }
}

impl KnownTokens {
    /// The proof for this very text, where it was made before and holds here and now.
    pub(crate) fn find(
        &mut self,
        token: &str,
        keys: &KeySet,
        rules: &TokenRules<'_>,
        now: UnixSeconds,
    ) -> Option<Arc<VerifiedJwt>> {
        let place = place(token)?;
        let known = self.tokens.peek(&place)?;
        if **known.token.expose() != *token || !still_verified(&known.verified, keys, rules, now) {
            return None;
        }
        let known = self.tokens.touch(place)?;
        known.came_again = true;
        Some(Arc::clone(&known.verified))
    }

    /// The SHA-256 of this very text, where it is known. It says nothing of whether the token holds.
    pub(crate) fn digest_of(&self, token: &str) -> Option<[u8; 32]> {
        let known = self.tokens.peek(&place(token)?).filter(|known| **known.token.expose() == *token)?;
        Some(*known.verified.digest())
    }

    /// Remembers a token that was verified just now, brought by `peer`.
    pub(crate) fn keep(&mut self, jwt: &UnverifiedJwt<'_>, verified: VerifiedJwt, peer: Peer) -> Arc<VerifiedJwt> {
        let verified = Arc::new(verified);
        if let Some(place) = place(jwt.token()) {
            let token: Box<str> = jwt.token().into();
            let bytes = token.len().saturating_mul(3).saturating_add(KNOWN_TOKEN_OVERHEAD_BYTES);
            let known = Known {
                token: Redacted::new(token),
                verified: Arc::clone(&verified),
                came_again: false,
                admissions: Admissions::default(),
            };
            self.tokens.insert_of(peer, place, known, bytes);
        }
        verified
    }

    /// What this sender was admitted with at this resource, by the token that `verified` was found or kept for.
    pub(crate) fn admitted(
        &self,
        (token, verified): (&str, &Arc<VerifiedJwt>),
        resource: &Arc<Resource>,
        sender: Sender<'_>,
    ) -> Option<Arc<AuthorizedDelegation>> {
        let known = self.tokens.peek(&place(token)?).filter(|known| Arc::ptr_eq(&known.verified, verified))?;
        known.admissions.find(resource, sender).map(Arc::clone)
    }

    /// Keeps what the token led to, as long as that is known and there is room.
    ///
    /// Not of a token that came once, which most do that take the places of others, nor of one that has ended and is forgotten at the next tick.
    pub(crate) fn admit(
        &mut self,
        (token, verified): (&str, &Arc<VerifiedJwt>),
        resource: &Arc<Resource>,
        sender: Sender<'_>,
        delegation: &Arc<AuthorizedDelegation>,
        now: UnixSeconds,
    ) {
        let Some(place) = place(token) else { return };
        let is_in_use = |known: &&mut Known| {
            Arc::ptr_eq(&known.verified, verified) && known.came_again && now < verified.expires_at()
        };
        let known = self.tokens.peek_mut(&place).filter(is_in_use);
        if let Some(texts) = known.and_then(|known| known.admissions.keep(resource, sender, delegation)) {
            self.admitted.add(place, texts.saturating_add(token.len()));
        }
        while let Some(place) = self.admitted.give_way() {
            if let Some(known) = self.tokens.peek_mut(&place) {
                known.admissions.forget_one();
            }
        }
    }

    /// Forgets what has ended, clock skew not counted. Once a second at most, as there may be thousands to go through.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        if self.pruned_at.replace(now) != Some(now) {
            self.tokens.retain(|known| now < known.verified.expires_at());
        }
    }

    /// How many delegations are kept beside one of them.
    #[cfg(test)]
    pub(crate) fn admissions_of(&self, token: &str) -> usize {
        place(token).and_then(|place| self.tokens.peek(&place)).map_or(0, |known| known.admissions.len())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}

fn place(token: &str) -> Option<Place> {
    token.as_bytes().last_chunk().copied()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use core::cell::Cell;

    use serde_json::{Value, json};

    use super::*;
    use crate::algorithm::{Algorithm, Algorithms};
    use crate::digest::sha256;
    use crate::jwks::PublicKey;
    use crate::jwt::JwtError;
    use crate::jwt::sample::Issuer;
    use crate::jwt::verify::{AcceptedTyp, verify};
    use crate::signatures::{InGuest, Signatures};
    use crate::time::Seconds;

    const NOW: u64 = 1_800_000_000;

    /// One place that knows tokens, and what it takes of them.
    struct Place {
        known: KnownTokens,
        keys: KeySet,
        audience: &'static str,
        lifetime_max: u64,
        checks: Cell<usize>,
    }

    impl Signatures for Place {
        fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
            self.checks.set(self.checks.get() + 1);
            InGuest.verify(key, algorithm, jwt)
        }
    }

    impl Place {
        fn new() -> Self {
            let keys = Issuer::of(Algorithm::Es256).key_set("k");
            Self { known: KnownTokens::default(), keys, audience: "here", lifetime_max: 3600, checks: Cell::new(0) }
        }

        /// As the flow does it: what is known, or else the long way. The second value says whether a signature was checked.
        fn take(&mut self, token: &str, now: u64) -> (Result<Arc<VerifiedJwt>, JwtError>, bool) {
            let (typ, algorithms) = (AcceptedTyp::new(["absent"]).unwrap(), Algorithms::all());
            let rules = TokenRules {
                issuer: "idp",
                audience: self.audience,
                typ: &typ,
                algorithms: &algorithms,
                clock_skew: Seconds::new(5),
                lifetime_max: Some(Seconds::new(self.lifetime_max)),
            };
            let now = UnixSeconds::new(now);
            if let Some(verified) = self.known.find(token, &self.keys, &rules, now) {
                return (Ok(verified), false);
            }
            let before = self.checks.get();
            let result = UnverifiedJwt::parse(token)
                .and_then(|jwt| Ok((verify(&jwt, &self.keys, &rules, now, self)?, jwt)))
                .map(|(verified, jwt)| self.known.keep(&jwt, verified, Peer::of(None, None)));
            (result, self.checks.get() > before)
        }
    }

    fn token(more: Value) -> String {
        let mut claims = json!({"iss": "idp", "sub": "u", "aud": ["here", "there"], "iat": NOW, "exp": NOW + 600});
        claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256","kid":"k"}"#, &claims.to_string())
    }

    #[test]
    fn a_second_time_costs_no_signature_check_and_gives_the_same_proof() {
        let mut place = Place::new();
        let token = token(json!({}));
        let (first, checked) = place.take(&token, NOW);
        assert!(checked);
        let (second, checked) = place.take(&token, NOW);
        assert!(!checked && Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    }

    #[test]
    fn another_text_with_the_same_end_is_another_token() {
        let mut place = Place::new();
        let good = token(json!({}));
        assert!(place.take(&good, NOW).0.is_ok());
        let forged = token(json!({"sub": "root"}));
        let (input, _) = forged.rsplit_once('.').unwrap();
        let (_, signature) = good.rsplit_once('.').unwrap();
        let forged = format!("{input}.{signature}");
        assert_eq!(super::place(&forged), super::place(&good));
        assert_eq!(place.take(&forged, NOW).0.err(), Some(JwtError::Signature));
        assert_eq!(place.known.digest_of(&forged), None);
        assert_eq!(place.known.digest_of(&good), Some(sha256(good.as_bytes())));
        // And the forgery has not driven out the genuine one.
        assert!(!place.take(&good, NOW).1);
    }

    #[test]
    fn time_audience_lifetime_and_keys_are_checked_on_every_hit() {
        let good = token(json!({"nbf": NOW}));
        let mut place = Place::new();
        assert!(place.take(&good, NOW).0.is_ok());
        assert!(place.take(&good, NOW + 604).0.is_ok());
        assert_eq!(place.take(&good, NOW + 605).0.err(), Some(JwtError::Expired));
        assert_eq!(place.take(&good, NOW - 6).0.err(), Some(JwtError::NotYetValid));
        place.audience = "elsewhere";
        assert_eq!(place.take(&good, NOW).0.err(), Some(JwtError::AudienceMismatch));
        place.audience = "there";
        assert!(place.take(&good, NOW).0.is_ok());
        place.lifetime_max = 599;
        assert_eq!(place.take(&good, NOW).0.err(), Some(JwtError::LifetimeTooLong));
        place.lifetime_max = 600;
        assert!(!place.take(&good, NOW).1);
        place.keys = Issuer::of(Algorithm::Es256).key_set("other");
        assert_eq!(place.take(&good, NOW).0.err(), Some(JwtError::UnknownKid));
        place.keys = Issuer::stranger().key_set("k");
        assert_eq!(place.take(&good, NOW).0.err(), Some(JwtError::Signature));
        place.keys = KeySet::default();
        assert_eq!(place.take(&good, NOW).0.err(), Some(JwtError::UnknownKid));
    }

    #[test]
    fn a_refused_token_is_not_remembered() {
        let mut place = Place::new();
        let stranger = Issuer::stranger().token(r#"{"alg":"ES256","kid":"k"}"#, r#"{"iss":"idp"}"#);
        assert!(place.take(&stranger, NOW).0.is_err());
        assert!(place.take(&token(json!({"aud": "nobody"})), NOW).0.is_err());
        assert_eq!(place.known.len(), 0);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut place = Place::new();
        assert!(place.take(&token(json!({})), NOW).0.is_ok());
        place.known.prune(UnixSeconds::new(NOW + 599));
        assert_eq!(place.known.len(), 1);
        place.known.prune(UnixSeconds::new(NOW + 600));
        assert_eq!(place.known.len(), 0);
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", KnownTokens::default()), "KnownTokens(0)");
    }
}
