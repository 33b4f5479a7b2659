//! What an exchange asks for, made only from an authorised delegation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::{Acquisition, ActorToken, Agent, Endpoint, Kind, ScopeSet, TokenExchange};
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::chain::ActorChain;
use crate::delegation::policy::{AuthorizedDelegation, Basis};
use crate::digest::sha256;
use crate::exchange::kept_keys::Asked;
use crate::jwt::Claims;
use crate::profile::{Profiles, UNCLASSIFIED};
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::TransactionId;
use crate::time::UnixSeconds;

/// Names what may be shared: two requests with equal keys may use one exchanged token.
///
/// SHA-256 over fields of one length or after their length, so that no two different field lists give one input,
/// and the bearer token itself is never kept as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeKey(pub(super) [u8; 32]);

impl ExchangeKey {
    /// The key of what this delegation would get by that exchange.
    ///
    /// `generation` is the digest of the configuration document, so that no token outlives the rules it was obtained under.
    ///
    /// # Errors
    ///
    /// [`Rejection::AgentItselfRequired`] where the token would be the agent's own, and the request is for somebody else.
    pub fn of(
        delegation: &AuthorizedDelegation,
        exchange: &Acquisition,
        scopes: &ScopeSet,
        generation: &[u8; 32],
    ) -> Result<Self, Rejection> {
        if matches!(exchange.kind, Kind::ClientCredentials { .. }) && !acts_for_itself(delegation) {
            return Err(Rejection::AgentItselfRequired);
        }
        // Two resources may ask the same server for the same scopes and differ in what they check of the answer.
        let rules = *exchange.digest.get_or_init(|| sha256(rules(exchange).as_bytes()));
        let asked = Asked { generation: *generation, exchange: rules, scopes: scopes.clone() };
        Ok(delegation.exchange_keys().get_or_make(&asked, || Self::made(delegation, &asked)))
    }

    fn made(delegation: &AuthorizedDelegation, asked: &Asked) -> Self {
        let scopes = asked.scopes.to_parameter();
        let sender = delegation.caller().sender();
        // What is of one length stands first, and what is not after its own: the shorter, the fewer blocks to hash.
        let mut input = Vec::with_capacity(256);
        input.extend_from_slice(&asked.generation);
        input.extend_from_slice(&asked.exchange);
        input.extend_from_slice(delegation.token_digest());
        input.extend_from_slice(&[u8::from(delegation.unclassified_actors()), u8::from(sender.is_some())]);
        for field in [delegation.agent().id.as_str(), sender.unwrap_or_default(), &scopes] {
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            input.extend_from_slice(&length.to_be_bytes());
            input.extend_from_slice(field.as_bytes());
        }
        Self(sha256(&input))
    }
}

impl ExchangeKey {
    /// The same where an actor token goes along: what it proves is a part of what is asked for.
    pub(crate) fn acted_by(self, actor: Option<&ProvenActor>) -> Self {
        // No other key is made of an input that begins so: those of a delegation begin with a configuration's digest.
        let digest = |actor: &ProvenActor| sha256(&[b"actor", &self.0[..], actor.spiffe_id().as_bytes()].concat());
        actor.map_or(self, |actor| Self(digest(actor)))
    }

    /// The digest itself.
    pub(crate) const fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One exchange: who asks, for whom, for which resource and scopes, and what must come back.
#[derive(Debug, Clone)]
pub struct ExchangeRequest {
    pub(crate) exchange: Arc<Acquisition>,
    pub(crate) agent: Arc<Agent>,
    pub(crate) scopes: ScopeSet,
    pub(crate) inbound: Claims,
    pub(crate) subject_profiles: Profiles,
    /// What a server that puts the acting agent on top must return.
    pub(crate) chain: ActorChain,
    pub(crate) unclassified_actors: bool,
    pub(crate) inbound_chain: Option<ActorChain>,
    pub(crate) subject_expires_at: UnixSeconds,
    pub(crate) txn: TransactionId,
    /// The token endpoints that are looked up, by server; filled in when its flight begins.
    pub(crate) located: BTreeMap<String, Endpoint>,
    /// None for an agent without a token, which no token can be exchanged for.
    pub(super) subject_token: Option<Redacted<String>>,
    /// Who acts, in a token of its own that came with the request.
    pub(crate) actor: Option<ProvenActor>,
    key: ExchangeKey,
}

impl ExchangeRequest {
    /// The only constructor: an exchange cannot be asked for without the delegation that allows it.
    ///
    /// `subject_token` is the token that `delegation` was made from, if it was made from one.
    ///
    /// # Errors
    ///
    /// As [`ExchangeKey::of`].
    pub fn new(
        delegation: &AuthorizedDelegation,
        subject_token: Option<&Redacted<String>>,
        exchange: &Arc<Acquisition>,
        scopes: &ScopeSet,
        generation: &[u8; 32],
        txn: &TransactionId,
    ) -> Result<Self, Rejection> {
        let key = ExchangeKey::of(delegation, exchange, scopes, generation)?;
        Ok(Self {
            exchange: Arc::clone(exchange),
            agent: Arc::clone(delegation.agent()),
            scopes: scopes.clone(),
            inbound: delegation.claims().clone(),
            subject_profiles: delegation.subject_profiles().clone(),
            chain: delegation.chain_to_issue(),
            unclassified_actors: delegation.unclassified_actors(),
            inbound_chain: delegation.chain().cloned(),
            subject_expires_at: delegation.expires_at(),
            txn: txn.clone(),
            located: BTreeMap::new(),
            subject_token: subject_token.cloned(),
            actor: None,
            key,
        })
    }

    /// The same with the actor token that came along.
    pub(crate) fn acted_by(self, actor: Option<&ProvenActor>) -> Self {
        Self { key: self.key.acted_by(actor), actor: actor.cloned(), ..self }
    }

    /// When what is issued ends at the latest, whatever its server says: with the actor token that it was exchanged with.
    pub(crate) fn no_longer_than(&self, expires_at: UnixSeconds) -> UnixSeconds {
        self.actor.as_ref().map_or(expires_at, |actor| expires_at.min(actor.expires_at()))
    }

    /// Under which the issued token may be found again.
    pub fn key(&self) -> ExchangeKey {
        self.key
    }

    /// Under which a refusal is remembered: the server that refuses one actor token may take the next.
    pub(crate) fn refusal_key(&self) -> ExchangeKey {
        let of = |actor: &ProvenActor| {
            let text = sha256(actor.token().expose().as_bytes());
            ExchangeKey(sha256(&[b"refused", &self.key.0[..], &text].concat()))
        };
        self.actor.as_ref().map_or(self.key, of)
    }

    /// Whether that is what the server was given: the caller's own token, or the one that says who acts.
    pub(crate) fn is_own(&self, token: &str) -> bool {
        let configured = match &self.exchange.kind {
            Kind::TokenExchange(TokenExchange { actor_token: Some(ActorToken::Configured(actor)), .. }) => {
                Some(&actor.token)
            }
            Kind::TokenExchange(_)
            | Kind::IdJag(_)
            | Kind::IdentityChaining(_)
            | Kind::ClientCredentials { .. }
            | Kind::TransactionToken(_) => None,
        };
        let given = [self.subject_token.as_ref(), self.actor.as_ref().map(ProvenActor::token), configured];
        given.into_iter().flatten().any(|given| given.expose() == token)
    }

    /// The agent's client identifier at the server that issues the token.
    pub(crate) fn client_id(&self) -> &str {
        self.agent.client_id(&self.exchange.server.name)
    }

    /// The text of a configured claim of the inbound token.
    pub(crate) fn inbound_text(&self, pointer: &str) -> Option<&str> {
        self.inbound.pointer(pointer).and_then(Value::as_str)
    }
}

/// True where nobody stands behind the acting agent: it is the subject, and there is no chain.
fn acts_for_itself(delegation: &AuthorizedDelegation) -> bool {
    if let Basis::Workload(_) = delegation.basis() {
        return true;
    }
    let agent = delegation.agent();
    let issuer = agent.issuer.as_deref();
    // An equal name in another namespace is somebody else, and so is one of another kind or of none.
    let same_namespace = issuer.is_none_or(|issuer| delegation.claims().issuer().is_ok_and(|named| named == issuer));
    let profiles = delegation.subject_profiles();
    let same_kind = !profiles.contains(UNCLASSIFIED) && profiles.all_in(&agent.profiles);
    delegation.chain().is_none() && delegation.subject() == agent.id && same_namespace && same_kind
}

/// What tells two exchanges apart: who is asked for what, how, and what is checked of the answer.
fn rules(exchange: &Acquisition) -> String {
    let kind = match &exchange.kind {
        Kind::IdJag(grant) | Kind::IdentityChaining(grant) => {
            format!("{} {:?} {:?} {:?}", grant.idp.name, grant.subject_token_type, grant.typ, grant.same_subject)
        }
        Kind::TokenExchange(asked) => {
            // It prints as `[redacted]`, and two resources may differ in nothing else.
            let actor = match &asked.actor_token {
                Some(ActorToken::Configured(actor)) => Some(sha256(actor.token.expose().as_bytes())),
                Some(ActorToken::Presented(_)) | None => None,
            };
            format!("{asked:?} {actor:?}")
        }
        Kind::ClientCredentials { subject } => format!("{subject:?}"),
        Kind::TransactionToken(asked) => format!("{asked:?}"),
    };
    format!(
        "{:?} {:?} {} {kind} {:?} {} {:?} {:?} {:?} {:?}",
        exchange.server.issuer,
        exchange.resource,
        exchange.kind.word(),
        exchange.issued_token,
        exchange.lifetime_max.get(),
        exchange.same_subject,
        exchange.chain,
        // A token that is tied to another key, or to none, is another token.
        exchange.bound_to(),
        exchange.dpop.as_ref().map(|dpop| dpop.proves_grant),
    )
}
