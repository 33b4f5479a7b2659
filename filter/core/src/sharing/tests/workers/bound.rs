//! Tokens that are tied to a key: they serve all workers that have the key, each with a proof of its own, and nobody else.

use std::collections::BTreeSet;

use jwt_simple::algorithms::ES256KeyPair;

use super::*;
use crate::config::Exchange;
use crate::jwt::UnverifiedJwt;
use crate::jwt::sample::private_pem;

/// The document whose first resource ties its tokens to the key in `source`.
fn with_key(source: &Value) -> Value {
    let mut document = document(&secret());
    document["resources"][0]["exchange"]["dpop"] = json!({"key": source, "origin": "https://upstream.example"});
    document
}

fn ours() -> Value {
    with_key(&json!({"insecure_inline": private_pem(Algorithm::Es256)}))
}

fn worker_with(proxy: &mut Proxy, document: &Value, pem: &str) {
    let env = |_: &str| Some(pem.to_owned());
    let config = Config::from_json(document.to_string().as_bytes(), &env).unwrap_or_else(|error| panic!("{error}"));
    let mut plugin = Plugin::new(config);
    assert!(plugin.share(&proxy.store));
    proxy.workers.push(plugin);
}

fn exchanged(proxy: &mut Proxy, worker: usize) -> Step {
    let then = proxy.join(worker, "/a/things", &caller());
    let call = proxy.call_to(worker, "as");
    assert!(call.proof.is_some());
    let mut granted = granted("issued", 600);
    granted["token_type"] = json!("DPoP");
    let step = proxy.answer(worker, &call, 200, &granted);
    let landing = told(&step).unwrap().clone();
    proxy.land(worker, then, &landing)
}

fn proof_in(step: &Step) -> Option<String> {
    let Step::Forward(forward) = step else { panic!("{step:?}") };
    let proof = forward.edits.replacements().find(|(name, _)| *name == "dpop");
    proof.map(|(_, value)| value.expose().clone())
}

#[test]
fn one_serves_on_another_worker_with_a_proof_of_that_workers_own() {
    let mut proxy = Proxy::without_workers();
    for _ in 0..2 {
        proxy.add(&ours());
    }
    let first = exchanged(&mut proxy, 0);
    let second = proxy.get(1, "/a/things", &caller());
    let third = proxy.get(1, "/a/things", &caller());
    let mut identifiers = BTreeSet::new();
    for step in [&first, &second, &third] {
        assert_eq!(sent(step), "DPoP issued");
        let proof = proof_in(step).unwrap();
        let jwt = UnverifiedJwt::parse_with_key(&proof).unwrap().0;
        identifiers.insert(jwt.claims().text("jti").unwrap().map(str::to_owned));
    }
    assert_eq!(identifiers.len(), 3, "a proof was used twice");
}

#[test]
fn one_serves_no_worker_with_another_key() {
    let stranger = ES256KeyPair::generate().to_pem().unwrap();
    let by_name = with_key(&json!({"env": "KEY"}));
    let mut proxy = Proxy::without_workers();
    worker_with(&mut proxy, &by_name, &private_pem(Algorithm::Es256));
    worker_with(&mut proxy, &by_name, &stranger);
    proxy.add(&with_key(&json!({"insecure_inline": stranger})));
    proxy.add(&document(&secret()));
    worker_with(&mut proxy, &by_name, &private_pem(Algorithm::Es256));
    assert_eq!(sent(&exchanged(&mut proxy, 0)), "DPoP issued");
    flood(&proxy.store);
    for worker in [1, 2, 3] {
        assert_eq!(sent(&proxy.get(worker, "/a/things", &caller())), "waits", "{worker}");
    }
    assert_eq!(sent(&proxy.get(4, "/a/things", &caller())), "DPoP issued");
}

/// The records are sealed for a configuration; what tells exchanges apart must do so by itself too.
#[test]
fn another_key_is_another_exchange_under_the_same_document() {
    let stranger = ES256KeyPair::generate().to_pem().unwrap();
    let by_name = with_key(&json!({"env": "KEY"}));
    let mut proxy = Proxy::without_workers();
    worker_with(&mut proxy, &by_name, &private_pem(Algorithm::Es256));
    worker_with(&mut proxy, &by_name, &stranger);
    proxy.add(&document(&secret()));
    let mut digests = BTreeSet::new();
    for worker in 0..3 {
        assert_eq!(sent(&proxy.get(worker, "/a/things", &caller())), "waits");
        let config = proxy.workers[worker].config();
        let Exchange::Acquire(acquisition) = &config.resources[0].exchange else { panic!() };
        digests.insert(*acquisition.digest.get().unwrap());
    }
    assert_eq!(digests.len(), 3);
}
