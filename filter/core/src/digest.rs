//! SHA-256, for cache keys, key thumbprints and signatures.
//!
//! A digest stands in for a token or a key wherever one must be compared or stored, so that the original need not be.

/// The SHA-256 digest of those bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    hmac_sha256::Hash::hash(bytes)
}

/// Whether two digests are the same, told in the same time wherever they differ.
#[must_use]
pub fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differing = one.iter().zip(other).fold(0_u8, |differing, (one, other)| differing | (one ^ other));
    core::hint::black_box(differing) == 0
}

/// The digest that 64 hexadecimal digits stand for, as Envoy writes that of a certificate; `None` for anything else.
#[must_use]
pub fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, [high, low]) in digest.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
    }
    Some(digest)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0xf),
        b'a'..=b'f' | b'A'..=b'F' => (digit & 0xf).checked_add(9),
        _ => None,
    }
}

/// The SHA-384 digest of those bytes, which ES384 signs.
pub(crate) fn sha384(bytes: &[u8]) -> [u8; 48] {
    hmac_sha512::sha384::Hash::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_examples_of_fips_180() {
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex(&sha256(b"")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(
            hex(&sha384(b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        );
    }

    #[test]
    fn digests_are_the_same_in_every_byte_or_not() {
        let digest = sha256(b"abc");
        assert!(is_same(&digest, &sha256(b"abc")));
        for (at, bit) in (0..32).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut other = digest;
            other.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            assert!(!is_same(&digest, &other), "byte {at}, bit {bit}");
        }
    }

    #[test]
    fn hexadecimal_is_read_whole_or_not_at_all() {
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(from_hex(digits.as_bytes()), Some(sha256(b"abc")));
        assert_eq!(from_hex(digits.to_uppercase().as_bytes()), Some(sha256(b"abc")));
        for other in ["", "ba", &"0".repeat(63), &"0".repeat(62), &format!("{digits}00"), &digits.replace("ba", "+a")] {
            assert_eq!(from_hex(other.as_bytes()), None, "{other}");
        }
    }
}
