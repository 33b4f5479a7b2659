//! Faults of what a resource is, and of what it accepts.

use serde_json::json;

use super::check;
use crate::document::Edit;

#[test]
fn requests_of_a_resource() {
    check(&[
        (
            &[Edit::Remove("/resources/0/name")],
            "resources[0].name: missing; want a name: it labels metrics and log lines",
        ),
        (
            &[Edit::Set("/resources/0/name", json!("aurora db"))],
            "resources[0].name: found \"aurora db\"; want 1 to 64 letters, digits, `-`, `_` and `.`: the name labels metrics and log lines",
        ),
        (
            &[Edit::Set("/resources/0/name", json!("knowledge"))],
            "resources[1].name: found \"knowledge\"; want a name that no other resource has: it labels metrics and log lines",
        ),
        (
            &[Edit::Remove("/resources/0/match")],
            "resources[0].match: missing; want {\"hosts\": [...], \"path_prefix\": ...}: say which requests are for this resource",
        ),
        (
            &[Edit::Remove("/resources/0/match/hosts")],
            "resources[0].match.hosts: missing; want at least one host name: say which requests are for this resource",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!([]))],
            "resources[0].match.hosts: empty; want at least one host name: say which requests are for this resource",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["*"]))],
            "resources[0].match.hosts[0]: found \"*\"; want a host name such as \"gateway.example.com\": wildcards are not supported: list every host",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["*.example"]))],
            "resources[0].match.hosts[0]: found \"*.example\"; want a host name such as \"gateway.example.com\": wildcards are not supported: list every host",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["gateway.example:8443"]))],
            "resources[0].match.hosts[0]: found \"gateway.example:8443\"; want a host name such as \"gateway.example.com\": leave the port out, it does not name a resource",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["https://gateway.example"]))],
            "resources[0].match.hosts[0]: found \"https://gateway.example\"; want a host name such as \"gateway.example.com\": leave the scheme out",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["gateway.example."]))],
            "resources[0].match.hosts[0]: found \"gateway.example.\"; want a host name such as \"gateway.example.com\": it is compared with :authority without its port",
        ),
        (
            &[Edit::Set("/resources/0/match/hosts", json!(["gateway.example", "Gateway.Example"]))],
            "resources[0].match.hosts[1]: found \"gateway.example\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Remove("/resources/0/match/path_prefix")],
            "resources[0].match.path_prefix: missing; want whole segments such as \"/auroradb/mcp\", or \"/\": say which paths are for this resource",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("auroradb"))],
            "resources[0].match.path_prefix: found \"auroradb\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/auroradb/"))],
            "resources[0].match.path_prefix: found \"/auroradb/\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/a/../b"))],
            "resources[0].match.path_prefix: found \"/a/../b\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/a%2fb"))],
            "resources[0].match.path_prefix: found \"/a%2fb\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/a;b"))],
            "resources[0].match.path_prefix: found \"/a;b\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/a?b"))],
            "resources[0].match.path_prefix: found \"/a?b\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("//a"))],
            "resources[0].match.path_prefix: found \"//a\"; want whole segments such as \"/auroradb/mcp\", or \"/\": no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        ),
        (
            &[Edit::Set("/resources/0/match/path_prefix", json!("/knowledge"))],
            "resources[1].match.path_prefix: found \"/knowledge\"; want a prefix that no other resource of host \"gateway.example\" has, in any case: resource \"aurora-db\" has it already, and not every server tells cases apart",
        ),
        (
            &[Edit::Set("/resources/0/max_body", json!("1024"))],
            "resources[0].max_body: found \"1024\"; want a size from \"1KiB\" to \"16MiB\", such as \"64KiB\": every request in flight may hold this much of the filter's memory",
        ),
        (
            &[Edit::Set("/resources/0/strip_cookies", json!("yes"))],
            "resources[0].strip_cookies: found a string; want true or false: this member has one type only",
        ),
    ]);
}

#[test]
fn accepted_tokens() {
    check(&[
        (
            &[Edit::Remove("/resources/0/accept")],
            "resources[0].accept: missing; want an object: say which tokens this resource takes",
        ),
        (
            &[Edit::Remove("/resources/0/accept/authorization_server")],
            "resources[0].accept.authorization_server: missing; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say whose tokens are accepted",
        ),
        (
            &[Edit::Set("/resources/0/accept/authorization_server", json!("knowlege"))],
            "resources[0].accept.authorization_server: found \"knowlege\"; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say whose tokens are accepted",
        ),
        (
            &[Edit::Remove("/resources/0/accept/audience")],
            "resources[0].accept.audience: missing; want the `aud` of accepted tokens: a token for somebody else must not be accepted",
        ),
        (
            &[Edit::Set("/resources/0/accept/audience", json!("https://example/other"))],
            "resources[0].accept.audience: found \"https://example/other\"; want the `resource` of a registered agent: presenter \"audience_agent\" is the agent that tokens for this audience are minted for",
        ),
        (
            &[Edit::Remove("/resources/0/accept/presenter")],
            "resources[0].accept.presenter: missing; want \"audience_agent\" or \"current_actor\": say who presents the token",
        ),
        (
            &[Edit::Set("/resources/0/accept/presenter", json!("agent"))],
            "resources[0].accept.presenter: found \"agent\"; want \"audience_agent\" or \"current_actor\": say who presents the token",
        ),
        (
            &[Edit::Set("/resources/0/accept/presentr", json!("audience_agent"))],
            "resources[0].accept.presentr: unknown; want \"authorization_server\", \"origins\", \"other_issuers\", \"audience\", \"presenter\", \"caller\", \"dpop\", \"workloads\", \"introspection\", \"required_scopes\", \"forbidden_scopes\", \"max_lifetime\", \"subject_profiles\", \"delegation\", \"authentication\", \"entitlements\" or \"claims\": correct the name, or remove the member",
        ),
        (
            &[Edit::Remove("/agents/wlp2/spiffe_id")],
            "agents.wlp2.spiffe_id: missing; want the SPIFFE ID in this agent's client certificate: resources[0].accept.caller is \"mtls\", and this agent is the presenter",
        ),
        (
            &[Edit::Remove("/agents/wlp1/spiffe_id"), Edit::Set("/agents/wlp2/status", json!("retired"))],
            "resources[1].accept.presenter: found \"current_actor\"; want an active agent with a spiffe_id: no registered agent could present a token: see agents",
        ),
        (
            &[Edit::Remove("/resources/0/accept/required_scopes")],
            "resources[0].accept.required_scopes: missing; want a list of scopes: say what a token must allow; an empty list says that it does not matter",
        ),
        (
            &[Edit::Set("/resources/0/accept/required_scopes", json!(["a b"]))],
            "resources[0].accept.required_scopes[0]: found \"a b\"; want one scope of visible ASCII characters without `\"` and `\\`: RFC 6749 §3.3; write one scope per array element",
        ),
        (
            &[Edit::Set("/resources/0/accept/required_scopes", json!(["Agent:*"]))],
            "resources[0].accept.required_scopes[0]: found \"Agent:*\"; want a scope without `*`: a pattern can only forbid, and has its `*` at the end: see forbidden_scopes",
        ),
        (
            &[Edit::Set("/resources/0/accept/required_scopes", json!(["a", "a"]))],
            "resources[0].accept.required_scopes[1]: found \"a\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set("/resources/0/accept/required_scopes", json!("a"))],
            "resources[0].accept.required_scopes: found a string; want an array: this member has one type only",
        ),
        (
            &[Edit::Set("/resources/0/accept/required_scopes", json!([1]))],
            "resources[0].accept.required_scopes[0]: found a number; want a string: this member has one type only",
        ),
        (
            &[Edit::Set("/resources/0/accept/forbidden_scopes", json!(["Aurora*DB"]))],
            "resources[0].accept.forbidden_scopes[0]: found \"Aurora*DB\"; want a scope without `*`: a pattern can only forbid, and has its `*` at the end: see forbidden_scopes",
        ),
        (
            &[Edit::Set("/resources/0/accept/forbidden_scopes", json!(["Agent:*"]))],
            "resources[0].accept.forbidden_scopes[0]: found \"Agent:*\"; want a pattern without any required scope: \"Agent:execute\" is in required_scopes, so no token could be accepted",
        ),
        (
            &[Edit::Remove("/resources/0/accept/max_lifetime")],
            "resources[0].accept.max_lifetime: missing; want a duration such as \"1h\": the longest a token may live, from `iat` to `exp`",
        ),
        (
            &[Edit::Set("/resources/0/accept/max_lifetime", json!("2d"))],
            "resources[0].accept.max_lifetime: found \"2d\"; want whole seconds from \"1s\" to \"24h\", such as \"30s\": the longest a token may live, from `iat` to `exp`",
        ),
        (
            &[Edit::Remove("/resources/0/accept/subject_profiles")],
            "resources[0].accept.subject_profiles: missing; want a list of entity profiles such as [\"user\"]: say what kind of subject is served",
        ),
        (
            &[Edit::Set("/resources/0/accept/subject_profiles", json!([]))],
            "resources[0].accept.subject_profiles: empty; want at least one entity profile: such as \"user\", \"ai_agent\", \"web_app\" or \"service\"",
        ),
        (
            &[Edit::Remove("/resources/0/accept/delegation")],
            "resources[0].accept.delegation: missing; want {\"required\": ..., \"max_actors\": ...}: say whether a chain of actors is needed, and how long it may be",
        ),
        (
            &[Edit::Remove("/resources/0/accept/delegation/required")],
            "resources[0].accept.delegation.required: missing; want true or false: say whether a token without a chain of actors is refused",
        ),
        (
            &[Edit::Set("/resources/1/accept/delegation/required", json!(false))],
            "resources[1].accept.delegation.required: found false; want true: presenter \"current_actor\" is read from the chain",
        ),
        (
            &[Edit::Remove("/resources/0/accept/delegation/max_actors")],
            "resources[0].accept.delegation.max_actors: missing; want a number from 1 to 16: the longest chain, the current actor included",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/max_actors", json!(0))],
            "resources[0].accept.delegation.max_actors: found 0; want a number from 1 to 16: the longest chain, the current actor included",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/max_actors", json!(1.5))],
            "resources[0].accept.delegation.max_actors: found a number; want a whole number: this member has one type only",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/actor_profiles", json!([]))],
            "resources[0].accept.delegation.actor_profiles: empty; want at least one entity profile: such as \"user\", \"ai_agent\", \"web_app\" or \"service\"",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/unregistered_prior_actors", json!("ignore"))],
            "resources[0].accept.delegation.unregistered_prior_actors: found \"ignore\"; want \"refuse\" or \"allow\": what becomes of a chain with a prior actor that is not under agents",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/repeated_actors", json!(true))],
            "resources[0].accept.delegation.repeated_actors: found a boolean; want a string: this member has one type only",
        ),
    ]);
}
