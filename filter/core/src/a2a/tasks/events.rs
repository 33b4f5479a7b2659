//! Answers in an event stream (`text/event-stream`), read as the WHATWG HTML standard §9.2.6 says: each event holds one JSON document.
//!
//! Nothing is held but the beginning of an id that a piece ends in. Lines other than data go on as they came.

use super::handout::Handout;
use super::places::Place;
use super::scanner::{Passage, Scanner};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// In the mark that a stream may begin with, so many bytes of it.
    Mark(usize),
    /// At its beginning, or so far into `data`.
    Name(usize),
    Data,
    Other,
}

const MARK: &[u8] = b"\xef\xbb\xbf";
const DATA: &[u8] = b"data";

/// One stream, as far as it has come.
#[derive(Debug)]
pub(super) struct Events {
    document: Scanner,
    line: Line,
    /// A carriage return ended the last line; a line feed right after it belongs to it.
    after_return: bool,
}

impl Events {
    pub(super) fn new(root: Place) -> Self {
        Self { document: Scanner::new(root), line: Line::Mark(0), after_return: false }
    }

    pub(super) fn read(&mut self, passage: &mut Passage<'_>, piece: &[u8], handout: &mut Handout) {
        let mut from = 0;
        while let Some(rest) = piece.get(from..).filter(|rest| !rest.is_empty()) {
            from = from.saturating_add(self.step(rest, from, passage, handout));
        }
        self.document.pause(passage, piece.len());
    }

    pub(super) fn give_up(&mut self, passage: &mut Passage<'_>, end: usize) {
        self.document.give_up(passage, end);
    }

    /// Takes some of `rest`, which begins at `at`, and says how much.
    fn step(&mut self, rest: &[u8], at: usize, passage: &mut Passage<'_>, handout: &mut Handout) -> usize {
        let Some(first) = rest.first() else { return 0 };
        if core::mem::take(&mut self.after_return) && *first == b'\n' {
            return 1;
        }
        match self.line {
            Line::Data | Line::Other => {
                let end = rest.iter().position(|byte| ends_line(*byte));
                let taken = end.map_or(rest.len(), |end| end.saturating_add(1));
                if self.line == Line::Data {
                    // The end of a line stands for a line feed in the data, which is space between the parts of a document.
                    self.document.read(passage, at..at.saturating_add(taken), handout);
                }
                if let Some(end) = end {
                    self.end_line(rest.get(end).copied());
                }
                taken
            }
            Line::Mark(seen) if MARK.get(seen) == Some(first) => {
                let seen = seen.saturating_add(1);
                self.line = if seen == MARK.len() { Line::Name(0) } else { Line::Mark(seen) };
                1
            }
            Line::Mark(0) => {
                self.line = Line::Name(0);
                0
            }
            Line::Mark(_) => {
                self.line = Line::Other;
                0
            }
            Line::Name(seen) => {
                self.name(*first, seen);
                1
            }
        }
    }

    fn name(&mut self, byte: u8, seen: usize) {
        if ends_line(byte) {
            if seen == 0 {
                // An empty line ends an event.
                self.document.restart();
            }
            self.end_line(Some(byte));
        } else if DATA.get(seen) == Some(&byte) {
            self.line = Line::Name(seen.saturating_add(1));
        } else if byte == b':' && seen == DATA.len() {
            self.line = Line::Data;
        } else {
            self.line = Line::Other;
        }
    }

    fn end_line(&mut self, byte: Option<u8>) {
        self.after_return = byte == Some(b'\r');
        self.line = Line::Name(0);
    }
}

const fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
