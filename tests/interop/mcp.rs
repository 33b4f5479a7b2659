//! MCP: the old SDK with sessions, the new one in both eras.

use actgate::dev::world::streamward::{KNOWLEDGE_AGENT, READ};
use actgate_tests::document::configurations;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::routed;
use serde_json::{Value, json};

use crate::sdk::{Client, Server, Steps, gateway, gateway_of};

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
    // The server has one more.
    let mut listed = TOOLS;
    listed.sort_unstable();
    steps.saw("list", &json!(listed));
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
    let server = Server::start(&["server-v2.mjs", "unmapped"]);
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &OLD_METHODS));
    let steps = run(&gateway, "client-v2.mjs", json!("legacy"));
    steps.saw("connect", &json!("2025-11-25"));
    assert_common(&steps);
}

/// The tools of the shipped configurations.
const SHIPPED: [&str; 3] = ["fetch_unstructured_contract_pdf", "get_customer_payment_history", "query_knowledge_base"];

/// The policies of the MCP servers in every configuration that is shipped for one, with the place each is from.
/// Their scopes are the one that the world's servers give.
fn shipped() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (place, document) in configurations() {
        let document: Value = serde_json::from_str(&document).expect("JSON");
        for resource in document["resources"].as_array().into_iter().flatten() {
            let mut mcp = resource["mcp"].clone();
            if let Some(tools) = mcp["tools"].as_object_mut() {
                tools.values_mut().for_each(|tool| tool["scopes"] = json!([READ]));
                mcp["method_scopes"] = json!([READ]);
                found.push((format!("{place}: {}", resource["name"]), mcp));
            }
        }
    }
    found
}

/// Asserts that a client of either era connected by `initialize`, upon a refusal that is one on record.
fn assert_fell_back(gateway: &EnvoyGateway, steps: &Steps, (version, resource): (&str, &str), tools: &[&str]) {
    steps.saw("connect", &json!({ "version": version, "discover": 404 }));
    steps.saw("list", &json!(tools));
    let called: Vec<String> = tools.iter().map(|tool| format!("{} was called", inner(tool))).collect();
    steps.saw("call", &json!(called));
    steps.failed("refused tool", "tool_not_mapped");
    steps.failed("refused method", "method_not_mapped");
    steps.saw("close", &Value::Null);
    let refused = format!("wasmcustom.actgate.decision.resource.{resource}.code.method_not_mapped");
    // `server/discover` and the last step's.
    assert_eq!(gateway.envoy.stat(&refused).expect("admin answers"), Some(2));
    let logs = gateway.envoy.logs();
    let decisions =
        logs.lines().filter_map(|line| serde_json::from_str::<Value>(line.split_once("actgate decision ")?.1).ok());
    let discover = decisions.into_iter().find(|decision| decision["tool"] == "server/discover").expect("a decision");
    assert_eq!((&discover["decision"], &discover["code"]), (&json!("deny"), &json!("method_not_mapped")), "{discover}");
}

/// A tool as its own server knows it.
fn inner(tool: &str) -> &str {
    tool.split_once("__").map_or(tool, |(_, inner)| inner)
}

/// A client of either era asks by `server/discover` first, which no shipped configuration lists.
#[test]
fn a_client_of_either_era_connects_through_every_shipped_configuration() {
    let server = Server::start(&["server-v2.mjs", SHIPPED[0], SHIPPED[1], SHIPPED[2]]);
    let policies = shipped();
    assert!(policies.len() >= 3, "{policies:?}");
    for (at, (place, mcp)) in policies.into_iter().enumerate() {
        println!("{place}");
        let mut tools: Vec<&str> = mcp["tools"].as_object().expect("tools").keys().map(String::as_str).collect();
        tools.sort_unstable();
        // Both bootstraps at least once.
        let bootstrap = if at == 0 { "headers-first.yaml" } else { "envoy.yaml" };
        let gateway = gateway_of(&server, Options { bootstrap, ..Options::default() }, |document| {
            document["resources"][1]["mcp"] = mcp.clone();
            document["resources"][1]["mcp"]["resource_wide_scopes"] = json!([READ]);
        });
        let steps = run(&gateway, "client-either.mjs", Value::Null);
        assert_fell_back(&gateway, &steps, ("2025-11-25", "aurora-db"), &tools);
    }
}

#[test]
fn a_client_of_either_era_connects_to_several_servers_behind_one_endpoint() {
    let server = Server::start(&["server-v2.mjs", SHIPPED[1], SHIPPED[2]]);
    let gateway = routed::start(server.port);
    let client = Client { script: "client-either.mjs", agent: KNOWLEDGE_AGENT, path: "/mcp", mode: Value::Null };
    let tools = ["aurora__query_knowledge_base", "erp__get_customer_payment_history"];
    assert_fell_back(&gateway, &client.run(&gateway), ("2025-06-18", "all-tools"), &tools);
}

/// `server-everything` as it was published: sessions, the server's own stream, its questions to the client, the end.
/// `never_begun` is what the client hears of a session that nobody gave out.
fn with_a_session(secret: Option<&str>, never_begun: &Value) {
    let everything = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let server = Server::start(&["--import", "./serve.mjs", everything, "streamableHttp"]);
    let tools = ["echo", "trigger-long-running-operation", "trigger-sampling-request"];
    let gateway = gateway(&server, Some("/mcp"), |document| {
        policy(document, &tools, "demo://resource/dynamic/text/1", &OLD_METHODS);
        let mcp = &mut document["resources"][1]["mcp"];
        mcp["session"] = json!(["stream", "end", "answer"]);
        if let Some(secret) = secret {
            mcp["session_secret"] = json!({ "insecure_inline": secret });
        }
    });
    let steps = run(&gateway, "client-v1.mjs", Value::Null);
    steps.saw("connect", &json!({ "version": "2025-11-25", "session": true }));
    // Of some twenty.
    steps.saw("list", &json!(tools));
    steps.saw("call", &json!("Echo: grüße"));
    steps.saw("stream", &json!({ "result": "Long running operation completed. Duration: 0.3 seconds, Steps: 3.", "progress": [1, 2, 3] }));
    steps.saw("subscribe", &json!([{ "status": 200, "type": "text/event-stream" }]));
    steps.saw("resume", &json!({ "status": 200, "first": false, "later": true, "events": true }));
    assert!(steps.seen("answer").as_str().is_some_and(|said| said.contains("sampled")), "{steps:?}");
    steps.saw("cancel", &json!("cancelled"));
    steps.failed("refused tool", "tool_not_mapped");
    steps.failed("refused method", "method_not_mapped");
    steps.saw("end", &json!([200]));
    // This server's word for what MCP 2025-11-25 answers with 404.
    steps.saw("after the end", &unknown_to_the_server());
    steps.saw("never begun", never_begun);
}

fn unknown_to_the_server() -> Value {
    json!({ "status": 400, "said": "Bad Request: No valid session ID provided" })
}

#[test]
fn the_old_sdk_with_a_session() {
    with_a_session(None, &unknown_to_the_server());
}

#[test]
fn the_old_sdk_with_a_bound_session() {
    let refused = json!({ "status": 404, "said": "session_unknown" });
    with_a_session(Some("0123456789abcdef0123456789abcdef"), &refused);
}

#[test]
fn the_new_sdk_in_the_new_era() {
    let server = Server::start(&["server-v2.mjs", "unmapped"]);
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
