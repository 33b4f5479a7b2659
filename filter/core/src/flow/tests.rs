//! What only a worker can show that is driven step by step: time that passes between two of them, many requests at once.

mod actor;
mod discovery;
mod introspection;
mod known;
mod observed;
mod overload;
mod proving;
mod stolen_key;
mod transaction;
mod withdrawn_key;

use serde_json::{Value, json};

use super::{BodyVerdict, ResponseHead, ResponseStep, handle_request_headers};
use crate::algorithm::Algorithm;
use crate::config::Config;
use crate::flight::CalloutAnswer;
use crate::jwt::sample::{Issuer, private_pem};
use crate::limits::{FLIGHTS_MAX, FLIGHTS_PER_AGENT_MAX, STARTS_PER_TICK_MAX};
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::{Ambient, Headers, Peer, RequestHead, StreamId};
use crate::sharing::NothingShared;
use crate::signatures::InGuest;
use crate::step::{BodyPlan, Forward, Step};
use crate::time::UnixSeconds;

const NOW: u64 = 1_795_478_400;
const SKEW: u64 = 30;

fn agent() -> Value {
    json!({"name": "Agent", "status": "active", "resource": "https://e.example/agent", "spiffe_id": "spiffe://e.example/agent",
        "credential": {"private_key_jwt": {"alg": "ES256", "key": {"env": "KEY"}}}})
}

fn resource(name: &str, more: &Value) -> Value {
    let mut resource = json!({
        "name": name,
        "match": {"hosts": ["e.example"], "path_prefix": format!("/{name}")},
        "accept": {"authorization_server": "as", "audience": "https://e.example/agent", "presenter": "audience_agent",
            "caller": "audience_only", "required_scopes": ["use"], "max_lifetime": "1h", "subject_profiles": ["user"],
            "delegation": {"required": false, "max_actors": 4}},
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut resource, more) {
        members.extend(more.clone());
    }
    resource
}

fn id_jag(max_lifetime: &str) -> Value {
    let pairs = json!({"same_subject": [{"inbound": "/sub", "issued": "/sub"}]});
    json!({
        "exchange": {"id_jag": {"idp": "as", "resource_server": "as", "resource": "https://e.example/tools", "max_lifetime": max_lifetime,
            "lineage": {"id_jag": pairs, "access_token": pairs}}},
        "mcp": {"tools": {"free": {"scopes": ["read"]}, "once": {"scopes": ["read"], "max_reuse": 0}}},
    })
}

/// A worker that knows the keys of one server, and is to fetch those of another.
fn plugin() -> Plugin {
    plugin_at(Some(NOW))
}

/// The same, loaded at that time.
fn plugin_at(loaded: Option<u64>) -> Plugin {
    let pass_through = json!({"exchange": {"pass_through": {"audience": "https://e.example/agent"}}, "a2a": {"methods": {"message/send": {}}}});
    let mut mtls = resource("mtls", &pass_through);
    mtls["accept"]["caller"] = json!("mtls");
    mtls["accept"]["authorization_server"] = json!("other");
    let mut fresh = resource("fresh", &pass_through);
    fresh["accept"]["authentication"] = json!({"max_age": "10m"});
    // 2026-11-25, a day after `NOW`.
    let mut observed = resource("observed", &id_jag("1h"));
    observed["observe"] = json!({"until": "2026-11-25"});
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "token_endpoint": "https://as.example/token",
            "cluster": "as", "jwks": keys, "clock_skew": format!("{SKEW}s")},
            "other": {"issuer": "https://other.example", "cluster": "other", "jwks": {"uri": "https://other.example/keys"}}},
        "agents": {"agent": agent()},
        "resources": [resource("a2a", &pass_through), resource("mcp", &id_jag("1h")), resource("strict", &id_jag("1m")), mtls, observed, fresh],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    let config = Config::from_json(document.to_string().as_bytes(), &env).unwrap();
    Plugin::new(match loaded {
        Some(now) => config.loaded_at(UnixSeconds::new(now)).unwrap(),
        None => config,
    })
}

/// How many calls a tick makes to a cluster.
fn tick(plugin: &mut Plugin, cluster: &str) -> usize {
    let step = at(plugin, NOW, |plugin, ambient| plugin.handle_tick(ambient));
    step.calls.iter().filter(|call| call.cluster == cluster).count()
}

fn token(more: &Value) -> String {
    let mut claims = json!({"iss": "https://as.example", "sub": "user", "sub_profile": "user", "aud": "https://e.example/agent",
        "scope": "use", "iat": NOW, "exp": NOW + 60});
    claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, &claims.to_string())
}

fn at<T>(plugin: &mut Plugin, now: u64, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> T {
    let mut draw = || [7; 16];
    event(
        plugin,
        &mut Ambient {
            now: UnixSeconds::new(now),
            draw: &mut draw,
            signatures: &InGuest,
            shared: &NothingShared,
            address: &|| None,
        },
    )
}

fn headers(plugin: &mut Plugin, stream: u32, path: &str, token: &str) -> Step {
    headers_at(plugin, NOW, stream, path, token)
}

fn headers_at(plugin: &mut Plugin, now: u64, stream: u32, path: &str, token: &str) -> Step {
    headers_with(plugin, now, stream, path, token, &[])
}

fn headers_with(plugin: &mut Plugin, now: u64, stream: u32, path: &str, token: &str, more: &[(&[u8], &[u8])]) -> Step {
    headers_of(plugin, now, (stream, Peer::default()), (path, token), more)
}

fn headers_of(
    plugin: &mut Plugin,
    now: u64,
    (stream, peer): (u32, Peer<'_>),
    (path, token): (&str, &str),
    more: &[(&[u8], &[u8])],
) -> Step {
    let authorization = format!("Bearer {token}");
    let headers: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":path", path.as_bytes()),
        (b":authority", b"e.example"),
        (b"content-type", b"application/json"),
        (b"authorization", authorization.as_bytes()),
    ];
    let headers = [&headers[..], more].concat();
    let head = RequestHead { stream: StreamId(stream), headers: Headers::of(&headers), peer, end_of_stream: false };
    at(plugin, now, |plugin, ambient| handle_request_headers(plugin, ambient, &head))
}

fn body(plugin: &mut Plugin, now: u64, step: Step, method: &str, params: &Value) -> Step {
    let Step::ReadBody { then, .. } = step else { panic!("{step:?}") };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    at(plugin, now, |plugin, ambient| then.handle_body(plugin, ambient, call.as_bytes()))
}

fn call(plugin: &mut Plugin, stream: u32, path: &str, tool: &str, token: &str) -> Step {
    let step = headers(plugin, stream, path, token);
    body(plugin, NOW, step, "tools/call", &json!({"name": tool}))
}

fn code(step: &Step) -> &'static str {
    match step {
        Step::Reply(reply) => reply.details,
        Step::Forward(_) => "allowed",
        Step::Observed(_) => "observed",
        Step::Join { .. } => "waits",
        Step::ReadBody { .. } => "reads",
    }
}

#[test]
fn a_token_that_ends_while_its_body_comes_is_not_released() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    for (now, want) in [(NOW + 60 + SKEW - 1, "allowed"), (NOW + 60 + SKEW, "token_expired")] {
        let step = headers(&mut plugin, 1, "/a2a", &token);
        let step = body(&mut plugin, now, step, "message/send", &json!({}));
        assert_eq!(code(&step), want, "{now}");
    }
}

#[test]
fn a_token_that_ends_while_its_body_comes_behind_its_headers_gives_out_no_byte_of_it() {
    for (now, want) in [(NOW + 60 + SKEW - 1, "released"), (NOW + 60 + SKEW, "token_expired")] {
        let mut plugin = headers_first();
        let step = headers(&mut plugin, 1, "/mcp", &token(&json!({})));
        assert_eq!(said_of_body(&mut plugin, now, step), want, "{now}");
    }
}

/// What becomes of a body that comes behind its headers.
fn said_of_body(plugin: &mut Plugin, now: u64, step: Step) -> &'static str {
    let Step::Forward(forward) = step else { panic!("{step:?}") };
    let Forward { body: BodyPlan::HoldUntil { then, .. }, response: mut plan, .. } = *forward else { panic!() };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "free"}}).to_string();
    let (verdict, _) = at(plugin, now, |plugin, ambient| then.handle_body(plugin, ambient, call.as_bytes(), &mut plan));
    said(verdict)
}

fn said(verdict: BodyVerdict) -> &'static str {
    match verdict {
        BodyVerdict::Release => "released",
        BodyVerdict::Replace(_) => "replaced",
        BodyVerdict::Reply(reply) => reply.details,
    }
}

#[test]
fn a_sign_in_that_grows_old_while_its_body_comes_is_not_released() {
    let mut plugin = plugin();
    let token = token(&json!({"auth_time": NOW - 590}));
    for (now, want) in [(NOW + 10 + SKEW - 1, "allowed"), (NOW + 10 + SKEW, "authentication_too_old")] {
        let step = headers(&mut plugin, 1, "/fresh", &token);
        let step = body(&mut plugin, now, step, "message/send", &json!({}));
        assert_eq!(code(&step), want, "{now}");
    }
}

#[test]
fn a_body_that_comes_after_the_end_of_observing_is_decided() {
    const END: u64 = NOW + 24 * 60 * 60;
    let mut plugin = plugin();
    let token = token(&json!({"exp": END + 3000, "iat": END - 60}));
    for (now, want) in [(END - 1, "observed"), (END, "tool_not_mapped")] {
        let step = headers_at(&mut plugin, END - 1, 1, "/observed", &token);
        let step = body(&mut plugin, now, step, "tools/call", &json!({"name": "none"}));
        assert_eq!(code(&step), want, "{now}");
    }
    for (now, want) in [(END - 1, "observed"), (END, "body_too_large")] {
        let step = headers_at(&mut plugin, END - 1, 1, "/observed", &token);
        let Step::ReadBody { then, .. } = step else { panic!("{step:?}") };
        assert_eq!(code(&at(&mut plugin, now, |_, ambient| then.handle_too_large(ambient))), want, "{now}");
    }
}

#[test]
fn a_configuration_that_was_not_told_the_time_observes_nothing() {
    let token = token(&json!({}));
    assert_eq!(code(&call(&mut plugin_at(None), 1, "/observed", "none", &token)), "tool_not_mapped");
    assert_eq!(code(&call(&mut plugin(), 1, "/observed", "none", &token)), "observed");
    assert_eq!(code(&call(&mut plugin(), 1, "/observed", "free", &token)), "observed");
}

#[test]
fn a_token_tied_to_a_key_is_no_bearer_token() {
    let mut plugin = plugin();
    let bound = token(&json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    assert_eq!(code(&headers(&mut plugin, 1, "/a2a", &bound)), "binding_dpop_required");
    assert_eq!(code(&headers(&mut plugin, 1, "/a2a", &token(&json!({})))), "reads");
}

#[test]
fn resources_that_check_differently_share_no_token() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let mut flights = Vec::new();
    for path in ["/mcp", "/mcp", "/strict"] {
        let Step::Join { flight, .. } = call(&mut plugin, 1, path, "free", &token) else { panic!("{path}") };
        flights.push(flight);
    }
    assert_eq!(flights.first(), flights.get(1));
    assert_ne!(flights.first(), flights.get(2));
}

#[test]
fn exchanges_are_bounded_and_never_in_the_way_of_keys() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    for stream in 0..u32::try_from(FLIGHTS_PER_AGENT_MAX).unwrap() {
        assert_eq!(code(&call(&mut plugin, stream, "/mcp", "once", &token)), "waits");
    }
    assert_eq!(code(&call(&mut plugin, 9999, "/mcp", "once", &token)), Rejection::Overloaded.code());
    let calls: usize = (0..FLIGHTS_MAX).map(|_| tick(&mut plugin, "other")).sum();
    assert_eq!(calls, 1);
}

#[test]
fn a_tick_starts_boundedly_many() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let past = u32::try_from(STARTS_PER_TICK_MAX).unwrap() + 1;
    for stream in 0..past {
        assert_eq!(code(&call(&mut plugin, stream, "/mcp", "once", &token)), "waits");
    }
    assert_eq!(tick(&mut plugin, "as"), STARTS_PER_TICK_MAX);
    assert_eq!(tick(&mut plugin, "as"), 1);
    assert_eq!(tick(&mut plugin, "as"), 0);
}

#[test]
fn an_exchange_that_everybody_left_is_not_begun() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let Step::Join { flight, .. } = call(&mut plugin, 1, "/mcp", "free", &token) else { panic!() };
    let Step::Join { flight: same, .. } = call(&mut plugin, 2, "/mcp", "free", &token) else { panic!() };
    assert_eq!(flight, same);
    plugin.handle_stream_gone(flight, StreamId(1));
    assert!(plugin.flights.has_work());
    plugin.handle_stream_gone(flight, StreamId(2));
    assert!(!plugin.flights.has_work());
    assert_eq!(tick(&mut plugin, "as"), 0);
    let Step::Join { flight: next, .. } = call(&mut plugin, 3, "/mcp", "free", &token) else { panic!() };
    assert_ne!(flight, next);
}

#[test]
fn a_call_that_is_never_answered_is_not_repeated() {
    let mut plugin = plugin();
    let token = token(&json!({}));
    let Step::Join { flight, then } = call(&mut plugin, 1, "/mcp", "free", &token) else { panic!() };
    assert_eq!(tick(&mut plugin, "as"), 1);
    let late = at(&mut plugin, NOW + 1000, |plugin, ambient| plugin.handle_tick(ambient));
    assert!(late.calls.iter().all(|call| call.cluster != "as"));
    let (stream, landing) = late.landings.first().unwrap();
    assert_eq!(*stream, StreamId(1));
    let step = at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing));
    assert_eq!(code(&step), Rejection::AuthorizationServerUnavailable.code());
    let answered = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, CalloutAnswer::Failed, ambient));
    assert!(answered.calls.is_empty() && answered.landings.is_empty());
}

#[test]
fn without_a_certificate_no_key_is_waited_for() {
    let mut plugin = plugin();
    let token = token(&json!({"iss": "https://other.example"}));
    assert_eq!(code(&headers(&mut plugin, 1, "/mtls", &token)), "caller_unproven");
}

/// What an exchange comes to whose identity assertion has those claims over the good ones: `spent`, or the code of the refusal.
fn assertion(more: &Value) -> &'static str {
    let mut plugin = plugin();
    let Step::Join { flight, then } = call(&mut plugin, 1, "/mcp", "free", &token(&json!({}))) else { panic!() };
    assert_eq!(tick(&mut plugin, "as"), 1);
    let mut claims = json!({"iss": "https://as.example", "sub": "user", "sub_profile": "user", "aud": "https://as.example",
        "client_id": "agent", "scope": "read", "jti": "1", "iat": NOW, "exp": NOW + 60,
        "act": {"sub": "agent", "sub_profile": "ai_agent"}});
    claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let header = r#"{"alg":"ES256","typ":"oauth-id-jag+jwt","kid":"k"}"#;
    let id_jag = Issuer::of(Algorithm::Es256).token(header, &claims.to_string());
    let body = json!({"access_token": id_jag, "token_type": "N_A",
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"});
    let body = body.to_string();
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
    let next = at(&mut plugin, NOW, |plugin, ambient| plugin.handle_answer(flight, answer, ambient));
    match next.landings.first() {
        None => {
            assert_eq!(next.calls.len(), 1);
            "spent"
        }
        Some((_, landing)) => {
            code(&at(&mut plugin, NOW, |plugin, ambient| then.handle_landing(plugin, ambient, landing)))
        }
    }
}

#[test]
fn an_assertion_brings_no_right_beside_its_scopes() {
    assert_eq!(assertion(&json!({})), "spent");
    assert_eq!(assertion(&json!({"authorization_details": []})), "spent");
    for details in [json!([{"type": "payment"}]), json!({"type": "payment"}), json!(null)] {
        assert_eq!(assertion(&json!({"authorization_details": details})), "lineage_scope");
    }
}

#[test]
fn an_equal_name_in_another_namespace_is_another_actor() {
    let act = |iss: &str| json!({"act": {"sub": "agent", "iss": iss, "sub_profile": "ai_agent"}});
    assert_eq!(assertion(&act("https://as.example")), "spent");
    assert_eq!(assertion(&act("https://partner.example")), "lineage_actor");
}

/// A resource whose headers go first and whose token is passed on.
fn headers_first() -> Plugin {
    headers_first_with(|_| {})
}

/// The same with that change of its resource, loaded at `NOW`.
fn headers_first_with(edit: impl FnOnce(&mut Value)) -> Plugin {
    let more = json!({"exchange": {"pass_through": {"audience": "https://e.example/agent"}},
        "mcp": {"tools": {"free": {"scopes": ["use"]}}, "methods": ["tools/list"], "method_scopes": ["use"], "resource_wide_scopes": ["use"]}});
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let mut resource = resource("mcp", &more);
    edit(&mut resource);
    let document = json!({
        "allow_on_headers_stop_iteration": false,
        "authorization_servers": {"as": {"issuer": "https://as.example", "jwks": keys}},
        "agents": {"agent": agent()},
        "resources": [resource],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    let config = Config::from_json(document.to_string().as_bytes(), &env).unwrap();
    Plugin::new(config.loaded_at(UnixSeconds::new(NOW)).unwrap())
}

#[test]
fn an_answer_that_began_before_its_request_was_known_is_no_list() {
    for (early, method, want) in [
        (false, "tools/list", "released"),
        (true, "tools/list", Rejection::UpstreamAnswerRefused.code()),
        (true, "tools/call", "released"),
    ] {
        let mut plugin = headers_first();
        let step = headers(&mut plugin, 1, "/mcp", &token(&json!({})));
        let Step::Forward(forward) = step else { panic!("{step:?}") };
        let Forward { body: BodyPlan::HoldUntil { then, .. }, response: mut plan, .. } = *forward else { panic!() };
        if early {
            let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
            let head = ResponseHead { status: Some(200), headers: &headers, end_of_stream: false };
            let step = at(&mut plugin, NOW, |plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head));
            assert!(matches!(step, ResponseStep::Pass));
        }
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "free"}}).to_string();
        let (verdict, _) =
            at(&mut plugin, NOW, |plugin, ambient| then.handle_body(plugin, ambient, call.as_bytes(), &mut plan));
        assert_eq!(said(verdict), want, "{early} {method}");
    }
}
