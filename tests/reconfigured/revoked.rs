//! What another configuration withdraws reaches what is under way under the one before.

use std::time::Duration;

use actgate::dev::world::streamward::{CHAT_APP, DEMO_USER, KNOWLEDGE_AGENT, ORCHESTRATOR};
use actgate_tests::case::TokenRecipe;
use actgate_tests::gateway::Gateway as _;
use actgate_tests::peer;
use envoy_harness::{Outcome, RequestId, Response};
use serde_json::{Value, json};

use crate::scene::{Scene, body, forwarded};

/// By how much the clock of an issuer may be off, where nothing is said.
const SKEW_SECONDS: u64 = 30;

/// How long the old root may take: its tick comes once a second.
const REACHES: Duration = Duration::from_millis(1000);

fn of_the_human() -> Value {
    json!({"authorization_server": "knowledge", "sub": DEMO_USER})
}

fn claims(claims: Value) -> TokenRecipe {
    let claims = claims.as_object().cloned().unwrap_or_default().into_iter().collect();
    TokenRecipe { claims, ..TokenRecipe::default() }
}

impl Scene {
    /// A stream of events that goes on.
    fn streaming(&mut self, name: &str, recipe: &TokenRecipe) -> RequestId {
        let id = self.open_with(name, body().len(), recipe);
        self.gateway.envoy.send_body(id, body(), true);
        self.gateway.envoy.advance(Duration::from_millis(100));
        assert!(forwarded(self, id), "{name}: {}", self.gateway.envoy.log_text());
        let head = Response::new(200).header("content-type", "text/event-stream");
        self.gateway.envoy.respond_headers(id, head, false);
        self.event(id);
        id
    }

    fn event(&mut self, id: RequestId) {
        self.gateway.envoy.respond_body(id, "data: x\n\n", false);
    }

    fn revoke(&mut self, entries: Value) {
        let document = self.revoking(entries);
        self.gateway.envoy.push(0, document).expect("it loads");
    }

    fn revoking(&self, entries: Value) -> String {
        let mut document = self.document.clone();
        document["revoked"] = entries;
        document["agents"]["wlpnamed"] = json!({"name": "Named", "owner": "x@example", "status": "active", "client_ids": {"knowledge": "0oaclient"}});
        document.to_string()
    }

    fn is_cut(&self, id: RequestId) -> bool {
        matches!(self.gateway.envoy.outcome(id), Outcome::Reset { .. })
    }

    fn events_of_ends(&self) -> Vec<Value> {
        let log = self.gateway.envoy.log_text();
        let events = log.lines().filter_map(|line| line.split_once("actgate event ")).map(|(_, event)| event);
        let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
        events.filter(|event| event["event"] == "stream_ended").collect()
    }
}

#[test]
fn open_streams_of_what_is_withdrawn_break_off_and_others_go_on() {
    let mut scene = Scene::new();
    let certificate =
        peer::certificate_sha256(&scene.world, KNOWLEDGE_AGENT).map(|byte| format!("{byte:02x}")).concat();
    let cases = [
        ("sub", claims(json!({})), of_the_human()),
        ("jti", claims(json!({})), json!({"authorization_server": "knowledge", "jti": "AT.jti"})),
        ("sid", claims(json!({"sid": "s-1"})), json!({"authorization_server": "knowledge", "sid": "s-1"})),
        ("prior actor", claims(json!({})), json!({"actor": CHAT_APP})),
        ("current actor", claims(json!({})), json!({"actor": ORCHESTRATOR})),
        ("client", claims(json!({"cid": "wlpclient"})), json!({"actor": "wlpclient"})),
        ("client by another name", claims(json!({"cid": "0oaclient"})), json!({"actor": "wlpnamed"})),
        ("certificate", claims(json!({})), json!({"certificate_sha256": certificate})),
    ];
    for (name, recipe, entry) in cases {
        let open = scene.streaming(name, &recipe);
        scene.revoke(json!([{"actor": format!("nobody-{name}")}]));
        scene.gateway.envoy.advance(REACHES);
        scene.event(open);
        assert!(!scene.is_cut(open), "{name}: cut by what names somebody else");
        let ended = scene.events_of_ends().len();
        scene.revoke(json!([entry]));
        scene.gateway.envoy.advance(REACHES);
        assert!(scene.is_cut(open), "{name}: {}", scene.gateway.envoy.log_text());
        let events = scene.events_of_ends();
        let last = events.last().expect("an event");
        assert_eq!(
            (events.len(), &last["reason"], &last["subject"]),
            (ended + 1, &json!("revoked"), &json!(DEMO_USER))
        );
        scene.revoke(json!([{"actor": format!("over-{name}")}]));
    }
}

#[test]
fn bounds_of_time_hold_for_open_streams_too() {
    let mut scene = Scene::new();
    let now = scene.gateway.now();
    let open = scene.streaming("bounds", &claims(json!({})));
    for spared in [json!({"issued_before": now - SKEW_SECONDS}), json!({"until": now})] {
        let mut entry = of_the_human();
        entry.as_object_mut().expect("an object").extend(spared.as_object().cloned().unwrap_or_default());
        scene.revoke(json!([entry]));
        scene.gateway.envoy.advance(REACHES);
        assert!(!scene.is_cut(open), "{spared}");
    }
    let mut entry = of_the_human();
    (entry["issued_before"], entry["until"]) = (json!(now - SKEW_SECONDS + 1), json!(now + 600));
    scene.revoke(json!([entry]));
    scene.gateway.envoy.advance(REACHES);
    assert!(scene.is_cut(open));
}

#[test]
fn what_waits_is_refused_as_a_new_request_would_be() {
    let mut scene = Scene::new();
    let (reading, waiting) = (scene.waiting_for_its_body(), scene.waiting_for_a_token());
    scene.revoke(json!([of_the_human()]));
    scene.gateway.envoy.advance(REACHES);
    for id in [reading, waiting] {
        assert_eq!(scene.reply(id), (401, json!("subject_revoked")), "{}", scene.gateway.envoy.log_text());
    }
    // The body still comes, and so does the token: neither moves anything.
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    scene.later();
    assert!(!forwarded(&scene, reading) && !forwarded(&scene, waiting));
}

/// Between two ticks the old root asks before it decides.
#[test]
fn what_goes_on_before_the_tick_is_refused_too() {
    let mut scene = Scene::new();
    let reading = scene.waiting_for_its_body();
    scene.revoke(json!([{"actor": CHAT_APP}]));
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    assert_eq!(scene.reply(reading), (403, json!("actor_revoked")), "{}", scene.gateway.envoy.log_text());
    assert!(!forwarded(&scene, reading));
}

#[test]
fn what_is_not_withdrawn_waits_on() {
    let mut scene = Scene::new();
    let (reading, waiting) = (scene.waiting_for_its_body(), scene.waiting_for_a_token());
    scene.revoke(json!([{"actor": "nobody"}]));
    scene.gateway.envoy.advance(REACHES / 2);
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    scene.later();
    assert!(forwarded(&scene, reading) && forwarded(&scene, waiting), "{}", scene.gateway.envoy.log_text());
}

/// Where everything is observed a new request would go on, and so does what is under way.
#[test]
fn what_is_observed_is_ended_by_nobody() {
    let mut scene = Scene::new();
    scene.document["resources"][1]["observe"] = json!({"until": "2026-12-31"});
    scene.revoke(json!([]));
    scene.gateway.envoy.advance(Duration::from_millis(100));
    let open = scene.streaming("observed", &claims(json!({})));
    let reading = scene.waiting_for_its_body();
    scene.revoke(json!([of_the_human()]));
    scene.gateway.envoy.advance(REACHES);
    assert!(!scene.is_cut(open));
    scene.gateway.envoy.send_body(reading, &body()[10..], true);
    scene.later();
    assert!(forwarded(&scene, reading), "{}", scene.gateway.envoy.log_text());
}

#[test]
fn another_plugin_in_the_same_vm_withdraws_nothing() {
    for (other, withdraws) in [("another", false), ("actgate", true)] {
        let mut scene = Scene::beside(other);
        let reading = scene.waiting_for_its_body();
        let document = scene.revoking(json!([of_the_human()]));
        scene.gateway.envoy.push(1, document).expect("it loads");
        scene.gateway.envoy.advance(REACHES);
        assert_eq!(!scene.gateway.envoy.outcome(reading).is_held(), withdraws, "{other}");
    }
}

#[test]
fn a_push_that_does_not_load_withdraws_nothing() {
    let mut scene = Scene::new();
    let open = scene.streaming("kept", &claims(json!({})));
    let mut document = scene.document.clone();
    (document["revoked"], document["resources"]) = (json!([of_the_human()]), json!([]));
    scene.gateway.envoy.push(0, document.to_string()).expect_err("no resources");
    scene.gateway.envoy.advance(REACHES);
    assert!(!scene.is_cut(open));
}

/// A configuration that is gone, because the host took it back, withdraws nothing any more; what it ended stays ended.
#[test]
fn what_is_taken_back_withdraws_nothing_any_more() {
    let mut scene = Scene::new();
    let (ended, open) = (scene.streaming("ended", &claims(json!({}))), scene.streaming("open", &claims(json!({}))));
    scene.revoke(json!([{"authorization_server": "knowledge", "jti": "AT.ended"}]));
    scene.gateway.envoy.advance(REACHES);
    // The old document again: the host goes back to the root that it still has.
    let before = scene.document.to_string();
    scene.gateway.envoy.push(0, before).expect("it loads");
    scene.later();
    assert_eq!(scene.gateway.envoy.roots(0), 1);
    assert!(scene.is_cut(ended) && !scene.is_cut(open));
    assert_eq!(scene.next_call("ended"), None);
}

/// The other way for a host to bring a configuration: what is open does not outlive it either.
#[test]
fn a_root_that_is_configured_anew_ends_what_it_withdraws() {
    let mut scene = Scene::new();
    let (human, other) = (scene.streaming("human", &claims(json!({}))), scene.streaming("other", &claims(json!({}))));
    let document = scene.revoking(json!([{"authorization_server": "knowledge", "jti": "AT.human"}]));
    scene.gateway.envoy.configure_again(0, document);
    scene.gateway.envoy.advance(REACHES);
    assert!(scene.is_cut(human) && !scene.is_cut(other));
}
