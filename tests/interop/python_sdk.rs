//! MCP: the official Python SDK as the client, its first generation with a session and its second in both eras.
//!
//! The first ends a session upon any error status but 404: what is refused must leave it alone.

use actgate::dev::world::streamward::KNOWLEDGE_AGENT;
use serde_json::{Value, json};

use crate::mcp::{NOTE, OLD_METHODS, TOOLS, policy};
use crate::sdk::{Client, Server, Steps, gateway};

fn run(gateway: &actgate_tests::envoy_gateway::EnvoyGateway, script: &str, mode: Value) -> Steps {
    Client { script, agent: KNOWLEDGE_AGENT, path: "/auroradb/mcp", mode }.run(gateway)
}

/// A refusal is the call's own: whatever it was, the next call works.
fn assert_refused(steps: &Steps, said: &str) {
    steps.failed("refused tool", "tool_not_mapped");
    steps.saw("call after a refused tool", &json!(said));
    steps.failed("refused method", "method_not_mapped");
    steps.saw("call after a refused method", &json!(said));
    steps.saw("cancel", &json!("cancelled"));
    steps.saw("call after all", &json!(said));
}

#[test]
fn the_first_generation_with_a_session() {
    let everything = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let server = Server::start(&["--import", "./serve.mjs", everything, "streamableHttp"]);
    let gateway = gateway(&server, Some("/mcp"), |document| {
        let tools = ["echo", "trigger-long-running-operation"];
        policy(document, &tools, "demo://resource/dynamic/text/1", &OLD_METHODS);
        document["resources"][1]["mcp"]["session"] = json!(["stream", "end"]);
    });
    let steps = run(&gateway, "client-python-1.py", Value::Null);
    steps.saw("connect", &json!("2025-11-25"));
    steps.saw("call", &json!("Echo: grüße"));
    steps.saw("stream", &json!({ "result": "Long running operation completed. Duration: 0.3 seconds, Steps: 3.", "progress": [1.0, 2.0, 3.0] }));
    steps.saw("subscribe", &json!([200]));
    assert_refused(&steps, "Echo: grüße");
    steps.saw("refused notification", &Value::Null);
    steps.saw("call after a refused notification", &json!("Echo: grüße"));
    let http = steps.seen("http").as_array().expect("exchanges");
    assert!(http.iter().all(|seen| seen["status"] == 200 || seen["status"] == 202), "{http:?}");
}

#[test]
fn the_second_generation_in_both_eras() {
    let server = Server::start(&["server-v2.mjs"]);
    let methods = [OLD_METHODS.as_slice(), &["server/discover"]].concat();
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &methods));
    for (mode, version) in [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28"), ("auto", "2026-07-28")] {
        let steps = run(&gateway, "client-python-2.py", json!(mode));
        steps.saw("connect", &json!(version));
        steps.saw("call", &json!("grüße"));
        steps.saw("stream", &json!({ "result": "counted to 5", "progress": [1.0, 2.0, 3.0, 4.0, 5.0] }));
        assert_refused(&steps, "grüße");
        // 2026-07-28: to close the response stream is to cancel. Before, this server has nobody to tell it to.
        if version == "2026-07-28" {
            steps.saw("cancel heard", &json!("heard"));
        }
    }
}
