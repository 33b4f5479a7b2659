//! `application/x-www-form-urlencoded` bodies of the token endpoint, and the calls that carry them.

use ct_codecs::{Base64, Encoder as _};
use serde_json::{Map, Value};

use crate::config::{
    Agent, AssertionAudience, AssertionKey, AuthorizationServer, ClientAuthentication, DpopKey, Endpoint,
};
use crate::dpop::{GivenNonces, own};
use crate::flight::{Callout, FlightId};
use crate::limits::CLIENT_ASSERTION_LIFETIME_SECONDS;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, hex};

pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(crate) const TRANSACTION_TOKEN: &str = "urn:ietf:params:oauth:token-type:txn_token";
pub(crate) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const CLIENT_ASSERTION_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form under construction, and the headers that go with it. They hold secrets, so none can be printed.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Redacted<String>,
    authorization: Option<Redacted<String>>,
    proof: Option<Redacted<String>>,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { fields: Redacted::new(String::new()), authorization: None, proof: None }
    }

    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        let mut text = self.fields.into_exposed();
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
        Self { fields: Redacted::new(text), ..self }
    }

    /// Adds `agent`'s authentication at `server`, by the first of its keys or secrets there or a later one.
    ///
    /// # Errors
    ///
    /// [`Rejection::Internal`] where configuration should have ruled it out, or where signing fails.
    pub(crate) fn authenticated(
        self,
        agent: &Agent,
        nth: usize,
        server: &AuthorizationServer,
        endpoint: &Endpoint,
        ambient: &mut Ambient<'_>,
    ) -> Result<Self, Rejection> {
        let method = agent.credential.as_ref().and_then(|credential| credential.at(&server.name, nth, ambient.now));
        let client = agent.client_id(&server.name);
        match method.ok_or(Rejection::Internal("acting agent without a credential"))? {
            ClientAuthentication::PrivateKeyJwt(key) => {
                let assertion = client_assertion(key, client, server, endpoint, ambient)?;
                Ok(self
                    .field("client_assertion_type", CLIENT_ASSERTION_JWT)
                    .field("client_assertion", assertion.expose()))
            }
            ClientAuthentication::SecretBasic(secret) => {
                Ok(Self { authorization: Some(basic(client, secret)?), ..self })
            }
            ClientAuthentication::SecretPost(secret) => {
                Ok(self.field("client_id", client).field("client_secret", secret.expose()))
            }
            // RFC 8705 §2: "the client MUST include the "client_id" OAuth 2.0 request parameter".
            ClientAuthentication::TlsClientAuth => Ok(self.field("client_id", client)),
        }
    }

    /// Adds a proof of `key` for this one call, with the nonce that the server wants (RFC 9449 §5, §8).
    ///
    /// # Errors
    ///
    /// [`Rejection::Internal`] where signing fails.
    pub(crate) fn proving(
        self,
        key: Option<&DpopKey>,
        (server, endpoint): (&AuthorizationServer, &Endpoint),
        nonces: &GivenNonces,
        ambient: &mut Ambient<'_>,
    ) -> Result<Self, Rejection> {
        let Some(key) = key else {
            return Ok(self);
        };
        let proof = own::make(key, own::For::token(endpoint, nonces.of_server(&server.name)), ambient)?;
        Ok(Self { proof: Some(proof), ..self })
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
            authorization: self.authorization,
            proof: self.proof,
            body: self.fields,
            timeout: server.timeout,
        })
    }
}

/// A client assertion with a fresh `jti`, for one call alone (RFC 7523 §2.2).
fn client_assertion(
    key: &AssertionKey,
    client: &str,
    server: &AuthorizationServer,
    endpoint: &Endpoint,
    ambient: &mut Ambient<'_>,
) -> Result<Redacted<String>, Rejection> {
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
    let header = [
        ("kid", key.kid.as_deref()),
        ("x5t#S256", key.x5t_s256.as_deref()),
        // draft-ietf-oauth-rfc7523bis: the explicit type of a client assertion.
        ("typ", Some("client-authentication+jwt")),
    ];
    ambient
        .signatures
        .sign_jwt(&key.key, &header, &claims)
        .map_err(|_| Rejection::Internal("client assertion not signed"))
}

/// RFC 6749 §2.3.1: both halves are form-encoded before RFC 7617 joins them, so that a `:` in one cannot move into the other.
fn basic(client: &str, secret: &Redacted<String>) -> Result<Redacted<String>, Rejection> {
    let mut pair = String::new();
    encode(&mut pair, client);
    pair.push(':');
    encode(&mut pair, secret.expose());
    let coded = Base64::encode_to_string(pair).map_err(|_| Rejection::Internal("client secret not encoded"))?;
    Ok(Redacted::new(format!("Basic {coded}")))
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
        assert_eq!(form.fields.expose(), "scope=a%3Aread+b%2Bc&resource=https%3A%2F%2Fh%2Fp%3Fq%3D1%26r%3D%C3%A9");
    }

    /// RFC 6749 §2.3.1 with appendix B: a colon, a space, a plus and a percent sign survive.
    #[test]
    fn a_secret_is_form_encoded_before_it_is_joined() {
        let header = basic("agent:1", &Redacted::new("p+w %:é".to_owned()));
        let text = header.map(|header| header.expose().clone());
        let want = Base64::encode_to_string("agent%3A1:p%2Bw+%25%3A%C3%A9").map(|coded| format!("Basic {coded}"));
        assert_eq!(text.ok(), want.ok());
    }

    #[test]
    fn a_form_cannot_be_printed() {
        let form = Form::new().field("subject_token", "s3cret");
        assert!(!format!("{form:?}").contains("s3cret"));
    }
}
