//! Measures the filter in a real Envoy, beside what its users would take instead.
//!
//! ```text
//! actgate-bench --peers PROGRAM --noop MODULE [--rounds N] [--seconds S] [--tokens N] [PART...]
//! ```
//!
//! Parts: `hot`, `mcp`, `cold`, `exchange`, `memory`, `module`; all of them unless named.
//! `ACTGATE_WASM` and `ACTGATE_ENVOY` name what is measured. Everything listens on 127.0.0.1 and ends with this program.
//!
//! The proxy under test runs alone on one processor, load and servers on another.
//! Variants take turns within each round, and a ratio is taken round by round, so a slow moment of the machine is in both of its sides.

mod peer;
mod proxy;
mod report;
mod rounds;
mod section;
mod world;
mod wrk;

use std::path::{Path, PathBuf};

use peer::Peers;
use proxy::Ports;
use report::Report;
use section::{Bench, text};
use world::World;

struct Arguments {
    peers: PathBuf,
    noop: PathBuf,
    rounds: usize,
    seconds: f64,
    tokens: usize,
    parts: Vec<String>,
}

fn arguments() -> Arguments {
    let mut given = Arguments {
        peers: PathBuf::new(),
        noop: PathBuf::new(),
        rounds: 5,
        seconds: 3.0,
        tokens: 1_000_000,
        parts: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
        match word.as_str() {
            "--peers" => given.peers = value().into(),
            "--noop" => given.noop = value().into(),
            "--rounds" => given.rounds = value().parse().expect("a number of rounds"),
            "--seconds" => given.seconds = value().parse().expect("seconds"),
            "--tokens" => given.tokens = value().parse().expect("a number of tokens"),
            part if !part.starts_with('-') => given.parts.push(word),
            _ => panic!("{word} is not known; see the top of tests/bench/src/main.rs"),
        }
    }
    given
}

fn main() {
    let given = arguments();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let world = World::generate(&target.join("world"));
    let peers = Peers { program: given.peers };
    let upstream = peers.serve(&["upstream"]);
    let idp = peers.serve(&["idp", &text(&world.pem("idp")), "0"]);
    let authz_http = peers.serve(&["authz-http"]);
    let authz_grpc = peers.serve(&["authz-grpc"]);
    let ports =
        Ports { upstream: upstream.port, idp: idp.port, authz_http: authz_http.port, authz_grpc: authz_grpc.port };
    let mut bench = Bench {
        world,
        peers,
        ports,
        rounds: given.rounds.max(1),
        seconds: given.seconds,
        report: Report::default(),
        module: std::env::var_os("ACTGATE_WASM").expect("ACTGATE_WASM names the module: run `make bench`").into(),
        noop: given.noop,
        servers: vec![upstream, idp, authz_http, authz_grpc],
    };
    let wanted = |part: &str| given.parts.is_empty() || given.parts.iter().any(|name| name == part);
    if wanted("module") {
        section::module::run(&mut bench);
    }
    if wanted("hot") {
        section::hot::run(&mut bench);
    }
    if wanted("mcp") {
        section::mcp::run(&mut bench);
    }
    if wanted("cold") {
        section::cold::run(&mut bench);
    }
    if wanted("exchange") {
        section::exchange::run(&mut bench);
    }
    if wanted("memory") {
        section::exchange::memory(&mut bench, given.tokens);
    }
    bench.report.finish(&target.join("report.json"));
    bench.servers.clear();
}
