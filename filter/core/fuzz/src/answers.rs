//! Lists that an upstream answers with, as JSON and as events, cut into pieces in any way.
//!
//! What comes out is read by a client more lenient than any that is known: no reader may find in it what was to be withheld.

use actgate_core::flow::{BodyStep, Reading, ResponseHead, ResponseStep};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::parsers::{exchange, intent, sound_request};
use crate::world::{Options, TOOLS};

/// The tools that this chain may call: the one that nobody approves of is not among them.
const MAY: [&str; 4] = ["query", "write", "once", "twice"];

/// What is put around what stays, at most, for each byte that came.
const GROWTH: usize = 16;

/// The first byte chooses the form and the size of the pieces; the rest is the answer.
pub fn list_answers(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let events = choice & 1 != 0;
    let size = usize::from(choice >> 1).max(1);
    let whole = answered(events, body, body.len().max(1));
    let pieces = answered(events, body, size);
    assert_eq!(whole, pieces, "what is withheld depends on how the answer was cut");
    assert!(whole.len() <= (body.len() + 1).saturating_mul(GROWTH) + 1024, "{} of {}", whole.len(), body.len());
    let text = String::from_utf8_lossy(&whole);
    if events {
        messages(&text).iter().for_each(|message| nothing_withheld(message));
    }
    nothing_withheld(&text);
}

/// What the caller gets of `body`.
fn answered(events: bool, body: &[u8], size: usize) -> Vec<u8> {
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    sound_request(&mut gateway, "/tools", &[], intent(Some(TOOLS)));
    gateway.body(1, Some(list.as_bytes()), Some("tools/list"));
    exchange(&mut gateway);
    assert!(gateway.forwarded == 1 && gateway.refused.is_empty(), "{:?}", gateway.refused);
    let content_type: &[u8] = if events { b"text/event-stream" } else { b"application/json" };
    gateway.answer_in_pieces(1, content_type, body, size)
}

impl Gateway {
    /// The upstream answers `id` with what is read here; its body comes in pieces of `size` bytes.
    pub(crate) fn answer_in_pieces(&mut self, id: u32, content_type: &[u8], body: &[u8], size: usize) -> Vec<u8> {
        let mut plan = self.awaited_answer(id).expect("a request that was let through");
        let headers: &[(&[u8], &[u8])] = &[(b"content-type", content_type)];
        let head = ResponseHead { status: Some(200), headers, end_of_stream: body.is_empty() };
        let step = self.ask(|plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head));
        if let ResponseStep::Reply(reply) = step {
            return reply.body;
        }
        let pieces = match plan.reading() {
            Reading::Whole { limit } if body.len() > limit => return Vec::new(),
            Reading::Whole { .. } => vec![body],
            Reading::Pieces => body.chunks(size).collect(),
            Reading::Not if body.is_empty() => Vec::new(),
            Reading::Not => panic!("it goes unread"),
        };
        let mut out = Vec::new();
        for piece in pieces {
            let step = plan.handle_response_body(piece, false);
            plan.take_events().iter().for_each(|event| self.hear(&event.to_json()));
            match step {
                BodyStep::Pass => out.extend_from_slice(piece),
                BodyStep::Replace(bytes) => out.extend_from_slice(&bytes),
                BodyStep::Withdraw { bytes, .. } => {
                    out.extend_from_slice(&bytes);
                }
                BodyStep::Reply(reply) => return reply.body,
            }
        }
        out
    }
}

/// The data of the events, for a client that ends a line at whatever any language takes for an end.
fn messages(text: &str) -> Vec<String> {
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let (mut all, mut data) = (Vec::new(), String::new());
    for line in text.split(ends) {
        let line = line.trim_start_matches('\u{feff}');
        if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value);
            all.push(value.to_owned());
        } else if line.is_empty() {
            all.push(core::mem::take(&mut data));
        }
    }
    all.push(data);
    all
}

/// No list in a message names what this chain may not call, however its members are spelled.
fn nothing_withheld(message: &str) {
    let Ok(value) = serde_json::from_str::<Value>(message.trim_matches(['\u{feff}', ' '])) else {
        return;
    };
    for result in members(&value, "result") {
        for list in ["tools", "prompts", "resources", "resourceTemplates"] {
            for entry in members(result, list).into_iter().filter_map(Value::as_array).flatten() {
                let names = ["name", "uri", "uriTemplate"].into_iter().flat_map(|name| members(entry, name));
                for name in names.filter_map(Value::as_str) {
                    assert!(list == "tools" && MAY.contains(&name), "{name} is shown: {message}");
                }
            }
        }
    }
}

/// The members of that name in any case.
fn members<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = value.as_object().into_iter().flatten();
    all.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}
