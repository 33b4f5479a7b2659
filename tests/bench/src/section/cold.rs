//! Tokens never seen before: a signature check for each, and what a flood of bad ones costs beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{Bench, text};
use crate::peer;
use crate::proxy::{Proxy, jwt_authn};
use crate::report::{Spread, Target};
use crate::world::VERIFY_PATH;

/// How many tokens one round sends.
const TOKENS: usize = 4000;

/// Measures `cold_verify_*` and `bad_token_vs_good`.
pub(crate) fn run(bench: &mut Bench) {
    for (algorithm, key) in [("RS256", "cold_verify_rs256_vs_native"), ("ES256", "cold_verify_es256_vs_native")] {
        println!("cold: {algorithm}, every token new, {TOKENS} a round");
        let native = bench.proxy("cold-native", vec![jwt_authn(&bench.world.jwks(algorithm), false)]);
        let actgate = bench.proxy("cold-actgate", vec![bench.actgate(algorithm)]);
        let (mut ratios, mut bad_ratios) = (Vec::new(), Vec::new());
        for round in 0..=bench.rounds {
            let good = bench.tokens("cold", algorithm, TOKENS);
            let theirs = rate(bench, &native, &good, &["200"]);
            let ours = rate(bench, &actgate, &good, &["200"]);
            let bad = spoiled(bench, &bench.tokens("cold", algorithm, TOKENS));
            // Past its ration the peer is told so, without a check.
            let flooded = rate(bench, &actgate, &bad, &["401", "429"]);
            // Until its ration is filled again by one check, its good tokens would be refused too.
            thread::sleep(Duration::from_secs(2));
            // The first round warms caches and compilers.
            if round > 0 {
                ratios.push(ours / theirs);
                bad_ratios.push(flooded / ours);
            }
        }
        bench.report.add(key, Spread::of(&ratios), Target::AtLeast(0.9));
        if algorithm == "ES256" {
            bench.report.add("bad_token_vs_good", Spread::of(&bad_ratios), Target::AtLeast(1.0));
        }
    }
}

/// Requests per second of the proxy's own processor time: the load on the other processor may be the slower of the two.
fn rate(bench: &Bench, proxy: &Proxy, tokens: &Path, statuses: &[&str]) -> f64 {
    let before = peer::cpu_micros(proxy.envoy.pid());
    let report = bench.peers.load(&[&proxy.port.to_string(), "GET", VERIFY_PATH, &text(tokens), "-", "16", "closed"]);
    let spent = peer::cpu_micros(proxy.envoy.pid()).saturating_sub(before);
    let expected = statuses.iter().filter_map(|status| report["statuses"].get(*status)).filter_map(Value::as_u64);
    assert_eq!(Some(expected.sum()), report["requests"].as_u64(), "{}: {report}", proxy.name);
    let each = spent as f64 / TOKENS as f64;
    println!(
        "  {:<28} {:>8.0} requests/s {each:>8.1} µs of CPU each",
        proxy.name,
        report["per_second"].as_f64().unwrap_or(0.0)
    );
    1e6 / each
}

/// The same tokens, each with one letter of its signature changed.
fn spoiled(bench: &Bench, tokens: &Path) -> PathBuf {
    let text = fs::read_to_string(tokens).expect("a file of tokens");
    let bad: Vec<String> = text
        .lines()
        .map(|token| {
            let (input, signature) = token.rsplit_once('.').unwrap_or((token, ""));
            let changed = if signature.starts_with('A') { "B" } else { "A" };
            format!("{input}.{changed}{}", signature.get(1..).unwrap_or_default())
        })
        .collect();
    bench.file("spoiled.txt", &bad.join("\n"))
}
