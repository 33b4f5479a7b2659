//! Faults of exchanges and of protocols.

use serde_json::json;

use super::check;
use crate::document::Edit;

#[test]
fn exchanges() {
    check(&[
        (
            &[Edit::Remove("/resources/0/exchange")],
            "resources[0].exchange: missing; want one of \"id_jag\", \"token_exchange\", \"identity_chaining\", \"client_credentials\", \"inject\" and \"pass_through\", or \"transaction_token\": say what credential is sent on",
        ),
        (
            &[Edit::Set("/resources/0/exchange", json!({}))],
            "resources[0].exchange: empty; want one of \"id_jag\", \"token_exchange\", \"identity_chaining\", \"client_credentials\", \"inject\" and \"pass_through\", or \"transaction_token\": say what credential is sent on",
        ),
        (
            &[Edit::Set("/resources/0/exchange/pass_through", json!({"audience": "x"}))],
            "resources[0].exchange: found both \"id_jag\" and \"pass_through\"; want one of \"id_jag\", \"token_exchange\", \"identity_chaining\", \"client_credentials\", \"inject\" and \"pass_through\", or \"transaction_token\": say what credential is sent on",
        ),
        (
            &[Edit::Set("/resources/1/exchange/pass_through", json!({}))],
            "resources[1].exchange.pass_through.audience: missing; want the same value as accept.audience: a token may only be passed on to the party it was minted for",
        ),
        (
            &[Edit::Set("/resources/1/exchange/pass_through", json!({"audience": "https://example/auroradb/mcp"}))],
            "resources[1].exchange.pass_through.audience: found \"https://example/auroradb/mcp\"; want the same value as accept.audience: a token may only be passed on to the party it was minted for",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/idp")],
            "resources[0].exchange.id_jag.idp: missing; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say who issues the grant",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/idp", json!("okta"))],
            "resources[0].exchange.id_jag.idp: found \"okta\"; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say who issues the grant",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/resource_server", json!("knowledge"))],
            "authorization_servers.knowledge.token_endpoint: missing; want the URL of its token endpoint: resources[0].exchange.id_jag.resource_server asks it for tokens",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/resource")],
            "resources[0].exchange.id_jag.resource: missing; want an absolute URI without a fragment: the audience of the token to ask for (RFC 8707)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/resource", json!("aurora"))],
            "resources[0].exchange.id_jag.resource: found \"aurora\"; want an absolute URI without a fragment: the audience of the token to ask for (RFC 8707)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/resource", json!("https://example/a#b"))],
            "resources[0].exchange.id_jag.resource: found \"https://example/a#b\"; want an absolute URI without a fragment: the audience of the token to ask for (RFC 8707)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/subject_token_type", json!("jwt"))],
            "resources[0].exchange.id_jag.subject_token_type: found \"jwt\"; want \"access_token\" or \"id_token\": say what the inbound token is to the identity provider",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/issued_token", json!("reference"))],
            "resources[0].exchange.id_jag.issued_token: found \"reference\"; want \"jwt\" or \"opaque\": say whether the access token can be read",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/max_lifetime")],
            "resources[0].exchange.id_jag.max_lifetime: missing; want a duration such as \"1h\": the longest a token may live, from `iat` to `exp`",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/lineage")],
            "resources[0].exchange.id_jag.lineage: missing; want {\"id_jag\": ..., \"access_token\": ...}: say by which claims the same subject is recognised in what comes back",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/lineage/id_jag")],
            "resources[0].exchange.id_jag.lineage.id_jag.same_subject: missing; want at least one pair such as {\"inbound\": \"/sub\", \"issued\": \"/sub\"}: without one, a token for somebody else would be accepted",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/lineage/id_jag/same_subject", json!([]))],
            "resources[0].exchange.id_jag.lineage.id_jag.same_subject: empty; want at least one pair such as {\"inbound\": \"/sub\", \"issued\": \"/sub\"}: without one, a token for somebody else would be accepted",
        ),
        (
            &[Edit::Remove("/resources/0/exchange/id_jag/lineage/access_token/same_subject/0/inbound")],
            "resources[0].exchange.id_jag.lineage.access_token.same_subject[0].inbound: missing; want a JSON pointer such as \"/sub\": it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/lineage/access_token/same_subject/0/inbound", json!("sub"))],
            "resources[0].exchange.id_jag.lineage.access_token.same_subject[0].inbound: found \"sub\"; want a JSON pointer such as \"/sub\": it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/lineage/access_token/same_subject/0/issued", json!("/a~2b"))],
            "resources[0].exchange.id_jag.lineage.access_token.same_subject[0].issued: found \"/a~2b\"; want a JSON pointer such as \"/sub\": it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/lineage/access_token/same_subject/0/issued", json!(""))],
            "resources[0].exchange.id_jag.lineage.access_token.same_subject[0].issued: found \"\"; want a JSON pointer such as \"/sub\": it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)",
        ),
        (
            &[Edit::Set("/resources/0/exchange/id_jag/issued_token", json!("opaque"))],
            "resources[0].exchange.id_jag.lineage.access_token: found an object; want nothing: the claims of an opaque token cannot be read",
        ),
        (
            &[Edit::Remove("/agents/wlp2/credential")],
            "agents.wlp2.credential: missing; want {\"private_key_jwt\": ...}: resources[0].exchange.id_jag exchanges tokens as this agent",
        ),
        (
            &[
                Edit::Set("/resources/0/accept/presenter", json!("current_actor")),
                Edit::Remove("/agents/wlp2/credential"),
            ],
            "resources[0].exchange.id_jag: found no active agent with a credential; want at least one: the exchange is made as the current actor: see agents",
        ),
        (
            &[Edit::Set(
                "/resources/1/exchange",
                json!({"id_jag": {"idp": "idp", "resource_server": "auroradb", "resource": "https://example/a", "max_lifetime": "1h", "lineage": {"id_jag": {"same_subject": [{"inbound": "/sub", "issued": "/sub"}]}, "access_token": {"same_subject": [{"inbound": "/sub", "issued": "/sub"}]}}}}),
            )],
            "resources[1].exchange: found \"id_jag\" beside \"a2a\"; want \"pass_through\": an A2A method names no scopes to ask for, and a token of any scope is too much",
        ),
    ]);
}

#[test]
fn protocols() {
    check(&[
        (
            &[Edit::Remove("/resources/0/mcp")],
            "resources[0]: found neither \"mcp\" nor \"a2a\" nor \"rest\"; want one of \"mcp\", \"a2a\" and \"rest\": a request is decided by what it calls",
        ),
        (
            &[Edit::Set("/resources/0/a2a", json!({"methods": {"SendMessage": {}}}))],
            "resources[0]: found more than one of \"mcp\", \"a2a\" and \"rest\"; want one of \"mcp\", \"a2a\" and \"rest\": a request is decided by what it calls",
        ),
        (
            &[Edit::Set("/resources/0/mcp", json!({}))],
            "resources[0].mcp: found no tools and no methods; want at least one: what is not listed is refused",
        ),
        (
            &[Edit::Remove("/resources/0/mcp/tools/query/scopes")],
            "resources[0].mcp.tools.query.scopes: missing; want at least one scope: say what a call needs",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/scopes", json!([]))],
            "resources[0].mcp.tools.query.scopes: empty; want at least one scope: say what a call needs",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/demands", json!(["person"]))],
            "resources[0].mcp.tools.query.demands[0]: found \"person\"; want \"human\", \"consent\" or \"approval\": what a call needs beyond scopes",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/demands", json!(["human", "human"]))],
            "resources[0].mcp.tools.query.demands[1]: found \"human\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/max_reuse", json!(-1))],
            "resources[0].mcp.tools.query.max_reuse: found a number; want a whole number: this member has one type only",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/max_reuse", json!(u64::from(u32::MAX) + 1))],
            "resources[0].mcp.tools.query.max_reuse: found 4294967296; want at most 4294967295: leave it out to use a token as long as it lives",
        ),
        (
            &[Edit::Set("/resources/0/mcp/tools/query/scope", json!(["a"]))],
            "resources[0].mcp.tools.query.scope: unknown; want \"scopes\", \"demands\", \"max_reuse\", \"subjects\", \"actors\", \"arguments\", \"mirrored\", \"client_input\", \"upstream_name\" or \"description\": correct the name, or remove the member",
        ),
        (
            &[Edit::Set("/resources/0/mcp/methods", json!(["tools/call"]))],
            "resources[0].mcp.methods[0]: found \"tools/call\"; want another method: calls of tools are decided by \"tools\"",
        ),
        (
            &[Edit::Set("/resources/0/mcp/methods", json!(["ping", "ping"]))],
            "resources[0].mcp.methods[1]: found \"ping\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Remove("/resources/0/mcp/method_scopes")],
            "resources[0].mcp.method_scopes: missing; want at least one scope: say what the methods need: a token of any scope is too much",
        ),
        (
            &[Edit::Set("/resources/0/mcp/method_scopes", json!([]))],
            "resources[0].mcp.method_scopes: empty; want at least one scope: say what the methods need: a token of any scope is too much",
        ),
        (
            &[Edit::Set("/resources/0/mcp/resource_wide_scopes", json!([]))],
            "resources[0].mcp.resource_wide_scopes: empty; want at least one scope: say what every request may need, or leave it out",
        ),
        (
            &[Edit::Set("/resources/1/a2a", json!({}))],
            "resources[1].a2a.methods: missing; want at least one method such as \"message/send\": what is not listed is refused",
        ),
        (
            &[Edit::Set("/resources/1/a2a/methods", json!({}))],
            "resources[1].a2a.methods: empty; want at least one method such as \"message/send\": what is not listed is refused",
        ),
        (
            &[Edit::Set("/resources/1/a2a/methods/message~1send", json!({"demand": []}))],
            "resources[1].a2a.methods.message/send.demand: unknown; want \"scopes\" or \"demands\": correct the name, or remove the member",
        ),
    ]);
}
