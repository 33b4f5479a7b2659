//! What a client of MCP up to 2025-11-25 may do to its session, what is not listed being refused, and what a refusal does to it.

use std::collections::BTreeSet;

use crate::config::error::{ConfigError, Path};
use crate::config::text;

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

/// How a message is refused that was read, where MCP has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    /// By a JSON-RPC error that answers it, so that the session goes on.
    Answer,
    /// By the HTTP status too, upon which some clients give the session up.
    Status,
}

/// Checks how it is refused.
pub(super) fn check_refusals(path: &Path<'_>, value: Option<&str>) -> Result<Refusals, ConfigError> {
    const WORDS: [(&str, Refusals); 2] = [("answer", Refusals::Answer), ("status", Refusals::Status)];
    text::word(path, value, Some(Refusals::Answer), &WORDS, "how a call is refused that was read")
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
