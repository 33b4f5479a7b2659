//! What a token endpoint answered, read as data from a stranger.
//!
//! Status first, content type second, body third. Nothing of the body is ever repeated to the caller or in a log:
//! an error answer is reduced to one of the registered words.

use serde_json::{Map, Value};

use crate::config::{Acquisition, Kind, RequestedTokenType, ScopeSet};
use crate::exchange::form::{ID_JAG, JWT, TRANSACTION_TOKEN};
use crate::exchange::lineage::LineageError;
use crate::flight::CalloutAnswer;
use crate::json;
use crate::limits::{JSON_DEPTH_MAX, TOKEN_BYTES_MAX, TOKEN_RESPONSE_BYTES_MAX};
use crate::redacted::Redacted;
use crate::rejection::Rejection;

/// Which call was answered; the same word means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// Hop 7: token exchange for an identity assertion.
    IdJag,
    /// Hop 7: token exchange for a JWT grant.
    JwtGrant,
    /// Hop 8: jwt-bearer grant.
    AccessToken,
    /// Both hops in one: token exchange for the token itself.
    TokenExchange(RequestedTokenType),
    /// Hop 8 without an inbound token.
    ClientCredentials,
    /// Token exchange for a transaction token.
    TransactionToken,
}

impl Hop {
    /// The call whose answer is the token.
    pub(crate) fn for_token(kind: &Kind) -> Self {
        match kind {
            Kind::IdJag(_) | Kind::IdentityChaining(_) => Self::AccessToken,
            Kind::TokenExchange(asked) => Self::TokenExchange(asked.requested),
            Kind::ClientCredentials { .. } => Self::ClientCredentials,
            Kind::TransactionToken(_) => Self::TransactionToken,
        }
    }

    /// The call whose answer is the grant for the other one.
    pub(crate) fn for_grant(kind: &Kind) -> Self {
        match kind {
            Kind::IdentityChaining(_) => Self::JwtGrant,
            Kind::IdJag(_) | Kind::TokenExchange(_) | Kind::ClientCredentials { .. } | Kind::TransactionToken(_) => {
                Self::IdJag
            }
        }
    }

    /// For records: the blueprint's number.
    pub fn number(self) -> u8 {
        match self {
            Self::IdJag | Self::JwtGrant => 7,
            Self::AccessToken | Self::TokenExchange(_) | Self::ClientCredentials | Self::TransactionToken => 8,
        }
    }

    /// The type that the response must state, where it must state one (RFC 8693 §2.2.1).
    fn issued_token_type(self) -> Option<&'static str> {
        match self {
            Self::IdJag => Some(ID_JAG),
            Self::JwtGrant => Some(JWT),
            Self::TokenExchange(requested) => Some(requested.urn()),
            Self::TransactionToken => Some(TRANSACTION_TOKEN),
            Self::AccessToken | Self::ClientCredentials => None,
        }
    }

    /// True where the answer is sent upstream as the credential.
    fn is_sent_on(self) -> bool {
        match self {
            Self::AccessToken | Self::TokenExchange(_) | Self::ClientCredentials => true,
            Self::IdJag | Self::JwtGrant | Self::TransactionToken => false,
        }
    }
}

/// How the token is to be sent on, which the answer must say (RFC 6749 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By whoever has it.
    Bearer,
    /// Beside a proof of the key that it is tied to.
    Dpop,
}

impl Scheme {
    /// How a token of that exchange is sent on.
    pub(crate) fn of(exchange: &Acquisition) -> Self {
        if exchange.dpop.is_some() { Self::Dpop } else { Self::Bearer }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Dpop => "dpop",
        }
    }
}

/// A successful token response, in form only: the token in it is still unverified.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub(crate) token: Redacted<String>,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) expires_in: Option<u64>,
}

/// Reads `answer` as the answer to `hop`.
///
/// # Errors
///
/// The refusal of the request that waits for it.
pub(crate) fn read(hop: Hop, answer: &CalloutAnswer<'_>, scheme: Scheme) -> Result<TokenResponse, Rejection> {
    let (status, content_type, body) = match answer {
        CalloutAnswer::Failed => return Err(Rejection::AuthorizationServerUnavailable),
        CalloutAnswer::Response { status, content_type, body, .. } => (*status, *content_type, *body),
    };
    match status {
        200 => success(hop, &object(content_type, body)?, scheme),
        400 | 401 | 403 => Err(refusal(hop, &object(content_type, body)?)),
        408 | 429 | 500..=599 => Err(Rejection::AuthorizationServerUnavailable),
        // A redirect is never followed: the token endpoint is configuration, not the answer's choice.
        _elsewhere => Err(Rejection::AuthorizationServerAnswerInvalid),
    }
}

/// True where asking again, with a fresh client assertion, is safe: the server can have done nothing but issue what nobody holds.
pub(crate) fn may_ask_again(hop: Hop, answer: &CalloutAnswer<'_>) -> bool {
    hop != Hop::AccessToken && is_transient(answer)
}

/// True where nothing was answered, or that there is nobody now who could.
pub(crate) fn is_transient(answer: &CalloutAnswer<'_>) -> bool {
    match answer {
        CalloutAnswer::Failed => true,
        CalloutAnswer::Response { status, .. } => *status == 503,
    }
}

/// True where the server refused the agent's credential itself, so that another one may be the one it knows by now.
pub(crate) fn is_unknown_client(answer: &CalloutAnswer<'_>) -> bool {
    is_error(answer, "invalid_client")
}

/// True where the server did nothing because it wants its nonce in the proof (RFC 9449 §8).
pub(crate) fn wants_nonce(answer: &CalloutAnswer<'_>) -> bool {
    is_error(answer, "use_dpop_nonce")
}

fn is_error(answer: &CalloutAnswer<'_>, word: &str) -> bool {
    let CalloutAnswer::Response { status: 400 | 401, content_type, body, .. } = answer else {
        return false;
    };
    object(*content_type, body).is_ok_and(|object| object.get("error").and_then(Value::as_str) == Some(word))
}

fn object(content_type: Option<&[u8]>, body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let invalid = Rejection::AuthorizationServerAnswerInvalid;
    if !content_type.is_some_and(is_json) || body.len() > TOKEN_RESPONSE_BYTES_MAX {
        return Err(invalid);
    }
    match json::parse(body, JSON_DEPTH_MAX) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(invalid),
    }
}

/// `application/json`, with or without parameters, in any case (RFC 9110 §8.3.1).
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    content_type
        .split(|byte| *byte == b';')
        .next()
        .is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}

fn success(hop: Hop, object: &Map<String, Value>, scheme: Scheme) -> Result<TokenResponse, Rejection> {
    let invalid = Rejection::AuthorizationServerAnswerInvalid;
    let token = text(object, "access_token")?.ok_or(invalid)?;
    // An opaque token becomes a header as it stands: a line break in it would begin another one.
    if token.len() > TOKEN_BYTES_MAX || !is_b64token(token) {
        return Err(invalid);
    }
    let token_type = text(object, "token_type")?.ok_or(invalid)?;
    // A grant is decided by `issued_token_type` alone: servers differ between `N_A` and `Bearer` in `token_type`.
    let typed = match hop.issued_token_type() {
        Some(wanted) => text(object, "issued_token_type")? == Some(wanted),
        None => true,
    };
    // RFC 9449 §5: a server that knows nothing of proofs answers `Bearer`, and so does one that was made to forget them.
    if !typed || (hop.is_sent_on() && !token_type.eq_ignore_ascii_case(scheme.word())) {
        return Err(Rejection::Lineage(LineageError::TokenType));
    }
    let scopes = match text(object, "scope")? {
        None => None,
        Some(scope) => Some(ScopeSet::parse(scope).map_err(|_| invalid)?),
    };
    let expires_in = match object.get("expires_in") {
        None => None,
        Some(Value::Number(seconds)) => Some(seconds.as_u64().ok_or(invalid)?),
        Some(_) => return Err(invalid),
    };
    Ok(TokenResponse { token: Redacted::new(token.to_owned()), scopes, expires_in })
}

/// RFC 6750 §2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fn text<'a>(object: &'a Map<String, Value>, member: &str) -> Result<Option<&'a str>, Rejection> {
    match object.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Rejection::AuthorizationServerAnswerInvalid),
    }
}

fn refusal(hop: Hop, object: &Map<String, Value>) -> Rejection {
    match (object.get("error").and_then(Value::as_str), hop) {
        (Some("invalid_scope" | "invalid_target" | "access_denied" | "actor_unauthorized"), _) => {
            Rejection::ExchangeDenied
        }
        (Some("insufficient_user_authentication"), _) => Rejection::StepUpRequired,
        (Some("interaction_required" | "consent_required"), _) => Rejection::InteractionRequired,
        (Some("invalid_client" | "unauthorized_client"), _) => Rejection::AgentCredentialRefused,
        (Some("invalid_grant"), Hop::IdJag | Hop::JwtGrant | Hop::TokenExchange(_) | Hop::TransactionToken) => {
            Rejection::SubjectTokenRefused
        }
        (Some("invalid_grant"), Hop::AccessToken | Hop::ClientCredentials) => Rejection::GrantRefused,
        (Some("temporarily_unavailable" | "server_error"), _) => Rejection::AuthorizationServerUnavailable,
        (Some(_) | None, _) => Rejection::AuthorizationServerAnswerInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&[u8]> = Some(b"application/json");

    fn answer<'a>(status: u16, content_type: Option<&'a [u8]>, body: &'a str) -> CalloutAnswer<'a> {
        CalloutAnswer::response(status, content_type, body.as_bytes())
    }

    fn refused(hop: Hop, answer: &CalloutAnswer<'_>, want: Rejection) {
        assert_eq!(read(hop, answer, Scheme::Bearer).err(), Some(want), "{answer:?}");
    }

    #[test]
    fn registered_errors_map_by_hop() {
        for (word, first, second) in [
            ("invalid_scope", Rejection::ExchangeDenied, Rejection::ExchangeDenied),
            ("invalid_target", Rejection::ExchangeDenied, Rejection::ExchangeDenied),
            ("access_denied", Rejection::ExchangeDenied, Rejection::ExchangeDenied),
            ("invalid_grant", Rejection::SubjectTokenRefused, Rejection::GrantRefused),
            ("invalid_client", Rejection::AgentCredentialRefused, Rejection::AgentCredentialRefused),
            ("interaction_required", Rejection::InteractionRequired, Rejection::InteractionRequired),
            ("insufficient_user_authentication", Rejection::StepUpRequired, Rejection::StepUpRequired),
            ("unheard_of", Rejection::AuthorizationServerAnswerInvalid, Rejection::AuthorizationServerAnswerInvalid),
        ] {
            let body = format!(r#"{{"error":"{word}","error_description":"x"}}"#);
            refused(Hop::IdJag, &answer(400, JSON, &body), first);
            refused(Hop::AccessToken, &answer(401, JSON, &body), second);
        }
    }

    #[test]
    fn every_other_status_refuses() {
        let good = r#"{"access_token":"t","token_type":"Bearer"}"#;
        for status in [408, 429, 500, 502, 503, 504, 599] {
            refused(Hop::AccessToken, &answer(status, JSON, good), Rejection::AuthorizationServerUnavailable);
        }
        for status in [0, 100, 201, 204, 301, 302, 307, 404, 405, 600] {
            refused(Hop::AccessToken, &answer(status, JSON, good), Rejection::AuthorizationServerAnswerInvalid);
        }
        refused(Hop::AccessToken, &CalloutAnswer::Failed, Rejection::AuthorizationServerUnavailable);
    }

    #[test]
    fn a_success_of_any_other_shape_refuses() {
        let invalid = Rejection::AuthorizationServerAnswerInvalid;
        for (content_type, body) in [
            (None, r#"{"access_token":"t","token_type":"Bearer"}"#),
            (Some(b"text/html".as_slice()), r#"{"access_token":"t","token_type":"Bearer"}"#),
            (JSON, ""),
            (JSON, "[]"),
            (JSON, r#"{"token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":7,"token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t\r\nx-admin: 1","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t u","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t,u","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"=","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t=u","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"\u00e9","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t"}"#),
            (JSON, r#"{"access_token":"t","access_token":"u","token_type":"Bearer"}"#),
            (JSON, r#"{"access_token":"t","token_type":"Bearer","scope":["a"]}"#),
            (JSON, r#"{"access_token":"t","token_type":"Bearer","expires_in":"1"}"#),
            (JSON, r#"{"access_token":"t","token_type":"Bearer","expires_in":-1}"#),
        ] {
            refused(Hop::AccessToken, &answer(200, content_type, body), invalid);
        }
        let wrong_type = Rejection::Lineage(LineageError::TokenType);
        let body = r#"{"access_token":"t","token_type":"DPoP"}"#;
        refused(Hop::AccessToken, &answer(200, JSON, body), wrong_type);
        let body = r#"{"access_token":"t","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
        refused(Hop::IdJag, &answer(200, JSON, body), wrong_type);
        refused(Hop::IdJag, &answer(200, JSON, r#"{"access_token":"t","token_type":"N_A"}"#), wrong_type);
    }

    #[test]
    fn the_scheme_is_the_one_that_was_proven_for() {
        let hop = Hop::AccessToken;
        let wrong_type = Some(Rejection::Lineage(LineageError::TokenType));
        for (token_type, scheme, want) in [
            ("DPoP", Scheme::Dpop, None),
            ("dpop", Scheme::Dpop, None),
            ("Bearer", Scheme::Dpop, wrong_type),
            ("N_A", Scheme::Dpop, wrong_type),
            ("DPoP", Scheme::Bearer, wrong_type),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":"{token_type}"}}"#);
            assert_eq!(read(hop, &answer(200, JSON, &body), scheme).err(), want, "{token_type} {scheme:?}");
        }
    }

    #[test]
    fn a_wish_for_a_nonce_is_one_word_with_one_of_two_statuses() {
        let body = r#"{"error":"use_dpop_nonce"}"#;
        for (status, want) in [(400, true), (401, true), (403, false), (200, false), (500, false)] {
            assert_eq!(wants_nonce(&answer(status, JSON, body)), want, "{status}");
        }
        assert!(!wants_nonce(&answer(400, JSON, r#"{"error":"invalid_dpop_proof"}"#)));
        assert!(!wants_nonce(&answer(400, Some(b"text/html"), body)) && !wants_nonce(&CalloutAnswer::Failed));
    }

    #[test]
    fn an_exchange_must_say_what_it_issued() {
        let hop = Hop::TokenExchange(RequestedTokenType::AccessToken);
        let body = |kind: &str, token_type: &str| {
            format!(
                r#"{{"access_token":"t","token_type":"{token_type}","issued_token_type":"urn:ietf:params:oauth:token-type:{kind}"}}"#
            )
        };
        assert!(read(hop, &answer(200, JSON, &body("access_token", "bearer")), Scheme::Bearer).is_ok());
        let wrong_type = Rejection::Lineage(LineageError::TokenType);
        for (kind, token_type) in [
            ("access_token", "N_A"),
            ("access_token", "DPoP"),
            ("jwt", "Bearer"),
            ("refresh_token", "Bearer"),
            ("id-jag", "Bearer"),
        ] {
            refused(hop, &answer(200, JSON, &body(kind, token_type)), wrong_type);
        }
        refused(hop, &answer(200, JSON, r#"{"access_token":"t","token_type":"Bearer"}"#), wrong_type);
        refused(Hop::JwtGrant, &answer(200, JSON, &body("id-jag", "N_A")), wrong_type);
        assert!(read(Hop::JwtGrant, &answer(200, JSON, &body("jwt", "N_A")), Scheme::Bearer).is_ok());
    }

    #[test]
    fn the_response_is_bounded() {
        let body = |bytes: usize| {
            let start = r#"{"access_token":"t","token_type":"Bearer","pad":""#;
            format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
        };
        assert!(read(Hop::AccessToken, &answer(200, JSON, &body(TOKEN_RESPONSE_BYTES_MAX)), Scheme::Bearer).is_ok());
        refused(
            Hop::AccessToken,
            &answer(200, JSON, &body(TOKEN_RESPONSE_BYTES_MAX + 1)),
            Rejection::AuthorizationServerAnswerInvalid,
        );
    }

    #[test]
    fn what_spends_a_grant_is_never_asked_again() {
        assert!(may_ask_again(Hop::IdJag, &CalloutAnswer::Failed));
        assert!(may_ask_again(Hop::IdJag, &answer(503, JSON, "")));
        assert!(!may_ask_again(Hop::IdJag, &answer(504, JSON, "")));
        assert!(!may_ask_again(Hop::IdJag, &answer(400, JSON, "")));
        assert!(!may_ask_again(Hop::AccessToken, &CalloutAnswer::Failed));
        assert!(!may_ask_again(Hop::AccessToken, &answer(503, JSON, "")));
        assert!(may_ask_again(Hop::TokenExchange(RequestedTokenType::Jwt), &answer(503, JSON, "")));
    }
}
