//! Opaque tokens: who asks about them, how often, and what is learnt while a request waits.

use serde_json::json;

use super::{NOW, agent, at, body, code, headers, resource};
use crate::algorithm::Algorithm;
use crate::config::Config;
use crate::flight::{Breakers, CalloutAnswer, FlightId, Landing, RootStep};
use crate::flow::Joined;
use crate::jwt::sample::{Issuer, private_pem};
use crate::limits::{
    BAD_SIGNATURES_BURST, FLIGHTS_PER_ENDPOINT_MAX, INTROSPECTION_STANDS_SECONDS, STARTS_PER_TICK_MAX,
};
use crate::plugin::Plugin;
use crate::request::StreamId;
use crate::signatures::checks::SignatureChecks;
use crate::step::Step;

fn plugin(cache: &str) -> Plugin {
    let mut opaque = resource(
        "opaque",
        &json!({"exchange": {"pass_through": {"audience": "https://e.example/agent"}}, "a2a": {"methods": {"message/send": {}}}}),
    );
    opaque["accept"]["introspection"] = json!({"client": "agent", "cache": cache});
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "introspection_endpoint": "https://as.example/ask",
            "cluster": "as", "jwks": keys}},
        "agents": {"agent": agent()},
        "resources": [opaque],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

fn good() -> String {
    json!({"active": true, "token_type": "Bearer", "iss": "https://as.example", "sub": "user", "sub_profile": "user",
        "aud": "https://e.example/agent", "scope": "use", "iat": NOW, "exp": NOW + 600})
    .to_string()
}

fn arrive(plugin: &mut Plugin, stream: u32, token: &str) -> Result<Joined, &'static str> {
    match headers(plugin, stream, "/opaque", token) {
        Step::Join { then, .. } => Ok(then),
        step @ (Step::ReadBody { .. } | Step::Observed(_) | Step::Forward(_) | Step::Reply(_)) => Err(code(&step)),
    }
}

fn start(plugin: &mut Plugin) -> Vec<FlightId> {
    let step = at(plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
    step.calls.into_iter().map(|call| call.flight).collect()
}

fn answer(plugin: &mut Plugin, now: u64, flight: FlightId, body: &str) -> RootStep {
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
    at(plugin, now, |plugin, ambient| plugin.handle_answer(flight, answer, ambient))
}

fn land(plugin: &mut Plugin, waiting: Joined, landing: &Landing) -> Step {
    at(plugin, NOW, |plugin, ambient| waiting.handle_landing(plugin, ambient, landing))
}

/// One request, admitted by the word of its server, whose body is still to come.
fn admitted(plugin: &mut Plugin, token: &str) -> Step {
    let waiting = arrive(plugin, 1, token).unwrap();
    let flight = start(plugin).pop().unwrap();
    let step = answer(plugin, NOW, flight, &good());
    land(plugin, waiting, &step.landings[0].1)
}

#[test]
fn one_question_is_asked_for_everybody_with_the_same_token() {
    let mut plugin = plugin("0s");
    let waiting: Vec<Joined> = (1..=3).map(|stream| arrive(&mut plugin, stream, "same").unwrap()).collect();
    assert!(arrive(&mut plugin, 4, "another").is_ok());
    let flights = start(&mut plugin);
    assert_eq!(flights.len(), 2);
    // Whoever comes while it is asked waits with the others.
    assert!(arrive(&mut plugin, 5, "same").is_ok());
    assert!(start(&mut plugin).is_empty());
    let step = answer(&mut plugin, NOW, flights[0], &good());
    let told: Vec<StreamId> = step.landings.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(told, [1, 2, 3, 5].map(StreamId));
    for waiting in waiting {
        assert_eq!(code(&land(&mut plugin, waiting, &step.landings[0].1)), "reads");
    }
    // Nothing is kept here: the next one asks again.
    assert!(arrive(&mut plugin, 6, "same").is_ok());
}

#[test]
fn a_question_that_nobody_waits_for_is_not_asked() {
    let mut plugin = plugin("0s");
    let Step::Join { flight, .. } = headers(&mut plugin, 1, "/opaque", "same") else { panic!("it waits") };
    plugin.handle_stream_gone(flight, StreamId(1));
    assert!(start(&mut plugin).is_empty());
}

#[test]
fn questions_are_bounded_as_exchanges_are() {
    let mut plugin = plugin("0s");
    for stream in 0..FLIGHTS_PER_ENDPOINT_MAX {
        let stream = u32::try_from(stream).unwrap();
        // All from one peer, which would have none left long before.
        plugin.signature_checks = SignatureChecks::default();
        assert!(arrive(&mut plugin, stream, &format!("token-{stream}")).is_ok());
    }
    plugin.signature_checks = SignatureChecks::default();
    assert_eq!(arrive(&mut plugin, 9999, "one-more").err(), Some("overloaded"));
    assert_eq!(start(&mut plugin).len(), STARTS_PER_TICK_MAX.min(FLIGHTS_PER_ENDPOINT_MAX));
}

#[test]
fn whoever_leaves_has_paid_for_the_question() {
    let mut plugin = plugin("0s");
    for stream in 0..BAD_SIGNATURES_BURST {
        let step = headers(&mut plugin, stream, "/opaque", &format!("invented-{stream}"));
        let Step::Join { flight, .. } = step else { panic!("{step:?}") };
        assert_eq!(start(&mut plugin).len(), 1);
        plugin.handle_stream_gone(flight, StreamId(stream));
    }
    assert_eq!(arrive(&mut plugin, 9999, "one-more").err(), Some("too_many_bad_signatures"));
}

#[test]
fn questions_in_the_air_count_until_they_are_answered() {
    let mut plugin = plugin("0s");
    let mut waiting = Vec::new();
    for stream in 0..BAD_SIGNATURES_BURST {
        waiting.push(arrive(&mut plugin, stream, &format!("token-{stream}")).unwrap());
    }
    assert_eq!(arrive(&mut plugin, 9999, "one-more").err(), Some("too_many_bad_signatures"));
    let flight = start(&mut plugin)[0];
    let step = answer(&mut plugin, NOW, flight, &good());
    assert_eq!(code(&land(&mut plugin, waiting.remove(0), &step.landings[0].1)), "reads");
    assert!(arrive(&mut plugin, 9999, "one-more").is_ok());
    assert_eq!(arrive(&mut plugin, 10_000, "and-another").err(), Some("too_many_bad_signatures"));
}

#[test]
fn invented_tokens_are_paid_for_as_bad_signatures_are() {
    let mut plugin = plugin("0s");
    for stream in 0..BAD_SIGNATURES_BURST {
        let waiting = arrive(&mut plugin, stream, &format!("invented-{stream}")).unwrap();
        let flight = start(&mut plugin).pop().unwrap();
        let step = answer(&mut plugin, NOW, flight, r#"{"active":false}"#);
        assert_eq!(code(&land(&mut plugin, waiting, &step.landings[0].1)), "token_inactive");
    }
    assert_eq!(arrive(&mut plugin, 9999, "one-more").err(), Some("too_many_bad_signatures"));
    // What is known already costs nobody anything.
    assert_eq!(arrive(&mut plugin, 9999, "invented-0").err(), Some("token_inactive"));
}

#[test]
fn questions_that_are_not_answered_are_paid_for_too() {
    let mut plugin = plugin("0s");
    for stream in 0..BAD_SIGNATURES_BURST {
        // The breaker is not what refuses here.
        plugin.breakers = Breakers::default();
        let waiting = arrive(&mut plugin, stream, &format!("invented-{stream}")).unwrap();
        let flight = start(&mut plugin).pop().unwrap();
        let busy = CalloutAnswer::response(429, None, b"");
        let step = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, busy, ambient));
        assert_eq!(code(&land(&mut plugin, waiting, &step.landings[0].1)), "authorization_server_unavailable");
    }
    assert_eq!(arrive(&mut plugin, 9999, "one-more").err(), Some("too_many_bad_signatures"));
}

#[test]
fn the_word_of_a_server_stands_for_a_while_only() {
    for (after, want) in
        [(INTROSPECTION_STANDS_SECONDS - 1, "allowed"), (INTROSPECTION_STANDS_SECONDS, "token_inactive")]
    {
        let mut plugin = plugin("0s");
        let step = admitted(&mut plugin, "slow");
        assert_eq!(code(&body(&mut plugin, NOW + after, step, "message/send", &json!({}))), want, "{after}");
    }
}

#[test]
fn a_token_that_is_called_inactive_while_its_body_comes_is_not_released() {
    let mut plugin = plugin("0s");
    let step = admitted(&mut plugin, "same");
    let _another = arrive(&mut plugin, 2, "same").unwrap();
    let flight = start(&mut plugin).pop().unwrap();
    let _told = answer(&mut plugin, NOW, flight, r#"{"active":false}"#);
    assert_eq!(code(&body(&mut plugin, NOW, step, "message/send", &json!({}))), "token_inactive");
}

#[test]
fn a_question_that_is_never_answered_ends() {
    let mut plugin = plugin("0s");
    let waiting = arrive(&mut plugin, 1, "same").unwrap();
    assert_eq!(start(&mut plugin).len(), 1);
    let step = at(&mut plugin, NOW + 3600, |plugin, ambient| plugin.handle_tick(ambient));
    assert!(step.calls.is_empty());
    let step = land(&mut plugin, waiting, &step.landings[0].1);
    assert_eq!(code(&step), "authorization_server_unavailable");
}
