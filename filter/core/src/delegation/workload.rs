//! An agent without a token: known by its client certificate or by an API key, and acting for nobody but itself.
//!
//! [`Workload`] says that a registered agent is on the line which the resource serves without a token. Everything else is still to be decided.
//! An API key is compared by its digest, with every registered one and without stopping at the first that fits.
//! It shows who sends this request and nothing more: beside a token it is refused, and it proves no caller of one.

use std::sync::Arc;

use crate::config::workloads::Workloads;
use crate::config::{Agent, Agents};
use crate::delegation::caller::Sender;
use crate::delegation::shown_key::ShownKey;
use crate::digest::sha256;
use crate::rejection::Rejection;

/// By what an agent is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The SPIFFE ID in the certificate that the host validated.
    Certificate(String),
    /// The SHA-256 of its API key.
    ApiKey([u8; 32]),
}

impl Mark {
    /// For records.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "certificate",
            Self::ApiKey(_) => "api_key",
        }
    }
}

/// An agent that is known and served without a token.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(super) agent: Arc<Agent>,
    pub(super) mark: Mark,
    /// What it shows besides.
    certificate: Option<[u8; 32]>,
}

impl Workload {
    /// Knows the agent by `key`, or where none is shown by the certificate of `sender`.
    ///
    /// # Errors
    ///
    /// [`Rejection::ApiKeyUnknown`] for a key of nobody, [`Rejection::ApiKeyNotAccepted`] for one of an agent that is not served so,
    /// [`Rejection::CallerMismatch`] where the certificate is another agent's,
    /// [`Rejection::CredentialMissing`] where nothing is shown that counts: everybody else in a mesh has a certificate too.
    pub(crate) fn know(
        workloads: &Workloads,
        agents: &Agents,
        key: Option<[u8; 32]>,
        sender: Sender<'_>,
    ) -> Result<Self, Rejection> {
        let Sender { uri_san, certificate, .. } = sender;
        let Some(key) = key.filter(|_| workloads.api_key) else {
            let shown = uri_san.filter(|_| workloads.mtls && key.is_none()).ok_or(Rejection::CredentialMissing)?;
            let agent = agents.by_spiffe_id(shown).filter(|agent| workloads.agents.contains(&agent.id));
            let agent = agent.ok_or(Rejection::CredentialMissing)?;
            return Ok(Self { agent: Arc::clone(agent), mark: Mark::Certificate(shown.to_owned()), certificate });
        };
        let agent = agents.by_api_key(&key).ok_or(Rejection::ApiKeyUnknown)?;
        if !workloads.agents.contains(&agent.id) {
            return Err(Rejection::ApiKeyNotAccepted);
        }
        // A key that was stolen by another agent.
        let somebody_else = uri_san.is_some_and(|shown| match &agent.spiffe_id {
            Some(own) => own != shown,
            None => agents.by_spiffe_id(shown).is_some(),
        });
        if somebody_else {
            return Err(Rejection::CallerMismatch);
        }
        Ok(Self { agent: Arc::clone(agent), mark: Mark::ApiKey(key), certificate })
    }

    /// The agent.
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// By what it is known.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Every key that it shows.
    pub(super) fn keys(&self) -> Vec<ShownKey> {
        let api = match &self.mark {
            Mark::ApiKey(digest) => Some(ShownKey::Api(*digest)),
            Mark::Certificate(_) => None,
        };
        self.certificate.map(ShownKey::Certificate).into_iter().chain(api).collect()
    }

    /// Stands where a token's digest stands. No token has this text.
    pub(super) fn digest(&self) -> [u8; 32] {
        sha256(format!("workload\0{}\0{}", self.mark.word(), self.agent.id).as_bytes())
    }
}
