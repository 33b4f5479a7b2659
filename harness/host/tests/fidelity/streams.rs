//! Pauses and resumption in both modes, trailers, and the end of a stream.

use envoy_harness::{Envoy, Outcome, Plugin, Request, RequestId, Response};

use crate::support::{Ear, build, envoy, guest, said};

/// Holds the headers, says what it sees of the body, and goes on when a callout is answered.
const HOLD: &str = r#"
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
      (global.set $stream (local.get $id))
      (call $report @{dispatched} (call $call @{idp} (i32.const 5000)))
      (i32.const 1))
    (func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
      (call $report @{body} (local.get $size))
      (call $report @{end} (local.get $end))
      (i32.const PAUSE))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
      (call $report @{effective} (call $set_context (global.get $stream)))
      (call $report @{resumed} (call $continue (i32.const 0)))
      (call $report @{late write} (call $add (i32.const 0) @{x-late} @{1})))
"#;

fn holding(allow: bool, pause_body: bool) -> Envoy {
    let source = HOLD.replace("PAUSE", if pause_body { "1" } else { "0" });
    build(Plugin::new("p", &guest(&source)).allow_on_headers_stop_iteration(allow))
}

#[test]
fn a_filter_that_lets_everything_pass_leaves_the_request_as_it_was() {
    let mut envoy = envoy("");
    let id = envoy.request(Request::post("/x").header("X-Up", "1").body("hello"));
    let outcome = envoy.outcome(id);
    let seen = outcome.forwarded().expect("forwarded");
    assert_eq!(seen.header("x-up"), Some("1"));
    assert_eq!(seen.body, b"hello");
    assert!(seen.complete());
    let down = envoy.respond(id, Response::json(200, "{}")).expect("a response");
    assert_eq!((down.status(), down.body_text().as_str(), down.complete()), (200, "{}", true));
}

#[test]
fn by_default_a_header_pause_stops_the_body_too() {
    let mut envoy = holding(false, false);
    let id = envoy.request(Request::post("/").body("hello"));
    assert!(envoy.outcome(id).is_held());
    assert_eq!(said(&envoy), ["dispatched=0"]);
}

#[test]
fn after_a_full_stop_the_body_is_shown_once_the_headers_have_gone() {
    let mut envoy = holding(false, false);
    let id = envoy.request(Request::post("/").chunks(["hel", "lo"]));
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, envoy_harness::Answer::json(200, "{}")).expect("pending");
    assert_eq!(said(&envoy), ["dispatched=0", "effective=0", "resumed=0", "late write=2", "body=5", "end=1"]);
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").body, b"hello");
}

#[test]
fn with_the_knob_the_body_is_shown_while_the_headers_are_held() {
    let mut envoy = holding(true, true);
    let id = envoy.request(Request::post("/").chunks(["hel", "lo"]));
    assert!(envoy.outcome(id).is_held());
    assert_eq!(said(&envoy), ["dispatched=0", "body=3", "end=0", "body=5", "end=0", "body=5", "end=1"]);
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, envoy_harness::Answer::json(200, "{}")).expect("pending");
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").body, b"hello");
}

#[test]
fn with_the_knob_a_continue_from_the_body_releases_the_held_headers() {
    let mut envoy = holding(true, false);
    let id = envoy.request(Request::post("/").body("hello"));
    assert!(envoy.outcome(id).forwarded().is_some(), "this is how a filter lets a request slip");
}

#[test]
fn with_the_knob_a_continue_from_the_trailers_releases_the_held_headers() {
    let mut envoy = holding(true, true);
    let id = envoy.request(Request::post("/").body("hello").trailers([("x-sum", "1")]));
    let outcome = envoy.outcome(id);
    let seen = outcome.forwarded().expect("no callback for trailers means continue");
    assert_eq!(seen.trailers.as_ref().and_then(|t| t.text("x-sum")), Some("1"));
}

#[test]
fn with_trailers_the_last_body_callback_has_no_end_of_stream() {
    let mut envoy = holding(true, true);
    envoy.request(Request::post("/").chunks(["a", "b"]).trailers([("x-sum", "1")]));
    assert!(!said(&envoy).contains(&"end=1".to_owned()));
}

#[test]
fn the_upstream_sees_headers_when_they_are_released_and_the_body_when_it_is() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (select (i32.const 0) (i32.const 1) (local.get 2)))"#,
    );
    let id = envoy.open(Request::post("/"), false);
    envoy.send_body(id, "held", false);
    let seen = envoy.outcome(id).forwarded().cloned().expect("the headers have gone");
    assert!(!seen.complete() && seen.body.is_empty());
    envoy.advance(std::time::Duration::from_secs(2));
    envoy.send_body(id, "", true);
    let seen = envoy.outcome(id).forwarded().cloned().expect("forwarded");
    assert_eq!(seen.chunks[0].0.since(seen.headers_at).as_secs(), 2);
    assert_eq!(seen.body, b"held");
}

const LIFE: &str = r#"
    (func (export "proxy_on_context_create") (param $id i32) (param $root i32)
      (if (local.get $root) (then (call $report @{create} (local.get $id)))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (call $say_header @{path in response phase} (i32.const 0) @{:path})
      (call $report @{whole map} (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
      (call $report @{its size} (i32.load (i32.const 4)))
      (i32.const 0))
    (func (export "proxy_on_log") (param i32)
      (call $say_header @{path in log} (i32.const 0) @{:path})
      (call $report @{write in log} (call $add (i32.const 0) @{x} @{y}))
      (call $say_header @{absent trailers in log} (i32.const 3) @{x}))
    (func (export "proxy_on_done") (param i32) (result i32) (call $say @{done}) (i32.const 0))
    (func (export "proxy_on_delete") (param i32) (call $say @{delete}))
"#;

#[test]
fn request_headers_are_out_of_reach_once_passed_and_back_in_the_log() {
    let mut envoy = envoy(LIFE);
    let id = envoy.request(Request::get("/here"));
    envoy.respond(id, Response::new(204));
    assert_eq!(
        said(&envoy),
        [
            "create=2",
            "path in response phase=2",
            "whole map=0",
            "its size=0",
            "path in log=0",
            "/here",
            "write in log=2",
            "absent trailers in log=1",
            "done",
            "delete"
        ]
    );
}

#[test]
fn a_client_that_leaves_ends_the_stream_at_any_point() {
    let mut envoy = envoy(LIFE);
    let id = envoy.open(Request::post("/gone"), false);
    let mut ear = Ear::new(&envoy);
    envoy.disconnect(id);
    assert_eq!(ear.heard(&envoy)[0..2], ["path in log=0", "/gone"]);
    assert!(said(&envoy).ends_with(&["done".to_owned(), "delete".to_owned()]));
    let Outcome::Disconnected { upstream: Some(seen) } = envoy.outcome(id) else { panic!("not disconnected") };
    assert!(seen.reset && !seen.complete());
}

#[test]
fn a_client_may_leave_while_it_sends_waits_or_receives() {
    type Point = fn(&mut Envoy) -> RequestId;
    let points: [Point; 4] = [
        |envoy| envoy.open(Request::post("/"), false),
        |envoy| envoy.request(Request::post("/").body("{}")),
        |envoy| {
            let id = envoy.request(Request::get("/"));
            envoy.respond_headers(id, Response::new(200), false);
            id
        },
        |envoy| {
            let id = envoy.request(Request::get("/"));
            envoy.respond_headers(id, Response::new(200), false);
            envoy.respond_body(id, "half", false);
            id
        },
    ];
    for (at, point) in points.into_iter().enumerate() {
        let mut envoy = envoy(LIFE);
        let id = point(&mut envoy);
        envoy.disconnect(id);
        // What is still on its way finds nobody.
        envoy.send_body(id, "late", true);
        envoy.respond_body(id, "late", true);
        envoy.disconnect(id);
        let count = |word: &str| said(&envoy).iter().filter(|line| *line == word).count();
        assert_eq!((count("done"), count("delete")), (1, 1), "point {at}");
        assert!(matches!(envoy.outcome(id), Outcome::Disconnected { .. }), "point {at}");
    }
}

#[test]
fn a_stream_closed_by_the_filter_is_reset() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (drop (call $close (i32.const 0))) (i32.const 1))"#,
    );
    let id = envoy.request(Request::get("/"));
    let Outcome::Reset { details, upstream: None } = envoy.outcome(id) else { panic!("not reset") };
    assert_eq!(details, "wasm_close_stream");
}

#[test]
fn an_answer_to_head_has_the_length_of_a_body_nobody_sends() {
    let mut envoy = envoy("");
    let id = envoy.request(Request::new("HEAD", "/"));
    let down = envoy.respond(id, Response::new(200).header("content-length", "9")).expect("a response");
    assert!(down.complete() && down.length_mismatch().is_none());
}
