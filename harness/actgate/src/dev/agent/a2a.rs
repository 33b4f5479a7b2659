//! A2A over JSON-RPC: `message/send` of 0.3 and `SendMessage` of 1.0, as one thing in two spellings.
//!
//! Guaranteed: an answer is spelled the way its request was.
//! Absent on purpose: streaming, push notifications and stored tasks; every task ends in its first answer.

use serde_json::{Value, json};

use super::oauth::fresh_secret;

/// JSON-RPC 2.0 §5.1.
pub const PARSE_ERROR: i64 = -32700;
/// JSON-RPC 2.0 §5.1.
pub const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC 2.0 §5.1.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC 2.0 §5.1.
pub const INVALID_PARAMS: i64 = -32602;

/// Which spelling a message uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `message/send`, parts with `kind`, lower-case states.
    V03,
    /// `SendMessage`, parts without `kind`, states like `TASK_STATE_COMPLETED`.
    V10,
}

impl Spelling {
    /// The method that sends a message.
    pub fn method(self) -> &'static str {
        match self {
            Self::V03 => "message/send",
            Self::V10 => "SendMessage",
        }
    }

    fn text_part(self, text: &str) -> Value {
        match self {
            Self::V03 => json!({ "kind": "text", "text": text }),
            Self::V10 => json!({ "text": text }),
        }
    }

    fn data_part(self, data: &Value) -> Value {
        match self {
            Self::V03 => json!({ "kind": "data", "data": data }),
            Self::V10 => json!({ "data": data }),
        }
    }

    fn state(self, completed: bool) -> &'static str {
        match (self, completed) {
            (Self::V03, true) => "completed",
            (Self::V03, false) => "failed",
            (Self::V10, true) => "TASK_STATE_COMPLETED",
            (Self::V10, false) => "TASK_STATE_FAILED",
        }
    }
}

/// The request that sends `text`.
pub fn send_message(spelling: Spelling, text: &str) -> Value {
    let part = spelling.text_part(text);
    let mut message = json!({ "messageId": fresh_secret(), "parts": [part] });
    match spelling {
        Spelling::V03 => {
            message["kind"] = json!("message");
            message["role"] = json!("user");
        }
        Spelling::V10 => message["role"] = json!("ROLE_USER"),
    }
    json!({ "jsonrpc": "2.0", "id": fresh_secret(), "method": spelling.method(), "params": { "message": message } })
}

/// A request as its receiver reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The JSON-RPC id.
    pub id: Value,
    /// How it was spelled.
    pub spelling: Spelling,
    /// The text parts, joined by line breaks.
    pub text: String,
}

/// Reads a request, or gives the JSON-RPC error to answer it with.
pub fn receive(body: &[u8]) -> Result<Received, Value> {
    let request: Value = serde_json::from_slice(body).map_err(|_| error(&Value::Null, PARSE_ERROR, "parse error"))?;
    let id = request.get("id").cloned().unwrap_or_default();
    if request.get("jsonrpc") != Some(&json!("2.0")) || !(id.is_string() || id.is_number()) {
        return Err(error(&id, INVALID_REQUEST, "invalid request"));
    }
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let spelling = [Spelling::V03, Spelling::V10].into_iter().find(|spelling| spelling.method() == method);
    let spelling = spelling.ok_or_else(|| error(&id, METHOD_NOT_FOUND, "method not found"))?;
    let parts = request.pointer("/params/message/parts").and_then(Value::as_array);
    let text: Vec<&str> =
        parts.into_iter().flatten().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
    if text.is_empty() {
        return Err(error(&id, INVALID_PARAMS, "no text part"));
    }
    Ok(Received { id, spelling, text: text.join("\n") })
}

/// What an agent has to say at the end of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether the task succeeded.
    pub completed: bool,
    /// For people.
    pub text: String,
    /// For programs.
    pub data: Value,
    /// Beside the answer: the hop records.
    pub trace: Value,
}

/// The response that ends a task.
pub fn answer(request: &Received, outcome: &Outcome) -> Value {
    let spelling = request.spelling;
    let parts = json!([spelling.text_part(&outcome.text), spelling.data_part(&outcome.data)]);
    let mut task = json!({
        "id": fresh_secret(), "contextId": fresh_secret(),
        "status": { "state": spelling.state(outcome.completed) },
        "artifacts": [{ "artifactId": "answer", "parts": parts }],
        "metadata": { "trace": outcome.trace },
    });
    let result = match spelling {
        Spelling::V03 => {
            task["kind"] = json!("task");
            task
        }
        Spelling::V10 => json!({ "task": task }),
    };
    json!({ "jsonrpc": "2.0", "id": request.id, "result": result })
}

/// Reads the response that ends a task.
pub fn read_answer(response: &Value) -> Option<Outcome> {
    let result = response.get("result")?;
    let task = result.get("task").unwrap_or(result);
    let state = task.pointer("/status/state")?.as_str()?;
    let parts = task.pointer("/artifacts/0/parts")?.as_array()?;
    Some(Outcome {
        completed: [Spelling::V03, Spelling::V10].iter().any(|spelling| spelling.state(true) == state),
        text: parts.iter().find_map(|part| part.get("text"))?.as_str()?.to_owned(),
        data: parts.iter().find_map(|part| part.get("data")).cloned().unwrap_or_default(),
        trace: task.pointer("/metadata/trace").cloned().unwrap_or_default(),
    })
}

/// A JSON-RPC error response.
pub fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_carry_a_question_and_its_outcome() {
        for (spelling, state) in [(Spelling::V03, "completed"), (Spelling::V10, "TASK_STATE_COMPLETED")] {
            let request = send_message(spelling, "What now?");
            let received = receive(request.to_string().as_bytes()).expect("own request is read");
            assert_eq!((received.spelling, received.text.as_str()), (spelling, "What now?"));
            let outcome = Outcome { completed: true, text: "This.".into(), data: json!({ "n": 1 }), trace: json!([]) };
            let response = answer(&received, &outcome);
            assert!(response.to_string().contains(state), "{response}");
            assert_eq!(read_answer(&response), Some(outcome));
        }
    }

    #[test]
    fn what_is_no_message_gets_the_error_that_says_so() {
        let code = |body: &str| receive(body.as_bytes()).expect_err("refused")["error"]["code"].clone();
        assert_eq!(code("{"), PARSE_ERROR);
        assert_eq!(code("[]"), INVALID_REQUEST);
        assert_eq!(code(r#"{"jsonrpc":"2.0","method":"message/send"}"#), INVALID_REQUEST);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get"}"#), METHOD_NOT_FOUND);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"message/send","params":{}}"#), INVALID_PARAMS);
    }
}
