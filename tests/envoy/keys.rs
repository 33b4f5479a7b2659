//! Keys that change while requests are under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::world::streamward::RAS_KNOWLEDGE;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::tls_client::{self, Answer};

use crate::client::{
    assert_no_trap, assert_serves, code, connect, exchange, good_body, good_request, head, send, start, token, token_by,
};

/// How often an unknown `kid` may cause a fetch.
const INTERVAL: Duration = Duration::from_secs(5);

fn fetches(gateway: &EnvoyGateway) -> usize {
    gateway.asked(RAS_KNOWLEDGE).2
}

/// Seconds count whole, so that one may be nearly over when it begins to count.
fn rest() {
    std::thread::sleep(INTERVAL + Duration::from_millis(1100));
}

fn assert_passes(answer: &Answer, what: &str) {
    assert_eq!(code(answer), "status 200", "{what}: {answer:?}");
}

/// Tokens of the old key and of the new one, from four clients at once, while the issuer changes from one to the other.
fn rotation_under_load(gateway: &EnvoyGateway) {
    let standby = gateway.world.issuer_keys(RAS_KNOWLEDGE)[1].clone();
    let before = fetches(gateway);
    let (rotated, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let sent_new = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (rotated, done, sent_new, standby) = (&rotated, &done, &sent_new, &standby);
            scope.spawn(move || {
                let mut connection = connect(gateway);
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    let jti = format!("load-{client}-{number}");
                    let new = number % 2 == 0 && rotated.load(Ordering::Acquire);
                    sent_new.fetch_add(usize::from(new), Ordering::Relaxed);
                    let token = if new { token_by(standby, &jti) } else { token(&gateway.world, &jti) };
                    let answer = tls_client::exchange(&mut connection, &good_request(&token)).expect("an answer");
                    assert_passes(&answer, &jti);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(200));
        gateway.issuer(RAS_KNOWLEDGE).rotate(Algorithm::Es256);
        rotated.store(true, Ordering::Release);
        std::thread::sleep(Duration::from_millis(800));
        done.store(true, Ordering::Relaxed);
    });
    assert!(sent_new.load(Ordering::Relaxed) >= 8, "hardly any token of the new key was sent");
    assert_eq!(fetches(gateway) - before, 1, "fetches for one rotation");
    while gateway.upstream.take().is_some() {}
}

/// Invented key identifiers cause one fetch in an interval, and are refused.
fn unknown_keys_are_no_lever(gateway: &EnvoyGateway) {
    let (before, began) = (fetches(gateway), Instant::now());
    std::thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || {
                for number in 0..10 {
                    let stranger = SigningKey::generate(Algorithm::Es256, &format!("invented-{client}-{number}"));
                    let answer = exchange(gateway, &good_request(&token_by(&stranger, "invented")));
                    assert_eq!((answer.status, code(&answer).as_str()), (401, "token_unknown_kid"));
                }
            });
        }
    });
    let intervals = usize::try_from(began.elapsed().as_secs() / INTERVAL.as_secs()).expect("a small number");
    let fetched = fetches(gateway) - before;
    assert!((1..=1 + intervals).contains(&fetched), "{fetched} fetches in {:?}", began.elapsed());
}

/// The last good set serves while the key endpoint fails.
fn a_failing_key_endpoint_changes_nothing(gateway: &mut EnvoyGateway) {
    for word in ["keys:status=500", "keys:garbage", "keys:huge=1"] {
        gateway.order(RAS_KNOWLEDGE, word);
        let before = fetches(gateway);
        let stranger = SigningKey::generate(Algorithm::Es256, "invented");
        let answer = exchange(gateway, &good_request(&token_by(&stranger, word)));
        assert_eq!((answer.status, code(&answer).as_str()), (401, "token_unknown_kid"), "{word}");
        assert_eq!(fetches(gateway) - before, 1, "{word}: the key endpoint was asked");
        assert_serves(gateway, word);
        gateway.behave();
        if word != "keys:huge=1" {
            rest();
        }
    }
    let logs = gateway.envoy.logs();
    assert_eq!(logs.matches("\"event\":\"keys_not_fetched\"").count(), 3, "{logs}");
}

/// A body that is complete before the keys are there is not waited for again.
fn the_body_may_be_complete_before_the_keys(gateway: &mut EnvoyGateway) {
    let new = gateway.issuer(RAS_KNOWLEDGE).rotate(Algorithm::Es256);
    let keys = gateway.world.issuer_keys(RAS_KNOWLEDGE);
    let key = keys.iter().find(|key| Some(key.kid()) == new.kid()).expect("a standby key").clone();
    gateway.order(RAS_KNOWLEDGE, "keys:slow=500");
    let body = good_body();
    let (first, second) = body.split_at(20);
    let length = format!("content-length: {}\r\n", body.len());
    let chunk =
        [format!("{:x}\r\n", body.len()).into_bytes(), body.clone(), b"\r\n0\r\nx-t: 1\r\n\r\n".to_vec()].concat();

    // All of them wait for the same fetch: a whole body, one with trailers, half of one.
    let mut whole = connect(gateway);
    let mut trailers = connect(gateway);
    let mut half = connect(gateway);
    gateway.upstream.take_begun();
    send(&mut whole, &good_request(&token_by(&key, "whole-before-keys")));
    let chunked = head("/auroradb/mcp", &token_by(&key, "trailers-before-keys"), "transfer-encoding: chunked\r\n");
    send(&mut trailers, &[chunked, chunk].concat());
    send(&mut half, &[head("/auroradb/mcp", &token_by(&key, "half-before-keys"), &length), first.to_vec()].concat());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(gateway.upstream.take_begun(), 0, "the upstream was reached without keys");
    for (what, connection) in [("whole", &mut whole), ("trailers", &mut trailers)] {
        connection.sock.set_read_timeout(Some(Duration::from_secs(4))).expect("a socket option");
        let answer = tls_client::read(connection).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        assert_passes(&answer, what);
    }
    assert_eq!(gateway.upstream.take_begun(), 2);
    send(&mut half, second);
    assert_passes(&tls_client::read(&mut half).expect("an answer"), "half");
    for _ in 0..3 {
        assert_eq!(gateway.upstream.take().expect("a request").body, body);
    }
    gateway.behave();
}

fn keys_that_change() {
    let mut gateway = start(&Options::default());
    rest();
    rotation_under_load(&gateway);
    rest();
    the_body_may_be_complete_before_the_keys(&mut gateway);
    rest();
    unknown_keys_are_no_lever(&gateway);
    assert_no_trap(&gateway);
}

fn keys_that_do_not_come() {
    let mut gateway = start(&Options::default());
    rest();
    a_failing_key_endpoint_changes_nothing(&mut gateway);
    assert_no_trap(&gateway);
}

#[test]
fn keys_change_and_fail_under_way() {
    // Both mostly wait, each at an Envoy of its own.
    std::thread::scope(|scope| {
        scope.spawn(keys_that_change);
        scope.spawn(keys_that_do_not_come);
    });
}
