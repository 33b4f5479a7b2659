//! Several filters in one chain.

use envoy_harness::{Plugin, Request, Response};

use crate::support::{builder, guest, said};

fn naming(name: &str) -> Plugin {
    let source = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $say @{request NAME}) (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $say_buffer @{body NAME} (i32.const 0)) (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (call $say @{response NAME}) (i32.const 0))
        (func (export "proxy_on_log") (param i32) (call $say @{log NAME}))
        (func (export "proxy_on_delete") (param i32) (call $say @{delete NAME}))"#;
    Plugin::new(name, &guest(&source.replace("NAME", name)))
}

#[test]
fn requests_go_forwards_responses_backwards_and_logs_forwards() {
    let mut envoy = builder(naming("a")).plugin(naming("b")).start().unwrap();
    let id = envoy.request(Request::get("/"));
    envoy.respond(id, Response::new(204));
    assert_eq!(
        said(&envoy),
        ["request a", "request b", "response b", "response a", "log a", "log b", "delete a", "delete b"]
    );
}

#[test]
fn what_one_filter_buffers_the_next_sees_as_one_chunk() {
    let buffering = Plugin::new(
        "first",
        &guest(
            r#"(func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32)
             (i32.eqz (local.get $end)))"#,
        ),
    );
    let mut envoy = builder(buffering).plugin(naming("b")).start().unwrap();
    envoy.request(Request::post("/").chunks(["one", "two"]));
    assert_eq!(said(&envoy), ["request b", "body b=0", "onetwo"]);
}

#[test]
fn a_filter_the_request_never_reached_does_not_see_the_reply_but_is_told_of_the_log() {
    let refusing = Plugin::new(
        "first",
        &guest(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $reply (i32.const 403) @{no}) (i32.const 1))"#,
        ),
    );
    let mut envoy = builder(refusing).plugin(naming("b")).start().unwrap();
    let id = envoy.request(Request::get("/"));
    assert_eq!(envoy.outcome(id).local_reply().expect("refused").status(), 403);
    assert_eq!(said(&envoy), ["log b", "delete b"]);
}
