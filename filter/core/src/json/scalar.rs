//! Where a text, a number or a word of a document ends, found to be well-formed, and what an escape stands for.
//!
//! Places in a text are far from the largest number, so that none wraps around.

use core::num::NonZeroUsize;

use serde_json::Number;

use super::passed::End;
use crate::words::past_plain;

/// A number that is no longer, with an exponent of so many digits at most, is not too large for a reader that has only binary64, whatever it is.
const FINITE_LENGTH_MAX: usize = 200;
const EXPONENT_DIGITS: usize = 2;

/// What no document has, outside of its texts or inside.
pub(super) const NOTHING: u8 = 0;

/// The byte at `at`; zero past the end.
#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each byte")]
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    match bytes.get(at) {
        Some(byte) => *byte,
        None => NOTHING,
    }
}

#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each byte")]
#[inline(always)]
pub(super) fn past_space(bytes: &[u8], at: usize) -> usize {
    if byte(bytes, at) > b' ' { at } else { past_spaces(bytes, at) }
}

/// What comes at `at` or after the space there, and where.
#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each byte")]
#[inline(always)]
pub(super) fn next(bytes: &[u8], at: usize) -> (usize, u8) {
    let first = byte(bytes, at);
    if first > b' ' {
        return (at, first);
    }
    let at = past_spaces(bytes, at);
    (at, byte(bytes, at))
}

fn past_spaces(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let b' ' | b'\t' | b'\n' | b'\r' = byte(bytes, at) {
        at = at.wrapping_add(1);
    }
    at
}

/// The end of what is no array and no object, and begins at `at` with the byte `first`.
pub(super) fn past_scalar(bytes: &[u8], at: usize, first: u8) -> End {
    match first {
        b'"' => past_text(bytes, at),
        b'0'..=b'9' => match byte(bytes, at.wrapping_add(1)) {
            // Most numbers among many are short.
            b',' | b']' | b'}' => NonZeroUsize::new(at.wrapping_add(1)),
            _ => past_number(bytes, at),
        },
        b'-' => past_number(bytes, at),
        b't' => past_word(bytes, at, b"true"),
        b'f' => past_word(bytes, at, b"false"),
        b'n' => past_word(bytes, at, b"null"),
        _ => None,
    }
}

pub(super) fn past_word(bytes: &[u8], at: usize, word: &[u8]) -> End {
    let end = at.wrapping_add(word.len());
    if bytes.get(at..end) == Some(word) { NonZeroUsize::new(end) } else { None }
}

/// The end of the text whose quote is at `at`.
pub(super) fn past_text(bytes: &[u8], at: usize) -> End {
    let mut at = at.wrapping_add(1);
    loop {
        match byte(bytes, at) {
            b'"' => return NonZeroUsize::new(at.wrapping_add(1)),
            b'\\' => at = past_escape(bytes, at)?.get(),
            // RFC 8259 §7: control characters "MUST be escaped".
            0..b' ' => return None,
            _ => at = past_plain(bytes, at),
        }
    }
}

/// The end of the number at `at`, which is finite.
pub(super) fn past_number(bytes: &[u8], at: usize) -> End {
    let whole = if byte(bytes, at) == b'-' { at.wrapping_add(1) } else { at };
    let end = past_digits(bytes, whole);
    // RFC 8259 §6: "Leading zeros are not allowed."
    if end == whole || (byte(bytes, whole) == b'0' && end.wrapping_sub(whole) > 1) {
        return None;
    }
    match byte(bytes, end) {
        b'.' | b'e' | b'E' => past_fraction(bytes, at, end),
        _ if end.wrapping_sub(at) <= FINITE_LENGTH_MAX => NonZeroUsize::new(end),
        _ => finite(bytes, at, end, 0),
    }
}

/// The end of a number that begins at `start` and whose whole part ends at `at`.
fn past_fraction(bytes: &[u8], start: usize, at: usize) -> End {
    let mut at = at;
    if byte(bytes, at) == b'.' {
        let digits = at.wrapping_add(1);
        at = past_digits(bytes, digits);
        if at == digits {
            return None;
        }
    }
    let (b'e' | b'E') = byte(bytes, at) else {
        return finite(bytes, start, at, 0);
    };
    at = at.wrapping_add(1);
    if let b'+' | b'-' = byte(bytes, at) {
        at = at.wrapping_add(1);
    }
    let digits = at;
    at = past_digits(bytes, digits);
    if at == digits { None } else { finite(bytes, start, at, at.wrapping_sub(digits)) }
}

/// `end`, if the number between the two is finite.
fn finite(bytes: &[u8], start: usize, end: usize, exponent_digits: usize) -> End {
    let short = exponent_digits <= EXPONENT_DIGITS && end.wrapping_sub(start) <= FINITE_LENGTH_MAX;
    if short || serde_json::from_slice::<Number>(bytes.get(start..end)?).is_ok() {
        return NonZeroUsize::new(end);
    }
    None
}

#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each byte")]
#[inline(always)]
fn past_digits(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    for byte in bytes.get(at..).unwrap_or_default() {
        if !byte.is_ascii_digit() {
            break;
        }
        end = end.wrapping_add(1);
    }
    end
}

/// Where the escape at `at` ends; `None` for none, and for one that stands for no character.
fn past_escape(bytes: &[u8], at: usize) -> End {
    match bytes.get(at.saturating_add(1))? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => NonZeroUsize::new(at.wrapping_add(2)),
        b'u' => unicode_escape(bytes, at).and_then(|(_, length)| NonZeroUsize::new(at.wrapping_add(length))),
        _ => None,
    }
}

/// The character that the escape at `at` stands for, and how many bytes it takes; `None` for none, and for one that stands for none.
pub(super) fn escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
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

/// The letter that stands at `at` in a text found to be well-formed, escaped or not, and how many bytes it takes; `None` where the text ends.
pub(super) fn letter(text: &str, at: usize) -> Option<(char, usize)> {
    match byte(text.as_bytes(), at) {
        b'"' | NOTHING => None,
        b'\\' => escape(text.as_bytes(), at),
        plain if plain.is_ascii() => Some((char::from(plain), 1)),
        _ => text.get(at..)?.chars().next().map(|letter| (letter, letter.len_utf8())),
    }
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
    let [b'\\', b'u', a, b, c, d] = bytes.get(at..)?.first_chunk::<6>()? else {
        return None;
    };
    let (a, b, c, d) = (digit(*a), digit(*b), digit(*c), digit(*d));
    // Each is less than sixteen, or it is no digit.
    if (a | b | c | d) > 0xf {
        return None;
    }
    Some(u16::from_be_bytes([a << 4 | b, c << 4 | d]))
}

/// What a hexadecimal digit stands for; more than that for anything else.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte.wrapping_sub(b'0'),
        b'a'..=b'f' => byte.wrapping_sub(b'a' - 10),
        b'A'..=b'F' => byte.wrapping_sub(b'A' - 10),
        _ => 0xff,
    }
}
