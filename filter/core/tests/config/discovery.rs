//! What may be left to a server's metadata, and how that is said.

use actgate_core::config::{KeySource, Location};
use actgate_core::limits::DISCOVERY_AUTHORITIES_MAX;
use actgate_core::time::Seconds;
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

fn looked_up(discovery: Value) -> Vec<Edit> {
    vec![
        Edit::Remove("/authorization_servers/idp/token_endpoint"),
        Edit::Remove("/authorization_servers/idp/jwks"),
        Edit::Set("/authorization_servers/idp/discovery", discovery),
    ]
}

#[test]
fn endpoint_and_keys_may_both_be_left_out() {
    let config = read(&edited(&looked_up(json!({"document": "oauth"})))).unwrap();
    let server = &config.servers["idp"];
    assert_eq!(server.token_endpoint, Some(Location::Discovered));
    let KeySource::Remote(keys) = &server.keys else { unreachable!() };
    assert_eq!((&keys.endpoint, keys.cluster.as_str()), (&Location::Discovered, "idp"));
    let discovery = server.discovery.as_ref().unwrap();
    assert_eq!(discovery.endpoint.url, "https://idp.example/.well-known/oauth-authorization-server");
    assert_eq!((discovery.refresh, discovery.max_stale), (Seconds::new(3600), Seconds::new(86_400)));
}

#[test]
fn what_is_given_is_not_looked_up() {
    let config = read(&edited(&[
        Edit::Remove("/authorization_servers/idp/token_endpoint"),
        Edit::Set("/authorization_servers/idp/discovery", json!({"document": "openid"})),
    ]))
    .unwrap();
    let KeySource::Remote(keys) = &config.servers["idp"].keys else { unreachable!() };
    assert!(matches!(&keys.endpoint, Location::Given(endpoint) if endpoint.path == "/oauth2/v1/keys"));
}

#[test]
fn refused() {
    let found = "authorization_servers.idp.discovery";
    for (edits, want) in [
        (
            vec![Edit::Set("/authorization_servers/idp/discovery", json!({"document": "oauth"}))],
            format!("{found}: found beside token_endpoint and jwks; want at least one of them left out: what is given is not looked up"),
        ),
        (
            looked_up(json!({})),
            format!("{found}.document: missing; want \"oauth\" or \"openid\": \"oauth\" for RFC 8414, \"openid\" for OpenID Connect Discovery: they are at different paths"),
        ),
        (
            looked_up(json!({"document": "oidc"})),
            format!("{found}.document: found \"oidc\"; want \"oauth\" or \"openid\": \"oauth\" for RFC 8414, \"openid\" for OpenID Connect Discovery: they are at different paths"),
        ),
        (
            looked_up(json!({"document": "oauth", "uri": "https://idp.example/metadata"})),
            format!("{found}.uri: unknown; want \"document\", \"refresh\", \"max_stale\" or \"authorities\": correct the name, or remove the member"),
        ),
        (
            looked_up(json!({"document": "oauth", "authorities": ["https://login.example"]})),
            format!("{found}.authorities[0]: found \"https://login.example\"; want a host, with a port where the URL has one: compared exactly with what stands between \"://\" and the path of an endpoint"),
        ),
        (
            looked_up(json!({"document": "oauth", "refresh": "2h", "max_stale": "1h"})),
            format!("{found}.max_stale: found less than refresh; want at least as long as refresh: endpoints would be forgotten before the next fetch"),
        ),
        (
            {
                let mut edits = looked_up(json!({"document": "oauth"}));
                edits.push(Edit::Remove("/authorization_servers/idp/cluster"));
                edits
            },
            "authorization_servers.idp.cluster: missing; want the name of an Envoy cluster: the filter fetches the metadata through it".to_owned(),
        ),
        (
            vec![Edit::Remove("/authorization_servers/idp/jwks")],
            "authorization_servers.idp.jwks: missing; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from".to_owned(),
        ),
        (
            vec![Edit::Set("/authorization_servers/idp/jwks", json!({"refresh": "10m"}))],
            "authorization_servers.idp.jwks: empty; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from".to_owned(),
        ),
    ] {
        assert_eq!(message(&edits), want);
    }
}

#[test]
fn bounds() {
    let with = |member: &str, value: Value| {
        let mut discovery = json!({"document": "oauth", "max_stale": "72h"});
        discovery[member] = value;
        message(&looked_up(discovery))
    };
    for (member, at, past, bound) in [
        ("refresh", "60s", "59s", "\"1m\""),
        ("refresh", "24h", "86401s", "\"24h\""),
        ("max_stale", "72h", "259201s", "\"72h\""),
    ] {
        assert_eq!(with(member, json!(at)), "accepted");
        let message = with(member, json!(past));
        assert!(
            message.contains(&format!("discovery.{member}: found {past:?}")) && message.contains(bound),
            "{message}"
        );
    }
    let names = |count: usize| json!((0..count).map(|at| format!("n{at}.example")).collect::<Vec<_>>());
    let with = |count: usize| {
        let mut edits = looked_up(json!({"document": "oauth", "authorities": names(count)}));
        edits.push(Edit::Remove("/authorization_servers/idp/client_assertion_audience"));
        message(&edits)
    };
    assert_eq!(with(DISCOVERY_AUTHORITIES_MAX), "accepted");
    assert!(with(DISCOVERY_AUTHORITIES_MAX + 1).contains("at most 8"));
}
