//! The configuration: one JSON document, checked once, then only read.
//!
//! [`Config::from_json`] is the only door, and what comes out of it needs no further checking:
//! every name refers to something, every duration is within bounds, every key parses and fits its algorithm.
//! Unknown members are errors. No default widens what is accepted.
//! A refused document is refused by a [`ConfigError`] that names the member, and never quotes a secret.

pub mod a2a;
pub mod accept;
pub mod agent;
pub mod binding;
mod credential;
pub mod discovery;
mod document;
mod duration;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod introspection;
pub mod issuers;
pub mod mcp;
pub mod metadata;
pub mod needs;
pub mod observe;
mod origin;
pub mod pattern;
pub mod protocol;
mod raw;
pub mod recorded;
pub mod resource;
pub mod rest;
pub mod revoked;
pub mod rules;
pub mod scope;
mod secret;
mod sender;
pub mod server;
pub mod session;
mod sharing;
mod size;
pub mod streams;
mod text;
mod trust_domain;
mod uri;
mod value_rules;
pub mod workloads;

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use error::Path;
use serde_json::Value;

use crate::digest::sha256;
use crate::json::{self, JsonError};
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_JSON_DEPTH_MAX};
use crate::redacted::Redacted;
use crate::signatures::SigningKey;
use crate::spiffe;
use crate::time::UnixSeconds;

pub use a2a::{A2aMethod, A2aPolicy};
pub use accept::{Accept, DelegationRules, Presenter, Verdict};
pub use agent::{Agent, AgentStatus, Agents};
pub use credential::{AssertionKey, ClientAuthentication, Credential};
pub use discovery::{Discovery, Location};
pub use endpoint::{Endpoint, Scheme};
pub use error::ConfigError;
pub use exchange::{
    Acquisition, ActorToken, ConfiguredActorToken, DpopKey, Exchange, Grant, IssuedChain, IssuedTokenFormat, Kind,
    PresentedActorToken, RequestedTokenType, SameSubject, SubjectTokenType, TokenExchange, TransactionToken,
};
pub use introspection::Introspection;
pub use issuers::OtherIssuer;
pub use mcp::{Called, McpPolicy, Tool};
pub use metadata::Metadata;
pub use needs::Needs;
pub use pattern::Patterns;
pub use protocol::{Demand, Protocol};
pub use recorded::{Logged, Recorded, StateEntry};
pub use resource::{PathPrefix, Resource};
pub use rest::{QueryRules, RestOperation, RestPolicy};
pub use revoked::Revoked;
pub use scope::{ScopePattern, ScopeSet};
pub use sender::{CallerProof, DpopRules};
pub use server::{AssertionAudience, AuthorizationServer, KeySource, RemoteKeys};
pub use session::{Refusals, SessionAct};
pub use streams::StreamRules;
pub use workloads::Workloads;

/// The checked configuration. Its `Debug` form has no secrets.
#[derive(Debug)]
pub struct Config {
    /// Whether the host holds request headers while the body is read; Envoy's `allow_on_headers_stop_iteration`.
    pub hold_headers: bool,
    /// The authorization servers, by name.
    pub servers: BTreeMap<String, Arc<AuthorizationServer>>,
    /// The SPIFFE trust domains, by name: whose JWT-SVIDs are verified, and nothing else is taken of them.
    pub trust_domains: BTreeMap<String, Arc<AuthorizationServer>>,
    /// The registered agents.
    pub agents: Agents,
    /// The protected resources, in the order of the document.
    pub resources: Vec<Arc<Resource>>,
    /// The header that carries API keys, in lower case; it goes no further than here.
    pub api_key_header: Option<String>,
    /// The headers that carry actor tokens, in lower case, whichever resource takes them; they go no further than here.
    pub actor_token_headers: Vec<Arc<str>>,
    /// What is withdrawn. Older plugins of the same kind take it over.
    pub revoked: Arc<Revoked>,
    /// What the workers seal with what they share; without it they share nothing.
    pub sharing: Option<Redacted<String>>,
    /// How much of each decision is written.
    pub recorded: Recorded,
    /// What is allowed but should be known, one sentence each, with the path it is about.
    pub warnings: Vec<String>,
    /// SHA-256 of the document: tells what was exchanged under one configuration from what was under another.
    pub digest: [u8; 32],
    /// SHA-256 of what the document names and the environment holds. It is never shown: a short secret could be guessed by it.
    pub environment: Redacted<[u8; 32]>,
    /// Whether the environment was read: what it held then counts until the process is started anew.
    pub reads_environment: bool,
}

impl Config {
    /// Reads and checks a document; `env` looks a variable up in the VM's environment.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in the order servers, trust domains, agents, resources, what is withdrawn.
    pub fn from_json(document: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let root = Path::Root;
        let value = parse(document)?;
        let raw: raw::Document = document::read(&value, &root)?;
        let hold_headers = raw.allow_on_headers_stop_iteration.ok_or_else(|| {
            let path = root.field("allow_on_headers_stop_iteration");
            path.missing("true or false", "the same value as this filter has in Envoy; the filter cannot see it")
        })?;
        let read = Environment::new(env);
        let env: &dyn Fn(&str) -> Option<String> = &|name| read.get(name);
        let mut warnings = Vec::new();
        let path = root.field("authorization_servers");
        let servers = server::check_all(&path, raw.authorization_servers.as_ref(), &mut warnings)?;
        let path = root.field("trust_domains");
        let trust_domains = trust_domain::check_all(&path, raw.trust_domains.as_ref(), &servers)?;
        let around = agent::Surroundings { servers: &servers, env };
        let agents = agent::check_all(&root.field("agents"), raw.agents.as_ref(), &around, &mut warnings)?;
        let api_key_header = raw
            .api_key_header
            .as_deref()
            .map(|name| exchange::header(&root.field("api_key_header"), Some(name)))
            .transpose()?;
        let around = resource::Surroundings {
            servers: &servers,
            agents: &agents,
            hold_headers,
            trust_domains: &trust_domains,
            api_key_header: api_key_header.as_deref(),
            env,
        };
        let path = root.field("resources");
        let resources = resource::check_all(&path, raw.resources.as_deref(), around, &mut warnings)?;
        let sharing = sharing::check(&root.field("sharing"), raw.sharing.as_ref(), env, &mut warnings)?;
        let recorded = recorded::check(&root.field("record"), raw.record.as_ref(), &mut warnings)?;
        agent::check_ceilings(&root.field("agents"), &agents, &resources)?;
        let revoked = revoked::check(&root.field("revoked"), raw.revoked.as_deref(), (&servers, &agents))?;
        Ok(Self {
            hold_headers,
            servers,
            trust_domains,
            agents,
            actor_token_headers: actor_token_headers(&resources),
            resources,
            api_key_header,
            revoked: Arc::new(revoked),
            sharing,
            recorded,
            warnings,
            digest: sha256(document),
            reads_environment: read.was_read(),
            environment: Redacted::new(read.digest()),
        })
    }
}

/// The environment, and what of it was read.
struct Environment<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    read: RefCell<BTreeMap<String, [u8; 32]>>,
}

impl<'a> Environment<'a> {
    fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, read: RefCell::default() }
    }

    fn get(&self, name: &str) -> Option<String> {
        let value = (self.env)(name)?;
        if let Ok(mut read) = self.read.try_borrow_mut() {
            read.insert(name.to_owned(), sha256(value.as_bytes()));
        }
        Some(value)
    }

    fn was_read(&self) -> bool {
        self.read.try_borrow().is_ok_and(|read| !read.is_empty())
    }

    /// Of names and values, in the order of the names.
    fn digest(self) -> [u8; 32] {
        let read = self.read.take();
        let parts = read.iter().flat_map(|(name, value)| [sha256(name.as_bytes()), *value]);
        sha256(&parts.collect::<Vec<_>>().concat())
    }
}

impl Config {
    /// Everybody whose keys verify something, by name: authorization servers and trust domains, which share no name.
    pub fn key_holders(&self) -> impl Iterator<Item = (&String, &Arc<AuthorizationServer>)> {
        self.servers.iter().chain(&self.trust_domains)
    }

    /// The one of that name.
    #[must_use]
    pub fn key_holder(&self, name: &str) -> Option<&Arc<AuthorizationServer>> {
        self.servers.get(name).or_else(|| self.trust_domains.get(name))
    }

    /// The trust domain of that SPIFFE ID, where its JWT-SVIDs can be verified.
    #[must_use]
    pub fn trust_domain_of(&self, spiffe_id: &str) -> Option<&Arc<AuthorizationServer>> {
        self.trust_domains.get(spiffe::trust_domain(spiffe_id)?)
    }

    /// Every key that the gateway signs with: client assertions of agents, and proofs of its own.
    pub fn signing_keys(&self) -> impl Iterator<Item = &SigningKey> {
        let credentials = self.agents.iter().filter_map(|agent| agent.credential.as_ref());
        let assertions = credentials.flat_map(Credential::assertion_keys).map(|key| &key.key);
        let proofs = self.resources.iter().filter_map(|resource| match &resource.exchange {
            Exchange::Acquire(acquisition) => acquisition.dpop.as_ref().map(|dpop| &dpop.key),
            Exchange::PassThrough { .. } | Exchange::Inject(_) | Exchange::Withheld => None,
        });
        assertions.chain(proofs)
    }

    /// The configuration as it is in force for whoever loads it at `now`: what it observes, it observes from here on.
    ///
    /// A configuration that was not told the time observes nothing and enforces everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a resource would observe for too long, or an actor token has ended.
    pub fn loaded_at(mut self, now: UnixSeconds) -> Result<Self, ConfigError> {
        let root = Path::Root;
        let resources = root.field("resources");
        for (at, resource) in self.resources.iter_mut().enumerate() {
            // Nobody else has one yet: a shared one could not be changed, and would go on enforcing.
            let Some(resource) = Arc::get_mut(resource) else { continue };
            if let Exchange::Acquire(acquisition) = &resource.exchange
                && let Kind::TokenExchange(asked) = &acquisition.kind
                && let Some(ActorToken::Configured(actor)) = &asked.actor_token
            {
                let resource = resources.index(at);
                let ends = actor.outlasts(
                    &resource.field("exchange").field("token_exchange").field("actor_token").field("token"),
                    now,
                )?;
                self.warnings.extend(ends);
            }
            if let Some(observe) = &mut resource.observe {
                self.warnings.push(observe.arm(&resources.index(at).field("observe"), now)?);
            }
        }
        Ok(self)
    }
}

/// Each once.
fn actor_token_headers(resources: &[Arc<Resource>]) -> Vec<Arc<str>> {
    let mut headers: Vec<Arc<str>> = resources
        .iter()
        .filter_map(|resource| Some(Arc::clone(&resource.exchange.presented_actor()?.header)))
        .collect();
    headers.sort_unstable();
    headers.dedup();
    headers
}

fn parse(document: &[u8]) -> Result<Value, ConfigError> {
    let root = Path::Root;
    if document.len() > CONFIG_BYTES_MAX {
        return Err(root.wrong(
            format!("found {} bytes", document.len()),
            format!("at most {CONFIG_BYTES_MAX} bytes"),
            "what the filter holds in memory is bounded",
        ));
    }
    json::parse(document, CONFIG_JSON_DEPTH_MAX).map_err(|error| {
        let (found, advice) = match error {
            JsonError::ByteOrderMark => ("found a byte-order mark", "save the document without one"),
            JsonError::DuplicateName => {
                ("found two members of one name in one object", "keep one of them: which one counts is not defined")
            }
            JsonError::Syntax => ("found no JSON", "JSON has no comments and no trailing commas"),
            JsonError::TooMany => ("found too many members", "what the filter holds in memory is bounded"),
            JsonError::TooDeep => ("found too many levels", "the configuration has fewer"),
            JsonError::TrailingData => ("found more than one value", "the document is one object"),
            JsonError::Utf8 => ("found bytes that are not UTF-8", "save the document as UTF-8"),
        };
        root.wrong(found, "one JSON object", advice)
    })
}
