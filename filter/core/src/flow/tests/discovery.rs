//! Endpoints that are looked up: who waits for whom, and what a move changes for calls in the air.

use super::*;
use crate::flight::{Callout, FlightId, RootStep};
use crate::limits::STARTS_PER_TICK_MAX;

/// A worker that knows the keys of one server, and looks up where it is asked for tokens.
fn plugin() -> Plugin {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "cluster": "as", "jwks": keys,
            "discovery": {"document": "oauth", "refresh": "1m"}}},
        "agents": {"agent": agent()},
        "resources": [resource("mcp", &id_jag("1h"))],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

fn tick_at(plugin: &mut Plugin, now: u64) -> Vec<Callout> {
    at(plugin, now, |plugin, ambient| plugin.handle_tick(ambient)).calls
}

fn answer(plugin: &mut Plugin, now: u64, flight: FlightId, body: &Value) -> RootStep {
    let body = body.to_string();
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
    at(plugin, now, |plugin, ambient| plugin.handle_answer(flight, answer, ambient))
}

fn metadata(token: &str) -> Value {
    json!({"issuer": "https://as.example", "token_endpoint": format!("https://as.example{token}")})
}

fn id_jag_answer() -> Value {
    let claims = json!({"iss": "https://as.example", "sub": "user", "sub_profile": "user", "aud": "https://as.example",
        "client_id": "agent", "scope": "read", "jti": "1", "iat": NOW, "exp": NOW + 60,
        "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    let header = r#"{"alg":"ES256","typ":"oauth-id-jag+jwt","kid":"k"}"#;
    json!({"access_token": Issuer::of(Algorithm::Es256).token(header, &claims.to_string()), "token_type": "N_A",
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"})
}

fn path(call: &Callout) -> &str {
    call.headers.iter().find(|(name, _)| *name == ":path").map_or("", |(_, path)| path)
}

#[test]
fn many_exchanges_wait_for_one_look() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    for stream in 0..3 {
        assert_eq!(code(&call(&mut plugin, stream, "/mcp", "once", &token)), "waits");
    }
    let calls = tick_at(&mut plugin, NOW);
    assert_eq!(calls.iter().map(path).collect::<Vec<_>>(), ["/.well-known/oauth-authorization-server"]);
    assert!(tick_at(&mut plugin, NOW).is_empty());
    let look = calls.first().unwrap().flight;
    let step = answer(&mut plugin, NOW, look, &metadata("/t1"));
    assert!(step.calls.is_empty() && step.landings.is_empty());
    assert_eq!(tick_at(&mut plugin, NOW).iter().map(path).collect::<Vec<_>>(), ["/t1", "/t1", "/t1"]);
}

/// Each call is signed: what waited for one document must not all be signed in the callback that brings it.
#[test]
fn what_waited_for_a_look_takes_its_turn() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    for stream in 0..u32::try_from(STARTS_PER_TICK_MAX).unwrap() + 1 {
        assert_eq!(code(&call(&mut plugin, stream, "/mcp", "once", &token)), "waits");
    }
    let looks: Vec<Callout> = (0..3).flat_map(|_| tick_at(&mut plugin, NOW)).collect();
    assert_eq!(looks.len(), 1);
    let look = looks.first().unwrap().flight;
    assert!(answer(&mut plugin, NOW, look, &metadata("/t1")).calls.is_empty());
    assert_eq!(tick_at(&mut plugin, NOW).len(), STARTS_PER_TICK_MAX);
    assert_eq!(tick_at(&mut plugin, NOW).len(), 1);
}

#[test]
fn who_waits_is_refused_when_the_look_fails() {
    let mut plugin = plugin();
    let Step::Join { then, .. } = call(&mut plugin, 1, "/mcp", "free", &token(&json!({}))) else { panic!() };
    let look = tick_at(&mut plugin, NOW).first().unwrap().flight;
    assert!(answer(&mut plugin, NOW, look, &json!({"issuer": "https://other.example"})).landings.is_empty());
    let step = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
    let (_, landing) = step.landings.first().unwrap();
    let step = at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
    assert_eq!(code(&step), "endpoints_unavailable");
}

#[test]
fn who_waits_is_refused_when_nobody_answers() {
    let mut plugin = plugin();
    let Step::Join { then, .. } = call(&mut plugin, 1, "/mcp", "free", &token(&json!({}))) else { panic!() };
    assert_eq!(tick_at(&mut plugin, NOW).len(), 1);
    let late = at(&mut plugin, NOW + 1000, |plugin, ambient| plugin.handle_tick(ambient));
    let (_, landing) = late.landings.first().unwrap();
    let step = at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
    assert_eq!(code(&step), "authorization_server_unavailable");
}

/// A worker whose call to `/t1` is out when the endpoint moves to `/t2`; its token and its flight.
fn moved() -> (Plugin, String, FlightId) {
    let mut plugin = plugin();
    let token = token(&json!({}));
    assert_eq!(code(&call(&mut plugin, 1, "/mcp", "once", &token)), "waits");
    let look = tick_at(&mut plugin, NOW).first().unwrap().flight;
    let _ = answer(&mut plugin, NOW, look, &metadata("/t1"));
    let flight = tick_at(&mut plugin, NOW).first().unwrap().flight;
    // A minute on the document is looked up anew.
    let looks = tick_at(&mut plugin, NOW + 60);
    let look = looks.iter().find(|call| path(call).starts_with("/.well-known")).unwrap().flight;
    assert!(answer(&mut plugin, NOW + 60, look, &metadata("/t2")).calls.is_empty());
    (plugin, token, flight)
}

/// Call 7 is out when the endpoint moves: call 8 goes where the flight knew it, the next flight to the new place.
#[test]
fn a_move_changes_nothing_for_a_flight_in_the_air() {
    let (mut plugin, token, flight) = moved();
    let spent = answer(&mut plugin, NOW, flight, &id_jag_answer());
    assert_eq!(spent.calls.iter().map(path).collect::<Vec<_>>(), ["/t1"]);
    assert_eq!(code(&call(&mut plugin, 2, "/mcp", "once", &token)), "waits");
    let calls = tick_at(&mut plugin, NOW);
    assert_eq!(calls.first().map(path), Some("/t2"));
}

#[test]
fn an_endpoint_that_was_left_is_not_remembered() {
    let (mut plugin, _, flight) = moved();
    // The call that was out comes to nothing: no breaker may be left behind for a place where nobody is asked any more.
    let _ = at(&mut plugin, NOW + 60, |plugin, ambient| plugin.handle_answer(flight, CalloutAnswer::Failed, ambient));
    assert!(!plugin.breakers.knows("/t1"));
}
