//! What is allowed but said at load.

use actgate_core::base64url;
use actgate_core::config::Config;
use actgate_core::time::UnixSeconds;
use serde_json::json;

use crate::document::{Edit, edited, good, private_key, read};

fn warnings(edits: &[Edit]) -> Vec<String> {
    read(&edited(edits)).unwrap().warnings
}

#[test]
fn a_good_document_has_none() {
    assert_eq!(read(&good()).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn each_relaxation_is_named() {
    let one = |pointer: &'static str, value| vec![Edit::Set(pointer, value)];
    for (edits, want) in [
        (
            one("/authorization_servers/idp/issuer", json!("http://127.0.0.1:8080")),
            "authorization_servers.idp.issuer: http, which is accepted on this machine only: not for production",
        ),
        (
            one("/agents/wlp2/credential/private_key_jwt", json!({ "alg": "RS256", "key": { "env": "KEY_RSA" } })),
            "agents.wlp2.credential.private_key_jwt.alg: RS256 takes tens of milliseconds for each signature inside the filter, where the host does not sign: prefer \"ES256\"",
        ),
        (
            one("/agents/wlp2/credential/private_key_jwt", json!({ "alg": "PS256", "key": { "env": "KEY_RSA" } })),
            "agents.wlp2.credential.private_key_jwt.alg: PS256 takes tens of milliseconds for each signature inside the filter, where the host does not sign: prefer \"ES256\"",
        ),
        (
            one("/agents/wlp2/credential/private_key_jwt/key", json!({ "insecure_inline": private_key() })),
            "agents.wlp2.credential.private_key_jwt.key.insecure_inline: everyone who can read Envoy's config_dump has this key: use \"env\"",
        ),
        (
            one("/agents/wlp2/credential/client_secret_post", json!({ "idp": { "env": "SECRET" } })),
            "agents.wlp2.credential.client_secret_post.idp: a secret is sent with every call, and who sees one call has it: prefer private_key_jwt",
        ),
        (
            one("/agents/wlp2/credential/tls_client_auth", json!(["idp"])),
            "agents.wlp2.credential.tls_client_auth[0]: the filter proves nothing here: Envoy's cluster must present this agent's certificate",
        ),
        (
            one("/resources/0/accept/caller", json!("audience_only")),
            "resources[0].accept.caller: audience_only lets everyone who holds a token pass for the agent: prefer \"mtls\"",
        ),
        (
            one("/resources/1/accept/required_scopes", json!([])),
            "resources[1].accept.required_scopes: empty, so a token of any scope is accepted",
        ),
        (
            one("/resources/1/accept/subject_profiles", json!(["user", "unclassified"])),
            "resources[1].accept.subject_profiles: unclassified lets in a subject that may be human or machine: have the issuer send `sub_profile`",
        ),
        (
            one("/resources/1/accept/delegation/actor_profiles", json!(["ai_agent", "unclassified"])),
            "resources[1].accept.delegation.actor_profiles: unclassified lets in actors that do not say what they are: have the issuer send `sub_profile` in `act`",
        ),
        (
            one("/agents/wlp2/status", json!("suspended")),
            "resources[0].accept.audience: agent \"wlp2\" is not active, so every request is refused",
        ),
        (
            vec![
                Edit::Set("/allow_on_headers_stop_iteration", json!(false)),
                Edit::Remove("/resources/0/mcp/resource_wide_scopes"),
            ],
            "resources[0].mcp.resource_wide_scopes: missing while allow_on_headers_stop_iteration is false, so clients that do not send `Mcp-Name` are refused",
        ),
        (
            vec![
                Edit::Set("/resources/0/exchange/id_jag/issued_token", json!("opaque")),
                Edit::Remove("/resources/0/exchange/id_jag/lineage/access_token"),
            ],
            "resources[0].exchange.id_jag.issued_token: opaque, so only the grant is checked, not the access token itself",
        ),
    ] {
        assert_eq!(warnings(&edits), [want]);
    }
}

#[test]
fn headers_first_with_scopes_for_everything_is_not_warned_about() {
    assert_eq!(warnings(&[Edit::Set("/allow_on_headers_stop_iteration", json!(false))]), Vec::<String>::new());
    assert_eq!(warnings(&[Edit::Remove("/resources/0/mcp/resource_wide_scopes")]), Vec::<String>::new());
}

#[test]
fn an_actor_token_that_ends_is_told_of_and_one_that_has_ended_is_refused() {
    let claims = json!({"sub": "spiffe://example/ns/agents/sa/corp-knowledge", "exp": 2000}).to_string();
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{}.{}", base64url::encode(claims.as_bytes()).unwrap(), "A".repeat(86));
    let with = |token: &str| {
        let same = json!({ "same_subject": [{ "inbound": "/sub", "issued": "/sub" }] });
        let exchange = json!({ "token_exchange": {
            "server": "auroradb", "resource": "https://example/auroradb/mcp", "max_lifetime": "1h",
            "lineage": { "access_token": same },
            "actor_token": { "token_type": "jwt", "token": { "insecure_inline": token } },
        } });
        read(&edited(&[Edit::Set("/resources/0/exchange", exchange)])).unwrap()
    };
    let at = |token: &str, now| with(token).loaded_at(UnixSeconds::new(now));
    let says = |config: &Config| config.warnings.iter().any(|warning| warning.contains("ends in 1 seconds"));
    assert!(says(&at(&token, 1999).unwrap()));
    for now in [2000, 2001] {
        let error = at(&token, now).unwrap_err().to_string();
        assert!(error.contains("actor_token.token: found a token that has ended"), "{error}");
    }
    // What cannot be read is the server's to judge.
    assert!(!says(&at("opaque", 1999).unwrap()));
}
