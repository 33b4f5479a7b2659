//! A2A: the official client and server, in both bindings of the version of today and the one before.
//!
//! The client knows the agent's URL and nothing else: where and how to call, it reads from the card, through the gateway.

use actgate::dev::world::streamward::{GATEWAY_HOST, KNOWLEDGE_AGENT, ORCHESTRATOR};
use actgate_tests::envoy_gateway::EnvoyGateway;
use serde_json::{Value, json};

use crate::sdk::{Client, Server, Steps, gateway};

const PATH: &str = "/agents/knowledge";
const CARD: &str = "/agents/knowledge/.well-known/agent-card.json";
const BINDINGS: [&str; 2] = ["JSONRPC", "HTTP+JSON"];

/// What everybody may do with an agent, by the names of 1.0 and of 0.3.
const METHODS: [[&str; 5]; 2] = [
    ["SendMessage", "SendStreamingMessage", "GetTask", "CancelTask", "SubscribeToTask"],
    ["message/send", "message/stream", "tasks/get", "tasks/cancel", "tasks/resubscribe"],
];

/// An agent of that version, and the gateway before it; tasks are bound where `bound`.
fn start(version: &str, bound: bool) -> (Server, EnvoyGateway) {
    let server = Server::start(&["server-a2a.mjs", version, &format!("https://{GATEWAY_HOST}{PATH}")]);
    let gateway = gateway(&server, None, |document| {
        let methods = METHODS[usize::from(version == "0.3")].map(|name| (name.to_owned(), json!({})));
        let methods: serde_json::Map<String, Value> = methods.into_iter().collect();
        let a2a = &mut document["resources"][0]["a2a"];
        *a2a = json!({ "methods": methods, "agent_card": "public" });
        if bound {
            a2a["task_secret"] = json!({ "insecure_inline": "fedcba9876543210fedcba9876543210" });
        }
    });
    (server, gateway)
}

fn run(gateway: &EnvoyGateway, binding: &str) -> Steps {
    Client { script: "client-a2a.mjs", agent: ORCHESTRATOR, path: PATH, mode: json!({ "binding": binding }) }
        .run(gateway)
}

/// In HTTP+JSON, messages of 0.3 refer to no tasks: the SDK leaves them out.
fn refers(version: &str, binding: &str) -> bool {
    (version, binding) != ("0.3", "HTTP+JSON")
}

/// What the client sees, whether tasks are bound or not; `unknown` is what it is told of a task that never was.
fn assert_works(steps: &Steps, (version, binding): (&str, &str), unknown: &str) {
    let called = format!("{version} {binding}");
    steps.saw("connect", &json!({ "name": "interop", "version": version }));
    assert_eq!(steps.seen("call")["status"]["state"], 3, "{called}: TASK_STATE_COMPLETED");
    steps.saw("get", &json!("TASK_STATE_COMPLETED"));
    steps.saw("context", &json!([true, true, refers(version, binding)]));
    let working = "TASK_STATE_WORKING";
    steps.saw("stream", &json!(["task", working, working, working, working, "TASK_STATE_COMPLETED"]));
    steps.saw("cancel", &json!("TASK_STATE_CANCELED"));
    steps.saw("follow", &json!({ "first": "task", "last": "TASK_STATE_CANCELED", "same": true }));
    steps.failed("error", unknown);
    steps.failed("refused method", "method_not_mapped");
    // The card came through the gateway, and all calls went by the binding that it was asked for.
    let (card, calls): (Vec<_>, Vec<_>) =
        steps.seen("http").as_array().into_iter().flatten().partition(|exchange| exchange["path"] == CARD);
    assert_eq!((card.len(), &card[0]["status"]), (1, &json!(200)), "{called}: {card:?}");
    let by_rpc = |exchange: &&Value| exchange["method"] == "POST" && exchange["path"] == PATH;
    let count = calls.iter().filter(|call| by_rpc(call)).count();
    assert_eq!(count, if binding == "JSONRPC" { calls.len() } else { 0 }, "{called}: {calls:?}");
}

fn works(version: &str) {
    let (_server, gateway) = start(version, false);
    for binding in BINDINGS {
        assert_works(&run(&gateway, binding), (version, binding), "no-such-task");
    }
}

#[test]
fn the_sdk_speaks_one_dot_zero() {
    works("1.0");
}

#[test]
fn the_sdk_speaks_zero_dot_three() {
    works("0.3");
}

/// Tasks that are bound serve the SDK as they come, and nobody else's.
fn bound(version: &str) {
    let (_server, gateway) = start(version, true);
    for binding in BINDINGS {
        let steps = run(&gateway, binding);
        assert_works(&steps, (version, binding), "task_unknown");
        let made = steps.seen("call");
        let (task, context) = (made["id"].as_str().unwrap_or_default(), made["contextId"].as_str().unwrap_or_default());
        // A digest, and the agent's own identifier.
        assert!(task.len() == 44 + 36 && context.len() == 44 + 36 && task != context, "{made}");
        let told = made["history"].as_array().expect("a history");
        assert!(!told.is_empty() && told.iter().all(|message| message["taskId"] == task), "{made}");
        assert_no_thief(
            &gateway,
            refers(version, binding),
            json!({ "binding": binding, "task": task, "context": context }),
        );
    }
}

fn assert_no_thief(gateway: &EnvoyGateway, refers: bool, mode: Value) {
    let script = "client-a2a-stolen.mjs";
    let thief = Client { script, agent: KNOWLEDGE_AGENT, path: PATH, mode: mode.clone() };
    let other_agent = thief.run_with(gateway, |claims| {
        claims["cid"] = json!(KNOWLEDGE_AGENT);
        claims["act"] = json!({ "sub": KNOWLEDGE_AGENT, "sub_profile": "ai_agent" });
    });
    let same_agent = Client { script, agent: ORCHESTRATOR, path: PATH, mode };
    let other_human = same_agent.run_with(gateway, |claims| claims["sub"] = json!("somebody.else@example.com"));
    for steps in [other_agent, other_human] {
        for step in ["get", "cancel", "follow", "go on", "go on in a stream"] {
            steps.failed(step, "task_unknown");
        }
        if refers {
            steps.failed("refer", "task_unknown");
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
