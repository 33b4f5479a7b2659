//! What goes on record: one line for every decision, one for every grant, one for every change of keys.
//!
//! A record names who acted for whom and what was decided, under the request's transaction id.
//! It never holds a token, an assertion, a key, or text that an issuer or a caller could use to smuggle one: identifiers are verified claims or configuration.

mod event;

pub use event::Event;

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::config::observe::Observing;
use crate::delegation::chain::ActorChain;
use crate::delegation::policy::{AuthorizedDelegation, Basis};
use crate::delegation::workload::Workload;
use crate::exchange::cache::IssuedToken;
use crate::flow::EndReason;
use crate::jwt::Claims;
use crate::limits::ACTORS_MAX;
use crate::rejection::Rejection;
use crate::request::TransactionId;
use crate::revocation::Revocation;

/// How the exchanged token was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Exchanged for this request or one that waited with it.
    Exchanged,
    /// Found in the cache.
    Cached,
    /// The caller's own token, whose audience is the upstream.
    PassedThrough,
    /// A secret of the gateway's own.
    Injected,
    /// None: what was asked for is everybody's.
    Public,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Self::Exchanged => "exchanged",
            Self::Cached => "cached",
            Self::PassedThrough => "passed_through",
            Self::Injected => "injected",
            Self::Public => "public",
        }
    }
}

/// One decision about one request, filled in as far as the request came.
#[derive(Debug, Clone)]
pub struct Record {
    txn: String,
    resource: Option<String>,
    delegation: Delegation,
    operation: Option<String>,
    would_refuse: Vec<Rejection>,
    outcome: Outcome,
}

/// Who acts for whom, as far as it is known. Copies are shared.
#[derive(Debug, Clone)]
enum Delegation {
    Unknown,
    /// What a verified token says; read where it is written, which is seldom.
    Verified(Claims),
    Authorized(Arc<Map<String, Value>>),
}

impl Delegation {
    fn members(&self) -> Cow<'_, Map<String, Value>> {
        match self {
            Self::Unknown => Cow::Owned(Map::new()),
            Self::Verified(claims) => {
                let mut members = claim_members(claims);
                // An `act` that is no chain names nobody.
                if let Some(Ok(chain)) = claims.act().map(|act| ActorChain::parse(act, ACTORS_MAX)) {
                    members.extend(chain_members(&chain));
                }
                Cow::Owned(members)
            }
            Self::Authorized(members) => Cow::Borrowed(members),
        }
    }
}

#[derive(Debug, Clone)]
enum Outcome {
    Undecided,
    Allowed {
        source: Source,
        scopes: Vec<String>,
        jti: Option<String>,
        transaction: Option<String>,
    },
    Refused(Rejection),
    /// Nothing was decided: a public document was told.
    Told,
    Observed {
        would: Option<Rejection>,
        until: String,
    },
}

impl Record {
    pub(crate) fn new(txn: &TransactionId) -> Self {
        Self {
            txn: txn.as_str().to_owned(),
            resource: None,
            delegation: Delegation::Unknown,
            operation: None,
            would_refuse: Vec::new(),
            outcome: Outcome::Undecided,
        }
    }

    #[cfg(test)]
    pub(crate) fn of_members(txn: &TransactionId, members: &Value) -> Self {
        let members = members.as_object().cloned().unwrap_or_default();
        Self { delegation: Delegation::Authorized(Arc::new(members)), ..Self::new(txn) }
    }

    pub(crate) fn at_resource(&mut self, name: &str) {
        self.resource = Some(name.to_owned());
    }

    /// Whom a verified token is for, so that a refusal from here on names somebody.
    pub(crate) fn verified(&mut self, claims: &Claims) {
        self.delegation = Delegation::Verified(claims.clone());
    }

    /// Which agent is known without a token, so that a refusal from here on names it.
    pub(crate) fn known(&mut self, workload: &Workload) {
        let (id, mark) = (&workload.agent().id, workload.mark().word());
        let members = [("subject", id.as_str()), ("agent", id), ("known_by", mark)];
        let members = members.map(|(name, value)| (name.to_owned(), Value::from(value)));
        self.delegation = Delegation::Authorized(Arc::new(members.into_iter().collect()));
    }

    pub(crate) fn delegated(&mut self, delegation: &AuthorizedDelegation) {
        self.delegation = Delegation::Authorized(Arc::new(delegation_members(delegation)));
        self.would_refuse = delegation.would_refuse().to_vec();
    }

    pub(crate) fn operation(&mut self, label: &str) {
        self.operation = Some(label.to_owned());
    }

    pub(crate) fn refused(mut self, rejection: Rejection) -> Self {
        self.outcome = Outcome::Refused(rejection);
        self
    }

    pub(crate) fn told(mut self) -> Self {
        self.outcome = Outcome::Told;
        self
    }

    pub(crate) fn allowed(
        mut self,
        source: Source,
        issued: Option<&IssuedToken>,
        transaction: Option<&IssuedToken>,
    ) -> Self {
        let scopes = issued.or(transaction).map(IssuedToken::scopes);
        self.outcome = Outcome::Allowed {
            source,
            scopes: scopes.map_or_else(Vec::new, |scopes| scopes.iter().map(str::to_owned).collect()),
            jti: issued.and_then(IssuedToken::jti).map(str::to_owned),
            transaction: transaction.and_then(IssuedToken::jti).map(str::to_owned),
        };
        self
    }

    pub(crate) fn observed(mut self, would: Option<Rejection>, observing: &Observing) -> Self {
        self.outcome = Outcome::Observed { would, until: observing.day().to_owned() };
        self
    }

    /// What was not refused and would have been: by the resource that observes, or by rules that do.
    /// A request that its resource observes and would have allowed is told by `allowed`.
    pub fn observations(&self) -> impl Iterator<Item = &'static str> {
        let whole = match &self.outcome {
            Outcome::Observed { would, .. } => Some(would.map_or("allowed", Rejection::code)),
            Outcome::Undecided | Outcome::Allowed { .. } | Outcome::Refused(_) | Outcome::Told => None,
        };
        whole.into_iter().chain(self.would_refuse.iter().map(|rejection| rejection.code()))
    }

    /// The stable word of the outcome: `allowed`, `observed` or the code of the refusal.
    pub fn code(&self) -> &'static str {
        match &self.outcome {
            Outcome::Undecided => "undecided",
            Outcome::Allowed { .. } => "allowed",
            Outcome::Refused(rejection) => rejection.code(),
            Outcome::Told => "metadata",
            Outcome::Observed { .. } => "observed",
        }
    }

    /// The configured name of the resource, where one matched.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// What filter state shows under `wasm.actgate.<key>`.
    pub fn filter_state(&self) -> Vec<(&'static str, String)> {
        let mut state = vec![
            ("actgate.txn", self.txn.clone()),
            ("actgate.code", self.code().to_owned()),
            ("actgate.decision", self.decision().to_owned()),
        ];
        if let Some(resource) = &self.resource {
            state.push(("actgate.resource", resource.clone()));
        }
        if let Outcome::Observed { would, .. } = &self.outcome {
            state.push(("actgate.would", would.map_or("allowed", Rejection::code).to_owned()));
        }
        if let Some(operation) = &self.operation {
            state.push(("actgate.tool", operation.clone()));
        }
        let members = self.delegation.members();
        for (key, member) in [("actgate.subject", "subject"), ("actgate.actor", "actor"), ("actgate.agent", "agent")] {
            if let Some(Value::String(text)) = members.get(member) {
                state.push((key, text.clone()));
            }
        }
        if let Some(Value::Array(chain)) = members.get("chain") {
            let chain: Vec<&str> = chain.iter().filter_map(Value::as_str).collect();
            state.push(("actgate.chain", chain.join(" ")));
        }
        state
    }

    fn decision(&self) -> &'static str {
        match self.outcome {
            Outcome::Allowed { .. } => "allow",
            Outcome::Told => "answer",
            Outcome::Refused(_) | Outcome::Undecided => "deny",
            Outcome::Observed { .. } => "observe",
        }
    }

    /// The record as one line of JSON.
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("txn", &self.txn)?;
        line.serialize_entry("decision", self.decision())?;
        line.serialize_entry("code", self.code())?;
        if let Some(resource) = &self.resource {
            line.serialize_entry("resource", resource)?;
        }
        for (name, value) in self.delegation.members().iter() {
            line.serialize_entry(name, value)?;
        }
        if let Some(operation) = &self.operation {
            line.serialize_entry("tool", operation)?;
        }
        if !self.would_refuse.is_empty() {
            let codes: Vec<&str> = self.would_refuse.iter().map(|rejection| rejection.code()).collect();
            line.serialize_entry("would_refuse", &codes)?;
        }
        match &self.outcome {
            Outcome::Allowed { source, scopes, jti, transaction } => {
                line.serialize_entry("token", source.word())?;
                line.serialize_entry("scopes", scopes)?;
                if let Some(transaction) = transaction {
                    line.serialize_entry("issued_txn", transaction)?;
                }
                if let Some(jti) = jti {
                    line.serialize_entry("issued_jti", jti)?;
                }
            }
            Outcome::Refused(Rejection::Internal(place)) => line.serialize_entry("place", place)?,
            Outcome::Observed { would, until } => {
                line.serialize_entry("would", would.map_or("allowed", Rejection::code))?;
                line.serialize_entry("observed_until", until)?;
            }
            Outcome::Refused(_) | Outcome::Undecided | Outcome::Told => {}
        }
        line.end()
    }
}

fn delegation_members(delegation: &AuthorizedDelegation) -> Map<String, Value> {
    let mut members = claim_members(delegation.claims());
    members.insert("subject_profile".into(), json!(delegation.subject_profiles().iter().collect::<Vec<_>>().join(" ")));
    members.insert("agent".into(), json!(delegation.agent().id));
    members.insert("agent_name".into(), json!(delegation.agent().name));
    members.extend(delegation.chain().map(chain_members).unwrap_or_default());
    if let Basis::Workload(mark) = delegation.basis() {
        // It acts for itself.
        members.insert("actor".into(), json!(delegation.agent().id));
        members.insert("known_by".into(), json!(mark.word()));
    }
    members
}

fn claim_members(claims: &Claims) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, claim) in [("subject", "sub"), ("issuer", "iss"), ("jti", "jti")] {
        if let Ok(Some(text)) = claims.text(claim) {
            members.insert(name.into(), json!(text));
        }
    }
    members
}

fn chain_members(chain: &ActorChain) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("actor".into(), json!(chain.current().actor().sub()));
    members.insert("chain".into(), chain_subjects(chain));
    members
}

fn chain_subjects(chain: &ActorChain) -> Value {
    chain.iter().map(|actor| Value::from(actor.sub())).collect()
}

impl Record {
    /// Whether what is withdrawn stands behind this request.
    pub(crate) fn is_concerned_by(&self, revocation: &Revocation) -> bool {
        let members = self.delegation.members();
        let is = |member: &str, value: &str| members.get(member).and_then(Value::as_str) == Some(value);
        match revocation {
            Revocation::Subject { issuer, subject } => is("issuer", issuer) && is("subject", subject),
            Revocation::Token { issuer, jti } => is("issuer", issuer) && is("jti", jti),
            Revocation::Agent(id) => {
                let chain = members.get("chain").and_then(Value::as_array);
                is("agent", id) || chain.is_some_and(|chain| chain.iter().any(|actor| actor.as_str() == Some(id)))
            }
        }
    }

    /// The event of its end.
    pub(crate) fn ended(&self, reason: EndReason) -> Event {
        let mut members = self.delegation.members().into_owned();
        members.insert("event".into(), json!("stream_ended"));
        members.insert("txn".into(), json!(self.txn));
        members.insert("reason".into(), json!(reason.word()));
        members.insert("resource".into(), json!(self.resource));
        members.insert("tool".into(), json!(self.operation));
        Event::StreamEnded { members, reason }
    }
}

/// A name for records that is the caller's or the upstream's own text: only a short, plain one is repeated.
pub(crate) fn plain(name: &str) -> String {
    // A name that begins like a token may be one, sent there by mistake or to be found in the log.
    let plain = name.len() <= 128
        && !name.contains("eyJ")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte));
    if plain { name.to_owned() } else { "(unprintable)".to_owned() }
}
