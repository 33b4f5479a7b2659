//! Local replies: deferred, the first one in a request callback wins, and the filter sees its own.

use envoy_harness::{Answer, Envoy, Outcome, Plugin, Request, Response};

use crate::support::{build, envoy, guest, said};

#[test]
fn a_reply_waits_for_the_return_the_first_one_wins_and_the_return_value_is_ignored() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $reply (i32.const 401) @{first})
             (call $say_header @{still readable} (i32.const 0) @{:path})
             (call $reply (i32.const 403) @{second})
             (i32.const 0))
           (func (export "proxy_on_response_headers") (param i32 i32) (param $end i32) (result i32)
             (call $say_header @{own reply} (i32.const 2) @{:status})
             (drop (call $add (i32.const 2) @{x-mark} @{1}))
             (i32.const 0))
           (func (export "proxy_on_response_body") (param i32) (param $size i32) (param $end i32) (result i32)
             (call $report @{own body} (local.get $size)) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/p"));
    let outcome = envoy.outcome(id);
    let reply = outcome.local_reply().expect("a local reply");
    assert_eq!((reply.status(), reply.body_text().as_str(), reply.details.as_str()), (401, "first", "d"));
    assert_eq!((reply.header("x-mark"), reply.header("content-type")), (Some("1"), Some("text/plain")));
    assert!(reply.upstream.is_none(), "the upstream must not have seen anything");
    assert_eq!(said(&envoy), ["still readable=0", "/p", "own reply=0", "401", "own body=5"]);
}

#[test]
fn a_reply_from_response_headers_is_not_shown_to_the_filter_again() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (call $say @{response}) (call $reply (i32.const 502) @{bad}) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/"));
    let down = envoy.respond(id, Response::json(200, "{}")).expect("a reply");
    assert_eq!((down.status(), down.body_text().as_str()), (502, "bad"));
    assert_eq!(said(&envoy), ["response"]);
}

#[test]
fn a_reply_once_the_response_has_begun_breaks_it_off() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
             (call $reply (i32.const 502) @{bad}) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/"));
    let down = envoy.respond(id, Response::json(200, "{}")).expect("headers");
    assert_eq!((down.status(), down.reset, down.body_text().as_str()), (200, true, ""));
}

#[test]
fn a_reply_from_a_root_context_goes_nowhere_and_says_ok() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $tick_every (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (call $report @{reply} (call $local_reply (i32.const 403) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))"#,
    );
    let id = envoy.request(Request::get("/"));
    envoy.advance(std::time::Duration::from_millis(100));
    assert_eq!(said(&envoy), ["reply=0"]);
    assert!(envoy.outcome(id).is_held());
}

#[test]
fn a_body_callback_that_replies_after_the_headers_have_gone_leaves_a_trace_upstream() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $reply (i32.const 403) @{no}) (i32.const 1))"#,
    );
    let id = envoy.request(Request::post("/").body("x"));
    let outcome = envoy.outcome(id);
    let upstream = outcome.local_reply().expect("a local reply").upstream.as_ref().expect("the headers had gone");
    assert!(upstream.reset && upstream.body.is_empty());
}

#[test]
fn an_empty_reply_has_no_content_type_and_one_to_grpc_is_a_200() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $reply (i32.const 401) @{}) (i32.const 1))"#;
    let mut envoy = build(Plugin::new("p", &guest(source)));
    let id = envoy.request(Request::get("/"));
    let outcome = envoy.outcome(id);
    assert_eq!(outcome.local_reply().expect("a local reply").header("content-type"), None);
    let id = envoy.request(Request::post("/s/M").header("content-type", "application/grpc"));
    let outcome = envoy.outcome(id);
    let reply = outcome.local_reply().expect("a local reply");
    assert_eq!((reply.status(), reply.header("grpc-status")), (200, Some("16")));
}

/// Waits for a callout and sends two replies when it is answered.
const TWICE: &str = r#"
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
      (global.set $stream (local.get $id)) (drop (call $call @{idp} (i32.const 0))) (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
      (drop (call $set_context (global.get $stream)))
      (call $reply (i32.const 401) @{first}) (call $reply (i32.const 403) @{second}))
"#;

fn answer(envoy: &mut Envoy) {
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, Answer::json(200, "{}")).expect("pending");
}

#[test]
fn two_replies_from_a_callout_break_the_connection() {
    let mut envoy = envoy(TWICE);
    let id = envoy.request(Request::get("/"));
    answer(&mut envoy);
    assert!(matches!(envoy.outcome(id), Outcome::Reset { .. }), "{:?}", envoy.outcome(id));
}

#[test]
fn two_replies_from_a_callout_send_the_second_if_the_filter_looks_at_responses() {
    let looking = r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (call $say_header @{status} (i32.const 2) @{:status}) (i32.const 0))"#;
    let mut envoy = envoy(&format!("{TWICE}{looking}"));
    let id = envoy.request(Request::get("/"));
    answer(&mut envoy);
    assert_eq!(said(&envoy), ["status=0", "401"]);
    assert_eq!(envoy.outcome(id).local_reply().expect("the second").status(), 403);
}

#[test]
fn a_reply_before_a_trap_loses_against_the_trap() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $reply (i32.const 401) @{no}) unreachable)"#,
    );
    let id = envoy.request(Request::get("/"));
    let outcome = envoy.outcome(id);
    let reply = outcome.local_reply().expect("a local reply");
    assert_eq!((reply.status(), reply.details.as_str()), (503, "d"));
}
