//! Where things stand in a document that was read strictly before: ranges of its text, and no copy of it.
//!
//! For text that [`super::parse`] or [`super::parse_outline`] accepted. On any other the ranges mean nothing, but nothing is read out of bounds
//! and nothing takes longer than the text is long. Nesting costs no stack.

use std::borrow::Cow;
use std::ops::Range;

use crate::words::{past_plain, past_unbracketed};

/// A member of an object: its name as it is read, and where its value stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member<'t> {
    pub(crate) name: Cow<'t, str>,
    pub(crate) value: Range<usize>,
}

/// The members of the object at `at`; none where there is no object.
pub(crate) fn members(text: &str, at: Range<usize>) -> Members<'_> {
    Members(Inside::of(text, at, b'{'))
}

/// Where the elements of the array at `at` stand; none where there is no array.
pub(crate) fn elements(text: &str, at: Range<usize>) -> Elements<'_> {
    Elements(Inside::of(text, at, b'['))
}

/// The value of the member `name` of the object at `at`.
pub(crate) fn member(text: &str, at: Range<usize>, name: &str) -> Option<Range<usize>> {
    members(text, at).find(|member| member.name == name).map(|member| member.value)
}

/// Where the value that begins at `at` ends.
pub(super) fn past_value(text: &str, at: usize) -> usize {
    Cursor { bytes: text.as_bytes() }.past_value(at)
}

/// Where the value of the whole document stands.
pub(crate) fn whole(text: &str) -> Range<usize> {
    let start = Cursor { bytes: text.as_bytes() }.past_space(0);
    start..text.trim_end_matches([' ', '\t', '\n', '\r']).len().max(start)
}

#[derive(Debug)]
pub(crate) struct Members<'t>(Inside<'t>);

#[derive(Debug)]
pub(crate) struct Elements<'t>(Inside<'t>);

/// What is left between the brackets of a container.
#[derive(Debug)]
struct Inside<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Inside<'t> {
    fn of(text: &'t str, at: Range<usize>, opening: u8) -> Self {
        let opens = text.as_bytes().get(at.start) == Some(&opening);
        // Without the closing bracket.
        let end = at.end.min(text.len()).saturating_sub(1);
        let start = at.start.saturating_add(1);
        Self { text, at: if opens { start } else { end }, end }
    }

    fn cursor(&self) -> Cursor<'t> {
        Cursor { bytes: self.text.as_bytes() }
    }

    /// Where the next member or element begins.
    fn next_start(&mut self) -> Option<usize> {
        let start = self.cursor().past(self.at, |byte| byte == b',' || is_space(byte));
        self.at = start;
        (start < self.end).then_some(start)
    }

    /// Takes the value that begins at `start`.
    fn take(&mut self, start: usize) -> Option<Range<usize>> {
        let end = self.cursor().past_value(start);
        // Nothing that stands still: whatever the text is, this ends.
        let moved = end > start;
        self.at = if moved { end } else { self.end };
        moved.then_some(start..end)
    }
}

impl<'t> Iterator for Members<'t> {
    type Item = Member<'t>;

    fn next(&mut self) -> Option<Member<'t>> {
        let inside = &mut self.0;
        let start = inside.next_start()?;
        let name = inside.take(start)?;
        let start = inside.cursor().past(name.end, |byte| byte == b':' || is_space(byte));
        let name = inside.text.get(name).and_then(text_at)?;
        let value = inside.take(start)?;
        Some(Member { name, value })
    }
}

impl Iterator for Elements<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.0.next_start()?;
        self.0.take(start)
    }
}

/// The text that a string, quotes included, stands for; `None` for anything else.
pub(crate) fn text_at(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[derive(Clone, Copy)]
struct Cursor<'t> {
    bytes: &'t [u8],
}

impl Cursor<'_> {
    /// The first place from `at` on whose byte is not `skipped`.
    fn past(self, at: usize, skipped: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let run = rest.iter().position(|byte| !skipped(*byte)).unwrap_or(rest.len());
        at.saturating_add(run)
    }

    fn past_space(self, at: usize) -> usize {
        self.past(at, is_space)
    }

    /// The end of the string whose quote is at `at`.
    fn past_string(self, at: usize) -> usize {
        let mut at = at.saturating_add(1);
        loop {
            match self.bytes.get(at) {
                Some(b'\\') => at = at.saturating_add(2),
                Some(b'"') => return at.saturating_add(1),
                // Whatever the text is, this moves on.
                Some(_) => at = past_plain(self.bytes, at.saturating_add(1)),
                None => return self.bytes.len(),
            }
        }
    }

    /// The next place from `at` on that counts inside of a container. Often that is `at` itself.
    fn past_plain_run(self, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b'"' | b'[' | b']' | b'{' | b'}') => at,
            _ => past_unbracketed(self.bytes, at),
        }
    }

    /// The end of the value that begins at `at`.
    fn past_value(self, at: usize) -> usize {
        let mut depth: usize = 0;
        let mut at = at;
        loop {
            at = match self.bytes.get(at) {
                None => return self.bytes.len(),
                Some(b'"') => self.past_string(at),
                Some(b'{' | b'[') => {
                    depth = depth.saturating_add(1);
                    at.saturating_add(1)
                }
                Some(b'}' | b']') if depth == 0 => return at,
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    at.saturating_add(1)
                }
                Some(_) if depth == 0 => {
                    return self.past(at, |byte| !is_space(byte) && !matches!(byte, b',' | b':' | b']' | b'}'));
                }
                Some(_) => self.past_plain_run(at.saturating_add(1)),
            };
            if depth == 0 {
                return at;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What the spans of an object say, put together again.
    fn object(text: &str) -> Value {
        let members = members(text, whole(text));
        Value::Object(
            members
                .map(|member| {
                    (member.name.into_owned(), serde_json::from_str(text.get(member.value).unwrap()).unwrap())
                })
                .collect(),
        )
    }

    #[test]
    fn members_and_elements_are_what_a_parser_reads() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":1}"#,
            r#" {"a" : 1.5e3 , "b":"x\"}]," ,"c":[1,{"d":"]"}],"\u0065":{"f":null},"g":true} "#,
            "{\"a\":[],\"b\":{},\n\t\"c\":-0, \"\\\\\":\"\\\\\"}",
        ] {
            assert_eq!(object(text), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        let text = r#" [1, "a,b" ,[2,[3]],{"a":[]},null] "#;
        let values: Vec<Value> =
            elements(text, whole(text)).map(|at| serde_json::from_str(text.get(at).unwrap()).unwrap()).collect();
        assert_eq!(Value::Array(values), json!([1, "a,b", [2, [3]], {"a": []}, null]));
    }

    #[test]
    fn a_container_of_another_kind_has_nothing() {
        for text in ["1", "\"a\"", "[1]", "null", ""] {
            assert_eq!(members(text, whole(text)).count(), 0, "{text}");
        }
        assert_eq!(elements(r#"{"a":1}"#, 0..7).count(), 0);
    }

    #[test]
    fn text_that_is_no_json_ends_too() {
        for text in [
            "{",
            "{\"a",
            "{\"a\":",
            "[",
            "[,,,",
            "{\"a\":}",
            "{:::}",
            "[}]",
            "\"",
            "{\"\\",
            "]",
            "}{",
            "[1:2]",
            "{\"a\" \"b\"}",
        ] {
            let _ = members(text, whole(text)).count();
            let _ = elements(text, whole(text)).count();
            let _ = members(text, 0..usize::MAX).count();
        }
    }
}
