//! What the gateway put on a request, looked for in the answer: a credential that comes back must not reach the caller.
//!
//! Guaranteed: a credential that stands in an answer as it was sent, or as JSON writes it, is found however the answer is cut into pieces.
//! In a body it is overwritten byte by byte, so that no length changes and JSON stays the JSON it was.
//! Nothing is held but what may be the beginning of a credential, from a few bytes on, and that no longer than until the next piece or the end.
//!
//! Absent on purpose: other encodings (percent-encoding, `\u` escapes, base64 of a text that holds it), parts of a credential, and compressed bodies.

mod beginning;

use core::ops::Range;
use std::sync::Arc;

use beginning::Beginning;

use crate::exchange::cache::IssuedToken;
use crate::limits::{ECHO_BYTES_MIN, ECHO_PASSED_BYTES_MAX};
use crate::redacted::Redacted;
use crate::words;

/// What stands where a credential stood.
const FILLER: u8 = b'*';

/// The credentials of one request, and how much of them has been seen in the body of its answer.
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    lookouts: Vec<Lookout>,
    /// The end of what has come and not gone on.
    held: Redacted<Vec<u8>>,
}

impl Echoes {
    /// Looks for `texts`, each of at least [`ECHO_BYTES_MIN`]: what is shorter could be anything.
    pub(crate) fn of<'t>(texts: impl Iterator<Item = &'t Redacted<String>>) -> Self {
        let mut echoes = Self::default();
        for text in texts.filter(|text| text.expose().len() >= ECHO_BYTES_MIN) {
            echoes.look_for(Sought::Text(Arc::new(Wanted::new(text.expose().clone()))));
            for other in as_written_otherwise(text.expose()) {
                echoes.look_for(Sought::Text(Arc::new(Wanted::new(other))));
            }
        }
        echoes
    }

    /// Looks for the token too.
    pub(crate) fn and_of(mut self, token: &Arc<IssuedToken>) -> Self {
        if token.token.expose().len() >= ECHO_BYTES_MIN {
            self.look_for(Sought::Issued(Arc::clone(token)));
            for other in &token.trace().others {
                self.look_for(Sought::Text(Arc::clone(other)));
            }
        }
        self
    }

    fn look_for(&mut self, sought: Sought) {
        if !self.lookouts.iter().any(|there| there.sought.text() == sought.text()) {
            self.lookouts.push(Lookout { sought, seen: Seen::default() });
        }
    }

    /// Whether one of them stands in `text`, which is whole.
    pub(crate) fn stand_in(&self, text: &[u8]) -> bool {
        self.lookouts.iter().any(|lookout| lookout.stands_in(text))
    }

    /// Takes the next piece of a body, `complete` with the last, and gives what goes on in its place; `None` where it goes on as it came.
    /// `found` becomes true where one of them was overwritten.
    pub(crate) fn pass(&mut self, piece: &[u8], complete: bool, found: &mut bool) -> Option<Vec<u8>> {
        let before = self.held.expose().len();
        let mut places: Vec<Range<usize>> = Vec::new();
        for lookout in &mut self.lookouts {
            let Lookout { sought, seen } = lookout;
            let wanted = sought.wanted();
            let length = wanted.0.len();
            seen.read(wanted, piece, |end| {
                let end = end.saturating_add(before);
                places.push(end.saturating_sub(length)..end);
            });
        }
        let held = self.lookouts.iter().map(Lookout::held).max().filter(|_| !complete).unwrap_or(0);
        if places.is_empty() && before == 0 && held == 0 {
            return None;
        }
        *found |= !places.is_empty();
        let mut bytes = [self.held.expose(), piece].concat();
        for place in places {
            bytes.get_mut(place).unwrap_or_default().fill(FILLER);
        }
        let passed = bytes.len().saturating_sub(held);
        self.held = Redacted::new(bytes.split_off(passed));
        Some(bytes)
    }

    /// Whether something is held that has not gone on.
    pub(crate) fn hold_back(&self) -> bool {
        !self.held.expose().is_empty()
    }
}

/// The other ways in which JSON may write `text` (RFC 8259 §7): with what must be escaped, and with the slash escaped too.
fn as_written_otherwise(text: &str) -> Vec<String> {
    // No JWT has any of them.
    if !words::may_be_escaped(text.as_bytes()) {
        return Vec::new();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    vec![escaped.replace('/', "\\/"), escaped]
}

/// How a token is looked for, made once for all answers that may repeat it.
#[derive(Debug)]
pub(crate) struct Trace {
    beginning: Beginning,
    others: Vec<Arc<Wanted>>,
}

impl Trace {
    pub(crate) fn of(token: &str) -> Self {
        let others = as_written_otherwise(token).into_iter().map(|other| Arc::new(Wanted::new(other))).collect();
        Self { beginning: Beginning::of(token.as_bytes()), others }
    }
}

/// One text that is looked for, and how.
#[derive(Debug)]
struct Wanted {
    text: Redacted<String>,
    beginning: Beginning,
}

impl Wanted {
    fn new(text: String) -> Self {
        let beginning = Beginning::of(text.as_bytes());
        Self { text: Redacted::new(text), beginning }
    }
}

/// Where that text is kept.
#[derive(Debug)]
enum Sought {
    Text(Arc<Wanted>),
    Issued(Arc<IssuedToken>),
}

impl Sought {
    fn text(&self) -> &[u8] {
        match self {
            Self::Text(wanted) => wanted.text.expose().as_bytes(),
            Self::Issued(token) => token.token.expose().as_bytes(),
        }
    }

    fn wanted(&self) -> (&[u8], &Beginning) {
        match self {
            Self::Text(wanted) => (self.text(), &wanted.beginning),
            Self::Issued(token) => (self.text(), &token.trace().beginning),
        }
    }
}

/// One text that is looked for, and how much of it has come.
#[derive(Debug)]
struct Lookout {
    sought: Sought,
    seen: Seen,
}

impl Lookout {
    /// How many bytes of a possible beginning are held back.
    ///
    /// What goes on at once is too little to be of use, and more than a body ends with by chance: one that ends in trailers cannot be continued.
    fn held(&self) -> usize {
        self.seen.matched.saturating_sub(ECHO_PASSED_BYTES_MAX.min(self.sought.text().len() / 4))
    }

    fn stands_in(&self, text: &[u8]) -> bool {
        let mut found = false;
        // Few headers are as long as a token.
        if text.len() >= self.sought.text().len() {
            Seen::default().read(self.sought.wanted(), text, |_| found = true);
        }
        found
    }
}

/// How much of a text stands at the end of what has come (Knuth, Morris and Pratt): each byte is looked at once, wherever the text begins and ends.
#[derive(Debug, Default)]
struct Seen {
    /// In bytes of its beginning.
    matched: usize,
    /// For each beginning that has been seen, the longest text that this both begins and ends with, in bytes.
    borders: Vec<usize>,
}

impl Seen {
    /// Takes the next bytes; `ends` is told the end of each place where `wanted` stands.
    fn read(&mut self, (wanted, beginning): (&[u8], &Beginning), bytes: &[u8], mut ends: impl FnMut(usize)) {
        let mut at = 0;
        loop {
            if self.matched == 0 {
                at = beginning.find(wanted, bytes, at);
            }
            let Some(byte) = bytes.get(at) else { return };
            at = at.saturating_add(1);
            let before = self.matched;
            self.take(wanted, *byte);
            if self.matched == wanted.len() {
                self.matched = 0;
                ends(at);
            } else if self.matched <= before
                && let Some(from) = at.checked_sub(self.matched)
            {
                // It was none. What of it may begin another stands in these bytes, where beginnings are found faster.
                let next = beginning.find(wanted, bytes, from);
                if next != from {
                    (at, self.matched) = (next, 0);
                }
            }
        }
    }

    fn take(&mut self, wanted: &[u8], byte: u8) {
        while wanted.get(self.matched) != Some(&byte) {
            if self.matched == 0 {
                return;
            }
            self.matched = self.border_of(self.matched);
        }
        self.matched = self.matched.saturating_add(1);
        if self.borders.len() < self.matched {
            self.know_border(wanted);
        }
    }

    /// The border of the first `length` bytes.
    fn border_of(&self, length: usize) -> usize {
        length.checked_sub(1).and_then(|last| self.borders.get(last)).copied().unwrap_or(0)
    }

    /// Adds the border of a beginning that is one byte longer than any before.
    fn know_border(&mut self, wanted: &[u8]) {
        let last = self.borders.len();
        let mut border = self.border_of(last);
        while border > 0 && wanted.get(border) != wanted.get(last) {
            border = self.border_of(border);
        }
        let longer = last > 0 && wanted.get(border) == wanted.get(last);
        self.borders.push(border.saturating_add(usize::from(longer)));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests;
