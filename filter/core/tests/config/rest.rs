//! REST resources: what is accepted, refused in which words, and every bound at it and one past it.

use std::collections::BTreeMap;

use actgate_core::limits::{OPERATIONS_PER_RESOURCE_MAX, RULE_VALUES_MAX, RULES_MAX, TEMPLATE_SEGMENTS_MAX};
use serde_json::{Value, json};

use crate::document::{Edit, message};

/// The first resource with these operations instead of its MCP tools.
fn told(operations: Value) -> String {
    message(&[Edit::Remove("/resources/0/mcp"), Edit::Set("/resources/0/rest", json!({ "operations": operations }))])
}

/// One operation with this member set.
fn told_with(member: &str, value: Value) -> String {
    let mut operation = json!({ "method": "POST", "path": "/a/{id}", "scopes": ["s"] });
    operation[member] = value;
    told(json!({ "op": operation }))
}

#[test]
fn operations_that_load() {
    for operations in [
        json!({ "op": { "method": "GET", "path": "/", "scopes": ["s"] } }),
        json!({ "op": { "method": "GET", "path": "/a", "refused": true } }),
        json!({
            "one": { "method": "GET", "path": "/a/{id}", "scopes": ["s"], "path_rules": { "id": { "enum": ["1", "2"] } } },
            "me": { "method": "GET", "path": "/a/me", "scopes": ["s"], "query": { "*": {}, "x": {}, "y": { "required": true } } },
            "stop": { "method": "POST", "path": "/a/{id}:stop", "scopes": ["s"], "body_rules": { "/x": { "const": null } } },
            "typed": { "method": "GET", "path": "/b/{id}", "scopes": ["s"], "path_rules": { "id": { "type": "integer", "min": 1 } } },
            "put": { "method": "PUT", "path": "/a/{other}", "scopes": ["s"], "demands": ["human"], "max_reuse": 1 },
        }),
    ] {
        assert_eq!(told(operations.clone()), "accepted", "{operations}");
    }
}

#[test]
fn operations_that_do_not_load() {
    let one = |path: &str| json!({ "method": "GET", "path": path, "scopes": ["s"] });
    for (message, want) in [
        (
            told(json!({})),
            "resources[0].rest.operations: empty; want at least one operation: what is not listed is refused",
        ),
        (
            told_with("method", json!("TRACE")),
            "resources[0].rest.operations.op.method: found \"TRACE\"; want \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\" or \"OPTIONS\": in capitals",
        ),
        (
            told_with("method", json!("post")),
            "resources[0].rest.operations.op.method: found \"post\"; want \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\" or \"OPTIONS\": in capitals",
        ),
        (
            told_with("path", json!("a")),
            "resources[0].rest.operations.op.path: found \"a\"; want a path template such as \"/incidents/{id}\", beneath \"path_prefix\": each segment is plain or one parameter, and no parameter comes twice; no empty or dot segments, no escapes",
        ),
        (
            told_with("scopes", json!([])),
            "resources[0].rest.operations.op.scopes: empty; want at least one scope: say what a call needs",
        ),
        (
            told_with("path_rules", json!({ "name": { "const": "x" } })),
            "resources[0].rest.operations.op.path_rules.name: found \"name\"; want a parameter of the path: the path is \"/a/{id}\"",
        ),
        (
            told_with("path_rules", json!({ "id": {} })),
            "resources[0].rest.operations.op.path_rules.id: found no rule on the value; want one such as \"enum\": a parameter of the path is always there",
        ),
        (
            told_with("query", json!({ "*": { "const": "x" } })),
            "resources[0].rest.operations.op.query[\"*\"]: found a rule; want {}: it stands for every parameter that is not listed",
        ),
        (
            told_with("body_rules", json!({ "amount": { "max": 5 } })),
            "resources[0].rest.operations.op.body_rules.amount: found \"amount\"; want a JSON pointer such as \"/amount\": RFC 6901; it names a member of nested objects",
        ),
        (
            told_with("body_rules", json!({ "/a": {} })),
            "resources[0].rest.operations.op.body_rules./a: found no rule; want at least one, such as \"const\" or \"required\": a rule that says nothing is a slip",
        ),
        (
            told_with("body_rules", json!({ "/a": { "max": "5" } })),
            "resources[0].rest.operations.op.body_rules./a.max: found something else; want a number: it is compared with numbers",
        ),
        (
            told_with("body_rules", json!({ "/a": { "type": "array" } })),
            "resources[0].rest.operations.op.body_rules./a.type: found \"array\"; want \"string\", \"number\", \"integer\" or \"boolean\": as JSON Schema names them; a list or an object has no rule",
        ),
        (
            told_with("body_rules", json!({ "/a": { "type": "string", "max": 5 } })),
            "resources[0].rest.operations.op.body_rules./a.type: found \"string\"; want the type that the other members are about: no value is both",
        ),
        (
            told_with("body_rules", json!({ "/a": { "type": "integer", "max_length": 5 } })),
            "resources[0].rest.operations.op.body_rules./a.type: found \"integer\"; want the type that the other members are about: no value is both",
        ),
        (
            told_with("body_rules", json!({ "/a": { "type": "boolean", "equals_claim": "/sub" } })),
            "resources[0].rest.operations.op.body_rules./a.type: found \"boolean\"; want the type that the other members are about: no value is both",
        ),
        (
            told_with("body_rules", json!({ "/a": { "enum": [] } })),
            "resources[0].rest.operations.op.body_rules./a.enum: empty; want at least one value: nothing would be allowed",
        ),
        (
            told_with("body_rules", json!({ "/a": { "const": {} } })),
            "resources[0].rest.operations.op.body_rules./a.const: found an object or an array; want texts, numbers, booleans or null: only these are compared",
        ),
        (
            told_with("body_rules", json!({ "/a": { "const": 1, "enum": [1] } })),
            "resources[0].rest.operations.op.body_rules./a: found both \"const\" and \"enum\"; want one of them: \"const\" is an \"enum\" of one",
        ),
        (
            told_with("body_rules", json!({ "/a": { "absent": true, "max": 1 } })),
            "resources[0].rest.operations.op.body_rules./a: found \"absent\" beside other rules; want one or the other: what is not there has no value",
        ),
        (
            told_with("body_rules", json!({ "/a": { "absent": false } })),
            "resources[0].rest.operations.op.body_rules./a.absent: found false; want true, or nothing: \"required\" says that it must be there",
        ),
        (
            told_with("body_rules", json!({ "/a": { "prefix": "https://api.example.com" } })),
            "resources[0].rest.operations.op.body_rules./a.prefix: found \"https://api.example.com\"; want a beginning with the whole host and a `/`: `https://a.example` is the beginning of https://a.example.evil.test too",
        ),
        (
            told_with("body_rules", json!({ "/a": { "prefix": "https://" } })),
            "resources[0].rest.operations.op.body_rules./a.prefix: found \"https://\"; want a beginning with the whole host and a `/`: `https://a.example` is the beginning of https://a.example.evil.test too",
        ),
        (
            told_with("body_rules", json!({ "/a": { "prefix": "" } })),
            "resources[0].rest.operations.op.body_rules./a.prefix: found \"\"; want 1 to 256 bytes without control characters: every text begins with the empty one",
        ),
        (
            told_with("body_rules", json!({ "/a": { "equals_claim": "sub" } })),
            "resources[0].rest.operations.op.body_rules./a.equals_claim: found \"sub\"; want a JSON pointer such as \"/sub\": RFC 6901; it names a claim of the caller's token",
        ),
        (
            told(
                json!({ "op": { "method": "GET", "path": "/a", "scopes": ["s"], "body_rules": { "/a": { "max": 1 } } } }),
            ),
            "resources[0].rest.operations.op.body_rules: found rules for GET; want none: servers disagree about a body with this method (RFC 9110 §9.3.1)",
        ),
        (
            told(json!({ "a": one("/x/{a}"), "b": one("/x/{b}") })),
            "resources[0].rest.operations.b.path: found \"/x/{b}\"; want a path that \"/x/{a}\" of \"a\" cannot be taken for: some path could be either, and neither is the more specific in every segment; case and a last `/` tell nothing apart",
        ),
    ] {
        assert_eq!(message, want);
    }
}

#[test]
fn bounds_hold_at_and_one_past() {
    let map = |count: usize, name: &dyn Fn(usize) -> String, value: &dyn Fn(usize) -> Value| {
        (0..count).map(|at| (name(at), value(at))).collect::<BTreeMap<_, _>>()
    };
    let plain = |at: usize| format!("n{at}");
    let operations = |count| {
        told(json!(map(count, &plain, &|at| json!({ "method": "GET", "path": format!("/{at}"), "scopes": ["s"] }))))
    };
    let parameters = |count| told_with("query", json!(map(count, &plain, &|_| json!({}))));
    let members =
        |count| told_with("body_rules", json!(map(count, &|at| format!("/n{at}"), &|_| json!({ "required": true }))));
    let values = |count: usize| told_with("body_rules", json!({ "/a": { "enum": (0..count).collect::<Vec<_>>() } }));
    let segments = |count| told_with("path", json!("/a".repeat(count)));
    let cases: [(&dyn Fn(usize) -> String, usize); 5] = [
        (&operations, OPERATIONS_PER_RESOURCE_MAX),
        (&parameters, RULES_MAX),
        (&members, RULES_MAX),
        (&values, RULE_VALUES_MAX),
        (&segments, TEMPLATE_SEGMENTS_MAX),
    ];
    for (told, bound) in cases {
        assert_eq!(told(bound), "accepted", "{bound}");
        assert_ne!(told(bound + 1), "accepted", "{bound}");
    }
}
