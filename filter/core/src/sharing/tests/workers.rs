//! Several workers with one store, each driven step by step.

mod bound;
mod proxy;

use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::flow::Joined;
use crate::jwt::sample::Issuer;
use crate::limits::{SHARED_LEASE_SECONDS, SHARED_LOOKS_PER_TICK_MAX};
use crate::plugin::Plugin;
use crate::request::StreamId;
use crate::step::Step;
use proxy::{Proxy, caller, caller_of, granted, sent, told};
pub(super) use proxy::{document, secret};

#[test]
fn a_token_that_one_worker_exchanged_serves_at_once_on_another() {
    let mut proxy = Proxy::of(2);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer issued");
    let gets = proxy.store.gets.get();
    for worker in [0, 1] {
        assert_eq!(sent(&proxy.get(worker, "/a/things", &caller())), "Bearer issued");
    }
    assert_eq!(proxy.store.gets.get(), gets, "whoever holds the token does not look");
}

#[test]
fn who_comes_while_another_worker_asks_waits_for_it_and_asks_nobody() {
    let mut proxy = Proxy::of(3);
    let waiting: Vec<Joined> = (0..3).map(|worker| proxy.join(worker, "/a/things", &caller())).collect();
    let call = proxy.call_to(0, "as");
    for worker in [1, 2] {
        assert!(proxy.tick(worker).calls.iter().all(|call| call.cluster != "as"));
        assert_eq!(proxy.workers[worker].tick_millis(), 1);
        let step = proxy.tick(worker);
        assert!(step.landings.is_empty() && step.calls.is_empty());
    }
    assert!(told(&proxy.answer(0, &call, 200, &granted("issued", 600))).is_some());
    for (worker, then) in waiting.into_iter().enumerate().skip(1) {
        let step = proxy.tick(worker);
        let landing = told(&step).unwrap().clone();
        assert_eq!(sent(&proxy.land(worker, then, &landing)), "Bearer issued");
        assert_eq!(sent(&proxy.get(worker, "/a/things", &caller())), "Bearer issued");
    }
    assert_eq!(proxy.looked(Looked::Led), 2, "the token, and the keys of the other server");
}

#[test]
fn an_exchange_that_looks_its_endpoint_up_does_not_wait_for_its_own_lease() {
    let mut proxy = Proxy::without_workers();
    let mut document = document(&secret());
    let server = document["authorization_servers"]["as"].as_object_mut().unwrap();
    server.remove("token_endpoint");
    server.insert("discovery".to_owned(), json!({"document": "oauth"}));
    for _ in 0..2 {
        assert!(proxy.add(&document));
    }
    let then = proxy.join(0, "/a/things", &caller());
    let asked = proxy.call_to(0, "as");
    let waiting = proxy.join(1, "/a/things", &caller());
    let _looks = proxy.tick(1);
    let metadata = json!({"issuer": "https://as.example", "token_endpoint": "https://as.example/token"});
    let _told = proxy.answer(0, &asked, 200, &metadata);
    let call = proxy.call_to(0, "as");
    let step = proxy.answer(0, &call, 200, &granted("issued", 600));
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(0, then, &landing)), "Bearer issued");
    let step = proxy.tick(1);
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(1, waiting, &landing)), "Bearer issued");
    assert_eq!(proxy.looked(Looked::Collided), 0);
}

#[test]
fn without_a_secret_nothing_is_looked_at_or_left() {
    let mut proxy = Proxy::without_workers();
    for _ in 0..2 {
        assert!(proxy.add(&document(&Value::Null)));
    }
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "waits");
    assert_eq!(proxy.call_to(1, "as").cluster, "as");
    assert_eq!(proxy.store.gets.get(), 0);
    assert!(proxy.store.values.borrow().is_empty());
}

#[test]
fn a_host_without_shared_data_is_told_of_and_served_without() {
    let config = Config::from_json(document(&secret()).to_string().as_bytes(), &|_| None).unwrap();
    let mut plugin = Plugin::new(config);
    assert!(!plugin.share(&NothingShared));
    let mut proxy = Proxy::without_workers();
    proxy.workers.push(plugin);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    assert_eq!(proxy.store.gets.get(), 0);
}

#[test]
fn a_token_is_for_its_own_caller_agent_resource_and_operation() {
    let mut proxy = Proxy::of(2);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    for (path, token) in [
        ("/a/things", caller_of("as", "one", "bob")),
        ("/b/things", caller()),
        ("/c/things", caller_of("as", "two", "alice")),
        ("/a/once", caller()),
    ] {
        assert_eq!(sent(&proxy.get(1, path, &token)), "waits", "{path}");
    }
}

/// Puts what stands in the one slot that is written under every name there is.
fn flood(store: &Store) {
    let written: Vec<Vec<u8>> = store.written().into_iter().map(|(_, bytes)| bytes).collect();
    let names: Vec<String> = store.values.borrow().keys().cloned().collect();
    for record in written {
        for name in &names {
            store.set(name, &record, 0);
        }
    }
}

#[test]
fn a_record_in_every_slot_serves_nobody_else() {
    let mut proxy = Proxy::of(2);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    flood(&proxy.store);
    for (path, token) in [
        ("/a/things", caller_of("as", "one", "bob")),
        ("/b/things", caller()),
        ("/c/things", caller_of("as", "two", "alice")),
    ] {
        assert_eq!(sent(&proxy.get(1, path, &token)), "waits", "{path}");
    }
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer issued");
}

#[test]
fn another_configuration_with_the_same_secret_takes_nothing_of_this_one() {
    let mut proxy = Proxy::of(1);
    let mut other = document(&secret());
    other["resources"][0]["exchange"]["token_exchange"]["max_lifetime"] = json!("59m");
    proxy.add(&other);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    flood(&proxy.store);
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "waits");
    assert_eq!(proxy.call_to(1, "as").cluster, "as");
    assert!(proxy.looked(Looked::Unreadable) > 0);
}

#[test]
fn what_is_damaged_counts_as_not_there() {
    let mut proxy = Proxy::of(1);
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    let (name, record) = proxy.store.written().into_iter().find(|(name, _)| name.contains(".token.")).unwrap();
    let damaged = (0..record.len()).map(|at| {
        let mut damaged = record.clone();
        damaged[at] ^= 1;
        damaged
    });
    for (each, damaged) in damaged.chain([Vec::new(), vec![0], record[1..].to_vec(), vec![7; 1 << 20]]).enumerate() {
        proxy.store.set(&name, &damaged, 0);
        proxy.add(&document(&secret()));
        assert_eq!(sent(&proxy.get(each + 1, "/a/things", &caller())), "waits", "{each}");
        assert_eq!(proxy.call_to(each + 1, "as").cluster, "as");
    }
}

#[test]
fn a_record_of_before_is_worth_what_its_times_say() {
    let mut proxy = Proxy::of(3);
    proxy.exchanged(0, "/a/things", &caller(), "first");
    let old = proxy.store.written();
    let roll_back = |proxy: &mut Proxy| {
        for (name, record) in &old {
            proxy.store.set(name, record, 0);
        }
    };
    proxy.now += 580;
    roll_back(&mut proxy);
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer first", "it has life left");
    proxy.now += 10;
    roll_back(&mut proxy);
    assert_eq!(sent(&proxy.get(2, "/a/things", &caller())), "waits", "it has no more than the margin");
    assert_eq!(proxy.call_to(2, "as").cluster, "as");
}

#[test]
fn a_token_serves_no_longer_than_the_one_it_was_exchanged_for() {
    let mut proxy = Proxy::of(3);
    proxy.now += 3590;
    proxy.exchanged(0, "/a/things", &caller(), "issued");
    proxy.now += 9;
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer issued");
    proxy.now += 1;
    // Within the skew of clocks that verification allows.
    assert_eq!(sent(&proxy.get(2, "/a/things", &caller())), "waits");
    assert_eq!(proxy.call_to(2, "as").cluster, "as");
}

#[test]
fn a_token_that_an_upstream_refused_is_not_taken_back() {
    let mut proxy = Proxy::of(2);
    proxy.exchanged(0, "/a/things", &caller(), "refused");
    let Step::Forward(forward) = proxy.get(1, "/a/things", &caller()) else { panic!() };
    let mut plan = forward.response;
    let head = crate::flow::ResponseHead { status: Some(401), headers: &[], end_of_stream: true };
    let _reply = proxy.at(1, |plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head));
    let then = proxy.join(1, "/a/things", &caller());
    let call = proxy.call_to(1, "as");
    let step = proxy.answer(1, &call, 200, &granted("better", 600));
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(1, then, &landing)), "Bearer better");
}

#[test]
fn a_worker_that_dies_is_waited_for_no_longer_than_its_lease() {
    let mut proxy = Proxy::of(2);
    let _dead = proxy.join(0, "/a/things", &caller());
    let _call = proxy.call_to(0, "as");
    let _waits = proxy.join(1, "/a/things", &caller());
    proxy.tick(1).calls.clear();
    proxy.now += SHARED_LEASE_SECONDS - 1;
    assert!(proxy.tick(1).calls.iter().all(|call| call.cluster != "as"));
    proxy.now += 1;
    assert_eq!(proxy.call_to(1, "as").cluster, "as");
    // A clock that was set back does not prolong it.
    proxy.now -= 10;
    proxy.add(&document(&secret()));
    let _waits = proxy.join(2, "/a/things", &caller());
    assert_eq!(proxy.call_to(2, "as").cluster, "as");
}

#[test]
fn those_who_waited_for_a_failure_try_at_once_and_not_one_after_another() {
    let mut proxy = Proxy::of(3);
    for worker in 0..3 {
        let _waits = proxy.join(worker, "/a/things", &caller());
    }
    let call = proxy.call_to(0, "as");
    for worker in [1, 2] {
        let _none = proxy.tick(worker);
    }
    let step = proxy.answer(0, &call, 400, &json!({"error": "invalid_client"}));
    assert_eq!(step.landings.len(), 1);
    for worker in [1, 2] {
        assert_eq!(proxy.call_to(worker, "as").cluster, "as");
    }
}

#[test]
fn a_refusal_by_policy_is_told_to_all_for_a_moment() {
    let mut proxy = Proxy::of(3);
    let _waits = proxy.join(0, "/a/things", &caller());
    let then = proxy.join(1, "/a/things", &caller());
    let call = proxy.call_to(0, "as");
    let _none = proxy.tick(1);
    let _told = proxy.answer(0, &call, 400, &json!({"error": "access_denied"}));
    let step = proxy.tick(1);
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(1, then, &landing)), "exchange_denied");
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "exchange_denied");
    let _late = proxy.join(2, "/a/things", &caller());
    assert!(told(&proxy.tick(2)).is_some());
    proxy.now += 2;
    let _again = proxy.join(2, "/a/things", &caller());
    assert_eq!(proxy.call_to(2, "as").cluster, "as");
}

#[test]
fn uses_that_are_counted_are_not_shared() {
    let mut proxy = Proxy::of(2);
    for worker in [0, 1] {
        let _waits = proxy.join(worker, "/a/once", &caller());
        let call = proxy.call_to(worker, "as");
        let _told = proxy.answer(worker, &call, 200, &granted("once", 600));
    }
    assert!(proxy.store.written().iter().all(|(name, _)| name.contains(".keys.")));
}

#[test]
fn whoever_loses_the_race_looks_again_and_alone_after_three() {
    let mut proxy = Proxy::of(1);
    let _keys = proxy.tick(0);
    let _waits = proxy.join(0, "/a/things", &caller());
    proxy.store.faster.set(SHARED_WRITES_MAX);
    for _ in 0..SHARED_WRITES_MAX {
        assert!(proxy.tick(0).calls.is_empty());
        assert_eq!(proxy.workers[0].tick_millis(), 1);
    }
    assert_eq!(proxy.call_to(0, "as").cluster, "as");
    assert_eq!(proxy.looked(Looked::Lost), usize::try_from(SHARED_WRITES_MAX).unwrap());
}

#[test]
fn what_nobody_waits_for_any_more_is_not_asked_for_when_the_lease_ends() {
    let mut proxy = Proxy::of(2);
    let _dead = proxy.join(0, "/a/things", &caller());
    let _call = proxy.call_to(0, "as");
    let Step::Join { flight, .. } = proxy.get(1, "/a/things", &caller()) else { panic!() };
    let stream = StreamId(proxy.streams);
    let _keys = proxy.tick(1);
    proxy.workers[1].handle_stream_gone(flight, stream);
    let tokens = |proxy: &Proxy| {
        let mut written = proxy.store.written();
        written.retain(|(name, _)| name.contains(".token."));
        written
    };
    let before = tokens(&proxy);
    proxy.now += SHARED_LEASE_SECONDS;
    assert!(proxy.tick(1).calls.iter().all(|call| call.cluster != "as"));
    assert_eq!(proxy.workers[1].tick_millis(), 1000);
    assert_eq!(tokens(&proxy), before, "nor is it promised to others");
}

#[test]
fn a_token_is_refreshed_by_one_worker_and_taken_by_the_others() {
    let mut proxy = Proxy::of(2);
    proxy.exchanged(0, "/a/things", &caller(), "first");
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer first");
    proxy.now += 570;
    assert_eq!(sent(&proxy.get(0, "/a/things", &caller())), "Bearer first");
    let call = proxy.call_to(0, "as");
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer first", "nobody waits for a refresh");
    assert!(proxy.tick(1).calls.iter().all(|call| call.cluster != "as"));
    let _told = proxy.answer(0, &call, 200, &granted("second", 600));
    assert_eq!(sent(&proxy.get(0, "/a/things", &caller())), "Bearer second");
    proxy.now += 5;
    let _due_again = proxy.get(1, "/a/things", &caller());
    assert!(proxy.tick(1).calls.iter().all(|call| call.cluster != "as"));
    assert_eq!(sent(&proxy.get(1, "/a/things", &caller())), "Bearer second");
}

/// Enough callers that some of their tokens meet in one slot: a hundred and fifty in a thousand slots, and a birthday.
const CALLERS: usize = 150;

#[test]
fn a_token_in_the_same_slot_is_no_token_for_another_caller() {
    let mut proxy = Proxy::of(1);
    let (mut slots, mut met) = (std::collections::BTreeSet::new(), false);
    for each in 0..CALLERS {
        let token = caller_of("as", "one", &format!("user{each}"));
        let before = proxy.store.written();
        // On a worker that holds nothing of its own.
        proxy.workers.clear();
        proxy.add(&document(&secret()));
        proxy.exchanged(0, "/a/things", &token, &format!("issued{each}"));
        let written = proxy.store.written();
        let mut new = written.iter().filter(|entry| entry.0.contains(".token.") && !before.contains(entry));
        met |= !slots.insert(new.next().unwrap().0.clone());
        proxy.workers.clear();
        proxy.add(&document(&secret()));
        assert_eq!(sent(&proxy.get(0, "/a/things", &token)), format!("Bearer issued{each}"));
    }
    assert!(met && proxy.looked(Looked::Collided) > 0);
}

#[test]
fn a_slot_that_somebody_is_at_for_something_else_is_left_to_them() {
    let mut proxy = Proxy::of(1);
    let _keys = proxy.tick(0);
    let (mut leased, mut alone) = (BTreeMap::new(), 0);
    for each in 0..CALLERS {
        let token = caller_of("as", "one", &format!("user{each}"));
        let _waits = proxy.join(0, "/a/things", &token);
        let call = proxy.call_to(0, "as");
        let written: BTreeMap<_, _> = proxy.store.written().into_iter().collect();
        alone += usize::from(written == leased);
        assert!(leased.iter().all(|(name, lease)| name.contains(".keys.") || written[name] == *lease), "{each}");
        leased = written;
        proxy.workers.clear();
        proxy.add(&document(&secret()));
        drop(call);
    }
    assert!(alone > 0);
}

fn keys_document(kid: &str) -> Value {
    json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": kid}))]})
}

#[test]
fn a_key_set_is_fetched_by_one_worker_for_all() {
    let mut proxy = Proxy::of(3);
    let call = proxy.call_to(1, "far");
    for worker in [0, 2] {
        assert!(proxy.tick(worker).calls.is_empty());
        assert_eq!(proxy.workers[worker].tick_millis(), 1);
    }
    let waiting = proxy.join(2, "/d/things", &caller_of("far", "one", "alice"));
    let _told = proxy.answer(1, &call, 200, &keys_document("k"));
    assert!(proxy.tick(0).calls.is_empty());
    let step = proxy.tick(2);
    assert!(step.calls.is_empty());
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(2, waiting, &landing)), "waits", "for its token, with the keys of the other worker");
    proxy.add(&document(&secret()));
    assert!(proxy.tick(3).calls.is_empty(), "one that is started anew takes what the others go by");
    // They are due at the same time, and one of them fetches.
    proxy.now += 300;
    assert_eq!(proxy.call_to(0, "far").cluster, "far");
    for worker in 1..4 {
        assert!(proxy.tick(worker).calls.iter().all(|call| call.cluster != "far"), "{worker}");
    }
}

#[test]
fn a_set_from_before_the_question_does_not_answer_who_waits_for_a_new_key() {
    let mut proxy = Proxy::of(2);
    let call = proxy.call_to(0, "far");
    let _told = proxy.answer(0, &call, 200, &keys_document("old"));
    assert!(proxy.tick(1).calls.is_empty());
    proxy.now += 10;
    let _waits = proxy.join(1, "/d/things", &caller_of("far", "one", "alice"));
    let call = proxy.call_to(1, "far");
    let _told = proxy.answer(1, &call, 200, &keys_document("k"));
    let then = proxy.join(0, "/d/things", &caller_of("far", "one", "alice"));
    let step = proxy.tick(0);
    assert!(step.calls.is_empty(), "the set is of this very second");
    proxy.now += 1;
    proxy.add(&document(&secret()));
    let _waits = proxy.join(2, "/d/things", &caller_of("far", "one", "alice"));
    assert_eq!(proxy.call_to(2, "far").cluster, "far", "and now it is not any more");
    let landing = told(&step).unwrap().clone();
    assert_eq!(sent(&proxy.land(0, then, &landing)), "waits");
}

#[test]
fn an_older_set_never_takes_the_place_of_a_newer_one() {
    let mut proxy = Proxy::of(2);
    let call = proxy.call_to(0, "far");
    let _told = proxy.answer(0, &call, 200, &keys_document("old"));
    let old = proxy.store.written();
    assert!(proxy.tick(1).calls.is_empty());
    proxy.now += 290;
    let _waits = proxy.join(1, "/d/things", &caller_of("far", "one", "alice"));
    let call = proxy.call_to(1, "far");
    let _told = proxy.answer(1, &call, 200, &keys_document("k"));
    for (name, record) in old {
        proxy.store.set(&name, &record, 0);
    }
    // A clock that was set back makes the newer set due, and the older one look current.
    proxy.now -= 100;
    assert_eq!(proxy.call_to(1, "far").cluster, "far");
    assert_eq!(sent(&proxy.get(1, "/d/things", &caller_of("far", "one", "alice"))), "waits", "the key is still known");
}

#[test]
fn a_host_that_does_not_number_its_writes_is_no_place_for_leases() {
    let mut proxy = Proxy::of(2);
    proxy.store.unnumbered.set(true);
    for worker in [0, 1] {
        let _waits = proxy.join(worker, "/a/things", &caller());
        assert_eq!(proxy.call_to(worker, "as").cluster, "as");
    }
    assert!(proxy.store.written().is_empty());
    assert!(proxy.looked(Looked::Missing) > 0);
}

#[test]
fn a_fetch_that_fails_is_made_by_the_others_at_once() {
    let mut proxy = Proxy::of(3);
    let call = proxy.call_to(0, "far");
    for worker in [1, 2] {
        assert!(proxy.tick(worker).calls.is_empty());
    }
    let _told = proxy.answer(0, &call, 500, &json!({}));
    for worker in [1, 2] {
        assert_eq!(proxy.call_to(worker, "far").cluster, "far");
    }
}

#[test]
fn in_one_tick_no_more_flights_look_than_may() {
    let mut proxy = Proxy::of(2);
    let _keys = (proxy.tick(0), proxy.tick(1));
    // A few meet in one slot and follow nobody.
    let followed = SHARED_LOOKS_PER_TICK_MAX + 20;
    for each in 0..followed {
        let token = caller_of("as", "one", &format!("user{each}"));
        for worker in [0, 1] {
            let _waits = proxy.join(worker, "/a/things", &token);
        }
    }
    for _ in 0..followed {
        let _calls = proxy.tick(0);
    }
    for _ in 0..followed {
        let _none = proxy.tick(1);
    }
    proxy.store.gets.set(0);
    let _looks = proxy.tick(1);
    assert_eq!(proxy.store.gets.get(), SHARED_LOOKS_PER_TICK_MAX);
}
