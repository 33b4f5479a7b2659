//! Every vector, run against the core alone.

use std::collections::BTreeSet;
use std::path::Path;

use actgate::dev::world::{Ports, World};
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::run;

/// 2026-11-24T00:00:00Z: vectors do not depend on the day they are run.
const NOW: u64 = 1_795_478_400;

fn vectors() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
        let text = std::fs::read_to_string(file).unwrap();
        cases.extend(case::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
    cases
}

#[test]
fn every_vector_holds_in_the_core() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let mut wrong = Vec::new();
    let cases = vectors();
    for case in &cases {
        let document = run::configuration(case, &base);
        match CoreGateway::new(&world, &document, NOW) {
            Ok(mut gateway) => {
                if let Err(error) = run::run(&world, case, &mut gateway) {
                    wrong.push(error);
                }
            }
            Err(error) => wrong.push(format!("{}: configuration: {error}", case.id)),
        }
    }
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn identifiers_are_unique() {
    let mut known = BTreeSet::new();
    for case in vectors() {
        assert!(known.insert(case.id.clone()), "{} twice", case.id);
    }
}
