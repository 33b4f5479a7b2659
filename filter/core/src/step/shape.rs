//! What a refusal looks like: its status and its body, in the terms of whoever asked.

use serde_json::{Value, json};

use crate::mcp::{self, Revision};
use crate::rejection::Rejection;
use crate::request::TransactionId;
use crate::rpc::RpcId;

/// In whose terms a refusal is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"error", "code", "txn"}`: before a resource is known, and where it has no envelope of its own for errors.
    OAuth,
    /// A JSON-RPC error object, as A2A writes it.
    Rpc,
    /// The error object of A2A's HTTP+JSON binding (A2A 1.0 §11.6, AIP-193).
    Status,
    /// The same as MCP writes it: without an id where there is none, and with the versions where they are the matter.
    Mcp {
        /// What the client asked for, where it looks like a version.
        version: Option<String>,
        /// Its message was read, and is of a session that a refusal must not end.
        keeps_session: bool,
    },
}

impl Shape {
    /// The HTTP status of a refusal of what has this `id`.
    pub(super) fn status(&self, rejection: Rejection, id: Option<&RpcId>) -> u16 {
        match (self, id) {
            // MCP up to 2025-11-25 does not say with which status an error is answered, and clients give all of a session up upon one that is none of success.
            (Self::Mcp { keeps_session: true, .. }, Some(_)) if !rejection.is_acted_upon() => 200,
            // RFC 9110 §15.3.3: what is accepted "might or might not eventually be acted upon, as it might be disallowed". What failed may be sent again.
            (Self::Mcp { keeps_session: true, .. }, None) if !rejection.is_acted_upon() && rejection.status() < 500 => {
                202
            }
            _ => self.numbers(rejection).0,
        }
    }

    /// The HTTP status, and the code of a JSON-RPC error.
    fn numbers(&self, rejection: Rejection) -> (u16, i64) {
        match (self, rejection) {
            // A2A 1.0 §5.4: VersionNotSupportedError.
            (Self::Rpc, Rejection::ProtocolVersionUnsupported) => (rejection.status(), -32_009),
            // MCP 2026-07-28, "Streamable HTTP": 404 and "Method not found". A client that takes either era goes on by `initialize` upon that, and gives up upon 403.
            // Before that revision a 404 ends the session (2025-11-25, "Session Management").
            (Self::Mcp { version, .. }, Rejection::MethodNotMapped)
                if Revision::of(version.as_deref()) == Some(Revision::Routed) =>
            {
                (404, -32_601)
            }
            _ => (rejection.status(), rejection.rpc_code()),
        }
    }

    /// The whole body. `wait`: after how many seconds trying again can help, where no header says so.
    pub(super) fn body(
        &self,
        rejection: Rejection,
        txn: &TransactionId,
        id: Option<&RpcId>,
        wait: Option<u64>,
    ) -> String {
        let (code, txn) = (rejection.code(), txn.as_str());
        let (status, number) = self.numbers(rejection);
        let mut data = json!({ "code": code, "txn": txn });
        if let (Some(seconds), Value::Object(data)) = (wait, &mut data) {
            data.insert("retry_after".into(), json!(seconds));
        }
        let body = match self {
            Self::OAuth => {
                let error = rejection.oauth_error().word().unwrap_or("access_denied");
                json!({ "error": error, "code": code, "txn": txn })
            }
            Self::Status => status_error(rejection, status, &data),
            Self::Rpc => {
                let error = json!({ "code": number, "message": code, "data": data });
                json!({ "jsonrpc": "2.0", "id": id.map(RpcId::value), "error": error })
            }
            Self::Mcp { version, .. } => {
                if rejection == Rejection::ProtocolVersionUnsupported
                    && let Value::Object(data) = &mut data
                {
                    data.insert("supported".into(), json!(mcp::VERSIONS));
                    data.insert("requested".into(), json!(version));
                }
                let error = json!({ "code": number, "message": code, "data": data });
                match id {
                    Some(id) => json!({ "jsonrpc": "2.0", "id": id.value(), "error": error }),
                    None => json!({ "jsonrpc": "2.0", "error": error }),
                }
            }
        };
        body.to_string()
    }
}

fn status_error(rejection: Rejection, status: u16, metadata: &Value) -> Value {
    let code = rejection.code();
    // A2A 1.0 §5.4: an error of the protocol's own is told by its reason.
    let (reason, domain) = if rejection == Rejection::TaskUnknown {
        ("TASK_NOT_FOUND".to_owned(), "a2a-protocol.org")
    } else {
        (code.to_ascii_uppercase(), "actgate")
    };
    json!({ "error": {
        "code": status,
        "status": status_word(status),
        "message": code,
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": domain,
            "metadata": metadata,
        }],
    } })
}

/// The canonical code of AIP-193 for an HTTP status.
fn status_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        503 => "UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
