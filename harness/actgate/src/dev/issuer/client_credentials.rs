//! The client credentials grant (RFC 6749 §4.4): a client's token for itself.
//!
//! Guaranteed: nobody but the client is named in it, and no scope is granted that the client was not given for itself.

use serde_json::json;

use super::Issuer;
use super::client_auth::AuthenticatedClient;
use super::config::RasPolicy;
use super::http::{HttpResponse, UnixSeconds};
use super::issuing::Issued;
use super::oauth::{Form, Refusal, members};

/// How long such a token lives.
const LIFETIME: u64 = 3600;

impl Issuer {
    pub(crate) fn own_token(
        &mut self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
        policy: &RasPolicy,
    ) -> Result<HttpResponse, Refusal> {
        let mut resources = form.all("resource");
        let resource = resources.next().ok_or_else(|| Refusal::target("no resource"))?;
        if resources.next().is_some() {
            return Err(Refusal::target("one resource at a time"));
        }
        let rights = policy.resources.get(resource).ok_or_else(|| Refusal::target("unknown resource"))?;
        let allowed = rights.client_scopes.get(&client.id).cloned().unwrap_or_default();
        let scopes: Vec<String> = form.scopes().into_iter().filter(|scope| allowed.contains(scope)).collect();
        if scopes.is_empty() {
            return Err(Refusal::scope("none of the requested scopes is the client's own"));
        }
        let claims = members(json!({
            "jti": self.entropy.id("AT."), "iss": self.config.issuer, "aud": resource,
            "iat": now.0, "exp": now.plus(LIFETIME).0, "client_id": client.id, "sub": client.id,
            "sub_profile": client.client.profile, "scp": scopes,
        }));
        let body = members(json!({ "token_type": "Bearer", "expires_in": LIFETIME, "scope": scopes.join(" ") }));
        Ok(self.respond(now, Issued { typ: self.config.access_token_typ.clone(), claims, body }))
    }
}
