//! The forms of OAuth: parameters in, refusals out.
//!
//! Guaranteed: a refusal names one registered error code and fits RFC 6749 §5.2.
//! Absent on purpose: which rule refuses; that is the grants' business.

use serde_json::{Map, Value, json};

use super::http::{HttpRequest, HttpResponse};

pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(crate) const TYPE_TRANSACTION_TOKEN: &str = "urn:ietf:params:oauth:token-type:txn_token";
pub(crate) const TYP_TRANSACTION_TOKEN: &str = "txntoken+jwt";
pub(crate) const TYPE_JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(crate) const TYPE_ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
pub(crate) const TYPE_ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const TYPE_ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
pub(crate) const TYP_ID_JAG: &str = "oauth-id-jag+jwt";

/// A refusal in OAuth form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl Refusal {
    pub(crate) fn request(description: &'static str) -> Self {
        Self { status: 400, error: "invalid_request", description }
    }

    /// RFC 6749 §5.2 leaves 400 or 401; 401 is what a failed authentication is called.
    pub(crate) fn client(description: &'static str) -> Self {
        Self { status: 401, error: "invalid_client", description }
    }

    /// RFC 9449 §5.
    pub(crate) fn proof(description: &'static str) -> Self {
        Self { status: 400, error: "invalid_dpop_proof", description }
    }

    pub(crate) fn grant(description: &'static str) -> Self {
        Self { status: 400, error: "invalid_grant", description }
    }

    pub(crate) fn scope(description: &'static str) -> Self {
        Self { status: 400, error: "invalid_scope", description }
    }

    /// RFC 8707 §2, RFC 8693 §2.2.2.
    pub(crate) fn target(description: &'static str) -> Self {
        Self { status: 400, error: "invalid_target", description }
    }

    pub(crate) fn denied(description: &'static str) -> Self {
        Self { status: 400, error: "access_denied", description }
    }

    pub(crate) fn unauthorized_client(description: &'static str) -> Self {
        Self { status: 400, error: "unauthorized_client", description }
    }

    pub(crate) fn grant_type() -> Self {
        Self { status: 400, error: "unsupported_grant_type", description: "this server does not offer the grant" }
    }

    pub(crate) fn response(&self) -> HttpResponse {
        HttpResponse::json(self.status, &json!({ "error": self.error, "error_description": self.description }))
    }
}

/// The parameters of a token request.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

/// RFC 8693 §2.1: these two may be repeated.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

impl Form {
    /// Reads the body of a token request.
    pub(crate) fn parse(request: &HttpRequest) -> Result<Self, Refusal> {
        let content_type = request.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::request("content type is not application/x-www-form-urlencoded"));
        }
        // RFC 6749 §3.2: parameters "MUST NOT be included in the request URI".
        if request.query().is_some() {
            return Err(Refusal::request("the token endpoint takes no query"));
        }
        if std::str::from_utf8(&request.body).is_err() {
            return Err(Refusal::request("body is not UTF-8"));
        }
        Self::from_pairs(&request.body)
    }

    /// Reads urlencoded pairs, from a body or a query.
    pub(crate) fn from_pairs(encoded: &[u8]) -> Result<Self, Refusal> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(encoded).into_owned().collect();
        for (at, (name, _)) in pairs.iter().enumerate() {
            let repeated = pairs.iter().take(at).any(|(known, _)| known == name);
            // RFC 6749 §3.2: "Request and response parameters MUST NOT be included more than once."
            if repeated && !REPEATABLE.contains(&name.as_str()) {
                return Err(Refusal::request("parameter given more than once"));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter; one without a value counts as absent (RFC 6749 §3.2).
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str, refusal: &'static str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::request(refusal))
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The requested scopes, in order and without repeats.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let mut scopes: Vec<String> = Vec::new();
        for scope in self.text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        scopes
    }
}

/// The token that a token request is about: the subject token (RFC 8693 §2.1), or the grant (RFC 7523 §2.1).
pub(crate) fn handed_in(request: &HttpRequest) -> Option<String> {
    let form = Form::parse(request).ok()?;
    form.text("subject_token").or(form.text("assertion")).map(str::to_owned)
}

/// The actor token, where one came.
pub(crate) fn actor_handed_in(request: &HttpRequest) -> Option<String> {
    Form::parse(request).ok()?.text("actor_token").map(str::to_owned)
}

/// The members of a JSON object literal.
pub(crate) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// The path of an https URL, and its authority.
pub(crate) fn split_url(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or((rest, ""), |at| rest.split_at(at))
}
