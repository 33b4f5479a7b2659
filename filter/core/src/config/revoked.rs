//! What is withdrawn by configuration: tokens, subjects, sessions and actors, each by claims and within bounds of time.
//!
//! Nothing here looks at a token's text. An ECDSA signature has a second valid form (`n - s`), and an issuer may write one token in two ways,
//! so a list of texts would refuse one and let the other in. Every text of a token says the same claims.

use std::collections::BTreeMap;

use crate::config::error::{ConfigError, Path};
use crate::config::server::{self, Servers};
use crate::config::{raw, text};
use crate::delegation::behind::Behind;
use crate::jwt::Claims;
use crate::limits::{ACTOR_ID_BYTES_MAX, CLAIM_TEXT_BYTES_MAX, REVOKED_MAX};
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// From which and until when an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// Only tokens with an earlier `iat`.
    issued_before: Option<UnixSeconds>,
    /// Only until then.
    until: Option<UnixSeconds>,
}

impl Bounds {
    /// A token that does not say when it was issued was issued before.
    fn hold(self, issued_at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        let early = self.issued_before.is_none_or(|before| issued_at.is_none_or(|at| at < before));
        early && self.until.is_none_or(|until| now < until)
    }
}

/// Entries by issuer and by the value of one claim.
type ByClaim = BTreeMap<String, BTreeMap<String, Bounds>>;

/// Everything that is withdrawn.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    tokens: ByClaim,
    subjects: ByClaim,
    sessions: ByClaim,
    actors: BTreeMap<String, Bounds>,
}

impl Revoked {
    /// Refuses a token whose `jti`, `sub` or `sid` is withdrawn at its issuer.
    ///
    /// # Errors
    ///
    /// The rejection that says which of them; [`Rejection::Token`] where a claim that decides has not its type.
    pub(crate) fn refuse_token(&self, claims: &Claims, now: UnixSeconds) -> Result<(), Rejection> {
        let kinds = [
            (&self.tokens, "jti", Rejection::TokenRevoked),
            (&self.subjects, "sub", Rejection::SubjectRevoked),
            (&self.sessions, "sid", Rejection::SessionRevoked),
        ];
        for (index, claim, rejection) in kinds {
            if index.is_empty() {
                continue;
            }
            let of_issuer = index.get(claims.issuer().map_err(Rejection::Token)?);
            let value = claims.text(claim).map_err(Rejection::Token)?;
            let bounds = of_issuer.zip(value).and_then(|(values, value)| values.get(value));
            let issued_at = claims.issued_at().map_err(Rejection::Token)?;
            if bounds.is_some_and(|bounds| bounds.hold(issued_at, now)) {
                return Err(rejection);
            }
        }
        Ok(())
    }

    /// Refuses what a withdrawn actor does or has passed on, and what is done by the agent, the client, or a subject that is no human.
    ///
    /// An actor is withdrawn in every namespace: history may refuse.
    ///
    /// # Errors
    ///
    /// [`Rejection::ActorRevoked`]; [`Rejection::Token`] where a claim that decides has not its type.
    pub(crate) fn refuse_actors(&self, behind: &Behind, now: UnixSeconds) -> Result<(), Rejection> {
        if self.actors.is_empty() {
            return Ok(());
        }
        let since = behind.since()?;
        let withdrawn = |id: &str| self.actors.get(id).is_some_and(|bounds| bounds.hold(since, now));
        if behind.anybody(withdrawn)? { Err(Rejection::ActorRevoked) } else { Ok(()) }
    }

    /// A list without a document, each entry at `issuer`.
    #[cfg(test)]
    pub(crate) fn of_entries(issuer: &str, entries: &serde_json::Value) -> Self {
        let mut revoked = Self::default();
        for entry in entries.as_array().into_iter().flatten() {
            let date = |name: &str| entry.get(name).and_then(serde_json::Value::as_u64).map(UnixSeconds::new);
            let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            let bounds = Bounds { issued_before: date("issued_before"), until: date("until") };
            if let Some(actor) = text("actor") {
                revoked.actors.insert(actor, bounds);
            }
            let kinds = [("jti", &mut revoked.tokens), ("sub", &mut revoked.subjects), ("sid", &mut revoked.sessions)];
            for (name, index) in kinds {
                if let Some(value) = text(name) {
                    index.entry(issuer.to_owned()).or_default().insert(value, bounds);
                }
            }
        }
        revoked
    }
}

/// Checks the list.
pub(super) fn check(path: &Path<'_>, raw: Option<&[raw::Revoked]>, servers: &Servers) -> Result<Revoked, ConfigError> {
    const WANT: &str = "exactly one of \"jti\", \"sub\", \"sid\" and \"actor\"";
    let raw = raw.unwrap_or_default();
    text::at_most(path, raw.len(), REVOKED_MAX, "entries")?;
    let mut revoked = Revoked::default();
    for (at, raw) in raw.iter().enumerate() {
        let path = path.index(at);
        let named = [("jti", &raw.jti), ("sub", &raw.sub), ("sid", &raw.sid), ("actor", &raw.actor)];
        let mut named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let (Some((name, value)), None) = (named.next(), named.next()) else {
            return Err(path.wrong("found none of them, or several", WANT, "an entry withdraws one thing"));
        };
        let bounds = Bounds {
            issued_before: text::date(&path.field("issued_before"), raw.issued_before)?,
            until: text::date(&path.field("until"), raw.until)?,
        };
        let place = path.field(name);
        let server = path.field("authorization_server");
        let known = if name == "actor" {
            if let Some(found) = &raw.authorization_server {
                return Err(server.found(found, "nothing", "an actor is withdrawn in every namespace"));
            }
            text::text(&place, value, ACTOR_ID_BYTES_MAX)?;
            revoked.actors.insert(value.to_owned(), bounds)
        } else {
            text::text(&place, value, CLAIM_TEXT_BYTES_MAX)?;
            let advice = "say whose claim it is: issuers know nothing of each other's";
            let server = server::refer(&server, raw.authorization_server.as_deref(), servers, advice)?;
            let index = match name {
                "jti" => &mut revoked.tokens,
                "sub" => &mut revoked.subjects,
                _sid => &mut revoked.sessions,
            };
            index.entry(server.issuer.clone()).or_default().insert(value.to_owned(), bounds)
        };
        if known.is_some() {
            return Err(place.found(value, "a value that is not withdrawn yet", "which bounds count is not defined"));
        }
    }
    Ok(revoked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::claims;

    fn bounds(issued_before: Option<u64>, until: Option<u64>) -> Bounds {
        Bounds { issued_before: issued_before.map(UnixSeconds::new), until: until.map(UnixSeconds::new) }
    }

    #[test]
    fn bounds_hold_up_to_their_second() {
        let holds = |bounds: Bounds, at: Option<u64>, now| bounds.hold(at.map(UnixSeconds::new), UnixSeconds::new(now));
        assert!(holds(bounds(None, None), Some(5), 9));
        for (at, want) in [(Some(6), true), (Some(7), false), (None, true)] {
            assert_eq!(holds(bounds(Some(7), None), at, 9), want, "{at:?}");
        }
        for (now, want) in [(8, true), (9, false)] {
            assert_eq!(holds(bounds(None, Some(9)), Some(5), now), want, "{now}");
        }
    }

    #[test]
    fn one_issuer_withdraws_nothing_of_another() {
        let mut revoked = Revoked::default();
        revoked.sessions.entry("a".to_owned()).or_default().insert("s".to_owned(), bounds(None, None));
        let refuse = |claims| revoked.refuse_token(&claims, UnixSeconds::new(9));
        assert_eq!(refuse(claims(&json!({"iss": "a", "sid": "s"}))), Err(Rejection::SessionRevoked));
        assert_eq!(refuse(claims(&json!({"iss": "b", "sid": "s"}))), Ok(()));
        assert_eq!(refuse(claims(&json!({"iss": "a"}))), Ok(()));
        // A session that is no text is not overlooked.
        assert!(matches!(refuse(claims(&json!({"iss": "a", "sid": ["s"]}))), Err(Rejection::Token(_))));
    }
}
