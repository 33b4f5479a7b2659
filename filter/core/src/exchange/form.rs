//! `application/x-www-form-urlencoded` bodies of the token endpoint, and the calls that carry them.

use serde_json::{Map, Value};

use crate::config::{Agent, AssertionAudience, AuthorizationServer, Endpoint};
use crate::flight::{Callout, FlightId};
use crate::limits::CLIENT_ASSERTION_LIFETIME_SECONDS;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, hex};

pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(crate) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const CLIENT_ASSERTION_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form under construction. Its text holds tokens, so it cannot be printed.
#[derive(Debug)]
pub(crate) struct Form(Redacted<String>);

impl Form {
    pub(crate) fn new() -> Self {
        Self(Redacted::new(String::new()))
    }

    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        let mut text = self.0.into_exposed();
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
        Self(Redacted::new(text))
    }

    /// Adds `agent`'s authentication at `server`: a client assertion with a fresh `jti`, for this call alone (RFC 7523 §2.2).
    ///
    /// # Errors
    ///
    /// [`Rejection::Internal`] where configuration should have ruled it out, or where signing fails.
    pub(crate) fn authenticated(
        self,
        agent: &Agent,
        server: &AuthorizationServer,
        endpoint: &Endpoint,
        ambient: &mut Ambient<'_>,
    ) -> Result<Self, Rejection> {
        let credential = agent.credential.as_ref().ok_or(Rejection::Internal("acting agent without a credential"))?;
        let client = agent.client_id(&server.name);
        let audience = match &server.client_assertion_audience {
            AssertionAudience::Issuer => server.issuer.as_str(),
            AssertionAudience::TokenEndpoint => endpoint.url.as_str(),
            AssertionAudience::Explicit(audience) => audience.as_str(),
        };
        let issued_at = ambient.now.get();
        let mut claims = Map::new();
        for (name, value) in [("iss", client), ("sub", client), ("aud", audience)] {
            claims.insert(name.to_owned(), Value::from(value));
        }
        claims.insert("jti".to_owned(), Value::from(hex(&(ambient.draw)())));
        claims.insert("iat".to_owned(), Value::from(issued_at));
        let expires_at = issued_at.saturating_add(CLIENT_ASSERTION_LIFETIME_SECONDS);
        claims.insert("exp".to_owned(), Value::from(expires_at));
        let assertion = credential
            .key
            .sign_jwt(
                // draft-ietf-oauth-rfc7523bis: the explicit type of a client assertion.
                Some("client-authentication+jwt"),
                credential.kid.as_deref(),
                &claims,
            )
            .map_err(|_| Rejection::Internal("client assertion not signed"))?;
        Ok(self.field("client_assertion_type", CLIENT_ASSERTION_JWT).field("client_assertion", assertion.expose()))
    }

    /// The POST of this form to `endpoint` through the cluster of `server`.
    ///
    /// No retry header of the host is ever set: a retry is ours to decide, with a fresh assertion.
    pub(crate) fn post(
        self,
        flight: FlightId,
        server: &AuthorizationServer,
        endpoint: &Endpoint,
    ) -> Result<Callout, Rejection> {
        let cluster = server.cluster.clone().ok_or(Rejection::Internal("token endpoint without a cluster"))?;
        Ok(Callout {
            flight,
            cluster,
            headers: vec![
                (":method", "POST".to_owned()),
                (":scheme", endpoint.scheme.as_str().to_owned()),
                (":authority", endpoint.authority.clone()),
                (":path", endpoint.path.clone()),
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("accept", "application/json".to_owned()),
            ],
            body: self.0,
            timeout: server.timeout,
        })
    }
}

/// WHATWG URL, `application/x-www-form-urlencoded` percent-encode set; a space becomes `+`.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => {
                out.push('%');
                out.push_str(&hex(&[other]).to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_once() {
        let form = Form::new().field("scope", "a:read b+c").field("resource", "https://h/p?q=1&r=é");
        assert_eq!(form.0.expose(), "scope=a%3Aread+b%2Bc&resource=https%3A%2F%2Fh%2Fp%3Fq%3D1%26r%3D%C3%A9");
    }

    #[test]
    fn a_form_cannot_be_printed() {
        let form = Form::new().field("subject_token", "s3cret");
        assert!(!format!("{form:?}").contains("s3cret"));
    }
}
