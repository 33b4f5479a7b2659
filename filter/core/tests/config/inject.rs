//! A secret in place of a token: what is accepted, refused and said, and that no message shows it.

use actgate_core::limits::{
    HEADER_NAME_BYTES_MAX, INJECTED_PREFIX_BYTES_MAX, INJECTED_SECRET_BYTES_MAX, INJECTED_SECRET_BYTES_MIN,
};
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

const PLACE: &str = "/resources/0/exchange";
const SECRET: &str = "sk-live-0123456789";

fn header(header: &str, secret: &str) -> Value {
    json!({ "as": "header", "header": header, "secret": { "insecure_inline": secret } })
}

fn said(inject: Value) -> String {
    message(&[Edit::Set(PLACE, json!({ "inject": inject }))])
}

#[test]
fn each_form_is_accepted_and_warned_about() {
    for inject in [
        header("x-api-key", SECRET),
        json!({ "as": "header", "header": "x-api-key", "prefix": "Token ", "secret": { "insecure_inline": SECRET } }),
        json!({ "as": "bearer", "secret": { "insecure_inline": SECRET } }),
        json!({ "as": "basic", "username": "svc", "secret": { "insecure_inline": SECRET } }),
        json!({ "as": "basic", "username": "", "secret": { "insecure_inline": SECRET } }),
    ] {
        let config = read(&edited(&[Edit::Set(PLACE, json!({ "inject": inject }))])).unwrap();
        let want = "resources[0].exchange.inject: the upstream learns neither for whom nor by which agent it is called, and the secret lasts until it is changed there";
        assert!(config.warnings.iter().any(|warning| warning == want), "{inject}: {:?}", config.warnings);
        assert!(config.warnings.iter().any(|warning| warning.contains("config_dump")), "{inject}");
        assert!(!format!("{config:?}").contains(SECRET), "{inject}");
    }
    // For the other protocols too: an agent may stand behind an API key.
    let inject = json!({ "inject": { "as": "bearer", "secret": { "insecure_inline": SECRET } } });
    assert_eq!(message(&[Edit::Set("/resources/1/exchange", inject)]), "accepted");
}

#[test]
fn every_fault_is_named() {
    let secret = json!({ "insecure_inline": SECRET });
    for (inject, want) in [
        (
            json!({ "secret": secret }),
            "resources[0].exchange.inject.as: missing; want \"bearer\", \"basic\" or \"header\": say how the secret is sent",
        ),
        (
            json!({ "as": "query", "secret": secret }),
            "resources[0].exchange.inject.as: found \"query\"; want \"bearer\", \"basic\" or \"header\": say how the secret is sent",
        ),
        (
            json!({ "as": "bearer" }),
            "resources[0].exchange.inject.secret: missing; want {\"env\": NAME} or {\"insecure_inline\": SECRET}: say where the secret comes from",
        ),
        (
            json!({ "as": "bearer", "secret": { "env": "NOT_SET" } }),
            "resources[0].exchange.inject.secret.env: environment variable \"NOT_SET\" is not set in the VM; want a secret: add it to vm_config.environment_variables.host_env_keys",
        ),
        (
            json!({ "as": "bearer", "secret": { "env": "SECRET" } }),
            "resources[0].exchange.inject.secret.env: found something else; want 8 to 4096 visible ASCII characters: it is sent exactly as it stands, and looked for in answers",
        ),
        (
            json!({ "as": "bearer", "header": "x-api-key", "secret": secret }),
            "resources[0].exchange.inject.header: found a value; want nothing, or \"as\": \"header\": it has no meaning otherwise",
        ),
        (
            json!({ "as": "basic", "username": "a", "prefix": "Token ", "secret": secret }),
            "resources[0].exchange.inject.prefix: found a value; want nothing, or \"as\": \"header\": it has no meaning otherwise",
        ),
        (
            json!({ "as": "bearer", "username": "a", "secret": secret }),
            "resources[0].exchange.inject.username: found a value; want nothing, or \"as\": \"basic\": it has no meaning otherwise",
        ),
        (
            json!({ "as": "header", "secret": secret }),
            "resources[0].exchange.inject.header: missing; want a header's name in lower case such as \"x-api-key\": say which header carries the secret",
        ),
        (
            json!({ "as": "basic", "secret": secret }),
            "resources[0].exchange.inject.username: missing; want visible ASCII characters without a colon: it stands before the secret; may be empty",
        ),
        (
            json!({ "as": "basic", "username": "a:b", "secret": secret }),
            "resources[0].exchange.inject.username: found something else; want visible ASCII characters without a colon: the upstream divides the two at the first colon",
        ),
        (
            json!({ "as": "header", "header": "x-api-key", "prefix": " Token", "secret": secret }),
            "resources[0].exchange.inject.prefix: found something else; want up to 128 ASCII characters such as \"Token \": it stands before the secret",
        ),
        (
            json!({ "as": "bearer", "secret": secret, "value": SECRET }),
            "resources[0].exchange.inject.value: unknown; want \"as\", \"header\", \"prefix\", \"secret\" or \"username\": correct the name, or remove the member",
        ),
    ] {
        let got = said(inject);
        // The order in which unknown members are listed is the reader's.
        let same =
            got == want || (want.contains("unknown") && got.starts_with("resources[0].exchange.inject.value: unknown"));
        assert!(same && !got.contains(SECRET), "{got}\n{want}");
    }
}

#[test]
fn a_header_that_means_something_else_is_refused() {
    for name in [
        "authorization",
        "cookie",
        "host",
        "connection",
        "transfer-encoding",
        "content-length",
        "content-type",
        "x-actgate-txn",
        "x-envoy-original-path",
        "x-forwarded-for",
        "mcp-session-id",
        "sec-fetch-mode",
        "dpop",
    ] {
        let got = said(header(name, SECRET));
        assert!(got.ends_with("this one means something else to a proxy, to the upstream or to this gateway"), "{got}");
    }
    for name in ["", "X-Api-Key", "x_api_key", ":path", "x api", "x\u{e9}"] {
        let got = said(header(name, SECRET));
        assert!(got.ends_with("the upstream reads it under that name"), "{got}");
    }
}

#[test]
fn bounds() {
    let at = |inject: Value| assert_eq!(said(inject), "accepted");
    let past = |inject: Value| assert!(said(inject).starts_with("resources[0].exchange.inject."));
    at(header("x-api-key", &"s".repeat(INJECTED_SECRET_BYTES_MIN)));
    past(header("x-api-key", &"s".repeat(INJECTED_SECRET_BYTES_MIN - 1)));
    at(header("x-api-key", &"s".repeat(INJECTED_SECRET_BYTES_MAX)));
    past(header("x-api-key", &"s".repeat(INJECTED_SECRET_BYTES_MAX + 1)));
    at(header(&"x".repeat(HEADER_NAME_BYTES_MAX), SECRET));
    past(header(&"x".repeat(HEADER_NAME_BYTES_MAX + 1), SECRET));
    let with = |name: &str, size: usize| {
        let form = if name == "prefix" {
            header("x-api-key", SECRET)
        } else {
            json!({ "as": "basic", "secret": { "insecure_inline": SECRET } })
        };
        let mut form = form;
        form[name] = json!("p".repeat(size));
        form
    };
    for name in ["prefix", "username"] {
        at(with(name, INJECTED_PREFIX_BYTES_MAX));
        past(with(name, INJECTED_PREFIX_BYTES_MAX + 1));
    }
    for secret in ["sk live 0123", "sk-live-0123\n", "sk-live-\u{e9}\u{e9}"] {
        past(header("x-api-key", secret));
    }
}
