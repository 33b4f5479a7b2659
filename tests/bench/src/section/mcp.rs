//! A tool call that is read and judged, beside Envoy's own reading of it and beside a filter that only waits for the body.

use super::Bench;
use crate::proxy::{jwt_authn, mcp_and_rbac};
use crate::report::Target;
use crate::rounds::{self, Variant};
use crate::world::{MCP_PATH, TOOL};
use crate::wrk::Load;

/// Measures `mcp_*`.
pub(crate) fn run(bench: &mut Bench) {
    println!("mcp: tools/call of 1 KiB and of 1 MiB");
    let one = bench.tokens("one", "ES256", 1);
    let small = bench.file("call-1k.json", &bench.world.call(1 << 10));
    let large = bench.file("call-1m.json", &bench.world.call(1 << 20));
    let mut filters = vec![jwt_authn(&bench.world.jwks("ES256"), true)];
    filters.extend(mcp_and_rbac(TOOL));
    let native = bench.proxy("native-mcp", filters);
    let buffering = bench.proxy("noop-buffering", vec![bench.do_nothing("buffer")]);
    let actgate = bench.proxy("actgate-mcp", vec![bench.actgate("ES256")]);
    let load = |body, connections| Load { method: "POST", path: MCP_PATH, tokens: &one, body: Some(body), connections };
    let mut variants = vec![
        Variant::new("buffering wasm, 1 KiB", &buffering, load(&small, 16)),
        Variant::new("actgate, 1 KiB", &actgate, load(&small, 16)),
        Variant::new("native, 1 KiB", &native, load(&small, 16)),
        Variant::new("buffering wasm, 1 MiB", &buffering, load(&large, 4)),
        Variant::new("actgate, 1 MiB", &actgate, load(&large, 4)),
        Variant::new("native, 1 MiB", &native, load(&large, 4)),
    ];
    rounds::run(&mut variants, bench.rounds, bench.seconds, &bench.world.folder);
    let report = &mut bench.report;
    report.add("mcp_vs_native", rounds::ratio(&variants, "actgate, 1 KiB", "native, 1 KiB"), Target::AtLeast(1.0));
    report.add("mcp_1m_vs_native", rounds::ratio(&variants, "actgate, 1 MiB", "native, 1 MiB"), Target::Golden);
    let cost = |above: &str, below: &str| rounds::cost_ratio(&variants, above, below);
    report.add("mcp_parse_1k_cpu", cost("actgate, 1 KiB", "buffering wasm, 1 KiB"), Target::AtMost(1.25));
    report.add("mcp_parse_1m_cpu", cost("actgate, 1 MiB", "buffering wasm, 1 MiB"), Target::AtMost(2.0));
}
