//! Opaque tokens, known by what their server says of them (RFC 7662).
//!
//! What is kept is an answer: that server said this of exactly this text to that client, then. A hit compares all three; a digest only says where to look.
//! On every use the claims are checked as those of a JWT are, by the rules of the resource at hand, and an answer is as old as that resource allows.
//! Answers that a token is not active are kept apart and shortly, so that a flood of invented tokens drives out no other.
//! A text that any reader may take for a JWT is never asked about.

pub(crate) mod answer;

use core::fmt;
use std::sync::Arc;

use crate::base64url;
use crate::bearer::Scheme;
use crate::config::{AuthorizationServer, Introspection};
use crate::digest::sha256;
use crate::jwt::verify::{TokenRules, claims_stand};
use crate::jwt::{Claims, JwtError};
use crate::limits::{
    INACTIVE_TOKEN_SECONDS, INACTIVE_TOKENS_MAX, INTROSPECTED_TOKENS_BYTES_MAX, INTROSPECTED_TOKENS_MAX,
    INTROSPECTION_AGE_SECONDS_MAX, INTROSPECTION_RESPONSE_BYTES_MAX, KNOWN_TOKEN_OVERHEAD_BYTES, TOKEN_BYTES_MAX,
};
use crate::redacted::Redacted;
use crate::segmented::{Room, Segmented};
use crate::time::{Seconds, UnixSeconds};

/// What a server said of a token that it calls active.
#[derive(Debug)]
pub struct Introspected {
    claims: Claims,
    token_type: Option<String>,
    bytes: usize,
}

impl Introspected {
    /// The claims; nothing of them is checked yet.
    pub(crate) const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks the claims by `rules`, and gives when the token ends.
    ///
    /// # Errors
    ///
    /// As for a JWT; [`JwtError::TypNotAccepted`] where it is no access token of that scheme: a refresh token may be active too.
    pub(crate) fn stands(
        &self,
        scheme: Scheme,
        rules: &TokenRules<'_>,
        now: UnixSeconds,
    ) -> Result<UnixSeconds, JwtError> {
        let wanted = match scheme {
            Scheme::Bearer => "bearer",
            Scheme::Dpop => "dpop",
        };
        // RFC 7662 §2.2: as in RFC 6749 §5.1, which is about access tokens, in any case.
        if !self.token_type.as_ref().is_some_and(|token_type| token_type.eq_ignore_ascii_case(wanted)) {
            return Err(JwtError::TypNotAccepted);
        }
        claims_stand(&self.claims, rules, now)
    }
}

/// What a server said of a token.
#[derive(Debug, Clone)]
pub enum Told {
    /// It is good, and these are its claims.
    Active(Arc<Introspected>),
    /// It is not, for whatever reason.
    Inactive,
}

/// Who is asked, and by whom: a server may tell each client something else (RFC 7662 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parties {
    pub(crate) server: String,
    pub(crate) client: String,
}

impl Parties {
    pub(crate) fn of(server: &AuthorizationServer, introspection: &Introspection) -> Self {
        Self { server: server.name.clone(), client: introspection.client.id.clone() }
    }
}

/// Where an answer is looked for: a digest of both parties and the token. Never the answer whether it is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place([u8; 32]);

impl Place {
    pub(crate) fn of(Parties { server, client }: &Parties, token: &str) -> Self {
        // No name of a server has this byte, nor has a token.
        Self(sha256(format!("{server}\0{token}\0{client}").as_bytes()))
    }
}

/// True for whatever some reader may take for a JWT: it is checked by its signature, or not at all.
pub(crate) fn may_be_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let header = parts.next().unwrap_or_default();
    match parts.count() {
        0 => false,
        // RFC 7515 §3.1, RFC 7516 §3.1.
        2 | 4 => true,
        _others => base64url::decode(header).is_some_and(|bytes| bytes.trim_ascii_start().starts_with(b"{")),
    }
}

/// A text that may be sent to be asked about (RFC 6750 §2.1 `b64token`).
///
/// # Errors
///
/// As for a JWT: [`JwtError::TokenTooLong`], [`JwtError::TokenAlphabet`].
pub(crate) fn check_form(token: &str) -> Result<(), JwtError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(JwtError::TokenTooLong);
    }
    let body = token.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(plain) { Err(JwtError::TokenAlphabet) } else { Ok(()) }
}

struct Entry<T> {
    parties: Parties,
    token: Redacted<Box<str>>,
    told_at: UnixSeconds,
    told: T,
}

impl<T> Entry<T> {
    fn is(&self, parties: &Parties, token: &str) -> bool {
        self.parties == *parties && **self.token.expose() == *token
    }

    /// Not before it was told either: a clock that was set back would keep it for longer.
    fn is_younger_than(&self, age: Seconds, now: UnixSeconds) -> bool {
        self.told_at <= now && now < self.told_at.saturating_add(age)
    }
}

/// The answers that one worker keeps.
pub(crate) struct IntrospectedTokens {
    active: Segmented<Place, Entry<Arc<Introspected>>>,
    inactive: Segmented<Place, Entry<()>>,
    pruned_at: Option<UnixSeconds>,
}

impl fmt::Debug for IntrospectedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntrospectedTokens({})", self.len())
    }
}

impl Default for IntrospectedTokens {
    fn default() -> Self {
        let active = Room { entries: INTROSPECTED_TOKENS_MAX, bytes: INTROSPECTED_TOKENS_BYTES_MAX };
        let inactive = Room { entries: INACTIVE_TOKENS_MAX, bytes: INTROSPECTED_TOKENS_BYTES_MAX };
        Self { active: Segmented::new(active), inactive: Segmented::new(inactive), pruned_at: None }
    }
}

impl IntrospectedTokens {
    /// What was said of this very token between `parties`, no longer ago than `age_max`.
    pub(crate) fn find(&mut self, parties: &Parties, token: &str, age_max: Seconds, now: UnixSeconds) -> Option<Told> {
        if self.is_inactive(parties, token, now) {
            return Some(Told::Inactive);
        }
        let place = Place::of(parties, token);
        let entry = self.active.peek(&place)?;
        if !entry.is(parties, token) || !entry.is_younger_than(age_max, now) {
            return None;
        }
        self.active.touch(place).map(|entry| Told::Active(Arc::clone(&entry.told)))
    }

    /// True where it was said a moment ago that this very token is not active.
    pub(crate) fn is_inactive(&self, parties: &Parties, token: &str, now: UnixSeconds) -> bool {
        let age_max = Seconds::new(INACTIVE_TOKEN_SECONDS);
        let entry = self.inactive.peek(&Place::of(parties, token));
        entry.is_some_and(|entry| entry.is(parties, token) && entry.is_younger_than(age_max, now))
    }

    /// Keeps what is said of `token` now. A later answer takes the place of an earlier one, whichever they are.
    pub(crate) fn keep(&mut self, parties: &Parties, token: &str, told: &Told, now: UnixSeconds) {
        let place = Place::of(parties, token);
        let text: Box<str> = token.into();
        let (parties, bytes) = (parties.clone(), text.len().saturating_add(KNOWN_TOKEN_OVERHEAD_BYTES));
        let token = Redacted::new(text);
        match told {
            Told::Active(told) => {
                self.inactive.remove(&place);
                let told = Arc::clone(told);
                // Parsed JSON takes a few times the room of its text.
                let bytes = bytes.saturating_add(told.bytes.saturating_mul(4));
                self.active.insert(place, Entry { parties, token, told_at: now, told }, bytes);
            }
            Told::Inactive => {
                self.active.remove(&place);
                self.inactive.insert(place, Entry { parties, token, told_at: now, told: () }, bytes);
            }
        }
    }

    /// Forgets what has ended or is too old for every resource. Once a second at most.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        if self.pruned_at.replace(now) == Some(now) {
            return;
        }
        let oldest = Seconds::new(INTROSPECTION_AGE_SECONDS_MAX);
        self.active.retain(|entry| {
            let ends = entry.told.claims.expires_at().ok().flatten();
            entry.is_younger_than(oldest, now) && ends.is_some_and(|ends| now < ends)
        });
        self.inactive.retain(|entry| entry.is_younger_than(Seconds::new(INACTIVE_TOKEN_SECONDS), now));
    }

    /// How many there are, of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.active.len().saturating_add(self.inactive.len())
    }
}

const _: () = assert!(INTROSPECTION_RESPONSE_BYTES_MAX < INTROSPECTED_TOKENS_BYTES_MAX);

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::claims;

    const NOW: u64 = 1_800_000_000;

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(NOW + seconds)
    }

    fn active(exp: u64) -> Told {
        let claims = claims(&json!({"exp": NOW + exp}));
        Told::Active(Arc::new(Introspected { claims, token_type: None, bytes: 100 }))
    }

    fn parties(server: &str, client: &str) -> Parties {
        Parties { server: server.to_owned(), client: client.to_owned() }
    }

    fn s() -> Parties {
        parties("s", "c")
    }

    fn find(tokens: &mut IntrospectedTokens, token: &str, age: u64, now: u64) -> Option<bool> {
        let told = tokens.find(&s(), token, Seconds::new(age), at(now));
        told.map(|told| matches!(told, Told::Active(_)))
    }

    #[test]
    fn an_answer_is_for_one_text_of_one_server_and_as_old_as_is_allowed() {
        let mut tokens = IntrospectedTokens::default();
        tokens.keep(&s(), "abc", &active(600), at(0));
        assert_eq!(find(&mut tokens, "abc", 30, 29), Some(true));
        assert_eq!(find(&mut tokens, "abc", 30, 30), None);
        assert_eq!(find(&mut tokens, "abc", 0, 0), None);
        assert_eq!(find(&mut tokens, "abd", 30, 0), None);
        assert!(tokens.find(&parties("t", "c"), "abc", Seconds::new(30), at(0)).is_none());
        assert!(tokens.find(&parties("s", "d"), "abc", Seconds::new(30), at(0)).is_none());
    }

    #[test]
    fn a_digest_alone_decides_nothing() {
        let mut tokens = IntrospectedTokens::default();
        let entry = Entry {
            parties: s(),
            token: Redacted::new("another".into()),
            told_at: at(0),
            told: Arc::new(Introspected { claims: claims(&json!({"exp": NOW + 9})), token_type: None, bytes: 1 }),
        };
        tokens.active.insert(Place::of(&s(), "abc"), entry, 1);
        assert_eq!(find(&mut tokens, "abc", 30, 0), None);
        let entry = Entry { parties: s(), token: Redacted::new("another".into()), told_at: at(0), told: () };
        tokens.inactive.insert(Place::of(&s(), "abc"), entry, 1);
        assert!(!tokens.is_inactive(&s(), "abc", at(0)));
    }

    #[test]
    fn what_is_not_active_is_forgotten_soon_and_until_then_counts_against_an_earlier_answer() {
        let mut tokens = IntrospectedTokens::default();
        tokens.keep(&s(), "abc", &active(600), at(0));
        tokens.keep(&s(), "abc", &Told::Inactive, at(1));
        assert_eq!(find(&mut tokens, "abc", 300, INACTIVE_TOKEN_SECONDS), Some(false));
        assert_eq!(find(&mut tokens, "abc", 300, INACTIVE_TOKEN_SECONDS + 1), None);
        tokens.keep(&s(), "abc", &active(600), at(2));
        assert_eq!(find(&mut tokens, "abc", 300, 2), Some(true));
    }

    #[test]
    fn invented_tokens_drive_out_no_others() {
        let mut tokens = IntrospectedTokens::default();
        tokens.keep(&s(), "good", &active(600), at(0));
        for nth in 0..=INACTIVE_TOKENS_MAX {
            tokens.keep(&s(), &format!("invented-{nth}"), &Told::Inactive, at(0));
        }
        assert_eq!(find(&mut tokens, "good", 30, 0), Some(true));
        assert_eq!(tokens.inactive.len(), INACTIVE_TOKENS_MAX);
        for nth in 0..=INTROSPECTED_TOKENS_MAX {
            tokens.keep(&s(), &format!("other-{nth}"), &active(600), at(0));
        }
        assert_eq!(tokens.active.len(), INTROSPECTED_TOKENS_MAX);
        assert_eq!(find(&mut tokens, "good", 30, 0), Some(true), "it was used again");
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut tokens = IntrospectedTokens::default();
        tokens.keep(&s(), "abc", &active(5), at(0));
        tokens.keep(&s(), "abd", &Told::Inactive, at(0));
        tokens.prune(at(4));
        assert_eq!(tokens.len(), 2);
        tokens.prune(at(5));
        assert_eq!(tokens.len(), 0);
    }

    #[test]
    fn whatever_may_be_a_jwt_is_not_asked_about() {
        for jwt in ["a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", "a.b.c.d.e", "eyJh.b", "IHsi.x.y.z", "e30.x"] {
            assert!(may_be_jwt(jwt), "{jwt}");
        }
        for opaque in ["abc", "ya29.a0Af", "eyJh", "a.b", "a.b.c.d", "", "2YotnFZFEjr1zCsicMWpAA"] {
            assert!(!may_be_jwt(opaque), "{opaque}");
        }
    }

    #[test]
    fn a_form_that_no_token_has_is_not_asked_about() {
        let longest = "a".repeat(TOKEN_BYTES_MAX);
        for good in ["a", "a-._~+/9==", longest.as_str()] {
            assert_eq!(check_form(good), Ok(()));
        }
        assert_eq!(check_form(&format!("{longest}a")), Err(JwtError::TokenTooLong));
        for bad in ["", "=", "a b", "a=b", "a&token=b", "a\u{e9}", "a\n", "a%20"] {
            assert_eq!(check_form(bad), Err(JwtError::TokenAlphabet), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let mut tokens = IntrospectedTokens::default();
        tokens.keep(&s(), "secret", &active(5), at(0));
        assert_eq!(format!("{tokens:?}"), "IntrospectedTokens(1)");
        let told = tokens.find(&s(), "secret", Seconds::new(9), at(0)).unwrap();
        assert!(!format!("{told:?}").contains("exp"));
    }
}
