//! Hops 3 and 7: token exchange to an ID-JAG (RFC 8693, draft-ietf-oauth-identity-assertion-authz-grant).
//!
//! Guaranteed: an ID-JAG names the human of the subject token, the authenticated client as current actor,
//! the inbound chain unchanged below it, and never more scope than asked for or allowed.
//! Absent on purpose: `actor_token`, refresh tokens, SAML.

use serde_json::{Map, Value, json};

use super::Issuer;
use super::client_auth::AuthenticatedClient;
use super::config::{Connection, IdpPolicy, User};
use super::http::{HttpResponse, UnixSeconds};
use super::issuing::Issued;
use super::jws::Jws;
use super::oauth::{Form, Refusal, TYP_ID_JAG, TYPE_ACCESS_TOKEN, TYPE_ID_JAG, TYPE_ID_TOKEN, members};

/// Short lived, as every example of the draft is.
const ID_JAG_LIFETIME: u64 = 300;

/// The human and the history a subject token stands for.
struct Subject {
    user: User,
    /// The chain under the new current actor.
    inbound_act: Option<Value>,
    auth_time: Option<Value>,
}

impl Issuer {
    pub(crate) fn exchange(
        &mut self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
        policy: &IdpPolicy,
    ) -> Result<HttpResponse, Refusal> {
        if client.client.profile != "ai_agent" {
            return Err(Refusal::unauthorized_client("only agents exchange tokens here"));
        }
        if form.text("requested_token_type") != Some(TYPE_ID_JAG) {
            return Err(Refusal::request("requested_token_type is not id-jag"));
        }
        // The draft leaves `actor_token` to extensions; the authenticated client is the actor.
        if form.text("actor_token").is_some() || form.text("actor_token_type").is_some() {
            return Err(Refusal::request("actor_token is not supported"));
        }
        let connection = connection(form, client, policy)?;
        let subject = self.subject(now, form, client, policy)?;
        let scopes = downscope(&form.scopes(), &connection.scopes)?;
        Ok(self.issue_id_jag(now, client, &connection, subject, scopes))
    }

    fn subject(
        &self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
        policy: &IdpPolicy,
    ) -> Result<Subject, Refusal> {
        let token = form.required("subject_token", "no subject_token")?;
        let kind = form.required("subject_token_type", "no subject_token_type")?;
        let token = Jws::parse(token).ok_or_else(|| Refusal::grant("subject_token is not a JWT"))?;
        let issuer = token.text("iss").ok_or_else(|| Refusal::grant("subject_token has no iss"))?;
        let keys = self.trusted_keys(issuer).ok_or_else(|| Refusal::grant("subject_token issuer is not trusted"))?;
        if !token.verified_by(&keys) {
            return Err(Refusal::grant("subject_token signature is wrong"));
        }
        if token.instant("exp").is_none_or(|expires| expires <= now) {
            return Err(Refusal::grant("subject_token has expired"));
        }
        if token.instant("nbf").is_some_and(|from| from > now) {
            return Err(Refusal::grant("subject_token is not valid yet"));
        }
        match kind {
            TYPE_ACCESS_TOKEN => self.access_token_subject(&token, issuer, client, policy),
            TYPE_ID_TOKEN => self.id_token_subject(&token, issuer, client),
            _ => Err(Refusal::request("subject_token_type is not supported")),
        }
    }

    /// An access token of another client is taken along a delegation link.
    fn access_token_subject(
        &self,
        token: &Jws,
        issuer: &str,
        client: &AuthenticatedClient,
        policy: &IdpPolicy,
    ) -> Result<Subject, Refusal> {
        // What an ID token lacks: the client it was issued to. `typ` tells the other kinds apart.
        let presenter = token.text("cid").ok_or_else(|| Refusal::grant("subject_token is not an access token"))?;
        if token.typ().is_some_and(|typ| typ != "at+jwt" && typ != "JWT") {
            return Err(Refusal::grant("subject_token is not an access token"));
        }
        let own = if issuer == self.config.issuer {
            Some(self.config.issuer.as_str()) // A token of this server, for this server: the user's own.
        } else {
            client.client.resource.as_deref()
        };
        if own.is_none_or(|own| token.audiences() != [own]) {
            return Err(Refusal::grant("Audience validation failed"));
        }
        let actor = token.claims.get("act");
        let from = actor.map_or(Some(presenter), |act| act.get("sub").and_then(Value::as_str));
        let linked =
            policy.delegation_links.iter().any(|link| Some(link.from.as_str()) == from && link.to == client.id);
        let Some(from) = from.filter(|_| linked) else {
            return Err(Refusal::denied("no delegation link to this client"));
        };
        let user = self.human(|user| token.text("sub") == Some(&user.email))?;
        // A first hop has no history yet: the application the human used begins it.
        let inbound = actor.cloned().unwrap_or_else(|| json!({ "sub": from, "sub_profile": self.profile_of(from) }));
        Ok(Subject { user, inbound_act: Some(inbound), auth_time: token.claims.get("auth_time").cloned() })
    }

    /// "The audience of the ID token MUST be the client": no link, no history.
    fn id_token_subject(&self, token: &Jws, issuer: &str, client: &AuthenticatedClient) -> Result<Subject, Refusal> {
        if issuer != self.config.issuer || token.text("cid").is_some() || token.typ().is_some_and(|typ| typ != "JWT") {
            return Err(Refusal::grant("subject_token is not an ID token of this server"));
        }
        if token.audiences() != [client.id.as_str()] {
            return Err(Refusal::grant("Audience validation failed"));
        }
        let user = self.human(|user| token.text("sub") == Some(&user.id))?;
        Ok(Subject { user, inbound_act: None, auth_time: token.claims.get("auth_time").cloned() })
    }

    fn human(&self, is: impl Fn(&User) -> bool) -> Result<User, Refusal> {
        let user = self.config.users.iter().find(|user| is(user));
        let user = user.ok_or_else(|| Refusal::grant("subject is not in the directory"))?;
        if user.active { Ok(user.clone()) } else { Err(Refusal::denied("the human is not active")) }
    }

    fn profile_of(&self, client: &str) -> String {
        self.config.clients.get(client).map_or_else(|| "service".to_owned(), |client| client.profile.clone())
    }

    fn issue_id_jag(
        &mut self,
        now: UnixSeconds,
        client: &AuthenticatedClient,
        connection: &Connection,
        subject: Subject,
        scopes: Vec<String>,
    ) -> HttpResponse {
        let mut act = json!({ "sub": client.id, "sub_profile": client.client.profile });
        if let Some(inbound) = subject.inbound_act {
            act["act"] = inbound;
        }
        let scope = scopes.join(" ");
        let mut claims: Map<String, Value> = members(json!({
            "jti": self.entropy.id("IDAAG."), "iss": self.config.issuer, "aud": connection.audience,
            "iat": now.0, "exp": now.plus(ID_JAG_LIFETIME).0,
            "sub": subject.user.id, "email": subject.user.email, "sub_profile": "user",
            "client_id": connection.client_id_at_audience.as_ref().unwrap_or(&client.id),
            "resource": connection.resource, "scope": scope, "act": act,
        }));
        if let Some(auth_time) = subject.auth_time {
            claims.insert("auth_time".to_owned(), auth_time);
        }
        let body = members(json!({
            "issued_token_type": TYPE_ID_JAG, "token_type": "N_A", "expires_in": ID_JAG_LIFETIME,
            "scope": scope, "resource": connection.resource,
        }));
        self.respond(now, Issued { typ: Some(TYP_ID_JAG.to_owned()), claims, body })
    }
}

/// The one connection this request is about.
fn connection(form: &Form, client: &AuthenticatedClient, policy: &IdpPolicy) -> Result<Connection, Refusal> {
    let mut audiences = form.all("audience");
    let audience = audiences.next().ok_or_else(|| Refusal::request("no audience"))?;
    let mut resources = form.all("resource");
    let resource = resources.next().ok_or_else(|| Refusal::target("no resource"))?;
    if audiences.next().is_some() || resources.next().is_some() {
        return Err(Refusal::target("one audience and one resource at a time"));
    }
    let governed = policy.resource_servers.get(audience).ok_or_else(|| Refusal::target("unknown audience"))?;
    if !governed.iter().any(|known| known == resource) {
        return Err(Refusal::target("the audience does not govern this resource"));
    }
    let found = policy.connections.iter().find(|connection| {
        connection.client == client.id && connection.audience == audience && connection.resource == resource
    });
    found.cloned().ok_or_else(|| Refusal::denied("no connection from this client to the resource"))
}

/// What was asked for and is allowed; a request that names nothing gets nothing.
fn downscope(requested: &[String], allowed: &[String]) -> Result<Vec<String>, Refusal> {
    let granted: Vec<String> = requested.iter().filter(|scope| allowed.contains(scope)).cloned().collect();
    if granted.is_empty() { Err(Refusal::scope("none of the requested scopes is allowed")) } else { Ok(granted) }
}
