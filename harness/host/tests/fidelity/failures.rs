//! Traps, and what is left of a worker after one.

use std::time::Duration;

use envoy_harness::{Answer, Envoy, Failure, FailurePolicy, NotPending, Plugin, Request, Thread};

use crate::support::{builder, guest, said};

/// Traps on the header `x-trap`, waits for a callout on `x-wait`, passes everything else.
const FRAGILE: &str = r#"
    (global $alive (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $get_value (i32.const 0) @{x-trap} (i32.const 0) (i32.const 4))) (then unreachable))
      (global.set $alive (i32.add (global.get $alive) (i32.const 1)))
      (call $report @{alive} (global.get $alive))
      (if (i32.eqz (call $get_value (i32.const 0) @{x-wait} (i32.const 0) (i32.const 4)))
        (then (drop (call $call @{idp} (i32.const 0))) (return (i32.const 1))))
      (i32.const 0))
    (func (export "proxy_on_log") (param i32) (call $say @{log}))
"#;

fn fragile(policy: FailurePolicy) -> Envoy {
    builder(Plugin::new("p", &guest(FRAGILE)).failure_policy(policy)).workers(2).start().unwrap()
}

fn trap(envoy: &mut Envoy) {
    let id = envoy.request(Request::get("/").header("x-trap", "1"));
    let outcome = envoy.outcome(id);
    let reply = outcome.local_reply().expect("the trapping request gets an answer");
    assert_eq!((reply.status(), reply.details.as_str()), (503, "wasm_fail_stream"));
    assert!(reply.upstream.is_none());
}

#[test]
fn closed_means_503_for_ever_on_that_worker_and_no_other() {
    let mut envoy = fragile(FailurePolicy::FailClosed);
    trap(&mut envoy);
    envoy.advance(Duration::from_secs(3600));
    let id = envoy.request(Request::get("/"));
    assert_eq!(envoy.outcome(id).local_reply().expect("dead").status(), 503);
    let id = envoy.request(Request::get("/").on_worker(1));
    assert!(envoy.outcome(id).forwarded().is_some());
    assert!(matches!(envoy.failure(Thread::Worker(0), 0), Some(Failure::Trap(_))));
    assert_eq!(envoy.failure(Thread::Worker(1), 0), None);
    assert_eq!(said(&envoy), ["alive=1"], "the dead VM hears nothing, not even the log");
}

#[test]
fn reload_starts_a_new_vm_for_a_new_stream_once_the_back_off_is_over() {
    let mut envoy = fragile(FailurePolicy::FailReload);
    envoy.request(Request::get("/"));
    trap(&mut envoy);
    let id = envoy.request(Request::get("/"));
    assert_eq!(envoy.outcome(id).local_reply().expect("too early").status(), 503);
    envoy.advance(Duration::from_millis(1500));
    let id = envoy.request(Request::get("/"));
    assert!(envoy.outcome(id).forwarded().is_some());
    assert_eq!(said(&envoy), ["alive=1", "alive=1"], "the new VM remembers nothing");
    assert_eq!((envoy.reloads().success, envoy.reloads().backoff), (1, 1));
}

#[test]
fn open_lets_every_request_past_the_filter() {
    let mut envoy = fragile(FailurePolicy::FailOpen);
    let id = envoy.request(Request::get("/").header("x-trap", "1"));
    assert!(envoy.outcome(id).forwarded().is_some(), "even the one that killed it");
    let id = envoy.request(Request::get("/"));
    assert!(envoy.outcome(id).forwarded().is_some());
}

#[test]
fn streams_that_wait_in_a_dead_vm_hang_until_the_client_leaves() {
    let mut envoy = fragile(FailurePolicy::FailReload);
    let waiting = envoy.request(Request::get("/").header("x-wait", "1"));
    trap(&mut envoy);
    let call = envoy.callouts().remove(0);
    assert_eq!(envoy.answer(call.id, Answer::json(200, "{}")), Err(NotPending::VmGone));
    envoy.advance(Duration::from_secs(3600));
    envoy.request(Request::get("/"));
    assert!(envoy.outcome(waiting).is_held());
    envoy.disconnect(waiting);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let endless = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $for_ever (br $for_ever)) unreachable)"#;
    let mut envoy = builder(Plugin::new("p", &guest(endless))).fuel_per_call(100_000).start().unwrap();
    envoy.request(Request::get("/"));
    assert_eq!(envoy.failure(Thread::Worker(0), 0), Some(Failure::OutOfFuel));
}

#[test]
fn memory_can_run_short() {
    let hungry = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $report @{grow} (i32.eq (memory.grow (i32.const 16)) (i32.const -1))) (i32.const 0))"#;
    let mut envoy = builder(Plugin::new("p", &guest(hungry))).start().unwrap();
    envoy.request(Request::get("/"));
    let used = envoy.memory_bytes(0);
    envoy.limit_memory(0, used);
    envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["grow=0", "grow=1"]);
    assert_eq!(envoy.memory_bytes(0), used);
}

#[test]
fn a_test_can_break_a_worker_before_a_call_or_in_it() {
    let mut envoy = fragile(FailurePolicy::FailClosed);
    envoy.trap_next_call(0);
    let id = envoy.request(Request::get("/"));
    assert_eq!(envoy.outcome(id).local_reply().expect("trapped").status(), 503);
    envoy.trap(1);
    let id = envoy.request(Request::get("/").on_worker(1));
    assert_eq!(envoy.outcome(id).local_reply().expect("dead").details, "wasm_fail_stream");
    assert_eq!(envoy.failure(Thread::Worker(1), 0), Some(Failure::Injected));
}

#[test]
fn shared_data_and_metrics_outlive_the_vm() {
    let source = format!(
        "{FRAGILE} {}",
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $shared_set @{k} @{v} (i32.const 0)))
             (drop (call $define_metric (i32.const 0) @{starts} (i32.const 8)))
             (drop (call $increment_metric (i32.load (i32.const 8)) (i64.const 1))) (i32.const 1))"#
    );
    let plugin = Plugin::new("p", &guest(&source)).failure_policy(FailurePolicy::FailReload);
    let mut envoy = builder(plugin).start().unwrap();
    trap(&mut envoy);
    envoy.advance(Duration::from_secs(2));
    envoy.request(Request::get("/"));
    assert_eq!(envoy.metric("starts").map(envoy_harness::Metric::value), Some(4), "canary, main, worker, reload");
    assert_eq!(envoy.shared_data("").len(), 1);
}

#[test]
fn a_stream_resumed_before_the_trap_reaches_the_upstream_and_its_response_does_not_come_back() {
    let source = r#"(global $stream (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
          (global.set $stream (local.get $id)) (drop (call $call @{idp} (i32.const 0))) (i32.const 1))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $set_context (global.get $stream))) (drop (call $continue (i32.const 0))) unreachable)"#;
    let mut envoy = builder(Plugin::new("p", &guest(source))).start().unwrap();
    let id = envoy.request(Request::get("/"));
    let call = envoy.callouts().remove(0);
    envoy.answer(call.id, Answer::json(200, "{}")).expect("pending");
    assert!(envoy.outcome(id).forwarded().is_some());
    let down = envoy.respond(id, envoy_harness::Response::new(200)).expect("a reply");
    assert_eq!((down.status(), envoy.details(id).as_deref()), (503, Some("wasm_fail_stream")));
}
