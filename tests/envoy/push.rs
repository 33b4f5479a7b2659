//! Configurations, keys and certificates that change while requests are under way.
//!
//! Envoy gives a listener with another filter configuration a plugin of its own, in the same VM, and lets the old one serve on
//! until its connections are drained. So a request ends under the rules that it began under.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::world::streamward::{IDP, KNOWLEDGE_AGENT, RAS_AURORADB};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::run::tool_call;
use actgate_tests::tls_client::{self, Answer};
use serde_json::{Value, json};

use crate::client::{
    MCP, assert_no_trap, code, connect, exchange, good_body, good_request, head, request, send, start, token, wait_for,
};

/// Long enough that every connection of the old listener is told to close before it is closed.
const DRAIN: Duration = Duration::from_secs(3);

fn options() -> Options {
    Options { workers: 2, pushed: Some(DRAIN), ..Options::default() }
}

fn document(gateway: &EnvoyGateway, edit: impl FnOnce(&mut Value)) -> Value {
    let mut document = gateway.world.filter_config(Default::default());
    edit(&mut document);
    document
}

fn push(gateway: &EnvoyGateway, edit: impl FnOnce(&mut Value)) -> bool {
    gateway.push(&document(gateway, edit), &options())
}

/// Agents that call one after the other, each on a connection that it keeps as long as it may, while `change` happens.
/// Every call needs an exchange of its own. Returns how many calls were answered; all of them well.
fn under_load(gateway: &EnvoyGateway, change: impl FnOnce()) -> usize {
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..3 {
            let (done, sent) = (&done, &sent);
            scope.spawn(move || {
                let mut connection = connect(gateway);
                while !done.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let jti = format!("push-{client}-{number}-{:?}", Instant::now());
                    let answer = tls_client::exchange(&mut connection, &good_request(&token(&gateway.world, &jti)))
                        .unwrap_or_else(|error| panic!("{jti}: no answer: {error}\n{}", gateway.envoy.logs()));
                    assert_eq!(code(&answer), "status 200", "{jti}: {answer:?}");
                    if answer.headers.iter().any(|(name, value)| name == "connection" && value == "close") {
                        connection = connect(gateway);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        change();
        std::thread::sleep(Duration::from_millis(300));
        done.store(true, Ordering::Relaxed);
    });
    while gateway.upstream.take().is_some() {}
    sent.load(Ordering::Relaxed)
}

fn drained(gateway: &EnvoyGateway) {
    let deadline = Instant::now() + DRAIN * 5;
    let left = || {
        let stat = |name| gateway.envoy.stat(name).expect("admin answers").unwrap_or_default();
        stat("listener_manager.total_listeners_draining") + stat("listener_manager.total_filter_chains_draining")
    };
    while left() > 0 {
        assert!(Instant::now() < deadline, "listeners still drain\n{}", gateway.envoy.logs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn map_another_tool(document: &mut Value) {
    document["resources"][1]["mcp"]["tools"]["list_documents"] = json!({"scopes": ["Aurora-DB:read"]});
}

fn call_of(gateway: &EnvoyGateway, tool: &str, jti: &str) -> Answer {
    let body = tool_call(tool).to_string().into_bytes();
    exchange(gateway, &request(MCP, &token(&gateway.world, jti), "", &body))
}

/// Exchanges are in the air when each configuration comes, because the issuers take their time.
fn pushes_under_load(gateway: &mut EnvoyGateway) {
    gateway.order(IDP, "slow=100");
    assert_eq!(code(&call_of(gateway, "list_documents", "unmapped")), "tool_not_mapped");
    let calls = under_load(gateway, || {
        for round in 0..3 {
            assert!(push(gateway, |document| {
                map_another_tool(document);
                document["resources"][1]["max_body"] = json!(format!("{}KiB", 1024 - round));
            }));
            std::thread::sleep(Duration::from_millis(400));
        }
        drained(gateway);
    });
    assert!(calls > 30, "{calls} calls are no load");
    gateway.behave();
    assert_eq!(code(&call_of(gateway, "list_documents", "mapped")), "status 200");
    while gateway.upstream.take().is_some() {}
}

/// The old plugin decides what it began, although the new one would not have let it in.
fn what_began_under_the_old_ends_under_it(gateway: &mut EnvoyGateway) {
    gateway.order(IDP, "slow=1500*1");
    let (mut waiting, mut reading) = (connect(gateway), connect(gateway));
    let body = good_body();
    send(&mut waiting, &good_request(&token(&gateway.world, "waits-for-a-token")));
    let length = format!("content-length: {}\r\n", body.len());
    send(&mut reading, &head(MCP, &token(&gateway.world, "waits-for-its-body"), &length));
    send(&mut reading, &body[..10]);
    wait_for(gateway, "the call to be under way", |gateway| {
        gateway.issuer(IDP).ledger().entries.last().is_some_and(|entry| entry.grant.is_some())
    });
    assert!(push(gateway, |document| {
        document["resources"][1]["mcp"]["tools"] = json!({"another": {"scopes": ["Aurora-DB:read"]}});
    }));
    assert_eq!(code(&exchange(gateway, &good_request(&token(&gateway.world, "new")))), "tool_not_mapped");
    send(&mut reading, &body[10..]);
    for (what, connection) in [("waiting", &mut waiting), ("reading", &mut reading)] {
        let answer = tls_client::read(connection).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(code(&answer), "status 200", "{what}: {answer:?}");
    }
    gateway.behave();
    drop((waiting, reading));
    drained(gateway);
    assert_eq!(code(&exchange(gateway, &good_request(&token(&gateway.world, "still-new")))), "tool_not_mapped");
    while gateway.upstream.take().is_some() {}
}

/// A configuration that does not load changes nothing.
fn a_bad_push_is_turned_down(gateway: &EnvoyGateway) {
    assert!(push(gateway, map_another_tool));
    let calls = under_load(gateway, || {
        assert!(!push(gateway, |document| document["resources"][1]["mcp"]["tools"] = json!([])));
        assert!(gateway.envoy.logs().contains("actgate configuration: resources[1].mcp.tools: "));
    });
    assert!(calls > 5, "{calls} calls are no load");
}

/// The servers change from one key of the agent to the other between two pushes: first both are configured, then the new one alone.
fn keys_change_across_pushes(gateway: &EnvoyGateway) {
    let next = SigningKey::generate(Algorithm::Es256, "next");
    let pointer = format!("/agents/{KNOWLEDGE_AGENT}/credential/private_key_jwt");
    let new = json!({"alg": "ES256", "kid": "next", "key": {"insecure_inline": next.to_pem()}});
    let set = |document: &mut Value, keys: Value| *document.pointer_mut(&pointer).expect("a credential") = keys;
    let old = document(gateway, |_| {}).pointer(&pointer).expect("a credential").clone();
    let calls = under_load(gateway, || {
        assert!(push(gateway, |document| set(document, json!([new.clone(), old.clone()]))));
        std::thread::sleep(Duration::from_millis(500));
        for issuer in [IDP, RAS_AURORADB] {
            let mut issuer = gateway.issuer(issuer);
            let client = issuer.config_mut().clients.get_mut(KNOWLEDGE_AGENT).expect("a client");
            client.keys.push(next.public_jwk());
        }
        // The configuration before the push has the old key alone: it must be drained before that one is withdrawn.
        drained(gateway);
        for issuer in [IDP, RAS_AURORADB] {
            let mut issuer = gateway.issuer(issuer);
            let client = issuer.config_mut().clients.get_mut(KNOWLEDGE_AGENT).expect("a client");
            client.keys.retain(|key| *key == next.public_jwk());
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(push(gateway, |document| set(document, new.clone())));
        drained(gateway);
    });
    assert!(calls > 30, "{calls} calls are no load");
}

/// Envoy holds the certificate and takes another one; the filter does not notice.
fn the_certificate_changes(gateway: &EnvoyGateway) {
    let files = gateway.world.certificates.as_ref().expect("a written world");
    let first = certificate_shown(gateway);
    let calls = under_load(gateway, || {
        gateway.push_certificate(&files.next_gateway);
        wait_for(gateway, "the other certificate", |gateway| certificate_shown(gateway) != first);
    });
    assert!(calls > 5, "{calls} calls are no load");
}

/// The certificate that a fresh connection is shown.
fn certificate_shown(gateway: &EnvoyGateway) -> Vec<u8> {
    let mut connection = connect(gateway);
    send(&mut connection, b"GET / HTTP/1.1\r\nhost: gateway.streamward.com\r\n\r\n");
    let _ = tls_client::read(&mut connection);
    connection.conn.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec())).unwrap_or_default()
}

/// A plugin that was replaced ends with its last connection: it renews no keys for nobody.
#[test]
fn a_replaced_plugin_asks_nobody_any_more() {
    let gateway = start(&options());
    let often = |round: u32| {
        move |document: &mut Value| {
            document["authorization_servers"]["idp"]["jwks"]["refresh"] = json!("10s");
            document["resources"][1]["max_body"] = json!(format!("{}KiB", 512 + round));
        }
    };
    for round in 0..3 {
        assert!(push(&gateway, often(round)));
        assert_eq!(
            code(&exchange(&gateway, &good_request(&token(&gateway.world, &format!("often-{round}"))))),
            "status 200"
        );
    }
    drained(&gateway);
    std::thread::sleep(Duration::from_secs(1));
    let before = gateway.asked(IDP).2;
    std::thread::sleep(Duration::from_secs(11));
    let fetched = gateway.asked(IDP).2 - before;
    // Two workers and the main thread, each once or twice; with those of before it would be twelve at least.
    assert!((3..=6).contains(&fetched), "{fetched} fetches");
    assert_no_trap(&gateway);
}

#[test]
fn what_changes_under_load_loses_no_request() {
    let mut gateway = start(&options());
    pushes_under_load(&mut gateway);
    what_began_under_the_old_ends_under_it(&mut gateway);
    a_bad_push_is_turned_down(&gateway);
    the_certificate_changes(&gateway);
    keys_change_across_pushes(&gateway);
    assert_no_trap(&gateway);
}
