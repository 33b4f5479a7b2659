//! Who may call what: the server's own decision, made before the SDK sees the request.
//!
//! Guaranteed: a `Caller` that is `Governed` holds the scope of the call it was admitted for.
//! The call is read from the body, never from a routing header.

use std::collections::BTreeMap;

use serde_json::Value;

use super::McpServerSettings;
use crate::dev::agent::bearer::Token;
use crate::dev::store::Reader;
use crate::dev::token_check::keys::Verifier;
use crate::dev::token_check::{TokenRefusal, VerifiedToken};

/// A request's method and, for `tools/call`, its tool and arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The JSON-RPC method; empty when the body has none.
    pub method: String,
    /// The tool.
    pub tool: Option<String>,
    /// The tool's arguments.
    pub arguments: Value,
}

impl Call {
    /// Reads a body; what cannot be read stays empty, and the SDK refuses it.
    pub fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let method = body.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        if method != "tools/call" {
            return Self { method, ..Self::default() };
        }
        let tool = body.pointer("/params/name").and_then(Value::as_str).map(str::to_owned);
        let arguments = body.pointer("/params/arguments").cloned().unwrap_or_default();
        Self { method, tool, arguments }
    }
}

/// On whose behalf a call runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// A token was checked, and this is what it says.
    Governed {
        /// The token.
        token: VerifiedToken,
        /// The scopes of the tools, for the check where the tool runs.
        tool_scopes: BTreeMap<String, String>,
    },
    /// Nothing was checked.
    Ungoverned,
}

impl Caller {
    /// As whom the store is read.
    pub fn reader(&self) -> Reader<'_> {
        match self {
            Self::Governed { token, .. } => Reader::Human(token.subject()),
            Self::Ungoverned => Reader::ServiceAccount,
        }
    }

    /// Whether this caller may run `tool`; a tool without a scope is for nobody.
    pub fn may_run(&self, tool: &str) -> bool {
        match self {
            Self::Governed { token, tool_scopes } => {
                tool_scopes.get(tool).is_some_and(|scope| token.require_scope(scope).is_ok())
            }
            Self::Ungoverned => true,
        }
    }
}

/// The rules in force.
#[derive(Debug)]
pub struct Admission {
    verifier: Verifier,
    tool_scopes: BTreeMap<String, String>,
    method_scope: String,
    ungoverned: bool,
}

impl Admission {
    /// The rules these settings give.
    pub fn new(settings: &McpServerSettings, verifier: Verifier) -> Self {
        Self {
            verifier,
            tool_scopes: settings.tool_scopes.clone(),
            method_scope: settings.method_scope.clone(),
            ungoverned: settings.ungoverned,
        }
    }

    /// Decides one request.
    pub async fn admit(&self, token: Option<&Token>, call: &Call) -> Result<Caller, TokenRefusal> {
        if self.ungoverned {
            return Ok(Caller::Ungoverned);
        }
        let token = self.verifier.verify(token).await?;
        token.require_scope(self.scope_of(call))?;
        Ok(Caller::Governed { token, tool_scopes: self.tool_scopes.clone() })
    }

    /// The scope a call needs.
    pub fn scope_of(&self, call: &Call) -> &str {
        let tool = call.tool.as_ref().and_then(|tool| self.tool_scopes.get(tool));
        tool.unwrap_or(&self.method_scope)
    }
}
