//! Properties and filter state.

use envoy_harness::{Connection, Plugin, Request, Response, profile};

use crate::support::{builder, envoy, guest, said};

/// Reads `PATH` (segments divided by dots) in the request's and the response's header callbacks.
fn reading(path: &str) -> String {
    let path = path.replace('.', "\0");
    r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
         (call $say_property @{request} @{PATH}) (i32.const 0))
       (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
         (call $say_property @{response} @{PATH}) (i32.const 0))"#
        .replace("PATH", &path)
}

fn read(path: &str, request: Request) -> Vec<String> {
    let mut envoy = envoy(&reading(path));
    let id = envoy.request(request);
    envoy.respond(id, Response::new(204));
    said(&envoy)
}

#[test]
fn what_comes_from_the_headers_is_gone_in_the_response_phase() {
    let request = Request::get("/a/b?c=d").authority("h").header("x-y", "1").header("x-y", "2");
    for (path, value) in [
        ("request.path", "/a/b?c=d"),
        ("request.url_path", "/a/b"),
        ("request.query", "c=d"),
        ("request.host", "h"),
        ("request.method", "GET"),
        ("request.headers.x-y", "1,2"),
    ] {
        assert_eq!(read(path, request.clone()), ["request=0", value, "response=1"], "{path}");
    }
}

#[test]
fn numbers_are_eight_bytes_and_truths_are_one() {
    let request = Request::get("/").connection(Connection {
        id: Some(7),
        source: Some("10.0.0.1:513".to_owned()),
        ..Connection::default()
    });
    let number = |n: u64| String::from_utf8(n.to_le_bytes().to_vec()).expect("ASCII");
    assert_eq!(read("connection.id", request.clone())[1], number(7));
    assert_eq!(read("source.port", request.clone())[1], number(0x0201));
    assert_eq!(read("source.address", request.clone())[1], "10.0.0.1:513");
    assert_eq!(read("connection.mtls", request)[1], "\0");
    assert_eq!(read("connection.mtls", Request::get("/").peer_uri_san("spiffe://a"))[1], "\u{1}");
}

#[test]
fn only_the_first_san_is_visible_and_none_without_tls() {
    let request = Request::get("/").peer_uri_san("spiffe://a").peer_uri_san("spiffe://b");
    assert_eq!(read("connection.uri_san_peer_certificate", request)[0..2], ["request=0", "spiffe://a"]);
    assert_eq!(read("connection.uri_san_peer_certificate", Request::get("/")), ["request=1", "response=1"]);
}

#[test]
fn a_path_to_no_single_value_cannot_be_serialised() {
    assert_eq!(read("", Request::get("/"))[0], "request=3");
    assert_eq!(read("filter_state", Request::get("/"))[0], "request=3");
    assert_eq!(read("node.id", Request::get("/"))[0], "request=1");
    assert_eq!(read("plugin_name", Request::get("/"))[1], "p");
}

#[test]
fn a_property_a_filter_sets_is_filter_state_under_wasm() {
    let mut envoy = envoy(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $report @{root} (call $set_property @{user} @{x})) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $report @{set} (call $set_property @{user} @{alice}))
             (call $say_property @{bare} @{user}) (i32.const 0))"#,
    );
    let id = envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["root=1", "set=0", "bare=0", "alice"]);
    assert_eq!(envoy.filter_state(id, "wasm.user").as_deref(), Some(b"alice".as_slice()));
}

#[test]
fn a_property_declared_read_only_is_written_once() {
    // DeclarePropertyArguments { name: "user", readonly: true }
    let mut envoy = envoy(
        "(func (export \"proxy_on_configure\") (param i32 i32) (result i32)
             (call $report @{declare} (call $foreign @{declare_property} @{\n\u{4}user\u{10}\u{1}} (i32.const 0) (i32.const 4)))
             (i32.const 1))
           (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
             (call $report @{first} (call $set_property @{user} @{a}))
             (call $report @{second} (call $set_property @{user} @{b})) (i32.const 0))",
    );
    let id = envoy.request(Request::get("/"));
    assert_eq!(said(&envoy), ["declare=0", "first=0", "second=2"]);
    assert_eq!(envoy.filter_state(id, "wasm.user").as_deref(), Some(b"a".as_slice()));
}

#[test]
fn a_host_of_texts_gives_texts_and_a_test_can_give_anything() {
    let texts = profile::Profile { properties_as_text: true, ..profile::V1_40 };
    let plugin = Plugin::new("p", &guest(&reading("connection.mtls")));
    let mut envoy = envoy_harness::Envoy::builder(texts).plugin(plugin).start().unwrap();
    envoy.request(Request::get("/").peer_uri_san("spiffe://a"));
    assert_eq!(said(&envoy), ["request=0", "true"]);

    let mut envoy = builder(Plugin::new("p", &guest(&reading("xds.route_name")))).start().unwrap();
    envoy.request(Request::get("/").property(&["xds", "route_name"], "r"));
    envoy.request(Request::get("/").without_property(&["xds", "route_name"]));
    assert_eq!(said(&envoy), ["request=0", "r", "request=1"]);
}

#[test]
fn the_peer_certificate_is_a_property_from_1_38() {
    for (version, status) in [(profile::V1_37, "request=1"), (profile::V1_38, "request=0")] {
        let plugin = Plugin::new("p", &guest(&reading("connection.peer_certificate")));
        let mut envoy = envoy_harness::Envoy::builder(version).plugin(plugin).start().unwrap();
        let connection = Connection { certificate_pem: Some("PEM".to_owned()), ..Connection::default() };
        envoy.request(Request::get("/").connection(connection));
        assert_eq!(said(&envoy)[0], status);
    }
}
