//! Variants measured in turn, round after round, so that a machine that slows down slows all of them.

use std::path::Path;

use crate::peer;
use crate::proxy::Proxy;
use crate::report::Spread;
use crate::wrk::{self, Load};

/// One variant and its results, a figure for each round.
#[derive(Debug)]
pub(crate) struct Variant<'a> {
    pub(crate) name: String,
    pub(crate) proxy: &'a Proxy,
    pub(crate) load: Load<'a>,
    pub(crate) per_second: Vec<f64>,
    pub(crate) cpu_micros: Vec<f64>,
}

impl<'a> Variant<'a> {
    pub(crate) fn new(name: &str, proxy: &'a Proxy, load: Load<'a>) -> Self {
        Self { name: name.to_owned(), proxy, load, per_second: Vec::new(), cpu_micros: Vec::new() }
    }

    fn measure(&mut self, seconds: f64, folder: &Path) {
        let before = peer::cpu_micros(self.proxy.envoy.pid());
        let report = wrk::run(&self.name, &self.load, self.proxy.port, seconds, folder);
        let spent = peer::cpu_micros(self.proxy.envoy.pid()).saturating_sub(before);
        let requests = report["requests"].as_f64().unwrap_or(0.0);
        let elapsed = report["micros"].as_f64().unwrap_or(f64::NAN) / 1e6;
        self.per_second.push(requests / elapsed);
        self.cpu_micros.push(spent as f64 / requests);
    }
}

/// Warms every variant once and then measures them in turn.
pub(crate) fn run(variants: &mut [Variant<'_>], rounds: usize, seconds: f64, folder: &Path) {
    for variant in variants.iter() {
        wrk::run(&variant.name, &variant.load, variant.proxy.port, seconds, folder);
    }
    for _ in 0..rounds {
        for variant in variants.iter_mut() {
            variant.measure(seconds, folder);
        }
    }
    for variant in variants.iter() {
        let (rate, cpu) = (Spread::of(&variant.per_second), Spread::of(&variant.cpu_micros));
        println!("  {:<28} {:>22} requests/s {:>20} µs of CPU each", variant.name, rate.line(0), cpu.line(1));
    }
}

/// How one variant compares with another, round by round.
pub(crate) fn ratio(variants: &[Variant<'_>], above: &str, below: &str) -> Spread {
    let rates = |name: &str| {
        let variant = variants.iter().find(|variant| variant.name == name);
        variant.unwrap_or_else(|| panic!("no variant is called {name}")).per_second.as_slice()
    };
    let ratios: Vec<f64> = rates(above).iter().zip(rates(below)).map(|(above, below)| above / below).collect();
    Spread::of(&ratios)
}

/// The same for processor time: how much more the first costs than the second.
pub(crate) fn cost_ratio(variants: &[Variant<'_>], above: &str, below: &str) -> Spread {
    let costs = |name: &str| {
        let variant = variants.iter().find(|variant| variant.name == name);
        variant.unwrap_or_else(|| panic!("no variant is called {name}")).cpu_micros.as_slice()
    };
    let ratios: Vec<f64> = costs(above).iter().zip(costs(below)).map(|(above, below)| above / below).collect();
    Spread::of(&ratios)
}
