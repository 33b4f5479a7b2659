//! JSON read strictly, so that no other reader of the same bytes can see a different document.
//!
//! Refused: a member name that occurs twice in an object at any level, a byte-order mark, bytes that are not UTF-8, lone surrogates,
//! numbers that are not finite, anything after the value, more members than [`JSON_MEMBERS_MAX`], and nesting beyond the caller's bound.
//! Nesting is counted while reading, so depth costs at most that bound in stack.
//! Memory is bounded by a small multiple of the input's length, which the caller bounds.
//! Errors carry no part of the input.

mod distinct;
mod head;
mod passed;
mod reader;
mod scalar;
pub(crate) mod span;
mod wanted;

use serde_json::Value;

use reader::Quoted;

use crate::limits::{JSON_DEPTH_CEILING, JSON_MEMBERS_MAX};
use crate::words::past_plain;

pub(crate) use head::{Head, Place, read_head};
use wanted::Found;
pub use wanted::Wanted;

/// Why bytes are not a document the gateway reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// It begins with a byte-order mark (RFC 8259 §8.1: "MUST NOT add").
    ByteOrderMark,
    /// An object has two members of one name (RFC 7519 §4: such tokens may be rejected).
    DuplicateName,
    /// It is not JSON (RFC 8259), or a number or a string in it stands for no value.
    Syntax,
    /// Arrays and objects are nested deeper than allowed.
    TooDeep,
    /// Its objects have more members than allowed.
    TooMany,
    /// Something follows the value.
    TrailingData,
    /// The bytes are not UTF-8.
    Utf8,
}

impl JsonError {
    /// The stable word for logs and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "json_byte_order_mark",
            Self::DuplicateName => "json_duplicate_name",
            Self::Syntax => "json_syntax",
            Self::TooDeep => "json_too_deep",
            Self::TooMany => "json_too_many",
            Self::TrailingData => "json_trailing_data",
            Self::Utf8 => "json_utf8",
        }
    }
}

/// Reads one JSON value.
///
/// `depth_max` counts arrays and objects: a scalar needs 0, `[]` needs 1, `[{}]` needs 2.
/// More than [`JSON_DEPTH_CEILING`] is read as that.
pub fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, JsonError> {
    read(bytes, depth_max, Keep::All)
}

/// Reads one JSON value as strictly as [`parse`], and keeps its outline: objects down to `levels`, and the scalars in them.
///
/// Arrays and deeper objects are checked member by member and come back empty.
/// A document of many small containers takes dozens of times its length when it is kept whole; its outline takes a small multiple.
pub fn parse_outline(bytes: &[u8], depth_max: usize, levels: usize) -> Result<Value, JsonError> {
    read(bytes, depth_max, Keep::Levels(levels))
}

/// The same of a document that is text already, as [`text`] gives it.
pub(crate) fn parse_outline_text(text: &str, depth_max: usize, levels: usize) -> Result<Value, JsonError> {
    read_text(text, depth_max, Keep::Levels(levels))
}

/// Writes a string as it stands in JSON, quotes included.
pub(crate) fn write_text(out: &mut String, text: &str) {
    if past_plain(text.as_bytes(), 0) == text.len() {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// Reads one JSON value as strictly as [`parse`], and keeps the wanted members: the scalars among them, and the objects that lead there.
///
/// Arrays and objects that are wanted themselves come back empty.
/// Of other members nothing is kept but that there are look-alikes of wanted ones: one name for those of each, with null.
pub fn parse_wanted(bytes: &[u8], depth_max: usize, wanted: &Wanted) -> Result<Value, JsonError> {
    read(bytes, depth_max, Keep::Wanted(wanted))
}

/// The same of the value that begins at `at` in a document that was accepted as [`parse_wanted`] accepts it.
///
/// What is not wanted is not checked again.
pub(crate) fn wanted_at(text: &str, at: usize, wanted: &Wanted) -> Result<Value, JsonError> {
    reader::read_accepted(text, at, JSON_DEPTH_CEILING, JSON_MEMBERS_MAX, Keep::Wanted(wanted))
}

/// The text of a document.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = core::str::from_utf8(bytes).map_err(|_| JsonError::Utf8)?;
    if text.starts_with('\u{feff}') { Err(JsonError::ByteOrderMark) } else { Ok(text) }
}

fn read(bytes: &[u8], depth_max: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
    read_text(text(bytes)?, depth_max, keep)
}

fn read_text(text: &str, depth_max: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
    reader::read(text, depth_max.min(JSON_DEPTH_CEILING), JSON_MEMBERS_MAX, keep)
}

/// How much of what was read is kept.
#[derive(Clone, Copy)]
enum Keep<'k> {
    All,
    /// Objects so deep, and no elements of arrays.
    Levels(usize),
    /// Those members, and no elements of arrays.
    Wanted(&'k Wanted),
}

impl<'k> Keep<'k> {
    /// Whether members of an object are kept.
    fn keeps_members(self) -> bool {
        match self {
            Self::All => true,
            Self::Levels(levels) => levels > 0,
            Self::Wanted(wanted) => wanted.keeps_any(),
        }
    }

    /// Under which name a member is kept, and what of its value; `None` for neither.
    fn member(self, name: Quoted<'_>) -> Option<(String, Option<Self>)> {
        match self {
            Self::All => Some((name.read(), Some(self))),
            Self::Levels(levels) => Some((name.read(), levels.checked_sub(1).map(Self::Levels))),
            Self::Wanted(wanted) => match wanted.find_written(name) {
                Found::Wanted(member) => Some((member.name.clone(), member.inside.as_deref().map(Self::Wanted))),
                // One name stands for all like it.
                Found::LookAlike(member) => Some((wanted.stand_in(member), None)),
                Found::Misleading(name) => Some((name.to_owned(), None)),
                Found::Noticed(letters) => Some((letters.into_iter().map(char::from).collect(), None)),
                Found::Other => None,
            },
        }
    }

    /// What is kept of the elements of an array.
    fn inside_array(self) -> Option<Self> {
        match self {
            Self::All => Some(self),
            Self::Levels(_) | Self::Wanted(_) => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(input: &[u8], want: Result<Value, JsonError>) {
        assert_eq!(parse(input, 8), want, "{}", String::from_utf8_lossy(input));
    }

    #[test]
    fn plain_documents_are_read_as_they_stand() {
        check(b"null", Ok(json!(null)));
        check(b" true\n", Ok(json!(true)));
        check(b"-7", Ok(json!(-7)));
        check(b"18446744073709551615", Ok(json!(u64::MAX)));
        check(b"1.5", Ok(json!(1.5)));
        check(b"\"\\u00e9\\ud83d\\ude00\"", Ok(json!("é😀")));
        check(b"{}", Ok(json!({})));
        check(br#"{"a":[1,{"b":"c"}],"d":{"a":null}}"#, Ok(json!({"a": [1, {"b": "c"}], "d": {"a": null}})));
        // Names that differ only in case are two names.
        check(br#"{"a":1,"A":2}"#, Ok(json!({"a": 1, "A": 2})));
    }

    #[test]
    fn every_fault_has_its_word() {
        let words: [(&[u8], &str); 6] = [
            (b"\xef\xbb\xbf{}", "json_byte_order_mark"),
            (br#"{"a":1,"a":1}"#, "json_duplicate_name"),
            (b"{", "json_syntax"),
            (b"[[[]]]", "json_too_deep"),
            (b"{}{}", "json_trailing_data"),
            (b"\"\xff\"", "json_utf8"),
        ];
        for (input, word) in words {
            assert_eq!(parse(input, 2).unwrap_err().code(), word);
        }
    }

    #[test]
    fn so_many_members_and_no_more_wherever_they_stand() {
        let flat = |count: usize| {
            let members: Vec<String> = (0..count).map(|at| format!("\"{at}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        // One member leads to the array, and the elements have the rest between them.
        let spread = |count: usize| format!("{{\"a\":[{},{}]}}", flat(count / 2), flat(count - count / 2 - 1));
        let documents: [&dyn Fn(usize) -> String; 2] = [&flat, &spread];
        for document in documents {
            assert!(parse_outline(document(JSON_MEMBERS_MAX).as_bytes(), 8, 1).is_ok());
            let past = document(JSON_MEMBERS_MAX + 1);
            assert_eq!(parse_outline(past.as_bytes(), 8, 1).unwrap_err(), JsonError::TooMany);
            assert_eq!(parse(past.as_bytes(), 8).unwrap_err().code(), "json_too_many");
        }
    }

    #[test]
    fn an_outline_keeps_scalars_and_forgets_what_is_deep() {
        let outline = |text: &str| parse_outline(text.as_bytes(), 8, 2);
        let document = r#"{"a":1,"b":{"c":"d","e":{"f":1},"g":[1]},"h":[{"i":1},[2],3]}"#;
        assert_eq!(outline(document), Ok(json!({"a": 1, "b": {"c": "d", "e": {}, "g": []}, "h": []})));
        assert_eq!(outline("[1,2]"), Ok(json!([])));
        assert_eq!(outline("7"), Ok(json!(7)));
    }

    #[test]
    fn what_is_wanted_is_kept_and_of_the_rest_what_is_like_it() {
        let mut wanted = Wanted::default();
        wanted.add(["a"]);
        wanted.add(["b", "c"]);
        wanted.add(["h", "i"]);
        let read = |text: &str| parse_wanted(text.as_bytes(), 8, &wanted);
        let document = r#"{"a":1,"b":{"c":"d","e":{"f":1},"C":"x"},"g":{"a":1},"h":[{"i":1}],"A":[1],"_a":2}"#;
        let kept = json!({"a": 1, "a_": null, "b": {"c": "d", "c_": null}, "h": []});
        assert_eq!(read(document), Ok(kept));
        assert_eq!(read(r#"{"a":{"x":1},"b":7}"#), Ok(json!({"a": {}, "b": 7})));
        assert_eq!(read(r#"{"g":{"x":1,"x":2}}"#), Err(JsonError::DuplicateName));
    }

    #[test]
    fn an_outline_is_as_strict_as_the_whole() {
        for (text, want) in [
            (r#"{"a":{"b":{"c":{"x":1,"x":2}}}}"#, JsonError::DuplicateName),
            (r#"{"a":[[{"x":1,"x":2}]]}"#, JsonError::DuplicateName),
            (r#"{"a":{"b":{"x":[],"\u0078":[]}}}"#, JsonError::DuplicateName),
            (r#"{"a":[[[[[[[[1]]]]]]]]}"#, JsonError::TooDeep),
            (r#"{"a":[1e999]}"#, JsonError::Syntax),
            (r#"{"a":["\ud800"]}"#, JsonError::Syntax),
            (r#"{"a":[1,]}"#, JsonError::Syntax),
            (r#"{"a":[]} 1"#, JsonError::TrailingData),
        ] {
            assert_eq!(parse(text.as_bytes(), 8), Err(want), "{text}");
            assert_eq!(parse_outline(text.as_bytes(), 8, 1), Err(want), "{text}");
        }
    }

    #[test]
    fn a_name_may_occur_once_per_object() {
        check(br#"{"sub":"a","sub":"b"}"#, Err(JsonError::DuplicateName));
        check(br#"{"sub":"a","sub":"a"}"#, Err(JsonError::DuplicateName));
        check(br#"{"sub":"a","su\u0062":"b"}"#, Err(JsonError::DuplicateName));
        check(br#"{"act":{"sub":"a","sub":"b"}}"#, Err(JsonError::DuplicateName));
        check(br#"[[{"a":1,"b":[],"a":1}]]"#, Err(JsonError::DuplicateName));
    }

    #[test]
    fn nothing_may_stand_before_or_after() {
        check(b"\xef\xbb\xbf{}", Err(JsonError::ByteOrderMark));
        check(b"{} {}", Err(JsonError::TrailingData));
        check(b"{}\0", Err(JsonError::TrailingData));
        check(b"1 x", Err(JsonError::TrailingData));
        check(b"", Err(JsonError::Syntax));
    }

    #[test]
    fn bytes_and_escapes_must_be_text() {
        check(b"\"\xff\"", Err(JsonError::Utf8));
        // A surrogate encoded as if it were a character.
        check(b"\"\xed\xa0\x80\"", Err(JsonError::Utf8));
        check(b"{\x00}", Err(JsonError::Syntax));
        for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#"{"\ud800":1}"#] {
            check(lone.as_bytes(), Err(JsonError::Syntax));
        }
        check(b"\"a\nb\"", Err(JsonError::Syntax));
    }

    #[test]
    fn what_is_nearly_json_is_not_json() {
        for text in [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "-1e999",
            "01",
            "+1",
            ".5",
            "1.",
            "tru",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "// x\n1",
            "[1 2]",
            "{\"a\" 1}",
            "[",
            "{",
            "\"",
        ] {
            check(text.as_bytes(), Err(JsonError::Syntax));
        }
    }

    #[test]
    fn depth_is_bounded_at_exactly_the_bound() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(8).as_bytes(), 8).is_ok());
        assert_eq!(parse(nested(9).as_bytes(), 8), Err(JsonError::TooDeep));
        assert!(parse(b"1", 0).is_ok());
        assert_eq!(parse(b"{}", 0), Err(JsonError::TooDeep));
        let objects = r#"{"a":{"a":{"a":1}}}"#;
        assert!(parse(objects.as_bytes(), 3).is_ok());
        assert_eq!(parse(objects.as_bytes(), 2), Err(JsonError::TooDeep));
    }

    #[test]
    fn depth_never_passes_the_ceiling_nor_the_stack() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(JSON_DEPTH_CEILING).as_bytes(), usize::MAX).is_ok());
        let past = JSON_DEPTH_CEILING.checked_add(1).unwrap();
        assert_eq!(parse(nested(past).as_bytes(), usize::MAX), Err(JsonError::TooDeep));
        assert_eq!(parse("[".repeat(1 << 20).as_bytes(), usize::MAX), Err(JsonError::TooDeep));
    }
}
