//! The shipped module gets another configuration while requests are under way: as Envoy gives it, and as other hosts may.

mod revoked;
mod scene;

use std::time::Duration;

use actgate_tests::gateway::Gateway as _;
use serde_json::json;

use crate::scene::{Scene, body, forwarded};

#[test]
fn envoy_lets_the_old_configuration_finish_what_it_began() {
    let mut scene = Scene::new();
    let (reading, waiting) = (scene.waiting_for_its_body(), scene.waiting_for_a_token());
    let stricter = scene.stricter();
    scene.gateway.envoy.push(0, stricter).expect("it loads");
    assert_eq!(scene.gateway.envoy.roots(0), 2);
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    scene.later();
    assert!(forwarded(&scene, reading) && forwarded(&scene, waiting), "{}", scene.gateway.envoy.log_text());
    assert_eq!(scene.next_call("new"), Some((200, json!("tool_not_mapped"))));
}

#[test]
fn the_old_configuration_asks_nobody_once_its_last_request_is_gone() {
    let mut scene = Scene::new();
    let waiting = scene.waiting_for_a_token();
    let stricter = scene.stricter();
    scene.gateway.envoy.push(0, stricter).expect("it loads");
    scene.gateway.envoy.disconnect(waiting);
    scene.later();
    assert_eq!(scene.gateway.envoy.roots(0), 1);
    let before = scene.gateway.issuers().get("idp").expect("an issuer").ledger().key_fetches;
    // Past the refresh of ten minutes: the worker and the main thread fetch, the old roots do not.
    scene.gateway.advance(601);
    let after = scene.gateway.issuers().get("idp").expect("an issuer").ledger().key_fetches;
    assert_eq!(after - before, 2);
}

#[test]
fn a_push_that_does_not_load_changes_nothing() {
    let mut scene = Scene::new();
    let waiting = scene.waiting_for_a_token();
    let error = scene.gateway.envoy.push(0, "{}").expect_err("it has nothing in it");
    assert!(error.message.contains("ConfigureFailed"), "{error}");
    assert_eq!(scene.gateway.envoy.roots(0), 1);
    scene.later();
    assert!(forwarded(&scene, waiting));
    assert_eq!(scene.next_call("still"), None);
}

/// Many pushes in a row, each with requests under way: none hangs, none is lost, and no root is left behind.
#[test]
fn pushes_in_a_row_leave_nothing_behind() {
    let mut scene = Scene::new();
    let mut ids = Vec::new();
    for round in 0..8 {
        scene.gateway.order("idp", "slow=1000");
        for each in 0..3 {
            let id = scene.open(&format!("round-{round}-{each}"), body().len());
            scene.gateway.envoy.send_body(id, body(), true);
            ids.push(id);
        }
        scene.gateway.envoy.advance(Duration::from_millis(50));
        let mut document = scene.document.clone();
        document["resources"][1]["max_body"] = json!(format!("{}KiB", 512 + round));
        scene.gateway.envoy.push(0, document.to_string()).expect("it loads");
    }
    scene.later();
    for id in ids {
        assert!(forwarded(&scene, id));
        scene.gateway.envoy.disconnect(id);
    }
    scene.later();
    assert_eq!(scene.gateway.envoy.roots(0), 1);
}

#[test]
fn a_host_that_configures_a_root_anew_gets_what_waits_refused() {
    let mut scene = Scene::new();
    let (reading, waiting) = (scene.waiting_for_its_body(), scene.waiting_for_a_token());
    let stricter = scene.stricter();
    scene.gateway.envoy.configure_again(0, stricter);
    // Whose message was read is answered as a call of a session is.
    for (id, status) in [(reading, 503), (waiting, 200)] {
        assert_eq!(scene.reply(id), (status, json!("reconfigured")), "{}", scene.gateway.envoy.log_text());
    }
    // The body still comes, and so does the answer to the old call: neither moves anything.
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    scene.later();
    assert!(!forwarded(&scene, reading) && !forwarded(&scene, waiting));
    assert_eq!(scene.next_call("new"), Some((200, json!("tool_not_mapped"))));
}

/// Not even where everything passes: the new configuration may not observe any more.
#[test]
fn what_was_observed_is_refused_too_when_a_root_is_configured_anew() {
    let mut scene = Scene::new();
    scene.document["resources"][1]["observe"] = json!({"until": "2026-12-31"});
    let observing = scene.document.to_string();
    scene.gateway.envoy.push(0, observing).expect("it loads");
    scene.gateway.envoy.advance(Duration::from_millis(100));
    let reading = scene.waiting_for_its_body();
    let stricter = scene.stricter();
    scene.gateway.envoy.configure_again(0, stricter);
    assert_eq!(scene.reply(reading), (503, json!("reconfigured")));
    assert!(!forwarded(&scene, reading));
}

/// Answers to old calls, however they are numbered, are no answers to new ones.
#[test]
fn an_answer_to_an_old_call_is_none_to_a_new_one() {
    let mut scene = Scene::new();
    let old = scene.waiting_for_a_token();
    let again = scene.document.to_string();
    scene.gateway.envoy.configure_again(0, again);
    assert_eq!(scene.reply(old), (200, json!("reconfigured")));
    let new = scene.waiting_for_a_token();
    scene.later();
    assert!(forwarded(&scene, new));
    assert!(!forwarded(&scene, old));
}
