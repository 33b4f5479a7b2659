//! What the documents say, held against the code: configurations that load, fields and codes that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use actgate::dev::keys::{Algorithm, SigningKey};
use actgate_core::config::Config;
use actgate_tests::document::{configurations, marked, read};
use serde_json::Value;

/// The section of the README under that heading.
fn section(heading: &str) -> String {
    let readme = read("README.md");
    let (_, rest) = readme.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

/// The words in backticks that begin the rows of the section's tables.
fn first_column(heading: &str) -> BTreeSet<String> {
    let rows = section(heading);
    let words = rows.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    words.map(str::to_owned).collect()
}

fn same(documented: &BTreeSet<String>, existing: &BTreeSet<String>) {
    let missing: Vec<_> = existing.difference(documented).collect();
    let invented: Vec<_> = documented.difference(existing).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing {missing:?}, invented {invented:?}");
}

#[test]
fn every_documented_configuration_loads_without_a_warning() {
    let pem = SigningKey::generate(Algorithm::Es256, "k1").to_pem();
    for (place, document) in configurations() {
        let config = Config::from_json(document.as_bytes(), &|_| Some(pem.clone()));
        let config = config.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{place}");
    }
}

/// Asserts that every part of the README marked so loads at its place in the first configuration.
fn loads_at(mark: &str, at_least: usize, place: impl Fn(&mut Value) -> &mut Value) {
    let pem = SigningKey::generate(Algorithm::Es256, "k1").to_pem();
    let (_, whole) = configurations().into_iter().next().expect("a configuration");
    let parts = marked(&read("README.md"), mark);
    assert!(parts.len() >= at_least, "{mark}: {parts:?}");
    for part in parts {
        let mut document: Value = serde_json::from_str(&whole).unwrap();
        *place(&mut document) = serde_json::from_str(&part).unwrap();
        let config = Config::from_json(document.to_string().as_bytes(), &|_| Some(pem.clone()));
        assert_eq!(config.unwrap_or_else(|error| panic!("{error}")).warnings, Vec::<String>::new(), "{part}");
    }
}

#[test]
fn every_documented_policy_loads_in_the_first_configuration() {
    loads_at("mcp", 2, |document| &mut document["resources"][0]["mcp"]);
}

#[test]
fn every_documented_server_loads_in_the_first_configuration() {
    loads_at("server", 1, |document| &mut document["authorization_servers"]["documented"]);
}

#[test]
fn every_documented_exchange_loads_in_the_first_configuration() {
    loads_at("exchange", 1, |document| &mut document["resources"][0]["exchange"]);
}

#[test]
fn the_table_of_refusals_has_every_code_and_no_other() {
    let sources =
        ["rejection.rs", "jwt.rs", "jwt/claims.rs", "exchange/lineage.rs", "delegation/binding.rs", "dpop/proof.rs"];
    let mut codes = BTreeSet::new();
    for source in sources {
        let text = read(&format!("filter/core/src/{source}"));
        codes.extend(text.split("=> \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    assert!(codes.len() > 90, "{codes:?}");
    same(&first_column("Refusals"), &codes);
}

/// The words in backticks of some lines.
fn quoted<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The names of all functions in the Rust sources below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            functions(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut known = BTreeSet::new();
    for folder in ["filter/core", "filter/src", "harness", "tests"] {
        functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut known);
    }
    for document in ["filter/docs/threat-model.md", "filter/docs/known-attacks.md", "filter/docs/deviations.md"] {
        let text = read(document);
        let named = quoted(text.lines().filter_map(|line| line.strip_prefix("Tests: ")));
        let gone: Vec<_> = named.difference(&known).collect();
        assert!(gone.is_empty(), "{document} names {gone:?}");
    }
}

#[test]
fn every_removed_check_names_its_source_and_what_failed() {
    let mut tests = BTreeSet::new();
    for folder in ["filter/core", "tests"] {
        functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut tests);
    }
    let known: BTreeSet<String> = actgate_tests::case::all().into_iter().map(|case| case.id).collect();
    let removed: Vec<Value> = serde_json::from_str(&read("tests/removed-checks.json")).unwrap();
    assert!(removed.len() > 70, "{}", removed.len());
    for check in removed {
        let file = check["file"].as_str().unwrap_or_default();
        assert!(!read(file).is_empty(), "{check}");
        let named = |member: &str| check[member].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        assert!(named("vectors").chain(named("tests")).count() > 0, "{check}");
        assert!(
            named("vectors").all(|id| known.contains(id)) && named("tests").all(|name| tests.contains(name)),
            "{check}"
        );
    }
}

#[test]
fn every_vector_that_is_named_exists() {
    let known: BTreeSet<String> = actgate_tests::case::all().into_iter().map(|case| case.id).collect();
    let cases = read("filter/docs/known-attacks.md");
    let cases = cases.split("\n## Published cases\n").nth(1).unwrap_or_default();
    let named = quoted(cases.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1)));
    let gone: Vec<_> = named.difference(&known).collect();
    assert!(named.len() > 40 && gone.is_empty(), "the published cases name {gone:?}");
    for document in ["filter/docs/threat-model.md", "filter/docs/known-attacks.md"] {
        let text = read(document);
        let lines = text.lines().filter_map(|line| line.strip_prefix("Vectors: "));
        let named: BTreeSet<String> =
            lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        let gone: Vec<_> = named.difference(&known).collect();
        assert!(!named.is_empty() && gone.is_empty(), "{document} names {gone:?}");
    }
}

#[test]
fn the_table_of_fields_has_every_field_and_no_other() {
    let text = ["raw.rs", "raw/exchange.rs"].map(|file| read(&format!("filter/core/src/config/{file}"))).concat();
    let fields: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("pub(")?.split_once(") ")?.1.split_once(": Option")?.0))
        .map(|name| name.trim_start_matches("r#").to_owned())
        .collect();
    assert!(fields.len() > 50, "{fields:?}");
    let paths = first_column("Configuration");
    let named: BTreeSet<String> = paths
        .iter()
        .filter_map(|path| path.rsplit('.').next())
        .map(|name| name.trim_end_matches("[]").to_owned())
        .filter(|name| name != "*")
        .collect();
    same(&named, &fields);
}
