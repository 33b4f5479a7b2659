//! What a client of MCP up to 2025-11-25 may do to its session; what is not listed is refused.

use std::collections::BTreeSet;

use crate::config::error::{ConfigError, Path};
use crate::config::{raw, secret, text};
use crate::limits::SESSION_SECRET_BYTES_MIN;
use crate::redacted::Redacted;

/// What a client does to its session besides calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionAct {
    /// Opens the server's stream, or takes it up again, by GET.
    Stream,
    /// Ends the session by DELETE.
    End,
    /// Answers a request of the server by POST.
    Answer,
}

/// Checks what session identifiers are bound with.
pub(super) fn check_secret(
    path: &Path<'_>,
    raw: &raw::Secret,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Redacted<String>, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a secret", short: "secret" };
    let (secret, source) = secret::check(path, Some(raw), &SECRET, env, warnings)?;
    if secret.expose().len() < SESSION_SECRET_BYTES_MIN {
        return Err(path.field(source).wrong(
            "found a short one",
            format!("at least {SESSION_SECRET_BYTES_MIN} bytes of randomness"),
            "whoever guesses it takes over sessions: `openssl rand -hex 32` makes one",
        ));
    }
    Ok(secret)
}

/// Checks the list of acts.
pub(super) fn check(path: &Path<'_>, values: Option<&[String]>) -> Result<BTreeSet<SessionAct>, ConfigError> {
    const WORDS: [(&str, SessionAct); 3] =
        [("stream", SessionAct::Stream), ("end", SessionAct::End), ("answer", SessionAct::Answer)];
    const ADVICE: &str = "what a client may do to its session besides calling";
    let mut seen = BTreeSet::new();
    let mut acts = BTreeSet::new();
    for (at, value) in values.unwrap_or_default().iter().enumerate() {
        let path = path.index(at);
        acts.insert(text::word(&path, Some(value), None, &WORDS, ADVICE)?);
        text::once(&path, value, &mut seen)?;
    }
    Ok(acts)
}
