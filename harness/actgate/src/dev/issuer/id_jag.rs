//! Hops 3 and 7: token exchange (RFC 8693) to an ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant), to a JWT grant
//! (draft-ietf-oauth-identity-chaining), to an access token at once, or to a transaction token (draft-ietf-oauth-transaction-tokens).
//!
//! Guaranteed: what is issued names the human of the subject token, the authenticated client as current actor,
//! the inbound chain unchanged below it, and never more scope than asked for or allowed.
//! Absent on purpose: refresh tokens, SAML. An `actor_token` is taken beside an access token only, and must be
//! the one registered for the client, or a JWT-SVID of its.

use serde_json::{Map, Value, json};

use super::Issuer;
use super::client_auth::AuthenticatedClient;
use super::config::{Connection, IdpPolicy, User};
use super::http::{HttpResponse, UnixSeconds};
use super::introspection::read_opaque;
use super::issuing::Issued;
use super::jws::Jws;
use super::oauth::{
    Form, Refusal, TYP_ID_JAG, TYP_TRANSACTION_TOKEN, TYPE_ACCESS_TOKEN, TYPE_ID_JAG, TYPE_ID_TOKEN, TYPE_JWT,
    TYPE_TRANSACTION_TOKEN, members,
};

/// Short lived, as every example of the draft is.
const ID_JAG_LIFETIME: u64 = 300;

/// As long as one transaction may take.
const TRANSACTION_TOKEN_LIFETIME: u64 = 300;

/// How long an access token lives.
const ACCESS_TOKEN_LIFETIME: u64 = 3600;

/// What a token exchange is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    IdJag,
    JwtGrant,
    AccessToken,
    TransactionToken,
}

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
        let wanted = match form.text("requested_token_type") {
            Some(TYPE_ID_JAG) => Wanted::IdJag,
            Some(TYPE_JWT) => Wanted::JwtGrant,
            Some(TYPE_ACCESS_TOKEN) => Wanted::AccessToken,
            Some(TYPE_TRANSACTION_TOKEN) => Wanted::TransactionToken,
            Some(_) | None => return Err(Refusal::request("requested_token_type is not supported")),
        };
        let has_actor = self.check_actor_token(now, form, client, wanted)?;
        let connection = connection(form, client, policy, wanted)?;
        let subject = self.subject(now, form, client, policy)?;
        let scopes = downscope(&form.scopes(), &connection.scopes)?;
        Ok(self.issue_for(now, client, &connection, subject, scopes, wanted, has_actor))
    }

    /// The drafts leave `actor_token` to extensions: the authenticated client is the actor. RFC 8693 §2.1 itself has it.
    fn check_actor_token(
        &self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
        wanted: Wanted,
    ) -> Result<bool, Refusal> {
        match (form.text("actor_token"), form.text("actor_token_type")) {
            (None, None) => Ok(false),
            (Some(token), Some(TYPE_JWT)) if wanted == Wanted::AccessToken => {
                let known = client.client.actor_token.as_deref() == Some(token) || self.is_svid_of(client, token, now);
                if known { Ok(true) } else { Err(Refusal::request("actor_token is not the client's")) }
            }
            _ => Err(Refusal::request("actor_token is not supported")),
        }
    }

    /// Whether that is a JWT-SVID of the client, for this server and not ended.
    fn is_svid_of(&self, client: &AuthenticatedClient, token: &str, now: UnixSeconds) -> bool {
        let (Some(domain), Some(svid)) = (&self.config.trust_domain, Jws::parse(token)) else {
            return false;
        };
        svid.verified_by(&domain.keys)
            && svid.typ().is_none_or(|typ| typ == "JWT" || typ == "JOSE")
            && svid.text("sub").is_some_and(|sub| client.client.spiffe_id.as_deref() == Some(sub))
            && svid.audiences().contains(&self.config.issuer.as_str())
            && svid.instant("exp").is_some_and(|expires| expires > now)
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
        // A real server would ask the one that issued it.
        let opaque = read_opaque(token);
        let is_opaque = opaque.is_some();
        let token = opaque.or_else(|| Jws::parse(token)).ok_or_else(|| Refusal::grant("subject_token is not a JWT"))?;
        let issuer = token.text("iss").ok_or_else(|| Refusal::grant("subject_token has no iss"))?;
        let keys = self.trusted_keys(issuer).ok_or_else(|| Refusal::grant("subject_token issuer is not trusted"))?;
        if !is_opaque && !token.verified_by(&keys) {
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

    /// The `typ` of such a token, its type, and for how long it lives.
    fn form_of(&self, wanted: Wanted) -> (Option<String>, &'static str, u64) {
        match wanted {
            Wanted::IdJag => (Some(TYP_ID_JAG.to_owned()), TYPE_ID_JAG, ID_JAG_LIFETIME),
            Wanted::JwtGrant => (Some("JWT".to_owned()), TYPE_JWT, ID_JAG_LIFETIME),
            Wanted::AccessToken => (self.config.access_token_typ.clone(), TYPE_ACCESS_TOKEN, ACCESS_TOKEN_LIFETIME),
            Wanted::TransactionToken => {
                (Some(TYP_TRANSACTION_TOKEN.to_owned()), TYPE_TRANSACTION_TOKEN, TRANSACTION_TOKEN_LIFETIME)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a grant is made of")]
    fn issue_for(
        &mut self,
        now: UnixSeconds,
        client: &AuthenticatedClient,
        connection: &Connection,
        subject: Subject,
        scopes: Vec<String>,
        wanted: Wanted,
        has_actor: bool,
    ) -> HttpResponse {
        let mut act = json!({ "sub": client.id, "sub_profile": client.client.profile });
        if let Some(inbound) = subject.inbound_act {
            act["act"] = inbound;
        }
        let scope = scopes.join(" ");
        let at_audience = connection.client_id_at_audience.as_ref().unwrap_or(&client.id);
        let (typ, kind, lifetime) = self.form_of(wanted);
        let mut claims: Map<String, Value> = members(json!({
            "iss": self.config.issuer, "iat": now.0, "exp": now.plus(lifetime).0, "sub_profile": "user", "act": act,
        }));
        let more = match wanted {
            Wanted::IdJag => json!({
                "jti": self.entropy.id("IDAAG."), "aud": connection.audience, "client_id": at_audience,
                "sub": subject.user.id, "email": subject.user.email, "resource": connection.resource, "scope": scope,
            }),
            Wanted::JwtGrant => json!({
                "jti": self.entropy.id("GRANT."), "aud": connection.audience,
                "sub": subject.user.id, "email": subject.user.email, "scope": scope,
            }),
            Wanted::AccessToken => json!({
                "jti": self.entropy.id("AT."), "aud": connection.resource, "client_id": client.id,
                "sub": subject.user.email, "uid": subject.user.id, "scp": scopes,
            }),
            Wanted::TransactionToken => json!({
                "txn": self.entropy.id("TXN."), "aud": connection.audience, "req_wl": client.id,
                "sub": subject.user.email, "uid": subject.user.id, "scope": scope,
            }),
        };
        claims.extend(members(more));
        if let Some(auth_time) = subject.auth_time {
            claims.insert("auth_time".to_owned(), auth_time);
        }
        let token_type = if wanted == Wanted::AccessToken { "Bearer" } else { "N_A" };
        let mut body = members(json!({
            "issued_token_type": kind, "token_type": token_type, "expires_in": lifetime, "scope": scope,
        }));
        if wanted == Wanted::IdJag {
            body.insert("resource".to_owned(), json!(connection.resource));
        }
        if has_actor {
            claims.insert("actor_token_seen".to_owned(), json!(true));
        }
        self.respond(now, Issued { typ, claims, body })
    }
}

/// The one connection this request is about.
///
/// An ID-JAG names both server and resource, a grant for another domain the server, an access token the resource,
/// a transaction token its trust domain.
fn connection(
    form: &Form,
    client: &AuthenticatedClient,
    policy: &IdpPolicy,
    wanted: Wanted,
) -> Result<Connection, Refusal> {
    let single = |name: &'static str| -> Result<Option<&str>, Refusal> {
        let mut values = form.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::target("one audience and one resource at a time"));
        }
        Ok(first)
    };
    let (audience, resource) = (single("audience")?, single("resource")?);
    if wanted != Wanted::AccessToken && audience.is_none() {
        return Err(Refusal::request("no audience"));
    }
    if !matches!(wanted, Wanted::JwtGrant | Wanted::TransactionToken) && resource.is_none() {
        return Err(Refusal::target("no resource"));
    }
    if let Some(audience) = audience {
        let governed = policy.resource_servers.get(audience).ok_or_else(|| Refusal::target("unknown audience"))?;
        if resource.is_some_and(|resource| !governed.iter().any(|known| known == resource)) {
            return Err(Refusal::target("the audience does not govern this resource"));
        }
    }
    let found = policy.connections.iter().find(|connection| {
        connection.client == client.id
            && audience.is_none_or(|audience| connection.audience == audience)
            && resource.is_none_or(|resource| connection.resource == resource)
    });
    found.cloned().ok_or_else(|| Refusal::denied("no connection from this client to the resource"))
}

/// What was asked for and is allowed; a request that names nothing gets nothing.
fn downscope(requested: &[String], allowed: &[String]) -> Result<Vec<String>, Refusal> {
    let granted: Vec<String> = requested.iter().filter(|scope| allowed.contains(scope)).cloned().collect();
    if granted.is_empty() { Err(Refusal::scope("none of the requested scopes is allowed")) } else { Ok(granted) }
}
