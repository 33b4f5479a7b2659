//! What an introspection endpoint answered, read as data from a stranger (RFC 7662 §2.2).
//!
//! Status first, content type second, body third, as for a token endpoint; nothing of the body is ever repeated.
//! `active` is `true` or `false` and nothing that some language takes for it.

use std::sync::Arc;

use serde_json::Value;

use super::{Introspected, Told};
use crate::exchange::answer::is_json;
use crate::flight::CalloutAnswer;
use crate::json;
use crate::jwt::Claims;
use crate::limits::{INTROSPECTION_RESPONSE_BYTES_MAX, TOKEN_JSON_DEPTH_MAX};
use crate::rejection::Rejection;

/// Reads what a server says of a token.
///
/// # Errors
///
/// The refusal of the request that waits for it.
pub(crate) fn read(answer: &CalloutAnswer<'_>) -> Result<Told, Rejection> {
    let invalid = Rejection::AuthorizationServerAnswerInvalid;
    let (status, content_type, body) = match answer {
        CalloutAnswer::Failed => return Err(Rejection::AuthorizationServerUnavailable),
        CalloutAnswer::Response { status, content_type, body, .. } => (*status, *content_type, *body),
    };
    match status {
        200 => {}
        // RFC 7662 §2.3: the client is not known, or may not ask.
        401 | 403 => return Err(Rejection::AgentCredentialRefused),
        408 | 429 | 500..=599 => return Err(Rejection::AuthorizationServerUnavailable),
        _elsewhere => return Err(invalid),
    }
    if !content_type.is_some_and(is_json) || body.len() > INTROSPECTION_RESPONSE_BYTES_MAX {
        return Err(invalid);
    }
    let Ok(Value::Object(mut members)) = json::parse(body, TOKEN_JSON_DEPTH_MAX) else {
        return Err(invalid);
    };
    match members.remove("active") {
        Some(Value::Bool(true)) => {}
        // RFC 7662 §2.2: whatever else is said of it then is nobody's business.
        Some(Value::Bool(false)) => return Ok(Told::Inactive),
        Some(_) | None => return Err(invalid),
    }
    // It is about the token and not of it.
    let token_type = match members.remove("token_type") {
        Some(Value::String(token_type)) => Some(token_type),
        None => None,
        Some(_) => return Err(invalid),
    };
    let claims = Claims::told(members);
    Ok(Told::Active(Arc::new(Introspected { claims, token_type, bytes: body.len() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&[u8]> = Some(b"application/json");

    fn told(status: u16, content_type: Option<&[u8]>, body: &str) -> Result<bool, Rejection> {
        let answer = CalloutAnswer::response(status, content_type, body.as_bytes());
        read(&answer).map(|told| matches!(told, Told::Active(_)))
    }

    #[test]
    fn active_is_a_boolean() {
        assert_eq!(told(200, JSON, r#"{"active":true}"#), Ok(true));
        assert_eq!(told(200, JSON, r#"{"active":false,"sub":7}"#), Ok(false));
        for body in [
            "",
            "true",
            "[]",
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
            r#"{"active":[true]}"#,
            r#"{"Active":true}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"\u0061ctive":true}"#,
            r#"{"active":true,"sub":"a","sub":"b"}"#,
            r#"{"active":true} {"active":true}"#,
            r#"{"active":true,"token_type":7}"#,
        ] {
            assert_eq!(told(200, JSON, body), Err(Rejection::AuthorizationServerAnswerInvalid), "{body}");
        }
    }

    #[test]
    fn every_other_answer_refuses() {
        let good = r#"{"active":true}"#;
        for content_type in [None, Some(b"text/html".as_slice()), Some(b"application/token-introspection+jwt")] {
            assert_eq!(told(200, content_type, good), Err(Rejection::AuthorizationServerAnswerInvalid));
        }
        for (status, want) in [
            (401, Rejection::AgentCredentialRefused),
            (403, Rejection::AgentCredentialRefused),
            (408, Rejection::AuthorizationServerUnavailable),
            (429, Rejection::AuthorizationServerUnavailable),
            (500, Rejection::AuthorizationServerUnavailable),
            (503, Rejection::AuthorizationServerUnavailable),
            (201, Rejection::AuthorizationServerAnswerInvalid),
            (302, Rejection::AuthorizationServerAnswerInvalid),
            (400, Rejection::AuthorizationServerAnswerInvalid),
            (404, Rejection::AuthorizationServerAnswerInvalid),
        ] {
            assert_eq!(told(status, JSON, good), Err(want), "{status}");
        }
        assert_eq!(read(&CalloutAnswer::Failed).err(), Some(Rejection::AuthorizationServerUnavailable));
    }

    #[test]
    fn an_answer_is_bounded() {
        let body = |bytes: usize| {
            let start = r#"{"active":true,"pad":""#;
            format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
        };
        assert_eq!(told(200, JSON, &body(INTROSPECTION_RESPONSE_BYTES_MAX)), Ok(true));
        let past = told(200, JSON, &body(INTROSPECTION_RESPONSE_BYTES_MAX + 1));
        assert_eq!(past, Err(Rejection::AuthorizationServerAnswerInvalid));
    }
}
