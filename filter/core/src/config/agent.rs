//! Registered agents, their names at each party, and the keys the gateway holds for them.
//!
//! Every name leads to one agent at most, so that a token, a certificate or an issued token cannot be read as two.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::profile::Profiles;
use crate::signatures::SigningKey;

/// Every registered agent, found by each of its names.
///
/// Invariant: no two agents share an id, an audience, a SPIFFE ID, or a client identifier at one server.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    by_id: BTreeMap<String, Arc<Agent>>,
    by_audience: BTreeMap<String, Arc<Agent>>,
    by_spiffe_id: BTreeMap<String, Arc<Agent>>,
}

impl Agents {
    /// The agent with that id: the `sub` it has as an actor.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<Agent>> {
        self.by_id.get(id)
    }

    /// The agent that tokens for `audience` are minted for.
    #[must_use]
    pub fn by_audience(&self, audience: &str) -> Option<&Arc<Agent>> {
        self.by_audience.get(audience)
    }

    /// The agent whose client certificate carries `spiffe_id`.
    #[must_use]
    pub fn by_spiffe_id(&self, spiffe_id: &str) -> Option<&Arc<Agent>> {
        self.by_spiffe_id.get(spiffe_id)
    }

    /// Every agent, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.by_id.values()
    }
}

/// One registered agent, or another party that may stand in a chain, such as the application it began in.
#[derive(Debug)]
pub struct Agent {
    /// Its identifier at the identity provider: the `sub` it has as an actor.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether it may act.
    pub status: AgentStatus,
    /// What kind of entity it is.
    pub profiles: Profiles,
    /// The audience of tokens minted for it; in the document, `resource`.
    pub audience: Option<String>,
    /// The URI SAN of its client certificate.
    pub spiffe_id: Option<String>,
    /// Its client identifier at the servers where that is not its id, by the server's name.
    pub client_ids: BTreeMap<String, String>,
    /// How the gateway authenticates as this agent.
    pub credential: Option<Credential>,
}

impl Agent {
    /// Its client identifier at the authorization server of that name.
    #[must_use]
    pub fn client_id(&self, server: &str) -> &str {
        self.client_ids.get(server).map_or(self.id.as_str(), String::as_str)
    }
}

/// Whether an agent may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// It may.
    Active,
    /// It may not for the time being.
    Suspended,
    /// It may not any more.
    Retired,
}

/// What the gateway signs an agent's client assertions with (`private_key_jwt`, RFC 7523 §2.2).
#[derive(Debug)]
pub struct Credential {
    /// The `alg` of the assertion.
    pub algorithm: Algorithm,
    /// The `kid` under which the server knows the public key.
    pub kid: Option<String>,
    /// The private key; it prints as `[redacted]`.
    pub key: SigningKey,
}
