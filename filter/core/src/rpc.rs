//! One JSON-RPC 2.0 message as MCP and A2A send it, judged strictly enough that no other parser can read it differently.
//!
//! Duplicate members, members that differ from ours in case only, batches and answers are refused.
//! The bytes are never rewritten: what is forwarded is what was judged.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::json::{self, Wanted, span};
use crate::limits::{JSON_DEPTH_MAX, RPC_ID_BYTES_MAX, RPC_METHOD_BYTES_MAX};
use crate::rejection::Rejection;
use crate::spelling::{PROTOTYPE, alike};

/// The `id` of a request: a string or an integer, kept as it came so that an answer can repeat it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcId(Value);

impl RpcId {
    /// The JSON value to repeat in an answer.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

/// A request or, without an id, a notification.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcCall<'b> {
    /// The whole message, as it was judged and goes on.
    pub(crate) text: &'b str,
    pub(crate) id: Option<RpcId>,
    pub(crate) method: String,
    /// What of them is decided on; null for those whose presence is.
    pub(crate) params: Map<String, Value>,
}

/// What of a message is decided on. Nothing else is kept, however long it is.
static WANTED: LazyLock<Wanted> = LazyLock::new(|| {
    let mut wanted = Wanted::default();
    for names in [
        ["jsonrpc"].as_slice(),
        &["id"],
        &["method"],
        &["params", "name"],
        &["params", "uri"],
        &["params", "ref", "type"],
        &["params", "ref", "name"],
        &["params", "ref", "uri"],
        &["params", "_meta", PROTOCOL_VERSION_META],
        &["result"],
        &["error", "code"],
        &["error", "message"],
    ] {
        wanted.add(names.iter().copied());
    }
    for name in ["arguments", "inputResponses", "requestState"] {
        wanted.add_name(&["params"], name);
    }
    wanted
});

/// The member of `params._meta` that says which revision of MCP a message is of.
pub(crate) const PROTOCOL_VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";

pub(crate) const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// A message of a client that may also answer: a call, or an answer to a request of the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RpcMessage<'b> {
    Call(RpcCall<'b>),
    /// Its content goes to the server, which knows what it asked; nothing here is decided by it.
    Answer,
}

impl<'b> RpcMessage<'b> {
    /// # Errors
    ///
    /// As [`RpcCall::parse`]; also for a message that one reader could take for a call and another for an answer.
    pub(crate) fn parse(body: &'b [u8]) -> Result<Self, Rejection> {
        let (text, object) = read_object(body)?;
        if !object.contains_key("result") && !object.contains_key("error") {
            return RpcCall::of_object(text, object).map(Self::Call);
        }
        // What is not wanted is not in the object.
        let members = span::members(text, span::whole(text)).take(ANSWER_MEMBERS.saturating_add(1)).count();
        let whole = members == ANSWER_MEMBERS && object.get("id").is_some_and(|id| checked_id(id.clone()).is_ok());
        let outcome = match (object.get("result"), object.get("error")) {
            (Some(Value::Object(_)), None) => true,
            (None, Some(Value::Object(error))) => {
                error.get("code").is_some_and(Value::is_i64) && error.get("message").is_some_and(Value::is_string)
            }
            _ => false,
        };
        if whole && outcome { Ok(Self::Answer) } else { Err(Rejection::BodyInvalid) }
    }
}

/// `jsonrpc`, `id`, and `result` or `error`.
const ANSWER_MEMBERS: usize = 3;

/// One strict JSON object that says it is JSON-RPC 2.0.
fn read_object(body: &[u8]) -> Result<(&str, Map<String, Value>), Rejection> {
    let text = json::text(body).map_err(|_| Rejection::BodyInvalid)?;
    let value = json::parse_wanted_text(text, JSON_DEPTH_MAX, &WANTED).map_err(|_| Rejection::BodyInvalid)?;
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(Rejection::BatchRefused),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Rejection::BodyInvalid);
        }
    };
    refuse_look_alikes(&object, &MEMBERS)?;
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(Rejection::BodyInvalid);
    }
    Ok((text, object))
}

impl<'b> RpcCall<'b> {
    /// # Errors
    ///
    /// [`Rejection::BodyInvalid`] for anything but one well-formed request or notification,
    /// [`Rejection::BatchRefused`] for an array.
    pub(crate) fn parse(body: &'b [u8]) -> Result<Self, Rejection> {
        let (text, object) = read_object(body)?;
        Self::of_object(text, object)
    }

    fn of_object(text: &'b str, mut object: Map<String, Value>) -> Result<Self, Rejection> {
        if object.contains_key("result") || object.contains_key("error") {
            return Err(Rejection::BodyInvalid);
        }
        let id = match object.remove("id") {
            None => None,
            Some(id) => Some(RpcId(checked_id(id)?)),
        };
        let Some(Value::String(method)) = object.remove("method") else {
            return Err(Rejection::BodyInvalid);
        };
        if method.is_empty() || method.len() > RPC_METHOD_BYTES_MAX {
            return Err(Rejection::BodyInvalid);
        }
        let params = match object.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(Rejection::BodyInvalid),
        };
        Ok(Self { text, id, method, params })
    }

    /// A text member of `params`, look-alikes refused.
    pub(crate) fn param(&self, name: &str) -> Result<Option<&str>, Rejection> {
        refuse_look_alikes(&self.params, &[name])?;
        match self.params.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Rejection::BodyInvalid),
        }
    }
}

/// `Name` beside or instead of `name`: a reader that takes one for the other would see what we did not judge.
pub(crate) fn refuse_look_alikes(object: &Map<String, Value>, members: &[&str]) -> Result<(), Rejection> {
    let misleads = |key: &String| key == PROTOTYPE || members.iter().any(|member| key != member && alike(key, member));
    if object.keys().any(misleads) { Err(Rejection::BodyInvalid) } else { Ok(()) }
}

/// MCP: "string or integer, never null".
fn checked_id(id: Value) -> Result<Value, Rejection> {
    let fits = match &id {
        Value::String(text) => text.len() <= RPC_ID_BYTES_MAX,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if fits { Ok(id) } else { Err(Rejection::BodyInvalid) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn refused(body: &str, want: Rejection) {
        assert_eq!(RpcCall::parse(body.as_bytes()), Err(want), "{body}");
    }

    #[test]
    fn one_request_is_read() {
        let call = RpcCall::parse(br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}"#).unwrap();
        assert_eq!(call.id.as_ref().unwrap().value(), 7);
        assert_eq!(call.method, "tools/call");
        assert_eq!(call.param("name"), Ok(Some("t")));
        assert_eq!(call.param("uri"), Ok(None));
    }

    #[test]
    fn what_another_parser_could_read_differently_is_refused() {
        for body in [
            "",
            "null",
            "7",
            r#""x""#,
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","Method":"n"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","PARAMS":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[{"name":"t"}]}"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{},\"param\u{17f}\":{\"name\":\"other\"}}",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{},"param\u017f":{"name":"other"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[{"b":{"c":1,"c":2}}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m"} {}"#,
            "\u{feff}{}",
        ] {
            refused(body, Rejection::BodyInvalid);
        }
        refused(r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, Rejection::BatchRefused);
    }

    #[test]
    fn a_parameter_spelt_in_another_case_is_refused() {
        let call =
            RpcCall::parse(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#)
                .unwrap();
        assert_eq!(call.param("name"), Err(Rejection::BodyInvalid));
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        let body = |method: usize, id: usize| {
            format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"{}"}}"#, "i".repeat(id), "m".repeat(method))
        };
        assert!(RpcCall::parse(body(RPC_METHOD_BYTES_MAX, RPC_ID_BYTES_MAX).as_bytes()).is_ok());
        refused(&body(RPC_METHOD_BYTES_MAX + 1, 1), Rejection::BodyInvalid);
        refused(&body(1, RPC_ID_BYTES_MAX + 1), Rejection::BodyInvalid);
    }
}
