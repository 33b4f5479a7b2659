//! By which claims the same subject is recognised in what comes back.

use crate::config::error::{ConfigError, Path};
use crate::config::exchange::{IssuedTokenFormat, SameSubject};
use crate::config::{raw, text};
use crate::limits::{POINTER_BYTES_MAX, SAME_SUBJECT_MAX};

type Pairs = Vec<SameSubject>;

/// The pairs of the grant and of the token.
pub(super) fn of_two(
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
    let id_jag = pairs(&path.field("id_jag"), raw.id_jag.as_ref())?;
    let path = path.field("access_token");
    let access_token = match (issued_token, &raw.access_token) {
        (IssuedTokenFormat::Jwt, raw) => pairs(&path, raw.as_ref())?,
        (IssuedTokenFormat::Opaque, None) => Vec::new(),
        (IssuedTokenFormat::Opaque, Some(_)) => {
            return Err(path.wrong("found an object", "nothing", "the claims of an opaque token cannot be read"));
        }
    };
    Ok((id_jag, access_token))
}

fn pairs(path: &Path<'_>, raw: Option<&raw::LineageOf>) -> Result<Pairs, ConfigError> {
    const WANT: &str = "at least one pair such as {\"inbound\": \"/sub\", \"issued\": \"/sub\"}";
    const ADVICE: &str = "without one, a token for somebody else would be accepted";
    let path = path.field("same_subject");
    let list = raw.and_then(|raw| raw.same_subject.as_deref()).ok_or_else(|| path.missing(WANT, ADVICE))?;
    if list.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&path, list.len(), SAME_SUBJECT_MAX, "pairs")?;
    list.iter()
        .enumerate()
        .map(|(at, pair)| {
            let path = path.index(at);
            Ok(SameSubject {
                inbound: pointer(&path.field("inbound"), pair.inbound.as_deref())?,
                issued: pointer(&path.field("issued"), pair.issued.as_deref())?,
            })
        })
        .collect()
}

/// RFC 6901 §3, without the pointer to the whole document, which would compare two tokens with each other.
fn pointer(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
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
