//! Bytes looked at eight at a time: a token has a thousand, and what the wasm target brings for them takes each by itself.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The last eight of `bytes`; of fewer, those and then `fill`.
fn last_word(bytes: &[u8], fill: u8) -> u64 {
    if let Some(last) = bytes.last_chunk() {
        return u64::from_le_bytes(*last);
    }
    let bits = u32::try_from(bytes.len()).unwrap_or(0).wrapping_mul(8);
    let begin = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first))
                | u64::from(u32::from_le_bytes(*last)).wrapping_shl(bits.wrapping_sub(32))
        }
        _ => bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    begin | u64::from_le_bytes([fill; 8]).wrapping_shl(bits)
}

/// The high bits of those bytes of `word` that are less than `bound`, which is one below 0x80, and maybe of some that stand above such a one.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(u64::from_le_bytes([bound; 8])) & !word & HIGH
}

/// Whether all of `bytes` are visible ASCII or spaces.
pub(crate) fn visible(bytes: &[u8]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    // One more than it makes the high bit of a byte from 0x7f on, or it has that bit.
    let hidden = |word: u64| below(word, b' ') | ((word | word.wrapping_add(ONES)) & HIGH);
    hidden(last_word(bytes, b' ')) == 0 && words.iter().all(|word| hidden(u64::from_le_bytes(*word)) == 0)
}

/// The first place from `at` on where a JSON string ends or is interrupted: a quote, a backslash or a control character.
pub(crate) fn past_plain(bytes: &[u8], at: usize) -> usize {
    past(bytes, at, interrupts)
}

/// The first place from `at` on with a bracket or a brace of JSON, or with a quote.
pub(crate) fn past_unbracketed(bytes: &[u8], at: usize) -> usize {
    past(bytes, at, brackets)
}

/// The first place from `at` on that `found` has a high bit for, maybe with more of them above it.
#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each word")]
#[inline(always)]
fn past(bytes: &[u8], at: usize, found: impl Fn(u64) -> u64 + Copy) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let begin = rest.first_chunk().map_or(0, |word| found(u64::from_le_bytes(*word)));
    // Most texts are short.
    at.wrapping_add(if begin == 0 { past_words(rest, found) } else { first(begin) })
}

/// The same of bytes whose first word, if there is one, has none.
fn past_words(bytes: &[u8], found: impl Fn(u64) -> u64 + Copy) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    // A few are looked at one by one, before they are by fours.
    let few = words.get(1..).unwrap_or_default().iter().take(3);
    let few = few.take_while(|word| found(u64::from_le_bytes(**word)) == 0).count();
    let plain = if few == 3 { plain_words(words, found) } else { few.wrapping_add(1) };
    let (word, from) = match words.get(plain) {
        Some(word) => (u64::from_le_bytes(*word), plain.wrapping_mul(8)),
        // Whatever of it was looked at before is plain.
        None => (last_word(bytes, b' '), bytes.len().saturating_sub(8)),
    };
    match found(word) {
        0 => bytes.len(),
        found => from.wrapping_add(first(found)),
    }
}

/// How many words there are before the first that `found` finds something in. By fours each takes a third less.
#[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each word")]
#[inline(always)]
fn plain_words(words: &[[u8; 8]], found: impl Fn(u64) -> u64 + Copy) -> usize {
    let (fours, _) = words.as_chunks::<4>();
    let of = |word: &[u8; 8]| found(u64::from_le_bytes(*word));
    let plain = fours.iter().take_while(|[a, b, c, d]| of(a) | of(b) | of(c) | of(d) == 0).count().wrapping_mul(4);
    let rest = words.get(plain..).unwrap_or_default();
    plain.wrapping_add(rest.iter().take_while(|word| of(word) == 0).count())
}

/// The high bits of brackets, braces and quotes among eight bytes, and maybe of others that stand above one of those.
const fn brackets(word: u64) -> u64 {
    // A brace is a bracket with one bit more.
    const BIT: u64 = u64::from_le_bytes([0x20; 8]);
    const OPENING: u64 = u64::from_le_bytes([b'{'; 8]);
    const CLOSING: u64 = u64::from_le_bytes([b'}'; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let braced = word | BIT;
    let opening = (braced ^ OPENING).wrapping_sub(ONES);
    let closing = (braced ^ CLOSING).wrapping_sub(ONES);
    let quote = (word ^ QUOTES).wrapping_sub(ONES);
    // As for what interrupts a text.
    (opening | closing | quote) & !word & HIGH
}

/// The high bits of the quotes, backslashes and control characters among eight bytes, and maybe of others that stand above one of those.
const fn interrupts(word: u64) -> u64 {
    // With this bit changed, a quote is a space and comes right after the control characters, which stay such; no other byte gets below it.
    const BIT: u64 = u64::from_le_bytes([b'"' ^ b' '; 8]);
    const PAST_SPACES: u64 = u64::from_le_bytes([b'!'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    // As `below`, for both at once: neither of the two letters has a high bit.
    let quote_or_control = (word ^ BIT).wrapping_sub(PAST_SPACES);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
    (quote_or_control | backslash) & !word & HIGH
}

/// The number of the first byte whose high bit is there.
fn first(high: u64) -> usize {
    usize::try_from(high.trailing_zeros() >> 3).unwrap_or(0)
}

/// Whether a comma or a space is among `bytes`.
pub(crate) fn are_parted(bytes: &[u8]) -> bool {
    const COMMAS: u64 = u64::from_le_bytes([b','; 8]);
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    // As `below`, for both at once: neither has a high bit.
    hold_any(bytes, |word| ((word ^ COMMAS).wrapping_sub(ONES) | (word ^ SPACES).wrapping_sub(ONES)) & !word & HIGH)
}

/// Whether a quote, a backslash or a slash is among `bytes`, which JSON may write in another way.
pub(crate) fn may_be_escaped(bytes: &[u8]) -> bool {
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    const SLASHES: u64 = u64::from_le_bytes([b'/'; 8]);
    hold_any(bytes, |word| {
        let quote = (word ^ QUOTES).wrapping_sub(ONES);
        let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
        let slash = (word ^ SLASHES).wrapping_sub(ONES);
        (quote | backslash | slash) & !word & HIGH
    })
}

/// Whether all of `bytes` are ASCII without capitals and without `_`.
pub(crate) fn are_plain_names(bytes: &[u8]) -> bool {
    const JOINTS: u64 = u64::from_le_bytes([b'_'; 8]);
    const TO_CAPITALS: u64 = u64::from_le_bytes([0x80 - b'A'; 8]);
    const PAST_CAPITALS: u64 = u64::from_le_bytes([0x7f - b'Z'; 8]);
    !hold_any(bytes, |word| {
        let joint = (word ^ JOINTS).wrapping_sub(ONES) & !word;
        // Of ASCII none carries over to the next, and what is none is found by its own high bit.
        let capital = word.wrapping_add(TO_CAPITALS) & !word.wrapping_add(PAST_CAPITALS);
        (joint | capital | word) & HIGH
    })
}

/// Whether `places` says of any eight bytes that something is there; of a tilde it says nothing.
fn hold_any(bytes: &[u8], places: impl Fn(u64) -> u64 + Copy) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    plain_words(words, places) < words.len() || places(last_word(bytes, b'~')) != 0
}

/// Whether `byte` is among `bytes`.
pub(crate) fn holds(bytes: &[u8], byte: u8) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    let repeated = u64::from_le_bytes([byte; 8]);
    // A byte that differs in nothing is where it stands.
    let found = |word: u64| below(word ^ repeated, 1);
    found(last_word(bytes, !byte)) != 0 || plain_words(words, found) != words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands_and_nowhere_else() {
        for length in 0..20 {
            for byte in [0, 1, b' ', b',', 0x7f, 0x80, 0xff] {
                for other in (0..=u8::MAX).filter(|other| *other != byte) {
                    let mut bytes = vec![other; length];
                    assert!(!holds(&bytes, byte), "{byte} among {length} of {other}");
                    for at in 0..length {
                        if let Some(place) = bytes.get_mut(at) {
                            *place = byte;
                        }
                        assert!(holds(&bytes, byte), "{byte} at {at} of {length} of {other}");
                        if let Some(place) = bytes.get_mut(at) {
                            *place = other;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_parts_and_what_is_escaped_is_found_wherever_it_stands_and_nothing_else() {
        for length in 0..80 {
            for byte in 0..=u8::MAX {
                let (parts, is_escaped) = (matches!(byte, b',' | b' '), matches!(byte, b'"' | b'\\' | b'/'));
                for at in 0..length {
                    let mut bytes = vec![b'~'; length];
                    bytes.iter_mut().skip(at).take(1).for_each(|place| *place = byte);
                    assert_eq!(are_parted(&bytes), parts, "{byte} at {at} of {length}");
                    assert_eq!(may_be_escaped(&bytes), is_escaped, "{byte} at {at} of {length}");
                    let is_plain = !matches!(byte, b'_' | b'A'..=b'Z' | 0x80..);
                    assert_eq!(are_plain_names(&bytes), is_plain, "{byte} at {at} of {length}");
                    if let Some(before) = at.checked_sub(1).and_then(|before| bytes.get_mut(before)) {
                        *before = 0xff;
                        assert!(!are_plain_names(&bytes), "{byte} at {at} of {length} after another");
                    }
                }
                let bytes = vec![byte; length];
                assert_eq!(are_parted(&bytes), parts && length > 0, "{length} of {byte}");
                assert_eq!(may_be_escaped(&bytes), is_escaped && length > 0, "{length} of {byte}");
            }
        }
    }

    #[test]
    fn each_byte_is_told_apart_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 79, 80] {
                for at in 0..length {
                    let mut bytes = vec![b'~'; length];
                    if let Some(place) = bytes.get_mut(at) {
                        *place = byte;
                    }
                    let special = matches!(byte, b'"' | b'\\' | 0..0x20);
                    assert_eq!(past_plain(&bytes, 0), if special { at } else { length }, "{byte} at {at} of {length}");
                    assert_eq!(past_plain(&bytes, at), if special { at } else { length }, "{byte} at {at} of {length}");
                    let bracket = matches!(byte, b'"' | b'[' | b']' | b'{' | b'}');
                    assert_eq!(past_unbracketed(&bytes, 0), if bracket { at } else { length }, "{byte} at {at}");
                    assert_eq!(visible(&bytes), matches!(byte, b' '..=b'~'), "{byte} at {at} of {length}");
                }
            }
        }
    }
}
