//! The kinds of exchange: what each must be told.

use std::sync::Arc;

use crate::config::error::{ConfigError, Path};
use crate::config::exchange::lineage;
use crate::config::exchange::{Acquisition, Grant, IssuedChain, IssuedTokenFormat, Kind, SubjectTokenType};
use crate::config::resource::Surroundings;
use crate::config::server::{self, AuthorizationServer};
use crate::config::{accept, raw, text};
use crate::limits::URL_BYTES_MAX;

/// Two calls: an identity assertion, and the token for it.
pub(super) fn id_jag(
    path: &Path<'_>,
    raw: &raw::IdJag,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Acquisition, ConfigError> {
    let issued_token = issued_token(path, raw.issued_token.as_deref(), "only the grant is checked", warnings)?;
    let (of_grant, of_token) = lineage::of_two(&path.field("lineage"), raw.lineage.as_ref(), issued_token)?;
    let idp = server(&path.field("idp"), raw.idp.as_deref(), around, "say who issues the grant")?;
    let advice = "say who takes the grant for an access token";
    Ok(Acquisition {
        server: server(&path.field("resource_server"), raw.resource_server.as_deref(), around, advice)?,
        resource: resource(&path.field("resource"), raw.resource.as_deref())?,
        kind: Kind::IdJag(Grant {
            idp,
            subject_token_type: subject_token_type(path, raw.subject_token_type.as_deref())?,
            same_subject: of_grant,
        }),
        issued_token,
        lifetime_max: accept::lifetime(&path.field("max_lifetime"), raw.max_lifetime.as_deref())?,
        same_subject: of_token,
        chain: IssuedChain::AgentAdded,
    })
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

fn subject_token_type(path: &Path<'_>, value: Option<&str>) -> Result<SubjectTokenType, ConfigError> {
    text::word(
        &path.field("subject_token_type"),
        value,
        Some(SubjectTokenType::AccessToken),
        &[("access_token", SubjectTokenType::AccessToken), ("id_token", SubjectTokenType::IdToken)],
        "say what the inbound token is to the identity provider",
    )
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
