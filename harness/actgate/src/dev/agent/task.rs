//! The answer the frontend and the orchestrator give: how a task ended, and the way it went.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::client::Reply;
use super::hop::{Failure, Trace};

/// What a task that did not fail ends with.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEnd {
    /// For people.
    pub answer: String,
    /// For programs: the tool's structured result.
    pub data: Value,
}

/// `{"answer", "data", "trace"}`, or `{"failure", "trace"}` with status 502.
pub fn answer(end: Result<TaskEnd, Failure>, trace: &Trace) -> Response {
    let (status, mut body) = match end {
        Ok(end) => (StatusCode::OK, json!({ "answer": end.answer, "data": end.data })),
        Err(failure) => (StatusCode::BAD_GATEWAY, json!({ "failure": failure })),
    };
    body["trace"] = trace.to_json();
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Reads such an answer; its trace is added to `trace`.
pub fn read_end(hop: u8, reply: &Reply, trace: &mut Trace) -> Result<TaskEnd, Failure> {
    let mut body = reply.json();
    if let Ok(behind) = serde_json::from_value(body["trace"].take()) {
        trace.append(behind);
    }
    if let Ok(failure) = serde_json::from_value(body["failure"].take()) {
        return Err(failure);
    }
    let text = body["answer"].as_str().filter(|_| reply.status == 200);
    let text = text.ok_or_else(|| Failure::refused(hop, reply))?.to_owned();
    Ok(TaskEnd { answer: text, data: body["data"].take() })
}
