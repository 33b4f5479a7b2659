//! Four workers of a real Envoy: what one of them gets serves all.

use std::time::Duration;

use actgate::dev::world::streamward::{IDP, RAS_AURORADB, RAS_KNOWLEDGE};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::tls_client;
use serde_json::json;

use crate::client::{assert_no_trap, assert_serves, at_once, code, connect, good_request, start_with, token};

const WORKERS: u32 = 4;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn start_sharing() -> EnvoyGateway {
    start_with(&Options { workers: WORKERS, ..Options::default() }, |document| {
        document["sharing"] = json!({"secret": {"insecure_inline": SECRET}});
    })
}

fn counted(gateway: &EnvoyGateway, name: &str) -> u64 {
    gateway.envoy.stat(&format!("wasmcustom.{name}")).expect("admin answers").unwrap_or(0)
}

#[test]
fn four_workers_make_one_exchange_and_fetch_keys_once() {
    let mut gateway = start_sharing();
    for issuer in [IDP, RAS_KNOWLEDGE, RAS_AURORADB] {
        assert_eq!(gateway.asked(issuer).2, 1, "{issuer}: keys for four workers and the main thread");
    }
    gateway.order(IDP, "slow=400");
    let bytes = good_request(&token(&gateway.world, "crowd"));
    let answers = at_once(&gateway, 400, &bytes);
    for answer in &answers {
        assert_eq!(code(answer), "status 200", "{answer:?}");
    }
    assert_eq!((gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1), (1, 1), "exchanges");
    gateway.behave();
    // Whichever worker takes it, the token is there.
    for _ in 0..16 {
        let mut connection = connect(&gateway);
        let answer = tls_client::exchange(&mut connection, &bytes);
        assert_eq!(code(&answer.expect("an answer")), "status 200");
    }
    assert_eq!(gateway.asked(IDP).0, 1);
    assert_eq!(counted(&gateway, "actgate.shared.token.led"), 1);
    assert!(counted(&gateway, "actgate.shared.token.taken") >= 1);
    while gateway.upstream.take().is_some() {}
    assert_no_trap(&gateway);
}

/// A failure is not inherited: who waited for it asks for itself, and the next request works.
#[test]
fn workers_that_waited_for_a_failure_ask_for_themselves() {
    let mut gateway = start_sharing();
    gateway.order(IDP, "status=500");
    let answers = at_once(&gateway, 24, &good_request(&token(&gateway.world, "failing")));
    for answer in &answers {
        assert_eq!(code(answer), "authorization_server_unavailable", "{answer:?}");
    }
    let asked = gateway.asked(IDP).0;
    assert!((1..=WORKERS as usize * 2).contains(&asked), "{asked} exchanges");
    gateway.behave();
    std::thread::sleep(Duration::from_millis(50));
    assert_serves(&gateway, "after the failure");
    assert_no_trap(&gateway);
}
