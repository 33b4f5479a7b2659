//! Honest clients: the hops of the blueprint, walked against in-process issuers.
//!
//! Guaranteed: every token handed out here was issued by the issuers' own rules.
//! Absent on purpose: sockets, and any way to skip a step.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{World, streamward};
use crate::dev::issuer::http::{HttpRequest, HttpResponse, UnixSeconds};
use crate::dev::issuer::oauth::{AUTHORIZATION_CODE, JWT_BEARER, TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_JAG};
use crate::dev::issuer::set::IssuerSet;
use crate::dev::keys::random;
use crate::dev::mint::{self, CLIENT_ASSERTION_TYPE};

/// What a token endpoint said when it did not say yes: its whole answer.
pub type Refused = Box<HttpResponse>;

/// One token exchange, as a client asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The client that asks.
    pub client: &'a str,
    /// The subject token.
    pub subject_token: &'a str,
    /// Name of the resource authorization server.
    pub server: &'a str,
    /// Resource identifier.
    pub resource: &'a str,
    /// Scopes, separated by spaces.
    pub scope: &'a str,
}

impl World {
    /// Hop 1: the human signs in at the chat application. The answer holds T1 and the ID token.
    pub fn sign_in(&self, issuers: &mut IssuerSet, login: &str, now: UnixSeconds) -> Result<Value, Refused> {
        let verifier = URL_SAFE_NO_PAD.encode(random::<32>());
        let challenge = URL_SAFE_NO_PAD.encode(hmac_sha256::Hash::hash(verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", streamward::CHAT_APP),
                ("redirect_uri", streamward::REDIRECT_URI),
                ("scope", "openid profile email"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("login_hint", login),
            ])
            .finish();
        let request = HttpRequest::get(&format!("/oauth2/v1/authorize?{query}"));
        let answer = self.ask(issuers, streamward::IDP, &request, now);
        let location = answer.header("location").unwrap_or_default();
        let query = location.split_once('?').map_or("", |(_, query)| query);
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        let Some((_, code)) = code else {
            return Err(Box::new(answer));
        };
        let fields = [
            ("grant_type", AUTHORIZATION_CODE),
            ("code", code.as_ref()),
            ("redirect_uri", streamward::REDIRECT_URI),
            ("code_verifier", &verifier),
        ];
        self.token(issuers, streamward::IDP, streamward::CHAT_APP, &fields, now)
    }

    /// Hops 1, 3 and 4: what the orchestrator presents to the knowledge agent, and that one to the gateway.
    pub fn inbound_token(&self, issuers: &mut IssuerSet, login: &str, now: UnixSeconds) -> Result<String, Refused> {
        let user_token = text(&self.sign_in(issuers, login, now)?, "access_token");
        let exchange = Exchange {
            client: streamward::ORCHESTRATOR,
            subject_token: &user_token,
            server: streamward::RAS_KNOWLEDGE,
            resource: streamward::KNOWLEDGE_RESOURCE,
            scope: streamward::EXECUTE,
        };
        self.exchanged(issuers, &exchange, now)
    }

    /// Hops 7 and 8 as the knowledge agent: what the MCP server shall receive.
    pub fn outbound_token(&self, issuers: &mut IssuerSet, inbound: &str, now: UnixSeconds) -> Result<String, Refused> {
        let exchange = Exchange {
            client: streamward::KNOWLEDGE_AGENT,
            subject_token: inbound,
            server: streamward::RAS_AURORADB,
            resource: streamward::AURORADB_RESOURCE,
            scope: streamward::READ,
        };
        self.exchanged(issuers, &exchange, now)
    }

    /// Both halves of an exchange: ID-JAG, then access token.
    pub fn exchanged(
        &self,
        issuers: &mut IssuerSet,
        exchange: &Exchange<'_>,
        now: UnixSeconds,
    ) -> Result<String, Refused> {
        let id_jag = self.id_jag(issuers, exchange, now)?;
        let fields = [("grant_type", JWT_BEARER), ("assertion", id_jag.as_str())];
        let answer = self.token(issuers, exchange.server, exchange.client, &fields, now)?;
        Ok(text(&answer, "access_token"))
    }

    /// The first half of an exchange.
    pub fn id_jag(
        &self,
        issuers: &mut IssuerSet,
        exchange: &Exchange<'_>,
        now: UnixSeconds,
    ) -> Result<String, Refused> {
        let audience = self.issuer_config(exchange.server).map_or("", |config| &config.issuer);
        let fields = [
            ("grant_type", TOKEN_EXCHANGE),
            ("requested_token_type", TYPE_ID_JAG),
            ("subject_token", exchange.subject_token),
            ("subject_token_type", TYPE_ACCESS_TOKEN),
            ("audience", audience),
            ("resource", exchange.resource),
            ("scope", exchange.scope),
        ];
        let answer = self.token(issuers, streamward::IDP, exchange.client, &fields, now)?;
        Ok(text(&answer, "access_token"))
    }

    /// A token request of an authenticated client.
    pub fn token(
        &self,
        issuers: &mut IssuerSet,
        server: &str,
        client: &str,
        fields: &[(&str, &str)],
        now: UnixSeconds,
    ) -> Result<Value, Refused> {
        let request = self.token_request(server, client, fields, now);
        let answer = self.ask(issuers, server, &request, now);
        if answer.status == 200 { Ok(answer.body_json()) } else { Err(Box::new(answer)) }
    }

    /// That request, with a fresh client assertion, not yet sent.
    pub fn token_request(&self, server: &str, client: &str, fields: &[(&str, &str)], now: UnixSeconds) -> HttpRequest {
        let config = self.issuer_config(server);
        let audience = config.map(|config| config.assertion_audience()).unwrap_or_default();
        let endpoint = config.map(|config| config.token_endpoint()).unwrap_or_default();
        let jti = URL_SAFE_NO_PAD.encode(random::<16>());
        let key = self.client_key(client);
        let assertion = key.map(|key| mint::client_assertion(key, client, &audience, &jti, now)).unwrap_or_default();
        let credential = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let all: Vec<(&str, &str)> = fields.iter().chain(&credential).copied().collect();
        HttpRequest::form(crate::dev::issuer::oauth::split_url(&endpoint).1, &all)
    }

    fn ask(&self, issuers: &mut IssuerSet, server: &str, request: &HttpRequest, now: UnixSeconds) -> HttpResponse {
        issuers.get_mut(server).map(|issuer| issuer.handle(now, request)).unwrap_or_default()
    }
}

fn text(answer: &Value, member: &str) -> String {
    answer.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
