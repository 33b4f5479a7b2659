//! Loading, capabilities, randomness, and the limits of host calls.

use envoy_harness::{Envoy, Level, Module, Plugin, Request, Thread, profile};

use crate::support::{builder, envoy, guest, said};

fn start(text: &str) -> Result<Envoy, String> {
    let module = Module::from_bytes(&wat::parse_str(text).expect("valid text")).expect("valid module");
    Envoy::builder(profile::V1_40).plugin(Plugin::new("p", &module)).start().map_err(|e| e.message)
}

const ABI: &str = r#"(func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)"#;
const MALLOC: &str = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;

#[test]
fn a_missing_import_is_a_load_failure_that_names_it() {
    let error = start(&format!(r#"(module (import "env" "proxy_set_dynamic_metadata" (func)) {ABI} {MALLOC})"#))
        .expect_err("unknown import");
    assert!(error.ends_with("missing import: env.proxy_set_dynamic_metadata"), "{error}");
}

#[test]
fn an_import_with_another_signature_is_a_load_failure() {
    let module = format!(r#"(module (import "env" "proxy_log" (func (param i32))) {ABI} {MALLOC})"#);
    assert!(start(&module).is_err());
}

#[test]
fn a_module_without_abi_version_or_allocator_does_not_load() {
    let error = start(&format!(r#"(module (memory (export "memory") 1) {MALLOC})"#)).expect_err("no ABI version");
    assert!(error.ends_with("Missing or unknown Proxy-Wasm ABI version"), "{error}");
    let error = start(&format!("(module {ABI})")).expect_err("no allocator");
    assert!(error.ends_with("missing malloc function."), "{error}");
    assert!(start(&format!("(module {ABI} {MALLOC})")).is_ok());
}

#[test]
fn host_calls_are_out_of_bounds_while_the_module_initialises() {
    let forbidden = r#"(func (export "_initialize") (drop (call $tick_every (i32.const 1))))"#;
    assert!(builder(Plugin::new("p", &guest(forbidden))).start().is_err());
    let allowed = r#"(func (export "_initialize") (call $say @{hello})
        (drop (call $random_get (i32.const 64) (i32.const 8))))"#;
    assert_eq!(said(&envoy(allowed)), ["hello"]);
}

#[test]
fn randomness_is_the_seeds_and_at_most_64_kibibytes_at_once() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $report @{much} (call $random_get (i32.const 131072) (i32.const 65536)))
        (call $report @{too much} (call $random_get (i32.const 131072) (i32.const 65537)))
        (call $report @{number} (i32.load (i32.const 131072))) (i32.const 0))"#;
    let run = |seed| {
        let mut envoy = builder(Plugin::new("p", &guest(source))).seed(seed).start().unwrap();
        envoy.request(Request::get("/"));
        said(&envoy)
    };
    assert_eq!(run(7)[0..2], ["much=0", "too much=28"]);
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_restricted_import_fails_and_a_restricted_export_is_never_called() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $report @{tick} (call $tick_every (i32.const 1)))
          (call $report @{random} (call $random_get (i32.const 64) (i32.const 8))) (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (call $say @{response}) (i32.const 0))"#;
    let plugin =
        Plugin::new("p", &guest(source)).allow_capability("proxy_on_request_headers").allow_capability("proxy_log");
    let mut envoy = builder(plugin).start().unwrap();
    let id = envoy.request(Request::get("/"));
    envoy.respond(id, envoy_harness::Response::new(204));
    assert_eq!(said(&envoy), ["tick=10", "random=76"]);
}

#[test]
fn a_bad_pointer_is_an_invalid_access_and_a_bad_level_a_bad_argument() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $report @{pointer} (call $proxy_log (i32.const 2) (i32.const -1) (i32.const 4)))
             (call $report @{level} (call $proxy_log (i32.const 6) (i32.const 0) (i32.const 0)))
             (i32.const 0))"#,
    );
    envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["pointer=6", "level=2"]);
}

#[test]
fn the_same_run_burns_the_same_fuel() {
    let run = || {
        let mut envoy = envoy(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $say_header @{path} (i32.const 0) @{:path}) (i32.const 0))"#,
        );
        let id = envoy.request(Request::get("/"));
        envoy.fuel(id)
    };
    assert!(run().total > 0);
    assert_eq!(run(), run());
}

#[test]
fn quiet_levels_are_not_logged_and_lines_know_where_they_came_from() {
    let source = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $say @{info}) (drop (call $proxy_log (i32.const 3) @{warn})) (i32.const 0))"#;
    let mut envoy = builder(Plugin::new("p", &guest(source))).log_level(Level::Warn).start().unwrap();
    envoy.request(Request::get("/"));
    let line = &envoy.logs()[0];
    assert_eq!((envoy.logs().len(), line.level, line.thread), (1, Level::Warn, Thread::Worker(0)));
    assert_eq!((line.plugin.as_str(), line.message.as_str()), ("p", "warn"));
}

#[test]
fn hosts_can_run_in_parallel_and_move_between_threads() {
    let mut envoy = envoy("");
    std::thread::spawn(move || envoy.request(Request::get("/"))).join().expect("no panic");
}

#[test]
fn files_and_sockets_can_be_imported_and_do_nothing() {
    let module = format!(
        r#"(module (import "wasi_snapshot_preview1" "sock_send" (func (param i32 i32 i32 i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "fd_sync" (func (param i32) (result i32))) {ABI} {MALLOC})"#
    );
    assert!(start(&module).is_ok());
}
