//! Each kind of exchange in a real Envoy: the vectors that share the configuration of its first one, hostile answers included.

use actgate_tests::case::{self, Case};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run;

fn hold(first: &str, at_least: usize) {
    let world = new_world();
    let cases = case::all();
    let leader = cases.iter().find(|case| case.id == first).expect("the first vector of the kind");
    let edits = |case: &Case| case.config.iter().map(|edit| (edit.at.clone(), edit.set.clone())).collect::<Vec<_>>();
    let alike = |case: &&Case| edits(case) == edits(leader) && case.load_error.is_none() && case.is_quick();
    let kind: Vec<&Case> = cases.iter().filter(alike).collect();
    let document = run::configuration(&world, leader, &world.filter_config(Default::default()));
    let mut envoy = EnvoyGateway::start(world.clone(), &document, &Options::default()).unwrap();
    let wrong: Vec<String> = kind.iter().filter_map(|case| run::run(&world, case, &mut envoy).err()).collect();
    println!("{} vectors of {first} in Envoy", kind.len());
    assert!(kind.len() >= at_least, "{} vectors share the configuration of {first}", kind.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), kind.len(), wrong.join("\n"));
}

#[test]
fn token_exchange_holds_in_envoy() {
    hold("te-allowed", 20);
}

#[test]
fn identity_chaining_holds_in_envoy() {
    hold("ic-allowed", 20);
}

#[test]
fn client_credentials_hold_in_envoy() {
    hold("cc-allowed", 20);
}

#[test]
fn a_transaction_token_alone_holds_in_envoy() {
    hold("txn-alone", 30);
}

#[test]
fn a_transaction_token_beside_another_holds_in_envoy() {
    hold("txn-beside-exchange", 5);
}

#[test]
fn an_injected_secret_holds_in_envoy() {
    hold("inject-allowed", 9);
}

#[test]
fn proofs_of_the_gateway_hold_in_envoy() {
    hold("prove-allowed", 20);
}

#[test]
fn bound_sessions_hold_in_envoy() {
    hold("session-bound", 5);
}
