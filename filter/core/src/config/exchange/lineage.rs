//! By which claims the same subject is recognised in what comes back.

use crate::config::error::{ConfigError, Path};
use crate::config::exchange::{IssuedTokenFormat, SameSubject};
use crate::config::{raw, text};
use crate::limits::SAME_SUBJECT_MAX;

type Pairs = Vec<SameSubject>;

/// The pairs of the assertion and of the token.
pub(super) fn of_id_jag(
    path: &Path<'_>,
    raw: Option<&raw::Lineage>,
    issued_token: IssuedTokenFormat,
) -> Result<(Pairs, Pairs), ConfigError> {
    let raw = raw.ok_or_else(|| path.missing("{\"id_jag\": ..., \"access_token\": ...}", ADVICE))?;
    let of_grant = pairs(&path.field("id_jag"), raw.id_jag.as_ref())?;
    Ok((of_grant, of_issued(path, raw.access_token.as_ref(), issued_token)?))
}

/// The pairs of the grant and of the token.
pub(super) fn of_chaining(
    path: &Path<'_>,
    raw: Option<&raw::LineageOfChaining>,
    issued_token: IssuedTokenFormat,
) -> Result<(Pairs, Pairs), ConfigError> {
    let raw = raw.ok_or_else(|| path.missing("{\"grant\": ..., \"access_token\": ...}", ADVICE))?;
    let of_grant = pairs(&path.field("grant"), raw.grant.as_ref())?;
    Ok((of_grant, of_issued(path, raw.access_token.as_ref(), issued_token)?))
}

/// The pairs of the token alone; none where it cannot be read, and then nothing may be said of them.
pub(super) fn of_token(
    path: &Path<'_>,
    raw: Option<&raw::LineageOfToken>,
    issued_token: IssuedTokenFormat,
) -> Result<Pairs, ConfigError> {
    if raw.is_none() && issued_token == IssuedTokenFormat::Opaque {
        return Ok(Vec::new());
    }
    let raw = raw.ok_or_else(|| path.missing("{\"access_token\": ...}", ADVICE))?;
    of_issued(path, raw.access_token.as_ref(), issued_token)
}

/// The pairs of a transaction token.
pub(super) fn of_transaction(path: &Path<'_>, raw: Option<&raw::LineageOfTransaction>) -> Result<Pairs, ConfigError> {
    let raw = raw.ok_or_else(|| path.missing("{\"transaction_token\": ...}", ADVICE))?;
    pairs(&path.field("transaction_token"), raw.transaction_token.as_ref())
}

const ADVICE: &str = "say by which claims the same subject is recognised in what comes back";

fn of_issued(
    path: &Path<'_>,
    raw: Option<&raw::LineageOf>,
    issued_token: IssuedTokenFormat,
) -> Result<Pairs, ConfigError> {
    let path = path.field("access_token");
    match (issued_token, raw) {
        (IssuedTokenFormat::Jwt, raw) => pairs(&path, raw),
        (IssuedTokenFormat::Opaque, None) => Ok(Vec::new()),
        (IssuedTokenFormat::Opaque, Some(_)) => {
            Err(path.wrong("found an object", "nothing", "the claims of an opaque token cannot be read"))
        }
    }
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
                inbound: text::pointer(&path.field("inbound"), pair.inbound.as_deref())?,
                issued: text::pointer(&path.field("issued"), pair.issued.as_deref())?,
            })
        })
        .collect()
}
