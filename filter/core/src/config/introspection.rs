//! Introspection: who is asked about opaque tokens, as whom, and how long an answer counts.
//!
//! They are tokens of the resource's own server. How long an answer counts has no default: until then a token that was revoked is still believed.

use std::sync::Arc;

use crate::config::agent::{Agent, AgentStatus};
use crate::config::endpoint::Endpoint;
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::exchange::{Exchange, Kind, SubjectTokenType};
use crate::config::resource::Surroundings;
use crate::config::server::AuthorizationServer;
use crate::config::{Acquisition, duration, raw};
use crate::limits::INTROSPECTION_AGE_SECONDS_MAX;
use crate::time::Seconds;

/// How a resource knows opaque tokens.
#[derive(Debug)]
pub struct Introspection {
    /// Where the server is asked.
    pub endpoint: Endpoint,
    /// As whom.
    pub client: Arc<Agent>,
    /// How long an answer counts; zero asks for every request.
    pub age_max: Seconds,
}

/// Checks how a resource that takes tokens of `server` knows opaque ones.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Introspection,
    server: &AuthorizationServer,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Introspection, ConfigError> {
    let servers = Path::Root.field("authorization_servers");
    let of_server = servers.key(&server.name);
    let endpoint = server.introspection_endpoint.clone().ok_or_else(|| {
        of_server
            .field("introspection_endpoint")
            .missing("the URL of its introspection endpoint", format!("{path} asks there about opaque tokens"))
    })?;
    let place = path.field("client");
    const WANT: &str = "the id of an agent";
    const ADVICE: &str = "say as whom the server is asked";
    let id = raw.client.as_deref().ok_or_else(|| place.missing(WANT, ADVICE))?;
    let client = around.agents.by_id(id).ok_or_else(|| place.found(id, WANT, ADVICE))?;
    let able = client.credential.as_ref().is_some_and(|credential| credential.is_for(&server.name));
    if !able {
        let agents = Path::Root.field("agents");
        let of_client = agents.key(id);
        return Err(of_client
            .field("credential")
            .missing("{\"private_key_jwt\": ...}", format!("{place} asks {} as this agent", quoted(&server.name))));
    }
    if client.status != AgentStatus::Active {
        warnings.push(format!("{place}: agent {} is not active, and is asked as all the same", quoted(id)));
    }
    let place = path.field("cache");
    const AGE: &str = "how long a token that was revoked may still be believed; \"0s\" asks for every request";
    let cache = raw.cache.as_deref().ok_or_else(|| place.missing("a duration such as \"30s\"", AGE))?;
    let age_max = duration::seconds(&place, cache, 0..=INTROSPECTION_AGE_SECONDS_MAX, AGE)?;
    Ok(Introspection { endpoint, client: Arc::clone(client), age_max })
}

/// An opaque token is exchanged as what it is.
pub(super) fn check_reach(
    path: &Path<'_>,
    exchange: &Exchange,
    transaction: Option<&Acquisition>,
) -> Result<(), ConfigError> {
    let acquired = match exchange {
        Exchange::Acquire(acquisition) => Some(acquisition.as_ref()),
        Exchange::Inject(_) | Exchange::PassThrough { .. } | Exchange::Withheld => None,
    };
    for acquisition in acquired.into_iter().chain(transaction) {
        let asked = match &acquisition.kind {
            Kind::IdJag(grant) | Kind::IdentityChaining(grant) => grant.subject_token_type,
            Kind::TokenExchange(asked) => asked.subject_token_type,
            Kind::TransactionToken(asked) => asked.subject_token_type,
            Kind::ClientCredentials { .. } => continue,
        };
        if asked != SubjectTokenType::AccessToken {
            let place = path.field("exchange");
            return Err(place.field(acquisition.kind.word()).field("subject_token_type").wrong(
                "found another type beside accept.introspection",
                "\"access_token\"",
                "an opaque token is no JWT and no ID token",
            ));
        }
    }
    Ok(())
}
