//! One JSON-RPC 2.0 message as MCP and A2A send it, judged strictly enough that no other parser can read it differently.
//!
//! Duplicate members, members that differ from ours in case only, batches and answers are refused.
//! The bytes are never rewritten: what is forwarded is what was judged.

use core::ops::Range;
use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Number, Value};

use crate::json::{self, Head, Place, Wanted, span};
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

    /// MCP: "string or integer, never null".
    fn read(written: &str) -> Result<Self, Rejection> {
        if let Some(text) = span::text_at(written) {
            let fits = text.len() <= RPC_ID_BYTES_MAX;
            return if fits { Ok(Self(text.into())) } else { Err(Rejection::BodyInvalid) };
        }
        match serde_json::from_str::<Number>(written) {
            Ok(number) if number.is_i64() || number.is_u64() => Ok(Self(Value::Number(number))),
            Ok(_) | Err(_) => Err(Rejection::BodyInvalid),
        }
    }
}

/// A request or, without an id, a notification.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcCall<'b> {
    /// The whole message, as it was judged and goes on.
    pub(crate) text: &'b str,
    pub(crate) id: Option<RpcId>,
    pub(crate) method: Cow<'b, str>,
    /// Where its parameters stand, which are an object.
    pub(crate) params_at: Option<Range<usize>>,
    pub(crate) params: Params,
}

/// Where the parameters stand that are decided on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pub(crate) name: Place,
    pub(crate) uri: Place,
    pub(crate) reference: Place,
    pub(crate) meta: Place,
    pub(crate) arguments: Place,
    pub(crate) input_responses: Place,
    pub(crate) request_state: Place,
    prototype: Place,
}

impl Head for Params {
    fn names(&self) -> &'static Wanted {
        static NAMES: LazyLock<Wanted> = LazyLock::new(|| {
            Wanted::named(&["name", "uri", "ref", "_meta", "arguments", "inputResponses", "requestState"])
        });
        &NAMES
    }

    fn place(&mut self, name: &str) -> Option<&mut Place> {
        match name {
            "name" => Some(&mut self.name),
            "uri" => Some(&mut self.uri),
            "ref" => Some(&mut self.reference),
            "_meta" => Some(&mut self.meta),
            "arguments" => Some(&mut self.arguments),
            "inputResponses" => Some(&mut self.input_responses),
            "requestState" => Some(&mut self.request_state),
            PROTOTYPE => Some(&mut self.prototype),
            _ => None,
        }
    }

    fn inside(&mut self, _: &str) -> Option<&mut dyn Head> {
        None
    }
}

impl Params {
    /// Refuses `Name` beside or instead of `name`: a reader that takes one for the other would see what we did not judge.
    pub(crate) fn refuse_look_alikes(&self, of: &[&Place]) -> Result<(), Rejection> {
        let misleads = self.prototype != Place::default() || of.iter().any(|place| place.is_contested);
        if misleads { Err(Rejection::BodyInvalid) } else { Ok(()) }
    }
}

/// Where the members of a message stand.
#[derive(Debug, Default)]
struct Message {
    jsonrpc: Place,
    id: Place,
    method: Place,
    params: Place,
    result: Place,
    error: Place,
    prototype: Place,
    in_params: Params,
}

/// The member of `params._meta` that says which revision of MCP a message is of.
pub(crate) const PROTOCOL_VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";

pub(crate) const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

impl Head for Message {
    fn names(&self) -> &'static Wanted {
        static NAMES: LazyLock<Wanted> = LazyLock::new(|| Wanted::named(&MEMBERS));
        &NAMES
    }

    fn place(&mut self, name: &str) -> Option<&mut Place> {
        match name {
            "jsonrpc" => Some(&mut self.jsonrpc),
            "id" => Some(&mut self.id),
            "method" => Some(&mut self.method),
            "params" => Some(&mut self.params),
            "result" => Some(&mut self.result),
            "error" => Some(&mut self.error),
            PROTOTYPE => Some(&mut self.prototype),
            _ => None,
        }
    }

    fn inside(&mut self, name: &str) -> Option<&mut dyn Head> {
        let inside: &mut dyn Head = &mut self.in_params;
        (name == "params").then_some(inside)
    }
}

impl Message {
    /// Reads one strict JSON object that says it is JSON-RPC 2.0, and how many members it has.
    fn read(text: &str) -> Result<(Self, usize), Rejection> {
        let mut message = Self::default();
        let members = json::read_head(text, JSON_DEPTH_MAX, &mut message).map_err(|_| Rejection::BodyInvalid)?;
        let Some(members) = members else {
            let is_batch = text.as_bytes().get(span::whole(text).start) == Some(&b'[');
            return Err(if is_batch { Rejection::BatchRefused } else { Rejection::BodyInvalid });
        };
        let Self { jsonrpc, id, method, params, result, error, prototype, .. } = &message;
        let misleads = prototype != &Place::default()
            || [jsonrpc, id, method, params, result, error].iter().any(|place| place.is_contested);
        if misleads || text_of(text, jsonrpc)?.as_deref() != Some("2.0") {
            return Err(Rejection::BodyInvalid);
        }
        Ok((message, members))
    }

    fn id(&self, text: &str) -> Result<Option<RpcId>, Rejection> {
        value_of(text, &self.id).map(RpcId::read).transpose()
    }
}

/// The text that stands there; none where nothing does.
///
/// # Errors
///
/// [`Rejection::BodyInvalid`] for a value of another type.
fn text_of<'b>(text: &'b str, place: &Place) -> Result<Option<Cow<'b, str>>, Rejection> {
    value_of(text, place).map(|value| span::text_at(value).ok_or(Rejection::BodyInvalid)).transpose()
}

fn value_of<'b>(text: &'b str, place: &Place) -> Option<&'b str> {
    place.at.clone().and_then(|at| text.get(at))
}

/// `jsonrpc`, `id`, and `result` or `error`.
const ANSWER_MEMBERS: usize = 3;

/// JSON-RPC 2.0 §5.1.
fn is_error(error: &str) -> bool {
    let member = |name| span::member(error, 0..error.len(), name).and_then(|at| error.get(at));
    let code = member("code").and_then(|code| serde_json::from_str::<Number>(code).ok());
    code.is_some_and(|code| code.is_i64()) && member("message").and_then(span::text_at).is_some()
}

impl<'b> RpcCall<'b> {
    /// # Errors
    ///
    /// [`Rejection::BodyInvalid`] for anything but one well-formed request or notification,
    /// [`Rejection::BatchRefused`] for an array.
    pub(crate) fn parse(body: &'b [u8]) -> Result<Self, Rejection> {
        let text = json::text(body).map_err(|_| Rejection::BodyInvalid)?;
        let (message, _) = Message::read(text)?;
        Self::of_message(text, message)
    }

    /// Reads a message of a client that may also answer a request of the server; none for an answer.
    /// Its content goes to the server, which knows what it asked; nothing here is decided by it.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`]; also for a message that one reader could take for a call and another for an answer.
    pub(crate) fn parse_or_answer(body: &'b [u8]) -> Result<Option<Self>, Rejection> {
        let text = json::text(body).map_err(|_| Rejection::BodyInvalid)?;
        let (message, members) = Message::read(text)?;
        let outcome = match (value_of(text, &message.result), value_of(text, &message.error)) {
            (None, None) => return Self::of_message(text, message).map(Some),
            (Some(result), None) => result.starts_with('{'),
            (None, Some(error)) => is_error(error),
            (Some(_), Some(_)) => false,
        };
        let whole = members == ANSWER_MEMBERS && message.id(text)?.is_some();
        if whole && outcome { Ok(None) } else { Err(Rejection::BodyInvalid) }
    }

    fn of_message(text: &'b str, message: Message) -> Result<Self, Rejection> {
        if message.result.at.is_some() || message.error.at.is_some() {
            return Err(Rejection::BodyInvalid);
        }
        let id = message.id(text)?;
        let method = text_of(text, &message.method)?.ok_or(Rejection::BodyInvalid)?;
        if method.is_empty() || method.len() > RPC_METHOD_BYTES_MAX {
            return Err(Rejection::BodyInvalid);
        }
        if value_of(text, &message.params).is_some_and(|params| !params.starts_with('{')) {
            return Err(Rejection::BodyInvalid);
        }
        Ok(Self { text, id, method, params_at: message.params.at, params: message.in_params })
    }

    /// `params.name`, look-alikes refused.
    pub(crate) fn name(&self) -> Result<Option<Cow<'b, str>>, Rejection> {
        self.param(&self.params.name)
    }

    /// `params.uri`, look-alikes refused.
    pub(crate) fn uri(&self) -> Result<Option<Cow<'b, str>>, Rejection> {
        self.param(&self.params.uri)
    }

    fn param(&self, place: &Place) -> Result<Option<Cow<'b, str>>, Rejection> {
        self.params.refuse_look_alikes(&[place])?;
        text_of(self.text, place)
    }
}

/// `Name` beside or instead of `name`: a reader that takes one for the other would see what we did not judge.
pub(crate) fn refuse_look_alikes(object: &Map<String, Value>, members: &[&str]) -> Result<(), Rejection> {
    let misleads = |key: &String| key == PROTOTYPE || members.iter().any(|member| key != member && alike(key, member));
    if object.keys().any(misleads) { Err(Rejection::BodyInvalid) } else { Ok(()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
