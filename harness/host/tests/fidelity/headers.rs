//! Header maps: first values, joins, case, bytes, and pairs that are too many.

use envoy_harness::{Plugin, Request};

use crate::support::{build, envoy, guest, said};

fn reading(name: &str) -> String {
    r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
         (call $say_header @{read} (i32.const 0) @{NAME}) (i32.const 0))"#
        .replace("NAME", name)
}

#[test]
fn a_getter_shows_the_first_of_several() {
    let mut envoy = envoy(&reading("x-dup"));
    let id = envoy.request(Request::get("/").header("x-dup", "1").header("x-dup", "2"));
    assert_eq!(said(&envoy), ["read=0", "1"]);
    assert_eq!(envoy.upstream(id).expect("forwarded").headers.get_all("x-dup").count(), 2);
}

#[test]
fn headers_that_envoy_keeps_inline_are_joined() {
    for (name, joined) in [("authorization", "a,b"), ("content-type", "a,b"), ("cookie", "a; b")] {
        let mut envoy = envoy(&reading(name));
        envoy.request(Request::get("/").header(name, "a").header(name, "b"));
        assert_eq!(said(&envoy), ["read=0", joined], "{name}");
    }
}

#[test]
fn names_are_lower_case_whatever_was_sent_and_whatever_is_asked_for() {
    let mut envoy = envoy(&reading("X-MixED"));
    let id = envoy.request(Request::get("/").header("X-Mixed", "v"));
    assert_eq!(said(&envoy), ["read=0", "v"]);
    assert!(envoy.upstream(id).expect("forwarded").headers.iter().any(|(name, _)| name == "x-mixed"));
}

#[test]
fn a_value_is_bytes_and_an_absent_one_is_not_found() {
    let mut envoy = envoy(&reading("x-bytes"));
    let id = envoy.request(Request::get("/").header("x-bytes", [0xff, 0x80]));
    assert_eq!(envoy.upstream(id).expect("forwarded").headers.get("x-bytes"), Some([0xff, 0x80].as_slice()));
    assert_eq!(said(&envoy)[0], "read=0");
    envoy.request(Request::get("/"));
    assert_eq!(said(&envoy)[2], "read=1");
}

#[test]
fn removing_takes_every_entry_and_an_unknown_map_is_refused() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $report @{removed} (call $remove (i32.const 0) @{X-Dup}))
             (call $report @{unknown} (call $remove (i32.const 8) @{x}))
             (call $report @{response} (call $add (i32.const 2) @{x} @{y}))
             (call $say_header @{callout} (i32.const 6) @{:status})
             (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/").header("x-dup", "1").header("x-dup", "2"));
    assert_eq!(said(&envoy), ["removed=0", "unknown=2", "response=2", "callout=2"]);
    assert_eq!(envoy.upstream(id).expect("forwarded").headers.get("x-dup"), None);
}

#[test]
fn a_map_set_from_too_many_pairs_is_wiped() {
    for (count, left) in [(1024, 1024), (1025, 0)] {
        let mut envoy = build(Plugin::new(
            "p",
            &guest(&format!(
                r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                 (local $at i32) (local $left i32)
                 ;; {count} pairs with names of one letter and no values, at 131072
                 (local.set $left (i32.const {count}))
                 (i32.store (i32.const 131072) (local.get $left))
                 (local.set $at (i32.const 131076))
                 (loop $lengths
                   (i32.store (local.get $at) (i32.const 1))
                   (local.set $at (i32.add (local.get $at) (i32.const 8)))
                   (br_if $lengths (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                 (local.set $left (i32.const {count}))
                 (loop $texts
                   (i32.store8 (local.get $at) (i32.const 120))
                   (local.set $at (i32.add (local.get $at) (i32.const 3)))
                   (br_if $texts (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                 (call $report @{{set}} (call $set_pairs (i32.const 0) (i32.const 131072)
                   (i32.sub (local.get $at) (i32.const 131072))))
                 (i32.const 0))"#
            )),
        ));
        let id = envoy.request(Request::get("/"));
        assert_eq!(said(&envoy), ["set=0"]);
        assert_eq!(envoy.upstream(id).expect("forwarded").headers.len(), left);
    }
}

#[test]
fn replacing_leaves_one_entry_of_several() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (drop (call $replace (i32.const 0) @{x-dup} @{new})) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/").header("x-dup", "1").header("x-dup", "2"));
    let seen = envoy.upstream(id).expect("forwarded");
    assert_eq!(seen.headers.get_all("x-dup").collect::<Vec<_>>(), [b"new"]);
}
