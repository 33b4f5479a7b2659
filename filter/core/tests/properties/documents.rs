//! JSON, read strictly.

use actgate_core::json::{self, JsonError};
use actgate_core::limits::JSON_DEPTH_CEILING;
use proptest::prelude::*;
use serde_json::Value;

/// Any document of moderate size.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has finite numbers only", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Text that is often nearly JSON.
fn nearly() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "\"\\u0061\"",
            "1",
            "-0",
            "1e9",
            "1e400",
            "0.5",
            "null",
            "true",
            " ",
            "\"",
            "\\",
            "\\ud800",
            "\u{feff}",
        ]),
        0..14,
    )
    .prop_map(|parts| parts.concat())
}

fn agrees(text: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(strict) = json::parse(text, 64) {
        let lax: Value = serde_json::from_slice(text).unwrap();
        prop_assert_eq!(strict, lax);
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn what_is_accepted_is_what_any_reader_reads(value in value()) {
        let text = value.to_string();
        prop_assert_eq!(json::parse(text.as_bytes(), JSON_DEPTH_CEILING), Ok(serde_json::from_str(&text).unwrap()));
    }

    #[test]
    fn what_is_nearly_json_is_read_alike_or_not_at_all(text in nearly()) {
        agrees(text.as_bytes())?;
    }

    #[test]
    fn any_bytes_are_read_alike_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees(&bytes)?;
    }

    #[test]
    fn a_name_that_comes_twice_is_never_accepted(
        name in "[a-z]{1,4}",
        one in value(),
        other in value(),
        between in "[a-z]{5,6}",
        escaped: bool,
        above in 0..6usize,
    ) {
        let spelt: String = name.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        let again = if escaped { spelt } else { name.clone() };
        let inner = format!("{{\"{name}\":{one},\"{between}\":0,\"{again}\":{other}}}");
        let text = format!("{}{inner}{}", "[{\"x\":".repeat(above), "}]".repeat(above));
        prop_assert_eq!(json::parse(text.as_bytes(), JSON_DEPTH_CEILING), Err(JsonError::DuplicateName));
    }
}
