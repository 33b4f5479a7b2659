//! What is measured, part by part.

pub(crate) mod cold;
pub(crate) mod exchange;
pub(crate) mod hot;
pub(crate) mod mcp;
pub(crate) mod module;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::peer::{Peers, Server};
use crate::proxy::{Ports, Proxy, wasm};
use crate::report::Report;
use crate::world::World;

/// What all parts share.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) peers: Peers,
    pub(crate) ports: Ports,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) report: Report,
    pub(crate) module: PathBuf,
    pub(crate) noop: PathBuf,
    pub(crate) servers: Vec<Server>,
}

impl Bench {
    /// An Envoy with one worker.
    pub(crate) fn proxy(&self, name: &'static str, filters: Vec<Value>) -> Proxy {
        Proxy::start(name, filters, self.ports, 1, &self.world.folder)
    }

    /// The filter under test, for tokens of that algorithm.
    pub(crate) fn actgate(&self, algorithm: &str) -> Value {
        wasm("actgate", &text(&self.module), &self.world.document(algorithm).to_string())
    }

    /// The filter that does nothing; told so, it waits for the body first.
    pub(crate) fn do_nothing(&self, configuration: &str) -> Value {
        wasm("noop", &text(&self.noop), configuration)
    }

    /// A file of so many fresh tokens.
    pub(crate) fn tokens(&self, name: &str, algorithm: &str, count: usize) -> PathBuf {
        let file = self.world.folder.join(format!("{name}.txt"));
        self.peers.tokens(algorithm, &self.world.pem(algorithm), count, &file);
        file
    }

    /// A file with these bytes.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.world.folder.join(name);
        std::fs::write(&file, content).expect("a file to send");
        file
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
