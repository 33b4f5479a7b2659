//! JSON on its way past, of which nothing is kept but where it stands: ids at known places are replaced, all other bytes go on as they came.
//!
//! Of a document of any length it holds the way to the present value, which is bounded by the places there are, and at most the text of one id.
//! It is no judge of JSON: in a text that is none it stops replacing at the first fault it sees, and lets the rest go on.

use core::ops::Range;

use super::handout::Handout;
use super::places::{NAME_BYTES_MAX, Place};
use crate::json::span::text_at;
use crate::limits::BOUND_ID_BYTES_MAX;

/// A piece of an answer, and what becomes of it.
#[derive(Debug)]
pub(super) struct Passage<'p> {
    piece: &'p [u8],
    out: Vec<u8>,
    /// What of the piece is in `out` already, or replaced there.
    done: usize,
    changed: bool,
}

impl<'p> Passage<'p> {
    pub(super) fn new(piece: &'p [u8]) -> Self {
        Self { piece, out: Vec::new(), done: 0, changed: false }
    }

    fn bytes(&self, at: Range<usize>) -> &'p [u8] {
        self.piece.get(at).unwrap_or_default()
    }

    /// Puts `new` where `at` stands, which lies after all that was replaced before.
    fn replace(&mut self, at: Range<usize>, new: &[&[u8]]) {
        let before = self.bytes(self.done..at.start);
        self.out.extend_from_slice(before);
        for part in new {
            self.out.extend_from_slice(part);
        }
        self.done = at.end;
        self.changed = true;
    }

    /// What goes on in place of the piece; `None` where it goes on as it came.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if !self.changed {
            return None;
        }
        let rest = self.bytes(self.done..self.piece.len());
        self.out.extend_from_slice(rest);
        Some(self.out)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Object,
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value, or the end of an empty array.
    Value,
    /// Before a name, or the end of an object.
    Name,
    InName,
    /// Between a name and its value.
    Colon,
    /// In the text of an id, which is held.
    InId,
    InText,
    /// In a number or a word.
    InWord,
    /// After a value.
    After,
    /// In a container without places, so deep.
    Closed(u64),
    InClosedText(u64),
    /// In what is no JSON: nothing more is replaced.
    Lost,
}

/// One document, as far as it has come.
#[derive(Debug)]
pub(super) struct Scanner {
    root: Place,
    way: Vec<(Place, Within)>,
    state: State,
    /// Where the value stands that is in the air or comes next.
    place: Place,
    escaped: bool,
    name: Vec<u8>,
    /// The beginning of an id's text, its quote included, from earlier pieces.
    held: Vec<u8>,
    /// Where in this piece the text of an id begins, or goes on.
    id_from: usize,
}

/// The longest text of an id in bytes: one that could be bound, were every letter of it escaped (RFC 8259 §7: `\u0041`), and its quotes.
pub(super) const ID_TEXT_BYTES_MAX: usize = BOUND_ID_BYTES_MAX * 6 + 2;

impl Scanner {
    pub(super) fn new(root: Place) -> Self {
        Self {
            root,
            way: Vec::new(),
            state: State::Value,
            place: root,
            escaped: false,
            name: Vec::new(),
            held: Vec::new(),
            id_from: 0,
        }
    }

    /// Begins another document.
    pub(super) fn restart(&mut self) {
        self.way.clear();
        self.name.clear();
        self.held.clear();
        (self.state, self.place, self.escaped) = (State::Value, self.root, false);
    }

    /// Takes the part of a piece at `at`, after which [`Self::pause`] must come or another part of the same piece.
    pub(super) fn read(&mut self, passage: &mut Passage<'_>, at: Range<usize>, handout: &mut Handout) {
        self.id_from = at.start;
        let mut from = at.start;
        while from < at.end {
            let rest = passage.bytes(from..at.end);
            let run = self.run(rest);
            from = from.saturating_add(run);
            if let Some(byte) = rest.get(run) {
                self.take(*byte, from, passage, handout);
                from = from.saturating_add(1);
            }
        }
    }

    /// Holds back the beginning of an id whose end is not in the piece; the piece ends at `end`.
    pub(super) fn pause(&mut self, passage: &mut Passage<'_>, end: usize) {
        if self.state == State::InId {
            self.held.extend_from_slice(passage.bytes(self.id_from..end));
            passage.replace(self.id_from..end, &[]);
        }
    }

    /// Lets go of what is held, where nothing more will come.
    pub(super) fn give_up(&mut self, passage: &mut Passage<'_>, end: usize) {
        if !self.held.is_empty() {
            passage.replace(end..end, &[&self.held]);
            self.held.clear();
        }
    }

    /// How many bytes are of no interest now.
    fn run(&self, rest: &[u8]) -> usize {
        let until = |wanted: fn(u8) -> bool| rest.iter().position(|byte| wanted(*byte)).unwrap_or(rest.len());
        match self.state {
            State::Lost => rest.len(),
            _ if self.escaped => 0,
            State::InText | State::InClosedText(_) => until(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f)),
            State::Closed(_) => until(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']')),
            State::Value | State::Name | State::InName | State::Colon | State::InId | State::InWord | State::After => 0,
        }
    }

    fn take(&mut self, byte: u8, at: usize, passage: &mut Passage<'_>, handout: &mut Handout) {
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match self.state {
            State::Lost => {}
            State::Value => self.begin_value(byte, at, space),
            State::Name => match byte {
                b'"' => {
                    self.name.clear();
                    self.state = State::InName;
                }
                b'}' => self.leave(Within::Object),
                _ if space => {}
                _ => self.state = State::Lost,
            },
            State::Colon if byte == b':' => self.state = State::Value,
            State::Colon if space => {}
            State::Colon => self.state = State::Lost,
            State::After => self.go_on(byte, space),
            State::InWord if space || matches!(byte, b',' | b'}' | b']') => {
                self.state = State::After;
                self.go_on(byte, space);
            }
            State::InWord => {}
            State::Closed(depth) => self.pass_closed(byte, depth),
            State::InName | State::InId | State::InText | State::InClosedText(_) => {
                self.in_text(byte, at, passage, handout);
            }
        }
    }

    fn begin_value(&mut self, byte: u8, at: usize, space: bool) {
        self.state = match byte {
            _ if space => State::Value,
            b'"' if self.place.names().is_some() => {
                self.id_from = at;
                State::InId
            }
            b'"' => State::InText,
            b'{' if self.place.opens_object() => {
                self.way.push((self.place, Within::Object));
                State::Name
            }
            b'[' if self.place.opens_array() => {
                self.way.push((self.place, Within::Array));
                self.place = self.place.element();
                State::Value
            }
            b'{' | b'[' => State::Closed(1),
            b']' => return self.leave(Within::Array),
            b',' | b':' | b'}' => State::Lost,
            _ => State::InWord,
        };
    }

    /// Ends a container, if it is one of that kind.
    fn leave(&mut self, kind: Within) {
        let ends = self.way.pop().is_some_and(|(_, within)| within == kind);
        self.state = if ends { State::After } else { State::Lost };
    }

    fn go_on(&mut self, byte: u8, space: bool) {
        match (byte, self.way.last()) {
            _ if space => {}
            (b',', Some((_, Within::Object))) => self.state = State::Name,
            (b',', Some((place, Within::Array))) => {
                self.place = place.element();
                self.state = State::Value;
            }
            (b'}', _) => self.leave(Within::Object),
            (b']', _) => self.leave(Within::Array),
            _ => self.state = State::Lost,
        }
    }

    fn pass_closed(&mut self, byte: u8, depth: u64) {
        self.state = match byte {
            b'"' => State::InClosedText(depth),
            b'{' | b'[' => State::Closed(depth.saturating_add(1)),
            b'}' | b']' if depth <= 1 => State::After,
            b'}' | b']' => State::Closed(depth.saturating_sub(1)),
            _ => State::Closed(depth),
        };
    }

    fn in_text(&mut self, byte: u8, at: usize, passage: &mut Passage<'_>, handout: &mut Handout) {
        if byte < 0x20 {
            // RFC 8259 §7: "control characters ... MUST be escaped".
            return self.lose(at, passage);
        }
        let ends = byte == b'"' && !self.escaped;
        if self.state == State::InName && !ends && self.name.len() <= NAME_BYTES_MAX {
            // An escaped name keeps its backslash, and so is none that leads anywhere.
            self.name.push(byte);
        }
        self.escaped = byte == b'\\' && !self.escaped;
        match (self.state, ends) {
            (State::InName, true) => {
                let here = self.way.last().map_or(Place::Closed, |(place, _)| *place);
                self.place = here.member(&self.name);
                self.state = State::Colon;
            }
            (State::InId, true) => self.end_id(at, passage, handout),
            (State::InId, false) => {
                let length = at.saturating_sub(self.id_from).saturating_add(self.held.len());
                if length >= ID_TEXT_BYTES_MAX {
                    self.release(at, passage);
                    self.state = State::InText;
                }
            }
            (State::InClosedText(depth), true) => self.state = State::Closed(depth),
            (_, true) => self.state = State::After,
            (_, false) => {}
        }
    }

    /// The closing quote of an id is at `at`.
    fn end_id(&mut self, at: usize, passage: &mut Passage<'_>, handout: &mut Handout) {
        self.state = State::After;
        let end = at.saturating_add(1);
        let here = passage.bytes(self.id_from..end);
        let whole = if self.held.is_empty() { here.to_vec() } else { [&self.held, here].concat() };
        let id = core::str::from_utf8(&whole).ok().and_then(text_at);
        let bound = match (self.place.names(), id) {
            (Some((kind, of_answer)), Some(id)) => handout.shown(kind, &id, of_answer),
            (Some(_) | None, _) => None,
        };
        match bound {
            Some(bound) => {
                let text = serde_json::Value::from(bound).to_string();
                passage.replace(self.id_from..end, &[text.as_bytes()]);
                self.held.clear();
            }
            None => self.release(end, passage),
        }
    }

    /// Lets go on what was held, as it came; what of it is in this piece, up to `end`, is there anyway.
    fn release(&mut self, end: usize, passage: &mut Passage<'_>) {
        if !self.held.is_empty() {
            let here = passage.bytes(self.id_from..end);
            passage.replace(self.id_from..end, &[&self.held, here]);
            self.held.clear();
        }
    }

    fn lose(&mut self, at: usize, passage: &mut Passage<'_>) {
        self.release(at, passage);
        self.state = State::Lost;
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    #[cfg(test)]
    pub(super) fn way_length(&self) -> usize {
        self.way.len()
    }
}
