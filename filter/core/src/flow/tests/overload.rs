//! Many requests at once, servers that fail, and tokens that are about to end.

use super::*;
use crate::flight::{FlightId, RootStep};
use crate::limits::{
    BREAKER_FAILURES, BREAKER_REST_SECONDS, FLIGHTS_PER_AGENT_MAX, FLIGHTS_PER_ENDPOINT_MAX, LANDINGS_PER_STEP_MAX,
};

/// Six agents with a tool each: the first four by one server, the other two by another.
fn crowd() -> Plugin {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let server = |name: &str| {
        json!({"issuer": format!("https://{name}.example"), "token_endpoint": format!("https://{name}.example/token"),
            "cluster": name, "jwks": keys})
    };
    let mut agents = json!({});
    let mut resources = Vec::new();
    for each in 0..6 {
        let audience = format!("https://e.example/agent{each}");
        let mut agent = agent();
        agent["resource"] = json!(audience);
        agent.as_object_mut().unwrap().remove("spiffe_id");
        agents[format!("agent{each}")] = agent;
        let mut resource = resource(&format!("mcp{each}"), &id_jag("1h"));
        resource["accept"]["audience"] = json!(audience);
        let server = if each < 4 { "as" } else { "two" };
        resource["exchange"]["id_jag"]["idp"] = json!(server);
        resource["exchange"]["id_jag"]["resource_server"] = json!(server);
        resources.push(resource);
    }
    let mut both = resource("both", &id_jag("1h"));
    both["accept"]["audience"] = json!("https://e.example/agent0");
    both["exchange"]["id_jag"]["resource_server"] = json!("two");
    resources.push(both);
    let document = json!({"allow_on_headers_stop_iteration": true, "agents": agents, "resources": resources,
        "authorization_servers": {"as": server("as"), "two": server("two")}});
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

/// What becomes of that many further calls by one agent that share nothing: the last one's code.
fn calls(plugin: &mut Plugin, agent: usize, count: usize) -> &'static str {
    let token = token(&json!({"aud": format!("https://e.example/agent{agent}")}));
    let path = format!("/mcp{agent}");
    (0..count).map(|stream| code(&call(plugin, u32::try_from(stream).unwrap(), &path, "once", &token))).last().unwrap()
}

#[test]
fn one_agent_leaves_room_for_others() {
    let mut plugin = crowd();
    assert_eq!(calls(&mut plugin, 0, FLIGHTS_PER_AGENT_MAX), "waits");
    assert_eq!(calls(&mut plugin, 0, 1), "overloaded");
    assert_eq!(calls(&mut plugin, 1, 1), "waits");
}

#[test]
fn one_server_leaves_room_for_others_and_all_together_are_bounded() {
    let mut plugin = crowd();
    assert_eq!(FLIGHTS_PER_AGENT_MAX * 3, FLIGHTS_PER_ENDPOINT_MAX);
    for agent in 0..3 {
        assert_eq!(calls(&mut plugin, agent, FLIGHTS_PER_AGENT_MAX), "waits");
    }
    assert_eq!(calls(&mut plugin, 3, 1), "overloaded");
    assert_eq!(FLIGHTS_MAX - FLIGHTS_PER_ENDPOINT_MAX, FLIGHTS_PER_AGENT_MAX);
    assert_eq!(calls(&mut plugin, 4, FLIGHTS_PER_AGENT_MAX), "waits");
    assert_eq!(calls(&mut plugin, 5, 1), "overloaded");
}

#[test]
fn what_landed_counts_no_more() {
    let mut plugin = crowd();
    assert_eq!(calls(&mut plugin, 0, FLIGHTS_PER_AGENT_MAX), "waits");
    let late = at(&mut plugin, NOW + 1000, |plugin, ambient| plugin.handle_tick(ambient));
    assert_eq!(late.landings.len(), LANDINGS_PER_STEP_MAX);
    assert_eq!(calls(&mut plugin, 0, 1), "waits");
}

fn join(plugin: &mut Plugin, stream: u32, token: &str) -> FlightId {
    let Step::Join { flight, .. } = call(plugin, stream, "/mcp", "free", token) else { panic!("{stream}") };
    flight
}

fn answer(plugin: &mut Plugin, flight: FlightId, status: u16, body: &Value) -> RootStep {
    let body = body.to_string();
    let answer = CalloutAnswer::response(status, Some(b"application/json"), body.as_bytes());
    at(plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, answer, ambient))
}

#[test]
fn many_waiters_are_resumed_a_slice_at_a_time_and_in_their_order() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let waiters = u32::try_from(LANDINGS_PER_STEP_MAX * 2 + 1).unwrap();
    let flights: Vec<FlightId> = (0..waiters).map(|stream| join(&mut plugin, stream, &token)).collect();
    assert_eq!(tick(&mut plugin, "as"), 1);
    let step = answer(&mut plugin, flights[0], 400, &json!({"error": "access_denied"}));
    let mut told: Vec<StreamId> = step.landings.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(told.len(), LANDINGS_PER_STEP_MAX);
    for left in [LANDINGS_PER_STEP_MAX, 1, 0] {
        assert_eq!(plugin.tick_millis() == 1, left > 0);
        let step = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
        assert_eq!(step.landings.len(), left);
        told.extend(step.landings.iter().map(|(stream, _)| *stream));
    }
    assert_eq!(told, (0..waiters).map(StreamId).collect::<Vec<_>>());
}

#[test]
fn a_stream_that_leaves_between_two_slices_is_not_resumed() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let last = u32::try_from(LANDINGS_PER_STEP_MAX).unwrap();
    let flights: Vec<FlightId> = (0..=last).map(|stream| join(&mut plugin, stream, &token)).collect();
    assert_eq!(tick(&mut plugin, "as"), 1);
    let step = answer(&mut plugin, flights[0], 400, &json!({"error": "access_denied"}));
    assert_eq!(step.landings.len(), LANDINGS_PER_STEP_MAX);
    plugin.handle_stream_gone(flights[0], StreamId(last));
    let step = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
    assert!(step.landings.is_empty());
}

/// So many calls to the server of that cluster fail that it is left to rest.
fn fail(plugin: &mut Plugin, path: &str, cluster: &str, token: &str) {
    let mut failures = 0;
    while failures < BREAKER_FAILURES {
        let Step::Join { flight, .. } = call(plugin, 1, path, "free", token) else { panic!() };
        assert_eq!(tick(plugin, cluster), 1);
        // The first try and the second.
        for _ in 0..2 {
            failures = failures.saturating_add(1);
            let _step = answer(plugin, flight, 503, &json!({}));
        }
    }
}

#[test]
fn a_server_that_fails_rests_and_is_then_tried_by_one() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    fail(&mut plugin, "/mcp", "as", &token);
    let Step::Reply(reply) = call(&mut plugin, 1, "/mcp", "free", &token) else { panic!() };
    assert_eq!(reply.details, "authorization_server_resting");
    let told: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(told["error"]["data"]["retry_after"], BREAKER_REST_SECONDS);
    let later = NOW + BREAKER_REST_SECONDS;
    let again = |plugin: &mut Plugin, stream| {
        let step = headers(plugin, stream, "/mcp", &token);
        body(plugin, later, step, "tools/call", &json!({"name": "once"}))
    };
    let Step::Join { flight, .. } = again(&mut plugin, 1) else { panic!() };
    let Step::Join { flight: left, .. } = again(&mut plugin, 2) else { panic!() };
    // Who leaves before the call is made has tried nothing.
    plugin.handle_stream_gone(flight, StreamId(1));
    let Step::Join { flight: other, then } = again(&mut plugin, 3) else { panic!() };
    let step = at(&mut plugin, later, |plugin, ambient| plugin.handle_tick(ambient));
    assert_eq!(step.calls.iter().map(|call| call.flight).collect::<Vec<_>>(), [left]);
    let (stream, landing) = step.landings.first().unwrap();
    assert_eq!(*stream, StreamId(3));
    assert_ne!(other, left);
    let step = at(&mut plugin, later, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
    assert_eq!(code(&step), "authorization_server_resting");
    assert_eq!(code(&again(&mut plugin, 4)), "authorization_server_resting");
}

/// The second of two calls goes to a server that fails; the first is refused by another that does not.
#[test]
fn an_exchange_that_ends_before_its_second_call_tries_no_server() {
    let mut plugin = crowd();
    fail(&mut plugin, "/mcp4", "two", &token(&json!({"aud": "https://e.example/agent4"})));
    let later = NOW + BREAKER_REST_SECONDS;
    for stream in 1..4 {
        let token = token(&json!({"aud": "https://e.example/agent0", "jti": stream.to_string()}));
        let step = headers(&mut plugin, stream, "/both", &token);
        let step = body(&mut plugin, later, step, "tools/call", &json!({"name": "once"}));
        let Step::Join { flight, .. } = step else { panic!("{stream}: {}", code(&step)) };
        let step = at(&mut plugin, later, |plugin, ambient| plugin.handle_tick(ambient));
        assert_eq!(step.calls.len(), 1);
        let step = answer(&mut plugin, flight, 400, &json!({"error": "access_denied"}));
        assert_eq!(step.landings.len(), 1);
    }
}

/// A worker that holds an exchanged token of a hundred seconds, for an inbound token that lives `inbound` seconds.
fn warm(inbound: u64) -> (Plugin, String) {
    let mut plugin = plugin();
    let token = token(&json!({"exp": NOW.saturating_add(inbound)}));
    let flight = join(&mut plugin, 1, &token);
    assert_eq!(tick(&mut plugin, "as"), 1);
    let issuer = Issuer::of(Algorithm::Es256);
    let signed = |typ: &str, claims: &Value| {
        issuer.token(&json!({"alg": "ES256", "typ": typ, "kid": "k"}).to_string(), &claims.to_string())
    };
    let common = json!({"iss": "https://as.example", "sub": "user", "sub_profile": "user", "client_id": "agent", "scope": "read",
        "jti": "1", "iat": NOW, "exp": NOW + 100, "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    let mut id_jag = common.clone();
    id_jag["aud"] = json!("https://as.example");
    let mut issued = common;
    issued["aud"] = json!("https://e.example/tools");
    let step = answer(
        &mut plugin,
        flight,
        200,
        &json!({"access_token": signed("oauth-id-jag+jwt", &id_jag), "token_type": "N_A",
            "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"}),
    );
    assert_eq!(step.calls.len(), 1);
    let token_response = json!({"access_token": signed("at+jwt", &issued), "token_type": "Bearer", "expires_in": 100});
    let step = answer(&mut plugin, flight, 200, &token_response);
    assert_eq!(step.landings.len(), 1);
    assert_eq!(plugin.issued_tokens(), 1);
    (plugin, token)
}

/// What a request at that moment gets, and how many exchanges begin because of it.
fn hot(plugin: &mut Plugin, token: &str, tool: &str, after: u64) -> (&'static str, usize) {
    let step = headers(plugin, 9, "/mcp", token);
    let step = body(plugin, NOW.saturating_add(after), step, "tools/call", &json!({"name": tool}));
    (code(&step), tick(plugin, "as"))
}

#[test]
fn a_token_in_use_is_exchanged_anew_before_it_ends_and_nobody_waits() {
    let (mut plugin, token) = warm(3000);
    assert_eq!(hot(&mut plugin, &token, "free", 59), ("allowed", 0));
    assert_eq!(hot(&mut plugin, &token, "free", 60), ("allowed", 1));
    // While that is in the air, and for some seconds after it failed, there is no second one.
    assert_eq!(hot(&mut plugin, &token, "free", 61), ("allowed", 0));
    assert_eq!(hot(&mut plugin, &token, "free", 89), ("allowed", 0));
}

#[test]
fn nothing_is_exchanged_anew_that_would_end_with_its_subject_token() {
    let (mut plugin, token) = warm(100);
    assert_eq!(hot(&mut plugin, &token, "free", 80), ("allowed", 0));
}

#[test]
fn an_idle_token_is_not_exchanged_anew() {
    let (mut plugin, _) = warm(3000);
    let step = at(&mut plugin, NOW + 80, |plugin, ambient| plugin.handle_tick(ambient));
    assert!(step.calls.iter().all(|call| call.cluster != "as"));
}
