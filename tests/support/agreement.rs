//! Whether the same case came to the same in two places.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::gateway::{Observation, Seen};

/// What proxies say to upstreams or about a connection, and what is drawn anew for each request.
const OF_THE_PROXY: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "server",
    "transfer-encoding",
    "x-actgate-txn",
    "x-forwarded-proto",
    "x-request-id",
];

/// Credentials: made anew at each place, so only what they say is compared.
const CREDENTIALS: [&str; 3] = ["authorization", "dpop", "txn-token"];

/// Claims that are of one token or one proof alone.
const OF_ONE_TOKEN: [&str; 8] = ["iat", "exp", "nbf", "jti", "txn", "auth_time", "ath", "nonce"];

/// The first step of `case` in which `seen` and `wanted` differ: in status, code, the gateway's own reply, or what the upstream got.
pub fn agree(case: &str, seen: &[Observation], wanted: &[Observation]) -> Result<(), String> {
    for (step, (seen, wanted)) in seen.iter().zip(wanted).enumerate() {
        differ(seen, wanted).map_or(Ok(()), |what| Err(format!("{case} step {step}: {what}")))?;
    }
    if seen.len() == wanted.len() { Ok(()) } else { Err(format!("{case}: {} and {} steps", seen.len(), wanted.len())) }
}

fn differ(seen: &Observation, wanted: &Observation) -> Option<String> {
    if (seen.status, seen.code()) != (wanted.status, wanted.code()) {
        return Some(format!("{} {}, not {} {}", seen.status, seen.code(), wanted.status, wanted.code()));
    }
    match (&seen.upstream, &wanted.upstream) {
        (None, None) => replies_differ(seen, wanted),
        (Some(seen), Some(wanted)) => requests_differ(seen, wanted),
        (seen, _) => Some(format!("the upstream was reached: {}", seen.is_some())),
    }
}

/// Replies of the gateway's own: their headers, and their bodies but for the transaction.
fn replies_differ(seen: &Observation, wanted: &Observation) -> Option<String> {
    let headers = |reply: &Observation| own(&reply.headers, &[]);
    let body = |reply: &Observation| {
        let txn = reply.headers.iter().find(|(name, _)| name == "x-actgate-txn").map(|(_, txn)| txn.clone());
        String::from_utf8_lossy(&reply.body).replace(&txn.unwrap_or_else(|| "no transaction".to_owned()), "txn")
    };
    let (ours, theirs) = (headers(seen), headers(wanted));
    if ours != theirs {
        return Some(format!("reply headers {ours:?}, not {theirs:?}"));
    }
    (body(seen) != body(wanted)).then(|| format!("reply {}, not {}", body(seen), body(wanted)))
}

/// What upstreams got: the path, every header, what the credentials say, and the body to the byte.
fn requests_differ(seen: &Seen, wanted: &Seen) -> Option<String> {
    if seen.all(":path") != wanted.all(":path") {
        return Some(format!("path {:?}, not {:?}", seen.all(":path"), wanted.all(":path")));
    }
    let (ours, theirs) = (own(&seen.headers, &CREDENTIALS), own(&wanted.headers, &CREDENTIALS));
    if ours != theirs {
        return Some(format!("upstream headers {ours:?}, not {theirs:?}"));
    }
    for name in CREDENTIALS {
        let said = |seen: &Seen| seen.all(name).into_iter().map(says).collect::<Vec<_>>();
        if said(seen) != said(wanted) {
            return Some(format!("{name} {:?}, not {:?}", said(seen), said(wanted)));
        }
    }
    (seen.body != wanted.body).then(|| {
        let text = |seen: &Seen| String::from_utf8_lossy(&seen.body).chars().take(500).collect::<String>();
        format!("upstream body {}, not {}", text(seen), text(wanted))
    })
}

/// The headers that neither a proxy adds nor `but` names; one that is there several times is joined, as proxies may.
fn own(headers: &[(String, String)], but: &[&str]) -> BTreeMap<String, String> {
    let of_a_proxy = |name: &str| {
        name.starts_with(':') || name.starts_with("x-envoy-") || OF_THE_PROXY.contains(&name) || but.contains(&name)
    };
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !of_a_proxy(name)) {
        own.entry(name.clone())
            .and_modify(|joined| *joined = format!("{joined},{value}"))
            .or_insert_with(|| value.clone());
    }
    own
}

/// A credential's scheme and its claims, without those of one token alone; of an opaque one nothing, and any other says itself.
fn says(credential: &str) -> (String, Value) {
    let (scheme, token) = credential.split_once(' ').unwrap_or(("", credential));
    if token.starts_with("opaque-") {
        return (scheme.to_owned(), Value::Null);
    }
    if token.split('.').count() != 3 || !token.starts_with("eyJ") {
        return (credential.to_owned(), Value::Null);
    }
    let mut claims = actgate::dev::mint::claims_of(token);
    for name in OF_ONE_TOKEN {
        claims.as_object_mut().map(|claims| claims.remove(name));
    }
    (scheme.to_owned(), claims)
}
