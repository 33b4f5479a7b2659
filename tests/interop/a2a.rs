//! A2A: the official client and server, in the version of today and the one before.

use actgate::dev::world::streamward::ORCHESTRATOR;
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
