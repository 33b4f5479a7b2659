//! Faults of agents and their keys.

use serde_json::json;

use super::check;
use crate::document::Edit;

#[test]
fn agents() {
    check(&[
        (
            &[Edit::Remove("/agents/wlp2/name")],
            "agents.wlp2.name: missing; want what people call this agent: records name agents in words",
        ),
        (
            &[Edit::Set("/agents/wlp2/name", json!(""))],
            "agents.wlp2.name: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[Edit::Remove("/agents/wlp2/status")],
            "agents.wlp2.status: missing; want \"active\", \"suspended\" or \"retired\": say whether this agent may act",
        ),
        (
            &[Edit::Set("/agents/wlp2/status", json!("Active"))],
            "agents.wlp2.status: found \"Active\"; want \"active\", \"suspended\" or \"retired\": say whether this agent may act",
        ),
        (
            &[Edit::Set("/agents/wlp2/profiles", json!([]))],
            "agents.wlp2.profiles: empty; want at least one entity profile: such as \"user\", \"ai_agent\", \"web_app\" or \"service\"",
        ),
        (
            &[Edit::Set("/agents/wlp2/profiles", json!(["ai agent"]))],
            "agents.wlp2.profiles[0]: found \"ai agent\"; want one entity profile of letters, digits, `-`, `_` and `.`: such as \"user\", \"ai_agent\", \"web_app\" or \"service\"",
        ),
        (
            &[Edit::Set("/agents/wlp2/profiles", json!(["ai_agent", "AI_Agent"]))],
            "agents.wlp2.profiles[1]: found \"ai_agent\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set("/agents/wlp2/resource", json!(""))],
            "agents.wlp2.resource: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[Edit::Set("/agents/wlp1/resource", json!("https://example/corp/knowledge"))],
            "agents.wlp2.resource: found \"https://example/corp/knowledge\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
        ),
        (
            &[Edit::Set("/agents/wlp1/spiffe_id", json!("spiffe://example/ns/agents/sa/corp-knowledge"))],
            "agents.wlp2.spiffe_id: found \"spiffe://example/ns/agents/sa/corp-knowledge\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
        ),
        (
            &[Edit::Set("/agents/wlp2/spiffe_id", json!("spiffe://Example/a"))],
            "agents.wlp2.spiffe_id: found \"spiffe://Example/a\"; want a SPIFFE ID such as \"spiffe://example.org/ns/agents/sa/name\": it must be exactly the URI in the agent's client certificate",
        ),
        (
            &[Edit::Set("/agents/wlp2/spiffe_id", json!("spiffe://example/a/../b"))],
            "agents.wlp2.spiffe_id: found \"spiffe://example/a/../b\"; want a SPIFFE ID such as \"spiffe://example.org/ns/agents/sa/name\": it must be exactly the URI in the agent's client certificate",
        ),
        (
            &[Edit::Set("/agents/wlp2/spiffe_id", json!("https://example/a"))],
            "agents.wlp2.spiffe_id: found \"https://example/a\"; want a SPIFFE ID such as \"spiffe://example.org/ns/agents/sa/name\": it must be exactly the URI in the agent's client certificate",
        ),
        (
            &[Edit::Set("/agents/wlp2/client_ids", json!({"aurora": "x"}))],
            "agents.wlp2.client_ids.aurora: unknown; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": client identifiers are given by the name of the server",
        ),
        (
            &[Edit::Set("/agents/wlp2/client_ids", json!({"auroradb": ""}))],
            "agents.wlp2.client_ids.auroradb: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[Edit::Set("/agents/wlp2/client_ids", json!({"auroradb": "wlp1"}))],
            "agents.wlp2.client_ids.auroradb: found \"wlp1\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
        ),
        (
            &[Edit::Set("/agents/wlp1/client_ids", json!({"auroradb": "other-id"}))],
            "agents.wlp2.client_ids.auroradb: found \"other-id\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
        ),
        (
            &[Edit::Set("/agents/https:~1~1id.example~1a.b", json!({"name": "x"}))],
            "agents[\"https://id.example/a.b\"].status: missing; want \"active\", \"suspended\" or \"retired\": say whether this agent may act",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential", json!({}))],
            "agents.wlp2.credential: empty; want \"private_key_jwt\", \"client_secret_basic\", \"client_secret_post\" or \"tls_client_auth\": say how the agent authenticates",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/client_secret", json!("x"))],
            "agents.wlp2.credential.client_secret: unknown; want \"private_key_jwt\", \"client_secret_basic\", \"client_secret_post\" or \"tls_client_auth\": correct the name, or remove the member",
        ),
        (
            &[Edit::Remove("/agents/wlp2/credential/private_key_jwt/alg")],
            "agents.wlp2.credential.private_key_jwt.alg: missing; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": the algorithm that this key signs with",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/alg", json!("HS256"))],
            "agents.wlp2.credential.private_key_jwt.alg: found \"HS256\"; want \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"ES256\", \"ES384\" or \"EdDSA\": the algorithm that this key signs with",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/kid", json!(""))],
            "agents.wlp2.credential.private_key_jwt.kid: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[Edit::Remove("/agents/wlp2/credential/private_key_jwt/key")],
            "agents.wlp2.credential.private_key_jwt.key: missing; want {\"env\": NAME} or {\"insecure_inline\": PEM}: say where the private key comes from",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({}))],
            "agents.wlp2.credential.private_key_jwt.key: empty; want {\"env\": NAME} or {\"insecure_inline\": PEM}: say where the private key comes from",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "KEY", "insecure_inline": "x"}))],
            "agents.wlp2.credential.private_key_jwt.key: found both \"env\" and \"insecure_inline\"; want {\"env\": NAME} or {\"insecure_inline\": PEM}: say where the private key comes from",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "CORP_KNOWLEDGE_KEY"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: environment variable \"CORP_KNOWLEDGE_KEY\" is not set in the VM; want a private key in PKCS#8 PEM: add it to vm_config.environment_variables.host_env_keys",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "-----BEGIN PRIVATE KEY-----"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: found something that is not a variable's name; want letters, digits and `_`: the key itself stands in the variable",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "KEY_EMPTY"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: found something else; want a private key for ES256 in unencrypted PKCS#8 PEM: it begins with -----BEGIN PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` converts others",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "KEY_SEC1"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: found something else; want a private key for ES256 in unencrypted PKCS#8 PEM: it begins with -----BEGIN PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` converts others",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "KEY_RSA"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: found a key that does not fit; want a private key for ES256 in unencrypted PKCS#8 PEM: its type, curve and length must be the algorithm's",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"env": "KEY_P384"}))],
            "agents.wlp2.credential.private_key_jwt.key.env: found a key that does not fit; want a private key for ES256 in unencrypted PKCS#8 PEM: its type, curve and length must be the algorithm's",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/alg", json!("RS256"))],
            "agents.wlp2.credential.private_key_jwt.key.env: found a key that does not fit; want a private key for RS256 in unencrypted PKCS#8 PEM: its type, curve and length must be the algorithm's",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({"insecure_inline": "x"}))],
            "agents.wlp2.credential.private_key_jwt.key.insecure_inline: found something else; want a private key for ES256 in unencrypted PKCS#8 PEM: it begins with -----BEGIN PRIVATE KEY-----; `openssl pkcs8 -topk8 -nocrypt` converts others",
        ),
    ]);
}

#[test]
fn client_authentication() {
    let at = "/agents/wlp2/credential";
    let key = json!({"alg": "ES256", "key": {"env": "KEY"}});
    check(&[
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt", json!([]))],
            "agents.wlp2.credential.private_key_jwt: empty; want one key, or the one in use and the next: say how the agent authenticates",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt", json!([key, key, key]))],
            "agents.wlp2.credential.private_key_jwt: found 3 keys; want at most 2: what the filter holds in memory is bounded",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt", json!([key, {"alg": "ES256"}]))],
            "agents.wlp2.credential.private_key_jwt[1].key: missing; want {\"env\": NAME} or {\"insecure_inline\": PEM}: say where the private key comes from",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/x5t_s256", json!("abc"))],
            "agents.wlp2.credential.private_key_jwt.x5t_s256: found \"abc\"; want the SHA-256 of the certificate in base64url, 43 characters: `openssl x509 -outform DER | openssl dgst -sha256 -binary` gives its bytes",
        ),
        (
            &[Edit::Set(at, json!({"client_secret_post": {"elsewhere": {"env": "KEY_EMPTY"}}}))],
            "agents.wlp2.credential.client_secret_post.elsewhere: unknown; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": a secret or a certificate is for one server",
        ),
        (
            &[Edit::Set(at, json!({"client_secret_post": {"idp": {"env": "KEY_EMPTY"}}}))],
            "agents.wlp2.credential.client_secret_post.idp.env: found something else; want 1 to 512 visible ASCII characters: it is sent exactly as it stands",
        ),
        (
            &[Edit::Set(
                at,
                json!({"client_secret_post": {"idp": {"insecure_inline": "s"}}, "tls_client_auth": ["idp"]}),
            )],
            "agents.wlp2.credential.tls_client_auth[0]: found \"idp\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set(
                "/agents/wlp2/credential/client_secret_basic",
                json!({"idp": {"env": "SECRET_PAST_THE_BOUND"}}),
            )],
            "agents.wlp2.credential.client_secret_basic.idp.env: found something else; want 1 to 512 visible ASCII characters: it is sent exactly as it stands",
        ),
        (
            &[Edit::Set("/agents/wlp2/credential/client_secret_basic", json!({"idp": {"env": "SECRET_AT_THE_BOUND"}}))],
            "accepted",
        ),
        (&[Edit::Set("/agents/wlp2/credential/private_key_jwt", json!([key, key]))], "accepted"),
        (
            &[Edit::Set("/agents/wlp2/credential/private_key_jwt/not_before", json!(1))],
            "agents.wlp2.credential.private_key_jwt: found not_before in every key; want a key without it: there would be a time when the agent could not authenticate",
        ),
        (
            &[Edit::Set(at, json!({"tls_client_auth": ["idp"]}))],
            "agents.wlp2.credential: found nothing for the server \"auroradb\"; want {\"private_key_jwt\": ...}: resources[0].exchange.id_jag exchanges tokens as this agent",
        ),
        (
            &[
                Edit::Set(at, json!({"tls_client_auth": ["idp", "auroradb"]})),
                Edit::Set("/agents/wlp1/credential", json!({"tls_client_auth": ["idp"]})),
            ],
            "agents.wlp2.credential.tls_client_auth: found \"idp\"; want a value that no other agent has: agent \"wlp1\" has it already, and the two could not be told apart",
        ),
    ]);
}
