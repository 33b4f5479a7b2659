//! How a resource of the development world checks an access token itself, behind the gateway or not.
//!
//! Guaranteed: a `VerifiedToken` was signed by a key of its issuer, for exactly this audience, and is alive.
//! Absent on purpose: any use of the gateway's own code, so that gateway and resource cannot share a
//! mistake; and any default issuer or audience.

pub mod keys;

use serde_json::{Map, Value, json};

use super::issuer::http::UnixSeconds;
use super::issuer::jws::Jws;
use super::keys::PublicJwk;

/// How far the issuer's clock may be ahead, in seconds.
const CLOCK_SKEW: u64 = 30;

/// A chain deeper than this is refused.
const ACTORS_MAX: usize = 8;

/// What a resource expects of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRule {
    /// The one issuer.
    pub issuer: String,
    /// The resource's own identifier.
    pub audience: String,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// There is none, or more than one credential.
    Missing,
    /// It is no JWT.
    Malformed,
    /// It is another kind of token than an access token.
    Typ,
    /// No key of the issuer made the signature.
    Signature,
    /// Another issuer.
    Issuer,
    /// For someone else, or for more than this resource.
    Audience,
    /// `exp` has passed, or is absent.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// `act` is not a chain of actors.
    Chain,
    /// It lacks a scope the request needs.
    Scope,
    /// The issuer's keys cannot be had.
    KeysUnavailable,
}

impl TokenRefusal {
    /// A stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Malformed => "token_malformed",
            Self::Typ => "token_typ",
            Self::Signature => "token_signature",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Chain => "token_chain",
            Self::Scope => "insufficient_scope",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// The status to answer with (RFC 6750 §3.1).
    pub fn status(self) -> u16 {
        match self {
            Self::Scope => 403,
            Self::KeysUnavailable => 503,
            Self::Missing
            | Self::Malformed
            | Self::Typ
            | Self::Signature
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYetValid
            | Self::Chain => 401,
        }
    }

    /// The `WWW-Authenticate` value, where RFC 6750 §3 asks for one.
    pub fn challenge(self, scope: &str) -> Option<String> {
        match self {
            // RFC 6750 §3.1: a request without credentials gets no error code.
            Self::Missing => Some("Bearer".to_owned()),
            Self::Scope => Some(format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)),
            Self::KeysUnavailable => None,
            Self::Malformed
            | Self::Typ
            | Self::Signature
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYetValid
            | Self::Chain => Some(r#"Bearer error="invalid_token""#.to_owned()),
        }
    }

    /// The JSON body that goes with it.
    pub fn body(self) -> Value {
        let error = if self == Self::Scope { "insufficient_scope" } else { "invalid_token" };
        json!({ "error": error, "code": self.code() })
    }
}

/// A token that passed.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedToken {
    claims: Map<String, Value>,
    actors: Vec<String>,
    scopes: Vec<String>,
}

impl VerifiedToken {
    /// The human (or service) the request serves.
    pub fn subject(&self) -> &str {
        self.claims.get("sub").and_then(Value::as_str).unwrap_or_default()
    }

    /// The actors, outermost first: the current one, then who came before (RFC 8693 §4.1).
    pub fn actors(&self) -> &[String] {
        &self.actors
    }

    /// The scopes granted.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// All claims.
    pub fn claims(&self) -> Value {
        Value::Object(self.claims.clone())
    }

    /// Refuses a token that lacks `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), TokenRefusal> {
        if self.scopes.iter().any(|granted| granted == scope) { Ok(()) } else { Err(TokenRefusal::Scope) }
    }
}

/// Checks `token` against `rule` with these keys at this instant.
pub fn verify(
    token: &str,
    keys: &[PublicJwk],
    rule: &TokenRule,
    now: UnixSeconds,
) -> Result<VerifiedToken, TokenRefusal> {
    let jws = Jws::parse(token).ok_or(TokenRefusal::Malformed)?;
    // RFC 8725 §3.11: an ID-JAG or a client assertion is no access token. Some issuers set no `typ`.
    if !matches!(jws.typ(), Some("at+jwt" | "application/at+jwt" | "JWT") | None) {
        return Err(TokenRefusal::Typ);
    }
    if jws.text("iss") != Some(&rule.issuer) {
        return Err(TokenRefusal::Issuer);
    }
    if !jws.verified_by(keys) {
        return Err(TokenRefusal::Signature);
    }
    if jws.audiences() != [rule.audience.as_str()] {
        return Err(TokenRefusal::Audience);
    }
    if jws.instant("exp").is_none_or(|expires| expires <= now) {
        return Err(TokenRefusal::Expired);
    }
    let latest = now.plus(CLOCK_SKEW);
    if ["nbf", "iat"].into_iter().any(|claim| jws.instant(claim).is_some_and(|from| from > latest)) {
        return Err(TokenRefusal::NotYetValid);
    }
    if jws.text("sub").is_none_or(str::is_empty) {
        return Err(TokenRefusal::Malformed);
    }
    let actors = actors(jws.claims.get("act")).ok_or(TokenRefusal::Chain)?;
    let scopes = scopes(&jws.claims);
    Ok(VerifiedToken { claims: jws.claims, actors, scopes })
}

/// The chain under `act`, outermost first; none when a link has no `sub` or there are too many.
fn actors(act: Option<&Value>) -> Option<Vec<String>> {
    let mut chain = Vec::new();
    let mut next = act;
    while let Some(actor) = next {
        if chain.len() == ACTORS_MAX {
            return None;
        }
        chain.push(actor.get("sub")?.as_str()?.to_owned());
        next = actor.get("act");
    }
    Some(chain)
}

/// `scp` as an array, or `scope` as a string (RFC 9068 §2.2.3).
fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    match claims.get("scp").or_else(|| claims.get("scope")) {
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(joined)) => joined.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
