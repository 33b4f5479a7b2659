//! A resource that observes: nothing is refused, nothing exchanged, all of it on record, in both modes of the host; and rules that are observed by themselves.

use actgate::dev::world::streamward::{IDP, KNOWLEDGE_AGENT, ORCHESTRATOR};
use actgate::envoy::LogLevel;
use actgate_tests::day;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client::Answer;
use serde_json::{Value, json};

use crate::client::{
    A2A, MCP, assert_no_trap, code, exchange, good_body, header, request, start_with, token, wait_for,
};
use crate::records::{access, assert_says_no_secret, decisions};

const UNMAPPED: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_all_tables"}}"#;

fn observing(bootstrap: &'static str, until: &str) -> EnvoyGateway {
    let options = Options { bootstrap, wasm_log: LogLevel::Trace, ..Options::default() };
    start_with(&options, |document| document["resources"][1]["observe"] = json!({"until": until}))
}

/// Asserts that the request went through as it came, and returns its record.
fn observed(gateway: &EnvoyGateway, answer: &Answer, sent: &str, would: &str) -> Value {
    assert_eq!(code(answer), "status 200", "{would}: {answer:?}");
    let seen = gateway.upstream.take().unwrap_or_else(|| panic!("{would}: nothing reached the upstream"));
    assert_eq!(seen.all("authorization"), [format!("Bearer {sent}")], "{would}");
    assert_eq!(seen.all("x-actgate-subject"), Vec::<&str>::new(), "{would}");
    let txn = header(answer, "x-actgate-txn").expect("a transaction");
    assert_eq!(seen.all("x-actgate-txn"), [txn], "{would}");
    let records = decisions(gateway, txn);
    assert_eq!(records.len(), 1, "{would}: {records:?}");
    let record = records.into_iter().next().expect("one record");
    let said = (&record["decision"], &record["code"], &record["would"]);
    assert_eq!(said, (&json!("observe"), &json!("observed"), &json!(would)), "{record}");
    let line = access(gateway, txn);
    assert_eq!((&line["decision"], &line["code"]), (&json!("observe"), &json!("observed")), "{line}");
    record
}

fn call(gateway: &EnvoyGateway, token: &str, body: &[u8]) -> Answer {
    exchange(gateway, &request(MCP, token, "x-actgate-subject: admin@streamward.com\r\n", body))
}

fn stat(gateway: &EnvoyGateway, name: &str) -> Option<u64> {
    gateway.envoy.stat(&format!("wasmcustom.actgate.{name}")).expect("admin answers")
}

#[test]
fn what_is_observed_goes_on_as_it_came_and_is_on_record() {
    let until = day::from_now(30);
    let gateway = observing("envoy.yaml", &until);
    let warning = format!("resources[1].observe: NOTHING IS REFUSED here until {until}");
    assert!(gateway.envoy.logs().contains(&warning), "{}", gateway.envoy.logs());

    let good = token(&gateway.world, "observed");
    let record = observed(&gateway, &call(&gateway, &good, &good_body()), &good, "allowed");
    assert_eq!((&record["observed_until"], &record["tool"]), (&json!(until), &json!("query_knowledge_base")));
    assert_eq!((&record["actor"], &record["agent"]), (&json!(ORCHESTRATOR), &json!(KNOWLEDGE_AGENT)));
    observed(&gateway, &call(&gateway, &good, UNMAPPED), &good, "tool_not_mapped");
    let bad = format!("{}x", token(&gateway.world, "bad"));
    observed(&gateway, &call(&gateway, &bad, &good_body()), &bad, "token_base64");
    assert_eq!(gateway.asked(IDP).0, 0, "something was exchanged");

    // The resource beside it enforces, by whatever path it is asked for.
    gateway.upstream.take_begun();
    for path in [A2A, "/auroradb/mcp/../../agents/knowledge"] {
        let answer = exchange(&gateway, &request(path, &good, "", &good_body()));
        assert_eq!((answer.status, code(&answer).as_str()), (401, "caller_mismatch"), "{path}: {answer:?}");
    }
    assert_eq!(gateway.upstream.take_begun(), 0, "another resource's upstream was reached");

    for (name, want) in [
        ("decision.resource.aurora-db.code.observed", Some(3)),
        ("observed.resource.aurora-db.code.allowed", Some(1)),
        ("observed.resource.aurora-db.code.tool_not_mapped", Some(1)),
        ("observed.resource.aurora-db.code.token_base64", Some(1)),
        ("decision.resource.corp-knowledge.code.caller_mismatch", Some(2)),
    ] {
        assert_eq!(stat(&gateway, name), want, "{name}");
    }
    wait_for(&gateway, "the trace", |gateway| gateway.envoy.logs().contains("[trace][wasm]"));
    assert_says_no_secret(&gateway, &[&good, &bad]);
    assert_no_trap(&gateway);
}

#[test]
fn the_other_host_mode_observes_by_the_headers() {
    let gateway = observing("headers-first.yaml", &day::from_now(30));
    let good = token(&gateway.world, "observed");
    let record = observed(&gateway, &call(&gateway, &good, &good_body()), &good, "allowed");
    assert_eq!(record["tool"], "(resource)");
    observed(&gateway, &call(&gateway, "a.b.c", UNMAPPED), "a.b.c", "token_base64");
    assert_eq!(gateway.asked(IDP).0, 0, "something was exchanged");
    assert_says_no_secret(&gateway, &[&good]);
    assert_no_trap(&gateway);
}

#[test]
fn a_day_that_has_come_enforces() {
    let gateway = observing("envoy.yaml", &day::from_now(0));
    assert!(gateway.envoy.logs().contains("resources[1].observe: over since"), "{}", gateway.envoy.logs());
    let answer = call(&gateway, &token(&gateway.world, "over"), UNMAPPED);
    assert_eq!((answer.status, code(&answer).as_str()), (200, "tool_not_mapped"), "{answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0);
    let answer = call(&gateway, &token(&gateway.world, "over-good"), &good_body());
    assert_eq!(code(&answer), "status 200");
    let seen = gateway.upstream.take().expect("a request");
    assert_eq!(seen.claims()["act"]["sub"], KNOWLEDGE_AGENT, "the credential was not exchanged");
}

/// A gateway that observes the rules on arguments, subjects and the ceiling, none of which the good call keeps.
fn observing_rules(bootstrap: &'static str) -> EnvoyGateway {
    start_with(&Options { bootstrap, ..Options::default() }, |document| {
        document["agents"][KNOWLEDGE_AGENT]["ceiling"] = json!({ "resources": ["corp-knowledge"] });
        let resource = &mut document["resources"][1];
        resource["observe"] = json!({ "until": day::from_now(30), "rules": ["arguments", "subjects", "ceiling"] });
        let tool = &mut resource["mcp"]["tools"]["query_knowledge_base"];
        tool["arguments"] = json!({ "/query": { "const": "nothing else" } });
        tool["subjects"] = json!(["somebody.else@example.com"]);
    })
}

/// Asserts that the good call was exchanged for, and returns its record.
fn exchanged(gateway: &EnvoyGateway, jti: &str) -> Value {
    let token = token(&gateway.world, jti);
    let answer = exchange(gateway, &request(MCP, &token, "", &good_body()));
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    let seen = gateway.upstream.take().expect("a request");
    assert_eq!(seen.claims()["act"]["sub"], KNOWLEDGE_AGENT, "the credential was not exchanged");
    let records = decisions(gateway, header(&answer, "x-actgate-txn").expect("a transaction"));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["decision"], "allow", "{records:?}");
    assert_says_no_secret(gateway, &[&token]);
    records.into_iter().next().expect("one record")
}

#[test]
fn observed_rules_refuse_nothing_and_everything_beside_them_is_enforced() {
    let gateway = observing_rules("envoy.yaml");
    let said = "the rules ceiling, subjects, arguments REFUSE NOTHING until";
    assert!(gateway.envoy.logs().contains(said), "{}", gateway.envoy.logs());
    let record = exchanged(&gateway, "observed-rules");
    let found = ["agent_resource_refused", "subject_not_allowed", "argument_refused"];
    assert_eq!(record["would_refuse"], json!(found), "{record}");
    for code in found {
        assert_eq!(stat(&gateway, &format!("observed.resource.aurora-db.code.{code}")), Some(1), "{code}");
        assert_eq!(stat(&gateway, &format!("decision.resource.aurora-db.code.{code}")), None, "{code}");
    }
    gateway.upstream.take_begun();
    let good = token(&gateway.world, "beside");
    let answer = exchange(&gateway, &request(MCP, &good, "", UNMAPPED));
    assert_eq!((answer.status, code(&answer).as_str()), (200, "tool_not_mapped"), "{answer:?}");
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_knowledge_base","requestState":"x"}}"#;
    let answer = exchange(&gateway, &request(MCP, &good, "", body));
    assert_eq!((answer.status, code(&answer).as_str()), (200, "client_input_refused"), "{answer:?}");
    assert_eq!(gateway.upstream.take_begun(), 0);
    assert_no_trap(&gateway);
}

#[test]
fn the_other_host_mode_tells_what_observed_rules_find_when_the_body_is_there() {
    let gateway = observing_rules("headers-first.yaml");
    let record = exchanged(&gateway, "observed-rules-later");
    assert_eq!(record["would_refuse"], json!(["agent_resource_refused"]), "{record}");
    let found = ["subject_not_allowed", "argument_refused"];
    let logs = gateway.envoy.logs();
    let told = logs
        .lines()
        .find_map(|line| Some(line.split_once("actgate event ")?.1).filter(|event| event.contains("\"observed\"")));
    let told: Value = serde_json::from_str(told.expect("an event")).expect("JSON");
    assert_eq!((&told["txn"], &told["would_refuse"]), (&record["txn"], &json!(found)), "{told}");
    assert_eq!(told["tool"], "query_knowledge_base", "{told}");
    for code in found {
        assert_eq!(stat(&gateway, &format!("observed.resource.aurora-db.code.{code}")), Some(1), "{code}");
    }
    assert_no_trap(&gateway);
}
