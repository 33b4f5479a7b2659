//! What credential a resource's requests go on with.
//!
//! There is no variant for "whatever came": passing a token through names the audience that must already be in it.
//! Each kind of exchange knows the calls it takes ([`Kind`]) and the lineage that must hold of what comes back.

mod actor_token;
mod dpop;
mod inject;
mod kinds;
mod lineage;

pub use actor_token::{ActorToken, ConfiguredActorToken, PresentedActorToken};
pub use dpop::DpopKey;
pub(super) use inject::header;

use std::sync::{Arc, OnceLock};

use crate::config::accept::{Accept, Presenter};
use crate::config::agent::{Agent, AgentStatus};
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::raw;
use crate::config::resource::Surroundings;
use crate::config::server::AuthorizationServer;
use crate::injection::Injection;
use crate::jwt::verify::AcceptedTyp;
use crate::time::Seconds;

/// What credential is sent on.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// A token acquired for the acting agent.
    Acquire(Arc<Acquisition>),
    /// A secret of the gateway's own, for an upstream that knows no tokens.
    Inject(Arc<Injection>),
    /// The verified token itself: the next hop is the one it was minted for.
    PassThrough {
        /// The audience of the token; the same as the one accepted.
        audience: String,
    },
    /// None: a transaction token says all there is to say.
    Withheld,
}

/// How the token for a resource is acquired, and what must hold of it.
#[derive(Debug)]
pub struct Acquisition {
    /// By which calls.
    pub kind: Kind,
    /// The server that issues the token.
    pub server: Arc<AuthorizationServer>,
    /// Whom the token is for: its only audience.
    pub resource: String,
    /// Whether the token can be read.
    pub issued_token: IssuedTokenFormat,
    /// The longest it may live.
    pub lifetime_max: Seconds,
    /// How it names the same subject as the inbound token; empty only where nothing can be compared.
    pub same_subject: Vec<SameSubject>,
    /// Whom it must name as actors.
    pub chain: IssuedChain,
    /// The key that the token must be tied to; none for a bearer token.
    pub dpop: Option<Arc<DpopKey>>,
    /// Stands for all of the above in the keys of issued tokens; computed when the first is asked for.
    pub(crate) digest: OnceLock<[u8; 32]>,
}

/// By which calls a token is acquired.
#[derive(Debug)]
pub enum Kind {
    /// Token exchange for an identity assertion at one server, and that assertion for the token at another
    /// (draft-ietf-oauth-identity-assertion-authz-grant).
    IdJag(Grant),
    /// Token exchange for a JWT grant in one domain, and that grant for the token in another
    /// (draft-ietf-oauth-identity-chaining).
    IdentityChaining(Grant),
    /// One token exchange (RFC 8693).
    TokenExchange(TokenExchange),
    /// The agent's own token (RFC 6749 §4.4): for nobody but itself.
    ClientCredentials {
        /// The `sub` of that token, where it is not the client identifier.
        subject: Option<String>,
    },
    /// One token exchange for a token that says what the transaction is, and opens nothing
    /// (draft-ietf-oauth-transaction-tokens).
    TransactionToken(TransactionToken),
}

/// What is asked of a transaction token service.
#[derive(Debug)]
pub struct TransactionToken {
    /// What the inbound token is to it.
    pub subject_token_type: SubjectTokenType,
    /// The `typ` that the token must have.
    pub typ: AcceptedTyp,
    /// Whom it must name as the workload that asked, where that is neither the agent's client identifier nor its SPIFFE ID.
    pub requesting_workload: Option<String>,
}

/// The first of two calls: somebody else's statement that the issuing server takes.
#[derive(Debug)]
pub struct Grant {
    /// The server that gives it.
    pub idp: Arc<AuthorizationServer>,
    /// What the inbound token is to that server.
    pub subject_token_type: SubjectTokenType,
    /// The `typ` that the grant may have.
    pub typ: AcceptedTyp,
    /// How the grant names the same subject as the inbound token; never empty.
    pub same_subject: Vec<SameSubject>,
}

/// What one token exchange asks for.
#[derive(Debug)]
pub struct TokenExchange {
    /// What the inbound token is to the server.
    pub subject_token_type: SubjectTokenType,
    /// What is asked for, and must come back.
    pub requested: RequestedTokenType,
    /// The `resource` parameter.
    pub resource: Option<String>,
    /// The `audience` parameter.
    pub audience: Option<String>,
    /// Who acts, where the server takes that from a token rather than from the authenticated client.
    pub actor_token: Option<ActorToken>,
}

impl Kind {
    /// The grant that is obtained first, where there are two calls.
    #[must_use]
    pub const fn grant(&self) -> Option<&Grant> {
        match self {
            Self::IdJag(grant) | Self::IdentityChaining(grant) => Some(grant),
            Self::TokenExchange(_) | Self::ClientCredentials { .. } | Self::TransactionToken(_) => None,
        }
    }

    /// The word in configuration and in records.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::IdJag(_) => "id_jag",
            Self::IdentityChaining(_) => "identity_chaining",
            Self::TokenExchange(_) => "token_exchange",
            Self::ClientCredentials { .. } => "client_credentials",
            Self::TransactionToken(_) => "transaction_token",
        }
    }
}

impl Acquisition {
    /// The `typ` that the token may have.
    pub(crate) fn typ(&self) -> &AcceptedTyp {
        match &self.kind {
            Kind::TransactionToken(asked) => &asked.typ,
            Kind::IdJag(_) | Kind::IdentityChaining(_) | Kind::TokenExchange(_) | Kind::ClientCredentials { .. } => {
                &self.server.typ
            }
        }
    }

    /// What the actor token must be that comes with the request; none where no such token is asked for.
    pub(crate) fn presented_actor(&self) -> Option<&PresentedActorToken> {
        match &self.kind {
            Kind::TokenExchange(TokenExchange { actor_token: Some(ActorToken::Presented(presented)), .. }) => {
                Some(presented)
            }
            Kind::TokenExchange(_)
            | Kind::IdJag(_)
            | Kind::IdentityChaining(_)
            | Kind::ClientCredentials { .. }
            | Kind::TransactionToken(_) => None,
        }
    }

    /// The thumbprint of the key that the token must be tied to.
    pub(crate) fn bound_to(&self) -> Option<[u8; 32]> {
        self.dpop.as_ref().map(|dpop| dpop.thumbprint)
    }

    /// Every server that is called for it.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<AuthorizationServer>> {
        self.kind.grant().map(|grant| &grant.idp).into_iter().chain([&self.server])
    }
}

/// Whom an issued token must name as actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedChain {
    /// The acting agent, and beneath it the inbound chain unchanged.
    AgentAdded,
    /// The inbound chain unchanged, or nobody where there was none.
    AsInbound,
    /// Nobody: the subject acts for itself.
    Nobody,
}

/// A token type that may be asked for (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedTokenType {
    /// An access token.
    AccessToken,
    /// A JWT.
    Jwt,
}

impl RequestedTokenType {
    /// The identifier on the wire.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// What the inbound token is to the server that takes it (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTokenType {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
    /// A JWT of no kind in particular.
    Jwt,
}

impl SubjectTokenType {
    /// The identifier on the wire.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// Whether an issued access token can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedTokenFormat {
    /// It is a JWT, and its lineage is checked.
    Jwt,
    /// It is opaque; only the grant before it could be checked.
    Opaque,
}

/// A pair of claims that must be present and equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameSubject {
    /// JSON pointer (RFC 6901) into the claims of the inbound token.
    pub inbound: String,
    /// JSON pointer into the claims of the issued token.
    pub issued: String,
}

/// Checks what credential is sent on.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Exchange>,
    accept: &Accept,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Exchange, ConfigError> {
    const WANT: &str = "one of \"id_jag\", \"token_exchange\", \"identity_chaining\", \"client_credentials\", \"inject\" and \"pass_through\", or \"transaction_token\"";
    const ADVICE: &str = "say what credential is sent on";
    let raw = raw.ok_or_else(|| path.missing(WANT, ADVICE))?;
    let kinds = raw.kinds();
    let kind = match kinds.as_slice() {
        [] if raw.transaction_token.is_some() => {
            dpop::check_reach(path, raw)?;
            return Ok(Exchange::Withheld);
        }
        [] => return Err(path.wrong("empty", WANT, ADVICE)),
        [kind] => kind,
        [one, other, ..] => return Err(path.wrong(format!("found both \"{one}\" and \"{other}\""), WANT, ADVICE)),
    };
    dpop::check_reach(path, raw)?;
    let path_of_key = path.field("dpop");
    let path = path.field(kind);
    let mut acquisition = match raw {
        raw::Exchange { pass_through: Some(raw), .. } => return check_pass_through(&path, raw, accept),
        raw::Exchange { inject: Some(raw), .. } => {
            return Ok(Exchange::Inject(Arc::new(inject::check(&path, raw, around, warnings)?)));
        }
        raw::Exchange { id_jag: Some(raw), .. } => kinds::id_jag(&path, raw, around, warnings)?,
        raw::Exchange { token_exchange: Some(raw), .. } => kinds::token_exchange(&path, raw, around, warnings)?,
        raw::Exchange { identity_chaining: Some(raw), .. } => kinds::identity_chaining(&path, raw, around, warnings)?,
        raw::Exchange { client_credentials: Some(raw), .. } => {
            kinds::client_credentials(&path, raw, accept, around, warnings)?
        }
        _none => return Err(path.wrong("empty", WANT, ADVICE)),
    };
    if acquisition.presented_actor().is_some() {
        actor_token::check_reach(&path.field("actor_token"), accept, around)?;
    }
    if let Some(raw) = &raw.dpop {
        acquisition.dpop = Some(dpop::check(&path_of_key, raw, &acquisition.kind, around.env, warnings)?);
    }
    check_acquisition(&path, acquisition, accept, around).map(Exchange::Acquire)
}

/// Checks which transaction token goes with each request, beside whatever else is sent on.
pub(super) fn check_transaction(
    path: &Path<'_>,
    raw: Option<&raw::Exchange>,
    accept: &Accept,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<Acquisition>>, ConfigError> {
    let Some(raw) = raw.and_then(|raw| raw.transaction_token.as_ref()) else {
        return Ok(None);
    };
    let path = path.field("transaction_token");
    let acquisition = kinds::transaction_token(&path, raw, around, warnings)?;
    check_acquisition(&path, acquisition, accept, around).map(Some)
}

fn check_pass_through(path: &Path<'_>, raw: &raw::PassThrough, accept: &Accept) -> Result<Exchange, ConfigError> {
    const WANT: &str = "the same value as accept.audience";
    const ADVICE: &str = "a token may only be passed on to the party it was minted for";
    let path = path.field("audience");
    let audience = raw.audience.as_deref().ok_or_else(|| path.missing(WANT, ADVICE))?;
    if audience != accept.audience {
        return Err(path.found(audience, WANT, ADVICE));
    }
    if let Some((at, other)) = accept.other_issuers.iter().enumerate().find(|(_, other)| other.audience != audience) {
        let name = format!("accept.other_issuers[{at}].audience is {:?}", other.audience);
        return Err(path.found(audience, "the audience of every issuer's tokens", format!("{name}: {ADVICE}")));
    }
    Ok(Exchange::PassThrough { audience: audience.to_owned() })
}

/// A token is acquired as the acting agent, so the gateway must be able to authenticate as it at every server that is asked.
fn check_acquisition(
    path: &Path<'_>,
    acquisition: Acquisition,
    accept: &Accept,
    around: Surroundings<'_>,
) -> Result<Arc<Acquisition>, ConfigError> {
    const WANT: &str = "{\"private_key_jwt\": ...}";
    let can = |agent: &Agent, server: &AuthorizationServer| {
        agent.credential.as_ref().is_some_and(|credential| credential.is_for(&server.name))
    };
    let able = |agent: &Agent| acquisition.servers().all(|server| can(agent, server));
    match accept.presenter {
        Presenter::AudienceAgent => {
            if let Some(agent) = around.agents.by_audience(&accept.audience).filter(|agent| !able(agent)) {
                let agents = Path::Root.field("agents");
                let path_of_agent = agents.key(&agent.id);
                let place = path_of_agent.field("credential");
                let advice = format!("{path} exchanges tokens as this agent");
                return Err(match (&agent.credential, acquisition.servers().find(|server| !can(agent, server))) {
                    (Some(_), Some(server)) => {
                        place.wrong(format!("found nothing for the server {}", quoted(&server.name)), WANT, advice)
                    }
                    (_, _) => place.missing(WANT, advice),
                });
            }
        }
        Presenter::CurrentActor => {
            if !around.agents.iter().any(|agent| agent.status == AgentStatus::Active && able(agent)) {
                return Err(path.wrong(
                    "found no active agent with a credential",
                    "at least one",
                    "the exchange is made as the current actor: see agents",
                ));
            }
        }
    }
    Ok(Arc::new(acquisition))
}
