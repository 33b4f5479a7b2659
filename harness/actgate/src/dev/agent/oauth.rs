//! The client side of OAuth: client assertions, token requests, and what may be told about them.
//!
//! Guaranteed: every token request carries a fresh `private_key_jwt` assertion, and its record names
//! parameters from a list of harmless ones only.
//! Absent on purpose: retries. An ID-JAG works once, so an ambiguous answer ends the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::bearer::Token;
use super::client::{CallError, Client, Reply, Target};
use crate::dev::issuer::http::UnixSeconds;
use crate::dev::keys::{SigningKey, random};
use crate::dev::mint;

/// RFC 8693 §2.1.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 7523 §2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The ID-JAG draft's token type.
pub const TYPE_ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
/// RFC 8693 §3.
pub const TYPE_ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Parameters that are no credential and may be shown as they are.
const SHOWN: [&str; 9] = [
    "grant_type",
    "requested_token_type",
    "subject_token_type",
    "audience",
    "resource",
    "scope",
    "client_assertion_type",
    "redirect_uri",
    "client_id",
];

/// Parameters that are tokens and are shown decoded.
const DECODED: [&str; 3] = ["subject_token", "assertion", "client_assertion"];

/// Members of a token response that are no credential.
const RESPONSE_SHOWN: [&str; 7] =
    ["issued_token_type", "token_type", "expires_in", "scope", "resource", "error", "error_description"];

/// An authorization server as its clients know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// The issuer identifier.
    pub issuer: String,
    /// The token endpoint.
    pub token_endpoint: Target,
    /// What it wants as `aud` of a client assertion.
    pub assertion_audience: String,
}

/// A registered client with its key in hand.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    client_id: String,
    key: SigningKey,
}

/// A token response.
#[derive(Debug)]
pub struct Issued {
    /// The member `access_token`, which also carries an ID-JAG.
    pub token: Token,
    /// The member `id_token`.
    pub id_token: Option<Token>,
}

/// A token request that was sent, and what came of it.
#[derive(Debug)]
pub struct TokenCall {
    /// The parameters, credentials decoded or redacted.
    pub sent: Value,
    /// The answer.
    pub reply: Result<Reply, CallError>,
}

impl OAuthClient {
    /// A client and the key it authenticates with.
    pub fn new(client_id: impl Into<String>, key: SigningKey) -> Self {
        Self { client_id: client_id.into(), key }
    }

    /// The client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Sends a token request with a fresh client assertion.
    pub async fn request_token(
        &self,
        http: &Client,
        server: &AuthorizationServer,
        grant: &[(&str, &str)],
    ) -> TokenCall {
        let now = UnixSeconds::from_system_clock();
        let jti = fresh_secret();
        let assertion = mint::client_assertion(&self.key, &self.client_id, &server.assertion_audience, &jti, now);
        let mut fields = grant.to_vec();
        fields.push(("client_assertion_type", mint::CLIENT_ASSERTION_TYPE));
        fields.push(("client_assertion", &assertion));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let reply = http.post(&server.token_endpoint, &headers, body.into_bytes()).await;
        TokenCall { sent: shown(&fields), reply }
    }
}

impl Issued {
    /// Reads a token response.
    pub fn from_reply(reply: &Reply) -> Option<Self> {
        let body = reply.json();
        let token = (reply.status == 200).then(|| body.get("access_token"))??.as_str()?;
        let id_token = body.get("id_token").and_then(Value::as_str).map(Token::new);
        Some(Self { token: Token::new(token), id_token })
    }

    /// What may be told of a token response: harmless members, and the token decoded under this name.
    pub fn shown(reply: &Reply, name: &str) -> Value {
        let body = reply.json();
        let mut shown = Map::new();
        for member in RESPONSE_SHOWN {
            if let Some(value) = body.get(member) {
                shown.insert(member.to_owned(), value.clone());
            }
        }
        if let Some(issued) = Self::from_reply(reply) {
            shown.insert(name.to_owned(), issued.token.decoded());
        }
        Value::Object(shown)
    }
}

fn shown(fields: &[(&str, &str)]) -> Value {
    let mut shown = Map::new();
    for (name, value) in fields {
        let value = if SHOWN.contains(name) {
            json!(value)
        } else if DECODED.contains(name) {
            Token::new(*value).decoded()
        } else {
            json!("[redacted]")
        };
        shown.insert((*name).to_owned(), value);
    }
    Value::Object(shown)
}

/// 256 bits from the system in base64url: a `jti`, a `state`, a code verifier (RFC 7636 §4.1: 43 characters).
pub fn fresh_secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// The S256 code challenge of a verifier (RFC 7636 §4.2).
pub fn code_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac_sha256::Hash::hash(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::keys::Algorithm;

    /// RFC 7636 appendix B.
    #[test]
    fn the_code_challenge_is_the_one_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(code_challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_record_of_a_token_request_holds_no_credential() {
        let token = mint::access_token(&SigningKey::generate(Algorithm::Es256, "k"), &json!({ "sub": "u" }));
        let signature = token.rsplit('.').next().unwrap_or_default();
        let fields =
            [("grant_type", JWT_BEARER), ("assertion", &token), ("code_verifier", "v3r1f13r"), ("new", "s3cr3t")];
        let shown = shown(&fields).to_string();
        for secret in [signature, "v3r1f13r", "s3cr3t"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains(r#""sub":"u""#));
    }
}
