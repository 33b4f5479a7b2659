//! The world document: every name, port, policy and key file of one run.
//!
//! Guaranteed: one document configures every process, and what it says about keys is public;
//! private keys are in files of mode 0600 beside it.
//! Absent on purpose: fixed ports and fixed keys.
//!
//! Issuer identifiers are `https://streamward.okta.example/…`, names nobody resolves.
//! Each issuer listens on `127.0.0.1` at its port, and an Envoy cluster of the issuer's `name` leads there.
//! A client that is not Envoy takes `direct_url` and may leave the `Host` at its loopback default.

pub mod branches;
pub mod filter_config;
pub mod journey;
pub mod streamward;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::certs::Certificates;
use super::issuer::Issuer;
use super::issuer::config::{IssuerConfig, Role, TrustDomain};
use super::issuer::set::IssuerSet;
use super::keys::{Algorithm, PublicJwk, SigningKey, digest, random};

/// Elliptic keys made for each issuer: one signs, the rest stand by for rotations the other issuers foresee.
const KEYS_PER_ISSUER: usize = 3;

/// Ports are drawn from here on, this many; Linux hands out 32768 and above to outgoing connections.
const PORTS_FROM: u16 = 15_000;
const PORTS_COUNT: u16 = 17_000;

/// How often a port is drawn before enough free ones are given up on.
const PORT_TRIES: usize = 1000;

/// How many ports a run takes.
const PORTS_NEEDED: usize = 17;

/// The file the document is written to.
pub const WORLD_FILE: &str = "world.json";

/// One run of the development world.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The host name the gateway answers to.
    pub gateway_host: String,
    /// Where everything listens on 127.0.0.1.
    pub ports: Ports,
    /// The authorization servers.
    pub issuers: Vec<IssuerConfig>,
    /// The agents and applications, as the gateway's registry knows them.
    pub agents: Vec<Agent>,
    /// Key files, by key name (`idp/0`, `client/<id>`).
    pub keys: BTreeMap<String, KeyFile>,
    /// Certificate files; none in a world that was never written.
    pub certificates: Option<Certificates>,
    #[serde(skip)]
    keyring: BTreeMap<String, SigningKey>,
    /// Whether issuers draw the same each time.
    #[serde(skip)]
    repeatable: bool,
}

/// The ports of a run, one for each process, and Envoy's two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// The identity provider.
    pub idp: u16,
    /// The authorization server of the knowledge agent.
    pub ras_knowledge: u16,
    /// The authorization server of the Aurora DB MCP server.
    pub ras_auroradb: u16,
    /// The chat application.
    pub frontend: u16,
    /// The orchestrator agent.
    pub orchestrator: u16,
    /// The knowledge agent.
    pub knowledge_agent: u16,
    /// The Aurora DB MCP server.
    pub mcp_server: u16,
    /// The other agents, their back ends and their authorization servers.
    pub branches: BranchPorts,
    /// Envoy's listener.
    pub gateway: u16,
    /// Envoy's admin interface.
    pub admin: u16,
}

/// The ports of what only the whole mesh has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchPorts {
    /// The authorization servers, in the order of `branches::BRANCHES`: the agent's, then the back end's.
    pub servers: [[u16; 2]; 2],
    /// The agents.
    pub agents: [u16; 2],
    /// The back ends.
    pub back_ends: [u16; 2],
}

impl Ports {
    /// Ports nobody listens on at the moment, below those that the system hands to outgoing connections:
    /// one of those could be taken before its process listens.
    pub fn free() -> std::io::Result<Self> {
        // All listeners are held until the last port is known, so that no port comes twice.
        let mut listeners = Vec::new();
        for _try in 0..PORT_TRIES {
            let port = PORTS_FROM + u16::from_be_bytes(random::<2>()) % PORTS_COUNT;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                listeners.push(listener);
            }
            if listeners.len() == PORTS_NEEDED {
                break;
            }
        }
        let mut ports = Vec::new();
        for listener in &listeners {
            ports.push(listener.local_addr()?.port());
        }
        if ports.len() < PORTS_NEEDED {
            return Err(std::io::Error::other("not enough free ports on 127.0.0.1"));
        }
        let mut ports = ports.into_iter();
        let mut next = || ports.next().unwrap_or_default();
        Ok(Self {
            idp: next(),
            ras_knowledge: next(),
            ras_auroradb: next(),
            frontend: next(),
            orchestrator: next(),
            knowledge_agent: next(),
            mcp_server: next(),
            branches: BranchPorts {
                servers: [[next(), next()], [next(), next()]],
                agents: [next(), next()],
                back_ends: [next(), next()],
            },
            gateway: next(),
            admin: next(),
        })
    }
}

/// An agent or application of the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its id at the identity provider: `sub` in an `act`.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// `ai_agent` or `web_app`.
    pub profile: String,
    /// The resource identifier under which it is called.
    pub resource: Option<String>,
    /// Its workload identity: the URI SAN of its client certificate.
    pub spiffe_id: Option<String>,
    /// The environment variable that holds its key, where the gateway acts as this agent.
    pub key_variable: Option<String>,
}

/// Where a private key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its key id.
    pub kid: String,
    /// The PKCS#8 PEM file; none in a world that was never written.
    pub file: Option<PathBuf>,
}

/// Why a world could not be written or read.
#[derive(Debug)]
pub struct WorldError {
    what: String,
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for WorldError {}

pub(crate) fn failed(path: &Path) -> impl Fn(&dyn fmt::Display) -> WorldError + '_ {
    move |error| WorldError { what: format!("{}: {error}", path.display()) }
}

impl World {
    /// The world of the blueprint with fresh keys, in memory only: for tests without processes.
    pub fn in_memory(ports: Ports) -> Self {
        Self::with_algorithm(ports, Algorithm::Es256)
    }

    /// The same with issuers, and a knowledge agent, that sign with this algorithm.
    pub fn with_algorithm(ports: Ports, algorithm: Algorithm) -> Self {
        Self::with_keys(ports, make_keys(algorithm))
    }

    /// The same with keys and draws that are the same in every run, so that what is counted or compared is too.
    pub fn repeatable(ports: Ports) -> Self {
        let keys = make_keys(Algorithm::Es256);
        let derived = keys.iter().map(|(name, key)| (name.clone(), SigningKey::es256_of(name, key.kid()))).collect();
        Self { repeatable: true, ..Self::with_keys(ports, derived) }
    }

    fn with_keys(ports: Ports, keyring: BTreeMap<String, SigningKey>) -> Self {
        let mut issuers = streamward::issuers(|client| keyring[&client_key(client)].public_jwk());
        for idp in issuers.iter_mut().filter(|issuer| issuer.name == streamward::IDP) {
            let name = streamward::SPIFFE_TRUST_DOMAIN.to_owned();
            idp.trust_domain = Some(TrustDomain { name, keys: vec![keyring[streamward::SVID_KEY].public_jwk()] });
        }
        let keys = keyring.iter().map(|(name, key)| {
            let file = KeyFile { algorithm: key.algorithm(), kid: key.kid().to_owned(), file: None };
            (name.clone(), file)
        });
        Self {
            gateway_host: streamward::GATEWAY_HOST.to_owned(),
            ports,
            issuers,
            agents: streamward::agents(),
            keys: keys.collect(),
            certificates: None,
            keyring,
            repeatable: false,
        }
    }

    /// The whole mesh: that world and the other agents of the blueprint.
    pub fn whole_mesh(ports: Ports) -> Self {
        let mut keyring = make_keys(Algorithm::Es256);
        keyring.extend(branches::keys());
        let mut world = Self::with_keys(ports, keyring);
        branches::join(&mut world);
        world
    }

    /// Makes everything for a run and writes it under `dir`: keys, certificates, the document.
    pub fn generate(dir: &Path, ports: Ports) -> Result<Self, WorldError> {
        Self::in_memory(ports).write(dir)
    }

    /// The same with issuers, and a knowledge agent, that sign with this algorithm.
    pub fn generate_with_algorithm(dir: &Path, ports: Ports, algorithm: Algorithm) -> Result<Self, WorldError> {
        Self::with_algorithm(ports, algorithm).write(dir)
    }

    /// The same for the whole mesh.
    pub fn generate_whole_mesh(dir: &Path, ports: Ports) -> Result<Self, WorldError> {
        Self::whole_mesh(ports).write(dir)
    }

    fn write(self, dir: &Path) -> Result<Self, WorldError> {
        let mut world = self;
        fs::create_dir_all(dir).map_err(|error| failed(dir)(&error))?;
        for (name, key) in &world.keyring {
            let path = dir.join(format!("{}.key.pem", name.replace('/', "-")));
            write_secret(&path, &key.to_pem())?;
            world.keys.entry(name.clone()).and_modify(|entry| entry.file = Some(path));
        }
        world.certificates = Some(Certificates::generate(dir, &world.gateway_host, &world.agents)?);
        let path = dir.join(WORLD_FILE);
        let document = serde_json::to_string_pretty(&world).map_err(|error| failed(&path)(&error))?;
        fs::write(&path, document).map_err(|error| failed(&path)(&error))?;
        Ok(world)
    }

    /// Reads a document that `generate` wrote, and the keys it points to.
    pub fn load(path: &Path) -> Result<Self, WorldError> {
        let document = fs::read_to_string(path).map_err(|error| failed(path)(&error))?;
        let mut world: Self = serde_json::from_str(&document).map_err(|error| failed(path)(&error))?;
        for (name, entry) in &world.keys {
            let file = entry.file.as_deref().ok_or_else(|| failed(path)(&format!("key {name} has no file")))?;
            let pem = fs::read_to_string(file).map_err(|error| failed(file)(&error))?;
            let key = SigningKey::from_pem(entry.algorithm, &entry.kid, &pem).map_err(|error| failed(file)(&error))?;
            world.keyring.insert(name.clone(), key);
        }
        Ok(world)
    }

    /// A key by name.
    pub fn key(&self, name: &str) -> Option<&SigningKey> {
        self.keyring.get(name)
    }

    /// The key a client authenticates with.
    pub fn client_key(&self, client: &str) -> Option<&SigningKey> {
        self.key(&client_key(client))
    }

    /// The configuration of an issuer, by name (`idp`, `ras-knowledge`, `ras-auroradb`).
    pub fn issuer_config(&self, name: &str) -> Option<&IssuerConfig> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }

    /// The port an issuer listens on.
    pub fn issuer_port(&self, name: &str) -> Option<u16> {
        match name {
            streamward::IDP => Some(self.ports.idp),
            streamward::RAS_KNOWLEDGE => Some(self.ports.ras_knowledge),
            streamward::RAS_AURORADB => Some(self.ports.ras_auroradb),
            _ => {
                let servers = branches::BRANCHES.iter().flat_map(branches::Branch::servers);
                let mut ports = servers.zip(self.ports.branches.servers.as_flattened());
                ports.find(|(server, _)| server.name == name).map(|(_, port)| *port)
            }
        }
    }

    /// Where one of an issuer's URLs is reached without Envoy: `http://127.0.0.1:{port}{path}`.
    pub fn direct_url(&self, url: &str) -> Option<String> {
        let issuer = self.issuers.iter().filter(|issuer| url.starts_with(&issuer.issuer));
        // The longest identifier wins: the organisation's own is a prefix of the others.
        let issuer = issuer.max_by_key(|issuer| issuer.issuer.len())?;
        let path = super::issuer::split_url(url).1;
        Some(format!("http://127.0.0.1:{}{path}", self.issuer_port(&issuer.name)?))
    }

    /// An issuer ready to serve, by name.
    pub fn issuer(&self, name: &str) -> Option<Issuer> {
        let config = self.issuer_config(name)?.clone();
        let trust = self.issuers.iter().filter(|other| trusts(&config, other));
        let trust = trust.map(|other| (other.issuer.clone(), self.public_keys(&other.name))).collect();
        let seed = if self.repeatable { digest(name) } else { random() };
        Some(Issuer::new(config, self.issuer_keys(name), trust, seed))
    }

    /// All issuers, for answering in-process.
    pub fn issuer_set(&self) -> IssuerSet {
        IssuerSet::new(self.issuers.iter().filter_map(|config| self.issuer(&config.name)).collect())
    }

    /// The environment the filter's VM needs: variable name and PEM.
    pub fn environment(&self) -> Vec<(String, String)> {
        let holders = self.agents.iter().filter_map(|agent| Some((agent.key_variable.clone()?, &agent.id)));
        holders.filter_map(|(variable, id)| Some((variable, self.client_key(id)?.to_pem()))).collect()
    }

    /// An issuer's keys in the order of their use.
    pub fn issuer_keys(&self, name: &str) -> Vec<SigningKey> {
        (0..KEYS_PER_ISSUER).filter_map(|at| self.key(&format!("{name}/{at}")).cloned()).collect()
    }

    fn public_keys(&self, name: &str) -> Vec<PublicJwk> {
        self.issuer_keys(name).iter().map(SigningKey::public_jwk).collect()
    }
}

/// The identity provider reads tokens of its resource servers, and they read its ID-JAGs.
fn trusts(reader: &IssuerConfig, other: &IssuerConfig) -> bool {
    match &reader.role {
        Role::IdentityProvider(policy) => policy.resource_servers.contains_key(&other.issuer),
        Role::ResourceServer(policy) => policy.identity_provider == other.issuer,
    }
}

fn client_key(client: &str) -> String {
    format!("client/{client}")
}

fn make_keys(algorithm: Algorithm) -> BTreeMap<String, SigningKey> {
    // An RSA key takes seconds to make: one for each issuer, shared within the process, none standing by.
    let is_rsa = matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256);
    let mut keys = BTreeMap::new();
    for (slot, issuer) in [streamward::IDP, streamward::RAS_KNOWLEDGE, streamward::RAS_AURORADB].iter().enumerate() {
        for at in 0..if is_rsa { 1 } else { KEYS_PER_ISSUER } {
            let kid = format!("{issuer}-{at}");
            let key =
                if is_rsa { SigningKey::shared(algorithm, slot, &kid) } else { SigningKey::generate(algorithm, &kid) };
            keys.insert(format!("{issuer}/{at}"), key);
        }
    }
    for client in [streamward::CHAT_APP, streamward::ORCHESTRATOR] {
        keys.insert(client_key(client), SigningKey::generate(Algorithm::Es256, "k1"));
    }
    let agent = if is_rsa { SigningKey::shared(algorithm, 3, "k1") } else { SigningKey::generate(algorithm, "k1") };
    keys.insert(client_key(streamward::KNOWLEDGE_AGENT), agent);
    keys.insert(streamward::SVID_KEY.to_owned(), SigningKey::generate(Algorithm::Es256, streamward::SVID_KEY));
    keys
}

/// Writes a file only its owner can read, from the first byte on.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), WorldError> {
    let failed = failed(path);
    let _ = fs::remove_file(path); // A file that exists would keep its mode.
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests;
