//! Texts, words, names and counts: the checks that many members share.

use std::collections::BTreeSet;

use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::scope::{ScopeError, ScopeSet};
use crate::limits::{
    CONFIG_TEXT_BYTES_MAX, NAME_BYTES_MAX, NUMERIC_DATE_SECONDS_MAX, POINTER_BYTES_MAX, PROFILE_BYTES_MAX,
    PROFILES_MAX, SCOPE_BYTES_MAX, SCOPES_MAX,
};
use crate::profile::{ProfileError, Profiles};
use crate::time::UnixSeconds;

/// Whether what begins like this may be on anybody's host: `https://a.example` is the beginning of `https://a.example.evil.test`.
pub(super) fn ends_within_host(beginning: &str) -> bool {
    beginning.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'))
}

/// A text that people or other systems chose: not empty, no control characters, no space at either end.
pub(super) fn text(path: &Path<'_>, value: &str, bytes_max: usize) -> Result<String, ConfigError> {
    let plain = !value.is_empty() && value.trim() == value && !value.chars().any(char::is_control);
    if !plain {
        return Err(path.found(
            value,
            "a text that is not empty, without control characters and outer spaces",
            "it is compared exactly, so it must be exactly what the other side has",
        ));
    }
    if value.len() > bytes_max {
        return Err(path.wrong(
            format!("found {} bytes", value.len()),
            format!("at most {bytes_max} bytes"),
            "nothing this long is expected here",
        ));
    }
    Ok(value.to_owned())
}

/// A text that must be there.
pub(super) fn required_text(
    path: &Path<'_>,
    value: Option<&str>,
    want: &str,
    advice: &str,
) -> Result<String, ConfigError> {
    let value = value.ok_or_else(|| path.missing(want, advice))?;
    text(path, value, CONFIG_TEXT_BYTES_MAX)
}

/// A text that may be left out.
pub(super) fn optional_text(path: &Path<'_>, value: Option<&str>) -> Result<Option<String>, ConfigError> {
    value.map(|value| text(path, value, CONFIG_TEXT_BYTES_MAX)).transpose()
}

/// A name that labels metrics and logs.
pub(super) fn name(path: &Path<'_>, value: &str) -> Result<String, ConfigError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if value.is_empty() || value.len() > NAME_BYTES_MAX || !value.bytes().all(plain) {
        return Err(path.found(
            value,
            format!("1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`"),
            "the name labels metrics and log lines",
        ));
    }
    Ok(value.to_owned())
}

/// One of the `words`, or `default` where the member is missing and there is one.
pub(super) fn word<T: Copy>(
    path: &Path<'_>,
    value: Option<&str>,
    default: Option<T>,
    words: &[(&str, T)],
    advice: &str,
) -> Result<T, ConfigError> {
    let want = || alternatives(words.iter().map(|(word, _)| *word));
    match value {
        None => default.ok_or_else(|| path.missing(want(), advice)),
        Some(value) => words
            .iter()
            .find_map(|(word, meaning)| (*word == value).then_some(*meaning))
            .ok_or_else(|| path.found(value, want(), advice)),
    }
}

/// A bound on how many there are of something.
pub(super) fn at_most(path: &Path<'_>, count: usize, max: usize, what: &str) -> Result<(), ConfigError> {
    if count <= max {
        return Ok(());
    }
    Err(path.wrong(
        format!("found {count} {what}"),
        format!("at most {max}"),
        "what the filter holds in memory is bounded",
    ))
}

/// Scopes that are asked for or demanded: plain ones, each once.
pub(super) fn scopes(path: &Path<'_>, values: &[String]) -> Result<ScopeSet, ConfigError> {
    at_most(path, values.len(), SCOPES_MAX, "scopes")?;
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        ScopeSet::new([value.as_str()]).map_err(|error| scope_error(&path, value, error))?;
        if value.contains('*') {
            return Err(scope_error(&path, value, ScopeError::Wildcard));
        }
        once(&path, value, &mut seen)?;
    }
    ScopeSet::new(values.iter().map(String::as_str)).map_err(|error| scope_error(path, &values.join(" "), error))
}

/// Scopes without which the member makes no sense.
pub(super) fn some_scopes(path: &Path<'_>, values: Option<&[String]>, advice: &str) -> Result<ScopeSet, ConfigError> {
    const WANT: &str = "at least one scope";
    let scopes = scopes(path, values.ok_or_else(|| path.missing(WANT, advice))?)?;
    if scopes.is_empty() { Err(path.wrong("empty", WANT, advice)) } else { Ok(scopes) }
}

pub(super) fn scope_error(path: &Path<'_>, value: &str, error: ScopeError) -> ConfigError {
    match error {
        ScopeError::Character | ScopeError::Empty => path.found(
            value,
            "one scope of visible ASCII characters without `\"` and `\\`",
            "RFC 6749 §3.3; write one scope per array element",
        ),
        ScopeError::TooLong => path.wrong(
            format!("found {} bytes", value.len()),
            format!("at most {SCOPE_BYTES_MAX} bytes"),
            "no server has scopes this long",
        ),
        ScopeError::TooMany => path.wrong(
            "found too many scopes",
            format!("at most {SCOPES_MAX}"),
            "what the filter holds in memory is bounded",
        ),
        ScopeError::Wildcard => path.found(
            value,
            "a scope without `*`",
            "a pattern can only forbid, and has its `*` at the end: see forbidden_scopes",
        ),
    }
}

/// Entity profiles.
pub(super) fn profiles(path: &Path<'_>, values: &[String]) -> Result<Profiles, ConfigError> {
    at_most(path, values.len(), PROFILES_MAX, "profiles")?;
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        Profiles::new([value.as_str()]).map_err(|error| profile_error(&path, value, error))?;
        once(&path, &value.to_ascii_lowercase(), &mut seen)?;
    }
    Profiles::new(values.iter().map(String::as_str)).map_err(|error| profile_error(path, &values.join(" "), error))
}

fn profile_error(path: &Path<'_>, value: &str, error: ProfileError) -> ConfigError {
    const ADVICE: &str = "such as \"user\", \"ai_agent\", \"web_app\" or \"service\"";
    match error {
        ProfileError::Empty if value.is_empty() => path.wrong("empty", "at least one entity profile", ADVICE),
        ProfileError::Character | ProfileError::Empty | ProfileError::TooMany => {
            path.found(value, "one entity profile of letters, digits, `-`, `_` and `.`", ADVICE)
        }
        ProfileError::TooLong => {
            path.wrong(format!("found {} bytes", value.len()), format!("at most {PROFILE_BYTES_MAX} bytes"), ADVICE)
        }
    }
}

/// Refuses a value that was there before: it is a slip, and may stand for one that is missing.
pub(super) fn once(path: &Path<'_>, value: &str, seen: &mut BTreeSet<String>) -> Result<(), ConfigError> {
    if seen.insert(value.to_owned()) {
        return Ok(());
    }
    Err(path.found(value, "each value once", "it stands in this list already"))
}

/// RFC 6901 §3, without the pointer to the whole document, which would compare two tokens with each other.
pub(super) fn pointer(path: &Path<'_>, value: Option<&str>) -> Result<String, ConfigError> {
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

/// A `NumericDate`, as tokens have it.
pub(super) fn date(path: &Path<'_>, value: Option<u64>) -> Result<Option<UnixSeconds>, ConfigError> {
    match value {
        Some(seconds) if seconds > NUMERIC_DATE_SECONDS_MAX => Err(path.wrong(
            format!("found {seconds}"),
            "seconds since 1970, before the year 10000",
            "`date +%s` says them; they are not milliseconds",
        )),
        seconds => Ok(seconds.map(UnixSeconds::new)),
    }
}
