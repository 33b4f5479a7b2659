//! Rules that are observed where the headers go first: the record is written before the body comes.

use super::*;
use crate::config::{Logged, Recorded};
use crate::record::Event;

fn observing() -> Plugin {
    headers_first_with(|resource| {
        resource["mcp"]["tools"]["free"]["arguments"] = json!({"/table": {"const": "public"}});
        resource["mcp"]["tools"]["free"]["subjects"] = json!(["somebody else"]);
        resource["observe"] = json!({"until": "2026-11-25", "rules": ["arguments", "subjects"]});
    })
}

/// What becomes of a call behind its headers, and what is told of it.
fn called(plugin: &mut Plugin, (sent, now): (u64, u64), token: &str, params: &Value) -> (BodyVerdict, Option<Event>) {
    let step = headers_at(plugin, sent, 1, "/mcp", token);
    let Step::Forward(forward) = step else { panic!("{step:?}") };
    assert_eq!(forward.record.observations().next(), None, "nothing is known of the tool");
    let Forward { body: BodyPlan::HoldUntil { then, .. }, response: mut plan, .. } = *forward else { panic!() };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    at(plugin, now, |plugin, ambient| then.handle_body(plugin, ambient, call.as_bytes(), &mut plan))
}

#[test]
fn what_observed_rules_find_in_a_body_behind_its_headers_is_told_beside_their_record() {
    let both = json!(["subject_not_allowed", "argument_refused"]);
    for (table, found) in [("private", &both), ("public", &json!(["subject_not_allowed"]))] {
        let params = json!({"name": "free", "arguments": {"table": table}});
        let (verdict, event) = called(&mut observing(), (NOW, NOW), &token(&json!({})), &params);
        assert_eq!(said(verdict), "released");
        let told: Value = serde_json::from_str(&event.unwrap().to_json()).unwrap();
        assert_eq!((&told["event"], &told["would_refuse"]), (&json!("observed"), found));
        let about = (&told["resource"], &told["tool"], &told["subject"]);
        assert_eq!(about, (&json!("mcp"), &json!("free"), &json!("user")));
    }
}

#[test]
fn what_is_refused_behind_its_headers_has_on_record_what_observed_rules_found() {
    let params = json!({"name": "free", "arguments": {"table": "private"}, "requestState": "x"});
    let (verdict, event) = called(&mut observing(), (NOW, NOW), &token(&json!({})), &params);
    let BodyVerdict::Reply(reply) = verdict else { panic!("{verdict:?}") };
    assert_eq!((reply.details, event.is_none()), ("client_input_refused", true));
    assert_eq!(reply.record.observations().collect::<Vec<_>>(), ["subject_not_allowed"]);
}

#[test]
fn an_observed_rule_is_enforced_on_a_body_that_comes_after_its_day() {
    const END: u64 = NOW + 24 * 60 * 60;
    for (now, want) in [(END - 1, "released"), (END, "subject_not_allowed")] {
        let token = token(&json!({"iat": END - 60, "exp": END + 60}));
        let params = json!({"name": "free", "arguments": {"table": "public"}});
        let (verdict, _) = called(&mut observing(), (END - 1, now), &token, &params);
        assert_eq!(said(verdict), want, "{now}");
    }
}

#[test]
fn what_is_observed_has_a_line_however_little_is_wanted() {
    let little = Recorded { state: Vec::new(), log: Logged::Refused };
    for (tool, would) in [("none", "tool_not_mapped"), ("free", "allowed")] {
        let step = call(&mut plugin(), 1, "/observed", tool, &token(&json!({})));
        let Step::Observed(observed) = step else { panic!("{step:?}") };
        let line = observed.record.written("", &little).line.unwrap();
        assert!(line.contains(&format!("\"would\":\"{would}\"")), "{line}");
    }
}
