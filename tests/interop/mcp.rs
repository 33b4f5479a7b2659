//! MCP: the old SDK with sessions, the new one in both eras.

use actgate::dev::world::streamward::{KNOWLEDGE_AGENT, READ};
use actgate_tests::envoy_gateway::EnvoyGateway;
use serde_json::{Value, json};

use crate::sdk::{Client, Server, Steps, gateway};

/// What a resource that allows these tools, this MCP resource and these methods adds to the world's configuration.
pub(crate) fn policy(document: &mut Value, tools: &[&str], resource: &str, methods: &[&str]) {
    let mcp = &mut document["resources"][1]["mcp"];
    for tool in tools {
        mcp["tools"][tool] = json!({ "scopes": [READ] });
    }
    mcp["resources"] = json!({ resource: { "scopes": [READ] } });
    mcp["methods"] = json!(methods);
}

fn run(gateway: &EnvoyGateway, script: &str, mode: Value) -> Steps {
    Client { script, agent: KNOWLEDGE_AGENT, path: "/auroradb/mcp", mode }.run(gateway)
}

pub(crate) const TOOLS: [&str; 5] = ["echo", "fail", "count", "cancelled", "change"];

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

pub(crate) const NOTE: &str = "test://note";

pub(crate) const OLD_METHODS: [&str; 5] =
    ["initialize", "notifications/initialized", "notifications/cancelled", "tools/list", "ping"];

#[test]
fn the_new_sdk_in_the_old_era() {
    let server = Server::start(&["server-v2.mjs"]);
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &OLD_METHODS));
    let steps = run(&gateway, "client-v2.mjs", json!("legacy"));
    steps.saw("connect", &json!("2025-11-25"));
    assert_common(&steps);
    // A client that would take either era asks by `server/discover`, and gives up where that is denied.
    run(&gateway, "client-v2.mjs", json!("auto")).failed("connect", "method_not_mapped");
}

/// `server-everything` as it was published: sessions, the server's own stream, its questions to the client, the end.
#[test]
fn the_old_sdk_with_a_session() {
    let everything = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let server = Server::start(&["--import", "./serve.mjs", everything, "streamableHttp"]);
    let tools = ["echo", "trigger-long-running-operation", "trigger-sampling-request"];
    let gateway = gateway(&server, Some("/mcp"), |document| {
        policy(document, &tools, "demo://resource/dynamic/text/1", &OLD_METHODS);
        document["resources"][1]["mcp"]["session"] = json!(["stream", "end", "answer"]);
    });
    let steps = run(&gateway, "client-v1.mjs", Value::Null);
    steps.saw("connect", &json!({ "version": "2025-11-25", "session": true }));
    steps.saw("call", &json!("Echo: grüße"));
    steps.saw("stream", &json!({ "result": "Long running operation completed. Duration: 0.3 seconds, Steps: 3.", "progress": [1, 2, 3] }));
    steps.saw("subscribe", &json!([{ "status": 200, "type": "text/event-stream" }]));
    steps.saw("resume", &json!({ "status": 200, "first": false, "later": true, "events": true }));
    assert!(steps.seen("answer").as_str().is_some_and(|said| said.contains("sampled")), "{steps:?}");
    steps.saw("cancel", &json!("cancelled"));
    steps.failed("refused tool", "tool_not_mapped");
    steps.failed("refused method", "method_not_mapped");
    steps.saw("end", &json!([200]));
}

#[test]
fn the_new_sdk_in_the_new_era() {
    let server = Server::start(&["server-v2.mjs"]);
    let methods = ["server/discover", "tools/list", "subscriptions/listen", "notifications/cancelled"];
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &methods));
    for (mode, heard) in [(json!({ "pin": "2026-07-28" }), "1"), (json!("auto"), "2")] {
        let steps = run(&gateway, "client-v2.mjs", mode);
        steps.saw("connect", &json!("2026-07-28"));
        assert_common(&steps);
        // 2026-07-28: to close the response stream is to cancel.
        steps.saw("cancel heard", &json!(heard));
        steps.saw("subscribe", &json!({ "honored": { "toolsListChanged": true }, "closed": "local" }));
    }
}

/// RFC 9728 to RFC 7636: a client that knows nothing but a URL gets a token for a human, and calls.
#[test]
fn the_new_sdk_logs_in_by_itself() {
    const IDENTIFIER: &str = "https://gateway.streamward.com/auroradb/mcp";
    const SCOPE: &str = "tools:call";
    let issuer = Server::start(&["issuer.mjs", SCOPE]);
    let issuer_url = format!("http://127.0.0.1:{}", issuer.port);
    let server = Server::start(&["server-v2.mjs"]);
    let gateway = gateway(&server, None, |document| {
        document["authorization_servers"]["public"] =
            json!({ "issuer": issuer_url, "jwks": { "keys": [issuer.told["jwk"]] } });
        document["agents"][KNOWLEDGE_AGENT]["resource"] = json!(IDENTIFIER);
        let resource = &mut document["resources"][1];
        resource["accept"] = json!({
            "authorization_server": "public", "audience": IDENTIFIER, "presenter": "audience_agent",
            "required_scopes": [SCOPE], "max_lifetime": "1h", "subject_profiles": ["user"],
            "delegation": { "required": false, "max_actors": 4 },
        });
        resource["exchange"] = json!({ "pass_through": { "audience": IDENTIFIER } });
        resource["metadata"] = json!({ "resource": IDENTIFIER });
        resource["mcp"] = json!({
            "tools": { "echo": { "scopes": [SCOPE] } }, "methods": ["server/discover"], "method_scopes": [SCOPE],
        });
        // The others are called with tokens for the agent as it was named before.
        document["resources"] = json!([resource.take()]);
    });
    let steps = run(&gateway, "client-login.mjs", json!({ "pin": "2026-07-28" }));
    steps.failed("without a token", "Unauthorized");
    steps.saw(
        "sent to log in",
        &json!({ "origin": issuer_url, "resource": IDENTIFIER, "scope": SCOPE, "pkce": "S256" }),
    );
    steps.saw("login", &json!("Bearer"));
    steps.saw("connect", &json!("2026-07-28"));
    steps.saw("call", &json!("in"));
    let metadata = json!({
        "method": "GET", "path": "/.well-known/oauth-protected-resource/auroradb/mcp", "status": 200, "type": "application/json",
    });
    let read = steps.seen("metadata read").as_array().expect("requests");
    assert!(!read.is_empty() && read.iter().all(|request| *request == metadata), "{read:?}");
}
