//! What a resource says of its transport: sessions, web pages, and how a token is got.

use actgate_core::config::{Protocol, SessionAct};
use actgate_core::limits::ORIGINS_MAX;
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

const METADATA: &str = "/resources/0/metadata";
const IDENTIFIER: &str = "https://gateway.example/auroradb/mcp";

fn refused(pointer: &'static str, value: Value, want: &str) {
    assert_eq!(message(&[Edit::Set(pointer, value)]), want);
}

#[test]
fn a_session_is_what_is_listed() {
    let config = read(&edited(&[Edit::Set("/resources/0/mcp/session", json!(["end", "stream"]))])).unwrap();
    let Protocol::Mcp(policy) = &config.resources[0].protocol else { unreachable!("not MCP") };
    assert_eq!(policy.session.iter().copied().collect::<Vec<_>>(), [SessionAct::Stream, SessionAct::End]);
    refused(
        "/resources/0/mcp/session",
        json!(["get"]),
        "resources[0].mcp.session[0]: found \"get\"; want \"stream\", \"end\" or \"answer\": what a client may do to its session besides calling",
    );
    refused(
        "/resources/0/mcp/session",
        json!(["end", "end"]),
        "resources[0].mcp.session[1]: found \"end\"; want each value once: it stands in this list already",
    );
    assert_eq!(
        message(&[
            Edit::Set("/resources/0/mcp/session", json!(["stream"])),
            Edit::Remove("/resources/0/mcp/methods"),
            Edit::Remove("/resources/0/mcp/method_scopes"),
        ]),
        "resources[0].mcp.method_scopes: missing; want at least one scope: say what the methods need: a token of any scope is too much",
    );
}

#[test]
fn an_origin_is_written_as_browsers_send_it() {
    let pointer = "/resources/0/accept/origins";
    for origin in
        ["https://chat.example.com", "https://chat.example.com:8443", "http://localhost:3000", "https://[::1]:1"]
    {
        assert_eq!(message(&[Edit::Set(pointer, json!([origin]))]), "accepted", "{origin}");
    }
    for origin in
        ["https://chat.example.com/", "https://Chat.example.com", "https://chat.example.com:443", "https://a?b"]
    {
        let message = message(&[Edit::Set(pointer, json!([origin]))]);
        assert!(
            message.starts_with("resources[0].accept.origins[0]: found ") && message.contains("as browsers send it"),
            "{message}"
        );
    }
    for origin in ["*", "null", "chat.example.com", "http://chat.example.com", "https://*.example.com"] {
        let message = message(&[Edit::Set(pointer, json!([origin]))]);
        assert!(message.starts_with("resources[0].accept.origins[0]: found "), "{message}");
    }
    let many = |count: usize| json!((0..count).map(|at| format!("https://o{at}.example")).collect::<Vec<_>>());
    assert_eq!(message(&[Edit::Set(pointer, many(ORIGINS_MAX))]), "accepted");
    assert_eq!(
        message(&[Edit::Set(pointer, many(ORIGINS_MAX + 1))]).split(';').next(),
        Some("resources[0].accept.origins: found 17 origins"),
    );
}

#[test]
fn metadata_names_the_resource_where_it_is() {
    let config = read(&edited(&[Edit::Set(METADATA, json!({ "resource": IDENTIFIER }))])).unwrap();
    let metadata = config.resources[0].metadata.as_ref().unwrap();
    assert_eq!(&*metadata.url, "https://gateway.example/.well-known/oauth-protected-resource/auroradb/mcp");
    assert_eq!(metadata.path, "/.well-known/oauth-protected-resource/auroradb/mcp");
    assert_eq!(metadata.scopes_supported.iter().collect::<Vec<_>>(), ["Agent:execute"]);
    assert_eq!(
        config.warnings,
        [
            "resources[0].metadata.resource: clients that discover this resource ask for a token for it, and accept.audience is another"
        ]
    );
    for (resource, want) in [
        (json!(null), "resources[0].metadata.resource: found null; want a string: this member has one type only"),
        (
            json!("https://elsewhere.example/auroradb/mcp"),
            "resources[0].metadata.resource: found \"https://elsewhere.example/auroradb/mcp\"; want a URL with one of match.hosts: clients look for the document on that host",
        ),
        (
            json!("https://gateway.example/auroradb"),
            "resources[0].metadata.resource: found \"https://gateway.example/auroradb\"; want a URL whose path is /auroradb/mcp: match.path_prefix: clients look for the document under the path that they call",
        ),
        (
            json!("http://gateway.example/auroradb/mcp"),
            "resources[0].metadata.resource: found \"http://gateway.example/auroradb/mcp\"; want an \"https://\" URL: \"http://\" is accepted for localhost, 127.0.0.0/8 and [::1] only",
        ),
        (
            json!("https://gateway.example/auroradb/mcp?x"),
            "resources[0].metadata.resource: found a query; want a URL without one: an issuer has none (RFC 8414 §2)",
        ),
    ] {
        refused(METADATA, json!({ "resource": resource }), want);
    }
    refused(
        METADATA,
        json!({}),
        "resources[0].metadata.resource: missing; want the URL of this resource as clients know it: it is never taken from a request (RFC 9728 §2)",
    );
}

#[test]
fn streams_end_when_something_is_said_of_it() {
    let pointer = "/resources/0/streams";
    let read = |streams: Value| read(&edited(&[Edit::Set(pointer, streams)])).unwrap().resources[0].streams;
    assert_eq!(read(json!({ "max_duration": "24h" })).duration_max.map(|longest| longest.get()), Some(86400));
    assert!(read(json!({ "end_with_token": true })).end_with_token);
    refused(
        pointer,
        json!({ "max_duration": "86401s" }),
        "resources[0].streams.max_duration: found \"86401s\"; want whole seconds from \"1s\" to \"24h\", such as \"30s\": how long an answer may go on before it is cut",
    );
    refused(
        pointer,
        json!({ "end_with_token": false }),
        "resources[0].streams: found nothing that ends a stream; want \"max_duration\", or \"end_with_token\": true: how long an answer may go on before it is cut",
    );
}
