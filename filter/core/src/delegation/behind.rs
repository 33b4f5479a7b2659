//! Who and what stands behind a request, as far as configuration can withdraw it.
//!
//! It is kept as long as the answer goes on: the claims of one token, shared with whoever else holds them, and the agent; not the token.

use std::sync::Arc;

use serde_json::Value;

use crate::config::Agent;
use crate::jwt::Claims;
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// Everybody and everything behind one request.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    claims: Claims,
    agent: Arc<Agent>,
    /// When an agent without a token was admitted; nobody issued anything to it.
    admitted_at: Option<UnixSeconds>,
}

impl Behind {
    /// A verified token, whose `act` was read as a chain, and the agent that acts by it.
    pub(crate) fn token(claims: &Claims, agent: &Arc<Agent>) -> Self {
        Self { claims: claims.clone(), agent: Arc::clone(agent), admitted_at: None }
    }

    /// An agent that is admitted now, without a token; `claims` are what the gateway says of it.
    pub(crate) fn workload(claims: &Claims, agent: &Arc<Agent>, now: UnixSeconds) -> Self {
        Self { admitted_at: Some(now), ..Self::token(claims, agent) }
    }

    /// What its issuer says; none where there is no issuer.
    pub(crate) fn issued(&self) -> Option<&Claims> {
        self.admitted_at.is_none().then_some(&self.claims)
    }

    /// When the token was issued; of an agent without one, when it was admitted.
    pub(crate) fn since(&self) -> Result<Option<UnixSeconds>, Rejection> {
        match self.admitted_at {
            Some(at) => Ok(Some(at)),
            None => self.claims.issued_at().map_err(Rejection::Token),
        }
    }

    /// Whether `is_named` holds for somebody who acts: the agent, the subject, the client, an actor of the chain, history included.
    pub(crate) fn anybody(&self, is_named: impl Fn(&str) -> bool) -> Result<bool, Rejection> {
        let subject = self.claims.subject().map_err(Rejection::Token)?;
        let client = self.claims.client_id().map_err(Rejection::Token)?;
        if is_named(&self.agent.id) || is_named(subject) || client.is_some_and(&is_named) {
            return Ok(true);
        }
        let mut link = self.claims.act();
        while let Some(actor) = link {
            if actor.get("sub").and_then(Value::as_str).is_some_and(&is_named) {
                return Ok(true);
            }
            link = actor.get("act");
        }
        Ok(false)
    }
}
