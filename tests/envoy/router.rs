//! Several MCP servers behind one endpoint: Envoy's `mcp_router` between two filters of ours.

use actgate::dev::world::streamward;
use actgate_core::config::Config;
use actgate_tests::answer::UpstreamAnswer;
use actgate_tests::envoy_gateway::EnvoyGateway;
use actgate_tests::routed::{self, ERP_RESOURCE, ERP_SCOPE};
use actgate_tests::tls_client::{self, Answer};
use actgate_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::client::{assert_no_trap, code, header, token};

fn post(gateway: &EnvoyGateway, bearer: &str, session: Option<&str>, message: &Value) -> Answer {
    post_bytes(gateway, "gateway.streamward.com", "/mcp", bearer, session, message.to_string().as_bytes())
}

fn post_bytes(
    gateway: &EnvoyGateway,
    host: &str,
    path: &str,
    bearer: &str,
    session: Option<&str>,
    body: &[u8],
) -> Answer {
    let session = session.map(|id| format!("mcp-session-id: {id}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {bearer}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\n{session}\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    let mut connection = gateway.connect(Some(streamward::KNOWLEDGE_AGENT)).expect("Envoy listens");
    tls_client::exchange(&mut connection, &request).expect("an answer")
}

fn say(gateway: &EnvoyGateway, result: &Value) {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
    let answer = json!({ "pieces": [message.to_string()], "headers": [["mcp-session-id", "of-the-server"]] });
    let answer: UpstreamAnswer = serde_json::from_value(answer).expect("an answer");
    gateway.upstream.say(Some(answer));
}

fn call(tool: &str, id: u32) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": { "q": "x" } } })
}

fn start() -> EnvoyGateway {
    let upstream = Upstream::start().expect("an upstream");
    let mut gateway = routed::start(upstream.port());
    gateway.upstream = upstream;
    gateway
}

/// Opens a session at both servers.
fn open(gateway: &EnvoyGateway, bearer: &str) -> String {
    let info = json!({ "name": "server", "version": "1" });
    say(gateway, &json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": info }));
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let answer = post(gateway, bearer, None, &message);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(tokens(gateway), [AURORA, ERP]);
    header(&answer, "mcp-session-id").expect("a session").to_owned()
}

/// Audience and scope of an upstream's token.
type Issued = (&'static str, &'static str);
const AURORA: Issued = (streamward::AURORADB_RESOURCE, streamward::READ);
const ERP: Issued = (ERP_RESOURCE, ERP_SCOPE);

/// What tokens reached the servers, in the order of their audiences.
fn tokens(gateway: &EnvoyGateway) -> Vec<Issued> {
    let mut found = Vec::new();
    while let Some(seen) = gateway.upstream.take() {
        let claims = seen.claims();
        let chain = [&claims["act"]["sub"], &claims["act"]["act"]["sub"], &claims["act"]["act"]["act"]["sub"]];
        assert_eq!(chain, [streamward::KNOWLEDGE_AGENT, streamward::ORCHESTRATOR, streamward::CHAT_APP]);
        assert_eq!(claims["sub"], streamward::DEMO_USER);
        let of = |issued: &Issued| claims["aud"] == issued.0 && claims["scp"] == json!([issued.1]);
        found.push([AURORA, ERP].into_iter().find(of).unwrap_or_else(|| panic!("a token for neither: {claims}")));
    }
    found.sort_unstable();
    found
}

#[test]
fn two_servers_behind_one_endpoint_get_a_token_each() {
    let gateway = start();
    let bearer = token(&gateway.world, "routed");
    let session = open(&gateway, &bearer);

    // Each server is asked with its own token; what neither filter maps is in no list, and what is, is called by its joined name.
    let tools = ["query_knowledge_base", "get_customer_payment_history", "drop_table"];
    let tools = tools.map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
    say(&gateway, &json!({ "tools": tools }));
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} });
    let answer = post(&gateway, &bearer, Some(&session), &list);
    let listed: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let listed = listed.pointer("/result/tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names: Vec<&str> = listed.iter().filter_map(|tool| tool["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["aurora__query_knowledge_base", "erp__get_customer_payment_history"]);
    assert_eq!(tokens(&gateway), [AURORA, ERP]);

    say(&gateway, &json!({ "content": [] }));
    for (tool, inner, issued) in [
        ("aurora__query_knowledge_base", "query_knowledge_base", AURORA),
        ("erp__get_customer_payment_history", "get_customer_payment_history", ERP),
    ] {
        let answer = post(&gateway, &bearer, Some(&session), &call(tool, 3));
        assert_eq!(code(&answer), "status 200", "{answer:?}");
        let seen = gateway.upstream.take().expect("it reached its server");
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!(body.pointer("/params/name"), Some(&json!(inner)));
        assert!(!seen.headers.iter().any(|(_, value)| value.contains(&bearer)), "the agent's own token");
        assert_eq!((&seen.claims()["aud"], &seen.claims()["scp"]), (&json!(issued.0), &json!([issued.1])));
    }
    assert_eq!(tokens(&gateway), []);
    assert_no_trap(&gateway);
}

#[test]
fn what_the_router_makes_of_a_call_is_judged_again() {
    let gateway = start();
    let bearer = token(&gateway.world, "judged");
    let session = open(&gateway, &bearer);
    say(&gateway, &json!({ "content": [] }));

    // A tool that is mapped nowhere, and one by its inner name.
    for tool in ["erp__drop_table", "query_knowledge_base", "aurora__get_customer_payment_history"] {
        let answer = post(&gateway, &bearer, Some(&session), &call(tool, 4));
        assert_eq!((answer.status, code(&answer).as_str()), (200, "tool_not_mapped"), "{tool}");
    }
    // Envoy 1.40 puts the inner name in the place of the first text that looks like the joined one, here an argument.
    // The back filter judges what came of it, and the server gets nothing; what it answers the call with reaches the agent.
    let decoy = br#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"arguments":{"q":"erp__get_customer_payment_history"},"name":"erp__get_customer_payment_history"}}"#;
    let answer = post_bytes(&gateway, "gateway.streamward.com", "/mcp", &bearer, Some(&session), decoy);
    assert_eq!((answer.status, code(&answer).as_str()), (200, "tool_not_mapped"), "{answer:?}");
    assert_eq!(tokens(&gateway), []);
    let logs = gateway.envoy.logs();
    let last = logs.lines().rev().find_map(|line| line.split_once("actgate decision ")).expect("a decision").1;
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&last["resource"], &last["code"]), (&json!("erp"), &json!("tool_not_mapped")));
    // The back filter's resources cannot be reached from the front.
    let call = call("get_customer_payment_history", 6).to_string();
    for (host, path) in [("back.gateway.internal", "/erp/mcp"), ("gateway.streamward.com", "/erp/mcp")] {
        let answer = post_bytes(&gateway, host, path, &bearer, None, call.as_bytes());
        assert_eq!(answer.status, 404, "{host}{path}: {answer:?}");
    }
    assert_eq!(tokens(&gateway), []);
    assert_no_trap(&gateway);
}

#[test]
fn the_documents_of_the_two_filters_load_and_only_the_back_one_asks_for_no_proof() {
    let pem = actgate::dev::keys::SigningKey::generate(actgate::dev::keys::Algorithm::Es256, "k1").to_pem();
    let warnings = |name: &str| {
        let config = Config::from_json(routed::document(name).as_bytes(), &|_| Some(pem.clone()));
        config.unwrap_or_else(|error| panic!("{name}: {error}")).warnings
    };
    assert_eq!(warnings("front.json"), Vec::<String>::new());
    let back = warnings("back.json");
    assert_eq!(back.len(), 2, "{back:?}");
    assert!(back.iter().all(|warning| warning.contains("accept.caller: audience_only")), "{back:?}");
}
