//! The reader held against serde's own parser, which reads the same documents by other means.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::super::{JsonError, Keep, Wanted};
use super::{Quoted, read};
use crate::words::past_plain;

const DEPTH_MAX: usize = 6;
const MEMBERS_MAX: usize = 9;
const NOTHING: Keep<'static> = Keep::Levels(0);

fn by_serde(text: &str, keep: Keep<'_>) -> Result<Value, JsonError> {
    let (fault, members_left) = (Cell::new(None), Cell::new(MEMBERS_MAX));
    let strict = Strict { depth_left: DEPTH_MAX, keep, fault: &fault, members_left: &members_left };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = strict.deserialize(&mut deserializer).map_err(|_| fault.get().unwrap_or(JsonError::Syntax))?;
    deserializer.end().map_err(|_| JsonError::TrailingData)?;
    Ok(value)
}

/// Builds a [`Value`] and leaves in `fault` what serde's own error cannot say.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth_left: usize,
    keep: Keep<'f>,
    fault: &'f Cell<Option<JsonError>>,
    members_left: &'f Cell<usize>,
}

impl<'f> Strict<'f> {
    fn fail<T, E: serde::de::Error>(self, fault: JsonError) -> Result<T, E> {
        self.fault.set(Some(fault));
        Err(E::custom(""))
    }

    /// The same, one level further in.
    fn enter<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => self.fail(JsonError::TooDeep),
        }
    }

    fn keeping(self, keep: Option<Keep<'f>>) -> Self {
        Self { keep: keep.unwrap_or(NOTHING), ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => self.fail(JsonError::Syntax),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let kept = self.keep.inside_array();
        let inner = self.enter()?.keeping(kept);
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            if kept.is_some() {
                array.push(element);
            }
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let (mut object, mut names) = (Map::new(), BTreeSet::new());
        while let Some(name) = members.next_key::<String>()? {
            match self.members_left.get().checked_sub(1) {
                Some(left) => self.members_left.set(left),
                None => return self.fail(JsonError::TooMany),
            }
            if !names.insert(name.clone()) {
                self.fault.set(Some(JsonError::DuplicateName));
                return Err(A::Error::custom(""));
            }
            let quoted = Value::from(name).to_string();
            let kept = self.keep.member(Quoted(quoted.trim_matches('"')));
            let inside = kept.as_ref().and_then(|(_, inside)| *inside);
            let value = members.next_value_seed(inner.keeping(inside))?;
            if let Some((name, _)) = kept {
                object.insert(name, if inside.is_some() { value } else { Value::Null });
            }
        }
        Ok(Value::Object(if self.keep.keeps_members() { object } else { Map::new() }))
    }
}

/// What documents are made of, and what nearly is.
const PIECES: [&str; 62] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"\\u0061\"",
    "\"A\"",
    "\"a\":",
    "\"b\":",
    "\"c\":{",
    "\"d\":[",
    "{\"a\":1}",
    "{\"b\":{\"a\":\"x\",\"b\":2}}",
    "[1,\"b\"]",
    "1",
    "-0",
    "0",
    "01",
    "-",
    "-1",
    "1.",
    ".5",
    "0.5",
    "1.0",
    "1e9",
    "1E+9",
    "1e-",
    "1e400",
    "-1e400",
    "1e-400",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890.5",
    "null",
    "true",
    "false",
    "nul",
    "truex",
    " ",
    "\n",
    "\t\r",
    "\u{a0}",
    "\"",
    "\\",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83dx\"",
    "\"\\udc00\"",
    "\"\\u00g0\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"a long text that takes more than one word, é\"",
    "\"\u{1f}\"",
];

fn nearly() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..16).prop_map(|pieces| pieces.concat())
}

/// A document, of which one byte may have become another.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}", inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    });
    let change = prop::option::of((any::<prop::sample::Index>(), 0..0x80_u8));
    (value, any::<bool>(), change).prop_map(|(value, pretty, change)| {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = change {
            *at.get_mut(&mut bytes) = byte;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn same(text: &str) -> Result<(), TestCaseError> {
    let mut wanted = Wanted::default();
    wanted.add(["a"]);
    wanted.add(["b", "a"]);
    wanted.add(["c", "d", "a"]);
    for keep in [Keep::All, Keep::Levels(0), Keep::Levels(1), Keep::Levels(2), Keep::Wanted(&wanted)] {
        prop_assert_eq!(read(text, DEPTH_MAX, MEMBERS_MAX, keep), by_serde(text, keep), "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_nearly_a_document_is_read_as_serde_reads_it(text in nearly()) {
        same(&text)?;
    }

    #[test]
    fn documents_and_their_neighbours_are_read_as_serde_reads_them(text in document()) {
        same(&text)?;
    }

    #[test]
    fn a_text_ends_at_the_first_byte_that_ends_it(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0..48_usize) {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let rest = bytes.get(at..).unwrap_or_default();
        let want = at + rest.iter().position(special).unwrap_or(rest.len());
        prop_assert_eq!(past_plain(&bytes, at), want);
    }
}

#[test]
fn a_number_is_finite_wherever_it_stands() {
    for digits in [200, 201, 300, 309, 310, 400] {
        for number in [
            "9".repeat(digits),
            format!("-{}", "9".repeat(digits)),
            format!("{}.5", "9".repeat(digits)),
            format!("{}e99", "9".repeat(digits)),
            format!("{}e109", "9".repeat(digits)),
        ] {
            same(&format!("[{number}]")).unwrap();
        }
    }
}
/// Rules hold of what is kept of a document in place of it, and of what is found in one that was read before.
mod kept_for_rules {
    use super::*;
    use crate::json::{parse, parse_wanted, wanted_at};
    use crate::jwt::Claims;
    use crate::value_rules::{MemberPointer, MemberRules, Rule};

    const POINTERS: [&str; 8] = ["/a", "/b/a", "/a~1b", "/~0", "/", "/c/d/a", "/é", "/b"];

    const NAMES: [&str; 12] = [
        "\"a\"",
        "\"\\u0061\"",
        "\"b\"",
        "\"B\"",
        "\"a/b\"",
        "\"a\\/b\"",
        "\"~\"",
        "\"\"",
        "\"c\"",
        "\"d\"",
        "\"é\"",
        "\"\\u00e9\"",
    ];

    const VALUES: [&str; 24] = [
        "1",
        "1.0",
        "1e2",
        "100",
        "-0",
        "0",
        "-0.0",
        "1E-2",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "9007199254740993",
        "true",
        "null",
        "\"x\"",
        "\"\\u0078\"",
        "\"\\ud83d\\ude00\"",
        "\"u1\"",
        "\"..\"",
        "\"1\"",
        "[]",
        "[1,{\"a\":1}]",
        "{}",
        "[[{\"a\":\"]}\"}]]",
    ];

    fn value() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(VALUES.as_slice()).prop_map(ToOwned::to_owned);
        scalar.prop_recursive(3, 24, 5, object)
    }

    fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let member =
            (prop::sample::select(NAMES.as_slice()), value, prop::sample::select(["", " ", "\n\t"].as_slice()));
        prop::collection::vec(member, 0..5).prop_map(|members| {
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value, space)| format!("{space}{name}{space}:{space}{value}{space}"))
                .collect();
            format!("{{{}}}", members.join(","))
        })
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let values: Vec<Value> = VALUES.iter().take(20).map(|text| serde_json::from_str(text).unwrap()).collect();
        let number =
            || prop::sample::select(["1", "1.0", "100", "0", "-0.0", "18446744073709551615", "1e20"].as_slice());
        let number = move || prop::option::of(number().prop_map(|text| serde_json::from_str::<Number>(text).unwrap()));
        prop_oneof![
            Just(Rule { absent: true, ..Rule::default() }),
            Just(Rule { required: true, ..Rule::default() }),
            prop::collection::vec(prop::sample::select(values), 1..4)
                .prop_map(|values| Rule { one_of: Some(values), ..Rule::default() }),
            (number(), number()).prop_map(|(min, max)| Rule { min, max, ..Rule::default() }),
            Just(Rule { length_max: Some(1), ..Rule::default() }),
            Just(Rule { prefix: Some("x".to_owned()), ..Rule::default() }),
            Just(Rule { equals_claim: Some("/sub".to_owned()), ..Rule::default() }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rules_decide_as_on_the_whole_document(
            text in object(value()),
            rules in prop::collection::vec((prop::sample::select(POINTERS.as_slice()), rule()), 1..4),
        ) {
            let claims = Claims::parse(br#"{"sub":"u1"}"#).unwrap();
            let rules = rules.into_iter().map(|(at, rule)| (MemberPointer::parse(at).unwrap(), rule)).collect();
            let rules = MemberRules::new(rules);
            let holds = |document: Value| rules.hold(document.as_object().unwrap(), &claims);
            let whole = parse(text.as_bytes(), 16);
            let kept = parse_wanted(text.as_bytes(), 16, rules.wanted());
            prop_assert_eq!(whole.as_ref().err(), kept.as_ref().err());
            // What stands before and after in a document that was accepted is no part of it.
            let inside = format!("[ {text}, {{\"a\":1}}]");
            prop_assert_eq!(parse(inside.as_bytes(), 16).is_ok(), whole.is_ok());
            if let (Ok(whole), Ok(kept)) = (whole, kept) {
                let want = holds(whole);
                prop_assert_eq!(holds(kept), want, "{}", text);
                prop_assert_eq!(holds(wanted_at(&inside, 1, rules.wanted()).unwrap()), want, "{}", text);
            }
        }
    }
}

/// Names that are written in several ways, of letters of every length, long enough to be told apart in several steps.
fn name() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(
        [
            "a",
            "\\u0061",
            "b",
            "\\n",
            "\\u000a",
            "\\\"",
            "\\u0000",
            "\u{e9}",
            "\\u00e9",
            "\u{4e00}",
            "\u{1f600}",
            "\\ud83d\\ude00",
            "_",
        ]
        .as_slice(),
    );
    prop::collection::vec(letter, 0..7).prop_map(|letters| letters.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_are_told_apart_as_their_texts_are(common in name(), names in prop::collection::vec(name(), 1..24), whole in any::<bool>()) {
        let names: Vec<String> = names.iter().map(|name| format!("\"{common}{name}\"")).collect();
        let texts: BTreeSet<String> = names.iter().map(|name| serde_json::from_str(name).unwrap()).collect();
        let text = format!("{{{}}}", names.iter().map(|name| format!("{name}:0")).collect::<Vec<_>>().join(","));
        let keep = if whole { Keep::All } else { NOTHING };
        prop_assert_eq!(read(&text, 2, 100, keep).is_ok(), texts.len() == names.len(), "{}", text);
    }
}

#[test]
fn names_are_told_apart_however_many_and_however_written() {
    let wanted = Wanted::default();
    for count in [1, 2, 8, 9, 40] {
        for length in [0, 1, 7, 8, 9, 300] {
            for escaped in [false, true] {
                let name = |at: usize| {
                    let first = if escaped && at.is_multiple_of(2) { "\\u0061" } else { "a" };
                    format!("\"{first}{}{at:02}\":0", "x".repeat(length))
                };
                let names: Vec<String> = (0..count).map(name).collect();
                let read = |names: &str| read(&format!("{{{names}}}"), 2, 100, Keep::Wanted(&wanted));
                assert!(read(&names.join(",")).is_ok(), "{count} {length} {escaped}");
                let again = format!("\"a{}{:02}\":0", "x".repeat(length), count / 2);
                let both = format!("{},{again}", names.join(","));
                assert_eq!(read(&both), Err(JsonError::DuplicateName), "{count} {length} {escaped}");
                // It was the first fault, whatever came after it.
                assert_eq!(read(&format!("{both},{{")), Err(JsonError::DuplicateName), "{count} {length} {escaped}");
            }
        }
    }
}
