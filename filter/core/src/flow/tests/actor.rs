//! Actor tokens that come with the request: what their keys are waited for, what may change in that wait, and what is sent.

use std::sync::Arc;

use super::*;
use crate::config::Revoked;
use crate::flight::{FlightId, Landing, RootStep};
use crate::flow::Joined;
use crate::limits::TOKEN_BYTES_MAX;

const SPIFFE_ID: &str = "spiffe://e.example/agent";

/// A worker that takes JWT-SVIDs, and is to fetch the keys of their trust domain and, with `fetches_all`, those of the server too.
fn plugin(fetches_all: bool, hold_headers: bool) -> Plugin {
    let own = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let keys = if fetches_all { json!({"uri": "https://as.example/keys"}) } else { own };
    let more = json!({
        "exchange": {"token_exchange": {"server": "as", "resource": "https://e.example/tools", "max_lifetime": "1h",
            "lineage": {"access_token": {"same_subject": [{"inbound": "/sub", "issued": "/sub"}]}},
            "actor_token": {"from_header": "x-svid", "audience": "https://as.example", "max_lifetime": "5m"}}},
        "mcp": {"tools": {"free": {"scopes": ["read"]}}, "resource_wide_scopes": ["read"]},
    });
    let document = json!({
        "allow_on_headers_stop_iteration": hold_headers,
        "authorization_servers": {"as": {"issuer": "https://as.example", "token_endpoint": "https://as.example/token",
            "cluster": "as", "jwks": keys}},
        "trust_domains": {"e.example": {"cluster": "spire", "jwks": {"uri": "https://spire.example/bundle"}}},
        "agents": {"agent": agent()},
        "resources": [resource("mcp", &more)],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

fn svid_until(ends: u64) -> String {
    let claims = json!({"sub": SPIFFE_ID, "aud": ["https://as.example"], "iat": NOW, "exp": ends});
    Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256","typ":"JWT","kid":"svids"}"#, &claims.to_string())
}

fn svid() -> String {
    svid_until(NOW + 300)
}

fn arrive_at(plugin: &mut Plugin, now: u64, stream: u32, token: &str, svid: &str) -> Step {
    headers_with(plugin, now, stream, "/mcp", token, &[(b"x-svid", svid.as_bytes())])
}

fn arrive(plugin: &mut Plugin, svid: &str) -> Step {
    arrive_at(plugin, NOW, 1, &token(&json!({"exp": NOW + 600})), svid)
}

/// What a tick calls, by cluster.
fn calls(plugin: &mut Plugin) -> Vec<(String, FlightId)> {
    let step = at(plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
    step.calls.into_iter().map(|call| (call.cluster, call.flight)).collect()
}

fn bundle(issuer: &Issuer) -> String {
    json!({"keys": [issuer.jwk(json!({"kid": "svids", "use": "jwt-svid"}))]}).to_string()
}

fn answer(plugin: &mut Plugin, now: u64, flight: FlightId, body: &str) -> RootStep {
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
    at(plugin, now, |plugin, ambient| plugin.handle_answer(flight, answer, ambient))
}

fn land(plugin: &mut Plugin, now: u64, then: Joined) -> Step {
    at(plugin, now, |plugin, ambient| then.handle_landing(plugin, ambient, &Landing::Keys))
}

/// A worker that knows the keys of the trust domain.
fn informed(hold_headers: bool) -> Plugin {
    let mut plugin = plugin(false, hold_headers);
    let flight = calls(&mut plugin).into_iter().find(|(cluster, _)| cluster == "spire").unwrap().1;
    let _ = answer(&mut plugin, NOW, flight, &bundle(&Issuer::of(Algorithm::Es256)));
    plugin
}

/// The call for a token that a whole request leads to, and the request.
fn asks(plugin: &mut Plugin, now: u64, token: &str, svid: &str) -> (FlightId, String, Joined) {
    let step = arrive_at(plugin, now, 1, token, svid);
    let step = body(plugin, now, step, "tools/call", &json!({"name": "free"}));
    let Step::Join { flight, then } = step else { panic!("{step:?}") };
    let step = at(plugin, now, |plugin, ambient| plugin.handle_tick(ambient));
    let call = step.calls.into_iter().find(|call| call.flight == flight).unwrap();
    (flight, call.body.expose().clone(), then)
}

fn issued(plugin: &mut Plugin, now: u64, flight: FlightId, ends: u64) -> RootStep {
    let claims = json!({"iss": "https://as.example", "sub": "user", "sub_profile": "user", "scope": "read", "iat": now, "exp": ends,
        "aud": "https://e.example/tools", "client_id": "agent", "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    let token = Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, &claims.to_string());
    let body = json!({"access_token": token, "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"});
    answer(plugin, now, flight, &body.to_string())
}

#[test]
fn it_goes_to_the_token_endpoint_as_a_jwt() {
    let mut plugin = informed(true);
    let svid = svid();
    let (_, body, _) = asks(&mut plugin, NOW, &token(&json!({"exp": NOW + 600})), &svid);
    assert!(body.contains(&format!("actor_token={svid}&")), "{body}");
    assert!(body.contains("actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"), "{body}");
}

#[test]
fn its_keys_are_waited_for_once_and_after_those_of_the_issuer() {
    let mut plugin = plugin(true, true);
    let Step::Join { flight, then } = arrive(&mut plugin, &svid()) else { panic!() };
    let started = calls(&mut plugin);
    assert!(started.iter().any(|(cluster, id)| cluster == "as" && *id == flight), "{started:?}");
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]}).to_string();
    let _ = answer(&mut plugin, NOW, flight, &keys);
    // The issuer's keys are here, and whoever acts is known; the trust domain's are not.
    let step = land(&mut plugin, NOW, then);
    let Step::Join { flight, then } = step else { panic!("{step:?}") };
    let _ = answer(&mut plugin, NOW, flight, &bundle(&Issuer::of(Algorithm::Es256)));
    assert_eq!(code(&land(&mut plugin, NOW, then)), "reads");
    // Known from now on.
    assert_eq!(code(&arrive(&mut plugin, &svid())), "reads");
}

#[test]
fn everybody_waits_for_one_fetch() {
    let mut plugin = plugin(false, true);
    let token = token(&json!({"exp": NOW + 600}));
    let waiting: Vec<_> = (1..=3).map(|stream| arrive_at(&mut plugin, NOW, stream, &token, &svid())).collect();
    let flights: Vec<_> =
        waiting.iter().map(|step| if let Step::Join { flight, .. } = step { *flight } else { panic!() }).collect();
    assert!(flights.iter().all(|flight| *flight == flights[0]));
    assert_eq!(calls(&mut plugin).iter().filter(|(cluster, _)| cluster == "spire").count(), 1);
    let step = answer(&mut plugin, NOW, flights[0], &bundle(&Issuer::of(Algorithm::Es256)));
    assert_eq!(step.landings.len(), 3);
}

#[test]
fn keys_that_do_not_come_or_are_others_refuse() {
    for (bundle, want) in [
        (bundle(&Issuer::stranger()), "actor_token_signature"),
        (json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "svids"}))]}).to_string(), "keys_unavailable"),
        ("{}".to_owned(), "keys_unavailable"),
    ] {
        let mut plugin = plugin(false, true);
        let Step::Join { flight, then } = arrive(&mut plugin, &svid()) else { panic!() };
        assert!(calls(&mut plugin).iter().any(|(_, id)| *id == flight));
        let _ = answer(&mut plugin, NOW, flight, &bundle);
        assert_eq!(code(&land(&mut plugin, NOW, then)), want);
    }
}

#[test]
fn one_that_could_not_pass_with_any_key_causes_no_fetch() {
    let mut plugin = plugin(false, true);
    assert_eq!(code(&arrive(&mut plugin, &svid_until(NOW))), "actor_token_expired");
    assert_eq!(code(&arrive(&mut plugin, &svid_until(NOW + 301))), "actor_token_lifetime");
    assert_eq!(code(&arrive(&mut plugin, "a.b.c")), "actor_token_malformed");
}

#[test]
fn what_changes_while_its_keys_are_fetched_counts() {
    for (now, want) in [(NOW + 299, "reads"), (NOW + 300, "actor_token_expired")] {
        let mut plugin = plugin(false, true);
        let Step::Join { flight, then } = arrive(&mut plugin, &svid()) else { panic!() };
        assert!(calls(&mut plugin).iter().any(|(_, id)| *id == flight));
        let _ = answer(&mut plugin, now, flight, &bundle(&Issuer::of(Algorithm::Es256)));
        assert_eq!(code(&land(&mut plugin, now, then)), want);
    }
    let mut plugin = plugin(false, true);
    let short = token(&json!({}));
    let Step::Join { flight, then } = arrive_at(&mut plugin, NOW, 1, &short, &svid()) else { panic!() };
    assert!(calls(&mut plugin).iter().any(|(_, id)| *id == flight));
    let _ = answer(&mut plugin, NOW + 60 + SKEW, flight, &bundle(&Issuer::of(Algorithm::Es256)));
    assert_eq!(code(&land(&mut plugin, NOW + 60 + SKEW, then)), "token_expired");
}

#[test]
fn whoever_is_withdrawn_while_its_keys_are_fetched_is_refused() {
    let mut plugin = plugin(false, true);
    let Step::Join { then, .. } = arrive(&mut plugin, &svid()) else { panic!() };
    let newest = Arc::new(Revoked::of_entries("https://as.example", &json!([{"actor": "agent"}])));
    assert!(plugin.handle_newest(&newest));
    let found = then.find_revocation(&plugin.revocations, UnixSeconds::new(NOW)).unwrap();
    assert_eq!(then.handle_revocation(found).details, "actor_revoked");
}

#[test]
fn one_from_before_its_agent_was_withdrawn_says_nothing_beside_a_newer_token() {
    let newer = token(&json!({"exp": NOW + 600, "iat": NOW + 100}));
    // A trust domain's clock is believed to be no more than thirty seconds ahead.
    for (before, want) in [(NOW - 30, "reads"), (NOW - 29, "actor_revoked")] {
        let mut plugin = informed(true);
        let list = json!([{"actor": "agent", "issued_before": before}]);
        assert!(plugin.handle_newest(&Arc::new(Revoked::of_entries("https://as.example", &list))));
        assert_eq!(code(&arrive_at(&mut plugin, NOW + 100, 1, &newer, &svid())), want, "{before}");
    }
    let mut plugin = informed(true);
    let step = arrive_at(&mut plugin, NOW + 100, 1, &newer, &svid());
    let list = json!([{"actor": "agent", "issued_before": NOW + 1}]);
    assert!(plugin.handle_newest(&Arc::new(Revoked::of_entries("https://as.example", &list))));
    let step = body(&mut plugin, NOW + 100, step, "tools/call", &json!({"name": "free"}));
    assert_eq!(code(&step), "actor_revoked");
}

#[test]
fn what_it_opened_ends_when_it_is_withdrawn_by_itself() {
    let newer = token(&json!({"exp": NOW + 600, "iat": NOW + 100}));
    for (before, want) in [(NOW - 30, false), (NOW - 29, true)] {
        for actor in ["agent", SPIFFE_ID] {
            let mut plugin = informed(true);
            let now = NOW + 100;
            let (flight, _, then) = asks(&mut plugin, now, &newer, &svid());
            let waits_for_its_body = arrive_at(&mut plugin, now, 2, &newer, &svid());
            let step = issued(&mut plugin, now, flight, NOW + 3000);
            let list = json!([{"actor": actor, "issued_before": before}]);
            assert!(plugin.handle_newest(&Arc::new(Revoked::of_entries("https://as.example", &list))));
            let at_now = UnixSeconds::new(now);
            assert_eq!(then.find_revocation(&plugin.revocations, at_now).is_some(), want, "{actor} waits for a token");
            let Step::ReadBody { then: reads, .. } = waits_for_its_body else { panic!() };
            assert_eq!(reads.find_revocation(&plugin.revocations, at_now).is_some(), want, "{actor} waits for a body");
            // Released before the list came, as the older worker was that had it.
            let mut older = informed(true);
            let (flight, _, then) = asks(&mut older, now, &newer, &svid());
            let _ = issued(&mut older, now, flight, NOW + 3000);
            let (_, landing) = step.landings.first().unwrap();
            let released = at(&mut older, now, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
            let Step::Forward(forward) = released else { panic!("{released:?}") };
            let ended = forward.response.handle_revocations(&plugin.revocations, at_now);
            assert_eq!(ended.is_some(), want, "{actor} is answered");
        }
    }
}

#[test]
fn one_longer_than_any_token_waits_for_nothing() {
    for (length, want) in [(TOKEN_BYTES_MAX, "waits"), (TOKEN_BYTES_MAX + 1, "actor_token_malformed")] {
        let mut plugin = plugin(true, true);
        assert_eq!(code(&arrive(&mut plugin, &"a".repeat(length))), want);
    }
}

#[test]
fn a_server_that_refuses_one_may_take_the_next() {
    let mut plugin = informed(true);
    let token = token(&json!({"exp": NOW + 600}));
    let (flight, _, _) = asks(&mut plugin, NOW, &token, &svid());
    let refused = CalloutAnswer::response(400, Some(b"application/json"), br#"{"error":"access_denied"}"#);
    let _ = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, refused, ambient));
    let mut asked = |svid: &str| {
        let step = arrive_at(&mut plugin, NOW, 2, &token, svid);
        code(&body(&mut plugin, NOW, step, "tools/call", &json!({"name": "free"})))
    };
    assert_eq!(asked(&svid()), "exchange_denied");
    assert_eq!(asked(&svid_until(NOW + 299)), "waits");
}

#[test]
fn one_that_ends_while_the_body_comes_or_the_exchange_is_made_is_not_used() {
    let token = token(&json!({"exp": NOW + 600}));
    for (now, want) in [(NOW + 299, "waits"), (NOW + 300, "actor_token_expired")] {
        let mut plugin = informed(true);
        let step = arrive_at(&mut plugin, NOW, 1, &token, &svid());
        assert_eq!(code(&body(&mut plugin, now, step, "tools/call", &json!({"name": "free"}))), want);
    }
    for (now, want) in [(NOW + 299, "allowed"), (NOW + 300, "actor_token_expired")] {
        let mut plugin = informed(true);
        let (flight, _, then) = asks(&mut plugin, NOW, &token, &svid());
        let step = issued(&mut plugin, NOW, flight, NOW + 3000);
        let (_, landing) = step.landings.first().unwrap();
        let step = at(&mut plugin, now, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
        assert_eq!(code(&step), want);
    }
}

#[test]
fn one_whose_key_is_withdrawn_while_the_body_comes_is_not_used() {
    let mut plugin = informed(true);
    let step = arrive(&mut plugin, &svid());
    // A request with a key that is not there yet has the bundle fetched anew.
    let unknown = Issuer::stranger().token(
        r#"{"alg":"ES256","kid":"newer"}"#,
        &json!({"sub": SPIFFE_ID, "aud": "https://as.example", "iat": NOW, "exp": NOW + 60}).to_string(),
    );
    let later = NOW + 20;
    let other = token(&json!({"exp": NOW + 600}));
    let Step::Join { flight, .. } = arrive_at(&mut plugin, later, 2, &other, &unknown) else { panic!() };
    let started = at(&mut plugin, later, |plugin, ambient| plugin.handle_tick(ambient));
    assert!(started.calls.iter().any(|call| call.flight == flight));
    let _ = answer(&mut plugin, later, flight, &bundle(&Issuer::stranger()));
    assert_eq!(code(&body(&mut plugin, later, step, "tools/call", &json!({"name": "free"}))), "actor_token_signature");
}

#[test]
fn one_that_ends_while_the_body_comes_behind_its_headers_gives_out_no_byte_of_it() {
    let token = token(&json!({"exp": NOW + 600}));
    for (now, want) in [(NOW + 299, "released"), (NOW + 300, "actor_token_expired")] {
        let mut plugin = informed(false);
        let Step::Join { flight, then } = arrive_at(&mut plugin, NOW, 1, &token, &svid()) else { panic!() };
        assert!(calls(&mut plugin).iter().any(|(_, id)| *id == flight));
        let step = issued(&mut plugin, NOW, flight, NOW + 3000);
        let (_, landing) = step.landings.first().unwrap();
        let step = at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
        assert_eq!(said_of_body(&mut plugin, now, step), want, "{now}");
    }
}

/// What is exchanged with an actor token ends with it, and is renewed ahead of that by whoever has one that lives longer.
#[test]
fn what_is_issued_ends_with_it_and_is_renewed_by_a_longer_one() {
    let mut plugin = informed(true);
    let token = token(&json!({"exp": NOW + 600}));
    let first = svid_until(NOW + 100);
    let (flight, _, then) = asks(&mut plugin, NOW, &token, &first);
    let step = issued(&mut plugin, NOW, flight, NOW + 3000);
    let (_, landing) = step.landings.first().unwrap();
    let step = at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
    assert_eq!(code(&step), "allowed");
    let again = |plugin: &mut Plugin, now, svid: &str| {
        let step = arrive_at(plugin, now, 2, &token, svid);
        code(&body(plugin, now, step, "tools/call", &json!({"name": "free"})))
    };
    let asked = |plugin: &mut Plugin, now| {
        let step = at(plugin, now, |plugin, ambient| plugin.handle_tick(ambient));
        step.calls.iter().filter(|call| call.cluster == "as").count()
    };
    // It is nearly over: the one that it was exchanged with could buy nothing that lives longer.
    assert_eq!(again(&mut plugin, NOW + 70, &first), "allowed");
    assert_eq!(asked(&mut plugin, NOW + 70), 0);
    assert_eq!(again(&mut plugin, NOW + 70, &svid()), "allowed");
    assert_eq!(asked(&mut plugin, NOW + 70), 1);
    // And over: nothing that was bought with it is sent on.
    assert_eq!(again(&mut plugin, NOW + 100, &svid()), "waits");
}
