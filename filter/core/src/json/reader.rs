//! One pass over the text of a document: the grammar of RFC 8259, the bounds, and a value of what is kept.
//!
//! What is not kept is checked where it stands: nothing of it is copied but names that are written with escapes.
//! The stack grows with nesting, which the caller bounds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::{JsonError, Keep};
use crate::words::past_plain;

/// Reads one document that is text already.
pub(super) fn read(text: &str, depth_max: usize, members_max: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0, members_left: members_max };
    let value = reader.value(depth_max, Some(keep))?;
    reader.skip_space();
    if reader.at == text.len() { Ok(value) } else { Err(JsonError::TrailingData) }
}

/// Digits that cannot make a number too large for a reader that has only binary64, whatever they are.
const FINITE_LENGTH_MAX: usize = 300;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    members_left: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.step();
        }
    }

    /// What comes next that is no space, not yet taken.
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    /// The value that comes next; whatever it is where nothing of it is kept.
    fn value(&mut self, depth_left: usize, keep: Option<Keep<'_>>) -> Result<Value, JsonError> {
        match self.next() {
            Some(b'"') => {
                let text = self.string()?;
                Ok(if keep.is_some() { Value::String(text.read().into_owned()) } else { Value::Null })
            }
            Some(b'{') => {
                let depth_left = depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?;
                self.step();
                match keep {
                    Some(keep) if keep.keeps_members() => self.kept_object(depth_left, keep),
                    Some(_) | None => self.unkept_object(depth_left),
                }
            }
            Some(b'[') => {
                let depth_left = depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?;
                self.step();
                self.array(depth_left, keep.and_then(Keep::inside_array))
            }
            Some(b'-' | b'0'..=b'9') => self.number(keep.is_some()),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) | None => Err(JsonError::Syntax),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    fn array(&mut self, depth_left: usize, keep: Option<Keep<'_>>) -> Result<Value, JsonError> {
        let mut elements = Vec::new();
        if self.next() == Some(b']') {
            self.step();
            return Ok(Value::Array(elements));
        }
        loop {
            let element = self.value(depth_left, keep)?;
            if keep.is_some() {
                elements.push(element);
            }
            if self.ends(b']')? {
                return Ok(Value::Array(elements));
            }
        }
    }

    fn kept_object(&mut self, depth_left: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
        let mut members = Map::new();
        let mut first = true;
        while let Some(name) = self.name(&mut first)? {
            let Entry::Vacant(place) = members.entry(name.into_owned()) else {
                return Err(JsonError::DuplicateName);
            };
            let inside = keep.inside_object(place.key());
            self.colon()?;
            let value = self.value(depth_left, inside)?;
            // The name is kept, whatever becomes of the value.
            place.insert(if inside.is_some() { value } else { Value::Null });
        }
        Ok(Value::Object(members))
    }

    fn unkept_object(&mut self, depth_left: usize) -> Result<Value, JsonError> {
        let mut names = BTreeSet::new();
        let mut first = true;
        while let Some(name) = self.name(&mut first)? {
            if !names.insert(name) {
                return Err(JsonError::DuplicateName);
            }
            self.colon()?;
            self.value(depth_left, None)?;
        }
        Ok(Value::Object(Map::new()))
    }

    /// The name of the next member; `None` after the last.
    fn name(&mut self, first: &mut bool) -> Result<Option<Cow<'t, str>>, JsonError> {
        if core::mem::take(first) {
            if self.next() == Some(b'}') {
                self.step();
                return Ok(None);
            }
        } else if self.ends(b'}')? {
            return Ok(None);
        }
        if self.next() != Some(b'"') {
            return Err(JsonError::Syntax);
        }
        let name = self.string()?.read();
        self.members_left = self.members_left.checked_sub(1).ok_or(JsonError::TooMany)?;
        Ok(Some(name))
    }

    fn colon(&mut self) -> Result<(), JsonError> {
        if self.next() != Some(b':') {
            return Err(JsonError::Syntax);
        }
        self.step();
        Ok(())
    }

    /// Takes what follows a member or an element: true for `closing`, false for a comma.
    fn ends(&mut self, closing: u8) -> Result<bool, JsonError> {
        let found = self.next();
        if found != Some(closing) && found != Some(b',') {
            return Err(JsonError::Syntax);
        }
        self.step();
        Ok(found == Some(closing))
    }

    /// The string whose quote comes next.
    fn string(&mut self) -> Result<Quoted<'t>, JsonError> {
        let bytes = self.text.as_bytes();
        self.step();
        let start = self.at;
        let mut escapes = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    let (_, length) = escape(bytes, self.at).ok_or(JsonError::Syntax)?;
                    self.at = self.at.saturating_add(length);
                }
                // RFC 8259 §7: control characters "MUST be escaped".
                Some(0..b' ') | None => return Err(JsonError::Syntax),
                Some(_) => self.at = past_plain(bytes, self.at),
            }
        }
        let raw = self.text.get(start..self.at).ok_or(JsonError::Syntax)?;
        self.step();
        Ok(Quoted { raw, escapes })
    }

    fn number(&mut self, kept: bool) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step();
        }
        let leading_zero = self.peek() == Some(b'0');
        // RFC 8259 §6: "Leading zeros are not allowed."
        if self.digits()? > 1 && leading_zero {
            return Err(JsonError::Syntax);
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if exponent {
            self.step();
            if let Some(b'+' | b'-') = self.peek() {
                self.step();
            }
            self.digits()?;
        }
        let number = self.text.get(start..self.at).ok_or(JsonError::Syntax)?;
        if !kept && !exponent && number.len() <= FINITE_LENGTH_MAX {
            return Ok(Value::Null);
        }
        // One that is not finite is refused there.
        serde_json::from_str::<Number>(number).map(Value::Number).map_err(|_| JsonError::Syntax)
    }

    /// How many digits come next; at least one.
    fn digits(&mut self) -> Result<usize, JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.step();
        }
        match self.at.saturating_sub(start) {
            0 => Err(JsonError::Syntax),
            count => Ok(count),
        }
    }
}

/// What stands between the quotes of a string, found to be well-formed.
struct Quoted<'t> {
    raw: &'t str,
    escapes: bool,
}

impl<'t> Quoted<'t> {
    /// The text it stands for.
    fn read(&self) -> Cow<'t, str> {
        if !self.escapes {
            return Cow::Borrowed(self.raw);
        }
        // No escape is shorter than what it stands for.
        let mut text = String::with_capacity(self.raw.len());
        let bytes = self.raw.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if let Some((letter, length)) = escape(bytes, at) {
                text.push(letter);
                at = at.saturating_add(length);
            } else {
                let plain = past_plain(bytes, at.saturating_add(1));
                text.push_str(self.raw.get(at..plain).unwrap_or_default());
                at = plain;
            }
        }
        Cow::Owned(text)
    }
}

/// The character that the escape at `at` stands for, and how many bytes it takes; `None` for none, and for one that stands for none.
fn escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let (b'\\', letter) = (bytes.get(at)?, bytes.get(at.saturating_add(1))?) else {
        return None;
    };
    let letter = match letter {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes, at),
        _ => return None,
    };
    Some((letter, 2))
}

/// RFC 8259 §7: a character outside the basic plane is two escapes, and half of one is no character.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = code_unit(bytes, at)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first.into()).map(|letter| (letter, 6));
    }
    let second = code_unit(bytes, at.saturating_add(6))?;
    match char::decode_utf16([first, second]).next() {
        Some(Ok(letter)) => Some((letter, 12)),
        Some(Err(_)) | None => None,
    }
}

/// The number in `\uXXXX` at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..)?.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        number.checked_mul(16)?.checked_add(u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests;
