//! Upstreams that repeat what the gateway put on their requests: every such vector, in both ways of handing over headers and bodies.

use std::collections::BTreeMap;

use actgate_tests::case::{self, Case};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run;
use serde_json::json;

use crate::client::assert_no_trap;

/// The vectors of one configuration, in an Envoy of their own.
fn hold(cases: &[Case], bootstrap: &'static str) {
    let world = new_world();
    let mut document = run::configuration(&world, &cases[0], &world.filter_config(Default::default()));
    document["allow_on_headers_stop_iteration"] = json!(bootstrap == "envoy.yaml");
    let options = Options { bootstrap, ..Options::default() };
    let mut envoy = EnvoyGateway::start(world.clone(), &document, &options).unwrap();
    let wrong: Vec<String> = cases.iter().filter_map(|case| run::run(&world, case, &mut envoy).err()).collect();
    println!("{} vectors of {} in {bootstrap}", cases.len(), cases[0].id);
    assert!(wrong.is_empty(), "{bootstrap}, {} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_no_trap(&envoy);
    if cases.iter().any(|case| case.id == "echo-secret-200") {
        let stats = envoy.envoy.admin_get("/stats").expect("admin answers");
        assert!(stats.contains("actgate.echoed.resource.") && stats.contains(".in.body: "), "{stats}");
        let logs = envoy.envoy.logs();
        assert!(logs.contains("\"event\":\"credential_in_answer\"") && !logs.contains("opaque-key-01234"), "{logs}");
    }
}

#[test]
fn what_an_upstream_repeats_is_shown_to_nobody() {
    let mut alike: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in case::all().into_iter().filter(|case| case.id.starts_with("echo-")) {
        let config = case.config.iter().map(|edit| format!("{} {}", edit.at, edit.set)).collect();
        alike.entry(config).or_default().push(case);
    }
    assert!(alike.len() >= 6 && alike.values().map(Vec::len).sum::<usize>() >= 25, "{alike:?}");
    for bootstrap in ["envoy.yaml", "headers-first.yaml"] {
        alike.values().for_each(|cases| hold(cases, bootstrap));
    }
}
