//! Streams that come and go: clients that leave, many at once, connections used again, bodies beyond every limit.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use actgate::dev::world::streamward::{IDP, RAS_AURORADB};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::tls_client::{self, Answer};
use serde_json::{Value, json};

use crate::client::{
    MCP, assert_no_trap, assert_serves, at_once, code, connect, exchange, good_body, good_request, head, header,
    request, send, start, start_with, token, wait_for,
};

/// The exchange that a client asked for and left is finished, and serves the next one.
fn a_client_that_leaves(gateway: &mut EnvoyGateway) {
    gateway.order(IDP, "slow=500");
    let (asked, spent) = (gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1);
    let bytes = good_request(&token(&gateway.world, "left"));
    let mut connection = connect(gateway);
    send(&mut connection, &bytes);
    wait_for(gateway, "the exchange", |gateway| gateway.asked(IDP).0 > asked);
    gateway.upstream.take_begun();
    drop(connection);
    wait_for(gateway, "hop 8", |gateway| gateway.asked(RAS_AURORADB).1 > spent);
    gateway.behave();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(gateway.upstream.take_begun(), 0, "the request that was left behind was sent on");
    let answer = exchange(gateway, &bytes);
    assert_eq!(code(&answer), "status 200");
    assert_eq!((gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1), (asked + 1, spent + 1), "calls");
    let logs = gateway.envoy.logs();
    let last = logs.lines().rfind(|line| line.contains("actgate decision")).expect("a decision");
    assert!(last.contains("\"token\":\"cached\""), "{last}");
    while gateway.upstream.take().is_some() {}
}

fn one_exchange_for_many(gateway: &mut EnvoyGateway, workers: usize) {
    gateway.order(IDP, "slow=300");
    let asked = gateway.asked(IDP).0;
    let answers = at_once(gateway, 24, &good_request(&token(&gateway.world, "many")));
    for answer in &answers {
        assert_eq!(code(answer), "status 200", "{answer:?}");
    }
    let exchanges = gateway.asked(IDP).0 - asked;
    assert!((1..=workers).contains(&exchanges), "{exchanges} exchanges on {workers} workers");
    assert_eq!(gateway.asked(RAS_AURORADB).1, gateway.asked(IDP).0, "hop 8 follows hop 7");
    let mut transactions: Vec<_> = answers.iter().filter_map(|answer| header(answer, "x-actgate-txn")).collect();
    transactions.sort_unstable();
    transactions.dedup();
    assert_eq!(transactions.len(), 24, "each request has a transaction of its own");
    gateway.behave();
    let mut reached = 0;
    while gateway.upstream.take().is_some() {
        reached += 1;
    }
    assert_eq!(reached, 24);
}

/// Requests one after another on one connection are decided one by one.
fn one_connection_many_requests(gateway: &EnvoyGateway) {
    let mut connection = connect(gateway);
    let good = token(&gateway.world, "kept");
    let forbidden =
        request(MCP, &good, "", br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"other"}}"#);
    for (bytes, want) in [
        (good_request(&good), "status 200"),
        (forbidden, "tool_not_mapped"),
        (good_request(&good), "status 200"),
        // Refused on its headers alone, so Envoy reads no body and gives the connection up.
        (good_request("a.b.c"), "token_base64"),
    ] {
        let answer = tls_client::exchange(&mut connection, &bytes).expect("the connection is kept");
        assert_eq!(code(&answer), want, "{answer:?}");
    }
    while gateway.upstream.take().is_some() {}
}

/// RFC 9110 §10.1.1: the client waits to be asked for the body.
fn expect_continue(gateway: &EnvoyGateway) {
    gateway.upstream.take_begun();
    let body = good_body();
    let lines = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    let mut connection = connect(gateway);
    send(&mut connection, &head(MCP, &token(&gateway.world, "expects"), &lines));
    let mut interim = Vec::new();
    while !interim.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("an interim answer");
        interim.extend(byte);
    }
    assert!(interim.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&interim));
    assert_eq!(gateway.upstream.take_begun(), 0, "the upstream was asked before the body was there");
    send(&mut connection, &body);
    let answer = tls_client::read(&mut connection).expect("an answer");
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    assert_eq!(gateway.upstream.take().expect("a request").body, body);

    let lines = "expect: 100-continue\r\ncontent-length: 100\r\n";
    let mut connection = connect(gateway);
    send(&mut connection, &head(MCP, "a.b.c", lines));
    let answer = tls_client::read(&mut connection).expect("an answer");
    assert_eq!((answer.status, code(&answer).as_str()), (401, "token_base64"), "refused on its headers");
}

/// Sends what it can of a request that is refused before its end.
fn oversized(gateway: &EnvoyGateway, path: &str, jti: &str, bytes: usize, framing: &str) -> Answer {
    let mut connection = connect(gateway);
    connection.sock.set_write_timeout(Some(Duration::from_secs(5))).expect("a socket option");
    let lines = if framing.is_empty() { format!("content-length: {bytes}\r\n") } else { framing.to_owned() };
    send(&mut connection, &head(path, &token(&gateway.world, jti), &lines));
    let start =
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_knowledge_base","arguments":{"q":""#;
    let body = [start.to_vec(), vec![b'x'; bytes - start.len() - 4], b"\"}}}".to_vec()].concat();
    for part in body.chunks(32 * 1024) {
        let part = match framing {
            "" => part.to_vec(),
            _ => [format!("{:x}\r\n", part.len()).into_bytes(), part.to_vec(), b"\r\n".to_vec()].concat(),
        };
        // Refused in the middle: whoever reads may close.
        if connection.write_all(&part).is_err() {
            break;
        }
    }
    if !framing.is_empty() {
        let _ = connection.write_all(b"0\r\n\r\n");
    }
    let _ = connection.flush();
    tls_client::read(&mut connection).unwrap_or_else(|error| panic!("{jti}: no answer: {error}"))
}

fn bodies_beyond_the_limits(gateway: &EnvoyGateway) {
    const MAX: usize = 1024 * 1024;
    gateway.upstream.take_begun();
    for (jti, bytes, framing) in
        [("one-too-many", MAX + 1, ""), ("one-too-many-chunked", MAX + 1, "transfer-encoding: chunked\r\n")]
    {
        let answer = oversized(gateway, MCP, jti, bytes, framing);
        assert_eq!((answer.status, code(&answer).as_str()), (413, "body_too_large"), "{jti}: {answer:?}");
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["error"]["code"], 413);
        assert_eq!(body["jsonrpc"], "2.0");
        assert_eq!(body["error"]["data"]["txn"].as_str(), header(&answer, "x-actgate-txn"));
    }
    // Envoy itself holds 2 MiB at most: whoever sees it first refuses.
    let answer = oversized(gateway, MCP, "beyond-envoy", 3 * MAX, "");
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0);
    let answer = oversized(gateway, MCP, "just-fits", MAX, "");
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    assert_eq!(gateway.upstream.take().expect("a request").body.len(), MAX);
}

#[test]
fn streams_come_and_go() {
    let mut gateway = start(&Options::default());
    one_exchange_for_many(&mut gateway, 1);
    a_client_that_leaves(&mut gateway);
    one_connection_many_requests(&gateway);
    expect_continue(&gateway);
    bodies_beyond_the_limits(&gateway);
    assert_serves(&gateway, "last");
    assert_no_trap(&gateway);
}

/// Where the filter would take more than Envoy holds, Envoy's own limit refuses.
#[test]
fn four_workers_serve_all() {
    let mut gateway = start_with(&Options { workers: 4, ..Options::default() }, |document| {
        document["resources"][1]["max_body"] = json!("8MiB");
    });
    one_exchange_for_many(&mut gateway, 4);
    gateway.upstream.take_begun();
    let answer = oversized(&gateway, MCP, "beyond-envoy", 5 * 1024 * 1024, "");
    assert_eq!((answer.status, code(&answer).as_str()), (413, "status 413"), "{answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0);
    std::thread::scope(|scope| {
        for client in 0..8 {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut connection = connect(gateway);
                for number in 0..10 {
                    let bytes = good_request(&token(&gateway.world, &format!("{client}-{number}")));
                    let answer = tls_client::exchange(&mut connection, &bytes).expect("an answer");
                    assert_eq!(code(&answer), "status 200", "{answer:?}");
                }
            });
        }
    });
    assert_no_trap(&gateway);
}
