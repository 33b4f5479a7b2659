//! Bytes looked at eight at a time: a token has a thousand, and what the wasm target brings for them takes each by itself.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight bytes that begin with those of `tail`, which has fewer; the rest are `fill`.
fn padded(tail: &[u8], fill: u8) -> u64 {
    tail.iter().rev().fold(u64::from_le_bytes([fill; 8]), |word, byte| (word << 8) | u64::from(*byte))
}

/// The high bits of those bytes of `word` that are less than `bound`, which is one below 0x80, and maybe of some that stand above such a one.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(u64::from_le_bytes([bound; 8])) & !word & HIGH
}

/// Whether all of `bytes` are visible ASCII or spaces.
pub(crate) fn visible(bytes: &[u8]) -> bool {
    let (words, tail) = bytes.as_chunks::<8>();
    // One more than it makes the high bit of a byte from 0x7f on, or it has that bit.
    let visible = |word: u64| below(word, b' ') == 0 && (word | word.wrapping_add(ONES)) & HIGH == 0;
    words.iter().all(|word| visible(u64::from_le_bytes(*word))) && visible(padded(tail, b' '))
}

/// The first place from `at` on where a JSON string ends or is interrupted: a quote, a backslash or a control character.
pub(crate) fn past_plain(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    let plain = words.iter().take_while(|word| interrupts(u64::from_le_bytes(**word)) == 0).count();
    let next = words.get(plain).map_or_else(|| padded(tail, b' '), |word| u64::from_le_bytes(*word));
    let more = match interrupts(next) {
        0 => tail.len(),
        interrupts => first(interrupts),
    };
    at.saturating_add(plain.saturating_mul(8)).saturating_add(more)
}

/// The first place from `at` on with a bracket or a brace of JSON, or with a quote.
pub(crate) fn past_unbracketed(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    let plain = words.iter().take_while(|word| brackets(u64::from_le_bytes(**word)) == 0).count();
    let next = words.get(plain).map_or_else(|| padded(tail, b' '), |word| u64::from_le_bytes(*word));
    let more = match brackets(next) {
        0 => tail.len(),
        brackets => first(brackets),
    };
    at.saturating_add(plain.saturating_mul(8)).saturating_add(more)
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
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    // As `below`, for all three at once: neither of the two letters has a high bit.
    let control = word.wrapping_sub(SPACES);
    let quote = (word ^ QUOTES).wrapping_sub(ONES);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGH
}

/// The number of the first byte whose high bit is there.
fn first(high: u64) -> usize {
    usize::try_from(high.trailing_zeros() >> 3).unwrap_or(0)
}

/// Whether `byte` is among `bytes`.
pub(crate) fn holds(bytes: &[u8], byte: u8) -> bool {
    let (words, tail) = bytes.as_chunks::<8>();
    let repeated = u64::from_le_bytes([byte; 8]);
    // A byte that differs in nothing is where it stands.
    let without = |word: u64| below(word ^ repeated, 1) == 0;
    !words.iter().all(|word| without(u64::from_le_bytes(*word))) || !without(padded(tail, !byte))
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
    fn each_byte_is_told_apart_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 1..20 {
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
