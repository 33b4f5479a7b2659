//! The same promises over HTTP/2, where headers, data, trailers and resets are frames of their own.

use std::sync::Arc;
use std::time::Duration;

use actgate::dev::world::streamward;
use actgate_tests::answer::UpstreamAnswer;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::run::tool_call;
use actgate_tests::tls_client;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{HeaderMap, Request};
use serde_json::json;

use crate::client::{MCP, assert_no_trap, assert_serves, good_body, start_with, token, wait_for};

const SLOW_MILLIS: u64 = 600;

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn connect(gateway: &EnvoyGateway) -> SendRequest<Bytes> {
    let files = gateway.world.certificates.as_ref().expect("a written world");
    let identity = files.agents.get(streamward::KNOWLEDGE_AGENT);
    let mut config = tls_client::config(&files.authority, identity).expect("certificates");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = tokio::net::TcpStream::connect(gateway.address()).await.expect("Envoy listens");
    let name = gateway.world.gateway_host.clone().try_into().expect("a host name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("TLS");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender.ready().await.expect("a stream is free")
}

/// Opens a stream with the headers of a good request.
fn open(gateway: &EnvoyGateway, sender: &mut SendRequest<Bytes>, jti: &str) -> (ResponseFuture, SendStream<Bytes>) {
    let request = Request::post(format!("https://{}{MCP}", gateway.world.gateway_host))
        .header("authorization", format!("Bearer {}", token(&gateway.world, jti)))
        .header("content-type", "application/json")
        .body(())
        .expect("a request");
    sender.send_request(request, false).expect("a stream")
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().expect("a value"));
    trailers
}

/// Asserts that nothing went upstream.
fn assert_held(gateway: &EnvoyGateway, what: &str) {
    assert_eq!(gateway.upstream.take_begun(), 0, "{what}: the upstream was reached");
}

async fn held_until_decided(gateway: &EnvoyGateway, headers_first: bool) {
    let mut sender = connect(gateway).await;
    let body = good_body();
    let (first, second) = body.split_at(body.len() / 2);
    for (jti, with_trailers, pauses) in
        [("h2", false, 0), ("h2-trailers", true, 0), ("h2-late", false, 100), ("h2-late-trailers", true, 100)]
    {
        gateway.upstream.take_begun();
        let exchanges = gateway.asked(streamward::IDP).0;
        let (answer, mut stream) = open(gateway, &mut sender, jti);
        pause(pauses).await;
        stream.send_data(Bytes::copy_from_slice(first), false).expect("data");
        pause(pauses).await;
        stream.send_data(Bytes::copy_from_slice(second), !with_trailers).expect("data");
        assert_held(gateway, jti);
        pause(pauses).await;
        if with_trailers {
            stream.send_trailers(trailers()).expect("trailers");
        }
        wait_for(gateway, jti, |gateway| gateway.asked(streamward::IDP).0 > exchanges);
        // What has been slow since the headers may be nearly done by now.
        pause(SLOW_MILLIS / 4).await;
        assert_held(gateway, jti);
        let answer = answer.await.expect("an answer");
        if headers_first && with_trailers {
            // Envoy would lose the body on its way: see the filter.
            assert_eq!(answer.status(), 400, "{jti}");
            assert_held(gateway, jti);
            continue;
        }
        assert_eq!(answer.status(), 200, "{jti}");
        let seen = gateway.upstream.take().expect("a request");
        assert_eq!(seen.claims()["aud"], streamward::AURORADB_RESOURCE, "{jti}");
        assert_eq!(seen.body, body, "{jti}");
    }
}

/// A body that is refused is refused with trailers, too.
async fn refused_with_trailers(gateway: &EnvoyGateway) {
    let mut sender = connect(gateway).await;
    gateway.upstream.take_begun();
    let other = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_all_tables"}}"#;
    for pauses in [0, 100] {
        let (answer, mut stream) = open(gateway, &mut sender, "h2-refused-trailers");
        pause(pauses).await;
        stream.send_data(Bytes::from_static(other), false).expect("data");
        pause(pauses).await;
        stream.send_trailers(trailers()).expect("trailers");
        let answer = answer.await.expect("an answer");
        let refused = answer.headers().contains_key("x-actgate-refused");
        assert!(refused || answer.status() == 400, "{answer:?}");
        assert_held(gateway, "a refused body with trailers");
    }
}

async fn streams_that_are_reset(gateway: &EnvoyGateway) {
    let mut sender = connect(gateway).await;
    let body = Bytes::from(good_body());
    gateway.upstream.take_begun();
    let (_first, mut stream) = open(gateway, &mut sender, "h2-reset-headers");
    pause(50).await;
    stream.send_reset(Reason::CANCEL);
    let (_second, mut stream) = open(gateway, &mut sender, "h2-reset-body");
    stream.send_data(body.slice(..20), false).expect("data");
    pause(50).await;
    stream.send_reset(Reason::CANCEL);
    let (_third, mut stream) = open(gateway, &mut sender, "h2-reset-pending");
    stream.send_data(body, false).expect("data");
    pause(50).await;
    stream.send_reset(Reason::CANCEL);
    pause(SLOW_MILLIS + 300).await;
    assert_held(gateway, "reset streams");
}

/// A body that is refused reaches nobody, and a stream beside it goes on.
async fn refused_beside_allowed(gateway: &EnvoyGateway) {
    let mut sender = connect(gateway).await;
    gateway.upstream.take_begun();
    let (good, mut good_stream) = open(gateway, &mut sender, "h2-good");
    let (bad, mut bad_stream) = open(gateway, &mut sender, "h2-bad");
    let other = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_all_tables"}}"#;
    bad_stream.send_data(Bytes::from_static(other), true).expect("data");
    good_stream.send_data(Bytes::from(good_body()), true).expect("data");
    assert_eq!(bad.await.expect("an answer").headers()["x-actgate-refused"], "tool_not_mapped");
    assert_eq!(good.await.expect("an answer").status(), 200);
    assert_eq!(gateway.upstream.take_begun(), 1);
    assert_eq!(gateway.upstream.take().expect("a request").body, good_body());
}

/// A call by a tool's name here reaches the server by its name there, in a body of another length, whatever ends it.
async fn renamed(gateway: &EnvoyGateway, headers_first: bool) {
    let mut sender = connect(gateway).await;
    let body = tool_call("search").to_string().into_bytes();
    let (first, second) = body.split_at(body.len() / 2);
    for (jti, with_trailers) in [("h2-renamed", false), ("h2-renamed-trailers", true)] {
        gateway.upstream.take_begun();
        let (answer, mut stream) = open(gateway, &mut sender, jti);
        stream.send_data(Bytes::copy_from_slice(first), false).expect("data");
        pause(50).await;
        stream.send_data(Bytes::copy_from_slice(second), !with_trailers).expect("data");
        if with_trailers {
            stream.send_trailers(trailers()).expect("trailers");
        }
        let status = answer.await.expect("an answer").status();
        if headers_first && with_trailers {
            assert_eq!(status, 400, "{jti}");
            assert_held(gateway, jti);
            continue;
        }
        assert_eq!(status, 200, "{jti}");
        let seen = gateway.upstream.take().expect("a request");
        let text = String::from_utf8(seen.body).expect("text");
        assert_eq!(text, tool_call("query_knowledge_base_of_the_server").to_string(), "{jti}");
    }
}

/// Sends a body with a good request, and gives the answer with its body.
async fn ask(
    gateway: &EnvoyGateway,
    sender: &mut SendRequest<Bytes>,
    jti: &str,
    body: impl Into<Bytes>,
) -> (http::response::Parts, Vec<u8>) {
    let (answer, mut stream) = open(gateway, sender, jti);
    stream.send_data(body.into(), true).expect("data");
    let (head, mut body) = answer.await.expect("an answer").into_parts();
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap_or_else(|error| panic!("{jti}: {error} after {} bytes", whole.len()));
        body.flow_control().release_capacity(piece.len()).expect("capacity");
        whole.extend_from_slice(&piece);
    }
    (head, whole)
}

/// What is held may be many times as long as the window of a stream, in both directions; past the bounds of the filter, it is the filter that refuses.
async fn longer_than_a_window(gateway: &EnvoyGateway) {
    const MIB: usize = 1024 * 1024;
    let mut sender = connect(gateway).await;
    gateway.upstream.take_begun();
    let call = |padding: usize| {
        let mut call = tool_call("query_knowledge_base");
        call["params"]["arguments"]["padding"] = json!("x".repeat(padding));
        call.to_string().into_bytes()
    };
    let long = call(MIB - 1024);
    let (head, _) = ask(gateway, &mut sender, "h2-long", long.clone()).await;
    assert_eq!(head.status, 200, "{head:?}");
    assert!(gateway.upstream.take().expect("a request").body == long);
    let (head, body) = ask(gateway, &mut sender, "h2-too-long", call(MIB)).await;
    let text = String::from_utf8_lossy(&body);
    assert!(head.status == 413 && text.contains("body_too_large"), "{head:?} {text}");

    let list = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {} }).to_string();
    let answer = |padding| {
        UpstreamAnswer {
        content_type: Some("application/json".to_owned()),
        headers: Vec::new(),
        trailers: Vec::new(),
        pieces: vec![r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"drop_tables"},{"name":"query_knowledge_base","description":"{padding}"}]}}"#.to_owned()],
        pause_ms: None,
        padding: Some(padding),
    }
    };
    gateway.upstream.say(Some(answer(2 * MIB - 1024)));
    let (head, body) = ask(gateway, &mut sender, "h2-long-list", list.clone()).await;
    let text = String::from_utf8(body).expect("text");
    assert_eq!(head.status, 200, "{head:?}");
    assert!(text.contains("query_knowledge_base") && !text.contains("drop_tables"), "{}", text.len());
    gateway.upstream.say(Some(answer(2 * MIB)));
    let (head, body) = ask(gateway, &mut sender, "h2-too-long-list", list).await;
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("upstream_answer_refused") && !text.contains("drop_tables"), "{head:?} {text}");
    gateway.upstream.say(None);
}

fn over_http2(options: &Options) {
    let mut gateway = start_with(options, |document| {
        document["resources"][1]["mcp"]["tools"]["search"] =
            json!({"scopes": ["Aurora-DB:read"], "upstream_name": "query_knowledge_base_of_the_server"});
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    gateway.order(streamward::IDP, &format!("slow={SLOW_MILLIS}"));
    runtime.block_on(held_until_decided(&gateway, options.bootstrap == "headers-first.yaml"));
    runtime.block_on(streams_that_are_reset(&gateway));
    gateway.behave();
    runtime.block_on(refused_with_trailers(&gateway));
    runtime.block_on(refused_beside_allowed(&gateway));
    runtime.block_on(renamed(&gateway, options.bootstrap == "headers-first.yaml"));
    runtime.block_on(longer_than_a_window(&gateway));
    assert_serves(&gateway, "last");
    assert_no_trap(&gateway);
}

#[test]
fn nothing_passes_undecided_over_http2() {
    // Both mostly wait, each at an Envoy of its own.
    std::thread::scope(|scope| {
        for bootstrap in ["envoy.yaml", "headers-first.yaml"] {
            scope.spawn(move || over_http2(&Options { bootstrap, ..Options::default() }));
        }
    });
}
