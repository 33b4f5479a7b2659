//! One DPoP proof, brought to several workers of one store.

use super::workers::{document, secret};
use super::*;
use crate::dpop::{DpopError, ProvenKey};
use crate::rejection::Rejection;
use crate::signatures::InGuest;
use serde_json::{Value, json};

const REPLAYED: Result<(), Rejection> = Err(Rejection::Dpop(DpopError::Replayed));

fn worker(store: &Store, document: &Value) -> Sharing {
    let config = Config::from_json(document.to_string().as_bytes(), &|_| None).unwrap();
    let mut sharing = Sharing::closed();
    assert!(sharing.open(&config, store));
    sharing
}

fn take(sharing: &mut Sharing, store: &dyn SharedData, agent: &str, number: u8) -> Result<(), Rejection> {
    let proof = ProvenKey::for_test([7; 32], sha256(&[number]), UnixSeconds::new(1060));
    let mut drawn = 0_u8;
    let mut draw = || {
        drawn += 1;
        [drawn; 16]
    };
    sharing.take_proof(
        agent,
        &proof,
        &mut Ambient { now: NOW, draw: &mut draw, signatures: &InGuest, shared: store, address: &|| None },
    )
}

#[test]
fn a_proof_passes_on_one_worker_only() {
    let store = Store::default();
    let [mut one, mut two] = [(); 2].map(|()| worker(&store, &document(&secret())));
    assert_eq!(take(&mut one, &store, "a", 1), Ok(()));
    assert_eq!(take(&mut two, &store, "a", 1), REPLAYED);
    assert_eq!(take(&mut two, &store, "a", 2), Ok(()));
    assert_eq!(take(&mut one, &store, "a", 2), REPLAYED);
    // What was written tells nothing of who proved what.
    assert!(store.written().iter().all(|(name, _)| name.starts_with("actgate.2.proofs.")));
}

#[test]
fn a_proof_that_was_used_stays_used_under_another_configuration() {
    let store = Store::default();
    let mut before = worker(&store, &document(&secret()));
    let mut changed = document(&secret());
    changed["agents"]["one"]["name"] = json!("renamed");
    let mut after = worker(&store, &changed);
    assert_eq!(take(&mut before, &store, "a", 1), Ok(()));
    assert_eq!(take(&mut after, &store, "a", 1), REPLAYED);
}

#[test]
fn a_slot_that_knows_nothing_leaves_it_to_the_worker() {
    let store = Store::default();
    let mut sharing = worker(&store, &document(&secret()));
    assert_eq!(take(&mut sharing, &NothingShared, "a", 1), Ok(()));
    assert_eq!(take(&mut Sharing::closed(), &store, "a", 1), Ok(()));
    assert_eq!(store.written(), []);
    assert_eq!(take(&mut sharing, &store, "a", 1), Ok(()));
    for (name, _) in store.written() {
        assert!(store.set(&name, b"somebody else's", 0));
    }
    assert_eq!(take(&mut sharing, &store, "a", 1), Ok(()));
    assert_eq!(take(&mut sharing, &store, "a", 1), REPLAYED, "it is written over");
    let tallies = sharing.take_tallies();
    assert_eq!(tallies.get(&("proofs", Looked::Unreadable)), Some(&1));
    assert_eq!(tallies.get(&("proofs", Looked::Missing)), Some(&1));
}

#[test]
fn a_proof_that_could_not_be_noted_does_not_pass() {
    let store = Store::default();
    let mut sharing = worker(&store, &document(&secret()));
    store.faster.set(SHARED_WRITES_MAX - 1);
    assert_eq!(take(&mut sharing, &store, "a", 1), Ok(()));
    store.faster.set(SHARED_WRITES_MAX);
    assert_eq!(take(&mut sharing, &store, "a", 2), Err(Rejection::Overloaded));
    assert_eq!(take(&mut sharing, &store, "a", 2), Ok(()));
}
