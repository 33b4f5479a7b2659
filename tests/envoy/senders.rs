//! Who is on the line, shown by a key: certificates that a real TLS handshake brought, and DPoP proofs.
//!
//! Absent: proofs that are wrong in each way there is; the vectors have those.

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::mint;
use actgate::dev::world::streamward::{GATEWAY_HOST, KNOWLEDGE_AGENT, ORCHESTRATOR, RAS_KNOWLEDGE};
use actgate_core::base64url;
use actgate_core::digest::sha256;
use actgate_core::jwks::PublicKey;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::peer::certificate_sha256;
use actgate_tests::tls_client::{self, Answer};
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

use crate::client::{MCP, assert_no_trap, code, good_body, header, request, start, start_with};

fn bound(gateway: &EnvoyGateway, jti: &str, cnf: &Value) -> String {
    let mut claims = good_claims(UnixSeconds::from_system_clock(), jti);
    if !cnf.is_null() {
        claims["cnf"] = cnf.clone();
    }
    let keys = gateway.world.issuer_keys(RAS_KNOWLEDGE);
    mint::access_token(keys.first().expect("a key"), &claims)
}

/// Sends a request of the good kind as `peer`, whose credential lines are these.
fn send(gateway: &EnvoyGateway, peer: Option<&str>, scheme: &str, token: &str, lines: &str) -> Answer {
    let bytes = request(MCP, token, lines, &good_body());
    let text = String::from_utf8(bytes).expect("text").replacen(
        "authorization: Bearer",
        &format!("authorization: {scheme}"),
        1,
    );
    let mut connection = gateway.connect(peer).expect("Envoy listens");
    tls_client::exchange(&mut connection, text.as_bytes()).expect("an answer")
}

#[test]
fn a_token_is_tied_to_the_certificate_of_the_handshake() {
    let gateway = start(&Options::default());
    let digest = |peer| base64url::encode(&certificate_sha256(&gateway.world, peer)).expect("base64url");
    for (peer, jti, want) in
        [(KNOWLEDGE_AGENT, "own", "status 200"), (ORCHESTRATOR, "other", "binding_certificate_mismatch")]
    {
        let token = bound(&gateway, jti, &json!({"x5t#S256": digest(peer)}));
        let answer = send(&gateway, Some(KNOWLEDGE_AGENT), "Bearer", &token, "");
        assert_eq!(code(&answer), want, "{answer:?}");
        assert_eq!(gateway.upstream.take().is_some(), want == "status 200", "{jti}");
    }
    assert_no_trap(&gateway);
}

struct Prover {
    key: SigningKey,
    made: u32,
}

impl Prover {
    fn thumbprint(&self) -> String {
        let key = PublicKey::from_jwk(&self.key.public_jwk().to_json()).expect("a public key");
        base64url::encode(key.thumbprint()).expect("base64url")
    }

    /// A header line with a fresh proof for this token.
    fn line(&mut self, token: &str, nonce: Option<&str>) -> String {
        self.made += 1;
        let mut claims = json!({
            "jti": format!("proof-{}", self.made), "htm": "POST", "htu": format!("https://{GATEWAY_HOST}{MCP}"),
            "iat": UnixSeconds::from_system_clock().0, "ath": base64url::encode(&sha256(token.as_bytes())),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let header = json!({"typ": "dpop+jwt", "kid": null, "jwk": self.key.public_jwk().to_json()});
        format!("dpop: {}\r\n", mint::jws(&self.key, &header, &claims))
    }
}

#[test]
fn a_key_is_proven_once_for_each_request() {
    let mut prover = Prover { key: SigningKey::generate(Algorithm::Es256, "dpop"), made: 0 };
    let thumbprint = prover.thumbprint();
    let gateway = start_with(&Options::default(), |document| {
        document["agents"][KNOWLEDGE_AGENT]["dpop_keys"] = json!([thumbprint]);
        document["resources"][1]["accept"]["caller"] = json!("dpop");
        document["resources"][1]["accept"]["dpop"] = json!({"origin": format!("https://{GATEWAY_HOST}")});
    });
    let peer = Some(ORCHESTRATOR);

    // The certificate on the line is another's: the key alone says who calls.
    let token = bound(&gateway, "tied", &json!({"jkt": thumbprint}));
    let line = prover.line(&token, None);
    let answer = send(&gateway, peer, "DPoP", &token, &line);
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    let seen = gateway.upstream.take().expect("the tool was reached");
    assert!(seen.all("dpop").is_empty(), "the proof went upstream");
    assert!(seen.all("authorization")[0].starts_with("Bearer "), "{seen:?}");

    for (scheme, line, want) in [
        ("DPoP", line.clone(), "dpop_replayed"),
        ("DPoP", line.repeat(2), "dpop_repeated"),
        ("DPoP", String::new(), "dpop_missing"),
        ("Bearer", prover.line(&token, None), "binding_dpop_required"),
        ("DPoP", prover.line("another token", None), "dpop_token"),
    ] {
        let answer = send(&gateway, peer, scheme, &token, &line);
        assert_eq!((answer.status, code(&answer).as_str()), (401, want), "{answer:?}");
        let challenge = header(&answer, "www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("DPoP realm=\"actgate\", error="), "{challenge}");
        assert!(gateway.upstream.take().is_none(), "{want}");
    }

    // A token that is tied to nothing needs a caller who proves the agent's key all the same.
    let token = bound(&gateway, "untied", &Value::Null);
    assert_eq!(code(&send(&gateway, peer, "Bearer", &token, "")), "caller_unproven");
    let line = prover.line(&token, None);
    assert_eq!(code(&send(&gateway, peer, "Bearer", &token, &line)), "status 200");
    let mut thief = Prover { key: SigningKey::generate(Algorithm::Es256, "thief"), made: 0 };
    let line = thief.line(&token, None);
    assert_eq!(code(&send(&gateway, peer, "Bearer", &token, &line)), "caller_mismatch");
    assert_no_trap(&gateway);
}

/// Each connection is some worker's; without `sharing` each of four would take the proof once.
#[test]
fn a_proof_that_one_worker_took_is_used_for_all() {
    const WORKERS: u32 = 4;
    let mut prover = Prover { key: SigningKey::generate(Algorithm::Es256, "dpop"), made: 0 };
    let thumbprint = prover.thumbprint();
    let gateway = start_with(&Options { workers: WORKERS, ..Options::default() }, |document| {
        document["agents"][KNOWLEDGE_AGENT]["dpop_keys"] = json!([thumbprint]);
        document["resources"][1]["accept"]["caller"] = json!("dpop");
        document["resources"][1]["accept"]["dpop"] = json!({"origin": format!("https://{GATEWAY_HOST}")});
        document["sharing"] = json!({"secret": {"insecure_inline": "0123456789abcdef0123456789abcdef"}});
    });
    let token = bound(&gateway, "shared", &json!({"jkt": thumbprint}));
    for _ in 0..4 {
        let line = prover.line(&token, None);
        let answers = std::thread::scope(|threads| {
            let send = || code(&send(&gateway, Some(ORCHESTRATOR), "DPoP", &token, &line));
            let senders: Vec<_> = (0..32).map(|_| threads.spawn(send)).collect();
            senders.into_iter().map(|sender| sender.join().expect("no panic")).collect::<Vec<_>>()
        });
        let passed = answers.iter().filter(|code| *code == "status 200").count();
        assert_eq!(passed, 1, "{answers:?}");
        // Two that write to one slot at once may both be late; neither passes.
        let refused = |code: &&String| matches!(code.as_str(), "dpop_replayed" | "overloaded");
        assert_eq!(answers.iter().filter(refused).count(), answers.len() - 1, "{answers:?}");
    }
    while gateway.upstream.take().is_some() {}
    assert_no_trap(&gateway);
}

#[test]
fn a_nonce_is_handed_out_and_taken() {
    let mut prover = Prover { key: SigningKey::generate(Algorithm::Es256, "dpop"), made: 0 };
    let thumbprint = prover.thumbprint();
    // Two workers, which know each other's nonces because they know one secret.
    let gateway = start_with(&Options { workers: 2, ..Options::default() }, |document| {
        document["agents"][KNOWLEDGE_AGENT]["dpop_keys"] = json!([thumbprint]);
        document["resources"][1]["accept"]["caller"] = json!(["mtls", "dpop"]);
        document["resources"][1]["accept"]["dpop"] = json!({
            "origin": format!("https://{GATEWAY_HOST}"), "nonce_secret": {"insecure_inline": "not-a-secret-at-all-but-long-enough"},
        });
    });
    let token = bound(&gateway, "nonce", &json!({"jkt": thumbprint}));
    let line = prover.line(&token, None);
    let answer = send(&gateway, Some(KNOWLEDGE_AGENT), "DPoP", &token, &line);
    assert_eq!(code(&answer), "dpop_nonce", "{answer:?}");
    assert!(header(&answer, "www-authenticate").expect("a challenge").contains("error=\"use_dpop_nonce\""));
    let nonce = header(&answer, "dpop-nonce").expect("a nonce").to_owned();
    for _ in 0..6 {
        let line = prover.line(&token, Some(&nonce));
        let answer = send(&gateway, Some(KNOWLEDGE_AGENT), "DPoP", &token, &line);
        assert_eq!(code(&answer), "status 200", "{answer:?}");
    }
    assert_no_trap(&gateway);
}
