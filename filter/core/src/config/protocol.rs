//! What the requests of a resource say, and which of them are allowed.
//!
//! What is not listed is refused: no mapping, no call.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::a2a::{self, A2aPolicy};
use crate::config::error::{ConfigError, Path};
use crate::config::mcp::{self, McpPolicy};
use crate::config::resource::Surroundings;
use crate::config::rest::{self, RestPolicy};
use crate::config::{raw, text};

/// The protocol of a resource, with its policy.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Model Context Protocol.
    Mcp(Arc<McpPolicy>),
    /// Agent2Agent protocol.
    A2a(Arc<A2aPolicy>),
    /// Operations by method and path.
    Rest(RestPolicy),
}

/// What must hold beyond scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// The subject is a human.
    Human,
    /// The human has consented.
    Consent,
    /// Somebody has approved this very call.
    Approval,
}

/// Checks the policy of the resource `name` at `path`.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Resource,
    name: &str,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Protocol, ConfigError> {
    const WANT: &str = "one of \"mcp\", \"a2a\" and \"rest\"";
    const ADVICE: &str = "a request is decided by what it calls";
    match (&raw.mcp, &raw.a2a, &raw.rest) {
        (None, None, None) => Err(path.wrong("found neither \"mcp\" nor \"a2a\" nor \"rest\"", WANT, ADVICE)),
        (None, Some(raw), None) => a2a::check(&path.field("a2a"), raw, name, around.env, warnings)
            .map(|policy| Protocol::A2a(Arc::new(policy))),
        (None, None, Some(raw)) => rest::check(&path.field("rest"), raw, around.agents).map(Protocol::Rest),
        (Some(raw), None, None) => {
            mcp::check(&path.field("mcp"), raw, around, warnings).map(|policy| Protocol::Mcp(Arc::new(policy)))
        }
        (Some(_), _, _) | (_, Some(_), Some(_)) => {
            Err(path.wrong("found more than one of \"mcp\", \"a2a\" and \"rest\"", WANT, ADVICE))
        }
    }
}

pub(super) fn check_demands(path: &Path<'_>, values: Option<&[String]>) -> Result<Vec<Demand>, ConfigError> {
    const WORDS: [(&str, Demand); 3] =
        [("human", Demand::Human), ("consent", Demand::Consent), ("approval", Demand::Approval)];
    let mut seen = BTreeSet::new();
    let mut demands = Vec::new();
    for (at, value) in values.unwrap_or_default().iter().enumerate() {
        let path = path.index(at);
        demands.push(text::word(&path, Some(value), None, &WORDS, "what a call needs beyond scopes")?);
        text::once(&path, value, &mut seen)?;
    }
    Ok(demands)
}
