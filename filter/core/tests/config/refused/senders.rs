//! Faults of how a sender proves itself: the caller's proof, the rules of DPoP proofs, the agents' keys.

use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, message};

const CALLER: &str = "/resources/0/accept/caller";
const DPOP: &str = "/resources/0/accept/dpop";
const KEYS: &str = "/agents/wlp2/dpop_keys";

fn thumbprint(letter: &str) -> String {
    format!("{}A", letter.repeat(42))
}

fn origin() -> Value {
    json!({"origin": "https://gateway.example"})
}

#[test]
fn callers() {
    let list = "say how the presenter is proven to be the one on the line";
    let any = "\"mtls\", \"dpop\", \"audience_only\", or a list of the first two";
    check(&[
        (
            &[Edit::Set(CALLER, json!("none"))],
            "resources[0].accept.caller: found \"none\"; want \"mtls\", \"dpop\" or, alone, \"audience_only\": say how the presenter is proven to be the one on the line",
        ),
        (&[Edit::Set(CALLER, json!([]))], &format!("resources[0].accept.caller: empty; want {any}: {list}")),
        (
            &[Edit::Set(CALLER, json!(true))],
            &format!("resources[0].accept.caller: found another type; want {any}: {list}"),
        ),
        (
            &[Edit::Set(CALLER, json!(["mtls", 7]))],
            &format!("resources[0].accept.caller[1]: found no text; want {any}: {list}"),
        ),
        (
            &[Edit::Set(CALLER, json!(["mtls", "audience_only"]))],
            "resources[0].accept.caller[1]: found \"audience_only\"; want \"mtls\", \"dpop\" or, alone, \"audience_only\": say how the presenter is proven to be the one on the line",
        ),
        (
            &[Edit::Set(CALLER, json!(["mtls", "api_key"]))],
            "resources[0].accept.caller[1]: found \"api_key\"; want \"mtls\", \"dpop\" or, alone, \"audience_only\": say how the presenter is proven to be the one on the line",
        ),
        (
            &[Edit::Set(CALLER, json!(["mtls", "mtls"]))],
            "resources[0].accept.caller[1]: found \"mtls\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set(CALLER, json!("dpop"))],
            "resources[0].accept.dpop: missing; want {\"origin\": ...}: caller names \"dpop\": say what a proof must be made for",
        ),
        (
            &[Edit::Set(CALLER, json!("dpop")), Edit::Set(DPOP, origin())],
            "agents.wlp2.dpop_keys: missing; want the thumbprints of this agent's keys: resources[0].accept.caller is \"dpop\", and this agent is the presenter",
        ),
        (
            &[Edit::Set("/resources/1/accept/caller", json!("dpop")), Edit::Set("/resources/1/accept/dpop", origin())],
            "resources[1].accept.presenter: found \"current_actor\"; want an active agent with dpop_keys: no registered agent could present a token: see agents",
        ),
    ]);
}

#[test]
fn what_is_enough_is_accepted() {
    let keys = || Edit::Set(KEYS, json!([thumbprint("A")]));
    for caller in [json!("dpop"), json!(["dpop"]), json!(["mtls", "dpop"]), json!(["dpop", "mtls"])] {
        let edits = [Edit::Set(CALLER, caller), Edit::Set(DPOP, origin()), keys()];
        assert_eq!(message(&edits), "accepted", "{edits:?}");
    }
    let without_a_certificate = [
        Edit::Set(CALLER, json!(["mtls", "dpop"])),
        Edit::Set(DPOP, origin()),
        keys(),
        Edit::Remove("/agents/wlp2/spiffe_id"),
    ];
    assert_eq!(message(&without_a_certificate), "accepted");
}

#[test]
fn rules_of_proofs() {
    let set = |name: &str, value: Value| {
        let mut dpop = origin();
        dpop[name] = value;
        Edit::Set(DPOP, dpop)
    };
    let want = "want an origin such as \"https://gateway.example.com\", without a path: the `htu` of a proof is this origin with the path of the request";
    check(&[
        (&[Edit::Set(DPOP, json!({}))], &format!("resources[0].accept.dpop.origin: missing; {want}")),
        (
            &[set("origin", json!("https://gateway.example/"))],
            &format!("resources[0].accept.dpop.origin: found \"https://gateway.example/\"; {want}"),
        ),
        (
            &[set("origin", json!("https://gateway.example/mcp"))],
            &format!("resources[0].accept.dpop.origin: found \"https://gateway.example/mcp\"; {want}"),
        ),
        (
            &[set("origin", json!("https://gateway.example?a"))],
            &format!("resources[0].accept.dpop.origin: found \"https://gateway.example?a\"; {want}"),
        ),
        (
            &[set("algorithms", json!(["HS256"]))],
            "resources[0].accept.dpop.algorithms[0]: found \"HS256\"; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": signatures are asymmetric, and names are case-sensitive",
        ),
        (
            &[set("max_age", json!("301s"))],
            "resources[0].accept.dpop.max_age: found \"301s\"; want whole seconds from \"1s\" to \"5m\", such as \"30s\": how long a proof may be used, which is how long it is remembered",
        ),
        (
            &[set("nonce_secret", json!({"insecure_inline": "x".repeat(31)}))],
            "resources[0].accept.dpop.nonce_secret: found a short one; want at least 32 bytes of randomness: whoever guesses it makes nonces: `openssl rand -hex 32` makes one",
        ),
        (
            &[set("nonce_secret", json!({}))],
            "resources[0].accept.dpop.nonce_secret: empty; want {\"env\": NAME} or {\"insecure_inline\": SECRET}: say where the secret comes from",
        ),
        (
            &[set("nonce_secret", json!({"env": "NOT_SET"}))],
            "resources[0].accept.dpop.nonce_secret.env: environment variable \"NOT_SET\" is not set in the VM; want a secret: add it to vm_config.environment_variables.host_env_keys",
        ),
    ]);
    assert_eq!(message(&[set("max_age", json!("300s"))]), "accepted");
    assert_eq!(message(&[set("nonce_secret", json!({"insecure_inline": "x".repeat(32)}))]), "accepted");
}

#[test]
fn keys_of_agents() {
    let want = "want an RFC 7638 thumbprint with SHA-256, in base64url: 43 characters, as in `cnf.jkt`";
    let short = thumbprint("A").replacen('A', "", 1);
    check(&[
        (
            &[Edit::Set(KEYS, json!([thumbprint("A"), short]))],
            &format!("agents.wlp2.dpop_keys[1]: found \"{short}\"; {want}"),
        ),
        (
            &[Edit::Set(KEYS, json!([thumbprint("A")])), Edit::Set("/agents/wlp1/dpop_keys", json!([thumbprint("A")]))],
            &format!(
                "agents.wlp2.dpop_keys[0]: found \"{}\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
                thumbprint("A")
            ),
        ),
        (
            &[Edit::Set(KEYS, json!([thumbprint("A"), thumbprint("A")]))],
            &format!(
                "agents.wlp2.dpop_keys[1]: found \"{}\"; want a value that no other agent has: agent \"wlp2\" has it already, and the two could not be told apart",
                thumbprint("A")
            ),
        ),
    ]);
    let some = |count: usize| -> Vec<String> {
        let letters = "ABCDEFGHIJKLMNOPQ".chars().take(count);
        letters.map(|letter| thumbprint(&letter.to_string())).collect()
    };
    assert_eq!(message(&[Edit::Set(KEYS, json!(some(16)))]), "accepted");
    assert!(message(&[Edit::Set(KEYS, json!(some(17)))]).contains("found 17 keys; want at most 16"));
}
