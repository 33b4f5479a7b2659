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
    for (bytes, digits) in digest.as_chunks_mut::<4>().0.iter_mut().zip(text.as_chunks::<8>().0) {
        *bytes = four_bytes(*digits)?;
    }
    Some(digest)
}

/// What eight digits stand for, all at once: every connection has a certificate, and every request asks for its digest.
const fn four_bytes(digits: [u8; 8]) -> Option<[u8; 4]> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const LOW: u64 = u64::from_le_bytes([0xf; 8]);
    let digits = u64::from_le_bytes(digits);
    // Letters, and nothing else that is a digit, have the bit 0x40; `a` ends in one.
    let values = (digits & LOW).wrapping_add(((digits >> 6) & ONES).wrapping_mul(9)) & LOW;
    // They are digits where writing them gives the same again, or the same letters in upper case.
    let letters = (values.wrapping_add(u64::from_le_bytes([6; 8])) >> 4) & ONES;
    let written = values.wrapping_add(u64::from_le_bytes([b'0'; 8])).wrapping_add(letters.wrapping_mul(39));
    if (written ^ digits) & !(letters << 5) != 0 {
        return None;
    }
    let [one, _, two, _, three, _, four, _] = ((values << 4) | (values >> 8)).to_le_bytes();
    Some([one, two, three, four])
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
        for (at, byte) in (0..8).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
            let mut digits = *b"0123aBcD";
            digits.iter_mut().skip(at).take(1).for_each(|digit| *digit = byte);
            let want = core::str::from_utf8(&digits).ok().filter(|_| byte.is_ascii_hexdigit());
            let want = want.and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(u32::to_be_bytes);
            assert_eq!(four_bytes(digits), want, "{byte} at {at}");
        }
        for other in ["", "ba", &"0".repeat(63), &"0".repeat(62), &format!("{digits}00"), &digits.replace("ba", "+a")] {
            assert_eq!(from_hex(other.as_bytes()), None, "{other}");
        }
    }
}
