//! MCP (2025-03-26 to 2026-07-28) as far as a decision needs it: what is called, told by the body.
//!
//! Tools, prompts and resources are mapped one by one or by explicit patterns, every other method by its name; what is not mapped is refused.
//! Routing headers (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`) are hints: compared with the body where the protocol version defines them.
//! Only in the host mode that releases headers before the body may they decide early, and then the body is held until it agrees.

mod events;
mod hints;
pub(crate) mod listing;
mod long;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::asker::Asker;
use crate::config::{Called, McpPolicy, ScopeSet, Tool, Verdict};
use crate::json::{self, Wanted};
use crate::mcp::listing::Listing;
use crate::operation::{BodyEdit, Operation};
use crate::record::plain;
use crate::rejection::Rejection;
use crate::rpc::{RpcCall, refuse_look_alikes};

pub(crate) use events::EventFilter;
pub(crate) use hints::{Hints, PARAMETER, Revision, VERSIONS, is_routing, version_asked_for};

const TOOLS_CALL: &str = "tools/call";
const PROMPTS_GET: &str = "prompts/get";
const RESOURCES_READ: &str = "resources/read";
const COMPLETE: &str = "completion/complete";

/// Methods that name one resource by `params.uri`; what may be read may be subscribed to, and nothing else may.
const OF_ONE_RESOURCE: [&str; 3] = [RESOURCES_READ, "resources/subscribe", "resources/unsubscribe"];

/// Methods that are decided by what they name, and by no list of methods.
pub(crate) const DECIDED_BY_NAME: [(&str, &str); 6] = [
    (TOOLS_CALL, "tools"),
    (PROMPTS_GET, "prompts"),
    (RESOURCES_READ, "resources"),
    ("resources/subscribe", "resources"),
    ("resources/unsubscribe", "resources"),
    (COMPLETE, "prompts\" and \"resources"),
];

/// Judges a parsed call.
///
/// # Errors
///
/// The code that says what is not mapped, [`Rejection::HeaderMismatch`] where headers and body disagree, or the unmet need of the operation.
pub(crate) fn judge(
    policy: &Arc<McpPolicy>,
    hints: &Hints,
    call: &RpcCall<'_>,
    asker: &mut Asker<'_>,
) -> Result<Operation, Rejection> {
    let name = call.name()?;
    let name = name.as_deref();
    if call.method == TOOLS_CALL && name.is_none() {
        return Err(Rejection::BodyInvalid);
    }
    hints.agree(call, name)?;
    let method = &*call.method;
    let operation = if is_unmapped(policy, method) {
        return Err(Rejection::MethodNotMapped);
    } else if method == TOOLS_CALL {
        call_tool(policy, hints, call, name.ok_or(Rejection::BodyInvalid)?, asker)?
    } else if method == PROMPTS_GET {
        let name = name.ok_or(Rejection::BodyInvalid)?;
        let prompt = policy.prompts.find(name).ok_or(Rejection::PromptNotMapped)?;
        check_call(prompt, hints, call, asker)?;
        Operation::of(name, &prompt.needs)
    } else if OF_ONE_RESOURCE.contains(&method) {
        let uri = call.uri()?.ok_or(Rejection::BodyInvalid)?;
        resource(policy, &uri, asker)?
    } else if method == COMPLETE {
        complete(policy, call, asker)?
    } else {
        return method_operation(policy, call, asker);
    };
    // A call without an id could not be answered: a notification never runs anything.
    if call.id.is_none() { Err(Rejection::BodyInvalid) } else { Ok(operation) }
}

/// Where a server's prompts or resources are not mapped at all, their methods are not.
fn is_unmapped(policy: &McpPolicy, method: &str) -> bool {
    (method == PROMPTS_GET && policy.prompts.is_empty())
        || (OF_ONE_RESOURCE.contains(&method) && policy.resources.is_empty())
        || (method == COMPLETE && policy.prompts.is_empty() && policy.resources.is_empty())
}

fn method_operation(
    policy: &Arc<McpPolicy>,
    call: &RpcCall<'_>,
    asker: &mut Asker<'_>,
) -> Result<Operation, Rejection> {
    if !policy.methods.contains(&*call.method) {
        return Err(Rejection::MethodNotMapped);
    }
    let mut operation = Operation::new(&call.method, policy.method_scopes.clone());
    if listing::is_listing(&call.method) {
        operation.listing(Listing::new(policy, asker));
    }
    Ok(operation)
}

fn call_tool(
    policy: &McpPolicy,
    hints: &Hints,
    call: &RpcCall<'_>,
    name: &str,
    asker: &mut Asker<'_>,
) -> Result<Operation, Rejection> {
    let tool = policy.tool(name).ok_or(Rejection::ToolNotMapped)?;
    check_call(&tool.called, hints, call, asker)?;
    let mut operation = tool_operation(name, tool, hints);
    if let Some(upstream) = &tool.upstream_name {
        let at = call.params.name.at.clone().ok_or(Rejection::BodyInvalid)?;
        operation.edit.body = Some(BodyEdit::text_at(call.text, at, upstream)?);
    }
    Ok(operation)
}

fn tool_operation(name: &str, tool: &Tool, hints: &Hints) -> Operation {
    let mut operation = Operation::of(name, &tool.called.needs);
    if let Some(upstream) = &tool.upstream_name {
        // SEP-2243: whoever rewrites `params.name` rewrites what mirrors it.
        operation.edit.headers.extend(hints.renamed(upstream).map(|value| ("mcp-name", value)));
    }
    operation
}

/// Needs and rules of something that is called with arguments.
fn check_call(called: &Called, hints: &Hints, call: &RpcCall<'_>, asker: &mut Asker<'_>) -> Result<(), Rejection> {
    asker.meets(&called.needs)?;
    let params = &call.params;
    params.refuse_look_alikes(&[&params.input_responses, &params.request_state])?;
    // 2026-07-28 MRTR: both are the client's words beside the arguments, and no rule has judged them.
    let client_input = params.input_responses.at.is_some() || params.request_state.at.is_some();
    if client_input && called.client_input == Verdict::Refuse {
        return Err(Rejection::ClientInputRefused);
    }
    if called.arguments.is_empty() && called.mirrored.is_empty() {
        return Ok(());
    }
    params.refuse_look_alikes(&[&params.arguments])?;
    let arguments = match &params.arguments.at {
        None => Value::Object(Map::new()),
        Some(at) => {
            json::wanted_at(call.text, at.start, called.arguments.wanted()).map_err(|_| Rejection::BodyInvalid)?
        }
    };
    let Value::Object(arguments) = arguments else {
        return Err(Rejection::BodyInvalid);
    };
    asker.argues(called.arguments.hold(&arguments, asker.claims()))?;
    hints.mirror(&called.mirrored, call.text, params.arguments.at.clone())
}

fn resource(policy: &McpPolicy, uri: &str, asker: &mut Asker<'_>) -> Result<Operation, Rejection> {
    let needs = policy.resources.find(uri).ok_or(Rejection::ResourceNotMapped)?;
    asker.meets(needs)?;
    Ok(Operation::of(uri, needs))
}

/// What completes the arguments of a prompt or of a resource template shows something of it, so it needs what that needs:
/// of a template, what everything needs that it may expand to.
fn complete(policy: &McpPolicy, call: &RpcCall<'_>, asker: &mut Asker<'_>) -> Result<Operation, Rejection> {
    const REFERENCE: [&str; 3] = ["type", "name", "uri"];
    static WANTED: LazyLock<Wanted> = LazyLock::new(|| {
        let mut wanted = Wanted::default();
        REFERENCE.into_iter().for_each(|name| wanted.add([name]));
        wanted
    });
    call.params.refuse_look_alikes(&[&call.params.reference])?;
    let at = call.params.reference.at.as_ref().ok_or(Rejection::BodyInvalid)?;
    let Ok(Value::Object(reference)) = json::wanted_at(call.text, at.start, &WANTED) else {
        return Err(Rejection::BodyInvalid);
    };
    refuse_look_alikes(&reference, &REFERENCE)?;
    let text = |name: &str| reference.get(name).and_then(Value::as_str);
    match (text("type"), text("name"), text("uri")) {
        (Some("ref/prompt"), Some(name), None) => {
            let prompt = policy.prompts.find(name).ok_or(Rejection::PromptNotMapped)?;
            asker.meets(&prompt.needs)?;
            Ok(Operation::of(COMPLETE, &prompt.needs))
        }
        (Some("ref/resource"), None, Some(uri)) => {
            let all = policy.resources.enclosing(uri);
            all.iter().try_for_each(|needs| asker.meets(needs))?;
            Operation::of_all(COMPLETE, &all).ok_or(Rejection::ResourceNotMapped)
        }
        _ => Err(Rejection::BodyInvalid),
    }
}

/// Judges by the headers alone, for a host that shows the body only after its headers are gone.
///
/// # Errors
///
/// [`Rejection::ToolUnknownBeforeBody`] where neither a routing header names what is called nor the resource accepts scopes for all of it.
pub(crate) fn judge_early(policy: &McpPolicy, hints: &Hints, asker: &mut Asker<'_>) -> Result<Operation, Rejection> {
    let mut operation = match hints.named()? {
        Some((TOOLS_CALL, name)) => {
            let tool = policy.tool(&name).ok_or(Rejection::ToolNotMapped)?;
            asker.meets(&tool.called.needs)?;
            Operation { label: plain(&name), ..tool_operation(&name, tool, hints) }
        }
        Some((PROMPTS_GET, name)) => {
            let prompt = policy.prompts.find(&name).ok_or(Rejection::PromptNotMapped)?;
            asker.meets(&prompt.needs)?;
            Operation::of(&plain(&name), &prompt.needs)
        }
        Some((RESOURCES_READ, uri)) => Operation { label: plain(&uri), ..resource(policy, &uri, asker)? },
        Some(_) | None => {
            let scopes: &ScopeSet = policy.resource_wide_scopes.as_ref().ok_or(Rejection::ToolUnknownBeforeBody)?;
            // Asked for on suspicion, so only what the subject and the agent may have: the body shows later whether that was enough.
            Operation::new("(resource)", asker.cut(scopes)?)
        }
    };
    if policy.renames() {
        operation.edit.forget_length();
    }
    // It may turn out to ask for a list.
    operation.edit.ask_for_plain();
    Ok(operation)
}
