//! Metrics through the host calls.

use envoy_harness::{Metric, Request};

use crate::support::{builder, guest, said};

#[test]
fn metrics_are_the_hosts_whatever_the_worker_and_ids_are_the_vms() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $define_metric (i32.const 0) @{requests} (i32.const 8)))
        (call $report @{id} (i32.load (i32.const 8)))
        (call $report @{up} (call $increment_metric (i32.load (i32.const 8)) (i64.const 1)))
        (call $report @{zero} (call $increment_metric (i32.load (i32.const 8)) (i64.const 0)))
        (drop (call $define_metric (i32.const 1) @{depth} (i32.const 8)))
        (call $report @{down} (call $increment_metric (i32.load (i32.const 8)) (i64.const -1)))
        (call $report @{record} (call $record_metric (i32.load (i32.const 8)) (i64.const 9)))
        (drop (call $define_metric (i32.const 2) @{latency} (i32.const 8)))
        (call $report @{histogram} (call $increment_metric (i32.load (i32.const 8)) (i64.const 1)))
        (drop (call $record_metric (i32.load (i32.const 8)) (i64.const 250)))
        (call $report @{unknown} (call $record_metric (i32.const 4000) (i64.const 1)))
        (call $report @{kind} (call $define_metric (i32.const 3) @{x} (i32.const 8)))
        (i32.const 0))"#;
    let mut envoy = builder(envoy_harness::Plugin::new("p", &guest(source))).workers(2).start().unwrap();
    envoy.request(Request::get("/").on_worker(0));
    envoy.request(Request::get("/").on_worker(1));
    envoy.request(Request::get("/").on_worker(1));
    let first = said(&envoy)[0..8].to_vec();
    assert_eq!(first, ["id=4", "up=0", "zero=2", "down=0", "record=0", "histogram=2", "unknown=1", "kind=2"]);
    let ids: Vec<String> = said(&envoy).into_iter().filter(|l| l.starts_with("id=")).collect();
    assert_eq!(ids, ["id=4", "id=4", "id=8"]);
    assert_eq!(envoy.metric("requests"), Some(&Metric::Counter(3)));
    assert_eq!(envoy.metric("depth"), Some(&Metric::Gauge(9)));
    assert_eq!(envoy.metric("latency"), Some(&Metric::Histogram(vec![250; 3])));
}
