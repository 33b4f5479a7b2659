//! What an exchange costs beyond the identity provider's own time, and how many exchanges a crowd causes.

use super::{Bench, text};
use crate::proxy::{Ports, Proxy};
use crate::report::{Spread, Target};
use crate::world::{MCP_PATH, REST_PATH};

/// Each call at the identity provider takes this long.
const IDP_MILLIS: u64 = 5;
/// Cold requests a second, and for how many seconds.
const RATE: usize = 200;
const SECONDS: usize = 5;
/// A crowd with one token.
const CROWD: usize = 1000;

/// Measures `exchange_added_ms_p99`, `exchanges_per_1000_concurrent` and `heap_mib_after_1m_tokens`.
pub(crate) fn run(bench: &mut Bench) {
    added_latency(bench);
    crowd(bench);
}

fn slow_idp(bench: &Bench) -> (crate::peer::Server, Ports) {
    let idp = bench.peers.serve(&["idp", &text(&bench.world.pem("idp")), &IDP_MILLIS.to_string()]);
    let ports = Ports { idp: idp.port, ..bench.ports };
    (idp, ports)
}

fn added_latency(bench: &mut Bench) {
    println!("exchange: {RATE} cold requests a second, {IDP_MILLIS} ms for each call");
    let (_idp, ports) = slow_idp(bench);
    let proxy = Proxy::start("exchange", vec![bench.actgate("ES256")], ports, 1, &bench.world.folder);
    let mut added = Vec::new();
    for round in 0..=bench.rounds {
        let tokens = bench.tokens("exchange", "ES256", RATE * SECONDS);
        let rate = RATE.to_string();
        let arguments = [&proxy.port.to_string(), "GET", REST_PATH, &text(&tokens), "-", "64", "open", &rate];
        let report = bench.peers.load(&arguments);
        assert_eq!(report["statuses"]["200"], report["requests"], "{report}");
        let p99 = report["p99_ms"].as_f64().unwrap_or(f64::NAN);
        println!(
            "  p50 {:.2} ms, p99 {p99:.2} ms, two calls of {IDP_MILLIS} ms in it",
            report["p50_ms"].as_f64().unwrap_or(0.0)
        );
        if round > 0 {
            added.push(p99 - 2.0 * IDP_MILLIS as f64);
        }
    }
    bench.report.add("exchange_added_ms_p99", Spread::of(&added), Target::AtMost(3.0));
}

fn crowd(bench: &mut Bench) {
    println!("crowd: {CROWD} requests with one token at once, four workers");
    let (idp, ports) = slow_idp(bench);
    let proxy = Proxy::start("crowd", vec![bench.actgate("ES256")], ports, 4, &bench.world.folder);
    let mut exchanges = Vec::new();
    for _ in 0..bench.rounds {
        let before = idp.get("/asked")["exchanges"].as_u64().unwrap_or(0);
        let one = std::fs::read_to_string(bench.tokens("crowd-one", "ES256", 1)).expect("a token");
        let same = bench.file("crowd.txt", &one.repeat(CROWD));
        let body = bench.file("crowd.json", &bench.world.call(256));
        let port = proxy.port.to_string();
        let connections = CROWD.to_string();
        let report = bench.peers.load(&[&port, "POST", MCP_PATH, &text(&same), &text(&body), &connections, "closed"]);
        assert_eq!(report["statuses"]["200"], report["requests"], "{report}");
        exchanges.push(idp.get("/asked")["exchanges"].as_u64().unwrap_or(0).saturating_sub(before) as f64);
    }
    println!("  exchanges: {exchanges:?}");
    bench.report.add("exchanges_per_1000_concurrent", Spread::of(&exchanges), Target::AtMost(1.0));
}

/// Sends a million tokens, each once, and looks at what the VM has grown to.
pub(crate) fn memory(bench: &mut Bench, tokens: usize) {
    const AT_ONCE: usize = 100_000;
    println!("memory: {tokens} different tokens");
    let proxy = bench.proxy("memory", vec![bench.actgate("ES256")]);
    let before = crate::peer::linear_memory(proxy.envoy.pid());
    let mut sent = 0;
    while sent < tokens {
        let count = AT_ONCE.min(tokens - sent);
        let file = bench.tokens("memory", "ES256", count);
        let path = crate::world::VERIFY_PATH;
        let report = bench.peers.load(&[&proxy.port.to_string(), "GET", path, &text(&file), "-", "16", "closed"]);
        assert_eq!(report["statuses"]["200"], report["requests"], "{report}");
        sent += count;
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let after = crate::peer::linear_memory(proxy.envoy.pid());
    println!("  linear memory {:.1} MiB at first, {:.1} MiB after {sent} tokens", mib(before), mib(after));
    assert!(after > 0, "no linear memory was found in the process");
    bench.report.add("heap_mib_after_1m_tokens", Spread::single(mib(after)), Target::AtMost(64.0));
}
