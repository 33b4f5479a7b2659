//! Paths: only one that has a single reading leads anywhere.

use proptest::prelude::*;

use crate::gateway::{Gateway, Intent};
use crate::world::{Options, PEER, START, TOOLS};

/// RFC 3986 §6.2.2, as the most eager server does it: escapes decoded until none is left, parameters cut,
/// backslashes turned, empty and dot segments resolved.
fn most_eager_reading(path: &str) -> String {
    let decoded = decode(path).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            plain => segments.push(plain),
        }
    }
    let slash = if decoded.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{slash}", segments.join("/"))
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    if decoded == text { decoded } else { decode(&decoded) }
}

/// The code of the refusal of a request without a credential.
fn refusal(target: &str) -> &'static str {
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let headers: [(&[u8], &[u8]); 3] =
        [(b":method", b"POST"), (b":path", target.as_bytes()), (b":authority", b"gateway.example")];
    let intent = Intent { sound: false, sub: String::new(), resource: Some(TOOLS), expires_at: START, operation: None };
    gateway.request(&headers, Some(PEER), false, intent);
    gateway.refused[0]
}

fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/", "/", "tools", "tools", "agents", "a", ".", "..", "%2e", "%2F", "%252e", ";", ";x", "\\", "//", "%", "#",
        " ", "%5c", "%00", "é", "~", "@", ":", "+", "Tools",
    ]);
    (prop::collection::vec(part, 0..8), any::<bool>()).prop_map(|(parts, rooted)| {
        let path = parts.concat();
        if rooted { format!("/tools{path}") } else { path }
    })
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    #[test]
    fn a_path_that_leads_to_a_resource_has_one_reading(path in path(), query in "(\\?[a-z%./;#=]{0,8})?") {
        if refusal(&format!("{path}{query}")) == "credential_missing" {
            let read = most_eager_reading(&path);
            prop_assert_eq!(&path, &read);
            let prefixes = ["/tools", "/opaque", "/agents"];
            let beneath = prefixes.iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")));
            prop_assert!(beneath, "{}", path);
        }
    }

    #[test]
    fn a_plain_path_beneath_a_prefix_leads_to_it(rest in "(/[a-z0-9_~-]{1,5}){0,4}/?") {
        prop_assert_eq!(refusal(&format!("/tools{rest}")), "credential_missing");
    }
}
