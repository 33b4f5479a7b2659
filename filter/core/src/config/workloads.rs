//! Agents that show no token: which of them a resource serves, and how they are known.
//!
//! Nobody stands behind such an agent, so nothing can go on but what needs no token of a subject: the agent's own token, or a secret of the gateway's.
//! What could never be met without a token is refused at load rather than on every request.

use std::collections::BTreeSet;

use crate::config::accept::Accept;
use crate::config::agent::{Agent, AgentStatus};
use crate::config::error::{ConfigError, Path, alternatives, quoted};
use crate::config::exchange::{Exchange, Kind};
use crate::config::resource::Surroundings;
use crate::config::rules::Must;
use crate::config::{raw, text};
use crate::digest::from_hex;
use crate::limits::{API_KEYS_PER_AGENT_MAX, NAMES_PER_LIST_MAX};

/// What an agent is that acts for nobody but itself.
pub(crate) const SERVICE: &str = "service";

/// The agents that are served without a token.
#[derive(Clone, Debug)]
pub struct Workloads {
    /// By id.
    pub agents: BTreeSet<String>,
    /// Whether they are known by their client certificate.
    pub mtls: bool,
    /// Whether they are known by an API key.
    pub api_key: bool,
}

/// Checks which agents need no token.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Workloads,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Workloads, ConfigError> {
    let (mtls, api_key) = check_by(&path.field("by"), raw.by.as_deref(), around)?;
    let place = path.field("agents");
    const WANT: &str = "a list of ids under agents";
    const ADVICE: &str = "say which agents are served without a token";
    let ids = raw.agents.as_deref().ok_or_else(|| place.missing(WANT, ADVICE))?;
    if ids.is_empty() {
        return Err(place.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&place, ids.len(), NAMES_PER_LIST_MAX, "agents")?;
    let mut agents = BTreeSet::new();
    for (at, id) in ids.iter().enumerate() {
        let path = place.index(at);
        let agent = around.agents.by_id(id).ok_or_else(|| path.found(id, "the id of an agent", ADVICE))?;
        let known = (mtls && agent.spiffe_id.is_some()) || (api_key && !agent.api_keys.is_empty());
        if !known {
            let want = match (mtls, api_key) {
                (true, false) => "an agent with a spiffe_id",
                (false, true) => "an agent with api_key_sha256",
                (true, true) | (false, false) => "an agent with a spiffe_id or api_key_sha256",
            };
            return Err(path.found(id, want, "it could not be known"));
        }
        if agent.status != AgentStatus::Active {
            warnings.push(format!("{path}: agent {} is not active, so it is refused", quoted(id)));
        }
        text::once(&path, id, &mut agents)?;
    }
    if api_key {
        let path = path.field("by");
        warnings.push(format!(
            "{path}: whoever has an API key is that agent, and it is sent with every call: prefer \"mtls\""
        ));
    }
    Ok(Workloads { agents, mtls, api_key })
}

fn check_by(path: &Path<'_>, raw: Option<&[String]>, around: Surroundings<'_>) -> Result<(bool, bool), ConfigError> {
    const ADVICE: &str = "say how agents without a token are known";
    let want = || format!("a list of {}", alternatives(["mtls", "api_key"]));
    let words = raw.ok_or_else(|| path.missing(want(), ADVICE))?;
    let mut known = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let path = path.index(at);
        if word != "mtls" && word != "api_key" {
            return Err(path.found(word, alternatives(["mtls", "api_key"]), ADVICE));
        }
        text::once(&path, word, &mut known)?;
    }
    if known.is_empty() {
        return Err(path.wrong("empty", want(), ADVICE));
    }
    let api_key = known.contains("api_key");
    if api_key && around.api_key_header.is_none() {
        return Err(Path::Root.field("api_key_header").missing(
            "a header's name in lower case such as \"x-agent-key\"",
            format!("{path} takes API keys: say which header carries them"),
        ));
    }
    Ok((known.contains("mtls"), api_key))
}

/// What a resource demands of its requests must be within reach of agents without a token.
pub(super) fn check_reach(
    path: &Path<'_>,
    accept: &Accept,
    (exchange, transaction): (&Exchange, bool),
    around: Surroundings<'_>,
) -> Result<(), ConfigError> {
    let Some(workloads) = &accept.workloads else {
        return Ok(());
    };
    let place = path.field("accept");
    if !accept.subject_profiles.contains(SERVICE) {
        let path = place.field("subject_profiles");
        return Err(path.wrong("found no \"service\"", "it, beside accept.workloads", "that is what such an agent is"));
    }
    let needs_claims = [
        ("delegation.required", accept.delegation.required),
        (
            "authentication",
            accept.rules.authentication.age_max.is_some() || accept.rules.authentication.acr_values.is_some(),
        ),
        ("entitlements", accept.rules.entitlements.is_some()),
        ("claims", accept.rules.claims.iter().any(|rule| !matches!(rule.must, Must::BeAbsent))),
    ];
    if let Some((name, _)) = needs_claims.into_iter().find(|(_, needed)| *needed) {
        return Err(place.field("workloads").wrong(
            format!("found beside accept.{name}"),
            "a resource of their own for agents without a token",
            "there is no token that could say so, and they would all be refused",
        ));
    }
    if transaction {
        return Err(no_subject_token(path, "transaction_token"));
    }
    let mut agents = workloads.agents.iter().filter_map(|id| around.agents.by_id(id));
    agents.try_for_each(|agent| check_exchange(path, accept, exchange, agent))
}

fn no_subject_token(path: &Path<'_>, word: &str) -> ConfigError {
    path.field("exchange").wrong(
        format!("found \"{word}\" beside accept.workloads"),
        "\"client_credentials\" or \"inject\"",
        "there is no token of a subject that could be exchanged or passed on",
    )
}

fn check_exchange(path: &Path<'_>, accept: &Accept, exchange: &Exchange, agent: &Agent) -> Result<(), ConfigError> {
    let place = path.field("exchange");
    let of_agent = Path::Root.field("agents");
    let of_agent = of_agent.key(&agent.id);
    let refused = |word| no_subject_token(path, word);
    match exchange {
        Exchange::PassThrough { .. } => Err(refused("pass_through")),
        Exchange::Withheld => Err(refused("transaction_token")),
        // Without a token, what it may do is in the registry or nowhere.
        Exchange::Inject(_) if agent.scopes.is_none() => Err(of_agent.field("ceiling").field("scopes").missing(
            "a list of scopes",
            format!("{place} asks nobody, and this agent is served without a token: say what it may do"),
        )),
        Exchange::Inject(_) => Ok(()),
        Exchange::Acquire(acquisition) => {
            let Kind::ClientCredentials { subject } = &acquisition.kind else {
                return Err(refused(acquisition.kind.word()));
            };
            if !agent.credential.as_ref().is_some_and(|own| own.is_for(&acquisition.server.name)) {
                return Err(of_agent.field("credential").missing(
                    "{\"private_key_jwt\": ...}",
                    format!("{place}.client_credentials asks {} as this agent", quoted(&acquisition.server.name)),
                ));
            }
            let alone = agent.audience.as_deref() == Some(&accept.audience);
            if subject.is_some() && !alone {
                return Err(place.field("client_credentials").field("subject").wrong(
                    format!("found beside the agent {} in accept.workloads", quoted(&agent.id)),
                    "nothing, where several agents ask",
                    "each agent's token has a subject of its own",
                ));
            }
            Ok(())
        }
    }
}

/// Checks the digests of an agent's API keys.
pub(super) fn check_keys(path: &Path<'_>, raw: Option<&[String]>) -> Result<Vec<[u8; 32]>, ConfigError> {
    let raw = raw.unwrap_or_default();
    text::at_most(path, raw.len(), API_KEYS_PER_AGENT_MAX, "keys")?;
    let mut keys = Vec::new();
    for (at, value) in raw.iter().enumerate() {
        keys.push(check_key(&path.index(at), value)?);
    }
    Ok(keys)
}

/// The digest of an API key.
pub(super) fn check_key(path: &Path<'_>, value: &str) -> Result<[u8; 32], ConfigError> {
    // Somebody may have put the key itself here.
    from_hex(value.as_bytes()).ok_or_else(|| {
        path.wrong(
            "found something else",
            "the SHA-256 of the key, 64 hexadecimal digits",
            "`printf %s \"$KEY\" | sha256sum` says it; the key itself stands nowhere",
        )
    })
}
