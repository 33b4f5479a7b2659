//! Issuers that fail in every way a network and a server can: each refuses, none harms the next request.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use actgate::dev::world::streamward::{IDP, RAS_AURORADB};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;

use crate::client::{assert_no_trap, assert_refuses, assert_serves, start};

const UNAVAILABLE: (u16, &str) = (200, "authorization_server_unavailable");
const INVALID: (u16, &str) = (200, "authorization_server_answer_invalid");

/// Orders `words` of `issuer`, sends one request, and asserts what comes of it, how often hop 7 and hop 8 were tried,
/// and that the very next good request works once the issuer does.
fn check(gateway: &mut EnvoyGateway, issuer: &str, words: &[&str], want: (u16, &str), tries: (usize, usize)) {
    let name = format!("{issuer} {}", words.join("+"));
    let (asked, spent) = (gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1);
    for word in words {
        gateway.order(issuer, word);
    }
    assert_refuses(gateway, &name, want.0, want.1);
    let tried = (gateway.asked(IDP).0 - asked, gateway.asked(RAS_AURORADB).1 - spent);
    assert_eq!(tried, tries, "{name}: calls of hop 7 and hop 8");
    gateway.behave();
    assert_serves(gateway, &format!("after {name}"));
}

fn wrong_answers(gateway: &mut EnvoyGateway) {
    check(gateway, IDP, &["slow=2500"], UNAVAILABLE, (1, 0));
    check(gateway, IDP, &["status=500"], UNAVAILABLE, (1, 0));
    check(gateway, IDP, &["status=429"], UNAVAILABLE, (1, 0));
    // 503 says that nothing was done: asked once more, and no more.
    check(gateway, IDP, &["status=503"], UNAVAILABLE, (2, 0));
    check(gateway, IDP, &["garbage"], INVALID, (1, 0));
    check(gateway, IDP, &["empty"], INVALID, (1, 0));
    check(gateway, IDP, &["redirect"], INVALID, (1, 0));
    check(gateway, IDP, &["wrong-content-type"], INVALID, (1, 0));
    check(gateway, IDP, &["deep-nesting"], INVALID, (1, 0));
    check(gateway, IDP, &["duplicate-keys"], INVALID, (1, 0));
    // Within what Envoy buffers of an answer, and beyond it: there Envoy resets the call.
    check(gateway, IDP, &["huge=30"], INVALID, (1, 0));
    check(gateway, IDP, &["huge=34"], UNAVAILABLE, (2, 0));
    check(gateway, IDP, &["access_denied"], (200, "exchange_denied"), (1, 0));

    // Hop 8 spends the assertion: whatever comes back, it is not sent again.
    check(gateway, RAS_AURORADB, &["slow=2500"], UNAVAILABLE, (1, 1));
    check(gateway, RAS_AURORADB, &["status=503"], UNAVAILABLE, (1, 1));
    check(gateway, RAS_AURORADB, &["status=500"], UNAVAILABLE, (1, 1));
    check(gateway, RAS_AURORADB, &["garbage"], INVALID, (1, 1));
    check(gateway, RAS_AURORADB, &["redirect"], INVALID, (1, 1));
    check(gateway, RAS_AURORADB, &["huge=34"], UNAVAILABLE, (1, 1));
}

fn one_failure_is_survived(gateway: &mut EnvoyGateway) {
    let asked = gateway.asked(IDP).0;
    gateway.order(IDP, "status=503*1");
    assert_serves(gateway, "one 503");
    assert_eq!(gateway.asked(IDP).0 - asked, 2);
    gateway.behave();
}

fn closed_ports(gateway: &mut EnvoyGateway) {
    for issuer in [IDP, RAS_AURORADB] {
        gateway.stop_issuer(issuer);
        let stat = format!("cluster.{issuer}.upstream_cx_connect_fail");
        let before = gateway.envoy.stat(&stat).expect("admin answers").unwrap_or(0);
        assert_refuses(gateway, &format!("{issuer} down"), UNAVAILABLE.0, UNAVAILABLE.1);
        let tried = gateway.envoy.stat(&stat).expect("admin answers").unwrap_or(0) - before;
        assert_eq!(tried, if issuer == IDP { 2 } else { 1 }, "{issuer}: connections tried");
        gateway.start_issuer(issuer);
        assert_serves(gateway, &format!("{issuer} up again"));
    }
}

/// Serves `answer` to each of so many calls and then closes the connection in the middle of it.
fn broken_off(port: u16, calls: usize, answer: &'static [u8]) -> std::thread::JoinHandle<usize> {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    listener.set_nonblocking(true).expect("a socket option");
    std::thread::spawn(move || {
        let mut served = 0;
        let deadline = std::time::Instant::now() + Duration::from_secs(2);
        while std::time::Instant::now() < deadline && served <= calls {
            let Ok((mut connection, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            connection.set_nonblocking(false).expect("a socket option");
            connection.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket option");
            // The request comes in one piece or two; that it came at all is enough.
            let mut buffer = [0; 16 * 1024];
            if connection.read(&mut buffer).is_ok_and(|read| read > 0) {
                served += 1;
                let _ = connection.write_all(answer);
                // The answer must be seen before the connection ends.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        served
    })
}

fn answers_that_break_off(gateway: &mut EnvoyGateway) {
    let half =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"access_token\":\"ey";
    for (issuer, port, calls) in
        [(IDP, gateway.world.ports.idp, 2), (RAS_AURORADB, gateway.world.ports.ras_auroradb, 1)]
    {
        gateway.stop_issuer(issuer);
        let server = broken_off(port, calls, half);
        assert_refuses(gateway, &format!("{issuer} breaks off"), UNAVAILABLE.0, UNAVAILABLE.1);
        assert_eq!(server.join().expect("no panic"), calls, "{issuer}: calls");
        gateway.start_issuer(issuer);
        assert_serves(gateway, &format!("{issuer} whole again"));
    }
}

#[test]
fn a_failing_issuer_refuses_and_the_next_request_works() {
    let mut gateway = start(&Options::default());
    wrong_answers(&mut gateway);
    one_failure_is_survived(&mut gateway);
    closed_ports(&mut gateway);
    answers_that_break_off(&mut gateway);
    assert_no_trap(&gateway);
}
