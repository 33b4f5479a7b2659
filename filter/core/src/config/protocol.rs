//! What the requests of a resource say, and which of them are allowed.
//!
//! What is not listed is refused: no mapping, no call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::agent::Agents;
use crate::config::error::{ConfigError, Path};
use crate::config::mcp::{self, McpPolicy};
use crate::config::rest::{self, RestPolicy};
use crate::config::{raw, text};
use crate::limits::{CONFIG_TEXT_BYTES_MAX, METHODS_PER_RESOURCE_MAX};

/// The protocol of a resource, with its policy.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Model Context Protocol.
    Mcp(Arc<McpPolicy>),
    /// Agent2Agent protocol.
    A2a(A2aPolicy),
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

/// Which A2A requests are allowed.
#[derive(Clone, Debug)]
pub struct A2aPolicy {
    /// The methods that may be called, by name.
    pub methods: BTreeMap<String, A2aMethod>,
}

/// What one A2A method needs.
#[derive(Clone, Debug)]
pub struct A2aMethod {
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
}

/// Checks the policy of the resource at `path`.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Resource,
    around: (&Agents, bool),
    warnings: &mut Vec<String>,
) -> Result<Protocol, ConfigError> {
    const WANT: &str = "one of \"mcp\", \"a2a\" and \"rest\"";
    const ADVICE: &str = "a request is decided by what it calls";
    match (&raw.mcp, &raw.a2a, &raw.rest) {
        (None, None, None) => Err(path.wrong("found neither \"mcp\" nor \"a2a\" nor \"rest\"", WANT, ADVICE)),
        (None, Some(raw), None) => check_a2a(&path.field("a2a"), raw).map(Protocol::A2a),
        (None, None, Some(raw)) => rest::check(&path.field("rest"), raw).map(Protocol::Rest),
        (Some(raw), None, None) => {
            mcp::check(&path.field("mcp"), raw, around, warnings).map(|policy| Protocol::Mcp(Arc::new(policy)))
        }
        (Some(_), _, _) | (_, Some(_), Some(_)) => {
            Err(path.wrong("found more than one of \"mcp\", \"a2a\" and \"rest\"", WANT, ADVICE))
        }
    }
}

fn check_a2a(path: &Path<'_>, raw: &raw::A2a) -> Result<A2aPolicy, ConfigError> {
    const WANT: &str = "at least one method such as \"message/send\"";
    const ADVICE: &str = "what is not listed is refused";
    let path = path.field("methods");
    let raw = raw.methods.as_ref().ok_or_else(|| path.missing(WANT, ADVICE))?;
    if raw.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&path, raw.len(), METHODS_PER_RESOURCE_MAX, "methods")?;
    let mut methods = BTreeMap::new();
    for (name, raw) in raw {
        let path = path.key(name);
        text::text(&path, name, CONFIG_TEXT_BYTES_MAX)?;
        let demands = check_demands(&path.field("demands"), raw.demands.as_deref())?;
        methods.insert(name.clone(), A2aMethod { demands });
    }
    Ok(A2aPolicy { methods })
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
