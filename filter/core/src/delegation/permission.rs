//! What a call may ask for: what the subject may do, and what the agent may, and what the resource maps to the call.
//!
//! A set that nobody configured is not a limit. Permissions only ever cut: no scope gets into a request by way of them.

use serde_json::Value;

use crate::config::observe::Rule;
use crate::config::{Agent, ScopeSet};
use crate::jwt::Claims;
use crate::limits::ENTITLEMENT_OVERHEAD_BYTES;
use crate::observed::Watched;
use crate::rejection::Rejection;

/// The limits of one subject and one agent at one resource.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    subject: Option<ScopeSet>,
    agent: Option<ScopeSet>,
}

impl Permission {
    /// Reads what the subject is entitled to where `entitlements` points, and what the agent is registered for.
    ///
    /// A claim that is absent or of another form entitles to nothing.
    pub(super) fn of(claims: &Claims, entitlements: Option<&str>, agent: &Agent) -> Self {
        let subject = entitlements.map(|pointer| entitled(claims.pointer(pointer)).unwrap_or_default());
        Self { subject, agent: agent.scopes.clone() }
    }

    /// What it takes that no configuration holds, in bytes, estimated.
    pub(super) fn own_bytes(&self) -> usize {
        let of = |scope: &str| scope.len().saturating_add(ENTITLEMENT_OVERHEAD_BYTES);
        self.subject.iter().flat_map(ScopeSet::iter).map(of).fold(0, usize::saturating_add)
    }

    /// A call needs all of its scopes.
    ///
    /// # Errors
    ///
    /// [`Rejection::ScopeBeyondSubject`] or [`Rejection::ScopeBeyondAgent`] where one of `scopes` is outside of what that one may.
    pub(crate) fn covers(&self, scopes: &ScopeSet, watched: &mut Watched) -> Result<(), Rejection> {
        self.limits().into_iter().try_for_each(|(rule, limit, beyond)| {
            let within = limit.is_none_or(|limit| scopes.is_subset(limit));
            watched.hold(rule, within.then_some(()).ok_or(beyond))
        })
    }

    /// Each limit, by the rule that sets it.
    fn limits(&self) -> [(Rule, Option<&ScopeSet>, Rejection); 2] {
        [
            (Rule::Entitlements, self.subject.as_ref(), Rejection::ScopeBeyondSubject),
            (Rule::Ceiling, self.agent.as_ref(), Rejection::ScopeBeyondAgent),
        ]
    }

    /// What is left of `scopes` where the call is not known yet and they are asked for on suspicion.
    ///
    /// # Errors
    ///
    /// Those of [`Self::covers`] where nothing is left.
    pub(crate) fn cut(&self, scopes: &ScopeSet, watched: &mut Watched) -> Result<ScopeSet, Rejection> {
        let mut left = scopes.clone();
        for (rule, limit, _) in self.limits() {
            // What an observed limit would take away, the call may turn out to need.
            if let Some(limit) = limit.filter(|_| !watched.observes(rule)) {
                left = left.intersection(limit);
            }
        }
        if left.is_empty() { self.covers(scopes, watched).map(|()| left) } else { Ok(left) }
    }
}

/// A list of scopes or one text of them.
fn entitled(value: Option<&Value>) -> Option<ScopeSet> {
    match value? {
        Value::String(text) => ScopeSet::parse(text).ok(),
        Value::Array(values) => {
            let values: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            ScopeSet::new(values?).ok()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
