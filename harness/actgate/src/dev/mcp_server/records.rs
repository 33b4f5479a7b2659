//! What the server finally saw of each request, for people and for assertions.
//!
//! Guaranteed: of a token only its decoded parts are kept, and of header fields only the names and
//! the gateway's transaction id.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::admission::{Call, Caller};
use crate::dev::agent::bearer::Token;
use crate::dev::agent::hop::{TXN_HEADER, print_record};
use crate::dev::token_check::TokenRefusal;

/// Older records are dropped.
pub const RECORDS_MAX: usize = 1000;

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The JSON-RPC method.
    pub method: String,
    /// The tool called.
    pub tool: Option<String>,
    /// Its arguments.
    pub arguments: Value,
    /// `accepted`, `unchecked`, or the refusal's code.
    pub decision: &'static str,
    /// The status answered.
    pub status: u16,
    /// The human served; null when nothing was checked.
    pub human: Option<String>,
    /// The acting agent.
    pub agent: Option<String>,
    /// All actors, the current one first.
    pub chain: Vec<String>,
    /// The scopes granted.
    pub scope: Vec<String>,
    /// The token presented, decoded, verified or not; null when there was none.
    pub token: Value,
    /// The names of the header fields, sorted.
    pub headers: Vec<String>,
    /// The gateway's transaction id.
    pub txn: Option<String>,
}

impl Record {
    /// What is known before the answer; the status is filled in after it.
    pub fn new(
        headers: &HeaderMap,
        call: &Call,
        token: Option<&Token>,
        admitted: Result<&Caller, &TokenRefusal>,
    ) -> Self {
        let verified = match admitted {
            Ok(Caller::Governed { token, .. }) => Some(token),
            Ok(Caller::Ungoverned) | Err(_) => None,
        };
        let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        Self {
            method: call.method.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            decision: match admitted {
                Ok(Caller::Governed { .. }) => "accepted",
                Ok(Caller::Ungoverned) => "unchecked",
                Err(refusal) => refusal.code(),
            },
            status: 0,
            human: verified.map(|token| token.subject().to_owned()),
            agent: verified.and_then(|token| token.actors().first().cloned()),
            chain: verified.map(|token| token.actors().to_vec()).unwrap_or_default(),
            scope: verified.map(|token| token.scopes().to_vec()).unwrap_or_default(),
            token: token.map(Token::decoded).unwrap_or_default(),
            headers: names,
            txn: headers.get(TXN_HEADER).and_then(|txn| txn.to_str().ok()).map(str::to_owned),
        }
    }
}

/// The records of a server, shared by its two listeners.
#[derive(Clone, Debug, Default)]
pub struct Records {
    kept: Arc<Mutex<VecDeque<Record>>>,
    printed_as: Option<&'static str>,
}

impl Records {
    /// Records that are also printed, for a server that is a process of its own.
    pub fn printed() -> Self {
        Self::printed_as("mcp")
    }

    /// The same under another kind.
    pub fn printed_as(kind: &'static str) -> Self {
        Self { printed_as: Some(kind), ..Self::default() }
    }

    /// Keeps the record.
    pub fn keep(&self, record: Record) {
        if let Some(kind) = self.printed_as {
            print_record(kind, &record);
        }
        let mut kept = self.kept();
        if kept.len() == RECORDS_MAX {
            kept.pop_front();
        }
        kept.push_back(record);
    }

    /// All records, oldest first.
    pub fn to_json(&self) -> Value {
        json!(*self.kept())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
