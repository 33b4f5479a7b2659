//! What credential a resource's requests go on with.
//!
//! There is no variant for "whatever came": passing a token through names the audience that must already be in it.

use std::sync::Arc;

use crate::config::accept::{self, Accept, Presenter};
use crate::config::agent::AgentStatus;
use crate::config::error::{ConfigError, Path};
use crate::config::resource::Surroundings;
use crate::config::server::{self, AuthorizationServer};
use crate::config::{raw, text};
use crate::limits::{POINTER_BYTES_MAX, SAME_SUBJECT_MAX, URL_BYTES_MAX};
use crate::time::Seconds;

/// What credential is sent on.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// A token exchanged for the acting agent, in two calls (draft-ietf-oauth-identity-assertion-authz-grant).
    IdJag(Arc<IdJagExchange>),
    /// The verified token itself: the next hop is the one it was minted for.
    PassThrough {
        /// The audience of the token; the same as the one accepted.
        audience: String,
    },
}

/// An exchange by way of an identity assertion authorization grant.
#[derive(Debug)]
pub struct IdJagExchange {
    /// The server that is asked for the grant.
    pub idp: Arc<AuthorizationServer>,
    /// The server that takes the grant for an access token.
    pub resource_server: Arc<AuthorizationServer>,
    /// The resource the access token is for; its audience.
    pub resource: String,
    /// What the inbound token is to the identity provider.
    pub subject_token_type: SubjectTokenType,
    /// Whether the access token can be read.
    pub issued_token: IssuedTokenFormat,
    /// The longest the access token may live.
    pub lifetime_max: Seconds,
    /// How the grant names the same subject as the inbound token; never empty.
    pub same_subject_id_jag: Vec<SameSubject>,
    /// How the access token names the same subject as the inbound token; empty for an opaque one only.
    pub same_subject_access_token: Vec<SameSubject>,
}

/// What the inbound token is to the identity provider (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTokenType {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
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
    const WANT: &str = "{\"id_jag\": ...} or {\"pass_through\": ...}";
    const ADVICE: &str = "say what credential is sent on";
    let raw = raw.ok_or_else(|| path.missing(WANT, ADVICE))?;
    match (&raw.id_jag, &raw.pass_through) {
        (None, None) => Err(path.wrong("empty", WANT, ADVICE)),
        (Some(_), Some(_)) => Err(path.wrong("found both \"id_jag\" and \"pass_through\"", WANT, ADVICE)),
        (None, Some(raw)) => check_pass_through(&path.field("pass_through"), raw, accept),
        (Some(raw), None) => {
            let path = path.field("id_jag");
            check_credential(&path, accept, around)?;
            check_id_jag(&path, raw, around, warnings).map(Arc::new).map(Exchange::IdJag)
        }
    }
}

fn check_pass_through(path: &Path<'_>, raw: &raw::PassThrough, accept: &Accept) -> Result<Exchange, ConfigError> {
    const WANT: &str = "the same value as accept.audience";
    const ADVICE: &str = "a token may only be passed on to the party it was minted for";
    let path = path.field("audience");
    let audience = raw.audience.as_deref().ok_or_else(|| path.missing(WANT, ADVICE))?;
    if audience != accept.audience {
        return Err(path.found(audience, WANT, ADVICE));
    }
    Ok(Exchange::PassThrough { audience: audience.to_owned() })
}

/// An exchange is made as the acting agent, so the gateway must hold a key for it.
fn check_credential(path: &Path<'_>, accept: &Accept, around: Surroundings<'_>) -> Result<(), ConfigError> {
    const WANT: &str = "{\"private_key_jwt\": ...}";
    match accept.presenter {
        Presenter::AudienceAgent => match around.agents.by_audience(&accept.audience) {
            Some(agent) if agent.credential.is_none() => {
                let agents = Path::Root.field("agents");
                Err(agents
                    .key(&agent.id)
                    .field("credential")
                    .missing(WANT, format!("{path} exchanges tokens as this agent")))
            }
            Some(_) | None => Ok(()),
        },
        Presenter::CurrentActor => {
            let able =
                around.agents.iter().any(|agent| agent.status == AgentStatus::Active && agent.credential.is_some());
            if able {
                return Ok(());
            }
            Err(path.wrong(
                "found no active agent with a credential",
                "at least one",
                "the exchange is made as the current actor: see agents",
            ))
        }
    }
}

fn check_id_jag(
    path: &Path<'_>,
    raw: &raw::IdJag,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<IdJagExchange, ConfigError> {
    let issued_token = text::word(
        &path.field("issued_token"),
        raw.issued_token.as_deref(),
        Some(IssuedTokenFormat::Jwt),
        &[("jwt", IssuedTokenFormat::Jwt), ("opaque", IssuedTokenFormat::Opaque)],
        "say whether the access token can be read",
    )?;
    if issued_token == IssuedTokenFormat::Opaque {
        let path = path.field("issued_token");
        warnings.push(format!("{path}: opaque, so only the grant is checked, not the access token itself"));
    }
    let (same_subject_id_jag, same_subject_access_token) =
        check_lineage(&path.field("lineage"), raw.lineage.as_ref(), issued_token)?;
    Ok(IdJagExchange {
        idp: check_server(&path.field("idp"), raw.idp.as_deref(), around, "say who issues the grant")?,
        resource_server: check_server(
            &path.field("resource_server"),
            raw.resource_server.as_deref(),
            around,
            "say who takes the grant for an access token",
        )?,
        resource: check_resource(&path.field("resource"), raw.resource.as_deref())?,
        subject_token_type: text::word(
            &path.field("subject_token_type"),
            raw.subject_token_type.as_deref(),
            Some(SubjectTokenType::AccessToken),
            &[("access_token", SubjectTokenType::AccessToken), ("id_token", SubjectTokenType::IdToken)],
            "say what the inbound token is to the identity provider",
        )?,
        issued_token,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject_id_jag,
        same_subject_access_token,
    })
}

fn check_server(
    path: &Path<'_>,
    name: Option<&str>,
    around: Surroundings<'_>,
    advice: &str,
) -> Result<Arc<AuthorizationServer>, ConfigError> {
    let server = server::refer(path, name, around.servers, advice)?;
    if server.token_endpoint.is_none() {
        let servers = Path::Root.field("authorization_servers");
        return Err(servers
            .key(&server.name)
            .field("token_endpoint")
            .missing("the URL of its token endpoint", format!("{path} asks it for tokens")));
    }
    Ok(server)
}

/// RFC 8707 §2: the resource "MUST be an absolute URI" and "MUST NOT include a fragment component".
fn check_resource(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    const WANT: &str = "an absolute URI without a fragment";
    const ADVICE: &str = "the audience of the token to ask for (RFC 8707)";
    let value = value.ok_or_else(|| path.missing(WANT, ADVICE))?;
    let value = text::text(path, value, URL_BYTES_MAX)?;
    let scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let absolute = value.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(scheme_byte) && !rest.is_empty()
    });
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if absolute && plain { Ok(value) } else { Err(path.found(&value, WANT, ADVICE)) }
}

type Pairs = Vec<SameSubject>;

fn check_lineage(
    path: &Path<'_>,
    raw: Option<&raw::Lineage>,
    issued_token: IssuedTokenFormat,
) -> Result<(Pairs, Pairs), ConfigError> {
    let raw = raw.ok_or_else(|| {
        path.missing(
            "{\"id_jag\": ..., \"access_token\": ...}",
            "say by which claims the same subject is recognised in what comes back",
        )
    })?;
    let id_jag = check_pairs(&path.field("id_jag"), raw.id_jag.as_ref())?;
    let path = path.field("access_token");
    let access_token = match (issued_token, &raw.access_token) {
        (IssuedTokenFormat::Jwt, raw) => check_pairs(&path, raw.as_ref())?,
        (IssuedTokenFormat::Opaque, None) => Vec::new(),
        (IssuedTokenFormat::Opaque, Some(_)) => {
            return Err(path.wrong("found an object", "nothing", "the claims of an opaque token cannot be read"));
        }
    };
    Ok((id_jag, access_token))
}

fn check_pairs(path: &Path<'_>, raw: Option<&raw::LineageOf>) -> Result<Pairs, ConfigError> {
    const WANT: &str = "at least one pair such as {\"inbound\": \"/sub\", \"issued\": \"/sub\"}";
    const ADVICE: &str = "without one, a token for somebody else would be accepted";
    let path = path.field("same_subject");
    let pairs = raw.and_then(|raw| raw.same_subject.as_deref()).ok_or_else(|| path.missing(WANT, ADVICE))?;
    if pairs.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&path, pairs.len(), SAME_SUBJECT_MAX, "pairs")?;
    pairs
        .iter()
        .enumerate()
        .map(|(at, pair)| {
            let path = path.index(at);
            Ok(SameSubject {
                inbound: check_pointer(&path.field("inbound"), pair.inbound.as_deref())?,
                issued: check_pointer(&path.field("issued"), pair.issued.as_deref())?,
            })
        })
        .collect()
}

/// RFC 6901 §3, without the pointer to the whole document, which would compare two tokens with each other.
fn check_pointer(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    const WANT: &str = "a JSON pointer such as \"/sub\"";
    const ADVICE: &str = "it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)";
    let value = value.ok_or_else(|| path.missing(WANT, ADVICE))?;
    let escapes = value.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let sized = (2..=POINTER_BYTES_MAX).contains(&value.len());
    if value.starts_with('/') && sized && escapes && !value.chars().any(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err(path.found(value, WANT, ADVICE))
    }
}
