//! The module itself: how large, and how much later an Envoy is ready that loads it.

use std::time::Instant;

use super::Bench;
use crate::report::{Spread, Target};

/// Measures `module_kib` and `configure_ms`.
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
    // Compiling, starting and configuring three VMs, beyond what three of the smallest take.
    bench.report.add("start_ms_beyond_noop", Spread::of(&more), Target::Golden);
}
