//! The calls of each kind of exchange, made of what the request says and nothing else.
//!
//! Where the token is to be tied to a key, the call that brings it proves that key (RFC 9449 §5).

use crate::config::{ActorToken, AuthorizationServer, DpopKey, Endpoint, Grant, Kind, Location, TokenExchange};
use crate::dpop::GivenNonces;
use crate::exchange::form::{CLIENT_CREDENTIALS, Form, ID_JAG, JWT, JWT_BEARER, TOKEN_EXCHANGE, TRANSACTION_TOKEN};
use crate::exchange::request::ExchangeRequest;
use crate::flight::{Callout, FlightId};
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::UnixSeconds;

/// With what a call is made, beside what it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct With<'a> {
    /// Which of the agent's keys or secrets at the server authenticates it.
    pub(crate) nth: usize,
    /// What servers want in proofs.
    pub(crate) nonces: &'a GivenNonces,
}

impl ExchangeRequest {
    /// True where the agent has a further key or secret at `server`.
    pub(crate) fn has_credential(&self, server: &AuthorizationServer, nth: usize, now: UnixSeconds) -> bool {
        self.agent.credential.as_ref().is_some_and(|credential| credential.at(&server.name, nth, now).is_some())
    }

    /// The first of two calls (hop 7): RFC 8693 token exchange for a grant that another server takes.
    pub(crate) fn ask_for_grant(
        &self,
        grant: &Grant,
        with: With<'_>,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let endpoint = self.token_endpoint(&grant.idp)?;
        let form = Form::new().field("grant_type", TOKEN_EXCHANGE);
        let form = match &self.exchange.kind {
            // Identity chaining: `resource` would be "the URI of authorization server B" too, so it is left out.
            Kind::IdentityChaining(_) => {
                form.field("requested_token_type", JWT).field("audience", &self.exchange.server.issuer)
            }
            // ID-JAG: `audience` names the authorization server, `resource` the protected server.
            Kind::IdJag(_) | Kind::TokenExchange(_) | Kind::ClientCredentials { .. } | Kind::TransactionToken(_) => {
                form.field("requested_token_type", ID_JAG)
                    .field("audience", &self.exchange.server.issuer)
                    .field("resource", &self.exchange.resource)
            }
        };
        form.field("scope", &self.scopes.to_parameter())
            .field("subject_token", self.subject_token()?)
            .field("subject_token_type", grant.subject_token_type.urn())
            .authenticated(&self.agent, with.nth, &grant.idp, endpoint, ambient)?
            .proving(self.key_proven_for_grant(), (&grant.idp, endpoint), with.nonces, ambient)?
            .post(flight, &grant.idp, endpoint)
    }

    /// The second of two calls (hop 8): RFC 7523 jwt-bearer grant. Takes the grant by value: it is spent by this call.
    pub(crate) fn spend_grant(
        &self,
        grant: Redacted<String>,
        with: With<'_>,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let form = Form::new()
            .field("grant_type", JWT_BEARER)
            .field("assertion", grant.expose())
            .field("scope", &self.scopes.to_parameter());
        let form = match &self.exchange.kind {
            // The grant names the server only, so the request names the resource (RFC 8707).
            Kind::IdentityChaining(_) => form.field("resource", &self.exchange.resource),
            Kind::IdJag(_) | Kind::TokenExchange(_) | Kind::ClientCredentials { .. } | Kind::TransactionToken(_) => {
                form
            }
        };
        self.send(form, with, flight, ambient)
    }

    /// The only call of the other kinds.
    pub(crate) fn ask_for_token(
        &self,
        with: With<'_>,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let form = match &self.exchange.kind {
            Kind::TokenExchange(asked) => self.exchange_form(asked)?,
            Kind::ClientCredentials { .. } => Form::new()
                .field("grant_type", CLIENT_CREDENTIALS)
                .field("resource", &self.exchange.resource)
                .field("scope", &self.scopes.to_parameter()),
            Kind::TransactionToken(asked) => Form::new()
                .field("grant_type", TOKEN_EXCHANGE)
                .field("requested_token_type", TRANSACTION_TOKEN)
                .field("audience", &self.exchange.resource)
                .field("scope", &self.scopes.to_parameter())
                .field("subject_token", self.subject_token()?)
                .field("subject_token_type", asked.subject_token_type.urn()),
            Kind::IdJag(_) | Kind::IdentityChaining(_) => {
                return Err(Rejection::Internal("token asked for before its grant"));
            }
        };
        self.send(form, with, flight, ambient)
    }

    /// RFC 8693 §2.1.
    fn exchange_form(&self, asked: &TokenExchange) -> Result<Form, Rejection> {
        let mut form = Form::new()
            .field("grant_type", TOKEN_EXCHANGE)
            .field("requested_token_type", asked.requested.urn())
            .field("scope", &self.scopes.to_parameter())
            .field("subject_token", self.subject_token()?)
            .field("subject_token_type", asked.subject_token_type.urn());
        for (name, value) in [("resource", &asked.resource), ("audience", &asked.audience)] {
            if let Some(value) = value {
                form = form.field(name, value);
            }
        }
        // RFC 8693 §2.1: "REQUIRED when the "actor_token" parameter is present in the request but MUST NOT be included otherwise."
        let with = |form: Form, token: &str, urn| form.field("actor_token", token).field("actor_token_type", urn);
        Ok(match (&asked.actor_token, &self.actor) {
            (Some(ActorToken::Configured(actor)), _) => with(form, actor.token.expose(), actor.token_type.urn()),
            (Some(ActorToken::Presented(_)), Some(actor)) => with(form, actor.token().expose(), JWT),
            (Some(ActorToken::Presented(wanted)), None) if wanted.required => {
                return Err(Rejection::Internal("exchange without its actor token"));
            }
            (Some(ActorToken::Presented(_)) | None, _) => form,
        })
    }

    fn send(
        &self,
        form: Form,
        with: With<'_>,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let server = &self.exchange.server;
        let endpoint = self.token_endpoint(server)?;
        form.authenticated(&self.agent, with.nth, server, endpoint, ambient)?
            .proving(self.exchange.dpop.as_deref(), (server, endpoint), with.nonces, ambient)?
            .post(flight, server, endpoint)
    }

    /// The key that the call for a grant proves, so that the grant may be tied to it.
    pub(crate) fn key_proven_for_grant(&self) -> Option<&DpopKey> {
        self.exchange.dpop.as_deref().filter(|dpop| dpop.proves_grant)
    }

    fn subject_token(&self) -> Result<&str, Rejection> {
        let token = self.subject_token.as_ref().map(|token| token.expose().as_str());
        token.ok_or(Rejection::Internal("exchange without a subject token"))
    }

    fn token_endpoint<'a>(&'a self, server: &'a AuthorizationServer) -> Result<&'a Endpoint, Rejection> {
        match &server.token_endpoint {
            Some(Location::Given(endpoint)) => Some(endpoint),
            Some(Location::Discovered) => self.located.get(&server.name),
            None => None,
        }
        .ok_or(Rejection::Internal("authorization server without a token endpoint"))
    }
}
