//! What an agent sends, byte by byte, and what comes back.

use std::io::Write as _;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::keys::SigningKey;
use actgate::dev::mint;
use actgate::dev::world::{World, streamward};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run::tool_call;
use actgate_tests::tls_client::{self, Answer, Connection};
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

pub(crate) const MCP: &str = "/auroradb/mcp";
pub(crate) const A2A: &str = "/agents/knowledge";

/// An Envoy with the world's own configuration.
pub(crate) fn start(options: &Options) -> EnvoyGateway {
    start_with(options, |_| {})
}

/// An Envoy with the world's own configuration, changed by `edit`.
pub(crate) fn start_with(options: &Options, edit: impl FnOnce(&mut Value)) -> EnvoyGateway {
    let world = new_world();
    let mut document = world.filter_config(Default::default());
    document["allow_on_headers_stop_iteration"] = json!(options.bootstrap == "envoy.yaml");
    edit(&mut document);
    let gateway = EnvoyGateway::start(world, &document, options).unwrap_or_else(|error| panic!("{error}"));
    // The keys are fetched at once by every worker and by the main thread, or by one of them for all; what is counted later are further fetches.
    let shares = document.get("sharing").is_some();
    let fetches = if shares { 1 } else { usize::try_from(options.workers).expect("few workers") + 1 };
    wait_for(&gateway, "the first keys", |gateway| {
        [streamward::IDP, streamward::RAS_KNOWLEDGE, streamward::RAS_AURORADB]
            .iter()
            .all(|issuer| gateway.asked(issuer).2 >= fetches)
    });
    std::thread::sleep(Duration::from_millis(50));
    gateway
}

/// Waits until `done`, five seconds at most.
pub(crate) fn wait_for(gateway: &EnvoyGateway, what: &str, done: impl Fn(&EnvoyGateway) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !done(gateway) {
        assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", gateway.envoy.logs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A good T3 with an identifier of its own, so that nothing is found in a cache.
pub(crate) fn token(world: &World, jti: &str) -> String {
    let keys = world.issuer_keys(streamward::RAS_KNOWLEDGE);
    token_by(keys.first().expect("a key"), jti)
}

/// The same by another key.
pub(crate) fn token_by(key: &SigningKey, jti: &str) -> String {
    mint::access_token(key, &good_claims(UnixSeconds::from_system_clock(), jti))
}

/// A request head. `lines` are further header lines, each with its line end.
pub(crate) fn head(path: &str, token: &str, lines: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{lines}\r\n",
        streamward::GATEWAY_HOST
    )
    .into_bytes()
}

/// A whole request with a body of known length.
pub(crate) fn request(path: &str, token: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let lines = format!("{lines}content-length: {}\r\n", body.len());
    [head(path, token, &lines), body.to_vec()].concat()
}

/// The call of the one mapped tool.
pub(crate) fn good_body() -> Vec<u8> {
    tool_call("query_knowledge_base").to_string().into_bytes()
}

/// A good request with this token.
pub(crate) fn good_request(token: &str) -> Vec<u8> {
    request(MCP, token, "", &good_body())
}

/// Opens a connection as the agent that the demo tokens are meant for.
pub(crate) fn connect(gateway: &EnvoyGateway) -> Connection {
    gateway.connect(Some(streamward::KNOWLEDGE_AGENT)).expect("Envoy listens")
}

/// Sends the bytes on a connection of their own and reads the answer.
pub(crate) fn exchange(gateway: &EnvoyGateway, bytes: &[u8]) -> Answer {
    let mut connection = connect(gateway);
    tls_client::exchange(&mut connection, bytes)
        .unwrap_or_else(|error| panic!("no answer: {error}\n{}", gateway.envoy.logs()))
}

/// Sends bytes of a request that is not complete yet.
pub(crate) fn send(connection: &mut Connection, bytes: &[u8]) {
    connection.write_all(bytes).and_then(|()| connection.flush()).expect("Envoy reads");
}

/// The filter's own word for its answer, or the status where it said none.
pub(crate) fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.pointer("/error/data/code").or_else(|| body.get("code")).and_then(Value::as_str);
    code.map_or_else(|| format!("status {}", answer.status), str::to_owned)
}

/// The only value of a header.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut values = answer.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let value = values.next();
    assert!(values.next().is_none(), "{name} twice in {answer:?}");
    value
}

/// Sends a good request and asserts that it passes and reaches the upstream once.
pub(crate) fn assert_serves(gateway: &EnvoyGateway, jti: &str) {
    while gateway.upstream.take().is_some() {}
    let answer = exchange(gateway, &good_request(&token(&gateway.world, jti)));
    assert_eq!(code(&answer), "status 200", "{jti}: {answer:?}\n{}", gateway.envoy.logs());
    assert!(gateway.upstream.take().is_some(), "{jti}: nothing reached the upstream");
}

/// Sends a good request and asserts that it is refused so, with nothing upstream.
pub(crate) fn assert_refuses(gateway: &EnvoyGateway, jti: &str, status: u16, word: &str) {
    gateway.upstream.take_begun();
    let answer = exchange(gateway, &good_request(&token(&gateway.world, jti)));
    assert_eq!((answer.status, code(&answer).as_str()), (status, word), "{jti}: {answer:?}\n{}", gateway.envoy.logs());
    assert_eq!(gateway.upstream.take_begun(), 0, "{jti}: something reached the upstream");
}

/// Asserts that no VM has died.
pub(crate) fn assert_no_trap(gateway: &EnvoyGateway) {
    let stats = gateway.envoy.admin_get("/stats").expect("admin answers");
    let reloads = stats.lines().filter(|line| line.contains("vm_reload") && !line.ends_with(": 0"));
    assert_eq!(reloads.collect::<Vec<_>>(), Vec::<&str>::new());
    let logs = gateway.envoy.logs();
    for word in ["unreachable", "Function: proxy_on", "panicked", "Uncaught RuntimeError"] {
        assert!(!logs.contains(word), "{word}:\n{logs}");
    }
}

/// Sends the same request on so many connections at the same moment.
pub(crate) fn at_once(gateway: &EnvoyGateway, clients: usize, bytes: &[u8]) -> Vec<Answer> {
    let barrier = Barrier::new(clients);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..clients)
            .map(|_| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut connection = connect(gateway);
                    barrier.wait();
                    tls_client::exchange(&mut connection, bytes).expect("an answer")
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
    })
}
