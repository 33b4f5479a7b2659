//! MCP: the old SDK with sessions, the new one in both eras.

use actgate::dev::world::streamward::{KNOWLEDGE_AGENT, READ};
use actgate_tests::envoy_gateway::EnvoyGateway;
use serde_json::{Value, json};

use crate::sdk::{Client, Server, Steps, gateway};

/// What a resource that allows these tools and methods adds to the world's configuration.
fn policy(document: &mut Value, tools: &[&str], methods: &[&str]) {
    let mcp = &mut document["resources"][1]["mcp"];
    for tool in tools {
        mcp["tools"][tool] = json!({ "scopes": [READ] });
    }
    mcp["methods"] = json!(methods);
}

fn run(gateway: &EnvoyGateway, script: &str, mode: Value) -> Steps {
    Client { script, agent: KNOWLEDGE_AGENT, path: "/auroradb/mcp", mode }.run(gateway)
}

const TOOLS: [&str; 5] = ["echo", "fail", "count", "cancelled", "change"];

/// Events that the gateway holds back would come late; a busy machine makes them late by itself.
const EVENT_DELAY_MILLIS_MAX: i64 = 500;

fn assert_common(steps: &Steps) {
    steps.saw("call", &json!("grüße"));
    steps.saw("tool error", &json!(true));
    let stream = steps.seen("stream");
    assert_eq!(stream["result"], "counted to 5");
    let delays = stream["delays"].as_array().expect("delays");
    assert_eq!(delays.len(), 5, "{stream}");
    for delay in delays {
        let delay = delay.as_i64().expect("milliseconds");
        assert!(delay < EVENT_DELAY_MILLIS_MAX, "an event was held back: {stream}");
    }
    println!("milliseconds from an event's making to its arrival: {delays:?}");
    steps.saw("cancel", &json!("cancelled"));
    steps.saw("read", &json!("a note"));
    steps.failed("refused tool", "tool_not_mapped");
    steps.failed("refused method", "method_not_mapped");
    steps.saw("close", &Value::Null);
}

#[test]
fn the_new_sdk_in_the_new_era() {
    let server = Server::start(&["server-v2.mjs"]);
    let methods =
        ["server/discover", "tools/list", "resources/read", "subscriptions/listen", "notifications/cancelled"];
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, &methods));
    let steps = run(&gateway, "client-v2.mjs", json!({ "pin": "2026-07-28" }));
    steps.saw("connect", &json!("2026-07-28"));
    assert_common(&steps);
    // 2026-07-28: to close the response stream is to cancel.
    steps.saw("cancel heard", &json!("1"));
    steps.saw("subscribe", &json!({ "honored": { "toolsListChanged": true }, "closed": "local" }));
}
