//! What a request costs in fuel, the wasm instructions that the shipped module runs for it in the emulated Envoy, and in calls of the host.
//!
//! Fuel knows no clock and no other load of the machine, so a slow-down shows in a diff.
//! A scenario is one step of a vector, the steps before it being its history; nothing is described twice.
//! Absent: what the host does itself. Signatures that Envoy's own function checks cost no fuel here either.

use std::time::Duration;

use actgate::dev::world::{Ports, World};
use envoy_harness::{Profile, Thread, profile};
use serde_json::{Value, json};

use crate::case::{self, Case};
use crate::gateway::Gateway as _;
use crate::harness_gateway::HarnessGateway;
use crate::run;
use crate::watched::Watched;

/// 2026-11-24T00:00:00Z, as for the vectors.
const NOW: u64 = 1_795_478_400;

/// Long enough for the worker to have its keys.
const WARM_UP: Duration = Duration::from_secs(2);

/// What [`of`] can be asked: name, vector, step.
const SCENARIOS: [(&str, &str, usize); 18] = [
    (FIRST, "blueprint-request", 0),
    ("cold", "blueprint-request", 0),
    ("cold_longest_chain", "chain-at-the-ceiling", 0),
    ("cold_headers_first", "early-tool-by-header", 0),
    ("cold_largest_body", "body-largest", 0),
    ("hot_get", "rest-least-privilege", 1),
    ("hot_mcp", "cache-reuses", 1),
    ("hot_mcp_proven", "prove-allowed", 1),
    (SIGNED_HERE, "prove-allowed", 1),
    ("cold_proven", "prove-allowed", 0),
    ("hot_a2a", "a2a-push-inline-allowed", 1),
    ("refused_resource_unknown", "path-unknown", 0),
    ("refused_credential_missing", "credential-none", 0),
    ("refused_unsigned", "alg-none-unsigned", 0),
    ("refused_expired", "cache-inbound-expiry", 1),
    ("refused_signature", "signature-bit-flipped", 0),
    ("refused_tool", "cache-needs-the-operation-again", 1),
    ("refused_lineage", "idp-widens", 0),
];

/// Begins the names of scenarios whose request came before: what it leads to is kept when its token comes again.
const HOT: &str = "hot_";

/// The one scenario that meets a worker without keys.
const FIRST: &str = "first_of_worker";

/// The one scenario whose host signs nothing, so that the module does.
const SIGNED_HERE: &str = "hot_mcp_proven_in_guest";

/// The keys under which a benchmark tells of fuel, and their scenarios.
const BENCHMARKED: [(&str, &str); 3] = [("fuel_hot", "hot_a2a"), ("fuel_cold", "cold"), ("fuel_mcp", "hot_mcp")];

/// What a request took of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Wasm instructions.
    pub fuel: u64,
    /// Functions of the host that were called.
    pub host_calls: u64,
}

/// Every scenario and what the worker did for it, its callouts and ticks included.
pub fn measure() -> Vec<(&'static str, Cost)> {
    SCENARIOS.iter().map(|(name, _, _)| (*name, of(name))).collect()
}

/// The three figures that a benchmark reports beside its times.
pub fn benchmarked() -> [(&'static str, u64); 3] {
    BENCHMARKED.map(|(key, scenario)| (key, of(scenario).fuel))
}

/// The cost of one scenario.
///
/// # Panics
/// There is no such scenario, or its vector does not hold.
pub fn of(scenario: &str) -> Cost {
    of_edited(scenario, |_| {})
}

/// What a hot GET costs where its resource has so many operations more, half of which begin as the one that is called,
/// and its host so many resources more.
///
/// # Panics
/// They do not load.
pub fn of_get_beside(operations: usize, resources: usize) -> Cost {
    of_edited("hot_get", |document| {
        let all = document["resources"].as_array_mut().expect("resources");
        let called = all.iter_mut().find(|resource| resource["rest"].is_object()).expect("a REST resource");
        let mut other = called.clone();
        let of_called = called["rest"]["operations"].as_object_mut().expect("operations");
        let scopes = of_called["get_document"]["scopes"].clone();
        for at in 0..operations {
            let path = if at % 2 == 0 { format!("/documents/{{id}}/part{at}") } else { format!("/things{at}/{{id}}") };
            of_called.insert(format!("other{at}"), json!({ "method": "GET", "path": path, "scopes": scopes }));
        }
        other["rest"]["operations"] = json!({ "other": { "method": "GET", "path": "/", "scopes": scopes } });
        for at in 0..resources {
            other["name"] = json!(format!("other{at}"));
            other["match"]["path_prefix"] = json!(format!("/auroradb/mcp/one-of-many-others{at}"));
            all.push(other.clone());
        }
    })
}

fn of_edited(scenario: &str, edit: impl FnOnce(&mut Value)) -> Cost {
    let found = SCENARIOS.iter().find(|(name, _, _)| *name == scenario);
    let (name, id, step) = found.unwrap_or_else(|| panic!("no scenario is called {scenario}"));
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == *id).unwrap_or_else(|| panic!("no vector is called {id}"));
    cost_of_steps(case, name, edit).get(*step).copied().unwrap_or_else(|| panic!("{id} has no step {step}"))
}

fn cost_of_steps(case: &Case, name: &str, edit: impl FnOnce(&mut Value)) -> Vec<Cost> {
    let world = World::repeatable(Ports::default());
    let mut document = run::configuration(&world, case, &world.filter_config(Default::default()));
    edit(&mut document);
    let host = Profile { sign: name != SIGNED_HERE, ..profile::V1_40 };
    let mut inner = HarnessGateway::start(&world, &document, host, 1, NOW).unwrap_or_else(|error| panic!("{error}"));
    if name != FIRST {
        inner.envoy.advance(WARM_UP);
    }
    let mut costs = Vec::new();
    let mut metered = Watched::new(inner, |inner, request| {
        if name.starts_with(HOT) {
            inner.send(request);
        }
        let before = read(inner);
        let observation = inner.send(request);
        let after = read(inner);
        costs.push(Cost {
            fuel: after.fuel.saturating_sub(before.fuel),
            host_calls: after.host_calls.saturating_sub(before.host_calls),
        });
        observation
    });
    run::run(&world, case, &mut metered).unwrap_or_else(|error| panic!("{error}"));
    drop(metered);
    costs
}

/// The worker's meters.
fn read(gateway: &HarnessGateway) -> Cost {
    let worker = Thread::Worker(0);
    Cost { fuel: gateway.envoy.thread_fuel(worker), host_calls: gateway.envoy.thread_host_calls(worker) }
}
