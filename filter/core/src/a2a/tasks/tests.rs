#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::limits::BOUND_ID_BYTES_MAX;

fn holder() -> Holder {
    Holder::of("secret", "r", "alice", "agent")
}

fn bound(kind: Kind, id: &str) -> String {
    holder().bind(kind, id.as_bytes()).unwrap()
}

fn task(id: &str) -> String {
    bound(Kind::Task, id)
}

fn context(id: &str) -> String {
    bound(Kind::Context, id)
}

fn named(kind: Kind, id: &str) -> Known {
    Known { id: id.to_owned(), shown: Some(bound(kind, id)) }
}

/// For a message that names nothing.
fn begins() -> Handout {
    Handout::of_message(holder(), None, Vec::new(), None)
}

fn read(mut answer: TaskAnswer, pieces: &[&[u8]]) -> String {
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match answer.read(piece, at.saturating_add(1) == pieces.len()) {
            Some(bytes) => out.extend(bytes),
            None => out.extend_from_slice(piece),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The text in one piece; whatever way it is cut, the same comes of it.
fn passed(form: fn(Handout) -> TaskAnswer, handout: &Handout, text: &str) -> String {
    let bytes = text.as_bytes();
    let whole = read(form(handout.clone()), &[bytes]);
    for cut in 0..bytes.len() {
        let (one, other) = bytes.split_at(cut);
        assert_eq!(read(form(handout.clone()), &[one, other]), whole, "cut at {cut}: {text}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(form(handout.clone()), &single), whole, "byte by byte: {text}");
    whole
}

fn document(handout: &Handout, text: &str) -> String {
    passed(TaskAnswer::document, handout, text)
}

#[test]
fn every_place_of_a_task_is_bound_in_both_versions() {
    let (t, c) = (task("t"), context("c"));
    for (before, after) in [
        // 0.3: what is answered stands bare.
        (
            r#"{"id":"t","contextId":"c","status":{"state":"working","message":{"taskId":"t","contextId":"c"}},"kind":"task"}"#
                .to_owned(),
            format!(
                r#"{{"id":"{t}","contextId":"{c}","status":{{"state":"working","message":{{"taskId":"{t}","contextId":"{c}"}}}},"kind":"task"}}"#
            ),
        ),
        (
            r#"{ "id" : "t", "history" : [ {"taskId":"t"}, {"referenceTaskIds":["t"],"parts":[{"data":{"taskId":"t"}}]} ] }"#
                .to_owned(),
            format!(
                r#"{{ "id" : "{t}", "history" : [ {{"taskId":"{t}"}}, {{"referenceTaskIds":["{t}"],"parts":[{{"data":{{"taskId":"t"}}}}]}} ] }}"#
            ),
        ),
        (
            r#"{"taskId":"t","contextId":"c","kind":"status-update","status":{"message":{"taskId":"t"}},"final":true}"#
                .to_owned(),
            format!(
                r#"{{"taskId":"{t}","contextId":"{c}","kind":"status-update","status":{{"message":{{"taskId":"{t}"}}}},"final":true}}"#
            ),
        ),
        // 1.0: in a member named after its kind.
        (r#"{"task":{"id":"t","contextId":"c"}}"#.to_owned(), format!(r#"{{"task":{{"id":"{t}","contextId":"{c}"}}}}"#)),
        (
            r#"{"message":{"messageId":"m","taskId":"t","contextId":"c"}}"#.to_owned(),
            format!(r#"{{"message":{{"messageId":"m","taskId":"{t}","contextId":"{c}"}}}}"#),
        ),
        (
            r#"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"message":{"contextId":"c"}}}}"#.to_owned(),
            format!(
                r#"{{"statusUpdate":{{"taskId":"{t}","contextId":"{c}","status":{{"message":{{"contextId":"{c}"}}}}}}}}"#
            ),
        ),
        (
            r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"}]\"{"}]},"taskId":"t"}}"#.to_owned(),
            format!(
                r#"{{"artifactUpdate":{{"artifact":{{"artifactId":"a","parts":[{{"text":"}}]\"{{"}}]}},"taskId":"{t}"}}}}"#
            ),
        ),
    ] {
        assert_eq!(document(&begins(), &before), after);
        let envelope = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":"t","result":{result}}}"#);
        assert_eq!(document(&begins().in_message(), &envelope(&before)), envelope(&after));
    }
}

#[test]
fn what_is_no_place_stays() {
    for text in [
        r#"{"metadata":{"id":"t","taskId":"t"},"artifacts":[{"id":"t","taskId":"t","parts":[{"id":"t"}]}]}"#,
        r#"{"message":{"id":"t","parts":[{"taskId":"t"}],"message":{"taskId":"t"}}}"#,
        r#"{"status":{"id":"t","taskId":"t"},"history":{"taskId":"t"}}"#,
        r#"{"task":[{"id":"t"}],"statusUpdate":"t"}"#,
        r#"[{"id":"t"}]"#,
        r#"{"Id":"t","task_id":"t","taskid":"t"}"#,
        r#"{"id":7,"taskId":null,"contextId":{"id":"t"},"referenceTaskIds":"t"}"#,
        r#"{"id":"","contextId":""}"#,
        r#"{"i\u0064":"t"}"#,
        "\"t\"",
        "",
        "null",
    ] {
        assert_eq!(document(&begins(), text), text);
    }
    let error = r#"{"jsonrpc":"2.0","id":"t","error":{"code":-32001,"message":"t","data":{"id":"t","taskId":"t"}}}"#;
    assert_eq!(document(&begins().in_message(), error), error);
}

#[test]
fn an_answer_gives_out_what_was_named_or_the_one_task_it_begins() {
    let references = |ids: &[&str]| ids.iter().map(|id| named(Kind::Task, id)).collect::<Vec<_>>();
    let (t, u) = (task("t"), task("u"));
    // Nothing was named: the first that the answer says of itself is the new one, and the only one.
    let text = r#"{"referenceTaskIds":["x"],"id":"t","history":[{"taskId":"x","referenceTaskIds":["x","t"]}]}"#;
    let want = format!(
        r#"{{"referenceTaskIds":["x"],"id":"{t}","history":[{{"taskId":"x","referenceTaskIds":["x","{t}"]}}]}}"#
    );
    assert_eq!(document(&begins(), text), want);
    assert_eq!(document(&begins(), r#"{"id":"t","id":"x"}"#), format!(r#"{{"id":"{t}","id":"x"}}"#));
    // One was gone on with: no other.
    let goes_on = Handout::of_message(
        holder(),
        Some(named(Kind::Task, "t")),
        references(&["u"]),
        Some(named(Kind::Context, "c")),
    );
    let text = r#"{"task":{"id":"x","contextId":"d","history":[{"taskId":"t","contextId":"c","referenceTaskIds":["u","x"]}]}}"#;
    let want = format!(
        r#"{{"task":{{"id":"x","contextId":"d","history":[{{"taskId":"{t}","contextId":"{}","referenceTaskIds":["{u}","x"]}}]}}}}"#,
        context("c")
    );
    assert_eq!(document(&goes_on, text), want);
    // Some were referred to: those, and the new one.
    let refers = Handout::of_message(holder(), None, references(&["u"]), None);
    let text = r#"{"history":[{"referenceTaskIds":["u","x"]}],"id":"t","taskId":"x"}"#;
    let want = format!(r#"{{"history":[{{"referenceTaskIds":["{u}","x"]}}],"id":"{t}","taskId":"x"}}"#);
    assert_eq!(document(&refers, text), want);
    // It was about one: no other, whatever the answer says it is about.
    let about = Handout::of_task(holder(), named(Kind::Task, "t"));
    assert_eq!(
        document(&about, r#"{"id":"x","contextId":"c"}"#),
        format!(r#"{{"id":"x","contextId":"{}"}}"#, context("c"))
    );
    assert_eq!(document(&about, r#"{"id":"t","contextId":7}"#), format!(r#"{{"id":"{t}","contextId":7}}"#));
}

/// A history that stands before what the answer says of itself, as in an answer whose members are sorted, begins nothing.
#[test]
fn what_a_task_tells_again_is_not_what_the_answer_is_about() {
    let (t, c) = (task("t"), context("c"));
    for (before, after) in [
        (
            r#"{"history":[{"taskId":"x","contextId":"y"},{"taskId":"t"}],"id":"t","contextId":"c"}"#,
            format!(
                r#"{{"history":[{{"taskId":"x","contextId":"y"}},{{"taskId":"t"}}],"id":"{t}","contextId":"{c}"}}"#
            ),
        ),
        (
            r#"{"status":{"message":{"taskId":"x","contextId":"y"}},"taskId":"t","contextId":"c"}"#,
            format!(r#"{{"status":{{"message":{{"taskId":"x","contextId":"y"}}}},"taskId":"{t}","contextId":"{c}"}}"#),
        ),
        (
            r#"{"task":{"status":{"message":{"taskId":"x"}},"id":"t","history":[{"taskId":"t"}]}}"#,
            format!(
                r#"{{"task":{{"status":{{"message":{{"taskId":"x"}}}},"id":"{t}","history":[{{"taskId":"{t}"}}]}}}}"#
            ),
        ),
    ] {
        assert_eq!(document(&begins(), before), after);
    }
}

#[test]
fn a_client_sees_its_own_messages_as_it_named_them() {
    let (m, n) = (bound(Kind::Message, "m"), bound(Kind::Message, "n"));
    let sent = Known { id: m.clone(), shown: Some("m".to_owned()) };
    let foreign = Holder::of("secret", "r", "bob", "agent").bind(Kind::Message, b"m").unwrap();
    let text = |m: &str, n: &str| {
        format!(
            r#"{{"messageId":"{m}","status":{{"message":{{"messageId":"{n}"}}}},"history":[{{"messageId":"{foreign}"}},{{"messageId":"{m}"}},{{"messageId":"a"}}],"message":{{"messageId":"{n}"}}}}"#
        )
    };
    assert_eq!(document(&begins().sent_as(Some(sent)), &text(&m, &n)), text("m", "n"));
    assert_eq!(document(&begins(), &text(&m, &n)), text("m", "n"));
    // Of another kind, or in no place of a message.
    for text in [format!(r#"{{"messageId":"{}"}}"#, task("m")), format!(r#"{{"task":{{"messageId":"{m}"}}}}"#)] {
        assert_eq!(document(&begins(), &text), text);
    }
}

/// However often an answer repeats an id, it is made once.
#[test]
fn an_id_is_bound_once() {
    let mut handout = begins();
    for _ in 0..3 {
        assert_eq!(handout.shown(Kind::Task, "t", true), Some(task("t")));
    }
    let marked = Known { id: "t".to_owned(), shown: Some("made before".to_owned()) };
    let mut handout = Handout::of_task(holder(), marked);
    assert_eq!(handout.shown(Kind::Task, "t", true).as_deref(), Some("made before"));
}

#[test]
fn the_id_of_a_message_is_bound_inward() {
    let sent = |message: &str| {
        let text = format!(r#"{{"message":{message}}}"#);
        let mut edits = Vec::new();
        let read = super::message(holder(), &text, span::whole(&text), &mut edits);
        read.map(|_| edits.into_iter().map(|(_, id)| id).collect::<Vec<_>>()).map_err(|rejection| rejection.code())
    };
    let longest = BOUND_ID_BYTES_MAX - 44;
    let long = |length: usize| format!(r#"{{"messageId":"{}"}}"#, "m".repeat(length));
    assert_eq!(sent(r#"{"messageId":"\u006d"}"#), Ok(vec![bound(Kind::Message, "m")]));
    assert_eq!(sent(&long(longest)), Ok(vec![bound(Kind::Message, &"m".repeat(longest))]));
    for wrong in [
        &long(longest + 1),
        "{}",
        r#"{"messageId":null}"#,
        r#"{"messageId":""}"#,
        r#"{"messageId":7}"#,
        r#"{"messageId":"a b"}"#,
        r#"{"messageId":"\u00e9"}"#,
    ] {
        assert_eq!(sent(wrong), Err(Rejection::BodyInvalid.code()), "{wrong}");
    }
}

#[test]
fn ids_are_read_as_they_are_meant_and_written_anew() {
    let id = |text: &str| document(&begins(), &format!(r#"{{"id":"{text}"}}"#));
    assert_eq!(id(r"a\/b\u0063"), format!(r#"{{"id":"{}"}}"#, task("a/bc")));
    assert_eq!(id(r#"a\"\\"#), format!(r#"{{"id":{}}}"#, Value::from(task("a\"\\"))));
    // What could not be named again stays, and so does what is no text at all.
    for text in ["a b", "\u{e9}", r"\n", r"\ud800", r"\x", r"a\u0000"] {
        assert_eq!(id(text), format!(r#"{{"id":"{text}"}}"#));
    }
    let longest = "x".repeat(BOUND_ID_BYTES_MAX - 44);
    assert_eq!(id(&longest), format!(r#"{{"id":"{}"}}"#, task(&longest)));
    assert_eq!(id(&format!("{longest}x")), format!(r#"{{"id":"{longest}x"}}"#));
    let escaped = r"\u0078".repeat(BOUND_ID_BYTES_MAX - 44);
    assert_eq!(
        read(TaskAnswer::document(begins()), &[format!(r#"{{"id":"{escaped}"}}"#).as_bytes()]),
        format!(r#"{{"id":"{}"}}"#, task(&longest))
    );
}

fn scanner_of(answer: &TaskAnswer) -> &Scanner {
    match &answer.form {
        Form::Document(scanner) => scanner,
        Form::Events(_) => panic!("a document"),
    }
}

#[test]
fn what_is_held_is_bounded() {
    for length in [scanner::ID_TEXT_BYTES_MAX - 1, scanner::ID_TEXT_BYTES_MAX, 1 << 20] {
        let text = format!(r#"{{"id":"{}","contextId":"c"}}"#, "x".repeat(length));
        let mut answer = TaskAnswer::document(begins());
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(1000) {
            match answer.read(piece, false) {
                Some(bytes) => out.extend(bytes),
                None => out.extend_from_slice(piece),
            }
            assert!(scanner_of(&answer).held_bytes() <= scanner::ID_TEXT_BYTES_MAX);
        }
        assert_eq!(String::from_utf8(out).unwrap(), text.replace("\"c\"", &format!("\"{}\"", context("c"))));
    }
    let deep = format!(r#"{{"metadata":{}{},"id":"t"}}"#, "[{\"a\":".repeat(100_000), "1}]".repeat(100_000));
    let mut answer = TaskAnswer::document(begins());
    let out = answer.read(deep.as_bytes(), true).unwrap();
    assert!(out.ends_with(format!(r#","id":"{}"}}"#, task("t")).as_bytes()));
    let way = r#"{"result":{"task":{"history":[{"referenceTaskIds":["#;
    let mut answer = TaskAnswer::document(begins().in_message());
    let _ = answer.read(way.as_bytes(), false);
    assert_eq!(scanner_of(&answer).way_length(), places::WAY_MAX);
}

#[test]
fn what_is_no_json_is_left_alone_from_where_it_is_none() {
    for text in [
        r#"{"id" "t"}"#,
        r#"{"a":1 "id":"t"}"#,
        "{\"a\":\"\n\",\"id\":\"t\"}",
        "{\"id\":\"t\n\"}",
        r#"{"a":}"#,
        r#"{"a":1]"id":"t"}"#,
        r#"{,"id":"t"}"#,
        r#"{"id":"t"#,
        r#"{"id":"#,
        r#"{"id"#,
        "\u{feff}{\"id\":\"t\"}",
        "]{\"id\":\"t\"}",
    ] {
        assert_eq!(document(&begins(), text), text);
    }
    assert_eq!(document(&begins(), r#"{"id":"t"}{"id":"t"}"#), format!(r#"{{"id":"{}"}}{{"id":"t"}}"#, task("t")));
}

#[test]
fn a_stream_is_bound_event_by_event() {
    let (t, c) = (task("t"), context("c"));
    let events = |text: &str| passed(TaskAnswer::events, &begins().in_message(), text);
    let event = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"statusUpdate":{{"taskId":"{id}"}}}}}}"#);
    for (line_end, mark) in [("\n", ""), ("\r\n", ""), ("\r", ""), ("\n", "\u{feff}")] {
        let text = |id: &str| {
            let lines = [
                format!("{mark}: a comment {id}"),
                "id: t".to_owned(),
                format!("data: {}", event(id)),
                String::new(),
                format!("data:{}", event(id)),
                "event: data: {\"id\":\"t\"}".to_owned(),
                String::new(),
                "dat: {\"result\":{\"id\":\"t\"}}".to_owned(),
                "datax: {\"result\":{\"id\":\"t\"}}".to_owned(),
                "data".to_owned(),
                "data: {\"result\":".to_owned(),
                format!("data: {{\"id\":\"{id}\"}}}}"),
                String::new(),
                "data: {\"result\":{\"id\":\"t".to_owned(),
                "data: \"}}".to_owned(),
                String::new(),
                format!("data: {}", event("x")),
            ];
            lines.iter().map(|line| format!("{line}{line_end}")).collect::<String>()
        };
        let want = text(&t).replacen(&format!("comment {t}"), "comment t", 1);
        assert_eq!(events(&text("t")), want);
    }
    assert_eq!(
        events("data: {\"result\":{\"contextId\":\"c\"}}"),
        format!("data: {{\"result\":{{\"contextId\":\"{c}\"}}}}")
    );
}

/// Nothing of an event stays here that its reader could use: what ends a line lets all of it go.
#[test]
fn an_event_is_not_delayed() {
    let mut answer = TaskAnswer::events(begins().in_message());
    let piece = b"data: {\"result\":{\"id\":\"t\"}}\n";
    let out = answer.read(piece, false).unwrap();
    assert!(out.ends_with(b"\"}}\n"));
    let mut answer = TaskAnswer::events(begins().in_message());
    assert!(answer.read(b"data: {\"result\":{\"id\":\"t", false).unwrap().ends_with(b"\"id\":"));
    assert!(answer.read(b"\"}}\n\n", false).unwrap().ends_with(b"\"}}\n\n"));
    assert_eq!(answer.read(b": alive\n", false), None);
}

/// The same by another way: the whole document as a value, its places changed one by one.
fn reference(handout: &mut Handout, value: &mut Value, place: places::Place) {
    match value {
        Value::Object(members) if place.opens_object() => {
            for (name, value) in members {
                reference(handout, value, place.member(name.as_bytes()));
            }
        }
        Value::Array(items) if place.opens_array() => {
            for item in items {
                reference(handout, item, place.element());
            }
        }
        Value::String(text) => {
            let new = place.names().and_then(|(kind, of_answer)| handout.shown(kind, text, of_answer));
            if let Some(new) = new {
                *text = new;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {}
    }
}

/// Takes what is bound off again, at every place.
fn unbind_all(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(unbind_all),
        Value::Array(items) => items.iter_mut().for_each(unbind_all),
        Value::String(text) => {
            let id =
                [Kind::Task, Kind::Context, Kind::Message].into_iter().find_map(|kind| holder().unbind(kind, text));
            if let Some(id) = id {
                *text = id;
                unbind_all(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Documents of an answer's own names, in shapes right and wrong.
fn documents() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "result",
        "task",
        "message",
        "statusUpdate",
        "artifactUpdate",
        "id",
        "taskId",
        "contextId",
        "status",
        "history",
        "referenceTaskIds",
        "messageId",
        "metadata",
        "parts",
        "x\"\\\u{e9}",
    ]);
    let leaf = prop_oneof![
        prop::sample::select(vec!["t", "u", "", "a/b", "a b", "\"\\", "{}[]:,", "\u{e9}\n"]).prop_map(Value::from),
        Just(Value::from(bound(Kind::Message, "m"))),
        Just(json!(null)),
        Just(json!(true)),
        any::<i32>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_it_is_and_however_it_comes(
        mut value in documents(),
        pretty in any::<bool>(),
        in_message in any::<bool>(),
        cuts in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let handout = if in_message { begins().in_message() } else { begins() };
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let out = read(TaskAnswer::document(handout.clone()), &pieces);
        prop_assert_eq!(&out, &read(TaskAnswer::document(handout.clone()), &[text.as_bytes()]));
        let mut got: Value = serde_json::from_str(&out).unwrap();
        let mut original = value.clone();
        unbind_all(&mut original);
        reference(&mut handout.clone(), &mut value, handout.root());
        prop_assert_eq!(&got, &value);
        unbind_all(&mut got);
        prop_assert_eq!(got, original);
    }

    #[test]
    fn bytes_of_any_kind_pass_whole(bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,\\u0 \n\rdata:tidresulx".to_vec()), 0..200), cut in 0_usize..200) {
        for form in [TaskAnswer::document, TaskAnswer::events] {
            let (one, other) = bytes.split_at(cut.min(bytes.len()));
            let whole = read(form(begins()), &[&bytes]);
            prop_assert_eq!(&whole, &read(form(begins()), &[one, other]));
            // Nothing is lost, and nothing is added but digests.
            prop_assert!(whole.len() >= String::from_utf8_lossy(&bytes).len());
        }
    }
}
