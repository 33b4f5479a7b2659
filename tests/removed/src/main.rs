//! usage: `actgate-removed CHECKS EXCUSES OUT`: takes out each check of CHECKS in turn, runs the vectors that reach it, and writes into OUT which of them then fail.
//!
//! It says something only where it was built with the changed core that `actgate-removed-finder` writes: see `harness/setup/removed.sh`.
//! The checks that no vector misses, and that EXCUSES does not excuse, are printed, and end it with an error.

mod report;
mod trial;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use actgate_removed_finder::site::Site;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [checks, excuses, out] = arguments.as_slice() else {
        return Err("usage: actgate-removed CHECKS EXCUSES OUT".into());
    };
    let sites: Vec<Site> = serde_json::from_slice(&fs::read(checks)?)?;
    let excuses: Vec<report::Excuse> = serde_json::from_slice(&fs::read(excuses)?)?;
    // A vector that fails may do so by a panic, which is what it should say and nothing to print.
    std::panic::set_hook(Box::new(|_| {}));
    let tried: BTreeMap<u32, trial::Tried> = trial::all(&sites)?;
    let (entries, open) = report::entries(&sites, &tried, &excuses);
    fs::write(out, report::lines(&entries)?)?;
    println!("{}", report::summary(&entries));
    for complaint in &open {
        println!("{complaint}");
    }
    Ok(if open.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
