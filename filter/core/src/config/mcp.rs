//! The policy of an MCP server: which tools and methods may be called, and what each call needs.
//!
//! What is not listed is refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::error::{ConfigError, Path};
use crate::config::protocol::{Demand, check_demands};
use crate::config::scope::ScopeSet;
use crate::config::session::{self, SessionAct};
use crate::config::{raw, text};
use crate::limits::{CONFIG_TEXT_BYTES_MAX, METHODS_PER_RESOURCE_MAX, TOOLS_PER_RESOURCE_MAX};

/// Which MCP requests are allowed.
#[derive(Clone, Debug)]
pub struct McpPolicy {
    /// The tools that may be called, by name.
    pub tools: BTreeMap<String, Tool>,
    /// The other methods that may be called; never `tools/call`.
    pub methods: BTreeSet<String>,
    /// What a client may do to its session besides calling.
    pub session: BTreeSet<SessionAct>,
    /// What those other methods and acts need; empty only where there are none.
    pub method_scopes: ScopeSet,
    /// What a request needs whose tool is not known when its headers must go.
    pub resource_wide_scopes: Option<ScopeSet>,
}

/// What one tool needs.
#[derive(Clone, Debug)]
pub struct Tool {
    /// The scopes a call needs; never empty.
    pub scopes: ScopeSet,
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
    /// How often an exchanged token may be used again: 0 exchanges for every call, `None` leaves it to the token's lifetime.
    pub reuse_max: Option<u32>,
}

/// Checks the MCP policy at `path`.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Mcp,
    hold_headers: bool,
    warnings: &mut Vec<String>,
) -> Result<McpPolicy, ConfigError> {
    let tools = check_tools(&path.field("tools"), raw.tools.as_ref())?;
    let methods = check_methods(&path.field("methods"), raw.methods.as_deref().unwrap_or_default())?;
    let session = session::check(&path.field("session"), raw.session.as_deref())?;
    if tools.is_empty() && methods.is_empty() {
        return Err(path.wrong("found no tools and no methods", "at least one", "what is not listed is refused"));
    }
    let scopes = path.field("method_scopes");
    let method_scopes = if methods.is_empty() && session.is_empty() && raw.method_scopes.is_none() {
        ScopeSet::default()
    } else {
        text::some_scopes(
            &scopes,
            raw.method_scopes.as_deref(),
            "say what the methods need: a token of any scope is too much",
        )?
    };
    let wide = path.field("resource_wide_scopes");
    let resource_wide_scopes = raw
        .resource_wide_scopes
        .as_deref()
        .map(|values| text::some_scopes(&wide, Some(values), "say what every request may need, or leave it out"))
        .transpose()?;
    if !hold_headers && resource_wide_scopes.is_none() {
        warnings.push(format!(
            "{wide}: missing while allow_on_headers_stop_iteration is false, \
             so clients that do not send `Mcp-Name` are refused"
        ));
    }
    Ok(McpPolicy { tools, methods, session, method_scopes, resource_wide_scopes })
}

fn check_tools(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, raw::Tool>>,
) -> Result<BTreeMap<String, Tool>, ConfigError> {
    let mut tools = BTreeMap::new();
    text::at_most(path, raw.map_or(0, BTreeMap::len), TOOLS_PER_RESOURCE_MAX, "tools")?;
    for (name, raw) in raw.into_iter().flatten() {
        let path = path.key(name);
        text::text(&path, name, CONFIG_TEXT_BYTES_MAX)?;
        let tool = Tool {
            scopes: text::some_scopes(&path.field("scopes"), raw.scopes.as_deref(), "say what a call needs")?,
            demands: check_demands(&path.field("demands"), raw.demands.as_deref())?,
            reuse_max: check_reuse(&path.field("max_reuse"), raw.max_reuse)?,
        };
        tools.insert(name.clone(), tool);
    }
    Ok(tools)
}

pub(super) fn check_reuse(path: &Path<'_>, value: Option<u64>) -> Result<Option<u32>, ConfigError> {
    let Some(value) = value else {
        return Ok(None);
    };
    u32::try_from(value).map(Some).map_err(|_| {
        path.wrong(
            format!("found {value}"),
            format!("at most {}", u32::MAX),
            "leave it out to use a token as long as it lives",
        )
    })
}

fn check_methods(path: &Path<'_>, values: &[String]) -> Result<BTreeSet<String>, ConfigError> {
    text::at_most(path, values.len(), METHODS_PER_RESOURCE_MAX, "methods")?;
    let mut methods = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        text::text(&path, value, CONFIG_TEXT_BYTES_MAX)?;
        if value == "tools/call" {
            return Err(path.found(value, "another method", "calls of tools are decided by \"tools\""));
        }
        text::once(&path, value, &mut methods)?;
    }
    Ok(methods)
}
