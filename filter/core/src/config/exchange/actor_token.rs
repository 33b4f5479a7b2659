//! The actor token of a token exchange: who acts, where the server takes that from a token rather than from the authenticated client.
//!
//! One that is configured is sent whole and unread. One that comes with each request is a JWT-SVID of the acting agent: what it must be is said here,
//! and whose keys verify it follows from the SPIFFE ID that the agent is registered with, never from the token.

use std::sync::Arc;

use crate::config::accept::{Accept, Presenter, lifetime};
use crate::config::agent::{Agent, AgentStatus};
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::exchange::inject::header;
use crate::config::exchange::{Exchange, RequestedTokenType};
use crate::config::resource::Surroundings;
use crate::config::{raw, secret, text};
use crate::jwt::UnverifiedJwt;
use crate::limits::{TOKEN_BYTES_MAX, URL_BYTES_MAX};
use crate::redacted::Redacted;
use crate::spiffe;
use crate::time::{Seconds, UnixSeconds};

/// A token that says who acts (RFC 8693 §2.1).
#[derive(Debug)]
pub enum ActorToken {
    /// The same for every exchange.
    Configured(ConfiguredActorToken),
    /// Another for every request.
    Presented(PresentedActorToken),
}

/// An actor token that is read once, at load.
#[derive(Debug)]
pub struct ConfiguredActorToken {
    /// What it is.
    pub token_type: RequestedTokenType,
    /// The token.
    pub token: Redacted<String>,
    /// When it ends, where it is a JWT that says so.
    ends: Option<UnixSeconds>,
}

/// A JWT-SVID that comes with the request, and what it must be.
#[derive(Debug)]
pub struct PresentedActorToken {
    /// The header that carries it, in lower case; it goes no further than here, at any resource.
    pub header: Arc<str>,
    /// What `aud` must be, or have among its values.
    pub audience: String,
    /// The longest it may live, `exp` minus `iat`.
    pub lifetime_max: Seconds,
    /// Whether a request without one is refused, rather than exchanged for without an actor.
    pub required: bool,
}

impl Exchange {
    /// What the actor token must be that comes with each request; none where none is taken.
    pub(crate) fn presented_actor(&self) -> Option<&PresentedActorToken> {
        match self {
            Self::Acquire(acquisition) => acquisition.presented_actor(),
            Self::PassThrough { .. } | Self::Inject(_) | Self::Withheld => None,
        }
    }
}

impl ConfiguredActorToken {
    /// What is to be said at load of a token that ends.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for one that has ended.
    pub(in crate::config) fn outlasts(&self, path: &Path<'_>, now: UnixSeconds) -> Result<Option<String>, ConfigError> {
        let Some(ends) = self.ends else { return Ok(None) };
        match ends.since(now).filter(|left| *left != Seconds::ZERO) {
            Some(left) => Ok(Some(format!(
                "{path}: ends in {} seconds, and every exchange fails from then on: start Envoy anew with another before",
                left.get()
            ))),
            None => Err(path.wrong("found a token that has ended", "one that has not", "every exchange would fail")),
        }
    }
}

/// Checks which actor token goes with an exchange.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::ActorToken,
    types: &[(&str, RequestedTokenType)],
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<ActorToken, ConfigError> {
    if raw.from_header.is_some() {
        return check_presented(path, raw, around, warnings).map(ActorToken::Presented);
    }
    for (name, there) in [
        ("audience", raw.audience.is_some()),
        ("max_lifetime", raw.max_lifetime.is_some()),
        ("required", raw.required.is_some()),
    ] {
        if there {
            let advice = "a token that is configured is sent as it stands, and not verified";
            return Err(path.field(name).wrong("found a value", "nothing, or \"from_header\" beside it", advice));
        }
    }
    check_configured(path, raw, types, around, warnings).map(ActorToken::Configured)
}

/// RFC 8693 says what an actor token means and not what a self-made one would hold, so it comes from outside, whole.
fn check_configured(
    path: &Path<'_>,
    raw: &raw::ActorToken,
    types: &[(&str, RequestedTokenType)],
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<ConfiguredActorToken, ConfigError> {
    let token_type =
        text::word(&path.field("token_type"), raw.token_type.as_deref(), None, types, "say what the token is")?;
    const TOKEN: secret::Wanted = secret::Wanted { name: "token", inline: "TOKEN", content: "a token", short: "token" };
    let place = path.field("token");
    let (token, source) = secret::check(&place, raw.token.as_ref(), &TOKEN, around.env, warnings)?;
    let plain = !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || token.expose().len() > TOKEN_BYTES_MAX {
        return Err(place.field(source).wrong("found something else", "a token", "it is sent exactly as it stands"));
    }
    warnings.push(format!("{place}: read once, when the filter is loaded: it must live as long as that"));
    // Whether it is good is for the server to say; when it ends is known here too.
    let ends = UnverifiedJwt::parse(token.expose()).ok().and_then(|jwt| jwt.claims().expires_at().ok().flatten());
    Ok(ConfiguredActorToken { token_type, token, ends })
}

fn check_presented(
    path: &Path<'_>,
    raw: &raw::ActorToken,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<PresentedActorToken, ConfigError> {
    for (name, there) in [("token_type", raw.token_type.is_some()), ("token", raw.token.is_some())] {
        if there {
            let advice = "what comes with the request is a JWT-SVID, and is sent as a JWT";
            return Err(path.field(name).wrong("found beside \"from_header\"", "one of the two", advice));
        }
    }
    let place = path.field("from_header");
    let name = header(&place, raw.from_header.as_deref())?;
    if around.api_key_header == Some(name.as_str()) {
        return Err(place.found(&name, "another header than api_key_header", "one header carries one credential"));
    }
    let place = path.field("audience");
    const WANT: &str = "the `aud` of its JWT-SVIDs";
    const ADVICE: &str = "one for another service must not be taken; the server that it is sent to must take the same";
    let audience = raw.audience.as_deref().ok_or_else(|| place.missing(WANT, ADVICE))?;
    let required = raw.required.unwrap_or(true);
    if !required {
        let path = path.field("required");
        warnings.push(format!("{path}: false, so an exchange for a request without one says nothing of who acts"));
    }
    Ok(PresentedActorToken {
        header: name.into(),
        audience: text::text(&place, audience, URL_BYTES_MAX)?,
        lifetime_max: lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        required,
    })
}

/// There must be somebody whose JWT-SVID could be verified.
pub(super) fn check_reach(path: &Path<'_>, accept: &Accept, around: Surroundings<'_>) -> Result<(), ConfigError> {
    let known = |agent: &Agent| {
        let domain = agent.spiffe_id.as_deref().and_then(spiffe::trust_domain);
        domain.is_some_and(|domain| around.trust_domains.contains_key(domain))
    };
    match accept.presenter {
        Presenter::AudienceAgent => match around.agents.by_audience(&accept.audience) {
            Some(agent) if !known(agent) => Err(unknown(path, agent)),
            Some(_) | None => Ok(()),
        },
        Presenter::CurrentActor => {
            if around.agents.iter().any(|agent| agent.status == AgentStatus::Active && known(agent)) {
                return Ok(());
            }
            Err(path.wrong(
                "found no active agent with a spiffe_id in one of trust_domains",
                "at least one",
                "nobody's JWT-SVID could be verified",
            ))
        }
    }
}

fn unknown(path: &Path<'_>, agent: &Agent) -> ConfigError {
    match agent.spiffe_id.as_deref().and_then(spiffe::trust_domain) {
        Some(domain) => Path::Root.field("trust_domains").key(domain).missing(
            "{\"jwks\": ..., \"cluster\": ...}",
            format!("{path} takes JWT-SVIDs of {}, by whose keys they are verified", quoted(&agent.id)),
        ),
        None => Path::Root
            .field("agents")
            .key(&agent.id)
            .field("spiffe_id")
            .missing("the SPIFFE ID in this agent's JWT-SVIDs", format!("{path} takes no other agent's")),
    }
}
