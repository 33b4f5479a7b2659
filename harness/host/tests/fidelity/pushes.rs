//! Another configuration while streams are under way.

use std::time::Duration;

use envoy_harness::{Plugin, Request};

use crate::support::{Ear, builder, guest};

/// Says its configuration whenever it is configured, and on each request and tick which root that is for; refuses `no`.
const SPEAKING: &str = r#"
    (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
      (call $report @{configured} (local.get $root)) (drop (call $tick_every (i32.const 1000)))
      (i32.ne (local.get $size) (i32.const 2)))
    (func (export "proxy_on_tick") (param $root i32) (call $report @{tick} (local.get $root)))
    (func (export "proxy_on_context_create") (param $id i32) (param $root i32)
      (if (local.get $root) (then (call $report @{stream of} (local.get $root)))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_done") (param $id i32) (result i32) (call $report @{done} (local.get $id)) (i32.const 1))
"#;

#[test]
fn new_streams_get_the_new_root_and_the_old_one_goes_with_its_last_stream() {
    let mut envoy = builder(Plugin::new("p", &guest(SPEAKING)).configuration("one")).start().unwrap();
    let old = envoy.request(Request::get("/"));
    let mut ear = Ear::new(&envoy);
    envoy.push(0, "three").unwrap();
    envoy.request(Request::get("/"));
    assert_eq!(ear.heard(&envoy), ["configured=3", "stream of=3"], "in the VM of before");
    assert_eq!(envoy.roots(0), 2);
    envoy.advance(Duration::from_secs(1));
    assert_eq!(ear.heard(&envoy), ["tick=1", "tick=3"], "the old root still has a stream");
    envoy.disconnect(old);
    envoy.advance(Duration::from_secs(1));
    assert_eq!(envoy.roots(0), 1);
    assert_eq!(ear.heard(&envoy), ["done=2", "done=1", "tick=3"]);
}

#[test]
fn a_configuration_that_the_canary_refuses_changes_nothing() {
    let mut envoy = builder(Plugin::new("p", &guest(SPEAKING)).configuration("one")).start().unwrap();
    let error = envoy.push(0, "no").expect_err("refused");
    assert!(error.message.starts_with("Unable to create Wasm plugin p"));
    assert_eq!(envoy.roots(0), 1);
    let mut ear = Ear::new(&envoy);
    envoy.request(Request::get("/"));
    assert_eq!(ear.heard(&envoy), ["stream of=1"]);
}

#[test]
fn a_root_may_be_configured_again() {
    let mut envoy = builder(Plugin::new("p", &guest(SPEAKING)).configuration("one")).start().unwrap();
    let mut ear = Ear::new(&envoy);
    envoy.configure_again(0, "three");
    assert_eq!(ear.heard(&envoy), ["configured=1"]);
    assert_eq!(envoy.roots(0), 1);
}
