//! Whether the names of an object are told apart, whatever their number, their order and what they have in common.
//!
//! They are sorted by their first letters, and those that are alike so far by what follows. So no letter is looked at twice,
//! names cost the logarithm of their number for each few letters at most, and nothing is built but eight bytes for each on a host of 32 bits.

use super::scalar::{NOTHING, byte, escape};

/// A name of an object that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// The letters that it is sorted by.
    head: u32,
    /// Where in the text those begin that come after them.
    rest: usize,
}

/// Stands in a head for letters that are no more there, and for those that have no room in it. Neither is a byte of UTF-8.
const ENDED: u8 = 0xff;
const NO_ROOM: u8 = 0xfe;

const HIGH: u32 = u32::from_le_bytes([0x80; 4]);

impl Name {
    /// The one whose quote is at `quote`.
    pub(super) fn at(quote: usize) -> Self {
        Self { head: 0, rest: quote.wrapping_add(1) }
    }

    /// Sorted by the letters that come next: as [`Self::next_letters`], for letters that stand for themselves.
    fn next(self, text: &str) -> Self {
        let rest = text.as_bytes().get(self.rest..).unwrap_or_default();
        let Some(next) = rest.first_chunk() else {
            return self.next_letters(text);
        };
        let head = u32::from_le_bytes(*next);
        let found = interrupts(head);
        if (found | head) & HIGH == 0 {
            return Self { head, rest: self.rest.wrapping_add(4) };
        }
        if found != 0 {
            let bits = found.trailing_zeros() & !7;
            let ends = head.wrapping_shr(bits) & 0xff == u32::from(b'"');
            return if ends { self.cut(head, bits, ENDED) } else { self.next_letters(text) };
        }
        if !rest.get(4).is_some_and(|byte| continues_letter(*byte)) {
            return Self { head, rest: self.rest.wrapping_add(4) };
        }
        // The last letter goes on.
        match next.iter().rposition(|byte| !continues_letter(*byte)) {
            Some(3) => self.cut(head, 24, NO_ROOM),
            Some(2) => self.cut(head, 16, NO_ROOM),
            Some(1) => self.cut(head, 8, NO_ROOM),
            Some(_) | None => self.next_letters(text),
        }
    }

    /// Sorted by the letters in so many bits of `head`, which is more than none or where the name ends.
    fn cut(self, head: u32, bits: u32, filling: u8) -> Self {
        let letters = head & !u32::MAX.wrapping_shl(bits);
        let rest = self.rest.wrapping_add(usize::try_from(bits >> 3).unwrap_or(0));
        Self { head: letters | u32::from_le_bytes([filling; 4]).wrapping_shl(bits), rest }
    }

    /// As many whole letters as four bytes hold: that many for every way to write them.
    fn next_letters(self, text: &str) -> Self {
        let (mut head, mut filled, mut rest) = (0_u32, 0_u32, self.rest);
        let filling = loop {
            let Some(letter) = Letter::at(text.as_bytes(), rest) else { break ENDED };
            let sum = filled.wrapping_add(letter.bits);
            if sum > u32::BITS {
                break NO_ROOM;
            }
            head |= letter.utf8.wrapping_shl(filled);
            (filled, rest) = (sum, rest.wrapping_add(letter.length));
        };
        Self { head: head | u32::from_le_bytes([filling; 4]).checked_shl(filled).unwrap_or(0), rest }
    }

    fn has_ended(self) -> bool {
        self.head.to_le_bytes().last() == Some(&ENDED)
    }
}

/// A letter of a name.
struct Letter {
    /// Its bytes, the first lowest.
    utf8: u32,
    bits: u32,
    /// How many bytes it takes as it is written.
    length: usize,
}

impl Letter {
    /// The one at `at`; `None` where the name ends.
    #[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each letter")]
    #[inline(always)]
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let (bits, length) = match byte(bytes, at) {
            b'"' | NOTHING => return None,
            b'\\' => {
                let (letter, length) = escape(bytes, at)?;
                let mut utf8 = [0; 4];
                let bits = letter.encode_utf8(&mut utf8).bytes().fold(0_u32, |bits, _| bits.wrapping_add(8));
                return Some(Self { utf8: u32::from_le_bytes(utf8), bits, length });
            }
            0..0x80 => (8, 1),
            0x80..0xe0 => (16, 2),
            0xe0..0xf0 => (24, 3),
            0xf0.. => (32, 4),
        };
        let rest = bytes.get(at..)?;
        let written = rest.first_chunk().map_or_else(
            // Where a document breaks off.
            || rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
            |word| u32::from_le_bytes(*word),
        );
        Some(Self { utf8: written & u32::MAX.wrapping_shr(u32::BITS.wrapping_sub(bits)), bits, length })
    }
}

/// The high bits of the quotes and backslashes among four bytes, and maybe of others that stand above one of those.
const fn interrupts(word: u32) -> u32 {
    const ONES: u32 = u32::from_le_bytes([1; 4]);
    let quote = (word ^ u32::from_le_bytes([b'"'; 4])).wrapping_sub(ONES);
    let backslash = (word ^ u32::from_le_bytes([b'\\'; 4])).wrapping_sub(ONES);
    (quote | backslash) & !word & HIGH
}

/// Whether a byte of UTF-8 is not the first of its letter.
const fn continues_letter(byte: u8) -> bool {
    matches!(byte, 0x80..0xc0)
}

/// Whether no two of the names stand for one text.
pub(super) fn are_distinct(text: &str, names: &mut [Name]) -> bool {
    let mut names = names;
    while names.len() > 1 {
        for name in names.iter_mut() {
            *name = name.next(text);
        }
        names.sort_unstable_by_key(|name| name.head);
        let mut most: &mut [Name] = &mut [];
        for alike in names.chunk_by_mut(|one, other| one.head == other.head).filter(|alike| alike.len() > 1) {
            if alike.first().is_some_and(|name| name.has_ended()) {
                return false;
            }
            // At most half of the names are not among the most, so the stack grows with the logarithm of their number.
            let fewer = if alike.len() > most.len() { core::mem::replace(&mut most, alike) } else { alike };
            if !are_distinct(text, fewer) {
                return false;
            }
        }
        names = most;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn letters_that_stand_for_themselves_are_taken_as_all_are(
            letters in prop::collection::vec(
                prop::sample::select(&["a", "b", "!", "\u{e9}", "\u{4e00}", "\u{1d11e}", "\\n", "\\u0061", "\\ud834\\udd1e"]),
                0..12,
            ),
            after in prop::sample::select(&["", ":", ":0}", "\\\\\\\\", "\u{e9}\u{e9}"]),
        ) {
            let text = format!("\"{}\"{after}", letters.concat());
            let mut name = Name::at(0);
            for _ in 0..=letters.len() {
                let next = name.next(&text);
                let slow = name.next_letters(&text);
                prop_assert_eq!((next.head, next.rest), (slow.head, slow.rest), "{} from {}", text, name.rest);
                name = next;
            }
            prop_assert!(name.has_ended());
        }
    }
}
