//! What an operator finds afterwards: one transaction in every place, and a secret in none.

use std::time::{Duration, Instant};

use actgate::dev::world::streamward::{AURORADB_RESOURCE, CHAT_APP, DEMO_USER, KNOWLEDGE_AGENT, ORCHESTRATOR};
use actgate::envoy::LogLevel;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client::Answer;
use serde_json::{Value, json};

use crate::client::{
    MCP, assert_no_trap, code, exchange, good_request, header, request, start, start_with, token, wait_for,
};

/// The audit lines of one transaction.
pub(crate) fn decisions(gateway: &EnvoyGateway, txn: &str) -> Vec<Value> {
    let logs = gateway.envoy.logs();
    let lines = logs.lines().filter_map(|line| line.split_once("actgate decision "));
    let records = lines.map(|(_, json)| serde_json::from_str(json).expect("a decision is JSON"));
    records.filter(|record: &Value| record["txn"] == txn).collect()
}

/// The access log line of one transaction; Envoy writes it a moment after the answer.
pub(crate) fn access(gateway: &EnvoyGateway, txn: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let log = std::fs::read_to_string(gateway.envoy.access_log_path()).expect("an access log");
        let line =
            log.lines().filter_map(|line| serde_json::from_str(line).ok()).find(|line: &Value| line["txn"] == txn);
        if let Some(line) = line {
            return line;
        }
        assert!(Instant::now() < deadline, "no line of {txn} in the access log:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn txn(answer: &Answer) -> &str {
    let txn = header(answer, "x-actgate-txn").expect("a transaction");
    assert!(txn.len() == 32 && txn.bytes().all(|byte| byte.is_ascii_hexdigit()), "{txn}");
    txn
}

fn one_transaction_everywhere(gateway: &EnvoyGateway) {
    let answer = exchange(gateway, &good_request(&token(&gateway.world, "recorded")));
    assert_eq!(code(&answer), "status 200");
    let seen = gateway.upstream.take().expect("a request");
    assert_eq!(seen.all("x-actgate-txn"), [txn(&answer)]);
    let records = decisions(gateway, txn(&answer));
    assert_eq!(records.len(), 1, "one decision, one line: {records:?}");
    let chain = format!("{ORCHESTRATOR} {CHAT_APP}");
    let record = &records[0];
    assert_eq!((&record["code"], &record["jti"]), (&"allowed".into(), &"AT.recorded".into()), "{record}");
    assert_eq!(record["issued_jti"], seen.claims()["jti"]);
    let line = access(gateway, txn(&answer));
    for (member, want) in [
        ("decision", "allow"),
        ("code", "allowed"),
        ("resource", "aurora-db"),
        ("tool", "query_knowledge_base"),
        ("subject", DEMO_USER),
        ("actor", ORCHESTRATOR),
        ("chain", &chain),
        ("agent", KNOWLEDGE_AGENT),
    ] {
        assert_eq!(line[member], want, "{member} in {line}");
    }
}

fn refusals_too(gateway: &EnvoyGateway) {
    let other = br#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"drop_all_tables"}}"#;
    let answer = exchange(gateway, &request(MCP, &token(&gateway.world, "refused"), "", other));
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["error"]["data"]["txn"], txn(&answer));
    assert_eq!(body["id"], "x");
    let records = decisions(gateway, txn(&answer));
    assert_eq!(records.len(), 1);
    let line = access(gateway, txn(&answer));
    for (member, want) in
        [("decision", "deny"), ("code", "tool_not_mapped"), ("subject", DEMO_USER), ("tool", "drop_all_tables")]
    {
        assert_eq!(records[0][member], want, "{member} in {}", records[0]);
        assert_eq!(line[member], want, "{member} in {line}");
    }
    assert_eq!(line["details"], "tool_not_mapped", "{line}");

    // A token that proves nothing names nobody.
    let answer = exchange(gateway, &good_request("a.b.c"));
    let line = access(gateway, txn(&answer));
    assert_eq!((&line["code"], &line["decision"]), (&"token_base64".into(), &"deny".into()));
    assert!(["-", ""].contains(&line["subject"].as_str().unwrap_or("")), "{line}");
}

fn counters(gateway: &EnvoyGateway) {
    for (name, want) in [
        ("decision.resource.aurora-db.code.allowed", 1),
        ("decision.resource.aurora-db.code.tool_not_mapped", 1),
        ("decision.resource.aurora-db.code.token_base64", 1),
        ("exchange.code.granted", 1),
    ] {
        let name = format!("wasmcustom.actgate.{name}");
        assert_eq!(gateway.envoy.stat(&name).expect("admin answers"), Some(want), "{name}");
    }
    let fetched = "wasmcustom.actgate.keys.server.knowledge.code.fetched";
    assert!(gateway.envoy.stat(fetched).expect("admin answers") >= Some(1), "{fetched}");
}

/// No token, assertion or key is in anything that Envoy writes or shows, however much it is told to say.
fn no_secret_anywhere(gateway: &EnvoyGateway) {
    let inbound = token(&gateway.world, "secret");
    assert_eq!(code(&exchange(gateway, &good_request(&inbound))), "status 200");
    let seen = gateway.upstream.take().expect("a request");
    let issued = seen.all("authorization")[0].strip_prefix("Bearer ").expect("a bearer token").to_owned();
    assert_eq!(seen.claims()["aud"], AURORADB_RESOURCE);
    wait_for(gateway, "the trace", |gateway| gateway.envoy.logs().contains("[trace][wasm]"));
    assert_says_no_secret(gateway, &[&inbound, &issued]);
}

/// Asserts that none of these tokens, no other, and no key is in anything that Envoy writes or shows.
pub(crate) fn assert_says_no_secret(gateway: &EnvoyGateway, tokens: &[&str]) {
    assert_writes_no_secret(gateway, tokens);
    let dump = gateway.envoy.admin_get("/config_dump").expect("admin answers");
    assert_none_in("/config_dump", &dump, &secrets(gateway, tokens));
}

/// The same of everything but its configuration, for one with an inline key.
pub(crate) fn assert_writes_no_secret(gateway: &EnvoyGateway, tokens: &[&str]) {
    let secrets = secrets(gateway, tokens);
    for (place, text) in [
        ("the log", gateway.envoy.logs()),
        ("the access log", std::fs::read_to_string(gateway.envoy.access_log_path()).expect("an access log")),
        ("/stats", gateway.envoy.admin_get("/stats").expect("admin answers")),
        ("/clusters", gateway.envoy.admin_get("/clusters").expect("admin answers")),
    ] {
        assert_none_in(place, &text, &secrets);
    }
}

fn secrets(gateway: &EnvoyGateway, tokens: &[&str]) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    for token in tokens {
        // The signature makes a token a credential; the rest is on record as claims.
        secrets.push(token.rsplit_once('.').expect("a token has dots").1.to_owned());
    }
    for (_, pem) in gateway.world.environment() {
        secrets.extend(pem.lines().filter(|line| line.len() > 20 && !line.starts_with("-----")).map(str::to_owned));
    }
    assert!(secrets.len() >= 3, "{} secrets", secrets.len());
    secrets
}

/// Every compact token of ours begins so, the client assertions and ID-JAGs included; a random identifier may have the letters anywhere.
fn has_token(text: &str) -> bool {
    let of_a_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    text.match_indices("eyJ").any(|(at, _)| {
        let (before, part) = text.split_at(at);
        !before.ends_with(of_a_part) && part.trim_start_matches(of_a_part).starts_with('.')
    })
}

#[test]
fn a_token_is_told_from_an_identifier() {
    assert!(has_token("authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"));
    assert!(has_token("eyJhbGciOiJFUzI1NiJ9.eyJzdWIi"));
    assert!(!has_token(r#""jti":"IDAAG.gdDxbeyJ0VyvdnBQ""#) && !has_token(r#""jti":"AT.eyJ0VyvdnBQ""#));
}

fn assert_none_in(place: &str, text: &str, secrets: &[String]) {
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "a secret is in {place}");
    assert!(!has_token(text), "a token is in {place}");
    assert!(!text.contains("PRIVATE KEY"), "a key is in {place}");
}

#[test]
fn one_transaction_in_every_place_and_a_secret_in_none() {
    let gateway = start(&Options { wasm_log: LogLevel::Trace, ..Options::default() });
    one_transaction_everywhere(&gateway);
    refusals_too(&gateway);
    counters(&gateway);
    no_secret_anywhere(&gateway);
    assert_no_trap(&gateway);
}

#[test]
fn the_other_host_mode_records_the_same() {
    let gateway = start(&Options { bootstrap: "headers-first.yaml", ..Options::default() });
    one_transaction_everywhere_but_the_tool(&gateway);
    assert_no_trap(&gateway);
}

/// Where the headers go first the record is of what was decided on: the resource as a whole.
fn one_transaction_everywhere_but_the_tool(gateway: &EnvoyGateway) {
    let answer = exchange(gateway, &good_request(&token(&gateway.world, "recorded")));
    assert_eq!(code(&answer), "status 200");
    assert_eq!(gateway.upstream.take().expect("a request").all("x-actgate-txn"), [txn(&answer)]);
    let line = access(gateway, txn(&answer));
    assert_eq!((&line["tool"], &line["subject"]), (&"(resource)".into(), &DEMO_USER.into()), "{line}");
    assert_eq!(decisions(gateway, txn(&answer)).len(), 1);
}

/// Only what is wanted is written; whatever is refused is in the log all the same.
#[test]
fn a_record_is_as_long_as_is_wanted() {
    let wanted = ["decision", "subject"];
    let gateway = start_with(&Options::default(), |document| {
        document["record"] = json!({"filter_state": wanted, "log": "refused"});
    });
    let said = gateway.envoy.logs();
    assert!(said.contains("actgate configuration: record.log: what is allowed has no line"), "{said}");
    let allowed = exchange(&gateway, &good_request(&token(&gateway.world, "short")));
    assert_eq!(code(&allowed), "status 200");
    let other = br#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"drop_all_tables"}}"#;
    let refused = exchange(&gateway, &request(MCP, &token(&gateway.world, "short"), "", other));
    assert_eq!(code(&refused), "tool_not_mapped");
    for (answer, decision, lines) in [(&allowed, "allow", 0), (&refused, "deny", 1)] {
        let line = access(&gateway, txn(answer));
        for (member, want) in [("decision", decision), ("subject", DEMO_USER)] {
            assert_eq!(line[member], want, "{member} in {line}");
        }
        for member in ["code", "resource", "tool", "actor", "chain", "agent"] {
            assert!(["-", ""].contains(&line[member].as_str().unwrap_or("")), "{member} in {line}");
        }
        assert_eq!(decisions(&gateway, txn(answer)).len(), lines, "{decision}");
    }
    for code in ["allowed", "tool_not_mapped"] {
        let name = format!("wasmcustom.actgate.decision.resource.aurora-db.code.{code}");
        assert_eq!(gateway.envoy.stat(&name).expect("admin answers"), Some(1), "{name}");
    }
    assert_no_trap(&gateway);
}
