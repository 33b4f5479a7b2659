//! Introspection (RFC 7662): what an opaque token is, told to a client that may ask.
//!
//! Guaranteed: a token that is not this server's, or has ended, is not active, and nothing more is said of it.
//! Absent on purpose: a store. A token is `opaque-` and its claims in base64url, so that whoever makes one for a test needs no server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Issuer;
use super::http::{HttpRequest, HttpResponse, UnixSeconds};
use super::jws::Jws;
use super::ledger::Entry;
use super::misbehaviour::{Endpoint, Misbehaviour};
use super::oauth::{Form, Refusal};

/// An opaque token with those claims.
pub fn opaque_token(claims: &Value) -> String {
    format!("opaque-{}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

impl Issuer {
    pub(super) fn introspect(
        &mut self,
        now: UnixSeconds,
        request: &HttpRequest,
        entry: &mut Entry,
    ) -> Result<HttpResponse, Refusal> {
        let form = Form::parse(request)?;
        let client = self.authenticate(now, request, &form)?;
        entry.client = Some(client.id);
        entry.assertion = client.assertion;
        let claims = read(form.required("token", "no token")?).filter(|claims| self.is_active(claims, now));
        let mut answer = claims.map_or_else(
            || json!({ "active": false }),
            |mut claims| {
                claims["active"] = json!(true);
                if claims.get("token_type").is_none() {
                    claims["token_type"] = json!("Bearer");
                }
                claims
            },
        );
        if let Value::Object(members) = &mut answer {
            let said = self.said(Endpoint::Introspection, |how| match how {
                Misbehaviour::Member(pointer, value) => Some((pointer, value)),
                _ => None,
            });
            for (pointer, value) in said {
                super::issuing::say(members, pointer, value);
            }
        }
        Ok(HttpResponse::json(200, &answer))
    }

    fn is_active(&self, claims: &Value, now: UnixSeconds) -> bool {
        let own = claims.get("iss").and_then(Value::as_str) == Some(&self.config().issuer);
        own && claims.get("exp").and_then(Value::as_u64).is_some_and(|exp| exp > now.0)
    }
}

/// What an opaque token says, as a server knows it that keeps them.
pub(super) fn read_opaque(token: &str) -> Option<Jws> {
    match read(token)? {
        Value::Object(claims) => Some(Jws::known(claims)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn read(token: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("opaque-")?).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}
