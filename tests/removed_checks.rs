//! `tests/removed-checks.json`, as `make removed` writes it: what it must show of the vectors.

use std::collections::{BTreeMap, BTreeSet};

use actgate_tests::case;
use actgate_tests::document::read;
use serde::Deserialize;

/// One check, and one code that vectors want of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    function: String,
    check: String,
    code: Option<String>,
    failed: Option<usize>,
    refused: Option<usize>,
    #[serde(default)]
    vectors: Vec<String>,
    why: Option<String>,
}

fn entries() -> Vec<Entry> {
    serde_json::from_str(&read("tests/removed-checks.json")).expect("a list of entries; next: make removed")
}

#[test]
fn every_quoted_check_stands_in_its_source() {
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries() {
        let source = sources
            .entry(entry.file.clone())
            .or_insert_with(|| read(&entry.file).split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(source.contains(&entry.check), "next: make removed; gone from the source: {entry:?}");
    }
}

#[test]
fn every_entry_names_vectors_or_says_why_there_are_none() {
    let known: BTreeSet<String> = case::all().into_iter().map(|case| case.id).collect();
    for entry in entries() {
        match (entry.failed, entry.refused) {
            (Some(count), None) | (None, Some(count)) => {
                assert!(entry.code.is_some() || entry.why.is_some(), "{entry:?}");
                assert!(entry.vectors.len() == count.min(10) && count > 0, "{entry:?}");
                assert!(entry.vectors.iter().all(|id| known.contains(id)), "next: make removed; {entry:?}");
            }
            (None, None) => assert!(entry.why.as_ref().is_some_and(|why| why.len() > 20), "{entry:?}"),
            (Some(_), Some(_)) => panic!("taken out, though it cannot be: {entry:?}"),
        }
    }
}

#[test]
fn every_code_that_vectors_want_has_a_check_that_makes_it() {
    let wanted = case::all().into_iter().flat_map(|case| case.steps).map(|step| step.want);
    let wanted: BTreeSet<String> = wanted.filter(|want| want != "allowed" && want != "metadata").collect();
    let made: BTreeSet<String> = entries().into_iter().filter_map(|entry| entry.code).collect();
    let missing: Vec<&String> = wanted.iter().filter(|code| !made.contains(*code)).collect();
    assert!(missing.is_empty(), "no check makes {missing:?}");
}

#[test]
fn three_hundred_rules_were_seen_to_fail() {
    let failed = entries().into_iter().filter(|entry| entry.failed.is_some());
    let pairs: BTreeSet<_> = failed.map(|entry| (entry.file, entry.function, entry.check, entry.code)).collect();
    assert!(pairs.len() >= 300, "{}", pairs.len());
}
