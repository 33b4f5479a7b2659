//! N+2 instances, configuration, shared state, timers.

use std::time::Duration;

use envoy_harness::{Envoy, Plugin, Request, Thread, profile};

use crate::support::{build, builder, envoy, guest, said};

const CONFIGURED: &str = r#"
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $say @{start}) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say_buffer @{configure} (i32.const 7))
      (drop (call $tick_every (i32.const 1000))) (i32.const 1))
    (func (export "proxy_on_tick") (param i32) (call $say @{tick}))
"#;

fn heard(envoy: &Envoy, message: &str) -> Vec<Thread> {
    envoy.logs().iter().filter(|l| l.message == message).map(|l| l.thread).collect()
}

#[test]
fn a_module_is_started_and_configured_once_more_than_there_are_threads() {
    let envoy = builder(Plugin::new("p", &guest(CONFIGURED)).configuration("{}")).workers(2).start().unwrap();
    let all = [Thread::Canary, Thread::Main, Thread::Worker(0), Thread::Worker(1)];
    assert_eq!(heard(&envoy, "start"), all);
    assert_eq!(heard(&envoy, "{}"), all);
}

#[test]
fn ticks_run_on_the_main_thread_and_every_worker_but_not_on_the_canary() {
    let mut envoy = builder(Plugin::new("p", &guest(CONFIGURED))).workers(2).start().unwrap();
    envoy.advance(Duration::from_millis(999));
    assert_eq!(heard(&envoy, "tick"), []);
    envoy.advance(Duration::from_millis(1));
    assert_eq!(heard(&envoy, "tick"), [Thread::Main, Thread::Worker(0), Thread::Worker(1)]);
    envoy.advance(Duration::from_secs(2));
    assert_eq!(heard(&envoy, "tick").len(), 9);
}

#[test]
fn a_period_set_from_a_stream_is_its_roots_and_starts_anew() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (drop (call $tick_every (i32.const 100))) (i32.const 0))
           (func (export "proxy_on_tick") (param $id i32)
             (call $report @{tick} (local.get $id)) (drop (call $tick_every (i32.const 0))))"#,
    );
    envoy.request(Request::get("/"));
    envoy.advance(Duration::from_millis(60));
    envoy.request(Request::get("/"));
    envoy.advance(Duration::from_millis(60));
    assert_eq!(said(&envoy), [] as [&str; 0]);
    envoy.advance(Duration::from_millis(60));
    envoy.advance(Duration::from_secs(9));
    assert_eq!(said(&envoy), ["tick=1"], "and a period of 0 stops it");
}

#[test]
fn a_refused_configuration_keeps_envoy_from_starting_and_carries_the_log() {
    let plugin = Plugin::new(
        "strict",
        &guest(
            r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (call $say @{no, thanks}) (i32.const 0))"#,
        ),
    );
    let error = builder(plugin).start().expect_err("refused");
    assert!(error.message.starts_with("Unable to create Wasm plugin strict"));
    assert_eq!(error.logs[0].message, "no, thanks");
}

#[test]
fn a_trap_while_configuring_keeps_envoy_from_starting() {
    let trap = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#;
    assert!(builder(Plugin::new("p", &guest(trap))).start().is_err());
}

const STORE: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $report @{get} (call $shared_get @{k} (i32.const 0) (i32.const 4) (i32.const 8)))
      (call $report @{set} (call $shared_set @{k} @{v} (i32.load (i32.const 8))))
      (call $report @{stale} (call $shared_set @{k} @{w} (i32.const 4000)))
      (i32.const 0))
"#;

#[test]
fn shared_data_is_one_map_for_a_vm_id_whatever_the_worker_or_module() {
    let other = STORE.replace("stale", "later");
    let mut envoy = builder(Plugin::new("a", &guest(STORE)).vm_id("one"))
        .plugin(Plugin::new("b", &guest(&other)).vm_id("one"))
        .plugin(Plugin::new("c", &guest(&other)).vm_id("two"))
        .workers(2)
        .start()
        .unwrap();
    envoy.request(Request::get("/").on_worker(1));
    assert_eq!(said(&envoy), ["get=1", "set=0", "stale=8", "get=0", "set=0", "later=8", "get=1", "set=0", "later=8"]);
    assert_eq!(envoy.shared_data("one")[b"k".as_slice()], b"v");
}

#[test]
fn a_queue_wakes_only_its_last_registrant() {
    let source = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $queue_register @{q} (i32.const 8))) (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $report @{enqueue} (call $enqueue (i32.load (i32.const 8)) @{item}))
          (call $report @{unknown} (call $enqueue (i32.const 99) @{item})) (i32.const 0))
        (func (export "proxy_on_queue_ready") (param i32) (param $queue i32)
          (call $report @{dequeue} (call $dequeue (local.get $queue) (i32.const 0) (i32.const 4)))
          (call $say_result)
          (call $report @{empty} (call $dequeue (local.get $queue) (i32.const 0) (i32.const 4))))
    "#;
    let mut envoy = builder(Plugin::new("p", &guest(source))).workers(2).start().unwrap();
    envoy.request(Request::get("/").on_worker(0));
    assert_eq!(said(&envoy), ["enqueue=0", "unknown=1", "dequeue=0", "item", "empty=7"]);
    assert_eq!(heard(&envoy, "item"), [Thread::Worker(1)]);
}

#[test]
fn plugins_of_one_vm_key_share_a_vm_and_the_environment_counts_from_1_39() {
    let source = r#"(global $seen (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
          (call $report @{seen} (global.get $seen)) (i32.const 0))"#;
    let module = guest(source);
    for (version, second) in [(profile::V1_38, "seen=2"), (profile::V1_39, "seen=1")] {
        let mut envoy = Envoy::builder(version)
            .plugin(Plugin::new("a", &module).env("K", "1"))
            .plugin(Plugin::new("b", &module).env("K", "2"))
            .start()
            .unwrap();
        envoy.request(Request::get("/"));
        assert_eq!(said(&envoy), ["seen=1", second]);
    }
}

#[test]
fn the_clock_moves_only_when_told() {
    let mut envoy = build(Plugin::new(
        "p",
        &guest(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (drop (call $get_time (i32.const 16)))
             (call $report @{seconds} (i32.wrap_i64 (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000000))))
             (i32.const 0))"#,
        ),
    ));
    envoy.request(Request::get("/"));
    envoy.advance(Duration::from_secs(5));
    envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["seconds=1767225600", "seconds=1767225605"]);
}

#[test]
fn a_root_that_is_not_done_is_deleted_when_it_says_so() {
    let source = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $tick_every (i32.const 100))) (call $report @{too soon} (call $done)) (i32.const 1))
        (func (export "proxy_on_tick") (param i32) (call $report @{done} (call $done)))
        (func (export "proxy_on_done") (param i32) (result i32) (call $say @{busy}) (i32.const 0))
        (func (export "proxy_on_delete") (param i32) (call $say @{delete}))"#;
    let mut envoy = envoy(source);
    envoy.shutdown();
    assert_eq!(said(&envoy), ["too soon=1", "busy"]);
    envoy.advance(Duration::from_millis(100));
    assert_eq!(said(&envoy)[2..], ["done=0", "delete"]);
}
