//! What an exchange asks for, made only from an authorised delegation.

use std::sync::Arc;

use serde_json::Value;

use crate::config::{Acquisition, Agent, AuthorizationServer, Endpoint, Grant, Kind, ScopeSet};
use crate::delegation::chain::ActorChain;
use crate::delegation::policy::AuthorizedDelegation;
use crate::digest::sha256;
use crate::exchange::form::{Form, ID_JAG, JWT_BEARER, TOKEN_EXCHANGE};
use crate::flight::{Callout, FlightId};
use crate::jwt::Claims;
use crate::profile::Profiles;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, TransactionId};
use crate::time::UnixSeconds;

/// Names what may be shared: two requests with equal keys may use one exchanged token.
///
/// SHA-256 over length-prefixed fields, so that no two different field lists give one input,
/// and the bearer token itself is never kept as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeKey(pub(super) [u8; 32]);

/// One exchange: who asks, for whom, for which resource and scopes, and what must come back.
#[derive(Debug, Clone)]
pub struct ExchangeRequest {
    pub(crate) exchange: Arc<Acquisition>,
    pub(crate) agent: Arc<Agent>,
    pub(crate) scopes: ScopeSet,
    pub(crate) inbound: Claims,
    pub(crate) subject_profiles: Profiles,
    pub(crate) chain: ActorChain,
    pub(crate) unclassified_actors: bool,
    pub(crate) subject_expires_at: UnixSeconds,
    pub(crate) txn: TransactionId,
    subject_token: Redacted<String>,
    key: ExchangeKey,
}

impl ExchangeRequest {
    /// The only constructor: an exchange cannot be asked for without the delegation that allows it.
    ///
    /// `generation` is the digest of the configuration document, so that no token outlives the rules it was obtained under.
    #[must_use]
    pub fn new(
        delegation: &AuthorizedDelegation,
        subject_token: &Redacted<String>,
        exchange: &Arc<Acquisition>,
        scopes: &ScopeSet,
        generation: &[u8; 32],
        txn: &TransactionId,
    ) -> Self {
        let key = key(delegation, subject_token, exchange, scopes, generation);
        Self {
            exchange: Arc::clone(exchange),
            agent: Arc::clone(delegation.agent()),
            scopes: scopes.clone(),
            inbound: delegation.claims().clone(),
            subject_profiles: delegation.subject_profiles().clone(),
            chain: delegation.chain_to_issue(),
            unclassified_actors: delegation.unclassified_actors(),
            subject_expires_at: delegation.expires_at(),
            txn: txn.clone(),
            subject_token: subject_token.clone(),
            key,
        }
    }

    /// Under which the issued token may be found again.
    pub fn key(&self) -> ExchangeKey {
        self.key
    }

    /// The agent's client identifier at the server that issues the token.
    pub(crate) fn client_id(&self) -> &str {
        self.agent.client_id(&self.exchange.server.name)
    }

    /// The first of two calls (hop 7), RFC 8693 token exchange for a grant that another server takes.
    pub(crate) fn ask_for_grant(
        &self,
        grant: &Grant,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let endpoint = token_endpoint(&grant.idp)?;
        Form::new()
            .field("grant_type", TOKEN_EXCHANGE)
            .field("requested_token_type", ID_JAG)
            // ID-JAG: `audience` names the authorization server, `resource` the protected server.
            .field("audience", &self.exchange.server.issuer)
            .field("resource", &self.exchange.resource)
            .field("scope", &self.scopes.to_parameter())
            .field("subject_token", self.subject_token.expose())
            .field("subject_token_type", grant.subject_token_type.urn())
            .authenticated(&self.agent, &grant.idp, endpoint, ambient)?
            .post(flight, &grant.idp, endpoint)
    }

    /// The second of two calls (hop 8), RFC 7523 jwt-bearer grant. Takes the grant by value: it is spent by this call.
    pub(crate) fn spend_grant(
        &self,
        grant: Redacted<String>,
        flight: FlightId,
        ambient: &mut Ambient<'_>,
    ) -> Result<Callout, Rejection> {
        let server = &self.exchange.server;
        let endpoint = token_endpoint(server)?;
        Form::new()
            .field("grant_type", JWT_BEARER)
            .field("assertion", grant.expose())
            .field("scope", &self.scopes.to_parameter())
            .authenticated(&self.agent, server, endpoint, ambient)?
            .post(flight, server, endpoint)
    }

    /// The text of a configured claim of the inbound token.
    pub(crate) fn inbound_text(&self, pointer: &str) -> Option<&str> {
        self.inbound.pointer(pointer).and_then(Value::as_str)
    }
}

fn token_endpoint(server: &AuthorizationServer) -> Result<&Endpoint, Rejection> {
    server.token_endpoint.as_ref().ok_or(Rejection::Internal("authorization server without a token endpoint"))
}

fn key(
    delegation: &AuthorizedDelegation,
    subject_token: &Redacted<String>,
    exchange: &Acquisition,
    scopes: &ScopeSet,
    generation: &[u8; 32],
) -> ExchangeKey {
    let scopes = scopes.to_parameter();
    let sender = delegation.caller().sender();
    let rules = format!("{} {}", rules(exchange), delegation.unclassified_actors());
    let fields: [&[u8]; 9] = [
        generation,
        // Two resources may ask the same server for the same scopes and differ in what they check of the answer.
        rules.as_bytes(),
        subject_token.expose().as_bytes(),
        delegation.agent().id.as_bytes(),
        if sender.is_some() { b"mtls" } else { b"none" },
        sender.unwrap_or_default().as_bytes(),
        exchange.server.issuer.as_bytes(),
        exchange.resource.as_bytes(),
        scopes.as_bytes(),
    ];
    let mut input = Vec::new();
    for field in fields {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
        input.extend_from_slice(&length.to_be_bytes());
        input.extend_from_slice(field);
    }
    ExchangeKey(sha256(&input))
}

/// What tells two exchanges apart that ask the same server for the same thing: how, and what is checked of the answer.
fn rules(exchange: &Acquisition) -> String {
    let kind = match &exchange.kind {
        Kind::IdJag(grant) => {
            format!("id_jag {} {:?} {:?}", grant.idp.name, grant.subject_token_type, grant.same_subject)
        }
    };
    format!(
        "{kind} {:?} {} {:?} {:?}",
        exchange.issued_token,
        exchange.lifetime_max.get(),
        exchange.same_subject,
        exchange.chain
    )
}
