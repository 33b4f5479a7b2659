//! What the headers of a request say of its operation, and how the operation is told: each protocol in its own way.
//!
//! This is the one place where the flow asks which protocol a resource speaks.
//! An operation that its headers tell is decided before the body comes, and the body streams through; one that the body tells is decided on the whole body.

use std::borrow::Cow;

use crate::a2a;
use crate::asker::Asker;
use crate::config::{McpPolicy, Protocol, Refusals, Resource, SessionAct};
use crate::exchange::answer::is_json;
use crate::mcp::{self, Hints};
use crate::operation::Operation;
use crate::record::plain;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rest::{self, NoTarget};
use crate::rpc::RpcCall;
use crate::session;
use crate::step::{RefusalContext, Shape};

/// A request's headers, read by the protocol of its resource.
#[derive(Debug, Clone)]
pub(super) enum Arrival {
    /// One JSON-RPC message by POST, with MCP's routing headers.
    Mcp(Hints),
    /// What a client does to its session by another HTTP method.
    McpSession(SessionAct),
    /// One JSON-RPC message by POST, or an action by method and path, if it is one.
    A2a(Result<a2a::Call, NoTarget>),
    /// An operation by method and path, if it is one.
    Rest(Result<rest::Target, NoTarget>),
}

/// What tells the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldBy {
    /// The body: it is read whole before the decision, and a request without one is refused.
    Body,
    /// The headers alone: a body may come, is not looked at, and is never buffered for the decision.
    Head,
}

/// In whose terms a resource refuses; needed before its protocol has read anything.
pub(super) fn refusal_shape(resource: &Resource, head: &RequestHead<'_>) -> Shape {
    match resource.protocol {
        Protocol::Mcp(_) => Shape::Mcp { version: mcp::version_asked_for(head), keeps_session: false },
        Protocol::A2a(_) if a2a::is_rpc(&resource.path_prefix, head) => Shape::Rpc,
        Protocol::A2a(_) => Shape::Status,
        Protocol::Rest(_) => Shape::OAuth,
    }
}

/// The HTTP methods of a resource, for `Allow` (RFC 9110 §10.2.1); a REST path has its own.
pub(super) fn methods_served(resource: &Resource) -> &'static str {
    match &resource.protocol {
        Protocol::Mcp(policy) => {
            let acts = |act| policy.session.contains(&act);
            match (acts(SessionAct::Stream), acts(SessionAct::End)) {
                (true, true) => "POST, GET, DELETE",
                (true, false) => "POST, GET",
                (false, true) => "POST, DELETE",
                (false, false) => "POST",
            }
        }
        Protocol::A2a(_) | Protocol::Rest(_) => "POST",
    }
}

impl Arrival {
    /// Reads what the protocol of `resource` needs of the headers; the credential is read elsewhere.
    ///
    /// # Errors
    ///
    /// What is wrong with the form: method, content type, protocol version.
    pub(super) fn read(resource: &Resource, head: &RequestHead<'_>) -> Result<Self, Rejection> {
        match &resource.protocol {
            Protocol::Mcp(policy) => {
                if head.single(":method") == Ok(Some(b"POST".as_slice())) {
                    json_by_post(head)?;
                    let hints = Hints::read(head)?;
                    session::check_id(head)?;
                    return Ok(Self::Mcp(hints));
                }
                let hints = Hints::read(head)?;
                session::check_id(head)?;
                session::act_by_method(policy, hints.has_sessions(), head).map(Self::McpSession)
            }
            Protocol::A2a(policy) => {
                a2a::check_version(head)?;
                if a2a::is_rpc(&resource.path_prefix, head) {
                    json_by_post(head)?;
                    return a2a::find_rpc(policy, head).map(|call| Self::A2a(Ok(call)));
                }
                let found = a2a::find(policy, &resource.path_prefix, head);
                if found.as_ref().is_ok_and(a2a::Call::reads_body) {
                    plain_json(head, JsonType::AnyJson)?;
                }
                Ok(Self::A2a(found))
            }
            // Which operations there are is told to nobody who has not been let in, so a miss is kept for later.
            Protocol::Rest(policy) => {
                let found = rest::find(policy, &resource.path_prefix, head);
                Ok(Self::Rest(found.and_then(|target| match check_rest_type(&target, head) {
                    Err(rejection) => Err(NoTarget::Refused(rejection)),
                    Ok(()) => Ok(target),
                })))
            }
        }
    }

    /// What tells the operation of this request.
    pub(super) fn told_by(&self) -> ToldBy {
        match self {
            Self::Mcp(_) => ToldBy::Body,
            Self::A2a(Ok(call)) if call.reads_body() => ToldBy::Body,
            Self::Rest(Ok(target)) if target.reads_body() => ToldBy::Body,
            Self::McpSession(_) | Self::A2a(_) | Self::Rest(_) => ToldBy::Head,
        }
    }

    /// Whether the header, its name in lower case with hyphens, means nothing in this protocol version and could mislead the upstream.
    pub(super) fn strips(&self, name: &str) -> bool {
        match self {
            // Nobody compares them with the body there.
            Self::Mcp(hints) if hints.has_sessions() => mcp::is_routing(name),
            Self::Mcp(_) => name == session::SESSION_ID || name == session::LAST_EVENT_ID,
            Self::McpSession(_) => mcp::is_routing(name),
            Self::A2a(_) | Self::Rest(_) => false,
        }
    }

    /// Judges by the headers: for good where they tell the operation, and else for a host that shows the body only after its headers are gone.
    ///
    /// # Errors
    ///
    /// Whatever the protocol refuses, or [`Rejection::ToolUnknownBeforeBody`].
    pub(super) fn judge_head(
        &self,
        protocol: &Protocol,
        asker: &mut Asker<'_>,
        context: &mut RefusalContext,
    ) -> Result<Operation, Rejection> {
        let operation = match (self, protocol) {
            (Self::Mcp(hints), Protocol::Mcp(policy)) => mcp::judge_early(policy, hints, asker),
            (Self::A2a(Ok(call)), Protocol::A2a(policy)) => {
                if let a2a::Call::Http { action, .. } = call {
                    context.record.operation(action);
                }
                call.judge_head(policy, asker.delegation())
            }
            (Self::McpSession(act), Protocol::Mcp(policy)) => Ok(session::operation(policy, *act, asker)),
            (Self::Rest(Ok(target)), Protocol::Rest(_)) => {
                context.record.operation(&target.operation.name);
                target.judge(asker)
            }
            (Self::A2a(Err(NoTarget::Refused(rejection))) | Self::Rest(Err(NoTarget::Refused(rejection))), _) => {
                Err(*rejection)
            }
            (Self::A2a(Err(NoTarget::Method(methods))) | Self::Rest(Err(NoTarget::Method(methods))), _) => {
                context.allow = Cow::Owned(methods.clone());
                Err(Rejection::HttpMethodRefused)
            }
            (Self::Mcp(_) | Self::McpSession(_) | Self::A2a(Ok(_)) | Self::Rest(Ok(_)), _) => Err(MISREAD),
        };
        permitted(operation?, asker)
    }

    /// Judges by the whole body. What was called is on record and in the terms of the refusal even where it is refused.
    ///
    /// # Errors
    ///
    /// Whatever the protocol refuses.
    pub(super) fn judge_body(
        &self,
        protocol: &Protocol,
        body: &[u8],
        asker: &mut Asker<'_>,
        context: &mut RefusalContext,
    ) -> Result<Operation, Rejection> {
        let operation = match (self, protocol) {
            (Self::Mcp(hints), Protocol::Mcp(policy)) => match context.read(body, policy, hints)? {
                Some(call) => {
                    context.calls(&call);
                    mcp::judge(policy, hints, &call, asker)
                }
                None if hints.has_sessions() && policy.session.contains(&SessionAct::Answer) => {
                    let operation = session::operation(policy, SessionAct::Answer, asker);
                    context.record.operation(&operation.label);
                    Ok(operation)
                }
                None => Err(Rejection::BodyInvalid),
            },
            (Self::A2a(Ok(a2a::Call::Rpc { tenancy })), Protocol::A2a(policy)) => {
                let call = RpcCall::parse(body)?;
                context.calls(&call);
                a2a::judge(policy, (tenancy.as_ref(), &call), asker.delegation())
            }
            (Self::A2a(Ok(call)), Protocol::A2a(policy)) => {
                if let a2a::Call::Http { action, .. } = call {
                    context.record.operation(action);
                }
                call.judge_body(policy, body, asker.delegation())
            }
            (Self::Rest(Ok(target)), Protocol::Rest(_)) => {
                context.record.operation(&target.operation.name);
                let operation = target.judge(asker)?;
                target.judge_body(body, asker)?;
                Ok(operation)
            }
            (Self::Mcp(_) | Self::McpSession(_) | Self::A2a(_) | Self::Rest(_), _) => Err(MISREAD),
        };
        permitted(operation?, asker)
    }
}

/// Effective permission, whatever the protocol: the scopes a call needs must all be the subject's and the agent's.
fn permitted(operation: Operation, asker: &mut Asker<'_>) -> Result<Operation, Rejection> {
    asker.may_ask_for(&operation.scopes).map(|()| operation)
}

impl RefusalContext {
    /// Reads a message, which can be refused from then on without an end to its session.
    fn read<'b>(
        &mut self,
        body: &'b [u8],
        policy: &McpPolicy,
        hints: &Hints,
    ) -> Result<Option<RpcCall<'b>>, Rejection> {
        let message = RpcCall::parse_or_answer(body)?;
        if let Shape::Mcp { keeps_session, .. } = &mut self.shape {
            *keeps_session = hints.has_sessions() && policy.refusals == Refusals::Answer;
        }
        Ok(message)
    }

    /// Notes what is called, for the record and for a refusal.
    fn calls(&mut self, call: &RpcCall<'_>) {
        self.rpc_id.clone_from(&call.id);
        self.record.operation(&label(call));
    }
}

const MISREAD: Rejection = Rejection::Internal("a request read by another protocol than its resource's");

/// JSON-RPC over HTTP: one JSON document by POST.
fn json_by_post(head: &RequestHead<'_>) -> Result<(), Rejection> {
    if head.single(":method") != Ok(Some(b"POST".as_slice())) {
        return Err(Rejection::HttpMethodRefused);
    }
    plain_json(head, JsonType::Json)
}

/// The type of a body that rules are about, or that may be one of those that some server finds a method in.
fn check_rest_type(target: &rest::Target, head: &RequestHead<'_>) -> Result<(), Rejection> {
    if target.reads_body() {
        return plain_json(head, JsonType::AnyJson);
    }
    let refused = |content_type| target.refuses_form(content_type);
    let mut types = head.all("content-type").peekable();
    let form = if types.peek().is_none() { refused(None) } else { types.any(|value| refused(Some(value))) };
    if form && !head.end_of_stream { Err(Rejection::ContentTypeRefused) } else { Ok(()) }
}

/// A body that is JSON and nothing around it.
fn plain_json(head: &RequestHead<'_>, wanted: JsonType) -> Result<(), Rejection> {
    let content_type = head.single("content-type").map_err(|_| Rejection::ContentTypeRefused)?;
    // An encoded body would be judged by us as bytes and by the upstream as something else.
    if !content_type.is_some_and(|content_type| is_utf8_json(content_type, wanted))
        || head.all("content-encoding").next().is_some()
    {
        return Err(Rejection::ContentTypeRefused);
    }
    Ok(())
}

/// Which media types are read as JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonType {
    /// `application/json`.
    Json,
    /// That, and every `application/…+json` (RFC 6839 §3.1).
    AnyJson,
}

pub(super) fn has_json_suffix(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    essence.starts_with(b"application/") && essence.ends_with(b"+json")
}

/// JSON in the one encoding it is judged in.
///
/// RFC 8259 §8.1 knows UTF-8 only, but servers obey `charset`: in UTF-7 or ISO-2022 the bytes that were judged are another call.
fn is_utf8_json(content_type: &[u8], wanted: JsonType) -> bool {
    let mut parameters = content_type.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let utf8 = |parameter: &[u8]| {
        parameter.eq_ignore_ascii_case(b"charset=utf-8") || parameter.eq_ignore_ascii_case(b"charset=\"utf-8\"")
    };
    let is_wanted = is_json(content_type) || (wanted == JsonType::AnyJson && has_json_suffix(content_type));
    is_wanted && parameters.all(utf8)
}

/// What was called, for records.
fn label(call: &RpcCall<'_>) -> String {
    let name = match &*call.method {
        "tools/call" | "prompts/get" => call.name(),
        "resources/read" => call.uri(),
        _ => Ok(None),
    };
    plain(name.ok().flatten().as_deref().unwrap_or(&call.method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_judged_in_the_encoding_it_is_read_in() {
        for accepted in [
            b"application/json".as_slice(),
            b"Application/JSON",
            b"application/json; charset=utf-8",
            b"application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_utf8_json(accepted, JsonType::Json), "{}", String::from_utf8_lossy(accepted));
        }
        for refused in [
            b"application/json; charset=utf-7".as_slice(),
            b"application/json; charset=utf-16le",
            b"application/json; charset=iso-2022-jp",
            b"application/json; charset=utf-8; charset=utf-7",
            b"application/json; charset = utf-7",
            b"application/json; boundary=x",
            b"application/json;charset=utf-8,text/plain",
            b"application/json;",
            b"text/plain; charset=utf-8",
        ] {
            assert!(!is_utf8_json(refused, JsonType::AnyJson), "{}", String::from_utf8_lossy(refused));
        }
        for (content_type, any) in [
            (b"application/merge-patch+json".as_slice(), true),
            (b"application/A2A+JSON; charset=utf-8", true),
            (b"text/x+json", false),
            (b"application/x+jsonl", false),
        ] {
            assert!(!is_utf8_json(content_type, JsonType::Json), "{}", String::from_utf8_lossy(content_type));
            assert_eq!(is_utf8_json(content_type, JsonType::AnyJson), any, "{}", String::from_utf8_lossy(content_type));
        }
    }
}
