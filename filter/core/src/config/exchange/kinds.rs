//! The kinds of exchange: what each must be told.

use std::sync::{Arc, OnceLock};

use crate::config::accept::{self, Accept, Presenter};
use crate::config::error::{ConfigError, Path};
use crate::config::exchange::{
    Acquisition, Grant, IssuedChain, IssuedTokenFormat, Kind, RequestedTokenType, SubjectTokenType, TokenExchange,
    TransactionToken, actor_token, lineage,
};
use crate::config::resource::Surroundings;
use crate::config::server::{self, AuthorizationServer};
use crate::config::{raw, text};
use crate::jwt::verify::AcceptedTyp;
use crate::limits::{CONFIG_TEXT_BYTES_MAX, URL_BYTES_MAX};

/// Two calls: an identity assertion, and the token for it.
pub(super) fn id_jag(
    path: &Path<'_>,
    raw: &raw::IdJag,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    let issued_token = issued_token(path, raw.issued_token.as_deref(), "only the grant is checked", warnings)?;
    let (of_grant, of_token) = lineage::of_id_jag(&path.field("lineage"), raw.lineage.as_ref(), issued_token)?;
    let idp = server(&path.field("idp"), raw.idp.as_deref(), around, "say who issues the grant")?;
    let advice = "say who takes the grant for an access token";
    Ok(Acquisition {
        server: server(&path.field("resource_server"), raw.resource_server.as_deref(), around, advice)?,
        resource: resource(&path.field("resource"), raw.resource.as_deref())?,
        kind: Kind::IdJag(Grant {
            idp,
            subject_token_type: subject_token_type(path, raw.subject_token_type.as_deref(), &SUBJECTS)?,
            typ: AcceptedTyp::only("oauth-id-jag+jwt"),
            same_subject: of_grant,
        }),
        issued_token,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject: of_token,
        chain: IssuedChain::AgentAdded,
        dpop: None,
        digest: OnceLock::new(),
    })
}

/// Two calls, in two domains: a JWT grant, and the token for it.
pub(super) fn identity_chaining(
    path: &Path<'_>,
    raw: &raw::IdentityChaining,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    let issued_token = issued_token(path, raw.issued_token.as_deref(), "only the grant is checked", warnings)?;
    let (of_grant, of_token) = lineage::of_chaining(&path.field("lineage"), raw.lineage.as_ref(), issued_token)?;
    let idp = server(&path.field("idp"), raw.idp.as_deref(), around, "say who issues the grant")?;
    let advice = "say who takes the grant for an access token";
    // RFC 7523 gives grants no type of their own; one that is known to be another kind of token stays refused.
    let typ = match raw.grant_typ.as_deref() {
        Some(words) => server::check_typ(&path.field("grant_typ"), Some(words))?,
        None => AcceptedTyp::new(["JWT", "absent"]).unwrap_or_else(|| AcceptedTyp::only("JWT")),
    };
    Ok(Acquisition {
        server: server(&path.field("resource_server"), raw.resource_server.as_deref(), around, advice)?,
        resource: resource(&path.field("resource"), raw.resource.as_deref())?,
        kind: Kind::IdentityChaining(Grant {
            idp,
            subject_token_type: subject_token_type(path, raw.subject_token_type.as_deref(), &SUBJECTS)?,
            typ,
            same_subject: of_grant,
        }),
        issued_token,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject: of_token,
        chain: actor(path, raw.actor.as_deref(), warnings)?,
        dpop: None,
        digest: OnceLock::new(),
    })
}

/// One call: the inbound token for another.
pub(super) fn token_exchange(
    path: &Path<'_>,
    raw: &raw::TokenExchange,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    let issued_token = issued_token(path, raw.issued_token.as_deref(), "nothing of its lineage is checked", warnings)?;
    let same_subject = lineage::of_token(&path.field("lineage"), raw.lineage.as_ref(), issued_token)?;
    let asked = raw.resource.as_deref().map(|value| resource(&path.field("resource"), Some(value))).transpose()?;
    let audience = raw.audience.as_deref().map(|value| text::text(&path.field("audience"), value, URL_BYTES_MAX));
    let audience = audience.transpose()?;
    let for_whom = asked.clone().or_else(|| audience.clone()).ok_or_else(|| {
        path.wrong("found neither \"resource\" nor \"audience\"", "at least one", "say whom the token is for")
    })?;
    const TYPES: [(&str, RequestedTokenType); 2] =
        [("access_token", RequestedTokenType::AccessToken), ("jwt", RequestedTokenType::Jwt)];
    let requested = text::word(
        &path.field("requested_token_type"),
        raw.requested_token_type.as_deref(),
        Some(RequestedTokenType::AccessToken),
        &TYPES,
        "say what is asked for",
    )?;
    Ok(Acquisition {
        server: server(&path.field("server"), raw.server.as_deref(), around, "say who exchanges the token")?,
        resource: for_whom,
        kind: Kind::TokenExchange(TokenExchange {
            subject_token_type: subject_token_type(path, raw.subject_token_type.as_deref(), &SUBJECTS_AND_JWT)?,
            requested,
            resource: asked,
            audience,
            actor_token: raw
                .actor_token
                .as_ref()
                .map(|raw| actor_token::check(&path.field("actor_token"), raw, &TYPES, around, warnings))
                .transpose()?,
        }),
        issued_token,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject,
        chain: actor(path, raw.actor.as_deref(), warnings)?,
        dpop: None,
        digest: OnceLock::new(),
    })
}

/// One call, for an agent that acts for nobody but itself.
pub(super) fn client_credentials(
    path: &Path<'_>,
    raw: &raw::ClientCredentials,
    accept: &Accept,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    const ADVICE: &str =
        "its token names nobody but the agent, so a request for anybody else would lose its human and its chain";
    if accept.subject_profiles.contains("user") {
        return Err(path.wrong(
            "found beside \"user\" in accept.subject_profiles",
            "subjects that are no humans",
            ADVICE,
        ));
    }
    if accept.delegation.required || accept.presenter == Presenter::CurrentActor {
        return Err(path.wrong("found beside accept.delegation.required", "a resource without delegation", ADVICE));
    }
    Ok(Acquisition {
        server: server(&path.field("server"), raw.server.as_deref(), around, "say who issues the token")?,
        resource: resource(&path.field("resource"), raw.resource.as_deref())?,
        kind: Kind::ClientCredentials {
            subject: raw
                .subject
                .as_deref()
                .map(|value| text::text(&path.field("subject"), value, CONFIG_TEXT_BYTES_MAX))
                .transpose()?,
        },
        issued_token: issued_token(path, raw.issued_token.as_deref(), "nothing of its lineage is checked", warnings)?,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject: Vec::new(),
        chain: IssuedChain::Nobody,
        dpop: None,
        digest: OnceLock::new(),
    })
}

/// One call, for a token that tells services what the transaction is.
pub(super) fn transaction_token(
    path: &Path<'_>,
    raw: &raw::TransactionToken,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    const WANT: &str = "the trust domain's identifier";
    const ADVICE: &str = "a transaction token is for one trust domain, which is its only `aud`";
    let place = path.field("audience");
    let audience = raw.audience.as_deref().ok_or_else(|| place.missing(WANT, ADVICE))?;
    Ok(Acquisition {
        server: server(&path.field("server"), raw.server.as_deref(), around, "say who issues transaction tokens")?,
        resource: text::text(&place, audience, URL_BYTES_MAX)?,
        kind: Kind::TransactionToken(TransactionToken {
            subject_token_type: subject_token_type(path, raw.subject_token_type.as_deref(), &SUBJECTS_AND_JWT)?,
            typ: AcceptedTyp::only("txntoken+jwt"),
            requesting_workload: raw
                .requesting_workload
                .as_deref()
                .map(|value| text::text(&path.field("requesting_workload"), value, URL_BYTES_MAX))
                .transpose()?,
        }),
        issued_token: IssuedTokenFormat::Jwt,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject: lineage::of_transaction(&path.field("lineage"), raw.lineage.as_ref())?,
        chain: actor_or_nobody(path, raw.actor.as_deref(), warnings)?,
        dpop: None,
        digest: OnceLock::new(),
    })
}

/// The draft itself knows no actors; profiles of it do.
fn actor_or_nobody(
    path: &Path<'_>,
    value: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<IssuedChain, ConfigError> {
    if value != Some("nobody") {
        return actor(path, value, warnings);
    }
    let path = path.field("actor");
    warnings.push(format!("{path}: nobody, so the token does not tell the services who acts"));
    Ok(IssuedChain::Nobody)
}

fn actor(path: &Path<'_>, value: Option<&str>, warnings: &mut Vec<String>) -> Result<IssuedChain, ConfigError> {
    let path = path.field("actor");
    let words = [("agent_added", IssuedChain::AgentAdded), ("as_inbound", IssuedChain::AsInbound)];
    let advice = "say whether the server puts the acting agent on top of the chain";
    let chain = text::word(&path, value, Some(IssuedChain::AgentAdded), &words, advice)?;
    if chain == IssuedChain::AsInbound {
        warnings.push(format!("{path}: as_inbound, so the token does not tell the upstream that this agent acts"));
    }
    Ok(chain)
}

fn issued_token(
    path: &Path<'_>,
    value: Option<&str>,
    left: &str,
    warnings: &mut Vec<String>,
) -> Result<IssuedTokenFormat, ConfigError> {
    let path = path.field("issued_token");
    let words = [("jwt", IssuedTokenFormat::Jwt), ("opaque", IssuedTokenFormat::Opaque)];
    let advice = "say whether the access token can be read";
    let issued = text::word(&path, value, Some(IssuedTokenFormat::Jwt), &words, advice)?;
    if issued == IssuedTokenFormat::Opaque {
        warnings.push(format!("{path}: opaque, so {left}, not the access token itself"));
    }
    Ok(issued)
}

const SUBJECTS_AND_JWT: [(&str, SubjectTokenType); 3] = [
    ("access_token", SubjectTokenType::AccessToken),
    ("id_token", SubjectTokenType::IdToken),
    ("jwt", SubjectTokenType::Jwt),
];

const SUBJECTS: [(&str, SubjectTokenType); 2] =
    [("access_token", SubjectTokenType::AccessToken), ("id_token", SubjectTokenType::IdToken)];

fn subject_token_type(
    path: &Path<'_>,
    value: Option<&str>,
    words: &[(&str, SubjectTokenType)],
) -> Result<SubjectTokenType, ConfigError> {
    let path = path.field("subject_token_type");
    let advice = "say what the inbound token is to the identity provider";
    text::word(&path, value, Some(SubjectTokenType::AccessToken), words, advice)
}

fn server(
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
fn resource(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
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
