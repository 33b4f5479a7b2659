//! Who and what stands behind a request, as far as configuration can withdraw it.
//!
//! It is kept as long as the answer goes on: the claims of one token, shared with whoever else holds them, the agent,
//! and digests of the keys that were shown; not the token.

use std::sync::Arc;

use serde_json::Value;

use crate::config::Agent;
use crate::delegation::shown_key::ShownKey;
use crate::jwt::Claims;
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// Everybody and everything behind one request.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    claims: Claims,
    agent: Arc<Agent>,
    keys: Vec<ShownKey>,
    /// When an agent without a token was admitted; nobody issued anything to it.
    admitted_at: Option<UnixSeconds>,
}

impl Behind {
    /// A verified token, whose `act` was read as a chain, the agent that acts by it, and the keys it came with.
    pub(crate) fn token(claims: &Claims, agent: &Arc<Agent>, keys: Vec<ShownKey>) -> Self {
        Self { claims: claims.clone(), agent: Arc::clone(agent), keys, admitted_at: None }
    }

    /// An agent that is admitted now, without a token; `claims` are what the gateway says of it.
    pub(crate) fn workload(claims: &Claims, agent: &Arc<Agent>, keys: Vec<ShownKey>, now: UnixSeconds) -> Self {
        Self { admitted_at: Some(now), ..Self::token(claims, agent, keys) }
    }

    /// What its issuer says; none where there is no issuer.
    pub(crate) fn issued(&self) -> Option<&Claims> {
        self.admitted_at.is_none().then_some(&self.claims)
    }

    /// The agent that acts.
    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// For whom it acts, and who says so; of an agent without a token, itself.
    pub(crate) fn subject(&self) -> (Option<&str>, &str) {
        let issuer = self.issued().and_then(|claims| claims.issuer().ok());
        (issuer, self.claims.subject().unwrap_or_default())
    }

    /// When an agent without a token was admitted; none where there is a token.
    pub(crate) const fn admitted_at(&self) -> Option<UnixSeconds> {
        self.admitted_at
    }

    /// The keys that were shown.
    pub(crate) fn keys(&self) -> &[ShownKey] {
        &self.keys
    }

    /// Whether `is_named` holds for somebody who acts: the agent, the subject, the client, an actor of the chain, history included.
    ///
    /// It is asked with the issuer whose word the name is, where there is one.
    pub(crate) fn anybody(&self, is_named: impl Fn(Option<&str>, &str) -> bool) -> Result<bool, Rejection> {
        let issuer = self.issued().map(Claims::issuer).transpose().map_err(Rejection::Token)?;
        let subject = self.claims.subject().map_err(Rejection::Token)?;
        let client = self.claims.client_id().map_err(Rejection::Token)?;
        let named_here = |name: &str| is_named(issuer, name);
        if is_named(None, &self.agent.id) || named_here(subject) || client.is_some_and(named_here) {
            return Ok(true);
        }
        let mut link = self.claims.act();
        while let Some(actor) = link {
            let namespace = actor.get("iss").and_then(Value::as_str).or(issuer);
            if actor.get("sub").and_then(Value::as_str).is_some_and(|name| is_named(namespace, name)) {
                return Ok(true);
            }
            link = actor.get("act");
        }
        Ok(false)
    }
}
