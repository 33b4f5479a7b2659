//! The policy of an MCP server: which tools, prompts, resources and other methods may be called, and what each call needs.
//!
//! What is not listed is refused. A pattern, a name with `*` at its end, is the explicit way to list what is not known yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::accept::Verdict;
use crate::config::agent::Agents;
use crate::config::error::{ConfigError, Path};
use crate::config::needs::{self, Needs, Written};
use crate::config::pattern::{Names, Patterns};
use crate::config::resource::Surroundings;
use crate::config::scope::ScopeSet;
use crate::config::session::{self, Refusals, SessionAct};
use crate::config::{binding, raw, text, value_rules};
use crate::limits::{
    CONFIG_TEXT_BYTES_MAX, DESCRIPTION_BYTES_MAX, METHODS_PER_RESOURCE_MAX, NAME_BYTES_MAX, POINTER_BYTES_MAX,
    RULES_MAX, TOOLS_PER_RESOURCE_MAX, URL_BYTES_MAX,
};
use crate::mcp::DECIDED_BY_NAME;
use crate::redacted::Redacted;
use crate::spelling::folded;
use crate::value_rules::{MemberPointer, MemberRules};

/// Which MCP requests are allowed.
#[derive(Clone, Debug)]
pub struct McpPolicy {
    /// The tools that may be called, by the name they are called by.
    pub tools: Patterns<Tool>,
    /// The prompts that may be got, by name.
    pub prompts: Patterns<Called>,
    /// The resources that may be read, by URI.
    pub resources: Patterns<Needs>,
    /// The other methods that may be called; none that is decided by what it names.
    pub methods: BTreeSet<String>,
    /// What a client may do to its session besides calling.
    pub session: BTreeSet<SessionAct>,
    /// What binds a session's identifier to whom it was given to; `None` leaves that to the server.
    pub session_secret: Option<Redacted<String>>,
    /// How a message of a session is refused.
    pub refusals: Refusals,
    /// What those other methods and acts need; empty only where there are none.
    pub method_scopes: ScopeSet,
    /// What a request needs whose tool is not known when its headers must go.
    pub resource_wide_scopes: Option<ScopeSet>,
    /// The tools that the server knows by another name: theirs, and the one they are called by.
    renamed: BTreeMap<String, String>,
    /// All spellings of the server's names in `renamed`.
    renamed_spellings: BTreeSet<String>,
}

/// Something that is called with arguments.
#[derive(Clone, Debug, Default)]
pub struct Called {
    /// What a call needs.
    pub needs: Needs,
    /// What its arguments must be.
    pub arguments: MemberRules,
    /// What follows `Mcp-Param-` in a header that says what an argument says, in lower case, and that argument.
    pub mirrored: Vec<(String, MemberPointer)>,
    /// Whether a call may bring other words of the client's (`inputResponses`, `requestState`).
    pub client_input: Verdict,
}

/// One tool.
#[derive(Clone, Debug, Default)]
pub struct Tool {
    /// What a call needs, and of its arguments.
    pub called: Called,
    /// What the server calls it; `None` where that is the same.
    pub upstream_name: Option<String>,
    /// What it is shown as, in place of what the server says.
    pub description: Option<String>,
}

impl McpPolicy {
    /// The policy of the tool that is called `name`.
    ///
    /// A pattern never reaches a tool that was given another name: that would be a way around what was listed for it.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        let listed = self.tools.listed(name);
        listed.or_else(|| self.tools.find(name).filter(|_| !self.renamed_spellings.contains(&folded(name))))
    }

    /// What the server's tool `upstream` is called here; `None` where it cannot be called.
    #[must_use]
    pub fn shown_as<'p>(&'p self, upstream: &'p str) -> Option<&'p str> {
        if let Some(name) = self.renamed.get(upstream) {
            return Some(name);
        }
        self.tool(upstream).filter(|tool| tool.upstream_name.is_none()).map(|_| upstream)
    }

    /// Whether some tool is called by another name than the server's.
    #[must_use]
    pub fn renames(&self) -> bool {
        !self.renamed.is_empty()
    }
}

/// The members that every kind of operation is written with.
macro_rules! written {
    ($raw:expr) => {
        Written {
            scopes: $raw.scopes.as_deref(),
            demands: $raw.demands.as_deref(),
            max_reuse: $raw.max_reuse,
            subjects: $raw.subjects.as_deref(),
            actors: $raw.actors.as_deref(),
        }
    };
}

/// The members that everything is written with that is called with arguments.
struct WrittenCall<'a> {
    needs: Written<'a>,
    arguments: Option<&'a BTreeMap<String, raw::Rule>>,
    mirrored: Option<&'a BTreeMap<String, String>>,
    client_input: Option<&'a str>,
}

macro_rules! written_call {
    ($raw:expr) => {
        WrittenCall {
            needs: written!($raw),
            arguments: $raw.arguments.as_ref(),
            mirrored: $raw.mirrored.as_ref(),
            client_input: $raw.client_input.as_deref(),
        }
    };
}

/// Checks the MCP policy at `path`.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Mcp,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<McpPolicy, ConfigError> {
    let Surroundings { agents, hold_headers, env, .. } = around;
    let tools = entries(&path.field("tools"), raw.tools.as_ref(), "tools", warnings, |path, name, raw| {
        check_tool(path, name, raw, agents)
    })?;
    let renamed = check_renamed(&path.field("tools"), &tools)?;
    let renamed_spellings = renamed.keys().map(|name| folded(name)).collect();
    let prompts = entries(&path.field("prompts"), raw.prompts.as_ref(), "prompts", warnings, |path, _, raw| {
        check_called(path, &written_call!(raw), agents)
    })?;
    let resources =
        entries(&path.field("resources"), raw.resources.as_ref(), "resources", warnings, |path, uri, raw| {
            check_uri(path, uri)?;
            needs::check(path, &written!(raw), agents)
        })?;
    let methods = check_methods(&path.field("methods"), raw.methods.as_deref().unwrap_or_default())?;
    let session = session::check(&path.field("session"), raw.session.as_deref())?;
    if tools.is_empty() && prompts.is_empty() && resources.is_empty() && methods.is_empty() {
        return Err(path.wrong("found no tools and no methods", "at least one", "what is not listed is refused"));
    }
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
    Ok(McpPolicy {
        tools: Patterns::new(Names::Words, tools),
        prompts: Patterns::new(Names::Words, prompts),
        resources: Patterns::new(Names::Uris, resources),
        method_scopes: check_method_scopes(path, raw, methods.is_empty() && session.is_empty())?,
        methods,
        session,
        session_secret: raw
            .session_secret
            .as_ref()
            .map(|raw| binding::check_secret(&path.field("session_secret"), raw, "sessions", env, warnings))
            .transpose()?,
        refusals: session::check_refusals(&path.field("refusals"), raw.refusals.as_deref())?,
        resource_wide_scopes,
        renamed,
        renamed_spellings,
    })
}

fn check_method_scopes(path: &Path<'_>, raw: &raw::Mcp, none: bool) -> Result<ScopeSet, ConfigError> {
    if none && raw.method_scopes.is_none() {
        return Ok(ScopeSet::default());
    }
    text::some_scopes(
        &path.field("method_scopes"),
        raw.method_scopes.as_deref(),
        "say what the methods need: a token of any scope is too much",
    )
}

/// Checks the entries of a map from names or patterns, each by `check`.
fn entries<R, T>(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, R>>,
    what: &str,
    warnings: &mut Vec<String>,
    check: impl Fn(&Path<'_>, &str, &R) -> Result<T, ConfigError>,
) -> Result<Vec<(String, T)>, ConfigError> {
    let mut entries = Vec::new();
    text::at_most(path, raw.map_or(0, BTreeMap::len), TOOLS_PER_RESOURCE_MAX, what)?;
    for (name, raw) in raw.into_iter().flatten() {
        let path = path.key(name);
        text::text(&path, name, if what == "resources" { URL_BYTES_MAX } else { CONFIG_TEXT_BYTES_MAX })?;
        if name.strip_suffix('*').unwrap_or(name).contains('*') {
            return Err(path.found(name, "a name, or a pattern with one `*` at its end", "nothing else is a pattern"));
        }
        if name.ends_with('*') {
            warnings.push(format!("{path}: a pattern allows {what} that nobody has listed, and those of tomorrow"));
        }
        entries.push((name.clone(), check(&path, name, raw)?));
    }
    Ok(entries)
}

fn check_tool(path: &Path<'_>, name: &str, raw: &raw::Tool, agents: &Agents) -> Result<Tool, ConfigError> {
    let called = check_called(path, &written_call!(raw), agents)?;
    let shown = [
        ("upstream_name", &raw.upstream_name, CONFIG_TEXT_BYTES_MAX),
        ("description", &raw.description, DESCRIPTION_BYTES_MAX),
    ];
    for (member, value, bytes_max) in shown {
        let path = path.field(member);
        if let Some(value) = value {
            text::text(&path, value, bytes_max)?;
            if name.ends_with('*') {
                return Err(path.found(value, "nothing", "a pattern stands for many tools: name one"));
            }
        }
    }
    let upstream_name = raw.upstream_name.clone().filter(|upstream| upstream != name);
    Ok(Tool { called, upstream_name, description: raw.description.clone() })
}

fn check_called(path: &Path<'_>, written: &WrittenCall<'_>, agents: &Agents) -> Result<Called, ConfigError> {
    const WORDS: [(&str, Verdict); 2] = [("refuse", Verdict::Refuse), ("allow", Verdict::Allow)];
    let advice = "what becomes of inputResponses and requestState, which no rule judges";
    let rules = value_rules::members(&path.field("arguments"), written.arguments)?;
    let mirrored = check_mirrored(&path.field("mirrored"), written.mirrored)?;
    for (header, place) in &mirrored {
        if let Some((ruled, _)) = rules.iter().find(|(ruled, _)| ruled.may_be(place)) {
            let path = path.field("mirrored");
            return Err(value_rules::mistakable(&path.key(header), &place.to_string(), &ruled.to_string()));
        }
    }
    Ok(Called {
        needs: needs::check(path, &written.needs, agents)?,
        client_input: text::word(
            &path.field("client_input"),
            written.client_input,
            Some(if written.arguments.is_some() { Verdict::Refuse } else { Verdict::Allow }),
            &WORDS,
            advice,
        )?,
        arguments: MemberRules::new(rules).unmistaken(mirrored.iter().map(|(_, place)| place)),
        mirrored,
    })
}

/// SEP-2243: the `X` of `Mcp-Param-X`, an RFC 9110 §5.6.2 token, and the argument that it mirrors.
fn check_mirrored(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, String>>,
) -> Result<Vec<(String, MemberPointer)>, ConfigError> {
    text::at_most(path, raw.map_or(0, BTreeMap::len), RULES_MAX, "headers")?;
    let mut mirrored: Vec<(String, MemberPointer)> = Vec::new();
    for (header, pointer) in raw.into_iter().flatten() {
        let path = path.key(header);
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if header.is_empty() || header.len() > NAME_BYTES_MAX || !header.bytes().all(token) {
            let want = "what follows \"Mcp-Param-\", such as \"Region\"";
            return Err(path.found(header, want, "it is the tool's own \"x-mcp-header\""));
        }
        let name = header.to_ascii_lowercase();
        if mirrored.iter().any(|(known, _)| *known == name) {
            return Err(path.found(header, "each header once", "a header mirrors one argument"));
        }
        let place = MemberPointer::parse(pointer).filter(|_| pointer.len() <= POINTER_BYTES_MAX);
        let place = place.ok_or_else(|| path.found(pointer, "a JSON pointer such as \"/region\"", "RFC 6901"))?;
        mirrored.push((name, place));
    }
    Ok(mirrored)
}

/// Two names for one tool of the server could differ in their rules, and which of them a list would show is not defined.
fn check_renamed(path: &Path<'_>, tools: &[(String, Tool)]) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut known = BTreeSet::new();
    let mut renamed = BTreeMap::new();
    for (name, tool) in tools.iter().filter(|(name, _)| !name.ends_with('*')) {
        let upstream = tool.upstream_name.as_ref().unwrap_or(name);
        if !known.insert(upstream) {
            let path = path.key(name);
            return Err(path.field("upstream_name").found(
                upstream,
                "each tool of the server once",
                "another tool stands for it",
            ));
        }
        if upstream != name {
            renamed.insert(upstream.clone(), name.clone());
        }
    }
    Ok(renamed)
}

/// A pattern that ends within a host would match other people's hosts.
fn check_uri(path: &Path<'_>, uri: &str) -> Result<(), ConfigError> {
    if uri.strip_suffix('*').is_some_and(text::ends_within_host) {
        return Err(path.found(
            uri,
            "a pattern with the whole host and a `/`",
            "`https://a.example*` matches https://a.example.evil.test",
        ));
    }
    Ok(())
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
        if let Some((_, by)) = DECIDED_BY_NAME.iter().find(|(method, _)| method == value) {
            return Err(path.found(value, "another method", format!("it is decided by \"{by}\"")));
        }
        text::once(&path, value, &mut methods)?;
    }
    Ok(methods)
}
