//! Client authentication with `private_key_jwt` (RFC 7523 §2.2 and §3), a secret (RFC 6749 §2.3.1), or a certificate (RFC 8705 §2.1).
//!
//! Guaranteed: a returned client proved possession of a registered key for this very server, with an assertion never seen before,
//! or knows the secret it was registered with.
//! Absent on purpose: TLS. A client that was registered with a certificate is believed to have shown it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Issuer;
use super::config::{AssertionAudience, Client};
use super::http::{HttpRequest, UnixSeconds};
use super::jws::Jws;
use super::oauth::{Form, Refusal, split_url};
use crate::dev::mint::CLIENT_ASSERTION_TYPE;

/// The longest an assertion may still live; shipped products refuse more than an hour.
const ASSERTION_LIFETIME_MAX: u64 = 3600;

/// How far a client's clock may run ahead.
const CLOCK_SKEW: u64 = 60;

/// A client that proved who it is.
#[derive(Debug)]
pub(crate) struct AuthenticatedClient {
    pub(crate) id: String,
    pub(crate) client: Client,
    /// The header of its assertion, where that is what proved it.
    pub(crate) assertion: Option<Value>,
}

impl Issuer {
    pub(crate) fn authenticate(
        &mut self,
        now: UnixSeconds,
        request: &HttpRequest,
        form: &Form,
    ) -> Result<AuthenticatedClient, Refusal> {
        let in_header = request.header("authorization").map(basic);
        let in_form = form.text("client_id").zip(form.text("client_secret"));
        let methods =
            [in_header.is_some(), form.text("client_secret").is_some(), form.text("client_assertion").is_some()];
        // RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request."
        if methods.into_iter().filter(|used| *used).count() > 1 {
            return Err(Refusal::request("more than one credential"));
        }
        match (in_header, in_form) {
            (Some(Some((id, secret))), _) => return self.knows_secret(&id, &secret),
            (_, Some((id, secret))) => return self.knows_secret(id, secret),
            (_, None) => {}
        }
        if let Some(id) = form.text("client_id").filter(|_| form.text("client_assertion").is_none()) {
            let client = self.config.clients.get(id).filter(|client| client.active && client.has_certificate);
            let client = client.ok_or_else(|| Refusal::client("client is not known by a certificate"))?;
            return Ok(AuthenticatedClient { id: id.to_owned(), client: client.clone(), assertion: None });
        }
        if form.text("client_assertion_type") != Some(CLIENT_ASSERTION_TYPE) {
            return Err(Refusal::client("client_assertion_type is not jwt-bearer"));
        }
        let assertion = form.text("client_assertion").ok_or_else(|| Refusal::client("no client_assertion"))?;
        let assertion = Jws::parse(assertion).ok_or_else(|| Refusal::client("client_assertion is not a JWT"))?;
        let authenticated = self.holder_of(&assertion)?;
        // RFC 7521 §4.2: a `client_id` parameter, when sent, must name the same client.
        if form.text("client_id").is_some_and(|id| id != authenticated.id) {
            return Err(Refusal::client("client_id is not the assertion's subject"));
        }
        self.check_assertion(now, request, &assertion)?;
        self.refuse_replayed_assertion(now, &authenticated.id, &assertion)?;
        Ok(authenticated)
    }

    fn knows_secret(&self, id: &str, secret: &str) -> Result<AuthenticatedClient, Refusal> {
        let client = self.config.clients.get(id).filter(|client| client.active);
        let client = client.filter(|client| client.secret.as_deref() == Some(secret));
        let client = client.ok_or_else(|| Refusal::client("client and secret do not match"))?;
        Ok(AuthenticatedClient { id: id.to_owned(), client: client.clone(), assertion: None })
    }

    /// The registered, active client whose key signed the assertion.
    fn holder_of(&self, assertion: &Jws) -> Result<AuthenticatedClient, Refusal> {
        // RFC 7523 §3: for client authentication, `iss` and `sub` are both the client_id.
        let id = assertion.text("sub").ok_or_else(|| Refusal::client("assertion has no sub"))?;
        if assertion.text("iss") != Some(id) {
            return Err(Refusal::client("assertion iss is not its sub"));
        }
        let client = self.config.clients.get(id).ok_or_else(|| Refusal::client("unknown client"))?;
        if !client.active {
            return Err(Refusal::client("client is not active"));
        }
        // An ID-JAG or an access token signed by the same key is not a client assertion.
        let typ = assertion.typ().unwrap_or("JWT");
        if !typ.eq_ignore_ascii_case("JWT") && typ != "client-authentication+jwt" {
            return Err(Refusal::client("assertion typ is of another kind of token"));
        }
        if !assertion.verified_by(&client.keys) {
            return Err(Refusal::client("assertion signature does not match a registered key"));
        }
        let header = Value::Object(assertion.header.clone());
        Ok(AuthenticatedClient { id: id.to_owned(), client: client.clone(), assertion: Some(header) })
    }

    fn check_assertion(&self, now: UnixSeconds, request: &HttpRequest, assertion: &Jws) -> Result<(), Refusal> {
        let introspection = self.config.introspection_endpoint();
        let asks_there = split_url(&introspection).1 == request.path_only();
        let wanted = match self.config.client_assertion_audience {
            AssertionAudience::TokenEndpoint if asks_there => introspection,
            AssertionAudience::TokenEndpoint | AssertionAudience::Issuer => self.config.assertion_audience(),
        };
        if assertion.audiences() != [wanted] {
            return Err(Refusal::client("assertion aud is not this server"));
        }
        let expires = assertion.instant("exp").ok_or_else(|| Refusal::client("assertion has no exp"))?;
        if expires <= now {
            return Err(Refusal::client("assertion has expired"));
        }
        if expires > now.plus(ASSERTION_LIFETIME_MAX) {
            return Err(Refusal::client("assertion lives longer than one hour"));
        }
        let ahead = |claim| assertion.instant(claim).is_some_and(|at| at > now.plus(CLOCK_SKEW));
        if ahead("iat") || ahead("nbf") {
            return Err(Refusal::client("assertion is from the future"));
        }
        Ok(())
    }

    fn refuse_replayed_assertion(&mut self, now: UnixSeconds, id: &str, assertion: &Jws) -> Result<(), Refusal> {
        let jti = assertion.text("jti").ok_or_else(|| Refusal::client("assertion has no jti"))?;
        let expires = assertion.instant("exp").unwrap_or(now);
        if self.assertions.first_use(now, &format!("{id} {jti}"), expires) {
            Ok(())
        } else {
            Err(Refusal::client("assertion was used before"))
        }
    }
}

/// RFC 6749 §2.3.1: form-encoded halves, joined as RFC 7617 does.
fn basic(header: &str) -> Option<(String, String)> {
    let coded = header.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(coded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded = |half: &str| {
        let whole = format!("x={half}");
        form_urlencoded::parse(whole.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}
