//! Rules on arguments, limits of people and agents, patterns, other names.

use serde_json::{Map, Value, json};

use super::check;
use crate::document::{Edit, edited, message, read};

#[test]
fn lists_and_texts_are_bounded() {
    let member = |pointer: &'static str, value: Value| message(&[Edit::Set(pointer, value)]);
    let texts = |count: usize| json!((0..count).map(|at| format!("n{at}")).collect::<Vec<_>>());
    let headers = |count: usize| json!((0..count).map(|at| (format!("h{at}"), json!("/a"))).collect::<Map<_, _>>());
    for (accepted, refused) in [
        (
            member("/resources/0/mcp/tools/query/subjects", texts(256)),
            member("/resources/0/mcp/tools/query/subjects", texts(257)),
        ),
        (
            member("/resources/0/mcp/tools/query/description", json!("d".repeat(4096))),
            member("/resources/0/mcp/tools/query/description", json!("d".repeat(4097))),
        ),
        (
            member("/resources/0/mcp/tools/query/mirrored", headers(64)),
            member("/resources/0/mcp/tools/query/mirrored", headers(65)),
        ),
    ] {
        assert_eq!(accepted, "accepted");
        assert!(refused.contains("want at most "), "{refused}");
    }
}

#[test]
fn people_patterns_and_names() {
    check(&[
        (
            &[Edit::Set("/resources/0/mcp/tools/query/subjects", json!([]))],
            "resources[0].mcp.tools.query.subjects: empty; want at least one: nobody could call it: leave the operation out instead",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/actors", json!(["nobody"]))],
            "resources[0].mcp.tools.query.actors[0]: found \"nobody\"; want the id of an agent: an actor that is not registered is refused anyway",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/a*b", json!({"scopes": ["a"]}))],
            "resources[0].mcp.tools[\"a*b\"]: found \"a*b\"; want a name, or a pattern with one `*` at its end: nothing else is a pattern",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/a*", json!({"scopes": ["a"], "description": "d"}))],
            "resources[0].mcp.tools[\"a*\"].description: found \"d\"; want nothing: a pattern stands for many tools: name one",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/other", json!({"scopes": ["a"], "upstream_name": "query"}))],
            "resources[0].mcp.tools.query.upstream_name: found \"query\"; want each tool of the server once: another tool stands for it",
        ),
        (
            &[Edit::Set("/resources/0/mcp/prompts", json!({"p": {"scopes": ["a"], "upstream_name": "q"}}))],
            "resources[0].mcp.prompts.p.upstream_name: unknown; want \"scopes\", \"demands\", \"max_reuse\", \"subjects\", \"actors\", \"arguments\", \"mirrored\" or \"client_input\": correct the name, or remove the member",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/mirrored", json!({"Re gion": "/region"}))],
            "resources[0].mcp.tools.query.mirrored[\"Re gion\"]: found \"Re gion\"; want what follows \"Mcp-Param-\", such as \"Region\": it is the tool's own \"x-mcp-header\"",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/mirrored", json!({"Region": "region"}))],
            "resources[0].mcp.tools.query.mirrored.Region: found \"region\"; want a JSON pointer such as \"/region\": RFC 6901",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/mirrored", json!({"Region": "/a", "REGION": "/b"}))],
            "resources[0].mcp.tools.query.mirrored.Region: found \"Region\"; want each header once: a header mirrors one argument",
        ),
        (
            &[Edit::Set("/resources/0/mcp/methods", json!(["completion/complete"]))],
            "resources[0].mcp.methods[0]: found \"completion/complete\"; want another method: it is decided by \"prompts\" and \"resources\"",
        ),
    ]);
    let warnings = read(&edited(&[Edit::Set("/resources/0/mcp/tools/*", json!({"scopes": ["a"]}))])).unwrap().warnings;
    assert_eq!(
        warnings,
        ["resources[0].mcp.tools[\"*\"]: a pattern allows tools that nobody has listed, and those of tomorrow"]
    );
}
