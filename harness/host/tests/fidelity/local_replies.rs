//! Local replies: deferred, the last one wins, and the filter sees its own.

use envoy_harness::{Plugin, Request, Response};

use crate::support::{build, envoy, guest, said};

#[test]
fn a_reply_waits_for_the_return_the_last_one_wins_and_the_return_value_is_ignored() {
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
    assert_eq!((reply.status(), reply.body_text().as_str(), reply.details.as_str()), (403, "second", "d"));
    assert_eq!((reply.header("x-mark"), reply.header("content-type")), (Some("1"), Some("text/plain")));
    assert!(reply.upstream.is_none(), "the upstream must not have seen anything");
    assert_eq!(said(&envoy), ["still readable=0", "/p", "own reply=0", "403", "own body=6"]);
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
