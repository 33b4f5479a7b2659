//! Hop records: who sent what to whom, with which claims, and what came back.
//!
//! Guaranteed: a record is one JSON line on standard output, and also travels back in the answer,
//! so that a request's whole way can be read in one place.
//! Invariant: whoever makes a record puts decoded claims in it, never a token.

use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{CallError, Reply};

/// The gateway's transaction id.
pub const TXN_HEADER: &str = "x-actgate-txn";

/// One step of a request's way through the mesh, numbered as the main job numbers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// The hop's number.
    pub hop: u8,
    /// The process that sent it.
    pub from: String,
    /// The URL it went to.
    pub to: String,
    /// What it is, in a few words.
    pub action: String,
    /// The parameters, credentials decoded.
    pub sent: Value,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// What came back, tokens decoded.
    pub received: Value,
    /// The gateway's transaction id, when the answer named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
}

impl Hop {
    /// A hop about to be made.
    pub fn new(hop: u8, from: &str, to: &str, action: &str, sent: Value) -> Self {
        Self {
            hop,
            from: from.to_owned(),
            to: to.to_owned(),
            action: action.to_owned(),
            sent,
            status: 0,
            received: Value::Null,
            txn: None,
        }
    }

    /// Records what came of it; anything but 200 is a failure.
    pub fn answered(
        &mut self,
        reply: Result<Reply, CallError>,
        shown: impl FnOnce(&Reply) -> Value,
        trace: &mut Trace,
    ) -> Result<Reply, Failure> {
        self.answered_with(200, reply, shown, trace)
    }

    /// Records what came of it; anything but this status is a failure. `shown` tells what may be told.
    pub fn answered_with(
        &mut self,
        status: u16,
        reply: Result<Reply, CallError>,
        shown: impl FnOnce(&Reply) -> Value,
        trace: &mut Trace,
    ) -> Result<Reply, Failure> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Err(self.unanswered(&error, trace)),
        };
        self.status = reply.status;
        self.txn = reply.header(TXN_HEADER).map(str::to_owned);
        let accepted = reply.status == status;
        // A refusal's body holds no credential: OAuth, JSON-RPC and the gateway put words and ids there.
        self.received = if accepted { shown(&reply) } else { reply.json() };
        trace.record(self.clone());
        if accepted { Ok(reply) } else { Err(Failure::refused(self.hop, &reply)) }
    }

    /// Records that nothing came of it.
    pub fn unanswered(&mut self, error: &CallError, trace: &mut Trace) -> Failure {
        self.received = json!(error.to_string());
        trace.record(self.clone());
        Failure::unanswered(self.hop, error)
    }
}

/// Why a request stopped: the hop that failed, and what its answer said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The hop that failed.
    pub hop: u8,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// A stable word: the answer's own `code` or `error` where it has one.
    pub code: String,
    /// The answer's body, when it was JSON.
    pub detail: Value,
}

impl Failure {
    /// A hop that got no answer.
    pub fn unanswered(hop: u8, reason: impl ToString) -> Self {
        Self { hop, status: 0, code: "no_answer".to_owned(), detail: json!(reason.to_string()) }
    }

    /// A hop whose answer refused it.
    pub fn refused(hop: u8, reply: &Reply) -> Self {
        let detail = reply.json();
        let code = ["/code", "/error/data/code", "/error"]
            .iter()
            .find_map(|path| detail.pointer(path).and_then(Value::as_str))
            .unwrap_or("refused")
            .to_owned();
        Self { hop, status: reply.status, code, detail }
    }

    /// A hop whose answer cannot be what it should be.
    pub fn unreadable(hop: u8, reply: &Reply) -> Self {
        Self { hop, status: reply.status, code: "unreadable_answer".to_owned(), detail: Value::Null }
    }
}

/// The records of one request, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(Vec<Hop>);

impl Trace {
    /// Keeps the record and prints it.
    pub fn record(&mut self, hop: Hop) {
        print_record("hop", &hop);
        self.0.push(hop);
    }

    /// Adds what another process already printed.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The records.
    pub fn hops(&self) -> &[Hop] {
        &self.0
    }

    /// The trace as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Prints one JSON line with `record` naming its kind. A reader that has gone is no error.
pub fn print_record(kind: &str, record: &impl Serialize) {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    value["record"] = json!(kind);
    let _ = writeln!(std::io::stdout(), "{value}");
}
