//! A2A resources: the bounds and words of what was not there before bindings were told apart.

use actgate_core::limits::PUSH_TARGETS_MAX;
use serde_json::json;

use crate::document::{Edit, message};

#[test]
fn places_for_reports_are_urls_and_bounded() {
    let told = |values: Vec<String>| message(&[Edit::Set("/resources/1/a2a/push_notification_urls", json!(values))]);
    let urls = |count: usize| (0..count).map(|at| format!("https://hooks.example/{at}")).collect();
    assert_eq!(told(urls(PUSH_TARGETS_MAX)), "accepted");
    assert_eq!(
        told(urls(PUSH_TARGETS_MAX + 1)),
        "resources[1].a2a.push_notification_urls: found 33 URLs; want at most 32: what the filter holds in memory is bounded"
    );
    assert_eq!(
        told(vec!["http://hooks.example/a".to_owned()]),
        "resources[1].a2a.push_notification_urls[0]: found \"http://hooks.example/a\"; want a URL such as \"https://hooks.example.com/a2a\", without query: \
         an agent may be told to report to it and to what lies beneath, in whole segments"
    );
}

#[test]
fn both_names_of_a_method_say_one_thing() {
    let told =
        |other| message(&[Edit::Set("/resources/1/a2a/methods", json!({ "SendMessage": {}, "message/send": other }))]);
    assert_eq!(told(json!({})), "accepted");
    assert_eq!(
        told(json!({ "scopes": ["s"] })),
        "resources[1].a2a.methods.message/send: found something else; want the same as under the other name of \"SendMessage\": both names are one action; one of them is enough"
    );
}

#[test]
fn a_card_is_public_by_that_word_only() {
    let told = |word| message(&[Edit::Set("/resources/1/a2a/agent_card", json!(word))]);
    assert_eq!(told("public"), "accepted");
    assert_eq!(
        told("yes"),
        "resources[1].a2a.agent_card: found \"yes\"; want \"refuse\" or \"public\": who may read /.well-known/agent-card.json"
    );
}
