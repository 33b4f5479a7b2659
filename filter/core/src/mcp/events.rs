//! Lists in an event stream (`text/event-stream`), read line by line as the WHATWG HTML standard §9.2.6 says.
//!
//! An event is held until its last line has come, and no longer; comments, which keep a connection alive, go on at once, without their text.
//! One that is too long for that goes on as it comes, until a list shows in it ([`super::long`]). Data that is no message of any kind goes on too.
//! An event that the stream ends in the middle of is dropped, as every client drops it.
//!
//! Clients disagree about what ends a line: many a library also breaks at U+2028 or at a form feed, and so sees fields where this reader sees text.
//! So nothing goes on in which another line could be found: of fields only the known ones, in visible ASCII, and such a character in a message as its escape.

use super::listing::{Listing, Shown, Unreadable};
use super::long::{LongMessage, put_unbroken};
use crate::limits::LIST_ANSWER_BYTES_MAX;

/// What came of a piece of the stream.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// What may go on.
    pub(crate) bytes: Vec<u8>,
    /// What was withheld from it.
    pub(crate) shown: Shown,
    /// Something after `bytes` could not be read: nothing more of the stream may go on.
    pub(crate) broken: bool,
}

/// One stream, as far as it has come.
#[derive(Debug)]
pub(crate) struct EventFilter {
    listing: Listing,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// The lines of an event whose end has not come, but its data.
    others: Vec<u8>,
    /// Its data, the lines joined by line feeds.
    data: Option<Vec<u8>>,
    /// In place of its data, where that is too long to be held.
    long: Option<LongMessage>,
    /// The line that has begun is data of that and goes on as it comes.
    in_long: bool,
    /// A carriage return ended the last line; a line feed right after it belongs to it.
    after_return: bool,
    begun: bool,
}

impl EventFilter {
    pub(crate) fn new(listing: Listing) -> Self {
        Self {
            listing,
            line: Vec::new(),
            others: Vec::new(),
            data: None,
            long: None,
            in_long: false,
            after_return: false,
            begun: false,
        }
    }

    /// Takes the next piece of the stream and gives what may go on, with what was withheld from it.
    ///
    /// It breaks at a message that cannot be read in exactly one way, and at a list longer than [`LIST_ANSWER_BYTES_MAX`]; the events before it are good all the same.
    pub(crate) fn read(&mut self, piece: &[u8]) -> Passed {
        let mut passed = Passed { bytes: Vec::with_capacity(piece.len()), ..Passed::default() };
        passed.broken = self.read_lines(piece, &mut passed.bytes, &mut passed.shown).is_err();
        passed
    }

    fn read_lines(&mut self, piece: &[u8], out: &mut Vec<u8>, told: &mut Shown) -> Result<(), Unreadable> {
        let mut rest = piece;
        while let Some(first) = rest.first() {
            if self.after_return && *first == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
            }
            self.after_return = false;
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).ok_or(Unreadable)?;
            match &mut self.long {
                Some(long) if self.in_long => long.pass(part, out)?,
                Some(_) | None => self.line.extend_from_slice(part),
            }
            if end.is_none() {
                break;
            }
            self.after_return = after.first() == Some(&b'\r');
            rest = after.get(1..).unwrap_or_default();
            if core::mem::take(&mut self.in_long) {
                out.push(b'\n');
            } else {
                let line = core::mem::take(&mut self.line);
                self.take_line(&line, out, told)?;
            }
        }
        self.let_long_pass(out)
    }

    /// Lets an event go that is too long to be held, if there is no list in it so far.
    fn let_long_pass(&mut self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let held = [&self.line, &self.others].into_iter().chain(&self.data).map(Vec::len);
        if held.fold(0, usize::saturating_add) <= LIST_ANSWER_BYTES_MAX {
            return Ok(());
        }
        out.append(&mut self.others);
        if let Some(data) = self.data.take() {
            for line in data.split(|byte| *byte == b'\n') {
                self.begin_long(line, out)?;
                out.push(b'\n');
            }
        }
        let line = core::mem::take(&mut self.line);
        let unmarked = if self.begun { line.as_slice() } else { unmarked(&line) };
        if let Some(value) = unmarked.strip_prefix(b"data:") {
            (self.begun, self.in_long) = (true, true);
            self.begin_long(value.strip_prefix(b" ").unwrap_or(value), out)
        } else if line.len() > LIST_ANSWER_BYTES_MAX {
            Err(Unreadable)
        } else {
            self.line = line;
            Ok(())
        }
    }

    /// Lets a line of such an event's data go, but its end.
    fn begin_long(&mut self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
        match &mut self.long {
            Some(long) => long.end_line()?,
            None => self.long = Some(LongMessage::new()),
        }
        out.extend_from_slice(b"data: ");
        self.long.as_mut().ok_or(Unreadable)?.pass(value, out)
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<u8>, told: &mut Shown) -> Result<(), Unreadable> {
        let line = if self.begun { line } else { unmarked(line) };
        self.begun = true;
        if line.is_empty() {
            return self.end_event(out, told);
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => {
                let (name, rest) = line.split_at_checked(at).ok_or(Unreadable)?;
                let value = rest.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, b"".as_slice()),
        };
        if name.is_empty() {
            put_line(out, b":");
        } else if name == b"data" && self.long.is_some() {
            self.begin_long(value, out)?;
            out.push(b'\n');
        } else if name == b"data" {
            let data = self.data.get_or_insert_default();
            if !data.is_empty() {
                data.push(b'\n');
            }
            data.extend_from_slice(value);
        } else if [b"event".as_slice(), b"id", b"retry"].contains(&name)
            && value.iter().all(|byte| matches!(byte, b' '..=b'~'))
        {
            // "Otherwise: The field is ignored": so are all others.
            put_line(&mut self.others, &[name, b": ", value].concat());
        }
        Ok(())
    }

    fn end_event(&mut self, out: &mut Vec<u8>, told: &mut Shown) -> Result<(), Unreadable> {
        out.append(&mut self.others);
        if let Some(long) = self.long.take() {
            long.end()?;
        }
        if let Some(data) = self.data.take() {
            // A stream may begin with an event that has an id and no message, to be resumed from.
            let blank = data.trim_ascii().is_empty();
            let shown =
                if blank || is_no_message(&data) { Shown::default() } else { self.listing.show_messages(&data)? };
            let data = shown.message.as_deref().map_or(data.as_slice(), str::as_bytes);
            let data = if blank { b"".as_slice() } else { data };
            for line in data.split(|byte| *byte == b'\n') {
                out.extend_from_slice(b"data: ");
                put_unbroken(out, line);
                out.push(b'\n');
            }
            told.add(shown);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// Whether no client could find a message here: text without any bracket, and of visible letters, so that it is one line for everybody.
fn is_no_message(data: &[u8]) -> bool {
    let inert = |byte: &u8| !matches!(byte, b'{' | b'[') && (*byte >= b' ' || matches!(byte, b'\t' | b'\n'));
    data.iter().all(inert) && core::str::from_utf8(data).is_ok()
}

/// "one leading U+FEFF BYTE ORDER MARK character must be ignored if any are present".
fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn put_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.push(b'\n');
}
