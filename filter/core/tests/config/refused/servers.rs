//! Faults of authorization servers.

use serde_json::json;

use super::check;
use crate::document::{Edit, message};

#[test]
fn an_assertion_is_for_nobody_that_a_fetched_document_names() {
    let looked_up = [
        Edit::Remove("/authorization_servers/idp/token_endpoint"),
        Edit::Set(
            "/authorization_servers/idp/discovery",
            json!({"document": "oauth", "authorities": ["other.example"]}),
        ),
    ];
    assert_eq!(
        message(&looked_up),
        "authorization_servers.idp.client_assertion_audience: found \"token_endpoint\"; want \"issuer\" or a URL: with discovery.authorities the server could name another server's endpoint, and an assertion would be good there"
    );
}

#[test]
fn servers() {
    check(&[
        (
            &[Edit::Remove("/authorization_servers/idp/issuer")],
            "authorization_servers.idp.issuer: missing; want the issuer's URL: it must be exactly the `iss` of this server's tokens",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!(7))],
            "authorization_servers.idp.issuer: found a number; want a string: this member has one type only",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!(""))],
            "authorization_servers.idp.issuer: found no \"https://\"; want a URL such as \"https://idp.example/path\": the scheme must be written out, in lower case",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!("http://idp.example"))],
            "authorization_servers.idp.issuer: found \"http://idp.example\"; want an \"https://\" URL: \"http://\" is accepted for localhost, 127.0.0.0/8 and [::1] only",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!("https://idp.example?tenant=1"))],
            "authorization_servers.idp.issuer: found a query; want a URL without one: an issuer has none (RFC 8414 §2)",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!("https://idp.example/aus0"))],
            "authorization_servers.knowledge.issuer: found \"https://idp.example/aus0\"; want an issuer that no other authorization server has: \"idp\" has it already, and one issuer has one set of keys",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/issuer", json!("https://idp example"))],
            "authorization_servers.idp.issuer: found \"https://idp example\"; want a URL such as \"https://idp.example/path\": only ASCII without spaces and quotes can stand in a URL",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/isuer", json!("https://idp.example"))],
            "authorization_servers.idp.isuer: unknown; want \"issuer\", \"token_endpoint\", \"introspection_endpoint\", \"jwks\", \"cluster\", \"timeout\", \"client_assertion_audience\", \"algorithms\", \"typ\", \"clock_skew\" or \"discovery\": correct the name, or remove the member",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/token_endpoint", json!("idp.example/token"))],
            "authorization_servers.idp.token_endpoint: found no \"https://\"; want a URL such as \"https://idp.example/path\": the scheme must be written out, in lower case",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/token_endpoint", json!("https://:443/token"))],
            "authorization_servers.idp.token_endpoint: found \"https://:443/token\"; want a URL such as \"https://idp.example/path\": the host must be a name or an address, the port 1 to 65535",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/token_endpoint", json!("https://user@idp.example/token"))],
            "authorization_servers.idp.token_endpoint: found a user name in the URL; want a URL such as \"https://idp.example/path\": credentials do not belong into a URL",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/token_endpoint", json!("https://idp.example/token#a"))],
            "authorization_servers.idp.token_endpoint: found \"https://idp.example/token#a\"; want a URL such as \"https://idp.example/path\": a fragment (`#`) is never sent",
        ),
        (
            &[Edit::Remove("/authorization_servers/idp/token_endpoint")],
            "authorization_servers.idp.client_assertion_audience: found \"token_endpoint\"; want \"issuer\", or a token_endpoint beside it: this server has no token_endpoint",
        ),
        (
            &[
                Edit::Remove("/authorization_servers/idp/token_endpoint"),
                Edit::Remove("/authorization_servers/idp/client_assertion_audience"),
            ],
            "authorization_servers.idp.token_endpoint: missing; want the URL of its token endpoint: resources[0].exchange.id_jag.idp asks it for tokens",
        ),
        (
            &[Edit::Remove("/authorization_servers/idp/cluster")],
            "authorization_servers.idp.cluster: missing; want the name of an Envoy cluster: the filter reaches \"idp.example\" through it",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/cluster", json!(" idp"))],
            "authorization_servers.idp.cluster: found \" idp\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[
                Edit::Remove("/authorization_servers/auroradb/cluster"),
                Edit::Remove("/authorization_servers/auroradb/token_endpoint"),
            ],
            "authorization_servers.auroradb.cluster: missing; want the name of an Envoy cluster: the filter reaches \"idp.example\" through it",
        ),
        (
            &[Edit::Remove("/authorization_servers/idp/jwks")],
            "authorization_servers.idp.jwks: missing; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks", json!({}))],
            "authorization_servers.idp.jwks: empty; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/keys", json!([]))],
            "authorization_servers.idp.jwks: found both \"uri\" and \"keys\"; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from",
        ),
        (
            &[Edit::Set("/authorization_servers/knowledge/jwks/keys", json!([]))],
            "authorization_servers.knowledge.jwks.keys: empty; want public RSA, EC or Ed25519 signature keys (RFC 7517): no token could be verified",
        ),
        (
            &[Edit::Set("/authorization_servers/knowledge/jwks/keys", json!([{"kty": "oct", "k": "c2VjcmV0"}]))],
            "authorization_servers.knowledge.jwks.keys[0]: found an unusable key (key_symmetric); want public RSA, EC or Ed25519 signature keys (RFC 7517): remove the key, or publish it as it should be",
        ),
        (
            &[Edit::Set("/authorization_servers/knowledge/jwks/refresh", json!("1m"))],
            "authorization_servers.knowledge.jwks.refresh: found \"1m\"; want nothing: inline keys are not fetched",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/uri", json!("http://idp.example/keys"))],
            "authorization_servers.idp.jwks.uri: found \"http://idp.example/keys\"; want an \"https://\" URL: \"http://\" is accepted for localhost, 127.0.0.0/8 and [::1] only",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/refresh", json!("10"))],
            "authorization_servers.idp.jwks.refresh: found \"10\"; want whole seconds from \"10s\" to \"24h\", such as \"30s\": a key that the issuer withdraws is believed until the next fetch",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/refresh", json!("500ms"))],
            "authorization_servers.idp.jwks.refresh: found \"500ms\"; want whole seconds from \"10s\" to \"24h\", such as \"30s\": a key that the issuer withdraws is believed until the next fetch",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/max_stale", json!("5m"))],
            "authorization_servers.idp.jwks.max_stale: found \"5m\"; want at least as long as refresh: keys would expire before the next ones are fetched",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/jwks/max_stale", json!("0s"))],
            "authorization_servers.idp.jwks.max_stale: found \"0s\"; want whole seconds from \"1s\" to \"24h\", such as \"30s\": how old keys may be and still verify, when the issuer cannot be reached",
        ),
        (
            &[
                Edit::Set("/authorization_servers/idp/jwks/refresh", json!("2h")),
                Edit::Remove("/authorization_servers/idp/jwks/max_stale"),
            ],
            "authorization_servers.idp.jwks.max_stale: missing, which means \"1h\"; want at least as long as refresh: keys would expire before the next ones are fetched",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/timeout", json!("0s"))],
            "authorization_servers.idp.timeout: found \"0s\"; want a duration from \"1ms\" to \"30000ms\", such as \"2s\": Envoy takes 0 for no timeout, and a request cannot wait for ever",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/timeout", json!("1m"))],
            "authorization_servers.idp.timeout: found \"1m\"; want a duration from \"1ms\" to \"30000ms\", such as \"2s\": Envoy takes 0 for no timeout, and a request cannot wait for ever",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/timeout", json!(2))],
            "authorization_servers.idp.timeout: found a number; want a string: this member has one type only",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/client_assertion_audience", json!("token-endpoint"))],
            "authorization_servers.idp.client_assertion_audience: found \"token-endpoint\"; want \"issuer\", \"token_endpoint\" or a URL: the `aud` that this server expects in client assertions",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/algorithms", json!([]))],
            "authorization_servers.idp.algorithms: empty; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": no token could be verified",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/algorithms", json!(["ES256", "HS256"]))],
            "authorization_servers.idp.algorithms[1]: found \"HS256\"; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": signatures are asymmetric, and names are case-sensitive",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/algorithms", json!(["ES256", "ES256"]))],
            "authorization_servers.idp.algorithms[1]: found \"ES256\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/typ", json!([]))],
            "authorization_servers.idp.typ: empty; want token types such as \"at+jwt\", \"JWT\" or \"absent\": no token could be accepted",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/typ", json!(["at jwt"]))],
            "authorization_servers.idp.typ[0]: found \"at jwt\"; want token types such as \"at+jwt\", \"JWT\" or \"absent\": it must be a `typ` that a token's header can have",
        ),
        (
            &[Edit::Set("/authorization_servers/idp/clock_skew", json!("10m"))],
            "authorization_servers.idp.clock_skew: found \"10m\"; want whole seconds from \"0s\" to \"5m\", such as \"30s\": what clocks differ by is added to the life of every token",
        ),
        (
            &[Edit::Set("/authorization_servers/a b", json!({"issuer": "https://x.example", "jwks": {"keys": []}}))],
            "authorization_servers[\"a b\"]: found \"a b\"; want 1 to 64 letters, digits, `-`, `_` and `.`: the name labels metrics and log lines",
        ),
    ]);
}
