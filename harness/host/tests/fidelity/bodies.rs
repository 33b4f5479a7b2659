//! Bodies: buffering, what can be written where, limits, and `content-length`.

use envoy_harness::{LengthMismatch, Outcome, Plugin, Request, Response};

use crate::support::{build, builder, envoy, guest, said};

/// Buffers either body to its end, then runs `AT_END` on it.
fn buffering(at_end: &str) -> String {
    r#"
    (func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
      (call $report @{size} (local.get $size))
      (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
      (AT_END (i32.const 0)))
    (func (export "proxy_on_response_body") (param i32) (param $size i32) (param $end i32) (result i32)
      (call $report @{size} (local.get $size))
      (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
      (AT_END (i32.const 1)))
    (func $replace_all (param $buffer i32) (result i32)
      (call $report @{replaced} (call $set_buffer (local.get $buffer) (i32.const 0) (i32.const 99999) @{new}))
      (i32.const 0))
    (func $let_go (param $buffer i32) (result i32) (i32.const 0))
    (func $splice (param $buffer i32) (result i32)
      (call $report @{in the middle} (call $set_buffer (local.get $buffer) (i32.const 1) (i32.const 1) @{!}))
      (call $report @{append} (call $set_buffer (local.get $buffer) (i32.const 999) (i32.const 0) @{>}))
      (call $report @{prepend} (call $set_buffer (local.get $buffer) (i32.const 0) (i32.const 0) @{<}))
      (call $report @{first two} (call $set_buffer (local.get $buffer) (i32.const 0) (i32.const 2) @{[}))
      (i32.const 0))
    "#
    .replace("AT_END", at_end)
}

#[test]
fn a_buffered_body_grows_with_each_callback_and_goes_on_whole() {
    let mut envoy = envoy(&buffering("call $let_go"));
    let id = envoy.request(Request::post("/").chunks(["ab", "cde"]));
    assert_eq!(said(&envoy), ["size=2", "size=5", "size=5"]);
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").chunks.len(), 1);
}

#[test]
fn a_body_is_written_at_its_start_or_at_its_end_and_nowhere_else() {
    let mut envoy = envoy(&buffering("call $splice"));
    let id = envoy.request(Request::post("/").chunks(["abc"]));
    assert_eq!(said(&envoy)[2..], ["in the middle=2", "append=0", "prepend=0", "first two=0"]);
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").body_text(), "[bc>");
}

#[test]
fn content_length_is_never_mended() {
    let mut envoy = envoy(&buffering("call $replace_all"));
    let id = envoy.request(Request::post("/").body("hello"));
    let Outcome::LengthMismatch(mismatch, _) = envoy.outcome(id) else { panic!("nobody noticed") };
    assert_eq!(mismatch, LengthMismatch { declared: 5, sent: 3 });
    let id = envoy.request(Request::post("/").chunks(["hello"]));
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").body_text(), "new");
    let down = envoy.respond(id, Response::json(200, "four")).expect("a response");
    assert_eq!(down.length_mismatch(), Some(LengthMismatch { declared: 4, sent: 3 }));
}

#[test]
fn a_request_above_the_limit_is_refused_by_envoy() {
    let mut envoy = builder(Plugin::new("p", &guest(&buffering("call $let_go")))).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::post("/").chunks(["12345678", "90123"]));
    let outcome = envoy.outcome(id);
    let reply = outcome.local_reply().expect("a local reply");
    assert_eq!((reply.status(), reply.details.as_str()), (413, "request_payload_too_large"));
}

#[test]
fn one_chunk_above_the_limit_is_still_shown_once() {
    let mut envoy = builder(Plugin::new("p", &guest(&buffering("call $let_go")))).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::post("/").chunks(["0123456789ABCDEF"]));
    assert_eq!(said(&envoy)[0], "size=16");
    assert_eq!(envoy.outcome(id).local_reply().expect("a local reply").status(), 413);
}

#[test]
fn a_full_stop_at_the_headers_takes_a_body_above_the_limit() {
    let guest = guest(r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#);
    let mut envoy = builder(Plugin::new("p", &guest)).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::post("/").chunks(["0123456789ABCDEF"]));
    assert!(envoy.outcome(id).is_held());
}

#[test]
fn a_response_above_the_limit_is_cut_once_its_headers_have_gone() {
    let mut envoy = builder(Plugin::new("p", &guest(&buffering("call $let_go")))).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::get("/"));
    let down = envoy.respond(id, Response::new(200).chunks(["12345678", "90123"])).expect("headers");
    assert_eq!((down.status(), down.reset, down.complete()), (200, true, false));
    assert_eq!(said(&envoy), ["size=8"], "the stream is gone before the second chunk is shown");
    assert_eq!(envoy.details(id).as_deref(), Some("response_payload_too_large"));
}

#[test]
fn a_response_above_the_limit_is_a_500_while_its_headers_are_held() {
    let source = buffering("call $let_go")
        + r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#;
    let plugin = Plugin::new("p", &guest(&source)).allow_on_headers_stop_iteration(true);
    let mut envoy = builder(plugin).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::get("/"));
    let down = envoy.respond(id, Response::new(200).chunks(["12345678", "90123"])).expect("a reply");
    assert_eq!((down.status(), down.body_text().as_str()), (500, "Internal Server Error"));
}

#[test]
fn a_chunk_passed_on_is_out_of_reach() {
    let mut envoy = build(Plugin::new(
        "p",
        &guest(
            r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say_buffer @{request} (i32.const 0)) (i32.const 0))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (call $say_buffer @{request later} (i32.const 0))
             (call $report @{write} (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) @{x}))
             (call $say_buffer @{configuration} (i32.const 7))
             (call $say_buffer @{unknown} (i32.const 9)) (i32.const 0))"#,
        ),
    ));
    let id = envoy.request(Request::post("/").chunks(["one"]).last_chunk_ends_stream());
    envoy.respond(id, Response::new(204));
    assert_eq!(said(&envoy), ["request=0", "one", "request later=0", "", "write=2", "configuration=1", "unknown=2"]);
}

#[test]
fn a_stream_of_events_goes_through_chunk_by_chunk() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_response_body") (param i32) (param $size i32) (param i32) (result i32)
             (drop (call $set_buffer (i32.const 1) (i32.const 0) (local.get $size) @{out;})) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/"));
    envoy.respond_headers(id, Response::new(200), false);
    envoy.respond_body(id, "in", false);
    assert_eq!(envoy.downstream(id).expect("live").body_text(), "out;");
    envoy.respond_body(id, "in", true);
    assert_eq!(envoy.downstream(id).expect("live").chunks.len(), 2);
}

#[test]
fn the_chunk_that_crosses_the_limit_is_shown_but_a_reply_to_it_comes_too_late() {
    let replying = r#"(func (export "proxy_on_request_body") (param i32) (param $size i32) (param i32) (result i32)
        (call $report @{size} (local.get $size))
        (if (i32.gt_u (local.get $size) (i32.const 10)) (then (call $reply (i32.const 418) @{mine})))
        (i32.const 1))"#;
    let mut envoy = builder(Plugin::new("p", &guest(replying))).buffer_limit(10).start().unwrap();
    let id = envoy.request(Request::post("/").chunks(["12345678", "90123"]));
    assert_eq!(said(&envoy), ["size=8", "size=13"]);
    assert_eq!(envoy.outcome(id).local_reply().expect("a local reply").status(), 413);
}

#[test]
fn a_body_resumed_in_the_middle_loses_nothing() {
    let mut envoy = envoy(
        r#"(global $stream (mut i32) (i32.const 0))
           (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
             (global.set $stream (local.get $id)) (drop (call $call @{idp} (i32.const 0))) (i32.const 0))
           (func (export "proxy_on_request_body") (param i32) (param $size i32) (param i32) (result i32)
             (call $report @{size} (local.get $size)) (i32.ne (global.get $stream) (i32.const 0)))
           (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
             (drop (call $set_context (global.get $stream))) (global.set $stream (i32.const 0))
             (drop (call $continue (i32.const 0))))"#,
    );
    let id = envoy.open(Request::post("/"), false);
    envoy.send_body(id, "aaa", false);
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, envoy_harness::Answer::json(200, "{}")).expect("pending");
    assert_eq!(envoy.upstream(id).expect("released").body_text(), "aaa");
    envoy.send_body(id, "bbb", false);
    envoy.send_body(id, "", true);
    assert_eq!(said(&envoy), ["size=3", "size=3", "size=0"]);
    assert_eq!(envoy.outcome(id).forwarded().expect("forwarded").body_text(), "aaabbb");
}
