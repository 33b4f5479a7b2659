//! The claims of a token (RFC 7519 §4), read with their types.
//!
//! A claim of the wrong type is an error and never an absent one, so nothing is decided by a claim that was written to be overlooked.
//! Every text, list and date is bounded.
//! `null` is a wrong type: a member that is there says something.

use core::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Number, Value, json};

use super::JwtError;
use crate::config::scope::{ScopeError, ScopeSet};
use crate::delegation::binding::{BindingError, Confirmation};
use crate::delegation::chain::ActorChain;
use crate::json;
use crate::limits::{
    ACTORS_MAX, AUDIENCES_MAX, CLAIM_TEXT_BYTES_MAX, NUMERIC_DATE_SECONDS_MAX, SCOPES_MAX, TOKEN_JSON_DEPTH_MAX,
};
use crate::rejection::Rejection;
use crate::time::UnixSeconds;
use crate::words;

/// What can be wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimFault {
    /// It has a character that does not belong there: a control character, or one no scope may have (RFC 6749 §3.3).
    Character,
    /// Two claims that must say the same say different things.
    Conflict,
    /// It is empty.
    Empty,
    /// It is needed and not there.
    Missing,
    /// It is a date before 1970 or after 9999.
    OutOfRange,
    /// It is longer than [`CLAIM_TEXT_BYTES_MAX`].
    TooLong,
    /// It has more elements than its bound.
    TooMany,
    /// It has not the JSON type this claim has.
    WrongType,
}

impl ClaimFault {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Character => "claim_character",
            Self::Conflict => "claim_conflict",
            Self::Empty => "claim_empty",
            Self::Missing => "claim_missing",
            Self::OutOfRange => "claim_out_of_range",
            Self::TooLong => "claim_too_long",
            Self::TooMany => "claim_too_many",
            Self::WrongType => "claim_wrong_type",
        }
    }

    const fn of(self, claim: &'static str) -> JwtError {
        JwtError::Claim { claim, fault: self }
    }
}

/// The claims of one token: a JSON object without repeated names.
///
/// Several may hold one token's claims: copies are shared, and so is what was read of them.
#[derive(Clone)]
pub struct Claims(Arc<Told>);

/// Read once, as far as it is asked for: a token that is known comes again and again.
struct Told {
    value: Value,
    registered: OnceLock<Registered>,
    confirmation: OnceLock<Result<Confirmation, BindingError>>,
    scopes: OnceLock<Result<ScopeSet, JwtError>>,
    /// As far as it is a chain that some place could take.
    chain: OnceLock<Option<Arc<ActorChain>>>,
}

/// What is checked of a token each time it comes, each claim with its own fault.
struct Registered {
    issuer: Result<Option<Box<str>>, JwtError>,
    subject: Result<Option<Box<str>>, JwtError>,
    audiences: Result<Vec<Box<str>>, JwtError>,
    expires_at: Result<Option<UnixSeconds>, JwtError>,
    issued_at: Result<Option<UnixSeconds>, JwtError>,
    not_before: Result<Option<UnixSeconds>, JwtError>,
}

impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims([redacted])")
    }
}

impl Claims {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, JwtError> {
        let claims = json::parse(bytes, TOKEN_JSON_DEPTH_MAX).map_err(JwtError::ClaimsJson)?;
        if claims.is_object() { Ok(Self::of(claims)) } else { Err(JwtError::ClaimsNotObject) }
    }

    /// What a server said of a token: members of strict JSON within the same depth.
    pub(crate) fn told(members: Map<String, Value>) -> Self {
        Self::of(Value::Object(members))
    }

    /// What the gateway itself says of an agent that came without a token: nobody signed it, and it never travels.
    pub(crate) fn of_workload(id: &str, profile: &str) -> Self {
        Self::of(json!({ "sub": id, "sub_profile": profile }))
    }

    fn of(value: Value) -> Self {
        Self(Arc::new(Told {
            value,
            registered: OnceLock::new(),
            confirmation: OnceLock::new(),
            scopes: OnceLock::new(),
            chain: OnceLock::new(),
        }))
    }

    fn registered(&self) -> &Registered {
        self.0.registered.get_or_init(|| {
            let text = |name| self.text(name).map(|text| text.map(Box::from));
            Registered {
                issuer: text("iss"),
                subject: text("sub"),
                audiences: self.audiences().map(|audiences| audiences.into_iter().map(Box::from).collect()),
                expires_at: self.date("exp"),
                issued_at: self.date("iat"),
                not_before: self.date("nbf"),
            }
        })
    }

    /// A claim as it stands, of whatever type.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.value.get(name)
    }

    /// The value at a JSON pointer (RFC 6901), of whatever type.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        self.0.value.pointer(pointer)
    }

    /// A claim that is text, neither empty nor too long, and without control characters.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, JwtError> {
        self.value(name).map(|value| checked_text(value).map_err(|fault| fault.of(name))).transpose()
    }

    /// The same for a claim that must be there.
    pub fn required_text(&self, name: &'static str) -> Result<&str, JwtError> {
        self.text(name).and_then(|text| required(name, text))
    }

    /// `iss`, which must be there.
    pub fn issuer(&self) -> Result<&str, JwtError> {
        self.registered().issuer.as_ref().map_err(|fault| *fault).and_then(|text| required("iss", text.as_deref()))
    }

    /// `sub`, which must be there.
    pub fn subject(&self) -> Result<&str, JwtError> {
        self.registered().subject.as_ref().map_err(|fault| *fault).and_then(|text| required("sub", text.as_deref()))
    }

    /// `jti`.
    pub fn jti(&self) -> Result<Option<&str>, JwtError> {
        self.text("jti")
    }

    /// The client the token was issued to: `client_id` (RFC 8693 §4.3), or `cid` as Okta has it.
    ///
    /// `azp` is not read: OpenID Connect defines it for ID tokens, where it answers another question.
    pub fn client_id(&self) -> Result<Option<&str>, JwtError> {
        match (self.text("client_id")?, self.text("cid")?) {
            (Some(one), Some(other)) if one != other => Err(ClaimFault::Conflict.of("client_id")),
            (Some(client), _) | (None, Some(client)) => Ok(Some(client)),
            (None, None) => Ok(None),
        }
    }

    /// `aud`, which must be there: one text or an array of them (RFC 7519 §4.1.3), never an empty list.
    pub fn audiences(&self) -> Result<Vec<&str>, JwtError> {
        let fail = |fault: ClaimFault| fault.of("aud");
        match self.value("aud") {
            None => Err(fail(ClaimFault::Missing)),
            Some(Value::Array(values)) if values.is_empty() => Err(fail(ClaimFault::Empty)),
            Some(Value::Array(values)) if values.len() > AUDIENCES_MAX => Err(fail(ClaimFault::TooMany)),
            Some(Value::Array(values)) => values.iter().map(|each| checked_text(each).map_err(fail)).collect(),
            Some(value) => checked_text(value).map(|text| vec![text]).map_err(fail),
        }
    }

    /// Whether `aud` names this one.
    ///
    /// # Errors
    ///
    /// As [`Self::audiences`].
    pub fn is_for(&self, audience: &str) -> Result<bool, JwtError> {
        let audiences = self.registered().audiences.as_ref().map_err(|fault| *fault)?;
        Ok(audiences.iter().any(|named| **named == *audience))
    }

    /// The key that `cnf` ties the token to.
    ///
    /// # Errors
    ///
    /// As [`Confirmation::of`].
    pub(crate) fn confirmation(&self) -> Result<Confirmation, BindingError> {
        *self.0.confirmation.get_or_init(|| Confirmation::of(self))
    }

    /// What the token allows: `scope` as one text (RFC 8693 §4.2), or `scp` as a list or as one text.
    ///
    /// A token without either allows nothing, which is the empty set.
    /// When both are there they must allow the same: whoever reads only one of them must not see another token.
    pub fn scopes(&self) -> Result<ScopeSet, JwtError> {
        self.0.scopes.get_or_init(|| self.read_scopes()).clone()
    }

    fn read_scopes(&self) -> Result<ScopeSet, JwtError> {
        let text = |value: &Value| {
            let text = value.as_str().ok_or(ClaimFault::WrongType)?;
            ScopeSet::parse(text).map_err(scope_fault)
        };
        let scope = self.value("scope").map(text);
        let scp = self.value("scp").map(|value| value.as_array().map_or_else(|| text(value), |list| scope_list(list)));
        let scope = scope.transpose().map_err(|fault| fault.of("scope"))?;
        let scp = scp.transpose().map_err(|fault| fault.of("scp"))?;
        match (scope, scp) {
            (Some(one), Some(other)) if one != other => Err(ClaimFault::Conflict.of("scope")),
            (Some(scopes), _) | (None, Some(scopes)) => Ok(scopes),
            (None, None) => Ok(ScopeSet::default()),
        }
    }

    /// `act`, the current actor with the prior ones inside (RFC 8693 §4.1), not looked into.
    #[must_use]
    pub fn act(&self) -> Option<&Value> {
        self.value("act")
    }

    /// The chain of `act`; `None` where nobody acts.
    ///
    /// # Errors
    ///
    /// As [`ActorChain::parse`] with the same bound.
    pub(crate) fn chain(&self, actors_max: usize) -> Result<Option<Arc<ActorChain>>, Rejection> {
        let Some(act) = self.act() else {
            return Ok(None);
        };
        match self.0.chain.get_or_init(|| ActorChain::parse(act, ACTORS_MAX).ok().map(Arc::new)) {
            Some(chain) if chain.depth() <= actors_max => Ok(Some(Arc::clone(chain))),
            Some(_) => Err(Rejection::ChainTooLong),
            // Which of its faults comes first depends on how far it is looked at.
            None => ActorChain::parse(act, actors_max).map(|chain| Some(Arc::new(chain))),
        }
    }

    /// `exp`.
    pub fn expires_at(&self) -> Result<Option<UnixSeconds>, JwtError> {
        self.registered().expires_at
    }

    /// `iat`.
    pub fn issued_at(&self) -> Result<Option<UnixSeconds>, JwtError> {
        self.registered().issued_at
    }

    /// `nbf`.
    pub fn not_before(&self) -> Result<Option<UnixSeconds>, JwtError> {
        self.registered().not_before
    }

    /// A `NumericDate`.
    pub fn date(&self, name: &'static str) -> Result<Option<UnixSeconds>, JwtError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_number().ok_or(ClaimFault::WrongType);
                number.and_then(numeric_date).map(Some).map_err(|fault| fault.of(name))
            }
        }
    }

    /// All claims.
    #[must_use]
    pub fn object(&self) -> Option<&Map<String, Value>> {
        self.0.value.as_object()
    }
}

fn required<'t>(name: &'static str, text: Option<&'t str>) -> Result<&'t str, JwtError> {
    text.ok_or_else(|| ClaimFault::Missing.of(name))
}

fn checked_text(value: &Value) -> Result<&str, ClaimFault> {
    let text = value.as_str().ok_or(ClaimFault::WrongType)?;
    if text.is_empty() {
        return Err(ClaimFault::Empty);
    }
    if text.len() > CLAIM_TEXT_BYTES_MAX {
        return Err(ClaimFault::TooLong);
    }
    // Without looking each letter up: claims are ASCII for the most part.
    if !words::visible(text.as_bytes()) && text.chars().any(char::is_control) {
        return Err(ClaimFault::Character);
    }
    Ok(text)
}

fn scope_list(values: &[Value]) -> Result<ScopeSet, ClaimFault> {
    if values.len() > SCOPES_MAX {
        return Err(ClaimFault::TooMany);
    }
    let scopes: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    ScopeSet::new(scopes.ok_or(ClaimFault::WrongType)?).map_err(scope_fault)
}

const fn scope_fault(error: ScopeError) -> ClaimFault {
    match error {
        ScopeError::Character | ScopeError::Wildcard => ClaimFault::Character,
        ScopeError::Empty => ClaimFault::Empty,
        ScopeError::TooLong => ClaimFault::TooLong,
        ScopeError::TooMany => ClaimFault::TooMany,
    }
}

/// RFC 7519 §2: a `NumericDate` is a JSON number, "ignoring leap seconds", and "non-integer values can be represented".
/// A fraction is cut off, which makes a token expire no later than it says.
fn numeric_date(number: &Number) -> Result<UnixSeconds, ClaimFault> {
    let seconds = match number.as_u64() {
        Some(seconds) => seconds,
        None => whole_seconds(number.as_f64().ok_or(ClaimFault::OutOfRange)?)?,
    };
    if seconds <= NUMERIC_DATE_SECONDS_MAX { Ok(UnixSeconds::new(seconds)) } else { Err(ClaimFault::OutOfRange) }
}

/// The integer part of a number that may have a fraction, by way of its decimal digits: there is no checked conversion.
fn whole_seconds(number: f64) -> Result<u64, ClaimFault> {
    if !(number.is_finite() && number >= 0.0) {
        return Err(ClaimFault::OutOfRange);
    }
    let digits = format!("{:.0}", number.trunc().abs());
    digits.parse().map_err(|_| ClaimFault::OutOfRange)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
