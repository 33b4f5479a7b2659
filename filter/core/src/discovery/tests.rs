use serde_json::json;

use super::*;
use crate::algorithm::Algorithm;
use crate::jwt::sample::Issuer;

const NOW: u64 = 1000;

/// A server that is looked up every minute and forgotten after two.
fn world() -> (Config, Discovered) {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "cluster": "as", "jwks": keys,
            "discovery": {"document": "oauth", "refresh": "1m", "max_stale": "2m"}}},
        "agents": {"agent": {"name": "Agent", "status": "active", "resource": "https://e.example/agent", "spiffe_id": "spiffe://e.example/agent"}},
        "resources": [{
            "name": "a2a", "match": {"hosts": ["e.example"], "path_prefix": "/a2a"},
            "accept": {"authorization_server": "as", "audience": "https://e.example/agent", "presenter": "audience_agent",
                "required_scopes": ["use"], "max_lifetime": "1h", "subject_profiles": ["user"],
                "delegation": {"required": false, "max_actors": 4}},
            "exchange": {"pass_through": {"audience": "https://e.example/agent"}}, "a2a": {"methods": {"message/send": {}}}
        }]
    });
    let config = Config::from_json(document.to_string().as_bytes(), &|_| None).unwrap();
    let discovered = Discovered::new(&config);
    (config, discovered)
}

fn found() -> Found {
    Found { token_endpoint: None, jwks_uri: None, unlisted: Vec::new() }
}

#[test]
fn failures_double_the_wait_up_to_a_bound_and_a_success_ends_that() {
    let (config, mut discovered) = world();
    let server = &config.servers["as"];
    let mut now = NOW;
    for wait in [1, 2, 4, 8, METADATA_RETRY_SECONDS_MAX, METADATA_RETRY_SECONDS_MAX] {
        discovered.attempted("as", UnixSeconds::new(now));
        discovered.failed("as");
        assert!(!discovered.may_look(server, UnixSeconds::new(now + wait - 1)), "{wait}");
        assert!(discovered.may_look(server, UnixSeconds::new(now + wait)), "{wait}");
        now += wait;
    }
    discovered.replace("as", found(), UnixSeconds::new(now));
    assert!(discovered.may_look(server, UnixSeconds::new(now + 1)));
}

#[test]
fn very_many_failures_wait_no_longer() {
    let (config, mut discovered) = world();
    discovered.attempted("as", UnixSeconds::new(NOW));
    (0..200).for_each(|_| discovered.failed("as"));
    assert!(discovered.may_look(&config.servers["as"], UnixSeconds::new(NOW + METADATA_RETRY_SECONDS_MAX)));
}

#[test]
fn a_document_is_refreshed_and_forgotten_in_time() {
    let (config, mut discovered) = world();
    let server = &config.servers["as"];
    assert!(discovered.is_due(server, UnixSeconds::new(NOW)));
    discovered.attempted("as", UnixSeconds::new(NOW));
    discovered.replace("as", found(), UnixSeconds::new(NOW));
    for (after, due, usable) in
        [(0, false, true), (59, false, true), (60, true, true), (120, true, true), (121, true, false)]
    {
        let now = UnixSeconds::new(NOW + after);
        assert_eq!(
            (discovered.is_due(server, now), discovered.usable(server, now).is_some()),
            (due, usable),
            "{after}"
        );
    }
}
