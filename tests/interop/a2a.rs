//! A2A: the official client and server, in the version of today and the one before.

use actgate::dev::world::streamward::{KNOWLEDGE_AGENT, ORCHESTRATOR};
use serde_json::{Value, json};

use crate::sdk::{Client, Server, Steps, gateway};

fn run(version: &str, methods: &[&str]) -> Steps {
    let server = Server::start(&["server-a2a.mjs"]);
    let gateway = gateway(&server, None, |document| {
        let methods: serde_json::Map<String, Value> =
            methods.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        document["resources"][0]["a2a"]["methods"] = Value::Object(methods);
    });
    let mode = json!(version);
    Client { script: "client-a2a.mjs", agent: ORCHESTRATOR, path: "/agents/knowledge", mode }.run(&gateway)
}

fn assert_all(steps: &Steps) {
    steps.saw("call", &json!("TASK_STATE_COMPLETED"));
    steps.saw("get", &json!("TASK_STATE_COMPLETED"));
    let working = "TASK_STATE_WORKING";
    steps.saw("stream", &json!(["task", working, working, working, working, "TASK_STATE_COMPLETED"]));
    steps.saw("cancel", &json!("TASK_STATE_CANCELED"));
    steps.failed("error", "no-such-task");
    steps.failed("refused method", "method_not_mapped");
}

#[test]
fn the_sdk_speaks_one_dot_zero() {
    assert_all(&run("1.0", &["SendMessage", "SendStreamingMessage", "GetTask", "CancelTask"]));
}

#[test]
fn the_sdk_speaks_zero_dot_three() {
    assert_all(&run("0.3", &["message/send", "message/stream", "tasks/get", "tasks/cancel"]));
}

/// Tasks that are bound serve the SDK as they come, and nobody else's.
fn bound(version: &str) {
    let server = Server::start(&["server-a2a.mjs"]);
    let gateway = gateway(&server, None, |document| {
        document["resources"][0]["a2a"] = json!({
            "methods": { "SendMessage": {}, "SendStreamingMessage": {}, "GetTask": {}, "CancelTask": {}, "SubscribeToTask": {} },
            "task_secret": { "insecure_inline": "fedcba9876543210fedcba9876543210" },
        });
    });
    let path = "/agents/knowledge";
    let client = Client { script: "client-a2a.mjs", agent: ORCHESTRATOR, path, mode: json!(version) };
    let steps = client.run(&gateway);
    for (step, want) in
        [("call", "TASK_STATE_COMPLETED"), ("get", "TASK_STATE_COMPLETED"), ("cancel", "TASK_STATE_CANCELED")]
    {
        steps.saw(step, &json!(want));
    }
    let made = steps.seen("made");
    let (task, context) = (made["task"].as_str().unwrap_or_default(), made["context"].as_str().unwrap_or_default());
    // A digest, and the agent's own identifier.
    assert!(task.len() == 44 + 36 && context.len() == 44 + 36 && task != context, "{made}");
    assert!(made["told"].as_array().is_some_and(|told| told.iter().all(|id| id == task)), "{made}");
    steps.saw("context", &json!([true, true, true]));
    let working = "TASK_STATE_WORKING";
    steps.saw("stream", &json!(["task", working, working, working, working, "TASK_STATE_COMPLETED"]));
    assert_eq!(steps.seen("follow")[1], true, "{:?}", steps.seen("follow"));
    steps.failed("error", "task_unknown");

    let mode = json!({ "version": version, "task": task, "context": context });
    let thief = Client { script: "client-a2a-stolen.mjs", agent: KNOWLEDGE_AGENT, path, mode: mode.clone() };
    let other_agent = thief.run_with(&gateway, |claims| {
        claims["cid"] = json!(KNOWLEDGE_AGENT);
        claims["act"] = json!({ "sub": KNOWLEDGE_AGENT, "sub_profile": "ai_agent" });
    });
    let same_agent = Client { script: "client-a2a-stolen.mjs", agent: ORCHESTRATOR, path, mode };
    let other_human = same_agent.run_with(&gateway, |claims| claims["sub"] = json!("somebody.else@example.com"));
    for steps in [other_agent, other_human] {
        for step in ["get", "cancel", "follow", "go on", "go on in a stream", "refer"] {
            steps.failed(step, "task_unknown");
        }
        steps.failed("join", "context_unknown");
        steps.saw("own", &json!("TASK_STATE_COMPLETED"));
    }
}

#[test]
fn bound_tasks_serve_the_sdk_of_one_dot_zero_and_no_thief() {
    bound("1.0");
}

#[test]
fn bound_tasks_serve_the_sdk_of_zero_dot_three_and_no_thief() {
    bound("0.3");
}
