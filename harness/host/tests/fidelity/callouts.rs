//! Callouts: refusals at once, every way they end, and the streams that wait for them.

use std::time::Duration;

use envoy_harness::{Answer, Cluster, Envoy, HeaderMap, NotPending, Request, Thread, profile};

use crate::support::{Ear, envoy, said};

/// Calls `idp` from the stream, says what comes back, and answers the stream from it.
const CALLING: &str = r#"
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
      (global.set $stream (local.get $id))
      (call $report @{dispatch} (call $call @{idp} (i32.const 2000)))
      (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32) (param $headers i32) (param $body i32) (param $trailers i32)
      (call $report @{headers} (local.get $headers))
      (call $report @{body} (local.get $body))
      (call $say_header @{status} (i32.const 6) @{:status})
      (call $say_buffer @{text} (i32.const 4))
      (if (call $set_context (global.get $stream)) (then (call $say @{stream gone}) (return)))
      (drop (call $continue (i32.const 0))))
"#;

fn answered(answer: Answer) -> (Envoy, Vec<String>) {
    let mut envoy = envoy(CALLING);
    envoy.request(Request::get("/"));
    let mut ear = Ear::new(&envoy);
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, answer).expect("pending");
    let heard = ear.heard(&envoy);
    (envoy, heard)
}

#[test]
fn a_response_is_shown_with_its_headers_and_body() {
    let (_, heard) = answered(Answer::json(200, "{}"));
    assert_eq!(heard, ["headers=2", "body=2", "status=0", "200", "text=0", "{}"]);
}

#[test]
fn a_reset_shows_nothing_and_its_status_is_a_bad_argument() {
    for answer in [Answer::Reset, Answer::Truncated] {
        let (_, heard) = answered(answer);
        assert_eq!(heard, ["headers=0", "body=0", "status=2", "text=1"]);
    }
}

#[test]
fn an_answer_above_the_hosts_limit_is_a_reset() {
    let (_, heard) = answered(Answer::response(200, HeaderMap::new(), vec![b'x'; 32 * 1024 * 1024 + 1]));
    assert_eq!(heard[0], "headers=0");
}

#[test]
fn no_connection_is_a_503_by_envoy() {
    let (_, heard) = answered(Answer::ConnectFailure);
    assert_eq!(heard[2..4], ["status=0", "503"]);
    assert!(heard[5].starts_with("upstream connect error"));
}

#[test]
fn a_connection_closed_instead_of_an_answer_is_a_503_by_envoy() {
    let (_, heard) = answered(Answer::Closed);
    assert_eq!(heard[1..4], ["body=95", "status=0", "503"]);
    assert!(heard[5].ends_with("reset reason: connection termination"));
}

#[test]
fn a_timeout_is_a_504_by_envoy_at_its_time() {
    let mut envoy = envoy(CALLING);
    let id = envoy.request(Request::get("/"));
    let mut ear = Ear::new(&envoy);
    envoy.advance(Duration::from_millis(1999));
    assert!(envoy.outcome(id).is_held());
    envoy.advance(Duration::from_millis(1));
    assert_eq!(ear.heard(&envoy)[2..], ["status=0", "504", "text=0", "upstream request timeout"]);
    assert!(envoy.outcome(id).forwarded().is_some());
}

#[test]
fn an_answer_slower_than_the_timeout_never_arrives_and_a_second_one_is_dropped() {
    let mut envoy = envoy(CALLING);
    envoy.request(Request::get("/"));
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, Answer::json(200, "{}").after(Duration::from_secs(3))).expect("pending");
    envoy.advance(Duration::from_secs(4));
    assert!(said(&envoy).contains(&"504".to_owned()) && !said(&envoy).contains(&"200".to_owned()));
    assert_eq!(envoy.answer(call.id, Answer::json(200, "{}")), Err(NotPending::AlreadyEnded));
}

#[test]
fn without_a_timeout_a_callout_waits_for_ever() {
    let mut envoy = envoy(&CALLING.replace("2000", "0"));
    let id = envoy.request(Request::get("/"));
    assert_eq!(envoy.callouts()[0].timeout, None);
    envoy.advance(Duration::from_secs(1_000_000));
    assert!(envoy.outcome(id).is_held());
}

#[test]
fn a_dispatch_that_cannot_be_is_refused_at_once_without_a_callback() {
    for (state, status) in
        [(Cluster::Unknown, 2), (Cluster::NoHealthyHost, 10), (Cluster::CircuitOpen, 10), (Cluster::Healthy, 0)]
    {
        let mut envoy = envoy(CALLING);
        envoy.set_cluster("idp", state);
        envoy.request(Request::get("/"));
        assert_eq!(said(&envoy), [format!("dispatch={status}")], "{state:?}");
    }
}

#[test]
fn a_dispatch_without_authority_or_with_a_negative_timeout_is_a_bad_argument() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $report @{negative} (call $call @{idp} (i32.const -1)))
             (call $report @{no headers} (call $http_call @{idp} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
             (i32.const 0))"#,
    );
    envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["negative=2", "no headers=2"]);
    assert!(envoy.callouts().is_empty());
}

#[test]
fn the_circuit_breaker_opens_at_its_limit() {
    let tight = profile::Profile { pending_requests_max: 2, ..profile::V1_40 };
    let plugin = envoy_harness::Plugin::new("p", &crate::support::guest(CALLING));
    let mut envoy = Envoy::builder(tight).plugin(plugin).cluster("idp").start().unwrap();
    for _ in 0..3 {
        envoy.request(Request::get("/"));
    }
    assert_eq!(said(&envoy), ["dispatch=0", "dispatch=0", "dispatch=10"]);
}

#[test]
fn the_answer_to_a_stream_that_has_gone_finds_no_context() {
    let mut envoy = envoy(CALLING);
    let id = envoy.request(Request::get("/"));
    envoy.disconnect(id);
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, Answer::json(200, "{}")).expect("the call itself goes on");
    assert!(said(&envoy).ends_with(&["stream gone".to_owned()]));
}

#[test]
fn one_answer_resumes_several_streams_and_skips_the_one_that_left() {
    let mut envoy = envoy(
        r#"(global $first (mut i32) (i32.const 0))
           (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
             (if (i32.eqz (global.get $first)) (then
               (global.set $first (local.get $id)) (drop (call $call @{idp} (i32.const 0)))))
             (i32.const 1))
           (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
             (local $n i32) (local $status i32)
             (loop $next
               (local.set $status (call $set_context (i32.add (global.get $first) (local.get $n))))
               (call $report @{stream} (local.get $status))
               (if (i32.eqz (local.get $status)) (then
                 (drop (call $add (i32.const 0) @{x-woken} @{1}))
                 (drop (call $continue (i32.const 0)))))
               (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3)))))"#,
    );
    let ids = [(); 3].map(|()| envoy.request(Request::get("/")));
    envoy.disconnect(ids[1]);
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, Answer::json(200, "{}")).expect("pending");
    assert_eq!(said(&envoy), ["stream=0", "stream=2", "stream=0"]);
    for id in [ids[0], ids[2]] {
        assert_eq!(envoy.outcome(id).forwarded().expect("woken").header("x-woken"), Some("1"));
    }
}

#[test]
fn a_hook_answers_callouts_and_upstreams_by_itself() {
    let mut envoy = envoy(CALLING);
    envoy.on_callout(|call| Answer::json(200, call.path().to_owned()));
    envoy.on_upstream(|_| Some(envoy_harness::Response::new(204)));
    let id = envoy.request(Request::get("/"));
    assert!(said(&envoy).ends_with(&["/".to_owned()]));
    assert_eq!(envoy.downstream(id).expect("answered").status(), 204);
}

#[test]
fn a_call_while_configuring_is_made_by_every_instance_and_the_canarys_answer_is_lost() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $report @{dispatch} (call $call @{idp} (i32.const 1000))) (i32.const 1))
           (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (call $say @{answer}))"#,
    );
    let threads: Vec<Thread> = envoy.callouts().iter().map(|c| c.thread).collect();
    assert_eq!(threads, [Thread::Canary, Thread::Main, Thread::Worker(0)]);
    for call in envoy.callouts() {
        let result = envoy.answer(call.id, Answer::json(200, "{}"));
        assert_eq!(result.is_err(), call.thread == Thread::Canary);
    }
    assert_eq!(said(&envoy), ["dispatch=0", "answer"]);
}

#[test]
fn what_was_sent_can_be_read_back() {
    let mut envoy = envoy(CALLING);
    let id = envoy.request(Request::get("/"));
    let call = envoy.callouts().remove(0);
    assert_eq!((call.cluster.as_str(), call.method(), call.path()), ("idp", "GET", "/"));
    assert_eq!((call.request, call.timeout), (Some(id), Some(Duration::from_secs(2))));
}

#[test]
fn only_a_reset_leaves_a_status_to_read() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $call @{idp} (i32.const 0))) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $get_status (i32.const 8) (i32.const 0) (i32.const 4)))
          (call $report @{code} (i32.load (i32.const 8))) (call $say_result))"#;
    for (answer, heard) in [(Answer::json(200, ""), ["code=0", ""]), (Answer::Reset, ["code=11", "reset"])] {
        let mut envoy = envoy(source);
        envoy.request(Request::get("/"));
        let call = envoy.callouts().remove(0);
        envoy.answer(call.id, answer).expect("pending");
        assert_eq!(said(&envoy), heard);
    }
}
