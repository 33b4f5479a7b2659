//! What a good document says, and what it says where it leaves something out.

use actgate_core::algorithm::Algorithms;
use actgate_core::config::{
    AgentStatus, AssertionAudience, CallerProof, ClientAuthentication, Config, Demand, Exchange, IssuedTokenFormat,
    KeySource, Location, McpPolicy, Presenter, Protocol, Resource, SubjectTokenType, Verdict,
};
use actgate_core::time::{Millis, Seconds, UnixSeconds};
use serde_json::json;

use crate::document::{Edit, edited, good, private_key, read};

fn resource(config: &Config, name: &str) -> std::sync::Arc<Resource> {
    config.resources.iter().find(|resource| resource.name == name).unwrap().clone()
}

fn mcp(resource: &Resource) -> &McpPolicy {
    match &resource.protocol {
        Protocol::Mcp(policy) => policy,
        Protocol::A2a(_) | Protocol::Rest(_) => unreachable!("the first resource speaks MCP"),
    }
}

#[test]
fn other_secrets_under_the_same_names_are_another_configuration_for_what_is_shared() {
    let document = edited(&[Edit::Set("/sharing", json!({"secret": {"env": "SHARED"}}))]).to_string();
    let with = |secret: &str| {
        let env = |name: &str| if name == "SHARED" { Some(secret.repeat(32)) } else { crate::document::env(name) };
        let config = Config::from_json(document.as_bytes(), &env).unwrap();
        (config.digest, *config.environment.expose())
    };
    assert_eq!(with("a"), with("a"));
    assert_eq!(with("a").0, with("b").0);
    assert_ne!(with("a").1, with("b").1);
}

#[test]
fn what_reads_the_environment_says_so() {
    let inline = json!({ "insecure_inline": private_key() });
    let inline = || Edit::Set("/agents/wlp2/credential/private_key_jwt/key", inline.clone());
    let shared = Edit::Set("/sharing", json!({ "secret": { "env": "SECRET_AT_THE_BOUND" } }));
    for (edits, want) in [(vec![], true), (vec![inline()], false), (vec![inline(), shared], true)] {
        assert_eq!(read(&edited(&edits)).unwrap().reads_environment, want, "{edits:?}");
    }
}

#[test]
fn every_member_arrives() {
    let config = read(&good()).unwrap();
    assert!(config.hold_headers);
    let idp = &config.servers["idp"];
    assert_eq!((idp.name.as_str(), idp.issuer.as_str()), ("idp", "https://idp.example"));
    let Some(Location::Given(endpoint)) = &idp.token_endpoint else { unreachable!("it is given") };
    assert_eq!(endpoint.path, "/oauth2/v1/token");
    assert_eq!(idp.client_assertion_audience, AssertionAudience::TokenEndpoint);
    assert_eq!((idp.timeout, idp.clock_skew), (Millis::new(2000), Seconds::new(30)));
    let agent = config.agents.by_id("wlp2").unwrap();
    assert_eq!(agent.status, AgentStatus::Active);
    assert_eq!((agent.client_id("auroradb"), agent.client_id("idp")), ("other-id", "wlp2"));
    assert_eq!(config.agents.by_audience("https://example/corp/knowledge").unwrap().id, "wlp2");
    assert_eq!(config.agents.by_spiffe_id("spiffe://example/ns/agents/sa/corp-knowledge").unwrap().id, "wlp2");
    assert_eq!(agent.credential.as_ref().unwrap().assertion_keys()[0].kid.as_deref(), Some("k1"));
    let resource = resource(&config, "aurora-db");
    assert_eq!(resource.hosts, ["gateway.example"]);
    assert_eq!(resource.path_prefix.as_str(), "/auroradb/mcp");
    assert_eq!((resource.body_bytes_max, resource.strip_cookies), (1 << 20, true));
    assert_eq!(resource.accept.presenter, Presenter::AudienceAgent);
    assert_eq!(resource.accept.caller, CallerProof { mtls: true, dpop: false });
    assert!(resource.accept.forbidden_scopes[0].matches("Aurora-DB:write"));
    assert_eq!(resource.accept.delegation.actors_max, 4);
    let Exchange::Acquire(exchange) = &resource.exchange else { unreachable!("the first resource exchanges") };
    assert_eq!((exchange.kind.grant().unwrap().idp.name.as_str(), exchange.server.name.as_str()), ("idp", "auroradb"));
    assert_eq!(exchange.lifetime_max, Seconds::new(3600));
    assert_eq!(exchange.kind.grant().unwrap().same_subject[0].issued, "/email");
    let tool = &mcp(&resource).tool("query").unwrap().called.needs;
    assert_eq!((tool.scopes.to_parameter().as_str(), tool.reuse_max), ("Aurora-DB:read", Some(0)));
    assert_eq!(tool.demands, [Demand::Human]);
}

#[test]
fn defaults_never_widen() {
    let config = read(&edited(&[
        Edit::Remove("/resources/0/accept/caller"),
        Edit::Remove("/resources/0/accept/delegation/actor_profiles"),
        Edit::Remove("/resources/0/accept/delegation/unregistered_prior_actors"),
        Edit::Remove("/resources/0/accept/delegation/repeated_actors"),
        Edit::Remove("/resources/0/exchange/id_jag/subject_token_type"),
        Edit::Remove("/resources/0/exchange/id_jag/issued_token"),
        Edit::Remove("/resources/0/mcp/methods"),
        Edit::Remove("/resources/0/mcp/method_scopes"),
        Edit::Remove("/resources/0/max_body"),
        Edit::Remove("/resources/0/strip_cookies"),
        Edit::Remove("/agents/wlp2/profiles"),
        Edit::Remove("/agents/wlp2/client_ids"),
    ]))
    .unwrap();
    let server = &config.servers["auroradb"];
    assert_eq!(server.client_assertion_audience, AssertionAudience::Issuer);
    assert_eq!((server.timeout, server.clock_skew), (Millis::new(2000), Seconds::new(30)));
    assert_eq!(server.algorithms, Algorithms::all());
    let KeySource::Remote(keys) = &server.keys else { unreachable!("they are fetched") };
    assert_eq!((keys.refresh, keys.max_stale), (Seconds::new(600), Seconds::new(3600)));
    assert_eq!(keys.cluster, "idp");
    let resource = resource(&config, "aurora-db");
    assert_eq!(resource.accept.caller, CallerProof { mtls: true, dpop: false });
    let rules = &resource.accept.delegation;
    assert_eq!((rules.unregistered_prior_actors, rules.repeated_actors), (Verdict::Refuse, Verdict::Refuse));
    assert_eq!(rules.actor_profiles.iter().collect::<Vec<_>>(), ["ai_agent"]);
    assert!(config.agents.by_id("wlp2").unwrap().profiles.contains("ai_agent"));
    assert_eq!((resource.body_bytes_max, resource.strip_cookies), (1 << 20, true));
    let Exchange::Acquire(exchange) = &resource.exchange else { unreachable!("the first resource exchanges") };
    assert_eq!(exchange.kind.grant().unwrap().subject_token_type, SubjectTokenType::AccessToken);
    assert_eq!(exchange.issued_token, IssuedTokenFormat::Jwt);
    assert!(mcp(&resource).methods.is_empty() && mcp(&resource).method_scopes.is_empty());
}

#[test]
fn the_digest_is_the_documents() {
    let digest = |edits: &[Edit]| read(&edited(edits)).unwrap().digest;
    assert_eq!(digest(&[]), digest(&[]));
    assert_ne!(digest(&[]), digest(&[Edit::Set("/resources/0/strip_cookies", json!(false))]));
}

#[test]
fn one_host_may_have_prefixes_within_each_other() {
    let config = read(&edited(&[
        Edit::Set("/resources/0/match/path_prefix", json!("/a")),
        Edit::Set("/resources/1/match/path_prefix", json!("/a/b")),
    ]));
    assert_eq!(config.unwrap().resources.len(), 2);
}

#[test]
fn other_good_values_are_accepted() {
    for (pointer, value) in [
        ("/authorization_servers/idp/client_assertion_audience", json!("https://idp.example/other")),
        ("/authorization_servers/idp/typ", json!(["JWT", "absent", "application/okta-internal-at+jwt"])),
        ("/authorization_servers/idp/clock_skew", json!("0s")),
        ("/authorization_servers/idp/token_endpoint", json!("http://[::1]:8080/token?tenant=1")),
        ("/resources/0/match/hosts", json!(["[::1]", "a_b.example", "127.0.0.1"])),
        ("/resources/0/match/path_prefix", json!("/")),
        ("/resources/0/accept/delegation/required", json!(false)),
        ("/agents/wlp1/client_ids", json!({ "auroradb": "wlp2" })),
        ("/agents/wlp2/status", json!("retired")),
    ] {
        let outcome = read(&edited(&[Edit::Set(pointer, value.clone())]));
        assert!(outcome.is_ok(), "{pointer} {value}: {:?}", outcome.err());
    }
}

#[test]
fn a_key_signs_from_its_beginning_on_and_before_the_older_one() {
    let key = |kid: &str, not_before: Option<u64>| {
        let mut key = json!({"alg": "ES256", "kid": kid, "key": {"env": "KEY"}});
        key["not_before"] = json!(not_before);
        if not_before.is_none() {
            key.as_object_mut().unwrap().remove("not_before");
        }
        key
    };
    for keys in [[key("old", None), key("new", Some(100))], [key("new", Some(100)), key("old", None)]] {
        let config = read(&edited(&[Edit::Set("/agents/wlp2/credential/private_key_jwt", json!(keys))])).unwrap();
        let agent = config.agents.by_id("wlp2").unwrap();
        let credential = agent.credential.as_ref().unwrap();
        let kid = |nth, now| match credential.at("idp", nth, UnixSeconds::new(now)) {
            Some(ClientAuthentication::PrivateKeyJwt(key)) => key.kid.clone(),
            _none => None,
        };
        let (old, new) = (Some("old".to_owned()), Some("new".to_owned()));
        assert_eq!((kid(0, 99), kid(1, 99)), (old.clone(), None));
        assert_eq!((kid(0, 100), kid(1, 100), kid(2, 100)), (new, old, None));
    }
}
