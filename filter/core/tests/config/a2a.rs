//! A2A resources: the bounds and words of what was not there before bindings were told apart.

use actgate_core::limits::{BINDING_SECRET_BYTES_MIN, PUSH_TARGETS_MAX};
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

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

#[test]
fn a_task_secret_is_long_and_shown_nowhere_and_nothing_goes_around_it() {
    let inline = |size: usize| json!({ "insecure_inline": "s".repeat(size) });
    let edits = |secret: Value, methods: Value| {
        [Edit::Set("/resources/1/a2a/task_secret", secret), Edit::Set("/resources/1/a2a/methods", methods)]
    };
    let told = |secret: Value, methods: Value| message(&edits(secret, methods));
    let methods = json!({ "SendMessage": {}, "message/stream": {}, "GetTask": {}, "tasks/cancel": {}, "SubscribeToTask": {}, "GetExtendedAgentCard": {} });
    assert_eq!(told(inline(BINDING_SECRET_BYTES_MIN), methods.clone()), "accepted");
    let config = read(&edited(&edits(inline(BINDING_SECRET_BYTES_MIN), methods.clone()))).unwrap();
    assert!(!format!("{config:?}").contains(&"s".repeat(BINDING_SECRET_BYTES_MIN)));
    assert_eq!(
        told(inline(BINDING_SECRET_BYTES_MIN - 1), methods),
        "resources[1].a2a.task_secret.insecure_inline: found a short one; want at least 32 bytes of randomness: whoever guesses it takes over tasks: `openssl rand -hex 32` makes one"
    );
    for method in [
        "ListTasks",
        "tasks/list",
        "CreateTaskPushNotificationConfig",
        "tasks/pushNotificationConfig/get",
        "ListTaskPushNotificationConfigs",
        "tasks/pushNotificationConfig/delete",
        "tasks/Get",
        "x",
    ] {
        assert_eq!(
            told(inline(BINDING_SECRET_BYTES_MIN), json!({ method: {} })),
            format!(
                "resources[1].a2a.methods.{method}: found a method whose tasks cannot be bound; want methods that send a message, are about one task, or ask for the agent's card: \
                 with \"task_secret\", what lists tasks, reports on them to elsewhere or is not the protocol's would go around it"
            )
        );
    }
    let hooks = [
        Edit::Set("/resources/1/a2a/task_secret", inline(BINDING_SECRET_BYTES_MIN)),
        Edit::Set("/resources/1/a2a/methods", json!({ "SendMessage": {} })),
        Edit::Set("/resources/1/a2a/push_notification_urls", json!(["https://hooks.example/a"])),
    ];
    assert!(
        message(&hooks).starts_with("resources[1].a2a.push_notification_urls: found some; want none: "),
        "{}",
        message(&hooks)
    );
}
