//! Faults of introspection: who is asked, as whom, how long an answer counts.

use serde_json::{Value, json};

use crate::document::{Edit, message};

const ENDPOINT: &str = "/authorization_servers/knowledge/introspection_endpoint";
const INTROSPECTION: &str = "/resources/0/accept/introspection";

fn with(introspection: Value) -> Vec<Edit> {
    vec![
        Edit::Set(ENDPOINT, json!("https://as.example/ask")),
        Edit::Set("/authorization_servers/knowledge/cluster", json!("as")),
        Edit::Set(INTROSPECTION, introspection),
    ]
}

#[test]
fn introspection() {
    let good = json!({"client": "wlp2", "cache": "30s"});
    assert_eq!(message(&with(good.clone())), "accepted");
    let cases = [
        (
            vec![Edit::Set(INTROSPECTION, good.clone())],
            "authorization_servers.knowledge.introspection_endpoint: missing; want the URL of its introspection endpoint: resources[0].accept.introspection asks there about opaque tokens",
        ),
        (
            vec![Edit::Set(ENDPOINT, json!("ask"))],
            "authorization_servers.knowledge.introspection_endpoint: found no \"https://\"; want a URL such as \"https://idp.example/path\": the scheme must be written out, in lower case",
        ),
        (
            with(json!({"cache": "30s"})),
            "resources[0].accept.introspection.client: missing; want the id of an agent: say as whom the server is asked",
        ),
        (
            with(json!({"client": "nobody", "cache": "30s"})),
            "resources[0].accept.introspection.client: found \"nobody\"; want the id of an agent: say as whom the server is asked",
        ),
        (
            with(json!({"client": "wlp2"})),
            "resources[0].accept.introspection.cache: missing; want a duration such as \"30s\": how long a token that was revoked may still be believed; \"0s\" asks for every request",
        ),
        (
            with(json!({"client": "wlp2", "cache": "301s"})),
            "resources[0].accept.introspection.cache: found \"301s\"; want whole seconds from \"0s\" to \"5m\", such as \"30s\": how long a token that was revoked may still be believed; \"0s\" asks for every request",
        ),
    ];
    for (edits, want) in cases {
        assert_eq!(message(&edits), want);
    }
    for cache in ["0s", "300s"] {
        assert_eq!(message(&with(json!({"client": "wlp2", "cache": cache}))), "accepted");
    }
    let mut exchanged = with(good);
    exchanged.push(Edit::Set("/resources/0/exchange/id_jag/subject_token_type", json!("id_token")));
    assert_eq!(
        message(&exchanged),
        "resources[0].exchange.id_jag.subject_token_type: found another type beside accept.introspection; want \"access_token\": an opaque token is no JWT and no ID token"
    );
}
