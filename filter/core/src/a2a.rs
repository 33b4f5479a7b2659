//! A2A (0.3 and 1.0.1) as far as a decision needs it: which method is called, in either binding and spelling.
//!
//! `message/send`, `SendMessage`, `POST /message:send` and `POST /v1/message:send` are one action with one rule.
//! JSON-RPC is spoken at the prefix of the resource, HTTP+JSON beneath it; no other path means anything.
//! Absent: which skill is asked for, which the protocol does not say. Whose a task is, is known only where the resource binds tasks (`tasks`).

pub mod push;
pub(crate) mod tasks;

use crate::asker::check_demands;
use crate::config::{A2aPolicy, PathPrefix, ScopeSet};
use crate::delegation::policy::AuthorizedDelegation;
use crate::operation::Operation;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rest::NoTarget;
use crate::rest::table::{Found, Route, Table};
use crate::rest::template::Template;
use crate::routing::plain_path;
use crate::rpc::RpcCall;

use push::{Parameters, Pushes};
use tasks::{InPath, Names, Tenancy};

/// The public card, beneath the resource as it is beneath an agent's own host (RFC 8615).
const CARD_PATH: &str = "/.well-known/agent-card.json";

/// One action of the protocol.
struct Action {
    /// Its method in 1.0, by which it goes here.
    name: &'static str,
    /// Its method in 0.3.
    name_03: &'static str,
    pushes: Pushes,
    names: Names,
    /// Method and path of the HTTP+JSON binding in 1.0, and again beneath `/v1` in 0.3.
    routes: &'static [(&'static str, &'static str)],
}

/// A2A 1.0 §5.3, 0.3 §3.5.6.
const ACTIONS: [Action; 11] = [
    Action {
        name: "SendMessage",
        name_03: "message/send",
        pushes: Pushes::Inline,
        names: Names::Message,
        routes: &[("POST", "/message:send")],
    },
    Action {
        name: "SendStreamingMessage",
        name_03: "message/stream",
        pushes: Pushes::Inline,
        names: Names::Message,
        routes: &[("POST", "/message:stream")],
    },
    Action {
        name: "GetTask",
        name_03: "tasks/get",
        pushes: Pushes::Never,
        names: Names::Task,
        routes: &[("GET", "/tasks/{id}")],
    },
    Action {
        name: "ListTasks",
        name_03: "tasks/list",
        pushes: Pushes::Never,
        names: Names::Unbindable,
        routes: &[("GET", "/tasks")],
    },
    Action {
        name: "CancelTask",
        name_03: "tasks/cancel",
        pushes: Pushes::Never,
        names: Names::Task,
        routes: &[("POST", "/tasks/{id}:cancel")],
    },
    Action {
        name: "SubscribeToTask",
        name_03: "tasks/resubscribe",
        pushes: Pushes::Never,
        names: Names::Task,
        routes: &[("POST", "/tasks/{id}:subscribe"), ("GET", "/tasks/{id}:subscribe")],
    },
    Action {
        name: "CreateTaskPushNotificationConfig",
        name_03: "tasks/pushNotificationConfig/set",
        pushes: Pushes::Whole,
        names: Names::Unbindable,
        routes: &[("POST", "/tasks/{id}/pushNotificationConfigs")],
    },
    Action {
        name: "GetTaskPushNotificationConfig",
        name_03: "tasks/pushNotificationConfig/get",
        pushes: Pushes::Never,
        names: Names::Unbindable,
        routes: &[("GET", "/tasks/{id}/pushNotificationConfigs/{config}")],
    },
    Action {
        name: "ListTaskPushNotificationConfigs",
        name_03: "tasks/pushNotificationConfig/list",
        pushes: Pushes::Never,
        names: Names::Unbindable,
        routes: &[("GET", "/tasks/{id}/pushNotificationConfigs")],
    },
    Action {
        name: "DeleteTaskPushNotificationConfig",
        name_03: "tasks/pushNotificationConfig/delete",
        pushes: Pushes::Never,
        names: Names::Unbindable,
        routes: &[("DELETE", "/tasks/{id}/pushNotificationConfigs/{config}")],
    },
    Action {
        name: "GetExtendedAgentCard",
        name_03: "agent/getAuthenticatedExtendedCard",
        pushes: Pushes::Never,
        names: Names::Nothing,
        routes: &[("GET", "/extendedAgentCard"), ("GET", "/card")],
    },
];

const MISREAD: Rejection = Rejection::Internal("a task that is not where its template has it");

fn find_action(method: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == method || action.name_03 == method)
}

/// The name by which a method goes, however it is spelt.
pub(crate) fn action_of(method: &str) -> &str {
    find_action(method).map_or(method, |action| action.name)
}

/// Whether tasks can be bound where a method may be called: one that is not the protocol's may name them in any place.
pub(crate) fn can_be_bound(method: &str) -> bool {
    find_action(method).is_some_and(|action| action.names != Names::Unbindable)
}

/// The paths of the HTTP+JSON binding, read once.
#[derive(Clone, Debug)]
pub(crate) struct Routes(Table<ActionRoute>);

#[derive(Clone, Debug)]
struct ActionRoute {
    action: &'static str,
    pushes: Pushes,
    names: Names,
    method: &'static str,
    path: Template,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self(Table::new(Self::all()))
    }

    fn all() -> Vec<ActionRoute> {
        let mut routes = Vec::new();
        for action in &ACTIONS {
            for (method, path) in action.routes {
                let paths = [(*path).to_owned(), format!("/v1{path}")];
                routes.extend(paths.iter().filter_map(|path| Template::parse(path)).map(|path| ActionRoute {
                    action: action.name,
                    pushes: action.pushes,
                    names: action.names,
                    method,
                    path,
                }));
            }
        }
        routes
    }
}

impl Route for ActionRoute {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &Template {
        &self.path
    }
}

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// One JSON-RPC message, which names the method.
    Rpc {
        /// Where the resource binds tasks: what the query says of them.
        tenancy: Option<Tenancy>,
    },
    /// An action of the HTTP+JSON binding.
    Http {
        action: &'static str,
        pushes: Pushes,
        /// Where the resource binds tasks: what is to be looked at besides.
        bound: Option<Bound>,
    },
}

/// What an action of the HTTP+JSON binding says of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    names: Names,
    in_path: Option<InPath>,
    tenancy: Tenancy,
    has_body: bool,
}

/// Whether the request is for the resource's prefix itself, where JSON-RPC is spoken.
pub(crate) fn is_rpc(prefix: &PathPrefix, head: &RequestHead<'_>) -> bool {
    beneath(prefix, head) == Some("/")
}

fn beneath<'h>(prefix: &PathPrefix, head: &RequestHead<'h>) -> Option<&'h str> {
    let target = head.single_text(":path").ok().flatten()?;
    prefix.beneath(plain_path(target).ok()?)
}

/// A request for the card of an agent that shows it to everybody; only [`card`] makes one.
#[derive(Debug)]
pub(crate) struct PublicCard(());

/// A request for the agent's public card, and nothing else.
pub(crate) fn card(policy: &A2aPolicy, prefix: &PathPrefix, head: &RequestHead<'_>) -> Option<PublicCard> {
    let method = head.single_text(":method").ok().flatten();
    let has_query = head.single_text(":path").ok().flatten().is_none_or(|target| target.contains('?'));
    let is_card = policy.card_is_public
        && matches!(method, Some("GET" | "HEAD"))
        && !has_query
        && head.end_of_stream
        && beneath(prefix, head) == Some(CARD_PATH);
    is_card.then_some(PublicCard(()))
}

/// A2A 1.0 §3.6: an absent or empty version is 0.3, and one that is not known is refused by name.
///
/// # Errors
///
/// [`Rejection::ProtocolVersionUnsupported`], also where header and query differ or one comes twice.
pub(crate) fn check_version(head: &RequestHead<'_>) -> Result<(), Rejection> {
    let unsupported = Rejection::ProtocolVersionUnsupported;
    let header = head.single_text("a2a-version").map_err(|_| unsupported)?.unwrap_or_default();
    let target = head.single_text(":path").map_err(|_| unsupported)?.unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let asked = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        name.eq_ignore_ascii_case("a2a-version").then_some(value)
    });
    for version in core::iter::once(header).chain(asked) {
        let known = matches!(version, "" | "0.3" | "1.0");
        if !known || (!header.is_empty() && version != header) {
            return Err(unsupported);
        }
    }
    Ok(())
}

/// Reads the head of a JSON-RPC message.
///
/// # Errors
///
/// [`Rejection::QueryRefused`] where tasks are bound, and one could be named there.
pub(crate) fn find_rpc(policy: &A2aPolicy, head: &RequestHead<'_>) -> Result<Call, Rejection> {
    let target = head.single_text(":path").ok().flatten().unwrap_or_default();
    let tenancy = policy.tasks.as_ref().map(|_| Tenancy::read(target, false)).transpose()?;
    Ok(Call::Rpc { tenancy })
}

/// Reads the HTTP+JSON binding beneath `prefix`.
///
/// # Errors
///
/// [`NoTarget`] for a path that is none of the protocol's, or one of another method.
pub(crate) fn find(policy: &A2aPolicy, prefix: &PathPrefix, head: &RequestHead<'_>) -> Result<Call, NoTarget> {
    let unknown = NoTarget::Refused(Rejection::MethodNotMapped);
    let (Some(path), Ok(Some(method))) = (beneath(prefix, head), head.single_text(":method")) else {
        return Err(unknown);
    };
    let Found { exact, folded } = policy.routes.0.find(method, path);
    match (exact, folded) {
        (Some(route), Some(other)) if route.path == other.path => {
            let bound = policy.tasks.as_ref().map(|_| find_bound(route, head, path)).transpose();
            let bound = bound.map_err(NoTarget::Refused)?;
            Ok(Call::Http { action: route.action, pushes: route.pushes, bound })
        }
        (None, None) => {
            let methods = policy.routes.0.methods(path, |_| true);
            if methods.is_empty() { Err(unknown) } else { Err(NoTarget::Method(methods)) }
        }
        (Some(_) | None, _) => Err(NoTarget::Refused(Rejection::PathAmbiguous)),
    }
}

/// What a request by `route` says of tasks in its target, `path` of which lies beneath the resource.
fn find_bound(route: &ActionRoute, head: &RequestHead<'_>, path: &str) -> Result<Bound, Rejection> {
    let target = head.single_text(":path").ok().flatten().ok_or(MISREAD)?;
    let tenancy = Tenancy::read(target, route.method == "GET")?;
    let in_path = match (route.names, route.path.values(path).next()) {
        (Names::Task, Some((_, shown))) => Some(InPath::find(target, plain_path(target)?, path, shown).ok_or(MISREAD)?),
        (Names::Task, None) => return Err(MISREAD),
        (Names::Nothing | Names::Message | Names::Unbindable, _) => None,
    };
    Ok(Bound { names: route.names, in_path, tenancy, has_body: !head.end_of_stream })
}

fn operation(policy: &A2aPolicy, method: &str, delegation: &AuthorizedDelegation) -> Result<Operation, Rejection> {
    let rules = policy.methods.get(action_of(method)).ok_or(Rejection::MethodNotMapped)?;
    check_demands(&rules.demands, delegation)?;
    Ok(Operation::new(method, rules.scopes.clone()))
}

impl Call {
    /// Whether the body decides as well.
    pub(crate) fn reads_body(&self) -> bool {
        match self {
            Self::Rpc { .. } => true,
            Self::Http { pushes, bound, .. } => {
                *pushes != Pushes::Never || bound.as_ref().is_some_and(|bound| bound.has_body)
            }
        }
    }

    /// Judges by the headers, as far as they tell.
    ///
    /// # Errors
    ///
    /// [`Rejection::MethodNotMapped`], or the unmet demand of the method.
    pub(crate) fn judge_head(
        &self,
        policy: &A2aPolicy,
        delegation: &AuthorizedDelegation,
    ) -> Result<Operation, Rejection> {
        match self {
            // A2A methods differ in nothing that is asked of anybody: the body decides before it is released.
            Self::Rpc { .. } => {
                let mut operation = Operation::new("(resource)", ScopeSet::default());
                if policy.tasks.is_some() {
                    operation.edit.forget_length();
                    operation.edit.ask_for_plain();
                }
                Ok(operation)
            }
            Self::Http { action, bound, .. } => judge_http(policy, action, (bound.as_ref(), None), delegation),
        }
    }

    /// Judges the body of the HTTP+JSON binding.
    ///
    /// # Errors
    ///
    /// As [`Self::judge_head`], and for where an agent would report to.
    pub(crate) fn judge_body(
        &self,
        policy: &A2aPolicy,
        body: &[u8],
        delegation: &AuthorizedDelegation,
    ) -> Result<Operation, Rejection> {
        let Self::Http { action, pushes, bound } = self else {
            return self.judge_head(policy, delegation);
        };
        let operation = judge_http(policy, action, (bound.as_ref(), Some(body)), delegation)?;
        push::check(Parameters::Body(body), *pushes, &policy.push_targets)?;
        Ok(operation)
    }
}

fn judge_http(
    policy: &A2aPolicy,
    action: &str,
    (bound, body): (Option<&Bound>, Option<&[u8]>),
    delegation: &AuthorizedDelegation,
) -> Result<Operation, Rejection> {
    let mut operation = operation(policy, action, delegation)?;
    if let Some(tasks) = &policy.tasks {
        tasks.judge_http(bound.ok_or(MISREAD)?, body, delegation, &mut operation)?;
    }
    Ok(operation)
}

/// Judges a JSON-RPC call.
///
/// # Errors
///
/// [`Rejection::MethodNotMapped`], the unmet demand of the method, or [`Rejection::PushUrlRefused`].
pub(crate) fn judge(
    policy: &A2aPolicy,
    (tenancy, call): (Option<&Tenancy>, &RpcCall<'_>),
    delegation: &AuthorizedDelegation,
) -> Result<Operation, Rejection> {
    let mut operation = operation(policy, &call.method, delegation)?;
    let (pushes, names) =
        find_action(&call.method).map_or((Pushes::Inline, Names::Unbindable), |action| (action.pushes, action.names));
    push::check(Parameters::Params(call), pushes, &policy.push_targets)?;
    if let Some(tasks) = &policy.tasks {
        tasks.judge_call(names, (tenancy.ok_or(MISREAD)?, call), delegation, &mut operation)?;
    }
    Ok(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_a_template_and_tells_one_action() {
        let routes = Routes::all();
        let written: usize = ACTIONS.iter().map(|action| action.routes.len().saturating_mul(2)).sum();
        assert_eq!(routes.len(), written);
        for (at, route) in routes.iter().enumerate() {
            let rivals = routes.iter().skip(at.saturating_add(1)).filter(|other| other.method == route.method);
            for rival in rivals {
                assert!(!route.path.conflicts_with(&rival.path), "{route:?} {rival:?}");
            }
        }
    }

    #[test]
    fn a_path_tells_the_action_in_both_versions() {
        let routes = Routes::new();
        let action = |method: &str, path: &str| routes.0.find(method, path).exact.map(|route| route.action);
        for prefix in ["", "/v1"] {
            for (method, path, want) in [
                ("POST", "/message:send", Some("SendMessage")),
                ("GET", "/tasks/7", Some("GetTask")),
                ("POST", "/tasks/7:cancel", Some("CancelTask")),
                ("GET", "/tasks/7:subscribe", Some("SubscribeToTask")),
                ("DELETE", "/tasks/7/pushNotificationConfigs/1", Some("DeleteTaskPushNotificationConfig")),
                ("POST", "/tasks/7", None),
                ("POST", "/message:send/", None),
            ] {
                assert_eq!(action(method, &format!("{prefix}{path}")), want, "{method} {prefix}{path}");
            }
        }
    }

    #[test]
    fn both_names_of_a_method_are_one_action() {
        for action in &ACTIONS {
            assert_eq!(action_of(action.name_03), action.name);
            assert_eq!(action_of(action.name), action.name);
        }
        assert_eq!(action_of("Message/Send"), "Message/Send");
    }
}
