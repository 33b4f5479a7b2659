//! The gateway's own proofs, call by call: what is made anew for a nonce, how often, and with what.

use super::*;
use crate::dpop::Towards;
use crate::flight::{Callout, FlightId, RootStep};
use crate::flow::{Joined, ResponseHead, ResponseStep};
use crate::jwt::UnverifiedJwt;
use crate::step::ResponsePlan;

/// A worker whose one resource ties its tokens to a key; by way of a grant where `grant` says whether that call proves it too.
fn plugin(grant: Option<bool>) -> Plugin {
    let mut more = match grant {
        Some(_) => id_jag("1h"),
        None => json!({"exchange": one_call(), "mcp": {"tools": {"free": {"scopes": ["read"]}}}}),
    };
    more["exchange"]["dpop"] = dpop(grant.unwrap_or_default());
    if grant.is_some() {
        more["exchange"]["id_jag"]["idp"] = json!("idp");
    }
    plugin_of("mcp", &more)
}

fn one_call() -> Value {
    json!({"token_exchange": {"server": "as", "resource": "https://e.example/tools", "max_lifetime": "1h", "issued_token": "opaque"}})
}

fn dpop(grant: bool) -> Value {
    json!({"key": {"env": "KEY"}, "origin": "https://upstream.example", "grant": grant})
}

fn plugin_of(name: &str, more: &Value) -> Plugin {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let server = |issuer: &str| json!({"issuer": issuer, "token_endpoint": format!("{issuer}/token?tenant=1"), "cluster": "as", "jwks": keys});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": server("https://as.example"), "idp": server("https://idp.example")},
        "agents": {"agent": agent()},
        "resources": [resource(name, more)],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

struct Worker {
    plugin: Plugin,
    drawn: u128,
}

impl Worker {
    fn of(grant: Option<bool>) -> Self {
        Self { plugin: plugin(grant), drawn: 0 }
    }

    fn at<T>(&mut self, now: u64, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> T {
        let drawn = &mut self.drawn;
        let mut draw = || {
            *drawn = drawn.saturating_add(1);
            drawn.to_be_bytes()
        };
        let now = UnixSeconds::new(now);
        event(
            &mut self.plugin,
            &mut Ambient { now, draw: &mut draw, signatures: &InGuest, shared: &NothingShared, address: &|| None },
        )
    }

    /// A request that waits for its token, and the first call for it.
    fn begin(&mut self, subject: &str) -> (FlightId, Joined, Callout) {
        let step = call(&mut self.plugin, 1, "/mcp", "free", &token(&json!({"sub": subject})));
        let Step::Join { flight, then } = step else { panic!("{step:?}") };
        let step = self.at(NOW, |plugin, ambient| plugin.handle_tick(ambient));
        let mut calls: Vec<Callout> = step.calls.into_iter().filter(|call| call.cluster == "as").collect();
        assert_eq!(calls.len(), 1);
        (flight, then, calls.remove(0))
    }

    fn answer(&mut self, flight: FlightId, status: u16, nonce: Option<&str>, body: &Value) -> RootStep {
        let body = body.to_string();
        self.at(NOW, |plugin, ambient| {
            let answer = CalloutAnswer::response(status, Some(b"application/json"), body.as_bytes());
            plugin.handle_answer(flight, answer.with_nonce(nonce.map(str::as_bytes)), ambient)
        })
    }

    fn land(&mut self, then: Joined, step: &RootStep) -> Step {
        let (_, landing) = step.landings.first().unwrap();
        self.at(NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing))
    }
}

/// The claims of the proof that goes with a call.
fn proof(call: &Callout) -> Value {
    let text = call.proof.as_ref().unwrap().expose().clone();
    let (jwt, jwk) = UnverifiedJwt::parse_with_key(&text).unwrap();
    assert_eq!(jwt.header().typ(), Some("dpop+jwt"));
    assert!(jwk.is_some());
    Value::Object(jwt.claims().object().unwrap().clone())
}

fn field(call: &Callout, name: &str) -> Option<String> {
    let form = call.body.expose().split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    form.filter(|value| !value.is_empty())
}

fn wants_nonce() -> Value {
    json!({"error": "use_dpop_nonce"})
}

fn granted() -> Value {
    json!({"access_token": "issued", "token_type": "DPoP", "expires_in": 60,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
}

#[test]
fn a_call_proves_the_key_for_its_endpoint_without_the_query() {
    let mut worker = Worker::of(None);
    let (_, _, call) = worker.begin("alice");
    let claims = proof(&call);
    assert_eq!((claims["htm"].as_str(), claims["htu"].as_str()), (Some("POST"), Some("https://as.example/token")));
    assert_eq!(claims["iat"], NOW);
    assert_eq!((claims.get("ath"), claims.get("nonce")), (None, None));
    assert!(call.all_headers().iter().any(|(name, _)| *name == "dpop"));
    assert!(!format!("{call:?}").contains(call.proof.as_ref().unwrap().expose()));
}

#[test]
fn a_wish_for_a_nonce_makes_the_call_anew_once() {
    for status in [400, 401] {
        let mut worker = Worker::of(None);
        let (flight, then, first) = worker.begin("alice");
        let mut step = worker.answer(flight, status, Some("n-1"), &wants_nonce());
        let anew = step.calls.pop().unwrap();
        assert_eq!(proof(&anew)["nonce"], "n-1");
        assert_ne!(proof(&anew)["jti"], proof(&first)["jti"]);
        assert_ne!(field(&anew, "client_assertion"), field(&first, "client_assertion"));
        let step = worker.answer(flight, status, Some("n-2"), &wants_nonce());
        assert!(step.calls.is_empty(), "never a loop");
        assert_eq!(code(&worker.land(then, &step)), "authorization_server_answer_invalid");
        // What came with the refusal is not forgotten.
        let (flight, then, call) = worker.begin("bob");
        assert_eq!(proof(&call)["nonce"], "n-2");
        let step = worker.answer(flight, 200, None, &granted());
        assert_eq!(code(&worker.land(then, &step)), "allowed");
    }
}

#[test]
fn a_nonce_that_comes_with_success_is_in_the_next_proof() {
    let mut worker = Worker::of(None);
    let (flight, _, _) = worker.begin("alice");
    assert_eq!(worker.answer(flight, 200, Some("n-1"), &granted()).calls.len(), 0);
    let (flight, _, call) = worker.begin("bob");
    assert_eq!(proof(&call)["nonce"], "n-1");
    assert_eq!(worker.answer(flight, 200, Some("n 2"), &granted()).calls.len(), 0);
    let (_, _, call) = worker.begin("carol");
    assert_eq!(proof(&call)["nonce"], "n-1", "what is no nonce replaces none");
}

#[test]
fn a_wish_without_a_nonce_makes_nothing_anew() {
    for nonce in [None, Some("n\"1"), Some("")] {
        let mut worker = Worker::of(None);
        let (flight, then, _) = worker.begin("alice");
        let step = worker.answer(flight, 400, nonce, &wants_nonce());
        assert!(step.calls.is_empty());
        assert_eq!(code(&worker.land(then, &step)), "authorization_server_answer_invalid");
    }
}

fn grant() -> Value {
    let claims = json!({"iss": "https://idp.example", "sub": "alice", "sub_profile": "user", "aud": "https://as.example",
        "client_id": "agent", "scope": "read", "iat": NOW, "exp": NOW + 60, "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    let numbered = |jti: u32| {
        let mut claims = claims.clone();
        claims["jti"] = json!(jti.to_string());
        let header = r#"{"alg":"ES256","typ":"oauth-id-jag+jwt","kid":"k"}"#;
        let id_jag = Issuer::of(Algorithm::Es256).token(header, &claims.to_string());
        json!({"access_token": id_jag, "token_type": "N_A", "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"})
    };
    json!([numbered(1), numbered(2), numbered(3)])
}

#[test]
fn a_grant_that_met_a_wish_for_a_nonce_is_not_sent_again() {
    let mut worker = Worker::of(Some(false));
    let (flight, then, first) = worker.begin("alice");
    assert!(first.proof.is_none(), "only the call that brings the token proves the key");
    let grants = grant();
    let spent = worker.answer(flight, 200, None, &grants[0]).calls.pop().unwrap();
    let assertion = field(&spent, "assertion").unwrap();
    assert_eq!(proof(&spent)["htu"], "https://as.example/token");
    let afresh = worker.answer(flight, 400, Some("n-1"), &wants_nonce()).calls.pop().unwrap();
    assert_eq!(field(&afresh, "assertion"), None, "call 7 comes first again");
    assert!(field(&afresh, "subject_token").is_some());
    let again = worker.answer(flight, 200, None, &grants[1]).calls.pop().unwrap();
    assert_ne!(field(&again, "assertion").unwrap(), assertion);
    assert_eq!(proof(&again)["nonce"], "n-1");
    let step = worker.answer(flight, 400, Some("n-2"), &wants_nonce());
    assert!(step.calls.is_empty(), "never a loop");
    assert_eq!(code(&worker.land(then, &step)), "authorization_server_answer_invalid");
}

#[test]
fn each_server_has_a_nonce_of_its_own() {
    let mut worker = Worker::of(Some(true));
    let (flight, _, first) = worker.begin("alice");
    assert_eq!(proof(&first)["htu"], "https://idp.example/token");
    let anew = worker.answer(flight, 400, Some("idp-1"), &wants_nonce()).calls.pop().unwrap();
    assert_eq!(proof(&anew)["nonce"], "idp-1");
    let spent = worker.answer(flight, 200, Some("idp-2"), &grant()[0]).calls.pop().unwrap();
    assert_eq!(proof(&spent).get("nonce"), None, "the other server gave none");
    let afresh = worker.answer(flight, 401, Some("as-1"), &wants_nonce()).calls.pop().unwrap();
    assert_eq!(proof(&afresh)["nonce"], "idp-2");
    let again = worker.answer(flight, 200, None, &grant()[1]).calls.pop().unwrap();
    assert_eq!(proof(&again)["nonce"], "as-1");
}

/// A request that goes on with a token of ours, and its plan for the answer.
fn forwarded(worker: &mut Worker) -> ResponsePlan {
    let (flight, then, _) = worker.begin("alice");
    let step = worker.answer(flight, 200, None, &granted());
    let Step::Forward(forward) = worker.land(then, &step) else { panic!() };
    *forward.response
}

fn answered(worker: &mut Worker, plan: &mut ResponsePlan, status: u16, headers: &[(&[u8], &[u8])]) -> &'static str {
    let headers = [&[(b":status".as_slice(), b"-".as_slice())], headers].concat();
    let head = ResponseHead { status: Some(status), headers: &headers, end_of_stream: true };
    match worker.at(NOW, |plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head)) {
        ResponseStep::Reply(reply) => reply.details,
        ResponseStep::Pass => "passed",
        ResponseStep::Hold => "held",
    }
}

const CHALLENGE: (&[u8], &[u8]) = (b"www-authenticate", b"DPoP error=\"use_dpop_nonce\"");

#[test]
fn a_wish_of_the_upstream_costs_no_token_and_counts_against_none() {
    let mut worker = Worker::of(None);
    let mut plan = forwarded(&mut worker);
    assert!(plan.reads_head());
    let nonce: (&[u8], &[u8]) = (b"dpop-nonce", b"u-1");
    assert_eq!(answered(&mut worker, &mut plan, 401, &[CHALLENGE, nonce]), "upstream_wants_nonce");
    assert!(plan.response_headers_to_remove().any(|name| name == "dpop-nonce"));
    assert!(plan.searches_trailers());
    assert_eq!(plan.trailers_to_remove(&[nonce, CHALLENGE]), ["www-authenticate", "dpop-nonce"]);
    assert_eq!(worker.plugin.issued_tokens(), 1);
    assert!(worker.plugin.refused.is_empty());
    assert_eq!(
        worker
            .plugin
            .given_nonces
            .of_upstream(Towards { resource: "mcp", agent: "agent" })
            .0
            .map(|nonce| nonce.as_str().to_owned()),
        Some("u-1".to_owned())
    );
    // A refusal of the token itself still drops it.
    let Step::Forward(forward) = call(&mut worker.plugin, 2, "/mcp", "free", &token(&json!({"sub": "alice"}))) else {
        panic!()
    };
    let mut plan = forward.response;
    assert_eq!(answered(&mut worker, &mut plan, 401, &[nonce]), "upstream_refused_token");
    assert_eq!(worker.plugin.issued_tokens(), 0);
}

#[test]
fn an_upstream_that_is_never_content_gets_no_more_proofs_for_a_while() {
    let mut worker = Worker::of(None);
    let mut plan = forwarded(&mut worker);
    let token = token(&json!({"sub": "alice"}));
    assert_eq!(answered(&mut worker, &mut plan, 401, &[CHALLENGE]), "upstream_wants_nonce");
    let Step::Forward(forward) = call(&mut worker.plugin, 2, "/mcp", "free", &token) else { panic!() };
    let mut plan = forward.response;
    assert_eq!(answered(&mut worker, &mut plan, 401, &[CHALLENGE]), "upstream_wants_nonce");
    assert_eq!(code(&call(&mut worker.plugin, 3, "/mcp", "free", &token)), "upstream_wants_nonce");
    // Whoever was on the way and is taken ends it.
    assert_eq!(answered(&mut worker, &mut plan, 200, &[]), "passed");
    assert_eq!(code(&call(&mut worker.plugin, 4, "/mcp", "free", &token)), "allowed");
}
