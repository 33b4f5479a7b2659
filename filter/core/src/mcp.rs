//! MCP (2025-03-26 to 2026-07-28) as far as a decision needs it: which tool is called, told by the body.
//!
//! Routing headers (`Mcp-Method`, `Mcp-Name`) are hints: compared with the body where the protocol version defines them, taken away where it does not.
//! Only in the host mode that releases headers before the body may they decide early, and then the body is held until it agrees.

use ct_codecs::{Base64, Decoder as _};

use crate::config::{McpPolicy, ScopeSet, Tool};
use crate::delegation::policy::AuthorizedDelegation;
use crate::operation::{Operation, check_demands};
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rpc::RpcCall;

const TOOLS_CALL: &str = "tools/call";
const RESOURCES_READ: &str = "resources/read";
const PROTOCOL_VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";

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
        let revision = match version.as_deref() {
            None | Some("2025-03-26" | "2025-06-18" | "2025-11-25") => Revision::Sessions,
            Some("2026-07-28") => Revision::Routed,
            Some(_) => return Err(Rejection::ProtocolVersionUnsupported),
        };
        Ok(Self { version, revision, method: text("mcp-method")?, name: text("mcp-name")? })
    }

    /// Whether the revision has sessions; one without ignores their headers, and so nothing behind the gateway may read them.
    pub(crate) fn has_sessions(&self) -> bool {
        self.revision == Revision::Sessions
    }

    /// The tool that the headers alone name, where the revision defines them.
    fn tool(&self) -> Result<Option<String>, Rejection> {
        if self.revision != Revision::Routed || self.method.as_deref() != Some(TOOLS_CALL) {
            return Ok(None);
        }
        self.name.as_deref().map(decode_sentinel).transpose()
    }

    /// SEP-2243: a mismatch between header and body, or a missing routing header, is refused.
    fn agree(&self, call: &RpcCall, name: Option<&str>) -> Result<(), Rejection> {
        if self.revision == Revision::Sessions {
            return Ok(());
        }
        let said_in_body = call
            .params
            .get("_meta")
            .and_then(|meta| meta.get(PROTOCOL_VERSION_META))
            .and_then(serde_json::Value::as_str);
        if said_in_body != self.version.as_deref() {
            return Err(Rejection::HeaderMismatch);
        }
        if self.method.as_deref() != Some(call.method.as_str()) {
            return Err(Rejection::HeaderMismatch);
        }
        // SEP-2243: `Mcp-Name` is `params.uri` where a resource is read, and else `params.name`.
        let named = self.name.as_deref().map(decode_sentinel).transpose()?;
        let wanted = if call.method == RESOURCES_READ { call.param("uri")? } else { name };
        if named.as_deref() == wanted { Ok(()) } else { Err(Rejection::HeaderMismatch) }
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

/// Judges a parsed call.
///
/// # Errors
///
/// [`Rejection::MethodNotMapped`] and [`Rejection::ToolNotMapped`] for whatever the resource does not map,
/// [`Rejection::HeaderMismatch`] where headers and body disagree, or the unmet demand of the tool.
pub(crate) fn judge(
    policy: &McpPolicy,
    hints: &Hints,
    call: &RpcCall,
    delegation: &AuthorizedDelegation,
) -> Result<Operation, Rejection> {
    let name = call.param("name")?;
    if call.method != TOOLS_CALL {
        hints.agree(call, name)?;
        if !policy.methods.contains(&call.method) {
            return Err(Rejection::MethodNotMapped);
        }
        return Ok(Operation { label: call.method.clone(), scopes: policy.method_scopes.clone(), reuse_max: None });
    }
    let name = name.ok_or(Rejection::BodyInvalid)?;
    hints.agree(call, Some(name))?;
    // A call without an id could not be answered: a notification never runs a tool.
    if call.id.is_none() {
        return Err(Rejection::BodyInvalid);
    }
    tool_operation(policy, name, delegation)
}

fn tool_operation(policy: &McpPolicy, name: &str, delegation: &AuthorizedDelegation) -> Result<Operation, Rejection> {
    let tool: &Tool = policy.tools.get(name).ok_or(Rejection::ToolNotMapped)?;
    check_demands(&tool.demands, delegation)?;
    Ok(Operation { label: name.to_owned(), scopes: tool.scopes.clone(), reuse_max: tool.reuse_max })
}

/// Judges by the headers alone, for a host that shows the body only after its headers are gone.
///
/// # Errors
///
/// [`Rejection::ToolUnknownBeforeBody`] where neither a routing header names the tool nor the resource accepts scopes for all of it.
pub(crate) fn judge_early(
    policy: &McpPolicy,
    hints: &Hints,
    delegation: &AuthorizedDelegation,
) -> Result<Operation, Rejection> {
    if let Some(name) = hints.tool()? {
        return tool_operation(policy, &name, delegation);
    }
    let scopes: &ScopeSet = policy.resource_wide_scopes.as_ref().ok_or(Rejection::ToolUnknownBeforeBody)?;
    // Asked for on suspicion, so only what the subject and the agent may have: the body shows later whether that was enough.
    let scopes = delegation.permission().cut(scopes)?;
    Ok(Operation { label: "(resource)".to_owned(), scopes, reuse_max: None })
}
