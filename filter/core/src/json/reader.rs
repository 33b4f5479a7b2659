//! One pass over the text of a document: the grammar of RFC 8259, the bounds, and a value of what is kept.
//!
//! The stack grows with nesting, which the caller bounds.

use serde_json::{Map, Number, Value};

use super::distinct::Name;
use super::scalar::{escape, letter, next, past_number, past_space, past_text, past_word};
use super::{JsonError, Keep, span};
use crate::words::{holds, past_plain};

/// Reads one document that is text already.
pub(super) fn read(text: &str, depth_max: usize, members_max: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
    let mut reader = Reader::new(text, members_max);
    let value = reader.value(depth_max, Some(keep))?;
    reader.end().map(|()| value)
}

/// Reads the value that begins at `at` in a document that was accepted, and leaves out what is not kept without another check.
pub(super) fn read_accepted(
    text: &str,
    at: usize,
    depth_max: usize,
    members_max: usize,
    keep: Keep<'_>,
) -> Result<Value, JsonError> {
    let mut reader = Reader { at, accepted: true, ..Reader::new(text, members_max) };
    reader.value(depth_max, Some(keep))
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) members_left: usize,
    /// What is wrong where nothing of a value is kept.
    pub(super) fault: JsonError,
    /// Those of the objects that are open, the innermost last.
    pub(super) names: Vec<Name>,
    /// Whether all of it was found to be well-formed before.
    accepted: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, members_max: usize) -> Self {
        Self { text, at: 0, members_left: members_max, names: Vec::new(), fault: JsonError::Syntax, accepted: false }
    }

    /// There is nothing more.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonError::TrailingData) }
    }

    pub(super) fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_space(&mut self) {
        self.at = past_space(self.text.as_bytes(), self.at);
    }

    /// What comes next that is no space, not yet taken.
    pub(super) fn next(&mut self) -> u8 {
        let (at, next) = next(self.text.as_bytes(), self.at);
        self.at = at;
        next
    }

    /// The value that comes next.
    fn value(&mut self, depth_left: usize, keep: Option<Keep<'_>>) -> Result<Value, JsonError> {
        let Some(keep) = keep else {
            return self.leave_out(depth_left).map(|()| Value::Null);
        };
        match self.next() {
            b'"' => Ok(Value::String(self.string()?.read())),
            b'{' if keep.keeps_members() => {
                let depth_left = depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?;
                self.step();
                self.kept_object(depth_left, keep)
            }
            b'{' => self.leave_out(depth_left).map(|()| Value::Object(Map::new())),
            b'[' => match keep.inside_array() {
                Some(keep) => {
                    let depth_left = depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?;
                    self.step();
                    self.kept_array(depth_left, keep)
                }
                None => self.leave_out(depth_left).map(|()| Value::Array(Vec::new())),
            },
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true").map(|()| Value::Bool(true)),
            b'f' => self.word(b"false").map(|()| Value::Bool(false)),
            b'n' => self.word(b"null").map(|()| Value::Null),
            _ => Err(JsonError::Syntax),
        }
    }

    /// Moves past the value that comes next.
    fn leave_out(&mut self, depth_left: usize) -> Result<(), JsonError> {
        if !self.accepted {
            return self.pass(depth_left);
        }
        self.skip_space();
        self.at = span::past_value(self.text, self.at);
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        self.at = past_word(self.text.as_bytes(), self.at, word).ok_or(JsonError::Syntax)?.get();
        Ok(())
    }

    fn kept_array(&mut self, depth_left: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
        let mut elements = Vec::new();
        if self.next() == b']' {
            self.step();
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth_left, Some(keep))?);
            if self.ends(b']')? {
                return Ok(Value::Array(elements));
            }
        }
    }

    fn kept_object(&mut self, depth_left: usize, keep: Keep<'_>) -> Result<Value, JsonError> {
        let outer = self.names.len();
        let members = self.kept_members(depth_left, keep);
        if self.told_apart(outer) { members.map(Value::Object) } else { Err(JsonError::DuplicateName) }
    }

    fn kept_members(&mut self, depth_left: usize, keep: Keep<'_>) -> Result<Map<String, Value>, JsonError> {
        let mut members = Map::new();
        let mut first = true;
        while let Some(name) = self.name(&mut first)? {
            let kept = keep.member(name);
            self.colon()?;
            match kept {
                // The name is kept, whatever becomes of the value.
                Some((name, inside)) => {
                    let value = self.value(depth_left, inside)?;
                    members.insert(name, if inside.is_some() { value } else { Value::Null });
                }
                None => self.leave_out(depth_left)?,
            }
        }
        Ok(members)
    }

    /// The name of the next member; `None` after the last.
    pub(super) fn name(&mut self, first: &mut bool) -> Result<Option<Quoted<'t>>, JsonError> {
        if core::mem::take(first) {
            if self.next() == b'}' {
                self.step();
                return Ok(None);
            }
        } else if self.ends(b'}')? {
            return Ok(None);
        }
        if self.next() != b'"' {
            return Err(JsonError::Syntax);
        }
        let start = self.at;
        let name = self.string()?;
        self.members_left = self.members_left.checked_sub(1).ok_or(JsonError::TooMany)?;
        // That no two names are the same was found before.
        if !self.accepted {
            self.names.push(Name::at(start));
        }
        Ok(Some(name))
    }

    pub(super) fn colon(&mut self) -> Result<(), JsonError> {
        if self.next() != b':' {
            return Err(JsonError::Syntax);
        }
        self.step();
        Ok(())
    }

    /// Takes what follows a member or an element: true for `closing`, false for a comma.
    fn ends(&mut self, closing: u8) -> Result<bool, JsonError> {
        let found = self.next();
        if found != closing && found != b',' {
            return Err(JsonError::Syntax);
        }
        self.step();
        Ok(found == closing)
    }

    /// The string whose quote comes next.
    fn string(&mut self) -> Result<Quoted<'t>, JsonError> {
        let end = past_text(self.text.as_bytes(), self.at).ok_or(JsonError::Syntax)?.get();
        let inside = self.at.saturating_add(1)..end.saturating_sub(1);
        self.at = end;
        self.text.get(inside).map(Quoted).ok_or(JsonError::Syntax)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let end = past_number(self.text.as_bytes(), self.at).ok_or(JsonError::Syntax)?.get();
        let number = self.text.get(self.at..end).ok_or(JsonError::Syntax)?;
        self.at = end;
        serde_json::from_str::<Number>(number).map(Value::Number).map_err(|_| JsonError::Syntax)
    }
}

/// What stands between the quotes of a string, found to be well-formed.
#[derive(Clone, Copy)]
pub(super) struct Quoted<'t>(pub(super) &'t str);

impl<'t> Quoted<'t> {
    /// The text it stands for, letter by letter.
    pub(super) fn letters(self) -> impl Iterator<Item = char> + Clone + use<'t> {
        let (raw, mut at) = (self.0, 0_usize);
        core::iter::from_fn(move || {
            let (letter, length) = letter(raw, at)?;
            at = at.saturating_add(length);
            Some(letter)
        })
    }

    /// The text it stands for.
    pub(super) fn read(self) -> String {
        if !holds(self.0.as_bytes(), b'\\') {
            return self.0.to_owned();
        }
        // No escape is shorter than what it stands for.
        let mut text = String::with_capacity(self.0.len());
        let bytes = self.0.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if let Some((letter, length)) = escape(bytes, at) {
                text.push(letter);
                at = at.saturating_add(length);
            } else {
                let plain = past_plain(bytes, at.saturating_add(1));
                text.push_str(self.0.get(at..plain).unwrap_or_default());
                at = plain;
            }
        }
        text
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests;
