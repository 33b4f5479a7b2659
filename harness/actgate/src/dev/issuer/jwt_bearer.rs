//! Hops 4 and 8: an ID-JAG becomes an access token (RFC 7523 §2.1, the ID-JAG draft's processing rules).
//!
//! Guaranteed: an access token carries the human and the chain of its ID-JAG unchanged, for one resource
//! of this server, with no scope the ID-JAG, the request or the human's own rights lack.
//! Absent on purpose: refresh tokens, and any trust in an issuer but the configured identity provider.

use serde_json::{Value, json};

use super::Issuer;
use super::client_auth::AuthenticatedClient;
use super::config::{RasPolicy, ResourcePolicy, User};
use super::http::{HttpResponse, UnixSeconds};
use super::issuing::Issued;
use super::jws::Jws;
use super::oauth::{Form, Refusal, TYP_ID_JAG, members};

/// How long an access token lives.
const ACCESS_TOKEN_LIFETIME: u64 = 3600;

impl Issuer {
    pub(crate) fn redeem_id_jag(
        &mut self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
        policy: &RasPolicy,
    ) -> Result<HttpResponse, Refusal> {
        let assertion = form.required("assertion", "no assertion")?;
        let id_jag = Jws::parse(assertion).ok_or_else(|| Refusal::grant("assertion is not a JWT"))?;
        self.check_id_jag(now, &id_jag, client, policy)?;
        let (resource, rights) = governed(&id_jag, form, policy)?;
        let user = self.served_human(&id_jag)?;
        let scopes = granted(&id_jag, form, rights, &user)?;
        // The single use is spent by a grant, not by an attempt.
        let jti = id_jag.text("jti").unwrap_or_default();
        let expires = id_jag.instant("exp").unwrap_or(now);
        if !self.id_jags.first_use(now, jti, expires) {
            return Err(Refusal::grant("assertion was used before"));
        }
        Ok(self.issue_access_token(now, client, &id_jag, &user, resource, scopes))
    }

    fn check_id_jag(
        &self,
        now: UnixSeconds,
        id_jag: &Jws,
        client: &AuthenticatedClient,
        policy: &RasPolicy,
    ) -> Result<(), Refusal> {
        let grant = Refusal::grant;
        // Identity chaining gives its grants no type of their own.
        let is_chained = id_jag.typ() == Some("JWT");
        if id_jag.typ() != Some(TYP_ID_JAG) && !is_chained {
            return Err(grant("assertion typ is not oauth-id-jag+jwt"));
        }
        if id_jag.text("iss") != Some(&policy.identity_provider) {
            return Err(grant("assertion issuer is not trusted"));
        }
        let keys = self.trusted_keys(&policy.identity_provider).unwrap_or_default();
        if !id_jag.verified_by(&keys) {
            return Err(grant("assertion signature is wrong"));
        }
        // "validate that the aud claim contains exactly one value, its own issuer identifier"
        if id_jag.audiences() != [self.config.issuer.as_str()] {
            return Err(grant("assertion aud is not this server"));
        }
        if !is_chained && id_jag.text("client_id") != Some(&client.id) {
            return Err(grant("assertion was issued to another client"));
        }
        if id_jag.instant("exp").is_none_or(|expires| expires <= now) {
            return Err(grant("assertion has expired"));
        }
        if id_jag.instant("iat").is_none() || id_jag.text("jti").is_none_or(str::is_empty) {
            return Err(grant("assertion lacks iat or jti"));
        }
        // RFC 9449 §6: what is tied to a key is used with a proof of that key.
        let bound = id_jag.claims.get("cnf").and_then(|cnf| cnf.get("jkt")).and_then(Value::as_str);
        if bound.is_some() && bound != self.proving.key.as_deref() {
            return Err(grant("assertion is tied to another key"));
        }
        Ok(())
    }

    fn served_human(&self, id_jag: &Jws) -> Result<User, Refusal> {
        let user = self.config.users.iter().find(|user| id_jag.text("sub") == Some(&user.id));
        let user = user.ok_or_else(|| Refusal::grant("subject is not in the directory"))?;
        if user.active { Ok(user.clone()) } else { Err(Refusal::denied("the human is not active")) }
    }

    fn issue_access_token(
        &mut self,
        now: UnixSeconds,
        client: &AuthenticatedClient,
        id_jag: &Jws,
        user: &User,
        resource: &str,
        scopes: Vec<String>,
    ) -> HttpResponse {
        let mut claims = members(json!({
            "ver": 1, "jti": self.entropy.id("AT."), "iss": self.config.issuer, "aud": resource,
            "iat": now.0, "exp": now.plus(ACCESS_TOKEN_LIFETIME).0,
            "cid": client.id, "client_id": client.id, "uid": user.id, "sub": user.email, "scp": scopes,
        }));
        for inherited in ["act", "sub_profile", "auth_time"] {
            if let Some(value) = id_jag.claims.get(inherited) {
                claims.insert(inherited.to_owned(), value.clone());
            }
        }
        let body = members(json!({
            "token_type": "Bearer", "expires_in": ACCESS_TOKEN_LIFETIME, "scope": scopes.join(" "),
        }));
        self.respond(now, Issued { typ: self.config.access_token_typ.clone(), claims, body })
    }
}

/// The resource of the ID-JAG, when this server governs it and the request does not ask for another.
fn governed<'a>(id_jag: &Jws, form: &Form, policy: &'a RasPolicy) -> Result<(&'a str, &'a ResourcePolicy), Refusal> {
    let resource = match id_jag.claims.get("resource") {
        // A chained grant names the server alone, so the request says which of its resources is meant.
        None if id_jag.typ() == Some("JWT") => form.required("resource", "no resource")?,
        Some(Value::String(one)) => one.as_str(),
        Some(Value::Array(many)) if many.len() == 1 => many.first().and_then(Value::as_str).unwrap_or_default(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
            return Err(Refusal::grant("assertion names no single resource"));
        }
    };
    let known = policy.resources.get_key_value(resource);
    let (resource, rights) = known.ok_or_else(|| Refusal::grant("resource is not governed by this server"))?;
    if form.all("resource").any(|asked| asked != resource) {
        return Err(Refusal::target("resource is not the assertion's"));
    }
    Ok((resource, rights))
}

/// ID-JAG, request and human: the scope all three agree on.
fn granted(id_jag: &Jws, form: &Form, rights: &ResourcePolicy, user: &User) -> Result<Vec<String>, Refusal> {
    let asked = form.scopes();
    let carried = id_jag.text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
    let carried: Vec<String> = carried
        .filter(|scope| asked.is_empty() || asked.iter().any(|known| known == scope))
        .map(str::to_owned)
        .collect();
    if carried.is_empty() {
        return Err(Refusal::scope("no scope is both carried and requested"));
    }
    let rights = rights.user_scopes.get(&user.id);
    let granted: Vec<String> =
        carried.into_iter().filter(|scope| rights.is_some_and(|rights| rights.contains(scope))).collect();
    if granted.is_empty() { Err(Refusal::denied("the human has no such right here")) } else { Ok(granted) }
}
