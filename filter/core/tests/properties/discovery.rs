//! Metadata of every make: what is believed of it leads nowhere else.

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::documents::value;
use crate::metadata::metadata;

/// The right text and some that look like it.
fn issuer() -> impl Strategy<Value = Value> {
    let near = ["https://idp.example/resource/", "https://idp.example/Resource", "https://idp.example", ""];
    prop_oneof![
        6 => Just(Value::from("https://idp.example/resource")),
        2 => prop::sample::select(near.to_vec()).prop_map(Value::from),
        1 => value(),
    ]
}

fn endpoint() -> impl Strategy<Value = Value> {
    let parts =
        ["https", "http", "://", "idp.example", ":443", "@", ".evil", "/t", "?q", "#f", "\\", "%2e", "/../", " "];
    let pieces = prop::collection::vec(prop::sample::select(parts.to_vec()), 1..6);
    prop_oneof![
        4 => Just(Value::from("https://idp.example/resource/t")),
        4 => pieces.clone().prop_map(|pieces| Value::from(format!("https://idp.example{}", pieces.concat()))),
        2 => pieces.prop_map(|pieces| Value::from(pieces.concat())),
        1 => value(),
    ]
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn metadata_leads_nowhere_else(issuer in issuer(), token in endpoint(), keys in endpoint(), lists in value()) {
        let mut members = Map::new();
        for (name, value) in [
            ("issuer", issuer), ("token_endpoint", token), ("jwks_uri", keys), ("grant_types_supported", lists),
        ] {
            members.insert(name.to_owned(), value);
        }
        metadata(Value::Object(members).to_string().as_bytes());
    }
}
