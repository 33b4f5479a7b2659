//! Vectors of credentials that come by configuration, asked of a real Envoy: several issuers, opaque tokens, agents without a token, what is withdrawn.
//!
//! One Envoy for each configuration. Absent: vectors in which time passes, and callers without a certificate, whom the shipped bootstrap turns away.

use actgate::dev::issuer::http::UnixSeconds;
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run;
use serde_json::Value;

use crate::client::assert_no_trap;

fn edits(case: &Case) -> Vec<(&str, &Value)> {
    case.config.iter().map(|edit| (edit.at.as_str(), &edit.set)).collect()
}

/// The vectors with exactly the configuration of that one.
fn alike(id: &str) -> Vec<Case> {
    let all = case::all();
    let first = all.iter().find(|case| case.id == id).cloned().expect("a vector");
    let alike = all.into_iter().filter(|case| edits(case) == edits(&first) && case.load_error.is_none());
    alike.filter(Case::is_quick).filter_map(with_certificates).collect()
}

/// A key or a token may come beside the agent's own certificate too; what is refused for want of one cannot be asked here.
fn with_certificates(mut case: Case) -> Option<Case> {
    for step in &mut case.steps {
        if step.request.peer.as_deref() == Some("none") {
            if ["credential_missing", "caller_unproven"].contains(&step.want.as_str()) {
                return None;
            }
            step.request.peer = None;
        }
    }
    Some(case)
}

fn hold(cases: &[Case]) {
    let world = new_world();
    let first = cases.first().expect("a vector");
    let document = run::configuration(&world, first, &world.filter_config(Default::default()));
    let mut envoy = EnvoyGateway::start(world.clone(), &document, &Options::default()).unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let mut core = CoreGateway::new(&world, &document, UnixSeconds::from_system_clock().0).unwrap();
        for outcome in [run::run(&world, case, &mut envoy), run::run(&world, case, &mut core)] {
            wrong.extend(outcome.err());
        }
    }
    println!("{} vectors in Envoy", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_no_trap(&envoy);
}

#[test]
fn agents_without_a_token_are_known_in_envoy() {
    let cases: Vec<Case> = alike("workload-by-certificate")
        .into_iter()
        // A name with underscores never reaches the filter; and what a vector before has got is held, so that no issuer can do wrong.
        .filter(|case| case.id != "workload-key-in-another-spelling" && case.issuers.is_empty())
        .collect();
    assert!(cases.len() > 15, "{}", cases.len());
    hold(&cases);
}

#[test]
fn opaque_tokens_are_asked_about_from_envoy() {
    let cases = alike("introspection-active");
    assert!(cases.len() > 50, "{}", cases.len());
    hold(&cases);
}

#[test]
fn what_is_withdrawn_is_refused_in_envoy() {
    for id in ["revoked-token-other-signature", "revoked-actor-prior"] {
        hold(&alike(id));
    }
}

#[test]
fn several_issuers_are_told_apart_in_envoy() {
    hold(&alike("issuers-either"));
}
