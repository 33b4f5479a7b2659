//! What the documents say, held against the code: configurations that load, fields and codes that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use actgate::dev::keys::{Algorithm, SigningKey};
use actgate_core::config::Config;
use actgate_tests::codes;
use actgate_tests::document::{blocks, configurations, marked, read};
use serde_json::{Value, json};

/// Where every field is, and the features.
const CONFIGURATION: &str = "filter/docs/configuration.md";

/// The documents with examples.
const WITH_EXAMPLES: [&str; 3] = ["README.md", CONFIGURATION, "envoy-config/README.md"];

/// The section on the codes of refusals.
fn refusals() -> String {
    let text = read("filter/docs/refusals.md");
    let (_, rest) = text.split_once("\n## Refusals\n").expect("a section");
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

/// The words in backticks that begin the rows of tables.
fn first_column(text: &str) -> BTreeSet<String> {
    let words = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
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

/// The members that a block of a document shows, with or without their braces.
fn members(block: &str) -> Value {
    let whole = if block.starts_with('{') { block.to_owned() } else { format!("{{{block}}}") };
    serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {block}"))
}

/// Puts `members` into `object`: objects member by member, everything else in place of what was there.
fn merge(object: &mut Value, members: &Value) {
    for (name, value) in members.as_object().into_iter().flatten() {
        match (name.as_str(), object[name].is_object() && value.is_object()) {
            // One kind of exchange stands in the place of another.
            ("exchange", _) | (_, false) => object[name] = value.clone(),
            (_, true) => merge(&mut object[name], value),
        }
    }
}

/// The first configuration of the README with a block of some document in its place, and another's members `beside`.
fn with_block(mark: &str, block: &Value, beside: &Value) -> Value {
    let (_, whole) = configurations().into_iter().next().expect("a configuration");
    let mut document: Value = serde_json::from_str(&whole).unwrap();
    merge(&mut document, beside);
    match mark {
        "configuration" => document = block.clone(),
        "document" => merge(&mut document, block),
        "server" => document["authorization_servers"]["documented"] = block.clone(),
        "mcp" => document["resources"][0]["mcp"] = block.clone(),
        "exchange" => document["resources"][0]["exchange"] = block.clone(),
        "resource" => merge(&mut document["resources"][0], block),
        "protocol" => {
            let resource = document["resources"][0].as_object_mut().unwrap();
            resource.remove("mcp");
            // The only exchange beside A2A.
            if block.get("a2a").is_some() {
                let audience = resource["accept"]["audience"].clone();
                resource.insert("exchange".to_owned(), json!({ "pass_through": { "audience": audience } }));
            }
            resource.extend(block.as_object().unwrap().clone());
        }
        mark => panic!("a block of JSON marked {mark:?}, which nothing loads: {block}"),
    }
    document
}

/// What the table of fields says is warned about is all that is warned about.
fn only_warned_about(block: &str, warnings: &[String]) {
    let rows = read(CONFIGURATION);
    let known: BTreeSet<&str> = rows
        .lines()
        .filter(|row| row.contains("warned about"))
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next()?.rsplit('.').next())
        .collect();
    for warning in warnings {
        let (path, _) = warning.split_once(": ").expect("a member and what is wrong with it");
        let member = path.rsplit('.').next().expect("a member");
        assert!(known.contains(member) && block.contains(&format!("\"{member}\"")), "{block}: {warning}");
    }
}

/// Envoy validates a client certificate when a connection begins.
#[test]
fn every_shipped_configuration_ends_connections_within_the_hour() {
    for file in ["envoy", "headers-first", "istio", "envoy-gateway", "mcp-router"] {
        let text = read(&format!("envoy-config/{file}.yaml"));
        let ends = text.contains("max_connection_duration: 3600s")
            || text.contains("path: common_http_protocol_options/max_connection_duration\n      value: 3600s");
        assert!(ends, "{file}");
        assert_eq!(text.matches("max_connection_duration").count(), 1, "{file}");
    }
}

#[test]
fn every_block_of_json_is_what_it_is_marked_as() {
    let secret = |name: &str| {
        let pem = SigningKey::generate(Algorithm::Es256, "k1").to_pem();
        Some(if name.contains("API_KEY") { "an-api-key-of-a-back-end".to_owned() } else { pem })
    };
    let mut loaded = 0;
    let mut beside = json!({});
    for (mark, block) in WITH_EXAMPLES.iter().flat_map(|file| blocks(&read(file))) {
        match mark.as_str() {
            "refusal" => is_a_refusal(&members(&block)),
            "metadata" => is_the_metadata(&members(&block)),
            "beside the next" => beside = members(&block),
            mark => {
                let document = with_block(mark, &members(&block), &std::mem::take(&mut beside)).to_string();
                let config = Config::from_json(document.as_bytes(), &secret);
                let config = config.unwrap_or_else(|error| panic!("{block}: {error}"));
                only_warned_about(&block, &config.warnings);
                loaded += 1;
            }
        }
    }
    assert!(loaded > 12, "{loaded}");
}

/// A refusal by a code of the table, with its status.
fn is_a_refusal(answer: &Value) {
    let (code, status) = (answer["error"]["data"]["code"].as_str().expect("a code"), &answer["error"]["code"]);
    assert!(refusals().contains(&format!("| `{code}` | {status} |")), "{answer}");
    assert_eq!(answer["error"]["message"], code);
}

/// What the resource of the first configuration tells, with the block that makes it do so.
fn is_the_metadata(answer: &Value) {
    let text = read(CONFIGURATION);
    let asked =
        marked(&text, "resource").iter().map(|block| members(block)).find(|block| block.get("metadata").is_some());
    let asked = asked.expect("a block that asks for metadata");
    let document = with_block("resource", &asked, &json!({}));
    let (servers, resource) = (&document["authorization_servers"], &document["resources"][0]);
    let server = &servers[resource["accept"]["authorization_server"].as_str().expect("a server")];
    assert_eq!(answer["resource"], asked["metadata"]["resource"]);
    assert_eq!(answer["authorization_servers"], json!([server["issuer"]]));
    assert_eq!(answer["scopes_supported"], resource["accept"]["required_scopes"]);
    assert_eq!(answer["actor_profile_required"], resource["accept"]["delegation"]["required"]);
}

#[test]
fn the_table_of_refusals_has_every_code_and_no_other() {
    same(&first_column(&refusals()), &codes::refusals());
}

#[test]
fn the_table_of_refusals_gives_the_status_that_is_answered() {
    let text = refusals();
    for (code, status) in codes::statuses() {
        let row = format!("| `{code}` | {status}");
        assert!(text.contains(&row), "no row begins with {row}");
    }
}

/// The words in backticks of some lines.
fn quoted<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The names of all tests in the Rust sources below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names =
                text.split("#[test]").skip(1).filter_map(|rest| rest.split_once("fn ")?.1.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for folder in ["filter/core", "filter/src", "harness", "tests"] {
        tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut known);
    }
    known
}

/// The identifiers of all vectors.
fn vectors() -> BTreeSet<String> {
    actgate_tests::case::all().into_iter().map(|case| case.id).collect()
}

#[test]
fn every_threat_and_attack_names_vectors_or_tests_that_exist() {
    let (vectors, tests) = (vectors(), tests());
    for document in ["filter/docs/threat-model.md", "filter/docs/known-attacks.md", "filter/docs/deviations.md"] {
        let text = read(document);
        for (line, known) in [("Vectors: ", &vectors), ("Tests: ", &tests)] {
            let gone: Vec<_> =
                quoted(text.lines().filter_map(|text| text.strip_prefix(line))).difference(known).cloned().collect();
            assert!(gone.is_empty(), "{document} names {gone:?}");
        }
        // Deviations are no threats.
        let entries = text.split("\n**").skip(1).filter(|_| !document.ends_with("deviations.md"));
        for entry in entries {
            let entry = entry.split("\n#").next().unwrap_or_default();
            let named =
                entry.lines().filter_map(|line| line.strip_prefix("Vectors: ").or(line.strip_prefix("Tests: ")));
            assert!(!quoted(named).is_empty(), "{document}: {}", entry.lines().next().unwrap_or_default());
        }
    }
}

/// Asserts that something dies here by vectors or tests that exist, or says why it cannot apply.
fn dies_here(what: &str, named: &BTreeSet<String>, reason: &str, known: &BTreeSet<String>) {
    let gone: Vec<_> = named.difference(known).collect();
    assert!(gone.is_empty(), "{what}: no vector and no test is called {gone:?}");
    let reason = reason.strip_prefix("not applicable: ").unwrap_or_default();
    assert!(named.is_empty() != reason.is_empty(), "{what}: either names, or a reason after `not applicable: `");
}

#[test]
fn every_published_case_names_where_it_dies() {
    let known = &vectors() | &tests();
    let text = read("filter/docs/known-attacks.md");
    let (_, cases) = text.split_once("\n## Published cases\n").expect("a section");
    let rows: Vec<Vec<&str>> = cases
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let [_, published, happened, dies, _] = row.as_slice() else { panic!("{row:?}") };
        assert!(!happened.is_empty(), "{published}");
        dies_here(published, &quoted([*dies].into_iter()), dies, &known);
    }
}

/// A mistake that gateways are known to have made, and where it is tried here.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Pitfall {
    what: String,
    #[serde(default)]
    vectors: BTreeSet<String>,
    #[serde(default)]
    tests: BTreeSet<String>,
    #[serde(default)]
    elsewhere: String,
}

#[test]
fn every_known_pitfall_is_tried_or_says_why_not() {
    let pitfalls: BTreeMap<String, Pitfall> = serde_json::from_str(&read("tests/vectors/pitfalls.json")).unwrap();
    let want: BTreeSet<String> = (1..=66).map(|number| format!("P{number}")).collect();
    assert_eq!(pitfalls.keys().cloned().collect::<BTreeSet<_>>(), want);
    let (known_vectors, known_tests) = (vectors(), tests());
    for (id, pitfall) in pitfalls {
        assert!(!pitfall.what.is_empty(), "{id}");
        assert!(pitfall.vectors.is_subset(&known_vectors) && pitfall.tests.is_subset(&known_tests), "{id}");
        dies_here(&id, &(&pitfall.vectors | &pitfall.tests), &pitfall.elsewhere, &(&known_vectors | &known_tests));
    }
}

/// Those that `make removed` cannot take out: they stand in the adapter, or only tests show them.
#[test]
fn every_check_removed_by_hand_stands_in_its_source_and_names_what_failed() {
    let (known, tests) = (vectors(), tests());
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let removed: Vec<Value> = serde_json::from_str(&read("tests/removed/by-hand.json")).unwrap();
    for check in removed {
        let (file, quote) = (check["file"].as_str().unwrap(), check["check"].as_str().unwrap());
        assert!(squeezed(&read(file)).contains(quote), "gone from its source: {check}");
        let named = |member: &str| check[member].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        assert!(named("vectors").chain(named("tests")).count() > 0, "{check}");
        assert!(
            named("vectors").all(|id| known.contains(id)) && named("tests").all(|name| tests.contains(name)),
            "{check}"
        );
    }
}

#[test]
fn every_file_of_vectors_is_in_their_table() {
    let table = quoted(read("tests/vectors/README.md").lines().filter(|line| line.starts_with("| `")));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let missing: Vec<_> = files.filter(|file| file.ends_with(".json") && !table.contains(file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
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
    let paths = first_column(&read(CONFIGURATION));
    let named: BTreeSet<String> = paths
        .iter()
        .filter_map(|path| path.rsplit('.').next())
        .map(|name| name.trim_end_matches("[]").to_owned())
        .filter(|name| name != "*")
        .collect();
    same(&named, &fields);
}

/// The anchors that a document's headings make.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut inside = false;
    let headings = text.lines().filter(move |line| {
        inside ^= line.starts_with("```");
        !inside && line.starts_with('#')
    });
    let plain = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let anchor = |title: &str| title.to_lowercase().chars().filter(plain).collect::<String>().replace(' ', "-");
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let documents = ["README.md", "envoy-config/README.md", "tests/vectors/README.md", CONFIGURATION];
    let more = ["refusals", "architecture", "deviations", "known-attacks", "performance", "threat-model"];
    let mut seen = 0;
    for document in documents.map(str::to_owned).into_iter().chain(more.map(|name| format!("filter/docs/{name}.md"))) {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let place = Path::new(&document).parent().expect("a folder").join(path);
            let target = if path.is_empty() { Path::new(&document) } else { place.as_path() };
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(target).exists(), "{document}: {link}");
            let leads = anchor.is_empty() || anchors(&read(&target.to_string_lossy())).contains(anchor);
            assert!(leads, "{document}: {link}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
