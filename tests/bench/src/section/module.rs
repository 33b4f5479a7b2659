//! The module itself: how large, how much later an Envoy is ready that loads it, and what a body takes of its memory.

use std::time::Instant;

use actgate::dev::world::{Ports, World};
use actgate_tests::harness_gateway::HarnessGateway;
use actgate_tests::memory;
use envoy_harness::profile;

use super::Bench;
use crate::report::{Spread, Target};

/// 2026-11-24T00:00:00Z.
const START: u64 = 1_795_478_400;

/// Measures `module_kib`, `configure_ms`, `start_ms_beyond_noop` and `body_memory_*`.
pub(crate) fn run(bench: &mut Bench) {
    let size = std::fs::metadata(&bench.module).expect("the module").len();
    bench.report.add("module_kib", Spread::single(size as f64 / 1024.0), Target::AtMost(1024.0));
    let mut more = Vec::new();
    for _ in 0..bench.rounds {
        let ready = |name, filters| {
            let began = Instant::now();
            drop(bench.proxy(name, filters));
            began.elapsed().as_secs_f64() * 1e3
        };
        let noop = ready("start-noop", vec![bench.do_nothing("")]);
        let actgate = ready("start-actgate", vec![bench.actgate("ES256")]);
        more.push(actgate - noop);
    }
    bench.report.add("configure_ms", configure(bench.rounds), Target::AtMost(50.0));
    // Compiling, starting and configuring three VMs, beyond what three of the smallest take.
    bench.report.add("start_ms_beyond_noop", Spread::of(&more), Target::Golden);
    // The worst of what the arguments may be.
    for (key, bytes) in [("body_memory_1m", 1 << 20), ("body_memory_max", memory::LARGEST)] {
        let taken: Vec<f64> = memory::TEXTS.iter().map(|(_, filling)| memory::of_call(filling, bytes).memory).collect();
        bench.report.add(key, Spread::single(Spread::of(&taken).most), Target::AtMost(2.0));
    }
}

/// Milliseconds to make one VM and to configure the deployed document in it, in wasmtime, where the module is compiled already.
///
/// Envoy does the same with V8 and says nowhere how long it takes; what differs is what is in `start_ms_beyond_noop`.
fn configure(rounds: usize) -> Spread {
    /// The main thread's, the canary's and one worker's.
    const VMS: f64 = 3.0;
    let world = World::in_memory(Ports::default());
    let document = world.filter_config(Default::default());
    let once = || {
        let began = Instant::now();
        let gateway = HarnessGateway::start(&world, &document, profile::V1_40, 1, START);
        let took = began.elapsed().as_secs_f64() * 1e3 / VMS;
        assert!(gateway.is_ok(), "the deployed configuration loads");
        took
    };
    // The first compiles.
    let _compiled = once();
    Spread::of(&(0..rounds).map(|_| once()).collect::<Vec<_>>())
}
