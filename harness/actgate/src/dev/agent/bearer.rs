//! Bearer tokens as values that do not print themselves.
//!
//! Guaranteed: neither `Debug` nor a hop record shows a token; what is shown is what it decodes to.

use std::fmt;

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::dev::mint;

/// A credential as it goes over the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as issued or received.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for the wire and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Header and claims, unverified, for people to read.
    pub fn decoded(&self) -> Value {
        let claims = mint::claims_of(&self.0);
        if claims.is_object() {
            json!({ "header": mint::header_of(&self.0), "claims": claims })
        } else {
            json!({ "opaque": true })
        }
    }

    /// The value of an `Authorization` field (RFC 6750 §2.1).
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The bearer token of a request, when it carries exactly one credential.
    pub fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let field = fields.next()?.to_str().ok()?;
        let (scheme, token) = field.split_once(' ')?;
        // RFC 9110 §11.1: the scheme is compared without case.
        let bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && fields.next().is_none();
        bearer.then(|| Self::new(token.trim_start_matches(' ')))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::AUTHORIZATION, field.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn exactly_one_bearer_credential_is_read() {
        assert_eq!(Token::of_request(&request(&["bearer abc"])), Some(Token::new("abc")));
        for fields in [&[][..], &["Basic abc"], &["Bearer "], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(Token::of_request(&request(fields)), None, "{fields:?}");
        }
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = Token::new("e30.e30.c2ln");
        assert_eq!(format!("{token:?} {:?}", Some(&token)), "[redacted] Some([redacted])");
        assert!(!token.decoded().to_string().contains("c2ln"));
        assert_eq!(Token::new("opaque-reference").decoded(), json!({ "opaque": true }));
    }
}
