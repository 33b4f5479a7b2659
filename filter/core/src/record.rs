//! What goes on record: one line for every decision, one for every grant, one for every change of keys.
//!
//! A record names who acted for whom and what was decided, under the request's transaction id.
//! It never holds a token, an assertion, a key, or text that an issuer or a caller could use to smuggle one: identifiers are verified claims or configuration.

mod event;
mod who;
mod written;

pub use event::Event;
pub use written::Written;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use self::who::Identity;
use self::who::{Delegation, Told};
use crate::config::observe::Observing;
use crate::config::{Resource, ScopeSet};
use crate::delegation::chain::ActorChain;
use crate::delegation::policy::AuthorizedDelegation;
use crate::delegation::workload::Workload;
use crate::exchange::cache::IssuedToken;
use crate::flow::EndReason;
use crate::json::write_text;
use crate::jwt::Claims;
use crate::rejection::Rejection;
use crate::request::TransactionId;

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

/// One decision about one request, filled in as far as the request came. Of a copy, all that is long is shared.
#[derive(Debug, Clone)]
pub struct Record {
    txn: TransactionId,
    resource: Option<Arc<Resource>>,
    delegation: Delegation,
    operation: Option<Arc<str>>,
    would_refuse: Vec<Rejection>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Undecided,
    Allowed {
        source: Source,
        issued: Option<Arc<IssuedToken>>,
        transaction: Option<Arc<IssuedToken>>,
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
            txn: txn.clone(),
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
        Self { delegation: Delegation::Told(Arc::new(members)), ..Self::new(txn) }
    }

    pub(crate) fn at_resource(&mut self, resource: &Arc<Resource>) {
        self.resource = Some(Arc::clone(resource));
    }

    /// Whom a verified token is for, so that a refusal from here on names somebody.
    pub(crate) fn verified(&mut self, claims: &Claims) {
        self.delegation = Delegation::Verified(claims.clone());
    }

    /// Which agent is known without a token, so that a refusal from here on names it.
    pub(crate) fn known(&mut self, workload: &Workload) {
        self.delegation = Delegation::known(workload);
    }

    pub(crate) fn delegated(&mut self, delegation: &AuthorizedDelegation) {
        self.delegation = Delegation::Authorized(Arc::clone(delegation.identity()));
    }

    /// What observed rules found, besides what they found before.
    pub(crate) fn would_refuse(&mut self, found: &[Rejection]) {
        self.would_refuse.extend_from_slice(found);
    }

    pub(crate) fn operation(&mut self, label: &str) {
        self.operation = Some(label.into());
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
        issued: Option<&Arc<IssuedToken>>,
        transaction: Option<&Arc<IssuedToken>>,
    ) -> Self {
        self.outcome = Outcome::Allowed { source, issued: issued.cloned(), transaction: transaction.cloned() };
        self
    }

    pub(crate) fn observed(mut self, would: Option<Rejection>, observing: &Observing) -> Self {
        self.outcome = Outcome::Observed { would, until: observing.day().to_owned() };
        self
    }

    /// What was not refused and would have been: by the resource that observes, or by rules that do.
    /// A request that its resource observes and would have allowed is told by `allowed`.
    pub fn observations(&self) -> impl Iterator<Item = &'static str> {
        self.would().into_iter().chain(self.would_refuse.iter().map(|rejection| rejection.code()))
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
        self.resource.as_ref().map(|resource| resource.name.as_str())
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
        self.line("", &self.delegation.told())
    }

    fn line(&self, prefix: &str, told: &Told<'_>) -> String {
        let mut line = Line::after(prefix);
        line.text("txn", self.txn.as_str());
        line.word("decision", self.decision());
        line.word("code", self.code());
        line.text_if_any("resource", self.resource());
        line.members(&told.members);
        line.text_if_any("tool", self.operation.as_deref());
        if !self.would_refuse.is_empty() {
            line.list("would_refuse", self.would_refuse.iter().map(|rejection| rejection.code()));
        }
        match &self.outcome {
            Outcome::Allowed { source, issued, transaction } => {
                line.word("token", source.word());
                let scopes = issued.as_ref().or(transaction.as_ref()).map(|token| token.scopes());
                line.list("scopes", scopes.into_iter().flat_map(ScopeSet::iter));
                line.text_if_any("issued_txn", transaction.as_ref().and_then(|token| token.jti()));
                line.text_if_any("issued_jti", issued.as_ref().and_then(|token| token.jti()));
            }
            Outcome::Refused(Rejection::Internal(place)) => line.text("place", place),
            Outcome::Observed { would, until } => {
                line.text("would", would.map_or("allowed", Rejection::code));
                line.text("observed_until", until);
            }
            Outcome::Refused(_) | Outcome::Undecided | Outcome::Told => {}
        }
        line.end()
    }
}

/// An object on one line, written as it is told.
#[derive(Default)]
struct Line {
    text: String,
    begun: bool,
}

impl Line {
    fn after(prefix: &str) -> Self {
        // As long as most are.
        let mut text = String::with_capacity(768);
        text.push_str(prefix);
        text.push('{');
        Self { text, begun: false }
    }

    /// `name` is a word of ours and needs no escape.
    fn name(&mut self, name: &'static str) {
        if core::mem::replace(&mut self.begun, true) {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// Members that were written before, without the braces around them.
    fn members(&mut self, members: &str) {
        if members.is_empty() {
            return;
        }
        if core::mem::replace(&mut self.begun, true) {
            self.text.push(',');
        }
        self.text.push_str(members);
    }

    /// `word` is one of ours and needs no escape.
    fn word(&mut self, name: &'static str, word: &'static str) {
        self.name(name);
        self.text.push('"');
        self.text.push_str(word);
        self.text.push('"');
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        write_text(&mut self.text, text);
    }

    fn text_if_any(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn list<'t>(&mut self, name: &'static str, texts: impl IntoIterator<Item = &'t str>) {
        self.name(name);
        self.text.push('[');
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            write_text(&mut self.text, text);
        }
        self.text.push(']');
    }

    fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

fn chain_subjects(chain: &ActorChain) -> Value {
    chain.iter().map(|actor| Value::from(actor.sub())).collect()
}

impl Record {
    /// The event of its end.
    pub(crate) fn ended(&self, reason: EndReason) -> Event {
        let mut members = self.delegation.who().into_object();
        members.insert("event".into(), json!("stream_ended"));
        members.insert("txn".into(), json!(self.txn.as_str()));
        members.insert("reason".into(), json!(reason.word()));
        members.insert("resource".into(), json!(self.resource()));
        members.insert("tool".into(), json!(self.operation.as_deref()));
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
