use serde_json::json;

use super::*;
use crate::config::Endpoint;
use crate::time::Seconds;

const ISSUER: &str = "https://as.example/tenant";

fn discovery() -> Discovery {
    let endpoint = Endpoint::parse("https://as.example/.well-known/oauth-authorization-server/tenant").unwrap();
    Discovery {
        endpoint,
        cluster: "as".to_owned(),
        refresh: Seconds::new(60),
        max_stale: Seconds::new(60),
        authorities: Vec::new(),
    }
}

fn read_bytes(body: &[u8]) -> Result<Found, &'static str> {
    let needs = Needs { token_endpoint: true, jwks_uri: true, grants: vec!["g"], methods: vec!["m"] };
    let answer = CalloutAnswer::response(200, Some(b"application/json"), body);
    read(&answer, ISSUER, &discovery(), &needs)
}

fn good() -> Value {
    json!({"issuer": ISSUER, "token_endpoint": "https://as.example/t", "jwks_uri": "https://as.example/k"})
}

#[test]
fn the_length_holds_at_the_bound_and_not_one_past() {
    let padded = |bytes: usize| {
        let mut document = good().to_string();
        document.push_str(&" ".repeat(bytes - document.len()));
        read_bytes(document.as_bytes())
    };
    assert!(padded(METADATA_BYTES_MAX).is_ok());
    assert_eq!(padded(METADATA_BYTES_MAX + 1), Err("larger than metadata may be"));
}

/// RFC 8414 §3.2: "A successful response MUST use the 200 OK HTTP status code".
#[test]
fn only_one_status_is_an_answer() {
    let body = good().to_string();
    for (status, want) in [(200, true), (201, false), (204, false), (302, false), (404, false), (500, false)] {
        let answer = CalloutAnswer::response(status, Some(b"application/json"), body.as_bytes());
        assert_eq!(read(&answer, ISSUER, &discovery(), &Needs::default()).is_ok(), want, "{status}");
    }
    assert_eq!(read(&CalloutAnswer::Failed, ISSUER, &discovery(), &Needs::default()), Err("no answer"));
}

#[test]
fn what_is_needed_must_be_there_and_what_is_not_need_not() {
    for (left_out, want) in [("token_endpoint", "no token_endpoint"), ("jwks_uri", "no jwks_uri")] {
        let mut document = good();
        document.as_object_mut().unwrap().remove(left_out);
        let body = document.to_string();
        assert_eq!(read_bytes(body.as_bytes()), Err(want));
        let answer = CalloutAnswer::response(200, Some(b"application/json"), body.as_bytes());
        assert!(read(&answer, ISSUER, &discovery(), &Needs::default()).is_ok());
    }
}

#[test]
fn the_depth_holds_at_the_bound_and_not_one_past() {
    let nested = |depth: usize| {
        let mut document = good();
        document["x"] = (1..depth).fold(json!(0), |inner, _| json!([inner]));
        read_bytes(document.to_string().as_bytes())
    };
    assert!(nested(METADATA_JSON_DEPTH_MAX).is_ok());
    assert_eq!(nested(METADATA_JSON_DEPTH_MAX + 1), Err("not one object of strict JSON"));
}

#[test]
fn what_is_not_listed_is_told_and_what_has_no_list_is_not() {
    let unlisted = |more: Value| {
        let mut document = good();
        document.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        read_bytes(document.to_string().as_bytes()).map(|found| found.unlisted)
    };
    let (grants, methods) = ("grant_types_supported", "token_endpoint_auth_methods_supported");
    assert_eq!(unlisted(json!({})), Ok(vec![]));
    assert_eq!(unlisted(json!({grants: ["a", "g"], methods: ["m"]})), Ok(vec![]));
    assert_eq!(unlisted(json!({grants: [], methods: ["n"]})), Ok(vec!["g", "m"]));
    assert_eq!(unlisted(json!({grants: null})), Err("a list is not a list of texts"));
}
