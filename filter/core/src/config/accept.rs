//! Which tokens a resource takes, and from whom.
//!
//! Nothing here has a default that widens: who presents a token, its audience, its scopes and its lifetime are always said.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::agent::{self, AgentStatus};
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::introspection::{self, Introspection};
use crate::config::issuers::{self, OtherIssuer};
use crate::config::origin;
use crate::config::resource::Surroundings;
use crate::config::rules::{self, Rules};
use crate::config::scope::{ScopePattern, ScopeSet};
use crate::config::sender::{self, CallerProof, DpopRules};
use crate::config::server::{self, AuthorizationServer};
use crate::config::workloads::{self, Workloads};
use crate::config::{duration, raw, text};
use crate::limits::{ACTORS_MAX, LIFETIME_SECONDS_MAX, SCOPES_MAX, URL_BYTES_MAX};
use crate::profile::{Profiles, UNCLASSIFIED};
use crate::time::Seconds;

/// Which tokens a resource takes, and from whom.
#[derive(Debug)]
pub struct Accept {
    /// The server whose tokens are taken.
    pub server: Arc<AuthorizationServer>,
    /// The `aud` they must name.
    pub audience: String,
    /// Further servers whose tokens are taken.
    pub other_issuers: Vec<OtherIssuer>,
    /// The web pages that may call; a request that names none of them as its origin is refused.
    pub origins: BTreeSet<String>,
    /// Who presents them.
    pub presenter: Presenter,
    /// How the presenter is proven to be the one on the line.
    pub caller: CallerProof,
    /// What a DPoP proof must be; without it none is looked at, and a token that needs one is refused.
    pub dpop: Option<Arc<DpopRules>>,
    /// The agents that are served without a token.
    pub workloads: Option<Workloads>,
    /// How opaque tokens of the server are known; without it none is.
    pub introspection: Option<Arc<Introspection>>,
    /// Scopes a token must have, all of them.
    pub required_scopes: ScopeSet,
    /// Scopes a token must not have, any of them.
    pub forbidden_scopes: Vec<ScopePattern>,
    /// The longest a token may live, `exp` minus `iat`.
    pub lifetime_max: Seconds,
    /// What kinds of entity the subject may be.
    pub subject_profiles: Profiles,
    /// What the chain of actors may look like.
    pub delegation: DelegationRules,
    /// Who may act for whom.
    pub rules: Rules,
}

/// Who presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presenter {
    /// The agent the token was minted for.
    AudienceAgent,
    /// The outermost actor of the token.
    CurrentActor,
}

/// What a chain of actors may look like.
#[derive(Clone, Debug)]
pub struct DelegationRules {
    /// Whether a token without a chain is refused.
    pub required: bool,
    /// The longest chain, at least one.
    pub actors_max: usize,
    /// What kinds of entity the current actor may be.
    pub actor_profiles: Profiles,
    /// What becomes of a prior actor that is not registered.
    pub unregistered_prior_actors: Verdict,
    /// What becomes of a chain in which an actor stands twice.
    pub repeated_actors: Verdict,
}

/// What becomes of a request with something in it that may be refused or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It does not matter.
    Allow,
    /// The request is refused.
    #[default]
    Refuse,
}

/// Checks what a resource accepts.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Accept>,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Accept, ConfigError> {
    let raw = raw.ok_or_else(|| path.missing("an object", "say which tokens this resource takes"))?;
    let presenter = text::word(
        &path.field("presenter"),
        raw.presenter.as_deref(),
        None,
        &[("audience_agent", Presenter::AudienceAgent), ("current_actor", Presenter::CurrentActor)],
        "say who presents the token",
    )?;
    let caller = sender::check_caller(&path.field("caller"), raw.caller.as_ref())?;
    let required_scopes = check_required_scopes(&path.field("required_scopes"), raw, warnings)?;
    let server = server::refer(
        &path.field("authorization_server"),
        raw.authorization_server.as_deref(),
        around.servers,
        "say whose tokens are accepted",
    )?;
    let audience = check_audience(&path.field("audience"), raw.audience.as_deref())?;
    let others = path.field("other_issuers");
    let place = path.field("introspection");
    let introspection = raw.introspection.as_ref();
    let introspection = introspection
        .map(|raw| introspection::check(&place, raw, &server, around, warnings))
        .transpose()?
        .map(Arc::new);
    let accept = Accept {
        other_issuers: issuers::check(&others, raw.other_issuers.as_deref(), (&server, &audience), around)?,
        server,
        audience,
        origins: origin::check_all(&path.field("origins"), raw.origins.as_deref())?,
        presenter,
        caller,
        dpop: sender::check_dpop(&path.field("dpop"), raw.dpop.as_ref(), caller, around, warnings)?,
        introspection,
        workloads: raw
            .workloads
            .as_ref()
            .map(|raw| workloads::check(&path.field("workloads"), raw, around, warnings))
            .transpose()?,
        forbidden_scopes: check_forbidden_scopes(&path.field("forbidden_scopes"), raw, &required_scopes)?,
        required_scopes,
        lifetime_max: lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        subject_profiles: check_subject_profiles(&path.field("subject_profiles"), raw)?,
        delegation: check_delegation(&path.field("delegation"), raw.delegation.as_ref(), presenter)?,
        rules: rules::check(path, raw, around.agents)?,
    };
    check_presenter(path, &accept, around, warnings)?;
    warn_of_unclassified(path, &accept, warnings);
    if !caller.is_needed() {
        let path = path.field("caller");
        warnings
            .push(format!("{path}: audience_only lets everyone who holds a token pass for the agent: prefer \"mtls\""));
    }
    Ok(accept)
}

/// An entity that does not say what it is takes the most restrictive branch, and here that one lets it in.
fn warn_of_unclassified(path: &Path<'_>, accept: &Accept, warnings: &mut Vec<String>) {
    if accept.subject_profiles.contains(UNCLASSIFIED) {
        let path = path.field("subject_profiles");
        warnings.push(format!(
            "{path}: unclassified lets in a subject that may be human or machine: have the issuer send `sub_profile`"
        ));
    }
    if accept.delegation.actor_profiles.contains(UNCLASSIFIED) {
        let path = path.field("delegation");
        let path = path.field("actor_profiles");
        warnings.push(format!("{path}: unclassified lets in actors that do not say what they are: have the issuer send `sub_profile` in `act`"));
    }
}

/// The longest life of a token.
pub(super) fn lifetime(path: &Path<'_>, value: Option<&str>) -> Result<Seconds, ConfigError> {
    const ADVICE: &str = "the longest a token may live, from `iat` to `exp`";
    let value = value.ok_or_else(|| path.missing("a duration such as \"1h\"", ADVICE))?;
    duration::seconds(path, value, 1..=LIFETIME_SECONDS_MAX, ADVICE)
}

fn check_audience(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    let value = value.ok_or_else(|| {
        path.missing("the `aud` of accepted tokens", "a token for somebody else must not be accepted")
    })?;
    text::text(path, value, URL_BYTES_MAX)
}

fn check_required_scopes(
    path: &Path<'_>,
    raw: &raw::Accept,
    warnings: &mut Vec<String>,
) -> Result<ScopeSet, ConfigError> {
    let values = raw.required_scopes.as_deref().ok_or_else(|| {
        path.missing("a list of scopes", "say what a token must allow; an empty list says that it does not matter")
    })?;
    let scopes = text::scopes(path, values)?;
    if scopes.is_empty() {
        warnings.push(format!("{path}: empty, so a token of any scope is accepted"));
    }
    Ok(scopes)
}

fn check_forbidden_scopes(
    path: &Path<'_>,
    raw: &raw::Accept,
    required: &ScopeSet,
) -> Result<Vec<ScopePattern>, ConfigError> {
    let values = raw.forbidden_scopes.as_deref().unwrap_or_default();
    text::at_most(path, values.len(), SCOPES_MAX, "scopes")?;
    let mut seen = BTreeSet::new();
    let mut patterns = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        let pattern = ScopePattern::parse(value).map_err(|error| text::scope_error(&path, value, error))?;
        text::once(&path, value, &mut seen)?;
        if let Some(scope) = required.iter().find(|scope| pattern.matches(scope)) {
            return Err(path.found(
                value,
                "a pattern without any required scope",
                format!("{} is in required_scopes, so no token could be accepted", quoted(scope)),
            ));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}

fn check_subject_profiles(path: &Path<'_>, raw: &raw::Accept) -> Result<Profiles, ConfigError> {
    let values = raw.subject_profiles.as_deref().ok_or_else(|| {
        path.missing("a list of entity profiles such as [\"user\"]", "say what kind of subject is served")
    })?;
    text::profiles(path, values)
}

fn check_delegation(
    path: &Path<'_>,
    raw: Option<&raw::Delegation>,
    presenter: Presenter,
) -> Result<DelegationRules, ConfigError> {
    let raw = raw.ok_or_else(|| {
        path.missing(
            "{\"required\": ..., \"max_actors\": ...}",
            "say whether a chain of actors is needed, and how long it may be",
        )
    })?;
    let required_path = path.field("required");
    let required = raw.required.ok_or_else(|| {
        required_path.missing("true or false", "say whether a token without a chain of actors is refused")
    })?;
    if presenter == Presenter::CurrentActor && !required {
        return Err(required_path.wrong("found false", "true", "presenter \"current_actor\" is read from the chain"));
    }
    let verdict = |name: &str, value: Option<&str>, advice: &str| {
        let words = [("refuse", Verdict::Refuse), ("allow", Verdict::Allow)];
        text::word(&path.field(name), value, Some(Verdict::Refuse), &words, advice)
    };
    Ok(DelegationRules {
        required,
        actors_max: check_actors_max(&path.field("max_actors"), raw.max_actors)?,
        actor_profiles: raw
            .actor_profiles
            .as_deref()
            .map_or_else(|| agent::ai_agent(path), |values| text::profiles(&path.field("actor_profiles"), values))?,
        unregistered_prior_actors: verdict(
            "unregistered_prior_actors",
            raw.unregistered_prior_actors.as_deref(),
            "what becomes of a chain with a prior actor that is not under agents",
        )?,
        repeated_actors: verdict(
            "repeated_actors",
            raw.repeated_actors.as_deref(),
            "what becomes of a chain in which an actor stands twice",
        )?,
    })
}

fn check_actors_max(path: &Path<'_>, value: Option<u64>) -> Result<usize, ConfigError> {
    const ADVICE: &str = "the longest chain, the current actor included";
    let want = || format!("a number from 1 to {ACTORS_MAX}");
    let value = value.ok_or_else(|| path.missing(want(), ADVICE))?;
    usize::try_from(value)
        .ok()
        .filter(|count| (1..=ACTORS_MAX).contains(count))
        .ok_or_else(|| path.wrong(format!("found {value}"), want(), ADVICE))
}

/// There must be somebody who can present a token, and prove it where a proof is asked for.
fn check_presenter(
    path: &Path<'_>,
    accept: &Accept,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let agents = around.agents;
    match accept.presenter {
        Presenter::AudienceAgent => {
            let agent = agents.by_audience(&accept.audience).ok_or_else(|| {
                path.field("audience").found(
                    &accept.audience,
                    "the `resource` of a registered agent",
                    "presenter \"audience_agent\" is the agent that tokens for this audience are minted for",
                )
            })?;
            check_provable(path, accept.caller, agent)?;
            if agent.status != AgentStatus::Active {
                warnings.push(format!(
                    "{path}.audience: agent {} is not active, so every request is refused",
                    quoted(&agent.id)
                ));
            }
        }
        Presenter::CurrentActor => {
            let able = |agent: &agent::Agent| agent.status == AgentStatus::Active && can_prove(accept.caller, agent);
            if !agents.iter().any(|agent| able(agent)) {
                return Err(path.field("presenter").found(
                    "current_actor",
                    match (accept.caller.mtls, accept.caller.dpop) {
                        (true, false) => "an active agent with a spiffe_id",
                        (false, true) => "an active agent with dpop_keys",
                        (true, true) => "an active agent with a spiffe_id or dpop_keys",
                        (false, false) => "an active agent",
                    },
                    "no registered agent could present a token: see agents",
                ));
            }
        }
    }
    Ok(())
}

fn can_prove(caller: CallerProof, agent: &agent::Agent) -> bool {
    !caller.is_needed() || (caller.mtls && agent.spiffe_id.is_some()) || (caller.dpop && !agent.dpop_keys.is_empty())
}

/// The presenter is known, so it must be able to prove itself.
fn check_provable(path: &Path<'_>, caller: CallerProof, agent: &agent::Agent) -> Result<(), ConfigError> {
    if can_prove(caller, agent) {
        return Ok(());
    }
    let agents = Path::Root.field("agents");
    let of_agent = agents.key(&agent.id);
    Err(if caller.mtls {
        of_agent.field("spiffe_id").missing(
            "the SPIFFE ID in this agent's client certificate",
            format!("{path}.caller is \"mtls\", and this agent is the presenter"),
        )
    } else {
        of_agent.field("dpop_keys").missing(
            "the thumbprints of this agent's keys",
            format!("{path}.caller is \"dpop\", and this agent is the presenter"),
        )
    })
}
