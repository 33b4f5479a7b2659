//! One function per parser that reads what strangers wrote.
//!
//! The bytes are text wherever the parser reads text, so that a corpus stays readable.

use core::str;

use actgate_core::algorithm::{Algorithm, Algorithms};
use actgate_core::base64url;
use actgate_core::config::Config;
use actgate_core::delegation::chain::ActorChain;
use actgate_core::json;
use actgate_core::jwks::{KeySet, PublicKey};
use actgate_core::jwt::{AcceptedTyp, JwtError, TokenRules, UnverifiedJwt, VerifiedJwt, verify};
use actgate_core::limits::{
    ACTORS_MAX, CONFIG_JSON_DEPTH_MAX, JSON_DEPTH_MAX, JWKS_JSON_DEPTH_MAX, KEYS_PER_SET_MAX, TOKEN_BYTES_MAX,
};
use actgate_core::plugin::Plugin;
use actgate_core::request::Ambient;
use actgate_core::sharing::NothingShared;
use actgate_core::signatures::Signatures;
use actgate_core::time::{Seconds, UnixSeconds};
use serde_json::Value;

use crate::gateway::{Gateway, Intent};
use crate::issuers::{Answer, Flaw};
use crate::operations::call;
use crate::world::{self, KNOWLEDGE, OPAQUE, Options, PEER, START, Seals, Signer, TOOLS};

/// Takes every signature for a good one, so that the checks around it are reached.
struct Gullible;

impl Signatures for Gullible {
    fn verify(&self, _key: &PublicKey, _algorithm: Algorithm, _jwt: &UnverifiedJwt<'_>) -> bool {
        true
    }
}

/// A token; or its header and its claims in JSON, a line each, to be put together.
pub fn jwt(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    whole_token(text);
    if let Some((header, claims)) = text.split_once('\n') {
        for signature in [64, 96, 256] {
            let signature = world::encode(&vec![7; signature]);
            whole_token(&format!(
                "{}.{}.{signature}",
                world::encode(header.as_bytes()),
                world::encode(claims.as_bytes())
            ));
        }
    }
}

fn whole_token(text: &str) {
    let Ok(jwt) = UnverifiedJwt::parse(text) else {
        return;
    };
    assert!(text.len() <= TOKEN_BYTES_MAX);
    assert_eq!(jwt.token(), text);
    assert_eq!(format!("{}.{}", jwt.signing_input(), world::encode(jwt.signature())), text);
    let parts: Vec<Vec<u8>> = text.split('.').map(|part| base64url::decode(part).expect("canonical")).collect();
    let claims: Value = serde_json::from_slice(&parts[1]).expect("what is read is JSON");
    assert_eq!(Some(&claims), jwt.claims().object().map(|object| Value::Object(object.clone())).as_ref());
    for said in [format!("{jwt:?}"), format!("{:?}", jwt.claims())] {
        assert!(!said.contains(jwt.signing_input()), "{said}");
    }
    if let Some(Ok(chain)) = jwt.claims().act().map(|act| ActorChain::parse(act, ACTORS_MAX)) {
        assert!(chain.depth() <= ACTORS_MAX && chain.depth() == chain.iter().count());
    }
    verify_at_all_times(&jwt, &claims);
}

/// Whatever passes is what the rules say, and once ended stays ended.
fn verify_at_all_times(jwt: &UnverifiedJwt<'_>, claims: &Value) {
    let set = world::key_set(KNOWLEDGE).to_string();
    let set = KeySet::parse(set.as_bytes()).expect("our own keys");
    let rules = TokenRules {
        issuer: KNOWLEDGE,
        audience: world::AUDIENCE,
        typ: &AcceptedTyp::only("at+jwt"),
        algorithms: &Algorithms::all(),
        clock_skew: Seconds::new(30),
        lifetime_max: Some(Seconds::new(3600)),
    };
    let at = |now: u64, crypto: &dyn Signatures| verify(jwt, &set, &rules, UnixSeconds::new(now), crypto);
    assert!(at(START, &Seals).is_err(), "a forged seal");
    let mut ended = false;
    for now in [START - 3600, START - 31, START, START + 30, START + 929, START + 930, START + 10_000, u64::MAX] {
        match at(now, &Gullible) {
            Ok(verified) => {
                assert!(!ended, "what had ended begins again");
                judge(&verified, claims, now);
            }
            Err(error) => ended |= error == JwtError::Expired,
        }
    }
}

fn judge(verified: &VerifiedJwt, claims: &Value, now: u64) {
    assert_eq!(claims["iss"], KNOWLEDGE);
    let audiences = claims["aud"].as_array().map_or_else(|| vec![&claims["aud"]], |list| list.iter().collect());
    assert!(audiences.contains(&&Value::from(world::AUDIENCE)), "{claims}");
    let [exp, iat] = ["exp", "iat"].map(|name| claims[name].as_f64().expect("a number"));
    assert!(exp - iat < 3601.0 && exp >= iat.trunc(), "{claims}");
    assert!(exp + 31.0 > now as f64 && iat < now as f64 + 31.0, "{claims}");
    assert_eq!(verified.expires_at().get() as f64, exp.trunc());
    let _ = (verified.claims().scopes(), verified.claims().client_id(), verified.claims().jti());
}

/// A key set.
pub fn jwks(data: &[u8]) {
    agrees_with_serde(data, JWKS_JSON_DEPTH_MAX);
    let Ok(set) = KeySet::parse(data) else {
        return;
    };
    assert!((1..=KEYS_PER_SET_MAX).contains(&set.keys().len()));
    for key in set.keys() {
        assert!(!key.spki_der().is_empty() && set.contains_thumbprint(key.thumbprint()));
        assert!(Algorithm::ALL.into_iter().any(|algorithm| key.fits(algorithm)), "a key that nothing fits");
    }
    let text = str::from_utf8(data).expect("JSON is UTF-8");
    assert!(!text.trim_start().starts_with('['), "a set is an object");
}

/// What the strict reader accepts, the ordinary one reads alike.
fn agrees_with_serde(data: &[u8], depth: usize) {
    if let Ok(strict) = json::parse(data, depth) {
        let lax: Value = serde_json::from_slice(data).expect("strict is stricter");
        assert_eq!(strict, lax);
    }
}

/// The first byte says which call is answered, for which kind of token, and with which status; the rest is the body.
pub fn token_response(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    agrees_with_serde(body, JSON_DEPTH_MAX);
    let (second, opaque) = (choice & 1 != 0, choice & 2 != 0);
    let status = [200, 400, 401, 500].get(usize::from(choice >> 2 & 3)).copied();
    let mut gateway = waiting_for_exchange(opaque);
    if second {
        gateway.answer(0, |issuers, call, now| issuers.answer(call, Flaw::None, now));
    }
    let stranger = |issuers: &mut crate::issuers::Issuers, call: &crate::issuers::Call, now: u64| {
        // An opaque token shows nothing, so any well-formed answer of the server that was asked is believed.
        let object: Value = serde_json::from_slice(body).unwrap_or_default();
        if let (true, true, Some(token)) = (second, opaque, object["access_token"].as_str()) {
            let honest = issuers.answer(call, Flaw::None, now);
            let honest: Value = serde_json::from_slice(&honest.body).unwrap_or_default();
            let mut grant = issuers.grants[honest["access_token"].as_str().unwrap_or_default()].clone();
            grant.expires_at = now.saturating_add(object["expires_in"].as_u64().unwrap_or(0));
            assert_ne!(token, "", "an empty token");
            issuers.grants.insert(token.to_owned(), grant);
        }
        Answer { status, content_type: "application/json", body: body.to_vec() }
    };
    gateway.answer(0, stranger);
    gateway.finish();
    if gateway.forwarded > 0 {
        assert!(second && opaque && status == Some(200), "garbage was believed");
        let object: Value = serde_json::from_slice(body).expect("JSON");
        assert!(object["token_type"].as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("bearer")));
        assert!(object["expires_in"].as_u64().is_some_and(|seconds| (1..=3600).contains(&seconds)));
    }
}

pub(crate) fn intent(resource: Option<&'static str>) -> Intent {
    Intent { sound: true, sub: "user-1@example".to_owned(), resource, expires_at: START + 900, operation: None }
}

fn inbound() -> String {
    world::token(KNOWLEDGE, "at+jwt", &world::inbound_claims(1, START, 1), Signer::Own)
}

/// A sound request, and the stream that it opens: the first is 1.
pub(crate) fn sound_request(gateway: &mut Gateway, path: &str, more: &[(&[u8], &[u8])], intent: Intent) -> u32 {
    let credential = format!("Bearer {}", inbound());
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"POST"),
        (b":path", path.as_bytes()),
        (b":authority", b"gateway.example"),
        (b"content-type", b"application/json"),
        (b"authorization", credential.as_bytes()),
    ];
    headers.extend_from_slice(more);
    let peer = if intent.resource.is_some() { PEER } else { world::CALLING_PEER };
    gateway.request(&headers, Some(peer), false, intent)
}

fn waiting_for_exchange(opaque: bool) -> Gateway {
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let (path, resource) = if opaque { ("/opaque", OPAQUE) } else { ("/tools", TOOLS) };
    sound_request(&mut gateway, path, &[], intent(Some(resource)));
    gateway.body(1, Some(call("query", resource).to_string().as_bytes()), Some("query"));
    gateway.tick();
    assert_eq!(gateway.calls(), 1, "the first call is out");
    gateway
}

/// A configuration document.
pub fn configuration(data: &[u8]) {
    agrees_with_serde(data, CONFIG_JSON_DEPTH_MAX);
    let environment = |name: &str| world::environment(name).or_else(|| world::environment("AGENT_KEY"));
    match Config::from_json(data, &environment) {
        Ok(config) => {
            let again = Config::from_json(data, &environment).expect("the same document");
            assert_eq!((config.digest, &config.warnings), (again.digest, &again.warnings));
            assert!(!format!("{config:?}").contains("PRIVATE KEY"), "a key is printed");
            let mut draw = || [0; 16];
            let mut ambient = Ambient {
                now: UnixSeconds::new(START),
                draw: &mut draw,
                signatures: &Seals,
                shared: &NothingShared,
                address: &|| None,
            };
            let mut plugin = Plugin::new(config);
            let step = plugin.handle_tick(&mut ambient);
            assert!(step.calls.iter().all(|call| call.timeout.get() > 0 && !call.cluster.is_empty()));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains("BEGIN PRIVATE KEY"), "{text}");
            assert!(text.len() < 8192 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}

/// The tools whose names a body could give, with the scopes of each; nothing else is let through.
const MAPPED: [&str; 6] = ["query", "write", "once", "twice", "initialize", "tools/list"];

/// The methods of an agent that a body could name, as versions 0.3 and 1.0 of A2A spell them.
const AGENTS: [(&str, [&str; 2]); 2] =
    [("message/send", ["message/send", "SendMessage"]), ("tasks/get", ["tasks/get", "GetTask"])];

/// What an ordinary reader takes the body for.
fn operation_of(body: &[u8]) -> Option<&'static str> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let method = value.get("method")?.as_str()?;
    let name = if method == "tools/call" { value.get("params")?.get("name")?.as_str()? } else { method };
    let known = |mapped: &&&str| {
        **mapped == name && (method == "tools/call") != (mapped.contains('/') || **mapped == "initialize")
    };
    MAPPED
        .iter()
        .find(known)
        .copied()
        .or_else(|| AGENTS.into_iter().find(|(_, spellings)| spellings.contains(&name)).map(|(known, _)| known))
}

/// A request body, to a tool server and to an agent.
pub fn json_rpc(data: &[u8]) {
    agrees_with_serde(data, JSON_DEPTH_MAX);
    let operation = operation_of(data);
    for (path, resource) in [("/tools", Some(TOOLS)), ("/agents", None)] {
        let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
        sound_request(&mut gateway, path, &[], intent(resource));
        let body = (data.len() <= 1024).then_some(data);
        gateway.body(1, body, operation);
        exchange(&mut gateway);
        gateway.finish();
        assert_eq!(gateway.forwarded + gateway.refused.len(), 1);
        if gateway.forwarded > 0 {
            assert!(operation.is_some() && !data.starts_with(b"["), "something unmapped was let through");
        }
    }
}

pub(crate) fn exchange(gateway: &mut Gateway) {
    gateway.tick();
    for _call in 0..2 {
        gateway.answer(0, |issuers, call, now| issuers.answer(call, Flaw::None, now));
    }
}

/// Headers as `name: value` lines, an empty line, and the body; judged in both modes of the host.
pub fn mcp_headers(data: &[u8]) {
    let at = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + 2..]));
    let more: Vec<(&[u8], &[u8])> = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
        // The credential and the place are other targets' concern; a host gives names in lower case.
        .filter(|(name, _)| !name.is_empty() && *name != b"authorization" && !name.iter().any(u8::is_ascii_uppercase))
        .collect();
    let operation = operation_of(body);
    let mut early = Vec::new();
    for headers_first in [false, true] {
        let mut gateway = Gateway::new(Options { headers_first, inline_keys: true });
        let intended = Intent { operation: headers_first.then(|| named(&more)), ..intent(Some(TOOLS)) };
        sound_request(&mut gateway, "/tools", &more, intended);
        if headers_first {
            exchange(&mut gateway);
        }
        gateway.body(1, (body.len() <= 1024).then_some(body), operation);
        exchange(&mut gateway);
        gateway.finish();
        early.push(gateway.refused.is_empty());
    }
    assert!(early[0] || !early[1], "the body is released on less than holding its headers would allow");
}

/// What the routing headers name, as the specification of them reads.
fn named(headers: &[(&[u8], &[u8])]) -> &'static str {
    let one = |name: &[u8]| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    if one(b"mcp-protocol-version") != Some(b"2026-07-28") || one(b"mcp-method") != Some(b"tools/call") {
        return "(resource)";
    }
    let Some(name) = one(b"mcp-name") else {
        return "(resource)";
    };
    let plain = MAPPED.iter().find(|mapped| mapped.as_bytes() == name);
    let coded = MAPPED.iter().find(|mapped| name == format!("=?base64?{}?=", standard_base64(mapped)).as_bytes());
    plain.or(coded).copied().unwrap_or("(unknown)")
}

fn standard_base64(text: &str) -> String {
    let mut coded = world::encode(text.as_bytes()).replace('-', "+").replace('_', "/");
    while !coded.len().is_multiple_of(4) {
        coded.push('=');
    }
    coded
}
