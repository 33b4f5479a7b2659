//! Faults of agents without a token: their keys, and which resources may do without.

use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, edited, message, read};

const HEADER: &str = "/api_key_header";
const KEYS: &str = "/agents/wlp2/api_key_sha256";
const WORKLOADS: &str = "/resources/0/accept/workloads";
const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The first resource, for services alone.
fn for_services() -> Vec<Edit> {
    let exchange = json!({"client_credentials": {
        "server": "auroradb", "resource": "https://example/auroradb/mcp", "max_lifetime": "1h",
    }});
    vec![
        Edit::Set("/resources/0/exchange", exchange),
        Edit::Set("/resources/0/accept/subject_profiles", json!(["service"])),
        Edit::Set("/resources/0/accept/delegation", json!({"required": false, "max_actors": 1})),
    ]
}

fn workloads(value: Value) -> Vec<Edit> {
    let mut edits = for_services();
    edits.push(Edit::Set(WORKLOADS, value));
    edits
}

fn with(value: Value, more: Vec<Edit>) -> Vec<Edit> {
    let mut edits = workloads(value);
    edits.extend(more);
    edits
}

#[test]
fn which_agents() {
    let by_mtls = json!({"agents": ["wlp2"], "by": ["mtls"]});
    let want = "a list of \"mtls\" or \"api_key\": say how agents without a token are known";
    assert_eq!(message(&workloads(by_mtls.clone())), "accepted");
    for (edits, want) in [
        (
            workloads(json!({"by": ["mtls"]})),
            "resources[0].accept.workloads.agents: missing; want a list of ids under agents: say which agents are served without a token".to_owned(),
        ),
        (
            workloads(json!({"agents": [], "by": ["mtls"]})),
            "resources[0].accept.workloads.agents: empty; want a list of ids under agents: say which agents are served without a token".to_owned(),
        ),
        (
            workloads(json!({"agents": ["wlp2"]})),
            format!("resources[0].accept.workloads.by: missing; want {want}"),
        ),
        (
            workloads(json!({"agents": ["wlp2"], "by": []})),
            format!("resources[0].accept.workloads.by: empty; want {want}"),
        ),
        (
            workloads(json!({"agents": ["wlp2"], "by": ["dpop"]})),
            "resources[0].accept.workloads.by[0]: found \"dpop\"; want \"mtls\" or \"api_key\": say how agents without a token are known".to_owned(),
        ),
        (
            workloads(json!({"agents": ["wlp2"], "by": ["api_key"]})),
            "api_key_header: missing; want a header's name in lower case such as \"x-agent-key\": resources[0].accept.workloads.by takes API keys: say which header carries them".to_owned(),
        ),
        (
            with(json!({"agents": ["wlp2"], "by": ["api_key"]}), vec![Edit::Set(HEADER, json!("x-agent-key"))]),
            "resources[0].accept.workloads.agents[0]: found \"wlp2\"; want an agent with api_key_sha256: it could not be known".to_owned(),
        ),
        (
            with(by_mtls.clone(), vec![Edit::Remove("/agents/wlp2/spiffe_id"), Edit::Set("/resources/0/accept/caller", json!("audience_only"))]),
            "resources[0].accept.workloads.agents[0]: found \"wlp2\"; want an agent with a spiffe_id: it could not be known".to_owned(),
        ),
        (
            with(by_mtls, vec![Edit::Set("/resources/0/accept/subject_profiles", json!(["ai_agent"]))]),
            "resources[0].accept.subject_profiles: found no \"service\"; want it, beside accept.workloads: that is what such an agent is".to_owned(),
        ),
    ] {
        assert_eq!(message(&edits), want);
    }
}

#[test]
fn keys() {
    check(&[
        (
            &[Edit::Set(KEYS, json!(["the key itself"]))],
            "agents.wlp2.api_key_sha256[0]: found something else; want the SHA-256 of the key, 64 hexadecimal digits: `printf %s \"$KEY\" | sha256sum` says it; the key itself stands nowhere",
        ),
        (
            &[Edit::Set(KEYS, json!([DIGEST, DIGEST]))],
            &format!(
                "agents.wlp2.api_key_sha256[1]: found \"{DIGEST}\"; want a value that no other agent has: agent \"wlp2\" has it already, and the two could not be told apart"
            ),
        ),
        (
            &[Edit::Set(KEYS, json!([DIGEST, DIGEST, DIGEST, DIGEST, DIGEST]))],
            "agents.wlp2.api_key_sha256: found 5 keys; want at most 4: what the filter holds in memory is bounded",
        ),
        (
            &[Edit::Set(HEADER, json!("X-Agent-Key"))],
            "api_key_header: found \"X-Agent-Key\"; want a header's name in lower case such as \"x-api-key\": the upstream reads it under that name",
        ),
    ]);
    let digests: Vec<String> = (0..4).map(|at| DIGEST.replacen("ba", &format!("{at:02x}"), 1)).collect();
    assert_eq!(message(&[Edit::Set(KEYS, json!(digests))]), "accepted");
}

#[test]
fn a_key_is_warned_about() {
    let edits = with(
        json!({"agents": ["wlp2"], "by": ["mtls", "api_key"]}),
        vec![Edit::Set(HEADER, json!("x-agent-key")), Edit::Set("/agents/wlp2/status", json!("suspended"))],
    );
    let warnings = read(&edited(&edits)).unwrap().warnings;
    for part in ["whoever has an API key is that agent", "workloads.agents[0]: agent \"wlp2\" is not active"] {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{warnings:?}");
    }
}
