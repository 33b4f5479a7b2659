//! What a client of MCP up to 2025-11-25 may do to its session; what is not listed is refused.

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
