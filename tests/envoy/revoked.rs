//! What a pushed configuration withdraws ends what the one before it let in, on every worker, within two seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::mint;
use actgate::dev::world::streamward::{CHAT_APP, DEMO_USER, IDP, ORCHESTRATOR, RAS_KNOWLEDGE};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::tls_client::{self, Connection};
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

use crate::answers::{Chunks, endless, upstream};
use crate::client::{
    MCP, assert_no_trap, code, connect, exchange, good_body, good_request, head, request, send, start, wait_for,
};

const WORKERS: u32 = 4;

/// Of each kind, so that every worker is likely to have some.
const STREAMS: usize = 12;

/// From the moment when Envoy took the configuration.
const ENDED_WITHIN: Duration = Duration::from_secs(2);

/// Envoy leaves the connection of a stream that was reset open for that long (`delayed_close_timeout`), with nothing on it.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// What is withdrawn of the human is what was issued half of that ago: more than clocks may be off.
const EARLIER_SECONDS: u64 = 120;

fn options(port: u16) -> Options {
    // Whatever ends early is not ended by draining.
    Options { workers: WORKERS, pushed: Some(Duration::from_secs(300)), behind: Some(port), ..Options::default() }
}

/// Whose stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The human, by a token of a while ago.
    Human,
    /// An agent that took part, for the same human.
    Agent,
    /// The same human by a token of now, without that agent.
    Nobody,
}

fn token_of(gateway: &EnvoyGateway, whose: Whose, jti: &str) -> String {
    let now = UnixSeconds::from_system_clock();
    let mut claims = good_claims(now, jti);
    if whose == Whose::Human {
        claims["iat"] = json!(now.0 - EARLIER_SECONDS);
        claims["exp"] = json!(now.0 + 600);
    }
    if whose != Whose::Agent {
        claims["act"] = json!({ "sub": ORCHESTRATOR, "sub_profile": "ai_agent" });
    }
    let keys = gateway.world.issuer_keys(RAS_KNOWLEDGE);
    mint::access_token(keys.first().expect("a key"), &claims)
}

fn push(gateway: &EnvoyGateway, options: &Options, edit: impl FnOnce(&mut Value)) -> Instant {
    let mut document = gateway.world.filter_config(Default::default());
    edit(&mut document);
    assert!(gateway.push(&document, options), "{}", gateway.envoy.logs());
    Instant::now()
}

/// Withdraws the human's earlier tokens and the agent, and maps another tool, by which the old plugin and the new one are told apart.
fn withdraw(document: &mut Value) {
    let before = UnixSeconds::from_system_clock().0 - EARLIER_SECONDS / 2;
    document["resources"][1]["mcp"]["tools"] = json!({"another": {"scopes": ["Aurora-DB:read"]}});
    document["revoked"] = json!([
        {"authorization_server": "knowledge", "sub": DEMO_USER, "issued_before": before},
        {"actor": CHAT_APP},
    ]);
}

/// When the last event came and when the stream broke off after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    last_event: Instant,
    broke_off: Instant,
}

/// Reads events until they break off or are not wanted any more.
fn follow(mut chunks: Chunks<Connection>, enough: &AtomicBool) -> Option<End> {
    let mut last_event = Instant::now();
    while !enough.load(Ordering::Relaxed) {
        match chunks.next() {
            Ok(Some(_)) => last_event = Instant::now(),
            Ok(None) => panic!("it ended as if it were complete"),
            Err(_) => return Some(End { last_event, broke_off: Instant::now() }),
        }
    }
    None
}

fn open(gateway: &EnvoyGateway, whose: Whose, number: usize) -> Chunks<Connection> {
    let mut connection = connect(gateway);
    send(&mut connection, &good_request(&token_of(gateway, whose, &format!("{whose:?}-{number}"))));
    Chunks::after_head(connection)
}

/// A connection to the plugin of now, kept by a request that is refused after its body was read.
fn kept(gateway: &EnvoyGateway, jti: &str) -> Connection {
    let mut connection = connect(gateway);
    let body = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"other"}}"#;
    let answer = tls_client::exchange(&mut connection, &request(MCP, &token_of(gateway, Whose::Nobody, jti), "", body));
    assert_eq!(code(&answer.expect("an answer")), "tool_not_mapped");
    connection
}

fn busy_workers(gateway: &EnvoyGateway) -> usize {
    let stats = gateway.envoy.admin_get("/stats?filter=worker_.*downstream_cx_active").expect("admin answers");
    stats.lines().filter(|line| line.contains("listener.127") && !line.ends_with(": 0")).count()
}

type Opened = Vec<(Whose, Chunks<Connection>)>;

fn open_streams(gateway: &EnvoyGateway) -> Opened {
    let kinds = [Whose::Human, Whose::Agent, Whose::Nobody];
    let opened: Opened =
        (0..STREAMS).flat_map(|number| kinds.map(|whose| (whose, open(gateway, whose, number)))).collect();
    println!("{} streams on {} of {WORKERS} workers", opened.len(), busy_workers(gateway));
    opened
}

/// Follows open streams while a configuration comes; `meanwhile` says when it was taken.
fn follow_during(gateway: &EnvoyGateway, opened: Opened, meanwhile: impl FnOnce() -> Instant) {
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let enough = &enough;
        let followed: Vec<_> =
            opened.into_iter().map(|(whose, chunks)| (whose, scope.spawn(move || follow(chunks, enough)))).collect();
        let taken = meanwhile();
        std::thread::sleep((taken + ENDED_WITHIN + CLOSED_WITHIN).saturating_duration_since(Instant::now()));
        enough.store(true, Ordering::Relaxed);
        let (mut last, mut closed) = (Duration::ZERO, Duration::ZERO);
        for (whose, handle) in followed {
            let ended = handle.join().expect("no panic");
            match whose {
                Whose::Nobody => assert_eq!(ended, None, "an unconcerned stream broke off"),
                Whose::Human | Whose::Agent => {
                    let ended =
                        ended.unwrap_or_else(|| panic!("a stream of {whose:?} goes on\n{}", gateway.envoy.logs()));
                    last = last.max(ended.last_event.saturating_duration_since(taken));
                    closed = closed.max(ended.broke_off.saturating_duration_since(taken));
                }
            }
        }
        println!(
            "withdrawn streams: the last event {last:?} after the push, the last connection closed after {closed:?}"
        );
        assert!(last < ENDED_WITHIN && closed < ENDED_WITHIN + CLOSED_WITHIN, "{last:?}, {closed:?}");
    });
}

/// Refused before the call that it waits for is answered.
fn assert_refused(what: &str, connection: &mut Connection, taken: Instant) {
    let answer = tls_client::read(connection).unwrap_or_else(|error| panic!("{what}: {error}"));
    let after = Instant::now().saturating_duration_since(taken);
    println!("{what}: refused {after:?} after the push");
    assert_eq!((answer.status, code(&answer).as_str()), (401, "subject_revoked"), "{what}: {answer:?}");
    assert!(after < ENDED_WITHIN, "{what}: {after:?}");
}

fn what_waits(gateway: &mut EnvoyGateway) -> (Connection, Connection) {
    let (mut waiting, mut reading) = (connect(gateway), connect(gateway));
    let length = format!("content-length: {}\r\n", good_body().len());
    send(&mut reading, &head(MCP, &token_of(gateway, Whose::Human, "reads"), &length));
    send(&mut reading, &good_body()[..10]);
    gateway.order(IDP, "slow=6000*1");
    let asked = gateway.asked(IDP).0;
    send(&mut waiting, &good_request(&token_of(gateway, Whose::Human, "waits")));
    wait_for(gateway, "the call to be under way", |gateway| gateway.asked(IDP).0 > asked);
    (waiting, reading)
}

#[test]
fn what_a_push_withdraws_ends_what_is_open_on_four_workers() {
    let options = options(upstream(endless));
    let mut gateway = start(&options);
    // Requests on connections of before, which Envoy leaves to the old plugin.
    let (mut of_human, mut of_nobody) = (kept(&gateway, "kept-human"), kept(&gateway, "kept-nobody"));
    let opened = open_streams(&gateway);
    let (mut waiting, mut reading) = what_waits(&mut gateway);
    let shared = &gateway;
    follow_during(shared, opened, || {
        let taken = push(shared, &options, withdraw);
        assert_refused("reading", &mut reading, taken);
        assert_refused("waiting", &mut waiting, taken);
        let answer = tls_client::exchange(&mut of_human, &good_request(&token_of(shared, Whose::Human, "old")))
            .expect("an answer");
        assert_eq!(code(&answer), "subject_revoked", "on an old connection");
        // It is the old plugin that answers there: the new one maps no such tool.
        send(&mut of_nobody, &good_request(&token_of(shared, Whose::Nobody, "old-too")));
        drop(Chunks::after_head(of_nobody));
        taken
    });
    gateway.behave();
    let logs = gateway.envoy.logs();
    let ended = logs.lines().filter(|line| line.contains("stream_ended") && line.contains("\"reason\":\"revoked\""));
    assert_eq!(ended.count(), 2 * STREAMS, "{logs}");
    let count = gateway.envoy.admin_get("/stats").expect("admin answers");
    assert!(count.contains(&format!("actgate.streams.ended.revoked: {}", 2 * STREAMS)), "{count}");
    what_is_not_withdrawn_any_more(&gateway, &options);
    assert_no_trap(&gateway);
}

/// A later configuration that withdraws less lets in again, and a document that is still in use is gone back to without harm.
fn what_is_not_withdrawn_any_more(gateway: &EnvoyGateway, options: &Options) {
    let nobody = |document: &mut Value| document["revoked"] = json!([{"actor": "nobody"}]);
    push(gateway, options, nobody);
    drop(open(gateway, Whose::Human, STREAMS));
    push(gateway, options, withdraw);
    // Envoy goes back to the plugin that drains, and tells it nothing: until the one between is drained, what that withdrew counts.
    push(gateway, options, nobody);
    drop(open(gateway, Whose::Nobody, STREAMS));
    let again = exchange(gateway, &good_request(&token_of(gateway, Whose::Human, "gone-back-to")));
    assert_eq!(code(&again), "subject_revoked");
}
