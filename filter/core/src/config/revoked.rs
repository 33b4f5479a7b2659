//! What is withdrawn by configuration: tokens, subjects, sessions and actors by claims, keys by digest, each within bounds of time.
//!
//! Nothing here looks at a token's text. An ECDSA signature has a second valid form (`n - s`), and an issuer may write one token in two ways,
//! so a list of texts would refuse one and let the other in. Every text of a token says the same claims.

use std::collections::BTreeMap;

use crate::config::agent::{Agent, Agents};
use crate::config::error::{ConfigError, Path};
use crate::config::server::{self, Servers};
use crate::config::{raw, sender, text, workloads};
use crate::delegation::behind::Behind;
use crate::delegation::shown_key::ShownKey;
use crate::digest::from_hex;
use crate::jwt::Claims;
use crate::limits::{ACTOR_ID_BYTES_MAX, CLAIM_TEXT_BYTES_MAX, REVOKED_MAX};
use crate::rejection::Rejection;
use crate::time::{Seconds, UnixSeconds};

/// From which and until when an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// Only what was issued before.
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
    /// The names that withdrawn actors go by as clients, by issuer.
    clients: ByClaim,
    keys: BTreeMap<ShownKey, Bounds>,
    /// By how much each issuer's clock may be ahead of this one.
    clock_skews: BTreeMap<String, Seconds>,
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
            let issued_at = self.issued_at(claims)?;
            if bounds.is_some_and(|bounds| bounds.hold(issued_at, now)) {
                return Err(rejection);
            }
        }
        Ok(())
    }

    /// The earliest moment, by the clock here, when the token may have been issued: what its issuer's clock says may be as much ahead
    /// as is allowed for, and a token of the last moment before an entry must not pass for a later one.
    fn issued_at(&self, claims: &Claims) -> Result<Option<UnixSeconds>, Rejection> {
        let skew = self.clock_skews.get(claims.issuer().map_err(Rejection::Token)?).copied().unwrap_or(Seconds::ZERO);
        let issued_at = claims.issued_at().map_err(Rejection::Token)?;
        Ok(issued_at.map(|at| at.saturating_sub(skew)))
    }

    /// Refuses what comes with a withdrawn key, whatever the key is shown for.
    ///
    /// # Errors
    ///
    /// The rejection that says which kind of key.
    pub(crate) fn refuse_keys(&self, keys: &[ShownKey], now: UnixSeconds) -> Result<(), Rejection> {
        let withdrawn = |key: &&ShownKey| self.keys.get(key).is_some_and(|bounds| bounds.hold(None, now));
        keys.iter().find(withdrawn).map_or(Ok(()), |key| Err(key.revoked()))
    }

    /// Refuses what a withdrawn actor does or has passed on, and what is done by the agent, the client, or a subject of that name:
    /// its id, or what it is called as a client by the issuer whose word the name is.
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
        let since = match behind.issued() {
            Some(claims) => self.issued_at(claims)?,
            None => behind.admitted_at(),
        };
        let withdrawn = |issuer: Option<&str>, name: &str| {
            let as_client = issuer.and_then(|issuer| self.clients.get(issuer)?.get(name));
            self.actors.get(name).into_iter().chain(as_client).any(|bounds| bounds.hold(since, now))
        };
        if behind.anybody(withdrawn)? { Err(Rejection::ActorRevoked) } else { Ok(()) }
    }

    /// Whether a token of the agent's own that was issued no earlier than `issued_at` is one of those that are withdrawn.
    pub(crate) fn refuses_token_of(&self, agent: &Agent, issued_at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        let names = [Some(agent.id.as_str()), agent.spiffe_id.as_deref()];
        let bounds = names.into_iter().flatten().filter_map(|name| self.actors.get(name));
        bounds.into_iter().any(|bounds| bounds.hold(issued_at, now))
    }

    /// The entries that `actor` has as a client: its bounds hold for each name that is registered for it.
    fn withdraw_clients(&mut self, actor: &str, bounds: Bounds, servers: &Servers, agents: &Agents) {
        let Some(agent) = agents.by_id(actor) else {
            return;
        };
        for (server, client_id) in &agent.client_ids {
            if let Some(server) = servers.get(server) {
                self.clients.entry(server.issuer.clone()).or_default().insert(client_id.clone(), bounds);
            }
        }
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
            let digest = |name: &str| {
                let byte = entry.get(name).and_then(serde_json::Value::as_u64);
                byte.and_then(|byte| u8::try_from(byte).ok()).map(|byte| [byte; 32])
            };
            let keys = [
                digest("certificate").map(ShownKey::Certificate),
                digest("dpop").map(ShownKey::Dpop),
                digest("api").map(ShownKey::Api),
            ];
            revoked.keys.extend(keys.into_iter().flatten().map(|key| (key, bounds)));
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

const WANT: &str =
    "exactly one of \"jti\", \"sub\", \"sid\", \"actor\", \"api_key_sha256\", \"dpop_key\" and \"certificate_sha256\"";

/// Checks the list.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&[raw::Revoked]>,
    around: (&Servers, &Agents),
) -> Result<Revoked, ConfigError> {
    let raw = raw.unwrap_or_default();
    text::at_most(path, raw.len(), REVOKED_MAX, "entries")?;
    let servers = around.0.values().map(|server| (server.issuer.clone(), server.clock_skew));
    let mut revoked = Revoked { clock_skews: servers.collect(), ..Revoked::default() };
    for (at, raw) in raw.iter().enumerate() {
        check_entry(&path.index(at), raw, around, &mut revoked)?;
    }
    Ok(revoked)
}

fn check_entry(
    path: &Path<'_>,
    raw: &raw::Revoked,
    (servers, agents): (&Servers, &Agents),
    revoked: &mut Revoked,
) -> Result<(), ConfigError> {
    let (name, value) = one_thing(path, raw)?;
    let bounds = Bounds {
        issued_before: text::date(&path.field("issued_before"), raw.issued_before)?,
        until: text::date(&path.field("until"), raw.until)?,
    };
    let place = path.field(name);
    let known = match name {
        "jti" | "sub" | "sid" => {
            text::text(&place, value, CLAIM_TEXT_BYTES_MAX)?;
            let advice = "say whose claim it is: issuers know nothing of each other's";
            let server = path.field("authorization_server");
            let server = server::refer(&server, raw.authorization_server.as_deref(), servers, advice)?;
            let index = match name {
                "jti" => &mut revoked.tokens,
                "sub" => &mut revoked.subjects,
                _sid => &mut revoked.sessions,
            };
            index.entry(server.issuer.clone()).or_default().insert(value.to_owned(), bounds)
        }
        "actor" => {
            refuse_server(path, raw, "an actor is withdrawn in every namespace")?;
            text::text(&place, value, ACTOR_ID_BYTES_MAX)?;
            revoked.withdraw_clients(value, bounds, servers, agents);
            revoked.actors.insert(value.to_owned(), bounds)
        }
        _key => {
            refuse_server(path, raw, "a key is withdrawn whoever's tokens come with it")?;
            if raw.issued_before.is_some() {
                let place = path.field("issued_before");
                return Err(place.wrong("found beside a key", "nothing", "nobody can tell when a key was used first"));
            }
            revoked.keys.insert(check_key(&place, name, value)?, bounds)
        }
    };
    match known {
        Some(_) => Err(place.found(value, "a value that is not withdrawn yet", "which bounds count is not defined")),
        None => Ok(()),
    }
}

/// The one member that says what is withdrawn.
fn one_thing<'r>(path: &Path<'_>, raw: &'r raw::Revoked) -> Result<(&'static str, &'r str), ConfigError> {
    let named = [
        ("jti", &raw.jti),
        ("sub", &raw.sub),
        ("sid", &raw.sid),
        ("actor", &raw.actor),
        ("api_key_sha256", &raw.api_key_sha256),
        ("dpop_key", &raw.dpop_key),
        ("certificate_sha256", &raw.certificate_sha256),
    ];
    let mut named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(path.wrong("found none of them, or several", WANT, "an entry withdraws one thing")),
    }
}

fn refuse_server(path: &Path<'_>, raw: &raw::Revoked, why: &str) -> Result<(), ConfigError> {
    let place = path.field("authorization_server");
    raw.authorization_server.as_ref().map_or(Ok(()), |found| Err(place.found(found, "nothing", why)))
}

fn check_key(path: &Path<'_>, name: &str, value: &str) -> Result<ShownKey, ConfigError> {
    match name {
        "api_key_sha256" => workloads::check_key(path, value).map(ShownKey::Api),
        "dpop_key" => sender::check_key(path, value).map(ShownKey::Dpop),
        _certificate => from_hex(value.as_bytes()).map(ShownKey::Certificate).ok_or_else(|| {
            path.found(
                value,
                "the SHA-256 of the certificate in DER, 64 hexadecimal digits",
                "`openssl x509 -in FILE -outform DER | sha256sum` says it",
            )
        }),
    }
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
    fn a_clock_that_is_ahead_makes_no_token_later() {
        let mut revoked = Revoked::of_entries(
            "a",
            &json!([{"jti": "t", "issued_before": 100}, {"actor": "x", "issued_before": 100}]),
        );
        revoked.clock_skews.insert("a".to_owned(), Seconds::new(30));
        for (issued_at, want) in [(129, true), (130, false)] {
            let of = |claims: serde_json::Value| {
                revoked.refuse_token(&crate::jwt::sample::claims(&claims), UnixSeconds::new(200))
            };
            assert_eq!(of(json!({"iss": "a", "jti": "t", "iat": issued_at})).is_err(), want, "{issued_at}");
            assert_eq!(of(json!({"iss": "a", "jti": "u", "iat": issued_at})), Ok(()));
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
