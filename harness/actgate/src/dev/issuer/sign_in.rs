//! Hop 1: a human signs in by authorization code with PKCE (RFC 6749 §4.1, RFC 7636).
//!
//! Guaranteed: a code works once, for 60 seconds, for the client, redirect URI and verifier it was made for.
//! Absent on purpose: a login page. `login_hint` names the human, and the human always says yes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::Issuer;
use super::client_auth::AuthenticatedClient;
use super::config::{IdpPolicy, User};
use super::http::{HttpRequest, HttpResponse, UnixSeconds};
use super::issuing::Issued;
use super::oauth::{Form, Refusal, members};

/// RFC 6749 §4.1.2 allows ten minutes; a scripted login needs none.
const CODE_LIFETIME: u64 = 60;

/// How long the tokens of a sign-in live.
const SIGN_IN_LIFETIME: u64 = 3600;

/// RFC 7636 §4.1: the shortest code verifier, and so the least entropy.
const VERIFIER_CHARS_MIN: usize = 43;

/// A code waiting for its client.
#[derive(Debug)]
pub(crate) struct PendingCode {
    client: String,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
    scopes: Vec<String>,
    user: User,
    signed_in: UnixSeconds,
}

impl Issuer {
    pub(crate) fn authorize(&mut self, now: UnixSeconds, request: &HttpRequest, policy: &IdpPolicy) -> HttpResponse {
        let form = match Form::from_pairs(request.query().unwrap_or_default().as_bytes()) {
            Ok(form) => form,
            Err(refusal) => return refusal.response(),
        };
        // RFC 6749 §4.1.2.1: with a bad client or redirect URI the server "MUST NOT automatically redirect".
        let known = form.text("client_id").and_then(|id| self.config.clients.get_key_value(id));
        let Some((client, registration)) = known else {
            return Refusal::request("unknown client").response();
        };
        let redirect_uri = form.text("redirect_uri").unwrap_or_default().to_owned();
        if !registration.active || !registration.redirect_uris.contains(&redirect_uri) {
            return Refusal::request("redirect_uri is not registered").response();
        }
        let client = client.clone();
        let answer = self.grant_code(now, &form, &client, &redirect_uri, policy);
        let mut query = form_urlencoded::Serializer::new(String::new());
        match answer {
            Ok(code) => query.append_pair("code", &code),
            Err(error) => query.append_pair("error", error),
        };
        if let Some(state) = form.text("state") {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.config.issuer); // RFC 9207 §2.
        let location = format!("{redirect_uri}?{}", query.finish());
        HttpResponse { status: 302, ..HttpResponse::default() }
            .with("location", &location)
            .with("cache-control", "no-store")
    }

    fn grant_code(
        &mut self,
        now: UnixSeconds,
        form: &Form,
        client: &str,
        redirect_uri: &str,
        policy: &IdpPolicy,
    ) -> Result<String, &'static str> {
        if form.text("response_type") != Some("code") {
            return Err("unsupported_response_type");
        }
        // RFC 7636 §4.3: "plain" exists; this server does not offer it.
        if form.text("code_challenge_method") != Some("S256") {
            return Err("invalid_request");
        }
        let challenge = form.text("code_challenge").ok_or("invalid_request")?.to_owned();
        let scopes = form.scopes();
        if scopes.is_empty() || scopes.iter().any(|scope| !policy.sign_in_scopes.contains(scope)) {
            return Err("invalid_scope");
        }
        let login = form.text("login_hint").ok_or("login_required")?;
        let user = self.config.users.iter().find(|user| user.active && user.email == login);
        let user = user.ok_or("access_denied")?.clone();
        let code = self.entropy.id("");
        let pending = PendingCode {
            client: client.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            nonce: form.text("nonce").map(str::to_owned),
            scopes,
            user,
            signed_in: now,
        };
        self.codes.insert(code.clone(), pending);
        Ok(code)
    }

    pub(crate) fn redeem_code(
        &mut self,
        now: UnixSeconds,
        form: &Form,
        client: &AuthenticatedClient,
    ) -> Result<HttpResponse, Refusal> {
        let code = form.required("code", "no code")?;
        // Taken out before it is looked at: a failed attempt spends it (RFC 6749 §4.1.2).
        let pending = self.codes.remove(code).ok_or_else(|| Refusal::grant("code is unknown or was used"))?;
        if pending.client != client.id {
            return Err(Refusal::grant("code was made for another client"));
        }
        if form.text("redirect_uri") != Some(&pending.redirect_uri) {
            return Err(Refusal::grant("redirect_uri differs"));
        }
        if now >= pending.signed_in.plus(CODE_LIFETIME) {
            return Err(Refusal::grant("code has expired"));
        }
        let verifier = form.required("code_verifier", "no code_verifier")?;
        let challenge = URL_SAFE_NO_PAD.encode(hmac_sha256::Hash::hash(verifier.as_bytes()));
        if verifier.len() < VERIFIER_CHARS_MIN || challenge != pending.challenge {
            return Err(Refusal::grant("code_verifier does not match"));
        }
        Ok(self.sign_in_tokens(now, client, pending))
    }

    fn sign_in_tokens(&mut self, now: UnixSeconds, client: &AuthenticatedClient, pending: PendingCode) -> HttpResponse {
        let user = pending.user;
        let access_token = members(json!({
            "ver": 1, "jti": self.entropy.id("AT."), "iss": self.config.issuer, "aud": self.config.issuer,
            "iat": now.0, "exp": now.plus(SIGN_IN_LIFETIME).0, "auth_time": pending.signed_in.0,
            "cid": client.id, "client_id": client.id, "uid": user.id, "sub": user.email, "scp": pending.scopes,
        }));
        let mut body = members(json!({
            "token_type": "Bearer", "expires_in": SIGN_IN_LIFETIME, "scope": pending.scopes.join(" "),
        }));
        if pending.scopes.iter().any(|scope| scope == "openid") {
            let mut id_token = json!({
                "iss": self.config.issuer, "sub": user.id, "aud": client.id, "email": user.email,
                "iat": now.0, "exp": now.plus(SIGN_IN_LIFETIME).0, "auth_time": pending.signed_in.0,
            });
            if let Some(nonce) = pending.nonce {
                id_token["nonce"] = json!(nonce);
            }
            let id_token = crate::dev::mint::jws(self.keys.signer(), &json!({ "typ": "JWT" }), &id_token);
            body.insert("id_token".to_owned(), json!(id_token));
        }
        self.respond(now, Issued { typ: self.config.access_token_typ.clone(), claims: access_token, body })
    }
}
