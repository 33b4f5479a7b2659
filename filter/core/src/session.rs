//! What an MCP client does to its session besides calling (2025-03-26 to 2025-11-25): opens the server's stream by GET, ends the session by DELETE,
//! answers the server's own requests by POST.
//!
//! Each is an operation of its own that the resource names, or it is refused.
//! 2026-07-28 has none of them: its endpoint is POST only.
//! Absent on purpose: knowledge of sessions. Which session an identifier stands for, the server knows; here it is a text of a bounded form,
//! and where the resource says so one that serves only whom it was given to ([`crate::bound`]).

use std::sync::Arc;

use crate::asker::Asker;
use crate::bound;
use crate::config::{McpPolicy, SessionAct};
use crate::mcp::listing::Listing;
use crate::operation::Operation;
use crate::rejection::Rejection;
use crate::request::RequestHead;

/// Names the session; MCP 2025-06-18 and later spell it in another case.
pub(crate) const SESSION_ID: &str = "mcp-session-id";

/// Where a stream is taken up again.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// What a method other than POST does to the session.
///
/// # Errors
///
/// [`Rejection::HttpMethodRefused`] where the resource does not name the act, the revision has no sessions, or the method does nothing to them,
/// [`Rejection::BodyInvalid`] where a body comes with it, [`Rejection::SessionIdInvalid`] where the session that ends is not named.
pub(crate) fn act_by_method(
    policy: &McpPolicy,
    has_sessions: bool,
    head: &RequestHead<'_>,
) -> Result<SessionAct, Rejection> {
    let act = match head.single(":method") {
        Ok(Some(b"GET")) => SessionAct::Stream,
        Ok(Some(b"DELETE")) => SessionAct::End,
        Ok(_) | Err(_) => return Err(Rejection::HttpMethodRefused),
    };
    if !has_sessions || !policy.session.contains(&act) {
        return Err(Rejection::HttpMethodRefused);
    }
    // RFC 9110 §9.3.1: content of a GET "has no generally defined semantics"; what no one judges is not let through.
    if !head.end_of_stream {
        return Err(Rejection::BodyInvalid);
    }
    if act == SessionAct::End && head.all(SESSION_ID).next().is_none() {
        return Err(Rejection::SessionIdInvalid);
    }
    Ok(act)
}

/// MCP 2025-11-25, "Session Management": "visible ASCII characters (ranging from 0x21 to 0x7E)".
///
/// # Errors
///
/// [`Rejection::SessionIdInvalid`] for an identifier of another form, too long, or sent twice.
pub(crate) fn check_id(head: &RequestHead<'_>) -> Result<(), Rejection> {
    match head.single(SESSION_ID) {
        Ok(None) => Ok(()),
        Ok(Some(id)) if bound::is_plain(id) => Ok(()),
        Ok(Some(_)) | Err(_) => Err(Rejection::SessionIdInvalid),
    }
}

/// The operation that an act is; it needs what the resource's methods need.
pub(crate) fn operation(policy: &Arc<McpPolicy>, act: SessionAct, asker: &Asker<'_>) -> Operation {
    let label = match act {
        SessionAct::Stream => "(stream)",
        SessionAct::End => "(end of session)",
        SessionAct::Answer => "(answer)",
    };
    let mut operation = Operation::new(label, policy.method_scopes.clone());
    if act == SessionAct::Stream {
        // A stream that is taken up again may bring the answer to an earlier request once more.
        operation.listing(Listing::new(policy, asker));
    }
    operation
}
