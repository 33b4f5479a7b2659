//! Answers instead of honest ones, and honest ones spoilt.
//!
//! Guaranteed: nothing here touches a token; what a token says is spoilt where it is signed.

use serde_json::json;

use super::Misbehaviour;
use crate::dev::issuer::http::HttpResponse;

/// The answer that is given instead of an honest one.
pub(crate) fn replacement(broken: &[Misbehaviour]) -> Option<HttpResponse> {
    broken.iter().find_map(|how| match how {
        Misbehaviour::Status(status) => Some(HttpResponse::text(*status, "text/plain", "out of order")),
        Misbehaviour::Garbage => Some(HttpResponse::text(200, "application/json", b"\xff{not json".to_vec())),
        Misbehaviour::Huge(mib) => Some(huge(*mib)),
        Misbehaviour::Empty => Some(HttpResponse { status: 200, ..HttpResponse::default() }),
        Misbehaviour::Redirect => {
            let response = HttpResponse { status: 302, ..HttpResponse::default() };
            Some(response.with("location", "https://elsewhere.example/token"))
        }
        Misbehaviour::Error(error) => Some(oauth_error(error)),
        Misbehaviour::Claim(..)
        | Misbehaviour::Member(..)
        | Misbehaviour::Widen
        | Misbehaviour::DropAct
        | Misbehaviour::SwapSub
        | Misbehaviour::ReuseJag
        | Misbehaviour::GiveBack
        | Misbehaviour::GiveBackActor
        | Misbehaviour::WrongAud
        | Misbehaviour::WrongIss
        | Misbehaviour::WrongTyp
        | Misbehaviour::Expired
        | Misbehaviour::LongLived
        | Misbehaviour::UnknownKey
        | Misbehaviour::BadSignature
        | Misbehaviour::Opaque
        | Misbehaviour::NoExpiresIn
        | Misbehaviour::DemandNonce
        | Misbehaviour::InsistOnNonce
        | Misbehaviour::Nonce(_)
        | Misbehaviour::Slow(_)
        | Misbehaviour::WrongContentType
        | Misbehaviour::DuplicateKeys
        | Misbehaviour::DeepNesting => None,
    })
}

fn huge(mib: u64) -> HttpResponse {
    let length = usize::try_from(mib).unwrap_or(1).saturating_mul(1 << 20);
    let body = [br#"{"access_token":""#.to_vec(), vec![b'a'; length], br#""}"#.to_vec()].concat();
    HttpResponse::text(200, "application/json", body)
}

fn oauth_error(error: &str) -> HttpResponse {
    let mut body = json!({ "error": error, "error_description": "as ordered" });
    match error {
        "interaction_required" => {
            body["interaction_uri"] = json!("https://streamward.okta.example/interact/1");
            body["interval"] = json!(5);
            body["expires_in"] = json!(600);
        }
        "insufficient_user_authentication" => body["max_age"] = json!(60),
        _ => {}
    }
    HttpResponse::json(if error == "invalid_client" { 401 } else { 400 }, &body)
}

/// Spoils an answer that was honest so far.
pub(crate) fn mangle(broken: &[Misbehaviour], response: &mut HttpResponse) {
    if let Some(delay_ms) = broken.iter().find_map(|how| match how {
        Misbehaviour::Slow(delay_ms) => Some(*delay_ms),
        _ => None,
    }) {
        response.delay_ms = delay_ms;
    }
    if broken.contains(&Misbehaviour::WrongContentType) {
        response.headers.retain(|(name, _)| name != "content-type");
        response.headers.push(("content-type".to_owned(), "text/html".to_owned()));
    }
    if broken.contains(&Misbehaviour::DuplicateKeys) {
        prepend_member(response, &duplicate(response));
    }
    if broken.contains(&Misbehaviour::DeepNesting) {
        prepend_member(response, &format!("\"deep\":{}{}", "[".repeat(1000), "]".repeat(1000)));
    }
}

/// A first member of the same name and another value: whoever keeps the last one notices nothing.
fn duplicate(response: &HttpResponse) -> String {
    let body = response.body_json();
    let name = ["keys", "token_endpoint", "active"]
        .into_iter()
        .find(|name| body.get(name).is_some())
        .unwrap_or("access_token");
    format!("\"{name}\":\"other\"")
}

fn prepend_member(response: &mut HttpResponse, member: &str) {
    if response.body.first() == Some(&b'{') {
        let rest = response.body.split_off(1);
        let comma = if rest.first() == Some(&b'}') { "" } else { "," };
        response.body.extend_from_slice(member.as_bytes());
        response.body.extend_from_slice(comma.as_bytes());
        response.body.extend_from_slice(&rest);
    }
}
