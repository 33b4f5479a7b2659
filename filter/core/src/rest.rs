//! REST interfaces as far as a decision needs them: which operation is called, told by method and path, and with what.
//!
//! The path has been refused already where servers could read it differently; here it is matched segment by segment.
//! A path that a server without regard to case would take for another operation is refused too.
//! Rules on path and query decide by the headers; with rules on the body it is read whole, and else it streams through.

pub(crate) mod query;
pub(crate) mod table;
pub mod template;

use std::sync::Arc;

use serde_json::Value;

use crate::asker::Asker;
use crate::config::{PathPrefix, RestOperation, RestPolicy, Verdict};
use crate::json::{self, span};
use crate::limits::JSON_DEPTH_MAX;
use crate::operation::Operation;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::routing::plain_path;

use table::{Found, Route};
use template::Template;

/// The parameter, or the member of a body, that makes another method of a POST in some frameworks.
pub(crate) const METHOD_OVERRIDE: &str = "_method";

/// What the headers say: the operation and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) operation: Arc<RestOperation>,
    /// Those parameters of the path that a rule is about, by name.
    values: Vec<(String, String)>,
    query: String,
}

/// Why no operation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoTarget {
    /// The path is one of an operation, but for these methods.
    Method(String),
    /// As it says.
    Refused(Rejection),
}

impl Route for Arc<RestOperation> {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> &Template {
        &self.path
    }
}

/// Finds the operation that a request names, beneath `prefix`.
///
/// # Errors
///
/// [`NoTarget`] for a path of no operation, of several, or of another method.
pub(crate) fn find(policy: &RestPolicy, prefix: &PathPrefix, head: &RequestHead<'_>) -> Result<Target, NoTarget> {
    let unknown = || NoTarget::Refused(Rejection::OperationNotMapped);
    let target = head.single_text(":path").map_err(|_| unknown())?.unwrap_or_default();
    let method = head.single_text(":method").map_err(|_| unknown())?.unwrap_or_default();
    let path = plain_path(target).map_err(NoTarget::Refused)?;
    let path = prefix.beneath(path).ok_or_else(unknown)?;
    let Found { exact, folded } = policy.operations.find(method, path);
    match (exact, folded) {
        // A server that does not tell cases apart would run another operation than the one whose rules were applied.
        (Some(operation), Some(other)) if Arc::ptr_eq(operation, other) && !runs_another(policy, operation, path) => {
            let ruled = operation.path.values(path).filter(|(name, _)| operation.path_rules.contains_key(*name));
            let values = ruled.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
            Ok(Target { operation: Arc::clone(operation), values, query })
        }
        (None, None) => {
            let methods = policy.operations.methods(path, |operation| !operation.refused);
            if methods.is_empty() { Err(unknown()) } else { Err(NoTarget::Method(methods)) }
        }
        (Some(_) | None, _) => Err(NoTarget::Refused(Rejection::PathAmbiguous)),
    }
}

/// A server that takes the end of a path for a format would run the operation without it.
fn runs_another(policy: &RestPolicy, decided: &RestOperation, path: &str) -> bool {
    without_format(path).any(|path| {
        let other = policy.operations.find(&decided.method, path).folded;
        other.is_some_and(|other| other.path.beats(&decided.path))
    })
}

/// What `path` may be without the format that it ends in: `/users/7` of `/users/7.json`.
pub(crate) fn without_format(path: &str) -> impl Iterator<Item = &str> {
    let (_, last) = path.rsplit_once('/').unwrap_or(("", path));
    // Servers cut at the last dot or at the first.
    let ends = [last.rfind('.'), last.find('.')].into_iter().flatten().filter(|end| *end > 0);
    let start = path.len().saturating_sub(last.len());
    ends.filter_map(move |end| path.get(..start.saturating_add(end)))
}

impl Target {
    /// Whether the body decides as well.
    pub(crate) fn reads_body(&self) -> bool {
        !self.operation.body_rules.is_empty()
    }

    /// Whether a body of this type would be read as a form, in which a server may find another method. A POST without a type is one to some (Rack).
    pub(crate) fn refuses_form(&self, content_type: Option<&[u8]>) -> bool {
        let operation = &self.operation;
        let essence = content_type.map(|value| {
            value.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default().trim_ascii().to_ascii_lowercase()
        });
        let is_form = essence.is_none_or(|essence| {
            essence.is_empty() || essence == b"application/x-www-form-urlencoded" || essence.starts_with(b"multipart/")
        });
        is_form && operation.method == "POST" && operation.body_rules.is_empty() && operation.forms == Verdict::Refuse
    }

    /// Judges by the headers.
    ///
    /// # Errors
    ///
    /// [`Rejection::OperationNotMapped`] for an operation that is listed as refused, the unmet demand,
    /// [`Rejection::ArgumentRefused`] for a broken rule, [`Rejection::QueryRefused`] for a query with a parameter that is not listed or read differently.
    pub(crate) fn judge(&self, asker: &mut Asker<'_>) -> Result<Operation, Rejection> {
        let operation = &self.operation;
        if operation.refused {
            return Err(Rejection::OperationNotMapped);
        }
        asker.meets(&operation.needs)?;
        for (name, value) in &self.values {
            if let Some(rule) = operation.path_rules.get(name) {
                asker.argues(rule.holds_for_text(Some(value), asker.claims()))?;
            }
        }
        self.judge_query(asker)?;
        Ok(Operation::of(&operation.name, &operation.needs))
    }

    fn judge_query(&self, asker: &mut Asker<'_>) -> Result<(), Rejection> {
        let rules = &self.operation.query;
        let parameters = query::parse(&self.query).ok_or(Rejection::QueryRefused)?;
        let is_known = |letters: &String| rules.parameters.keys().any(|name| query::letters(name) == *letters);
        for parameter in &parameters {
            let Some(rule) = rules.parameters.get(&parameter.name) else {
                // A look-alike may be the parameter that has a rule.
                let overrides = query::folded(&parameter.name) == METHOD_OVERRIDE;
                if !rules.others || overrides || is_known(&query::letters(&parameter.name)) {
                    return Err(Rejection::QueryRefused);
                }
                continue;
            };
            if rule.constrains() && parameter.has_plus {
                return Err(Rejection::QueryRefused);
            }
        }
        for (name, rule) in &rules.parameters {
            let mut values =
                parameters.iter().filter(|parameter| parameter.name == *name).map(|parameter| &*parameter.value);
            let value = values.next();
            // Servers take the first of two, the last, or both: a rule is about the one that counts.
            if rule.constrains() && values.next().is_some() {
                return Err(Rejection::QueryRefused);
            }
            asker.argues(rule.holds_for_text(value, asker.claims()))?;
        }
        Ok(())
    }

    /// Judges the whole body by its rules; nothing more of it is kept than they name.
    ///
    /// # Errors
    ///
    /// [`Rejection::BodyInvalid`] for anything but one strict JSON object, [`Rejection::ArgumentRefused`] for a broken rule.
    pub(crate) fn judge_body(&self, body: &[u8], asker: &mut Asker<'_>) -> Result<(), Rejection> {
        let rules = &self.operation.body_rules;
        let text = json::text(body).map_err(|_| Rejection::BodyInvalid)?;
        json::parse_outline_text(text, JSON_DEPTH_MAX, 0).map_err(|_| Rejection::BodyInvalid)?;
        let at = span::whole(text).start;
        let document = json::wanted_at(text, at, rules.wanted()).map_err(|_| Rejection::BodyInvalid)?;
        let Value::Object(document) = document else {
            return Err(Rejection::BodyInvalid);
        };
        asker.argues(rules.hold(&document, asker.claims()))
    }
}
