//! What the request headers say of the call, to be compared with its body.

use core::ops::Range;

use ct_codecs::{Base64, Decoder as _, Encoder as _};

use super::{PROMPTS_GET, RESOURCES_READ, TOOLS_CALL};
use crate::json::span;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rpc::{PROTOCOL_VERSION_META, RpcCall};
use crate::value_rules::MemberPointer;

/// How the name of a header begins that repeats an argument.
pub(crate) const PARAMETER: &str = "mcp-param-";

/// Whether a header says of the call what the body says; only 2026-07-28 makes sure that they agree.
pub(crate) fn is_routing(name: &str) -> bool {
    name == "mcp-method" || name == "mcp-name" || name.starts_with(PARAMETER)
}

/// The revisions known here, as they are named to a client that speaks another.
pub(crate) const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// A protocol revision known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revision {
    /// Before routing headers, or not said (then 2025-03-26).
    Sessions,
    /// 2026-07-28: stateless, routing headers required.
    Routed,
}

impl Revision {
    /// By what `MCP-Protocol-Version` says; `None` for a revision that is not known.
    pub(crate) fn of(version: Option<&str>) -> Option<Self> {
        match version {
            None | Some("2025-03-26" | "2025-06-18" | "2025-11-25") => Some(Self::Sessions),
            Some("2026-07-28") => Some(Self::Routed),
            Some(_) => None,
        }
    }
}

/// The version that a client asked for, where it looks like one: it is repeated in the refusal.
pub(crate) fn version_asked_for(head: &RequestHead<'_>) -> Option<String> {
    let version = head.single_text("mcp-protocol-version").ok().flatten()?;
    let plain =
        version.len() <= "2026-07-28".len() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain.then(|| version.to_owned())
}

/// What the request headers say of the call.
#[derive(Debug, Clone)]
pub(crate) struct Hints {
    version: Option<String>,
    revision: Revision,
    method: Option<String>,
    name: Option<String>,
    /// `Mcp-Param-*` by what follows that, in order, repeated ones included; values that are no text are `None`.
    parameters: Vec<(String, Option<String>)>,
}

impl Hints {
    /// # Errors
    ///
    /// [`Rejection::ProtocolVersionUnsupported`] for a revision that is not known,
    /// [`Rejection::HeaderMismatch`] for a routing header sent twice or not as text.
    pub(crate) fn read(head: &RequestHead<'_>) -> Result<Self, Rejection> {
        let text = |name: &str| {
            head.single_text(name).map(|value| value.map(str::to_owned)).map_err(|_| Rejection::HeaderMismatch)
        };
        let version = text("mcp-protocol-version")?;
        let revision = Revision::of(version.as_deref()).ok_or(Rejection::ProtocolVersionUnsupported)?;
        let parameters = head.headers.iter().filter_map(|(name, value)| {
            let name = core::str::from_utf8(name).ok()?.strip_prefix(PARAMETER)?;
            let value = core::str::from_utf8(value).ok().filter(|value| value.is_ascii());
            Some((name.to_owned(), value.map(str::to_owned)))
        });
        let parameters = if revision == Revision::Routed { parameters.collect() } else { Vec::new() };
        Ok(Self { version, revision, method: text("mcp-method")?, name: text("mcp-name")?, parameters })
    }

    /// Whether the revision has sessions; one without ignores their headers, and so nothing behind the gateway may read them.
    pub(crate) fn has_sessions(&self) -> bool {
        self.revision == Revision::Sessions
    }

    /// What the headers alone name, and by which method, where the revision defines them.
    pub(super) fn named(&self) -> Result<Option<(&str, String)>, Rejection> {
        let method = self.method.as_deref().filter(|method| [TOOLS_CALL, PROMPTS_GET, RESOURCES_READ].contains(method));
        match (self.revision, method, self.name.as_deref()) {
            (Revision::Routed, Some(method), Some(name)) => Ok(Some((method, decode_sentinel(name)?))),
            _ => Ok(None),
        }
    }

    /// What `Mcp-Name` must say to an upstream that knows the tool as `upstream`; `None` where the revision has no such header.
    pub(super) fn renamed(&self, upstream: &str) -> Option<String> {
        (self.revision == Revision::Routed).then(|| encode_sentinel(upstream))
    }

    /// SEP-2243: a mismatch between header and body, or a missing routing header, is refused.
    pub(super) fn agree(&self, call: &RpcCall<'_>, name: Option<&str>) -> Result<(), Rejection> {
        if self.revision == Revision::Sessions {
            return Ok(());
        }
        let meta = call.params.meta.at.clone();
        let version = meta.and_then(|at| span::member(call.text, at, PROTOCOL_VERSION_META));
        let said_in_body = version.and_then(|at| call.text.get(at)).and_then(span::text_at);
        if said_in_body.as_deref() != self.version.as_deref() {
            return Err(Rejection::HeaderMismatch);
        }
        if self.method.as_deref() != Some(&*call.method) {
            return Err(Rejection::HeaderMismatch);
        }
        // SEP-2243: `Mcp-Name` is `params.uri` where a resource is read, and else `params.name`.
        let named = self.name.as_deref().map(decode_sentinel).transpose()?;
        let uri = if call.method == RESOURCES_READ { call.uri()? } else { None };
        let wanted = if call.method == RESOURCES_READ { uri.as_deref() } else { name };
        if named.as_deref() == wanted { Ok(()) } else { Err(Rejection::HeaderMismatch) }
    }

    /// SEP-2243: an `Mcp-Param-*` header says what its argument says. Those that the tool does not name are the upstream's to compare.
    pub(super) fn mirror(
        &self,
        mirrored: &[(String, MemberPointer)],
        text: &str,
        arguments: Option<Range<usize>>,
    ) -> Result<(), Rejection> {
        if self.revision == Revision::Sessions {
            return Ok(());
        }
        mirrored.iter().try_for_each(|(header, pointer)| {
            let value = arguments
                .clone()
                .and_then(|at| pointer.names().try_fold(at, |at, token| span::member(text, at, token)));
            let value = value.and_then(|at| text.get(at)).filter(|value| *value != "null");
            let mut sent = self.parameters.iter().filter(|(name, _)| name == header);
            let agrees = match (value, sent.next(), sent.next()) {
                (None, None, _) => true,
                (Some(value), Some((_, Some(said))), None) => same(value, said)?,
                _ => false,
            };
            if agrees { Ok(()) } else { Err(Rejection::HeaderMismatch) }
        })
    }
}

/// SEP-2243: texts are compared exactly after decoding, whole numbers as numbers, booleans by their word.
fn same(value: &str, said: &str) -> Result<bool, Rejection> {
    if let Some(text) = span::text_at(value) {
        return Ok(decode_sentinel(said)? == text);
    }
    match (value.parse::<i128>(), said.parse::<i128>()) {
        // Whoever routes by the header may read it as a text: one number is written in one way.
        (Ok(value), Ok(number)) => Ok(value == number && number.to_string() == said),
        _ => Ok(value == said && (value == "true" || value == "false")),
    }
}

/// SEP-2243: values that are not plain ASCII travel as `=?base64?...?=`; decoded before comparing.
fn decode_sentinel(value: &str) -> Result<String, Rejection> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(value.to_owned());
    };
    let bytes = Base64::decode_to_vec(encoded, None).map_err(|_| Rejection::HeaderMismatch)?;
    String::from_utf8(bytes).map_err(|_| Rejection::HeaderMismatch)
}

/// The other way round, for a name that goes upstream in a header.
fn encode_sentinel(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if plain && value.trim() == value && !value.starts_with("=?base64?") {
        return value.to_owned();
    }
    let encoded = Base64::encode_to_string(value.as_bytes()).unwrap_or_default();
    format!("=?base64?{encoded}?=")
}
