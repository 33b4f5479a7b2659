//! Nothing of an undecided or refused request reaches the upstream, in either host mode, however its body arrives.
//!
//! What reaches the upstream is counted from its first line on, complete or not.

use std::time::Duration;

use actgate::dev::world::streamward;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::run::tool_call;
use actgate_tests::tls_client::{self, Answer, Connection};
use serde_json::json;

use crate::client::{
    A2A, MCP, assert_no_trap, assert_serves, code, connect, exchange, good_body, good_request, head, request, send,
    start, start_with, token, wait_for,
};

/// How long an exchange takes here: long enough to look at the upstream meanwhile.
const SLOW_MILLIS: u64 = 700;

/// The bound of a body where no `max_body` says otherwise.
const BODY_BYTES_MAX: usize = 1_048_576;

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// The chunks of a body and its end, with a trailer, which Envoy reads and drops in HTTP/1.1.
fn chunked(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
        bytes.extend_from_slice(part);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\nx-checksum: 1\r\n\r\n");
    bytes
}

/// Runs `send_all` while the identity provider is slow, and asserts that the upstream sees the request only after the decision.
fn held_until_decided(gateway: &mut EnvoyGateway, what: &str, send_all: impl FnOnce(&EnvoyGateway, &mut Connection)) {
    gateway.order(streamward::IDP, &format!("slow={SLOW_MILLIS}"));
    let exchanges = gateway.asked(streamward::IDP).0;
    gateway.upstream.take_begun();
    let mut connection = connect(gateway);
    send_all(gateway, &mut connection);
    wait_for(gateway, what, |gateway| gateway.asked(streamward::IDP).0 > exchanges);
    assert_eq!(gateway.upstream.take_begun(), 0, "{what}: upstream reached before the decision");
    pause(SLOW_MILLIS / 2);
    assert_eq!(gateway.upstream.take_begun(), 0, "{what}: upstream reached before the decision");
    let answer = tls_client::read(&mut connection).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
    assert_eq!(code(&answer), "status 200", "{what}: {answer:?}");
    let seen = gateway.upstream.take().unwrap_or_else(|| panic!("{what}: nothing reached the upstream"));
    assert_eq!(seen.claims()["aud"], streamward::AURORADB_RESOURCE, "{what}");
    assert_eq!(seen.body, good_body(), "{what}: the body changed on its way");
    assert_eq!(gateway.upstream.take_begun(), 1, "{what}");
    gateway.behave();
}

fn bodies_are_held(gateway: &mut EnvoyGateway) {
    let body = good_body();
    let (first, second) = body.split_at(body.len() / 2);
    let length = format!("content-length: {}\r\n", body.len());
    let chunks = "transfer-encoding: chunked\r\ntrailer: x-checksum\r\n";

    let good = token(&gateway.world, "whole");
    held_until_decided(gateway, "whole body", |_, connection| send(connection, &good_request(&good)));

    let good = token(&gateway.world, "trailers");
    held_until_decided(gateway, "chunks and trailers at once", |_, connection| {
        send(connection, &[head(MCP, &good, chunks), chunked(&[first, second])].concat());
    });

    let good = token(&gateway.world, "late");
    held_until_decided(gateway, "late body", |gateway, connection| {
        send(connection, &head(MCP, &good, &length));
        pause(100);
        send(connection, first);
        pause(200);
        assert_eq!(gateway.upstream.take_begun(), 0, "half a body reached the upstream");
        send(connection, second);
    });

    let good = token(&gateway.world, "late-trailers");
    held_until_decided(gateway, "late trailers", |gateway, connection| {
        let rest = chunked(&[second]);
        let (rest, end) = rest.split_at(rest.len() - 5);
        send(connection, &head(MCP, &good, chunks));
        pause(50);
        send(connection, format!("{:x}\r\n", first.len()).as_bytes());
        send(connection, first);
        send(connection, b"\r\n");
        pause(50);
        send(connection, rest);
        pause(100);
        assert_eq!(gateway.upstream.take_begun(), 0, "a body without its end reached the upstream");
        send(connection, end);
    });
}

/// A refusal that comes late refuses what is held, too.
fn refused_after_waiting(gateway: &mut EnvoyGateway, status: u16) {
    for word in [&format!("slow={SLOW_MILLIS}"), "access_denied"] {
        gateway.order(streamward::IDP, word);
    }
    let body = good_body();
    gateway.upstream.take_begun();
    let mut whole = connect(gateway);
    send(&mut whole, &good_request(&token(&gateway.world, "denied-whole")));
    let mut late = connect(gateway);
    let lines = format!("content-length: {}\r\n", body.len());
    send(&mut late, &head(MCP, &token(&gateway.world, "denied-late"), &lines));
    pause(100);
    send(&mut late, &body);
    for connection in [&mut whole, &mut late] {
        let answer = tls_client::read(connection).expect("an answer");
        assert_eq!((answer.status, code(&answer).as_str()), (status, "exchange_denied"));
    }
    gateway.behave();
    assert_eq!(gateway.upstream.take_begun(), 0);
}

/// A client that leaves at any point leaves nothing behind at the upstream.
fn clients_that_leave(gateway: &mut EnvoyGateway) {
    gateway.order(streamward::IDP, &format!("slow={SLOW_MILLIS}"));
    gateway.upstream.take_begun();
    let body = good_body();
    let lines = format!("content-length: {}\r\n", body.len());
    for (name, bytes) in [
        ("after-headers", head(MCP, &token(&gateway.world, "left-1"), &lines)),
        ("mid-body", [head(MCP, &token(&gateway.world, "left-2"), &lines), body[..20].to_vec()].concat()),
        ("while-pending", good_request(&token(&gateway.world, "left-3"))),
    ] {
        let mut connection = connect(gateway);
        send(&mut connection, &bytes);
        pause(100);
        drop(connection);
        pause(50);
        assert_eq!(gateway.upstream.take_begun(), 0, "{name}");
    }
    pause(SLOW_MILLIS + 300);
    assert_eq!(gateway.upstream.take_begun(), 0, "a request that was left behind was sent on");
    gateway.behave();
}

fn refused(gateway: &EnvoyGateway, what: &str, bytes: &[u8], status: u16, word: &str) -> Answer {
    gateway.upstream.take_begun();
    let answer = exchange(gateway, bytes);
    assert_eq!((answer.status, code(&answer).as_str()), (status, word), "{what}: {answer:?}");
    pause(30);
    assert_eq!(gateway.upstream.take_begun(), 0, "{what}: the upstream was reached");
    answer
}

/// A body passes its bound by its last byte, and Envoy holds all the others: the filter refuses it in its own words, before Envoy does.
fn refused_for_one_byte(gateway: &EnvoyGateway) {
    let mut body = good_body();
    body.resize(BODY_BYTES_MAX + 1, b' ');
    let lines = format!("content-length: {}\r\n", body.len());
    gateway.upstream.take_begun();
    let mut connection = connect(gateway);
    send(&mut connection, &head(MCP, &token(&gateway.world, "known"), &lines));
    send(&mut connection, &body[..BODY_BYTES_MAX]);
    pause(200);
    assert_eq!(gateway.upstream.take_begun(), 0, "a body without its last byte reached the upstream");
    send(&mut connection, &body[BODY_BYTES_MAX..]);
    let answer = tls_client::read(&mut connection).expect("an answer");
    assert_eq!((answer.status, code(&answer).as_str()), (413, "body_too_large"));
    assert_eq!(gateway.upstream.take_begun(), 0, "a body too large reached the upstream");
}

/// A body that must not pass does not, whether or not its headers were let go already.
fn refused_bodies(gateway: &mut EnvoyGateway) {
    let token = |jti: &str| token(&gateway.world, jti);
    let other = tool_call("drop_all_tables").to_string().into_bytes();
    let routed = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: query_knowledge_base\r\n";
    let said = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_all_tables","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    // Twice each: exchanged afresh, then with the token in the cache.
    for round in 0..2 {
        let round = |what: &str| format!("{what}, round {round}");
        let bytes = request(MCP, &token("tool"), "", &other);
        refused(gateway, &round("unmapped tool"), &bytes, 200, "tool_not_mapped");
        let bytes = request(MCP, &token("named"), routed, said);
        refused(gateway, &round("another tool than the header says"), &bytes, 400, "header_mismatch");
        let bytes = [head(MCP, &token("trailed"), "transfer-encoding: chunked\r\n"), chunked(&[&other])].concat();
        refused(gateway, &round("unmapped tool with trailers"), &bytes, 200, "tool_not_mapped");
        let bytes = request(MCP, &token("broken"), "", b"{\"jsonrpc\":\"2.0\",");
        refused(gateway, &round("broken body"), &bytes, 400, "body_invalid");
        let bytes = [head(MCP, &token("empty"), "transfer-encoding: chunked\r\n"), chunked(&[])].concat();
        refused(gateway, &round("nothing but trailers"), &bytes, 400, "body_invalid");
        let bytes = request(MCP, &token("none"), "", b"");
        refused(gateway, &round("no body"), &bytes, 400, "body_invalid");
    }
    let bytes = request(A2A, &token("a2a"), "", br#"{"jsonrpc":"2.0","id":1,"method":"tasks/get"}"#);
    let mut connection = gateway.connect(Some(streamward::ORCHESTRATOR)).expect("Envoy listens");
    let answer = tls_client::exchange(&mut connection, &bytes).expect("an answer");
    assert_eq!((answer.status, code(&answer).as_str()), (403, "method_not_mapped"));
    assert_eq!(gateway.upstream.take_begun(), 0, "A2A: the upstream was reached");
}

fn nothing_passes(mut gateway: EnvoyGateway, denied: u16) {
    bodies_are_held(&mut gateway);
    refused_after_waiting(&mut gateway, denied);
    clients_that_leave(&mut gateway);
    refused_bodies(&mut gateway);
    assert_serves(&gateway, "known");
    refused_for_one_byte(&gateway);
    assert_serves(&gateway, "last");
    assert_no_trap(&gateway);
}

#[test]
fn nothing_passes_undecided_in_either_host_mode() {
    // Both mostly wait, each at an Envoy of its own.
    std::thread::scope(|scope| {
        // Where the headers go first, the exchange comes before anybody reads whose call it is for.
        for (bootstrap, denied) in [("envoy.yaml", 200), ("headers-first.yaml", 403)] {
            scope.spawn(move || nothing_passes(start(&Options { bootstrap, ..Options::default() }), denied));
        }
    });
}

/// What the document says of the host mode and what Envoy does differ: requests fail, and nothing undecided passes.
#[test]
fn a_misstated_mode_lets_nothing_pass_undecided() {
    let misstated = |bootstrap, said: bool| {
        let options = Options { bootstrap, ..Options::default() };
        start_with(&options, |document| document["allow_on_headers_stop_iteration"] = json!(said))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Envoy delivers no body while the filter waits for one.
            let gateway = misstated("headers-first.yaml", true);
            let mut connection = connect(&gateway);
            send(&mut connection, &good_request(&token(&gateway.world, "held")));
            pause(2000);
            assert_eq!(gateway.upstream.take_begun(), 0, "a request went on whose body nobody saw");
            drop(connection);
            pause(100);
            assert_eq!(gateway.upstream.take_begun(), 0, "it went on when its client left");
            assert_no_trap(&gateway);
        });
        scope.spawn(|| {
            // The headers are decided alone and held by Envoy all the same, so the body comes when it should not.
            let gateway = misstated("envoy.yaml", false);
            for body in [good_body(), tool_call("drop_all_tables").to_string().into_bytes()] {
                let bytes = request(MCP, &token(&gateway.world, "held"), "", &body);
                refused(&gateway, "a body in the wrong place", &bytes, 500, "internal");
            }
            let bytes = request(MCP, "none", "", &good_body());
            refused(&gateway, "no token", &bytes, 401, "token_parts");
            assert_no_trap(&gateway);
        });
    });
}
