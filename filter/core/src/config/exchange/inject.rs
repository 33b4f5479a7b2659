//! A secret of the gateway's own in place of a token: for back ends that know no tokens.
//!
//! The upstream then learns neither the human nor the agent, and nobody but this gateway limits what the secret may do.

use ct_codecs::{Base64, Encoder as _};

use crate::config::error::{ConfigError, Path};
use crate::config::resource::Surroundings;
use crate::config::{raw, secret, text};
use crate::injection::Injection;
use crate::limits::{
    HEADER_NAME_BYTES_MAX, INJECTED_PREFIX_BYTES_MAX, INJECTED_SECRET_BYTES_MAX, INJECTED_SECRET_BYTES_MIN,
};
use crate::redacted::Redacted;

/// How the secret is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bearer,
    Basic,
    Header,
}

/// What messages are framed and routed by, what the gateway says itself, and what it judged by or takes away.
const TAKEN: [&str; 22] = [
    "host",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
    "content-type",
    "content-encoding",
    "accept",
    "accept-encoding",
    "authorization",
    "proxy-authorization",
    "cookie",
    "dpop",
    "txn-token",
    "origin",
    "forwarded",
    "a2a-version",
    "last-event-id",
];
const TAKEN_PREFIXES: [&str; 5] = ["x-actgate-", "x-envoy-", "x-forwarded-", "mcp-", "sec-"];

/// Checks a secret that goes on in place of the caller's credential.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Inject,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Injection, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a secret", short: "secret" };
    const FORMS: [(&str, Form); 3] = [("bearer", Form::Bearer), ("basic", Form::Basic), ("header", Form::Header)];
    let form = text::word(&path.field("as"), raw.r#as.as_deref(), None, &FORMS, "say how the secret is sent")?;
    only_for(&path.field("header"), raw.header.is_some(), form == Form::Header, "header")?;
    only_for(&path.field("prefix"), raw.prefix.is_some(), form == Form::Header, "header")?;
    only_for(&path.field("username"), raw.username.is_some(), form == Form::Basic, "basic")?;
    let place = path.field("secret");
    let (secret, source) = secret::check(&place, raw.secret.as_ref(), &SECRET, around.env, warnings)?;
    // RFC 9110 §5.5: these pass every server unchanged. A line feed at the end of a variable would not.
    let plain = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || !(INJECTED_SECRET_BYTES_MIN..=INJECTED_SECRET_BYTES_MAX).contains(&secret.expose().len()) {
        return Err(place.field(source).wrong(
            "found something else",
            format!("{INJECTED_SECRET_BYTES_MIN} to {INJECTED_SECRET_BYTES_MAX} visible ASCII characters"),
            "it is sent exactly as it stands, and looked for in answers",
        ));
    }
    warnings.push(format!(
        "{path}: the upstream learns neither for whom nor by which agent it is called, and the secret lasts until it is changed there"
    ));
    let mut traces = vec![secret.clone()];
    let (header, value) = match form {
        Form::Bearer => ("authorization".to_owned(), Redacted::new(format!("Bearer {}", secret.expose()))),
        Form::Basic => {
            let user = username(&path.field("username"), raw.username.as_deref())?;
            let pair = Redacted::new(format!("{user}:{}", secret.expose()));
            let encoded = Base64::encode_to_string(pair.expose()).map_err(|_| {
                place.field(source).wrong("found something that cannot be encoded", "a secret", "RFC 7617")
            })?;
            traces.push(Redacted::new(encoded.clone()));
            ("authorization".to_owned(), Redacted::new(format!("Basic {encoded}")))
        }
        Form::Header => {
            let prefix = prefix(&path.field("prefix"), raw.prefix.as_deref())?;
            let header = header(&path.field("header"), raw.header.as_deref())?;
            (header, Redacted::new(format!("{prefix}{}", secret.expose())))
        }
    };
    Ok(Injection::new(header, value, traces))
}

fn only_for(path: &Path<'_>, there: bool, fitting: bool, form: &str) -> Result<(), ConfigError> {
    if !there || fitting {
        return Ok(());
    }
    Err(path.wrong("found a value", format!("nothing, or \"as\": \"{form}\""), "it has no meaning otherwise"))
}

pub(in crate::config) fn header(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    const WANT: &str = "a header's name in lower case such as \"x-api-key\"";
    let value = value.ok_or_else(|| path.missing(WANT, "say which header carries the secret"))?;
    // RFC 9110 §5.1, less what CGI and its descendants read as another name.
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if value.is_empty() || value.len() > HEADER_NAME_BYTES_MAX || !value.bytes().all(plain) {
        return Err(path.found(value, WANT, "the upstream reads it under that name"));
    }
    if TAKEN.contains(&value) || TAKEN_PREFIXES.iter().any(|prefix| value.starts_with(prefix)) {
        return Err(path.found(
            value,
            WANT,
            "this one means something else to a proxy, to the upstream or to this gateway",
        ));
    }
    Ok(value.to_owned())
}

fn prefix(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    let value = value.unwrap_or_default();
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !value.starts_with(' ');
    if plain && value.len() <= INJECTED_PREFIX_BYTES_MAX {
        return Ok(value.to_owned());
    }
    // Somebody may have put the secret itself here.
    Err(path.wrong(
        "found something else",
        format!("up to {INJECTED_PREFIX_BYTES_MAX} ASCII characters such as \"Token \""),
        "it stands before the secret",
    ))
}

/// RFC 7617 §2: "a user-id containing a colon character is invalid".
fn username(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
    const WANT: &str = "visible ASCII characters without a colon";
    let value = value.ok_or_else(|| path.missing(WANT, "it stands before the secret; may be empty"))?;
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if plain && value.len() <= INJECTED_PREFIX_BYTES_MAX {
        return Ok(value.to_owned());
    }
    Err(path.wrong("found something else", WANT, "the upstream divides the two at the first colon"))
}
