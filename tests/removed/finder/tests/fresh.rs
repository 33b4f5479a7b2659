//! `tests/removed-checks.json` says something of every check that the core has now, and of no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use actgate_removed_finder::{core, rewrite};
use serde_json::Value;

type Check = (String, String, String);

#[test]
fn every_check_of_the_core_was_taken_out_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let (judged, _) = core::sources(&root).expect("the core's sources");
    let (sites, _) = rewrite(&judged).expect("they are Rust");
    let all: BTreeSet<Check> =
        sites.iter().map(|site| (site.file.clone(), site.function.clone(), site.check.clone())).collect();
    // What only says otherwise what another check refused may be left to that.
    let of_their_own = sites.iter().filter(|site| !site.translates);
    let needed: BTreeSet<Check> =
        of_their_own.map(|site| (site.file.clone(), site.function.clone(), site.check.clone())).collect();
    let text = fs::read_to_string(root.join("tests/removed-checks.json")).expect("the list");
    let entries: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let member = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let written: BTreeSet<Check> = entries
        .iter()
        .map(|entry| (member(entry, "file"), member(entry, "function"), member(entry, "check")))
        .collect();
    let missing: Vec<&Check> = needed.difference(&written).collect();
    let gone: Vec<&Check> = written.difference(&all).collect();
    assert!(missing.is_empty() && gone.is_empty(), "next: make removed; missing {missing:#?}, gone {gone:#?}");
}
