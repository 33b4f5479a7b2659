//! Which operations of a REST interface are allowed, by method and path template as its OpenAPI document names them.
//!
//! What is not listed is refused: no operation, no call; and no parameter of a query that the operation does not list.
//! Two operations that could claim one path with neither of them being more specific never load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::accept::Verdict;
use crate::config::agent::Agents;
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::needs::{self, Needs, Written};
use crate::config::scope::ScopeSet;
use crate::config::{raw, text, value_rules};
use crate::limits::{
    CONFIG_TEXT_BYTES_MAX, OPERATIONS_PER_RESOURCE_MAX, RULES_MAX, TEMPLATE_SEGMENTS_MAX, URL_BYTES_MAX,
};
use crate::rest::METHOD_OVERRIDE;
use crate::rest::query::letters;
use crate::rest::table::Table;
use crate::rest::template::Template;
use crate::value_rules::{MemberRules, Rule};

/// The methods an operation may have (RFC 9110 §9, RFC 5789). `CONNECT` and `TRACE` are none of an interface's.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Stands in `query` for every parameter that is not listed.
const OTHERS: &str = "*";

/// Which REST requests are allowed.
#[derive(Clone, Debug)]
pub struct RestPolicy {
    pub(crate) operations: Table<Arc<RestOperation>>,
}

/// One operation and what it needs.
#[derive(Clone, Debug)]
pub struct RestOperation {
    /// Its `operationId`.
    pub name: String,
    /// Its method, in capitals.
    pub method: String,
    /// Its path, beneath the prefix of the resource.
    pub path: Template,
    /// It is known and may not be called: so that no less specific one is called in its place.
    pub refused: bool,
    /// What a call needs; no scopes only where it is refused.
    pub needs: Needs,
    /// Rules on the parameters of the path.
    pub path_rules: BTreeMap<String, Rule>,
    /// Which parameters the query may have.
    pub query: QueryRules,
    /// Rules on the JSON body; with none the body is not looked at.
    pub body_rules: MemberRules,
    /// Whether a POST without such rules may be a form.
    pub forms: Verdict,
}

/// Which parameters a query may have.
#[derive(Clone, Debug, Default)]
pub struct QueryRules {
    /// By name.
    pub parameters: BTreeMap<String, Rule>,
    /// Whether others may be there as well.
    pub others: bool,
}

/// Checks the operations of the resource at `path`.
pub(super) fn check(path: &Path<'_>, raw: &raw::Rest, agents: &Agents) -> Result<RestPolicy, ConfigError> {
    const WANT: &str = "at least one operation";
    const ADVICE: &str = "what is not listed is refused";
    let path = path.field("operations");
    let raw = raw.operations.as_ref().ok_or_else(|| path.missing(WANT, ADVICE))?;
    if raw.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&path, raw.len(), OPERATIONS_PER_RESOURCE_MAX, "operations")?;
    let mut operations: Vec<Arc<RestOperation>> = Vec::new();
    for (name, raw) in raw {
        let path = path.key(name);
        let operation = check_operation(&path, name, raw, agents)?;
        let rival = operations
            .iter()
            .find(|other| other.method == operation.method && other.path.conflicts_with(&operation.path));
        if let Some(rival) = rival {
            return Err(path.field("path").found(
                operation.path.as_str(),
                format!("a path that {} of {} cannot be taken for", quoted(rival.path.as_str()), quoted(&rival.name)),
                "some path could be either, and neither is the more specific in every segment; case and a last `/` tell nothing apart",
            ));
        }
        operations.push(Arc::new(operation));
    }
    Ok(RestPolicy { operations: Table::new(operations) })
}

fn check_operation(
    path: &Path<'_>,
    name: &str,
    raw: &raw::RestOperation,
    agents: &Agents,
) -> Result<RestOperation, ConfigError> {
    text::text(path, name, CONFIG_TEXT_BYTES_MAX)?;
    let method = path.field("method");
    let method = text::word(&method, raw.method.as_deref(), None, &METHODS.map(|word| (word, word)), "in capitals")?;
    let template = check_template(&path.field("path"), raw.path.as_deref())?;
    let refused = raw.refused.unwrap_or(false);
    let scopes = path.field("scopes");
    let scopes = match (refused, raw.scopes.as_deref()) {
        (true, None) => ScopeSet::default(),
        (_, scopes_there) => text::some_scopes(&scopes, scopes_there, "say what a call needs")?,
    };
    let path_rules = check_path_rules(&path.field("path_rules"), raw.path_rules.as_ref(), &template)?;
    let body_rules = value_rules::members(&path.field("body_rules"), raw.body_rules.as_ref())?;
    let forms = check_forms(&path.field("forms"), raw.forms.as_deref(), (method, !body_rules.is_empty()))?;
    if !body_rules.is_empty() && matches!(method, "GET" | "HEAD") {
        let advice = "servers disagree about a body with this method (RFC 9110 §9.3.1)";
        return Err(path.field("body_rules").wrong(format!("found rules for {method}"), "none", advice));
    }
    let written = Written {
        scopes: None,
        demands: raw.demands.as_deref(),
        max_reuse: raw.max_reuse,
        subjects: raw.subjects.as_deref(),
        actors: raw.actors.as_deref(),
    };
    Ok(RestOperation {
        name: name.to_owned(),
        method: method.to_owned(),
        path: template,
        refused,
        needs: needs::check_of(path, scopes, &written, agents)?,
        path_rules,
        query: check_query(&path.field("query"), raw.query.as_ref())?,
        body_rules: MemberRules::without(METHOD_OVERRIDE, body_rules),
        forms,
    })
}

/// Whether a form may come, in which `_method` makes another method of a POST.
fn check_forms(path: &Path<'_>, value: Option<&str>, (method, ruled): (&str, bool)) -> Result<Verdict, ConfigError> {
    const WORDS: [(&str, Verdict); 2] = [("refuse", Verdict::Refuse), ("allow", Verdict::Allow)];
    if let Some(value) = value
        && (method != "POST" || ruled)
    {
        return Err(path.found(value, "nothing", "it is about a POST without \"body_rules\""));
    }
    text::word(
        path,
        value,
        Some(Verdict::Refuse),
        &WORDS,
        "whether the body may be a form, which may override the method",
    )
}

fn check_template(path: &Path<'_>, value: Option<&str>) -> Result<Template, ConfigError> {
    const WANT: &str = "a path template such as \"/incidents/{id}\", beneath \"path_prefix\"";
    let value = value.ok_or_else(|| path.missing(WANT, "it tells the operation"))?;
    let template = Template::parse(value).filter(|template| template.len() <= TEMPLATE_SEGMENTS_MAX);
    template.filter(|_| value.len() <= URL_BYTES_MAX).ok_or_else(|| {
        path.found(
            value,
            WANT,
            "each segment is plain or one parameter, and no parameter comes twice; no empty or dot segments, no escapes",
        )
    })
}

fn check_path_rules(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, raw::Rule>>,
    template: &Template,
) -> Result<BTreeMap<String, Rule>, ConfigError> {
    let known: BTreeSet<&str> = template.parameters().collect();
    let mut checked = BTreeMap::new();
    for (name, raw) in raw.into_iter().flatten() {
        let path = path.key(name);
        if !known.contains(name.as_str()) {
            return Err(path.found(
                name,
                "a parameter of the path",
                format!("the path is {}", quoted(template.as_str())),
            ));
        }
        let rule = value_rules::rule(&path, raw)?;
        if !rule.constrains() || rule.absent || raw.required.is_some() {
            return Err(path.wrong(
                "found no rule on the value",
                "one such as \"enum\"",
                "a parameter of the path is always there",
            ));
        }
        checked.insert(name.clone(), rule);
    }
    Ok(checked)
}

fn check_query(path: &Path<'_>, raw: Option<&BTreeMap<String, raw::Rule>>) -> Result<QueryRules, ConfigError> {
    text::at_most(path, raw.map_or(0, BTreeMap::len), RULES_MAX, "parameters")?;
    let mut query = QueryRules::default();
    for (name, raw) in raw.into_iter().flatten() {
        let path = path.key(name);
        text::text(&path, name, CONFIG_TEXT_BYTES_MAX)?;
        let rule = value_rules::rule(&path, raw)?;
        if name == OTHERS {
            if rule != Rule::default() {
                return Err(path.wrong("found a rule", "{}", "it stands for every parameter that is not listed"));
            }
            query.others = true;
            continue;
        }
        let mistaken =
            query.parameters.iter().find(|(other, known)| letters(other) == letters(name) && **known != rule);
        if let Some((other, _)) = mistaken {
            return Err(value_rules::mistakable(&path, name, other));
        }
        query.parameters.insert(name.clone(), rule);
    }
    Ok(query)
}
