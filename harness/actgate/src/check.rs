//! Judging a configuration document by the module that will run it.
//!
//! Guaranteed: the verdict is the shipped module's own, given in an emulated Envoy, so it cannot differ from production.
//! Absent on purpose: the network. Whether a cluster exists or an issuer answers is Envoy's to find out.

use std::path::Path;

use envoy_harness::{Envoy, Level, LogLine, Module, Plugin, profile};

/// What precedes everything the filter says about its configuration.
const PREFIX: &str = "actgate configuration: ";

/// What the module said about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It serves; these are its warnings.
    Accepted(Vec<String>),
    /// It does not load; this is why.
    Refused(Vec<String>),
}

/// Loads `document` into the module at `wasm`, which sees the environment variables `environment`.
///
/// # Errors
/// The module itself cannot be loaded.
pub fn check(
    wasm: &Path,
    document: &[u8],
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let mut plugin = Plugin::new("actgate", &Module::load(wasm)?).configuration(document);
    for (name, value) in environment {
        plugin = plugin.env(name, value);
    }
    Ok(match Envoy::builder(profile::V1_40).plugin(plugin).start() {
        Ok(envoy) => Verdict::Accepted(said(envoy.logs(), Level::Warn)),
        Err(error) => {
            let said = said(&error.logs, Level::Error);
            Verdict::Refused(if said.is_empty() { vec![error.message] } else { said })
        }
    })
}

/// Each instance says the same; once is enough.
fn said(logs: &[LogLine], level: Level) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for line in logs.iter().filter(|line| line.level == level) {
        if let Some(text) = line.message.strip_prefix(PREFIX)
            && !once.iter().any(|known| known == text)
        {
            once.push(text.to_owned());
        }
    }
    once
}
