//! Transaction tokens: one for each request, however many ask at once.

use super::*;
use crate::flight::{FlightId, RootStep};
use crate::flow::Joined;

fn plugin() -> Plugin {
    plugin_with(&json!({}))
}

/// A worker whose one resource sends transaction tokens, beside `kinds`.
fn plugin_with(kinds: &Value) -> Plugin {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let mut more = json!({
        "exchange": {"transaction_token": {"server": "as", "audience": "https://e.example/services", "max_lifetime": "5m",
            "lineage": {"transaction_token": {"same_subject": [{"inbound": "/sub", "issued": "/sub"}]}}}},
        "mcp": {"tools": {"free": {"scopes": ["read"]}}},
    });
    more["exchange"].as_object_mut().unwrap().extend(kinds.as_object().cloned().unwrap_or_default());
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "token_endpoint": "https://as.example/token",
            "cluster": "as", "jwks": keys}},
        "agents": {"agent": agent()},
        "resources": [resource("mcp", &more)],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

fn joined(plugin: &mut Plugin, stream: u32, token: &str) -> FlightId {
    let Step::Join { flight, .. } = call(plugin, stream, "/mcp", "free", token) else { panic!("{stream}") };
    flight
}

#[test]
fn requests_that_ask_at_once_do_not_share_one() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let (one, other) = (joined(&mut plugin, 1, &token), joined(&mut plugin, 2, &token));
    assert_ne!(one, other);
    assert_eq!(tick(&mut plugin, "as"), 2);
}

/// The answer of the server to the call of `flight`, with a token of those claims over what every token has.
fn answered(plugin: &mut Plugin, flight: FlightId, typ: &str, kind: &str, claims: &Value) -> RootStep {
    let mut all = json!({"iss": "https://as.example", "sub": "user", "scope": "read", "iat": NOW, "exp": NOW + 60,
        "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    all.as_object_mut().unwrap().extend(claims.as_object().cloned().unwrap_or_default());
    let header = format!(r#"{{"alg":"ES256","typ":"{typ}","kid":"k"}}"#);
    let token_type = if kind == "txn_token" { "N_A" } else { "Bearer" };
    let body =
        json!({"access_token": Issuer::of(Algorithm::Es256).token(&header, &all.to_string()), "token_type": token_type,
        "issued_token_type": format!("urn:ietf:params:oauth:token-type:{kind}")})
        .to_string();
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
    at(plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, answer, ambient))
}

fn transaction(plugin: &mut Plugin, flight: FlightId, more: &Value) -> RootStep {
    let mut claims = json!({"aud": "https://e.example/services", "txn": "t-1", "req_wl": "agent"});
    claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    answered(plugin, flight, "txntoken+jwt", "txn_token", &claims)
}

fn land(plugin: &mut Plugin, now: u64, then: Joined, step: &RootStep) -> Step {
    let (_, landing) = step.landings.first().unwrap();
    at(plugin, now, |plugin, ambient| then.handle_landing(plugin, ambient, landing))
}

/// What a request comes to at `now` whose transaction token has those claims over the good ones.
fn landed(more: &Value, now: u64) -> (&'static str, usize) {
    let mut plugin = plugin();
    let Step::Join { flight, then } = call(&mut plugin, 1, "/mcp", "free", &token(&json!({}))) else { panic!() };
    assert_eq!(tick(&mut plugin, "as"), 1);
    let step = transaction(&mut plugin, flight, more);
    let step = land(&mut plugin, now, then, &step);
    (code(&step), plugin.issued_tokens())
}

#[test]
fn it_is_kept_nowhere() {
    assert_eq!(landed(&json!({}), NOW), ("allowed", 0));
}

#[test]
fn one_that_ended_while_its_request_waited_does_not_go_on() {
    assert_eq!(landed(&json!({"exp": NOW + 10}), NOW + 10).0, "authorization_server_answer_invalid");
    assert_eq!(landed(&json!({"exp": NOW + 10}), NOW + 9).0, "allowed");
}

/// The other token was there first, and ends while the transaction token is waited for.
#[test]
fn a_credential_that_ended_meanwhile_does_not_go_on() {
    let kinds = json!({"token_exchange": {"server": "as", "resource": "https://e.example/tools", "max_lifetime": "1h",
        "lineage": {"access_token": {"same_subject": [{"inbound": "/sub", "issued": "/sub"}]}}}});
    for (now, want) in [(NOW + 39, "allowed"), (NOW + 40, "authorization_server_answer_invalid")] {
        let mut plugin = plugin_with(&kinds);
        let Step::Join { flight, then } = call(&mut plugin, 1, "/mcp", "free", &token(&json!({}))) else { panic!() };
        assert_eq!(tick(&mut plugin, "as"), 1);
        let claims =
            json!({"aud": "https://e.example/tools", "sub_profile": "user", "exp": NOW + 40, "client_id": "agent"});
        let step = answered(&mut plugin, flight, "at+jwt", "access_token", &claims);
        let Step::Join { flight, then } = land(&mut plugin, NOW, then, &step) else { panic!() };
        assert_eq!(tick(&mut plugin, "as"), 1);
        let step = transaction(&mut plugin, flight, &json!({}));
        assert_eq!(code(&land(&mut plugin, now, then, &step)), want);
    }
}
