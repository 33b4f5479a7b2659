//! Answers about a task that is bound to its holder, as JSON and as events, cut into pieces in any way.
//!
//! Whatever the agent writes, what comes out gives the holder no task but the one that it asked about.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::parsers::{intent, sound_request};
use crate::world::Options;

/// The task of the holder, as its agent knows it.
const OWN: &str = "task-of-the-holder";

/// Letters of the digest before a bound id.
const DIGEST: usize = 43;

/// Most ids of one answer that are tried: each is a request.
const TRIED_MAX: usize = 16;

/// The first byte chooses the form and the size of the pieces; the rest is the answer.
pub fn task_answers(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let events = choice & 1 != 0;
    let size = usize::from(choice >> 1).max(1);
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let own = begun(&mut gateway);
    let whole = answered(&mut gateway, &own, events, body, body.len().max(1));
    let pieces = answered(&mut gateway, &own, events, body, size);
    assert_eq!(whole, pieces, "what is bound depends on how the answer was cut");
    let text = String::from_utf8_lossy(&whole);
    for shown in bound(&text).take(TRIED_MAX) {
        if let Some(task) = task_of(&mut gateway, shown) {
            assert_eq!(task, OWN, "{shown} was given out by {text}");
        }
    }
}

/// Begins a task; what the holder knows it by.
fn begun(gateway: &mut Gateway) -> String {
    let message = json!({ "kind": "message", "messageId": "m", "role": "user", "parts": [] });
    let sent = json!({ "jsonrpc": "2.0", "id": 1, "method": "message/send", "params": { "message": message } });
    let task = json!({ "kind": "task", "id": OWN, "contextId": "c", "status": { "state": "working" } });
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": task }).to_string();
    let out = sent_and_answered(gateway, &sent, false, answer.as_bytes(), answer.len()).expect("it goes on");
    let read: Value = serde_json::from_slice(&out).expect("an answer");
    let own = read["result"]["id"].as_str().expect("an id").to_owned();
    assert!(own.len() > OWN.len() && own.ends_with(OWN), "{own}");
    own
}

fn about(shown: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": { "id": shown } })
}

fn answered(gateway: &mut Gateway, own: &str, events: bool, body: &[u8], size: usize) -> Vec<u8> {
    sent_and_answered(gateway, &about(own), events, body, size).expect("the holder may ask")
}

/// What the caller gets of `answer`; none where the request is refused.
fn sent_and_answered(gateway: &mut Gateway, sent: &Value, events: bool, answer: &[u8], size: usize) -> Option<Vec<u8>> {
    let id = sound_request(gateway, "/tasks", &[], intent(None));
    gateway.body(id, Some(sent.to_string().as_bytes()), Some("a task"));
    let content_type: &[u8] = if events { b"text/event-stream" } else { b"application/json" };
    gateway.is_awaited(id).then(|| gateway.answer_in_pieces(id, content_type, answer, size))
}

/// The agent's own id, where the holder may ask about what is `shown`.
fn task_of<'a>(gateway: &mut Gateway, shown: &'a str) -> Option<&'a str> {
    sent_and_answered(gateway, &about(shown), false, b"{}", 2)?;
    shown.get(DIGEST + 1..)
}

/// The texts in JSON that look like bound ids.
fn bound(text: &str) -> impl Iterator<Item = &str> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.split('"').filter(move |text| {
        let bytes = text.as_bytes();
        bytes.get(DIGEST) == Some(&b'.') && bytes.iter().take(DIGEST).all(is_letter) && !text.contains('\\')
    })
}
