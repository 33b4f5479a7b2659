//! Bytes looked at eight at a time: a token has a thousand, and what the wasm target brings for them takes each by itself.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether the two are the same. Not for secrets that must be compared in constant time.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let ((ones, one_tail), (others, other_tail)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    one.len() == other.len()
        && ones.iter().zip(others).all(|(one, other)| u64::from_le_bytes(*one) == u64::from_le_bytes(*other))
        && one_tail == other_tail
}

/// Whether `byte` is among `bytes`.
pub(crate) fn holds(bytes: &[u8], byte: u8) -> bool {
    let (words, tail) = bytes.as_chunks::<8>();
    let repeated = u64::from_le_bytes([byte; 8]);
    let without = |word: &[u8; 8]| {
        // A byte of nothing but zeros is where it stands: only from such a one can a borrow begin.
        let differing = u64::from_le_bytes(*word) ^ repeated;
        differing.wrapping_sub(ONES) & !differing & HIGH == 0
    };
    !words.iter().all(without) || tail.contains(&byte)
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
    fn texts_are_the_same_in_every_byte_and_in_length() {
        let text: Vec<u8> = (0..20).collect();
        for length in 0..20 {
            let one = text.get(..length).unwrap_or_default();
            assert!(same(one, one));
            assert!(!same(one, text.get(..=length).unwrap_or_default()));
            for at in 0..length {
                let mut other = one.to_vec();
                if let Some(place) = other.get_mut(at) {
                    *place ^= 0x80;
                }
                assert!(!same(one, &other), "{at} of {length}");
            }
        }
    }
}
