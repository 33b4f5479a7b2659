//! Properties of the module that ships, held against files that a reviewer sees change: what it imports, what it exports, how large it is,
//! and how much fuel and how many calls of the host a request costs.
//!
//! `make bless` writes the files anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use actgate_core::limits::{OPERATIONS_PER_RESOURCE_MAX, RESOURCES_MAX};
use actgate_tests::envoy_gateway::module;
use actgate_tests::fuel::{self, Cost};
use actgate_tests::memory;
use wasmparser::{Parser, Payload};

/// The two toolchains that can build the module differ by about three per cent.
const SIZE_TOLERANCE_PERCENT: usize = 5;

/// A count repeats to the last instruction; the two toolchains that can build the module do not inline alike.
const FUEL_TOLERANCE_PERCENT: u64 = 3;

/// What each scenario costs, measured once for all that look at it.
fn measured() -> &'static [(&'static str, Cost)] {
    static MEASURED: OnceLock<Vec<(&'static str, Cost)>> = OnceLock::new();
    MEASURED.get_or_init(fuel::measure)
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn compare(name: &str, actual: &str) {
    let path = golden(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, wanted, "{name} changed: `make bless` if that is meant, and say why");
}

#[test]
fn the_module_imports_and_exports_what_is_on_record() {
    let bytes = std::fs::read(module()).unwrap();
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.unwrap();
                    imports.push(format!("{} {}\n", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(format!("{}\n", export.unwrap().name));
                }
            }
            _ => {}
        }
    }
    imports.sort();
    exports.sort();
    compare("imports.txt", &imports.concat());
    compare("exports.txt", &exports.concat());
}

#[test]
fn the_module_is_as_large_as_is_on_record() {
    let size = std::fs::metadata(module()).unwrap().len() as usize;
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden("size.txt"), format!("{size}\n")).unwrap();
        return;
    }
    let wanted: usize = std::fs::read_to_string(golden("size.txt")).unwrap().trim().parse().unwrap();
    let difference = size.abs_diff(wanted) * 100 / wanted;
    assert!(difference <= SIZE_TOLERANCE_PERCENT, "{size} bytes, {wanted} on record: `make bless` if that is meant");
}

#[test]
fn requests_cost_the_fuel_that_is_on_record() {
    let measured: Vec<(&str, u64)> = measured().iter().map(|(name, cost)| (*name, cost.fuel)).collect();
    println!("{:?}", fuel::benchmarked());
    if std::env::var_os("BLESS").is_some() {
        let lines: String = measured.iter().map(|(name, fuel)| format!("{name} {fuel}\n")).collect();
        std::fs::write(golden("fuel.txt"), lines).unwrap();
        return;
    }
    let text = std::fs::read_to_string(golden("fuel.txt")).unwrap();
    let on_record: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, fuel)| (name, fuel.parse().unwrap()))
        .collect();
    let names: Vec<&str> = measured.iter().map(|(name, _)| *name).collect();
    assert_eq!(text.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), names, "`make bless`");
    let moved: Vec<String> = measured
        .iter()
        .filter(|(name, fuel)| fuel.abs_diff(on_record[name]) * 100 > on_record[name] * FUEL_TOLERANCE_PERCENT)
        .map(|(name, fuel)| format!("{name}: {fuel}, {} on record", on_record[name]))
        .collect();
    assert!(moved.is_empty(), "`make bless` if that is meant, and say why:\n{}", moved.join("\n"));
}

/// A request is looked up segment by segment: what is beside it costs the logarithm of its number.
#[test]
fn a_request_costs_little_more_however_much_there_is_beside_it() {
    const MORE: u64 = 2500;
    let alone = fuel::of("hot_get").fuel;
    let most = (OPERATIONS_PER_RESOURCE_MAX - 16, RESOURCES_MAX - 16);
    let costs = [(100, 0), (most.0, 0), (0, 100), (0, most.1)].map(|(operations, resources)| {
        let more = fuel::of_get_beside(operations, resources).fuel.saturating_sub(alone);
        println!("beside {operations} operations and {resources} resources: {more} more than {alone}");
        more
    });
    assert!(costs.iter().all(|more| *more <= MORE), "{costs:?}");
}

#[test]
fn requests_call_the_host_as_often_as_is_on_record() {
    let lines = measured().iter().map(|(name, cost)| format!("{name} {}\n", cost.host_calls));
    compare("host_calls.txt", &lines.collect::<String>());
}

#[test]
fn the_shipped_bootstraps_never_fail_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config");
    for (name, filters) in [("envoy.yaml", 1), ("headers-first.yaml", 1), ("mcp-router.yaml", 2)] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let settings: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
        assert_eq!(settings.iter().filter(|line| line.starts_with("failure_policy:")).count(), filters, "{name}");
        assert_eq!(settings.iter().filter(|line| **line == "failure_policy: FAIL_RELOAD").count(), filters, "{name}");
        assert!(!settings.iter().any(|line| line.contains("FAIL_OPEN") || line.contains("fail_open")), "{name}");
        assert!(settings.iter().any(|line| line.starts_with("stream_idle_timeout:")), "{name}");
        assert!(settings.iter().any(|line| line.starts_with("vm_id:")), "{name}");
    }
}

/// A call that is read whole takes its own length, and at most as much again for what a rule looks at.
///
/// Of instructions, names take the most: the bound on members bounds what telling them apart takes, whatever they are and in whatever order.
#[test]
fn a_tool_call_takes_at_most_twice_its_body() {
    const FUEL_MAX: f64 = 160.0;
    let of = |(what, filling): &(&str, memory::Filling), bytes| {
        let taken = memory::of_call(filling, bytes);
        println!("{what}, {bytes} bytes: {taken:.2?}");
        assert!(taken.memory <= 2.0 && taken.fuel <= FUEL_MAX, "{what}, {bytes} bytes: {taken:.2?}");
    };
    for filling in memory::TEXTS.iter().chain(&memory::MANY).chain(&memory::NAMED).chain(&memory::BESIDE) {
        of(filling, 1 << 20);
    }
    for filling in &memory::TEXTS {
        of(filling, memory::LARGEST);
    }
}

/// Every answer to a request with a token of the gateway's own is searched for it, in constant memory.
#[test]
fn an_answer_is_searched_for_little() {
    let json = r#"{"id":1207,"name":"they keep every key","size":"4711","tags":["a","b"]},"#;
    for (what, text, most) in [
        ("JSON", json, 3.0),
        ("other tokens", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl ", 10.0),
        ("nothing but beginnings", "ey", 3.0),
    ] {
        let taken = memory::of_answer(text);
        println!("{what}: {taken:.3?}");
        // Of 256 pieces, not even three are held.
        assert!(taken.memory <= 0.01 && taken.fuel <= most, "{what}: {taken:.3?}");
    }
}
