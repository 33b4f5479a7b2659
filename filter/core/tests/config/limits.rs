//! Every bound of the document: at it, and one past it.

use std::collections::BTreeMap;

use actgate_core::config::Config;
use actgate_core::limits::{
    ACTORS_MAX, AGENTS_MAX, CONFIG_BYTES_MAX, CONFIG_JSON_DEPTH_MAX, CONFIG_TEXT_BYTES_MAX, HOSTS_PER_RESOURCE_MAX,
    KEYS_PER_SET_MAX, KID_BYTES_MAX, METHODS_PER_RESOURCE_MAX, NAME_BYTES_MAX, POINTER_BYTES_MAX, PROFILES_MAX,
    RESOURCES_MAX, SAME_SUBJECT_MAX, SCOPES_MAX, SERVERS_MAX, TOOLS_PER_RESOURCE_MAX, TYPES_MAX, URL_BYTES_MAX,
};
use serde_json::{Value, json};

use crate::document::{Edit, good, message};

type Make<'a> = Box<dyn Fn(usize) -> Value + 'a>;

/// `at` is accepted, `past` is refused with a message that starts with `path` and names the bound.
fn check(pointer: &'static str, at: Value, past: Value, path: &str, bound: &str) {
    assert_eq!(message(&[Edit::Set(pointer, at)]), "accepted", "{pointer}");
    let message = message(&[Edit::Set(pointer, past)]);
    assert!(message.starts_with(path) && message.contains(bound), "{pointer}: {message}");
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("n{at}")).collect()
}

fn map(count: usize, value: &Value) -> BTreeMap<String, Value> {
    names(count).into_iter().map(|name| (name, value.clone())).collect()
}

#[test]
fn counts() {
    let tool = json!({ "scopes": ["a"] });
    let key = good().pointer("/authorization_servers/knowledge/jwks/keys/0").unwrap().clone();
    let pair = json!({ "inbound": "/sub", "issued": "/sub" });
    let hosts = |count| names(count).into_iter().map(|name| format!("{name}.example")).collect::<Vec<_>>();
    let cases: [(&'static str, Make<'_>, usize, &str, &str); 11] = [
        (
            "/resources/0/match/hosts",
            Box::new(|count| json!(hosts(count))),
            HOSTS_PER_RESOURCE_MAX,
            "resources[0].match.hosts: found 17 hosts; ",
            "at most 16",
        ),
        (
            "/resources/0/accept/required_scopes",
            Box::new(|count| json!(names(count))),
            SCOPES_MAX,
            "resources[0].accept.required_scopes: found 129 scopes; ",
            "at most 128",
        ),
        (
            "/resources/0/accept/forbidden_scopes",
            Box::new(|count| json!(names(count))),
            SCOPES_MAX,
            "resources[0].accept.forbidden_scopes: found 129 scopes; ",
            "at most 128",
        ),
        (
            "/resources/0/accept/subject_profiles",
            Box::new(|count| json!(names(count))),
            PROFILES_MAX,
            "resources[0].accept.subject_profiles: found 17 profiles; ",
            "at most 16",
        ),
        (
            "/resources/0/accept/delegation/max_actors",
            Box::new(|count| json!(count)),
            ACTORS_MAX,
            "resources[0].accept.delegation.max_actors: found 17; ",
            "from 1 to 16",
        ),
        (
            "/resources/0/exchange/id_jag/lineage/id_jag/same_subject",
            Box::new(|count| json!(vec![pair.clone(); count])),
            SAME_SUBJECT_MAX,
            "resources[0].exchange.id_jag.lineage.id_jag.same_subject: found 9 pairs; ",
            "at most 8",
        ),
        (
            "/resources/0/mcp/tools",
            Box::new(|count| json!(map(count, &tool))),
            TOOLS_PER_RESOURCE_MAX,
            "resources[0].mcp.tools: found 513 tools; ",
            "at most 512",
        ),
        (
            "/resources/0/mcp/methods",
            Box::new(|count| json!(names(count))),
            METHODS_PER_RESOURCE_MAX,
            "resources[0].mcp.methods: found 65 methods; ",
            "at most 64",
        ),
        (
            "/resources/1/a2a/methods",
            Box::new(|count| json!(map(count, &json!({})))),
            METHODS_PER_RESOURCE_MAX,
            "resources[1].a2a.methods: found 65 methods; ",
            "at most 64",
        ),
        (
            "/authorization_servers/knowledge/jwks/keys",
            Box::new(|count| json!(vec![key.clone(); count])),
            KEYS_PER_SET_MAX,
            "authorization_servers.knowledge.jwks.keys: found 65 keys; ",
            "at most 64",
        ),
        (
            "/authorization_servers/idp/typ",
            Box::new(|count| json!(names(count))),
            TYPES_MAX,
            "authorization_servers.idp.typ: found 9 token types; ",
            "at most 8",
        ),
    ];
    for (pointer, make, max, path, bound) in cases {
        check(pointer, make(max), make(max + 1), path, bound);
    }
}

/// The collection of the good document, grown to `count`.
fn grown(pointer: &str, count: usize, make: &Make<'_>) -> Value {
    let mut collection = good().pointer(pointer).unwrap().clone();
    if let Some(members) = collection.as_object_mut() {
        for at in members.len()..count {
            members.insert(format!("n{at}"), make(at));
        }
    } else {
        let elements = collection.as_array_mut().unwrap();
        elements.extend((elements.len()..count).map(make));
    }
    collection
}

#[test]
fn collections() {
    let server =
        |at| json!({ "issuer": format!("https://n{at}.example"), "jwks": { "uri": "https://a" }, "cluster": "a" });
    let agent = |_| json!({ "name": "n", "status": "active" });
    let resource = |at: usize| {
        let mut resource = good().pointer("/resources/1").unwrap().clone();
        resource["name"] = json!(format!("n{at}"));
        resource["match"]["path_prefix"] = json!(format!("/n{at}"));
        resource
    };
    let cases: [(&'static str, usize, Make<'_>, &str); 3] = [
        (
            "/authorization_servers",
            SERVERS_MAX,
            Box::new(server),
            "authorization_servers: found 33 authorization servers; ",
        ),
        ("/agents", AGENTS_MAX, Box::new(agent), "agents: found 1025 agents; "),
        ("/resources", RESOURCES_MAX, Box::new(resource), "resources: found 257 resources; "),
    ];
    for (pointer, max, make, path) in cases {
        check(pointer, grown(pointer, max, &make), grown(pointer, max + 1, &make), path, &format!("at most {max}"));
    }
}

#[test]
fn lengths() {
    let text = |bytes: usize| "x".repeat(bytes);
    for (pointer, prefix, max, path, bound) in [
        ("/agents/wlp2/name", "", CONFIG_TEXT_BYTES_MAX, "agents.wlp2.name: found 257 bytes; ", "at most 256"),
        (
            "/agents/wlp2/credential/private_key_jwt/kid",
            "",
            KID_BYTES_MAX,
            "agents.wlp2.credential.private_key_jwt.kid: found 257 bytes; ",
            "at most 256",
        ),
        (
            "/authorization_servers/idp/cluster",
            "",
            CONFIG_TEXT_BYTES_MAX,
            "authorization_servers.idp.cluster: found 257 bytes; ",
            "at most 256",
        ),
        ("/agents/wlp2/owner", "", CONFIG_TEXT_BYTES_MAX, "agents.wlp2.owner: found 257 bytes; ", "at most 256"),
        ("/agents/wlp1/resource", "", URL_BYTES_MAX, "agents.wlp1.resource: found 2049 bytes; ", "at most 2048"),
        ("/agents/wlp1/spiffe_id", "spiffe://a/", URL_BYTES_MAX, "agents.wlp1.spiffe_id: ", "SPIFFE ID"),
        ("/resources/0/name", "", NAME_BYTES_MAX, "resources[0].name: ", "1 to 64 letters"),
        ("/resources/0/match/path_prefix", "/", URL_BYTES_MAX, "resources[0].match.path_prefix: ", "whole segments"),
        (
            "/resources/0/exchange/id_jag/resource",
            "a:",
            URL_BYTES_MAX,
            "resources[0].exchange.id_jag.resource: found 2049 bytes; ",
            "at most 2048",
        ),
        (
            "/resources/0/exchange/id_jag/lineage/id_jag/same_subject/0/issued",
            "/",
            POINTER_BYTES_MAX,
            "resources[0].exchange.id_jag.lineage.id_jag.same_subject[0].issued: ",
            "JSON pointer",
        ),
    ] {
        let make = |bytes: usize| json!(format!("{prefix}{}", text(bytes - prefix.len())));
        check(pointer, make(max), make(max + 1), path, bound);
    }
}

#[test]
fn durations_and_sizes() {
    for (pointer, at, past) in [
        ("/authorization_servers/idp/timeout", "30s", "30001ms"),
        ("/authorization_servers/idp/timeout", "1ms", "0ms"),
        ("/authorization_servers/idp/clock_skew", "5m", "301s"),
        ("/authorization_servers/idp/jwks/refresh", "10s", "9s"),
        ("/authorization_servers/idp/jwks/max_stale", "24h", "86401s"),
        ("/authorization_servers/idp/jwks/max_stale", "10m", "599s"),
        ("/resources/0/accept/max_lifetime", "24h", "86401s"),
        ("/resources/0/accept/max_lifetime", "1s", "0s"),
        ("/resources/0/exchange/id_jag/max_lifetime", "24h", "86401s"),
        ("/resources/0/max_body", "1KiB", "1023B"),
        ("/resources/0/max_body", "16MiB", "16777217B"),
    ] {
        check(pointer, json!(at), json!(past), "", &format!("found \"{past}\""));
    }
    let ages = |refresh: &str| json!({ "uri": "https://a", "refresh": refresh, "max_stale": "24h" });
    check(
        "/authorization_servers/idp/jwks",
        ages("24h"),
        ages("86401s"),
        "authorization_servers.idp.jwks.refresh: ",
        "24h",
    );
}

#[test]
fn the_document_itself() {
    let read = |document: &str| Config::from_json(document.as_bytes(), &|_| None).unwrap_err().to_string();
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    let missing = "allow_on_headers_stop_iteration: missing; want true or false: the same value as this filter has in Envoy; the filter cannot see it";
    assert_eq!(read(&padded(CONFIG_BYTES_MAX)), missing);
    assert_eq!(
        read(&padded(CONFIG_BYTES_MAX + 1)),
        "configuration: found 1048577 bytes; want at most 1048576 bytes: what the filter holds in memory is bounded"
    );
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(
        read(&nested(CONFIG_JSON_DEPTH_MAX)),
        "configuration: found an array; want an object: this member has one type only"
    );
    assert_eq!(
        read(&nested(CONFIG_JSON_DEPTH_MAX + 1)),
        "configuration: found too many levels; want one JSON object: the configuration has fewer"
    );
}

#[test]
fn bytes_that_are_no_document() {
    for (document, want) in [
        (&b""[..], "configuration: found no JSON; want one JSON object: JSON has no comments and no trailing commas"),
        (
            b"{\"a\": 1,}",
            "configuration: found no JSON; want one JSON object: JSON has no comments and no trailing commas",
        ),
        (b"{} {}", "configuration: found more than one value; want one JSON object: the document is one object"),
        (
            b"\xef\xbb\xbf{}",
            "configuration: found a byte-order mark; want one JSON object: save the document without one",
        ),
        (
            b"{\"a\": \"\xff\"}",
            "configuration: found bytes that are not UTF-8; want one JSON object: save the document as UTF-8",
        ),
        (
            b"{\"agents\": {\"a\": {}, \"a\": {}}}",
            "configuration: found two members of one name in one object; want one JSON object: keep one of them: which one counts is not defined",
        ),
    ] {
        assert_eq!(Config::from_json(document, &|_| None).unwrap_err().to_string(), want);
    }
}
