//! The request that everything is known about: token verified, exchanged token at hand, no body.

use super::Bench;
use crate::proxy::{ext_authz_grpc, ext_authz_http, jwt_authn};
use crate::report::Target;
use crate::rounds::{self, Variant};
use crate::world::REST_PATH;
use crate::wrk::Load;

/// Measures `hot_*`.
pub(crate) fn run(bench: &mut Bench) {
    println!("hot: GET, verified and exchanged token cached");
    let one = bench.tokens("one", "ES256", 1);
    let many = bench.tokens("many", "ES256", 10_000);
    let jwks = bench.world.jwks("ES256");
    let plain = bench.proxy("no-filter", vec![]);
    let noop = bench.proxy("noop", vec![bench.do_nothing("")]);
    let cached = bench.proxy("jwt-cached", vec![jwt_authn(&jwks, true)]);
    let uncached = bench.proxy("jwt-uncached", vec![jwt_authn(&jwks, false)]);
    let http = bench.proxy("ext-authz-http", vec![jwt_authn(&jwks, true), ext_authz_http()]);
    let grpc = bench.proxy("ext-authz-grpc", vec![jwt_authn(&jwks, true), ext_authz_grpc()]);
    let actgate = bench.proxy("actgate", vec![bench.actgate("ES256")]);
    let load = |tokens| Load { method: "GET", path: REST_PATH, tokens, body: None, connections: 16 };
    let mut variants = vec![
        Variant::new("no filter", &plain, load(&one)),
        Variant::new("do-nothing wasm", &noop, load(&one)),
        Variant::new("actgate", &actgate, load(&one)),
        Variant::new("jwt_authn cached", &cached, load(&one)),
        Variant::new("jwt_authn uncached", &uncached, load(&one)),
        Variant::new("jwt_authn + ext_authz http", &http, load(&one)),
        Variant::new("jwt_authn + ext_authz grpc", &grpc, load(&one)),
        Variant::new("do-nothing wasm, 10k", &noop, load(&many)),
        Variant::new("actgate, 10k", &actgate, load(&many)),
    ];
    // Each of the many must have been seen before it counts.
    bench.peers.load(&[&actgate.port.to_string(), "GET", REST_PATH, &super::text(&many), "-", "16", "closed"]);
    rounds::run(&mut variants, bench.rounds, bench.seconds, &bench.world.folder);
    let ratio = |above: &str, below: &str| rounds::ratio(&variants, above, below);
    let report = &mut bench.report;
    report.add("hot_vs_noop", ratio("actgate", "do-nothing wasm"), Target::AtLeast(0.88));
    report.add("hot_vs_jwt_authn_cached", ratio("actgate", "jwt_authn cached"), Target::AtLeast(1.3));
    report.add("hot_vs_ext_authz_grpc", ratio("actgate", "jwt_authn + ext_authz grpc"), Target::AtLeast(2.5));
    report.add("hot_vs_ext_authz_http", ratio("actgate", "jwt_authn + ext_authz http"), Target::AtLeast(2.5));
    report.add("hot_10k_vs_1", ratio("actgate, 10k", "actgate"), Target::AtLeast(0.8));
    // The load itself is slower with many tokens: this is what the same change costs a filter that reads none.
    report.add("noop_10k_vs_1", ratio("do-nothing wasm, 10k", "do-nothing wasm"), Target::Golden);
}
