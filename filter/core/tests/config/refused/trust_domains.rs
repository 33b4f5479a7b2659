//! Trust domains, and the JWT-SVIDs that are taken of them.

use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, key_with, message};

fn domains() -> Value {
    json!({ "example": { "jwks": { "uri": "https://spire.example/bundle" }, "cluster": "spire" } })
}

fn exchange(actor_token: &Value) -> Value {
    let same = json!({ "same_subject": [{ "inbound": "/sub", "issued": "/sub" }] });
    json!({ "token_exchange": {
        "server": "auroradb", "resource": "https://example/auroradb/mcp", "max_lifetime": "1h",
        "lineage": { "access_token": same }, "actor_token": actor_token,
    } })
}

fn presented() -> Value {
    json!({ "from_header": "x-svid", "audience": "https://idp.example", "max_lifetime": "5m" })
}

#[test]
fn a_good_one_is_not() {
    let edits = [Edit::Set("/trust_domains", domains()), Edit::Set("/resources/0/exchange", exchange(&presented()))];
    assert_eq!(message(&edits), "accepted");
}

#[test]
fn the_trust_domain() {
    let keys = |members: Value| json!({ "example": { "jwks": { "keys": [key_with(members)] } } });
    let with = |domain: Value| [Edit::Set("/trust_domains", domain)];
    check(&[
        (
            &with(json!({ "spiffe://example": {} })),
            "trust_domains[\"spiffe://example\"]: no trust domain; want its name, without \"spiffe://\" and without a path, such as \"example.org\": it is compared with that of agents' SPIFFE IDs",
        ),
        (
            &with(json!({ "idp": { "jwks": { "uri": "https://spire.example/bundle" }, "cluster": "spire" } })),
            "trust_domains.idp: found in authorization_servers too; want another name there: the name labels metrics and log lines, and \"idp\" has it",
        ),
        (
            &with(json!({ "example": {} })),
            "trust_domains.example.jwks: missing; want {\"uri\": URL} or {\"keys\": [JWK, ...]}: say where this issuer's public keys come from",
        ),
        (
            &with(json!({ "example": { "jwks": { "uri": "https://spire.example/bundle" } } })),
            "trust_domains.example.cluster: missing; want the name of an Envoy cluster: the filter reaches \"spire.example\" through it",
        ),
        (
            &with(keys(json!({ "kid": "k" }))),
            "trust_domains.example.jwks.keys[0]: found an unusable key (key_use); want public RSA, EC or Ed25519 signature keys (RFC 7517): remove the key, or publish it as it should be",
        ),
        (
            &with(keys(json!({ "use": "jwt-svid" }))),
            "trust_domains.example.jwks.keys[0]: found an unusable key (key_kid); want public RSA, EC or Ed25519 signature keys (RFC 7517): remove the key, or publish it as it should be",
        ),
        (
            &with(
                json!({ "example": { "jwks": { "uri": "https://spire.example/bundle" }, "cluster": "spire", "algorithms": ["EdDSA"] } }),
            ),
            "trust_domains.example.algorithms: found EdDSA; want an algorithm that JWT-SVIDs may have: JWT-SVID §2.1 does not list it",
        ),
        (
            &with(json!({ "example": { "issuer": "x" } })),
            "trust_domains.example.issuer: unknown; want \"jwks\", \"cluster\", \"timeout\", \"algorithms\" or \"clock_skew\": correct the name, or remove the member",
        ),
    ]);
}

#[test]
fn the_actor_token() {
    let with = |actor_token: Value| {
        [Edit::Set("/trust_domains", domains()), Edit::Set("/resources/0/exchange", exchange(&actor_token))]
    };
    let without = |name: &str| {
        let mut actor_token = presented();
        actor_token.as_object_mut().unwrap().remove(name);
        actor_token
    };
    let over = |name: &str, value: Value| {
        let mut actor_token = presented();
        actor_token[name] = value;
        actor_token
    };
    const AT: &str = "resources[0].exchange.token_exchange.actor_token";
    for (actor_token, want) in [
        (
            over("from_header", json!("X-Svid")),
            ".from_header: found \"X-Svid\"; want a header's name in lower case such as \"x-api-key\": the upstream reads it under that name",
        ),
        (
            over("from_header", json!("authorization")),
            ".from_header: found \"authorization\"; want a header's name in lower case such as \"x-api-key\": this one means something else to a proxy, to the upstream or to this gateway",
        ),
        (
            over("token_type", json!("jwt")),
            ".token_type: found beside \"from_header\"; want one of the two: what comes with the request is a JWT-SVID, and is sent as a JWT",
        ),
        (
            without("audience"),
            ".audience: missing; want the `aud` of its JWT-SVIDs: one for another service must not be taken; the server that it is sent to must take the same",
        ),
        (
            without("max_lifetime"),
            ".max_lifetime: missing; want a duration such as \"1h\": the longest a token may live, from `iat` to `exp`",
        ),
        (
            json!({ "token_type": "jwt", "token": { "env": "SECRET" }, "required": false }),
            ".required: found a value; want nothing, or \"from_header\" beside it: a token that is configured is sent as it stands, and not verified",
        ),
    ] {
        assert_eq!(message(&with(actor_token)), format!("{AT}{want}"));
    }
}

#[test]
fn whose_it_could_be() {
    let exchanged = || Edit::Set("/resources/0/exchange", exchange(&presented()));
    check(&[
        (
            &[exchanged()],
            "trust_domains.example: missing; want {\"jwks\": ..., \"cluster\": ...}: resources[0].exchange.token_exchange.actor_token takes JWT-SVIDs of \"wlp2\", by whose keys they are verified",
        ),
        (
            &[
                Edit::Set("/trust_domains", domains()),
                exchanged(),
                Edit::Remove("/agents/wlp2/spiffe_id"),
                Edit::Set("/resources/0/accept/caller", json!("audience_only")),
            ],
            "agents.wlp2.spiffe_id: missing; want the SPIFFE ID in this agent's JWT-SVIDs: resources[0].exchange.token_exchange.actor_token takes no other agent's",
        ),
        (
            &[
                Edit::Set(
                    "/trust_domains",
                    json!({ "elsewhere": { "jwks": { "uri": "https://spire.example/bundle" }, "cluster": "spire" } }),
                ),
                exchanged(),
                Edit::Set("/resources/0/accept/presenter", json!("current_actor")),
            ],
            "resources[0].exchange.token_exchange.actor_token: found no active agent with a spiffe_id in one of trust_domains; want at least one: nobody's JWT-SVID could be verified",
        ),
        (
            &[Edit::Set("/trust_domains", domains()), exchanged(), Edit::Set("/api_key_header", json!("x-svid"))],
            "resources[0].exchange.token_exchange.actor_token.from_header: found \"x-svid\"; want another header than api_key_header: one header carries one credential",
        ),
    ]);
}
