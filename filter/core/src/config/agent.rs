//! Registered agents, and their names at each party.
//!
//! Every name leads to one agent at most, so that a token, a certificate or an issued token cannot be read as two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::credential::{self, Credential};
use crate::config::error::{ConfigError, Path, alternatives, quoted};
use crate::config::resource::Resource;
use crate::config::scope::ScopeSet;
use crate::config::server::Servers;
use crate::config::{raw, sender, text, workloads};
use crate::digest::is_same;
use crate::limits::{AGENTS_MAX, CONFIG_TEXT_BYTES_MAX, NAMES_PER_LIST_MAX, URL_BYTES_MAX};
use crate::profile::{Profiles, UNCLASSIFIED};
use crate::spiffe;

/// Every registered agent, found by each of its names.
///
/// Invariant: no two agents share an id, an audience, a SPIFFE ID, a DPoP key, an API key, or a client identifier at one server.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    by_id: BTreeMap<String, Arc<Agent>>,
    by_audience: BTreeMap<String, Arc<Agent>>,
    by_spiffe_id: BTreeMap<String, Arc<Agent>>,
    by_client_id: BTreeMap<String, BTreeMap<String, Arc<Agent>>>,
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

    /// The agent for which `client_id` is registered at the server of that name, where that is another name than its id.
    #[must_use]
    pub fn by_client_id(&self, server: &str, client_id: &str) -> Option<&Arc<Agent>> {
        self.by_client_id.get(server)?.get(client_id)
    }

    /// The agent that is the client `client_id` at the server of that name: by what is registered there, or else by its id.
    #[must_use]
    pub fn client(&self, server: &str, client_id: &str) -> Option<&Arc<Agent>> {
        let by_id = || self.by_id(client_id).filter(|agent| agent.client_id(server) == client_id);
        self.by_client_id(server, client_id).or_else(by_id)
    }

    /// The agent with an API key of that digest. How long it takes says nothing of which keys there are.
    #[must_use]
    pub fn by_api_key(&self, digest: &[u8; 32]) -> Option<&Arc<Agent>> {
        let mut found = None;
        for agent in self.by_id.values() {
            for key in &agent.api_keys {
                if is_same(key, digest) {
                    found = Some(agent);
                }
            }
        }
        found
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
    /// The RFC 7638 thumbprints of the keys it makes DPoP proofs with.
    pub dpop_keys: Vec<[u8; 32]>,
    /// The SHA-256 digests of its API keys.
    pub api_keys: Vec<[u8; 32]>,
    /// Its client identifier at the servers where that is not its id, by the server's name.
    pub client_ids: BTreeMap<String, String>,
    /// How the gateway authenticates as this agent.
    pub credential: Option<Credential>,
    /// The namespace of its id, which an actor that names one must name; `None` for that of any configured server.
    pub issuer: Option<String>,
    /// The most that may be asked for on its behalf; `None` for whatever a call needs.
    pub scopes: Option<ScopeSet>,
    /// The names of the resources it may act at; `None` for all of them.
    pub resources: Option<BTreeSet<String>>,
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

/// What checking an agent needs to know besides the agent.
pub(super) struct Surroundings<'a> {
    /// The servers that agents may have client identifiers at.
    pub(super) servers: &'a Servers,
    /// The VM's environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

/// Checks every agent.
pub(super) fn check_all(
    path: &Path<'_>,
    agents: Option<&BTreeMap<String, raw::Agent>>,
    around: &Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Agents, ConfigError> {
    let mut checked = Agents::default();
    let mut keys: BTreeMap<[u8; 32], String> = BTreeMap::new();
    let mut api_keys: BTreeMap<[u8; 32], String> = BTreeMap::new();
    let Some(agents) = agents else {
        return Ok(checked);
    };
    text::at_most(path, agents.len(), AGENTS_MAX, "agents")?;
    for (id, raw) in agents {
        let path = path.key(id);
        text::text(&path, id, CONFIG_TEXT_BYTES_MAX)?;
        let agent = Arc::new(check(&path, id, raw, around, warnings)?);
        let names = [
            ("resource", &agent.audience, &mut checked.by_audience),
            ("spiffe_id", &agent.spiffe_id, &mut checked.by_spiffe_id),
        ];
        for (field, name, index) in names {
            let Some(name) = name else { continue };
            if let Some(other) = index.insert(name.clone(), Arc::clone(&agent)) {
                return Err(shared(&path.field(field), name, &other.id));
            }
        }
        for (at, key) in agent.api_keys.iter().enumerate() {
            if let Some(other) = api_keys.insert(*key, agent.id.clone()) {
                let value = raw.api_key_sha256.as_ref().and_then(|keys| keys.get(at)).map_or("", String::as_str);
                return Err(shared(&path.field("api_key_sha256").index(at), value, &other));
            }
        }
        for (at, key) in agent.dpop_keys.iter().enumerate() {
            if let Some(other) = keys.insert(*key, agent.id.clone()) {
                let value = raw.dpop_keys.as_ref().and_then(|keys| keys.get(at)).map_or("", String::as_str);
                return Err(shared(&path.field("dpop_keys").index(at), value, &other));
            }
        }
        checked.by_id.insert(id.clone(), agent);
    }
    check_certificates(path, &checked)?;
    checked.by_client_id = check_client_ids(path, &checked)?;
    Ok(checked)
}

fn shared(path: &Path<'_>, value: &str, other: &str) -> ConfigError {
    path.found(
        value,
        "a value that no other agent has",
        format!("agent {} has it already, and the two could not be told apart", quoted(other)),
    )
}

/// Envoy's cluster presents one certificate, which cannot be two agents.
fn check_certificates(path: &Path<'_>, agents: &Agents) -> Result<(), ConfigError> {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for agent in agents.iter() {
        for server in agent.credential.iter().flat_map(Credential::certificate_at) {
            if let Some(other) = known.insert(server, &agent.id) {
                let path = path.key(&agent.id);
                return Err(shared(&path.field("credential").field("tls_client_auth"), server, other));
            }
        }
    }
    Ok(())
}

/// No two agents may be one client at a server, whether by their ids or by what is configured.
fn check_client_ids(
    path: &Path<'_>,
    agents: &Agents,
) -> Result<BTreeMap<String, BTreeMap<String, Arc<Agent>>>, ConfigError> {
    let mut known: BTreeMap<String, BTreeMap<String, Arc<Agent>>> = BTreeMap::new();
    for agent in agents.iter() {
        for (server, client_id) in &agent.client_ids {
            let by_id = agents.by_id(client_id).filter(|other| other.id != agent.id);
            let by_id = by_id.filter(|other| other.client_id(server) == client_id).map(Arc::clone);
            let at_server = known.entry(server.clone()).or_default();
            if let Some(other) = at_server.insert(client_id.clone(), Arc::clone(agent)).or(by_id) {
                let path = path.key(&agent.id);
                return Err(shared(&path.field("client_ids").key(server), client_id, &other.id));
            }
        }
    }
    Ok(known)
}

fn check(
    path: &Path<'_>,
    id: &str,
    raw: &raw::Agent,
    around: &Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Agent, ConfigError> {
    let name = text::required_text(
        &path.field("name"),
        raw.name.as_deref(),
        "what people call this agent",
        "records name agents in words",
    )?;
    let status = text::word(
        &path.field("status"),
        raw.status.as_deref(),
        None,
        &[("active", AgentStatus::Active), ("suspended", AgentStatus::Suspended), ("retired", AgentStatus::Retired)],
        "say whether this agent may act",
    )?;
    let profiles = raw
        .profiles
        .as_deref()
        .map_or_else(|| ai_agent(path), |values| text::profiles(&path.field("profiles"), values))?;
    if profiles.contains(UNCLASSIFIED) {
        return Err(path.field("profiles").found(
            UNCLASSIFIED,
            "what this agent is",
            "whether an actor must say what it is, is for each resource to say: see accept.delegation.actor_profiles",
        ));
    }
    let (scopes, resources) = check_ceiling(&path.field("ceiling"), raw.ceiling.as_ref())?;
    Ok(Agent {
        id: id.to_owned(),
        name,
        owner: text::optional_text(&path.field("owner"), raw.owner.as_deref())?,
        status,
        profiles,
        audience: raw
            .resource
            .as_deref()
            .map(|value| text::text(&path.field("resource"), value, URL_BYTES_MAX))
            .transpose()?,
        spiffe_id: raw
            .spiffe_id
            .as_deref()
            .map(|value| check_spiffe_id(&path.field("spiffe_id"), value))
            .transpose()?,
        dpop_keys: sender::check_keys(&path.field("dpop_keys"), raw.dpop_keys.as_deref())?,
        api_keys: workloads::check_keys(&path.field("api_key_sha256"), raw.api_key_sha256.as_deref())?,
        client_ids: check_client_id_map(&path.field("client_ids"), raw.client_ids.as_ref(), around.servers)?,
        credential: raw
            .credential
            .as_ref()
            .map(|raw| credential::check(&path.field("credential"), raw, around.servers, around.env, warnings))
            .transpose()?,
        issuer: raw
            .issuer
            .as_deref()
            .map(|value| text::text(&path.field("issuer"), value, URL_BYTES_MAX))
            .transpose()?,
        scopes,
        resources,
    })
}

type Ceiling = (Option<ScopeSet>, Option<BTreeSet<String>>);

/// The most an agent may. An empty list is a limit: nothing at all.
fn check_ceiling(path: &Path<'_>, raw: Option<&raw::Ceiling>) -> Result<Ceiling, ConfigError> {
    let Some(raw) = raw else {
        return Ok((None, None));
    };
    let scopes = raw.scopes.as_deref().map(|values| text::scopes(&path.field("scopes"), values)).transpose()?;
    let resources = raw.resources.as_deref().map(|names| check_names(&path.field("resources"), names)).transpose()?;
    if scopes.is_none() && resources.is_none() {
        return Err(path.wrong("empty", "\"scopes\" or \"resources\"", "say what this agent may at most"));
    }
    Ok((scopes, resources))
}

fn check_names(path: &Path<'_>, names: &[String]) -> Result<BTreeSet<String>, ConfigError> {
    text::at_most(path, names.len(), NAMES_PER_LIST_MAX, "names")?;
    let mut seen = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let path = path.index(at);
        text::once(&path, &text::name(&path, name)?, &mut seen)?;
    }
    Ok(seen)
}

/// The resources that ceilings name must be there: a slip in a name would take an agent out of service.
pub(super) fn check_ceilings(path: &Path<'_>, agents: &Agents, resources: &[Arc<Resource>]) -> Result<(), ConfigError> {
    for agent in agents.iter() {
        let unknown = |name: &&String| resources.iter().all(|resource| resource.name != **name);
        if let Some(name) = agent.resources.iter().flatten().find(unknown) {
            let known = alternatives(resources.iter().map(|resource| resource.name.as_str()).take(8));
            let path = path.key(&agent.id);
            return Err(path.field("ceiling").field("resources").found(
                name,
                format!("names of resources such as {known}"),
                "an agent may act where it is said, by the name of the resource",
            ));
        }
    }
    Ok(())
}

/// What an agent is where nothing else is said.
pub(super) fn ai_agent(path: &Path<'_>) -> Result<Profiles, ConfigError> {
    text::profiles(path, &["ai_agent".to_owned()])
}

fn check_client_id_map(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, String>>,
    servers: &Servers,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut checked = BTreeMap::new();
    for (server, client_id) in raw.into_iter().flatten() {
        let path = path.key(server);
        if !servers.contains_key(server) {
            let known = alternatives(servers.keys().map(String::as_str));
            return Err(path.wrong(
                "unknown",
                format!("one of authorization_servers: {known}"),
                "client identifiers are given by the name of the server",
            ));
        }
        checked.insert(server.clone(), text::text(&path, client_id, CONFIG_TEXT_BYTES_MAX)?);
    }
    Ok(checked)
}

fn check_spiffe_id(path: &Path<'_>, value: &str) -> Result<String, ConfigError> {
    spiffe::trust_domain(value).map(|_| value.to_owned()).ok_or_else(|| {
        path.found(
            value,
            "a SPIFFE ID such as \"spiffe://example.org/ns/agents/sa/name\"",
            "it must be exactly the URI in the agent's client certificate",
        )
    })
}
