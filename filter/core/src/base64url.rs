//! Base64url without padding (RFC 7515 §2), in its canonical form only.
//!
//! One byte string has one accepted text: padding, white space, other alphabets and non-zero trailing bits are refused.
//! Otherwise the same token could be written in several ways, and a list of tokens be passed by.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};

/// The bytes that text stands for, or `None` when it is not the canonical text of any.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()
}

/// The canonical text of those bytes, or `None` when its length would overflow.
#[must_use]
pub fn encode(bytes: &[u8]) -> Option<String> {
    Base64UrlSafeNoPadding::encode_to_string(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<&[u8]>) {
        assert_eq!(decode(text).as_deref(), want, "{text:?}");
        if let Some(bytes) = want {
            assert_eq!(encode(bytes).as_deref(), Some(text));
        }
    }

    #[test]
    fn canonical_text_goes_both_ways() {
        check("", Some(b""));
        check("Zg", Some(b"f"));
        check("Zm8", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        // RFC 7515 appendix C.
        check("A-z_4ME", Some(&[3, 236, 255, 224, 193]));
    }

    #[test]
    fn any_other_text_is_refused() {
        // Trailing bits that are not zero: these would read as "f" and "fo" too.
        for text in ["Zh", "Zo", "Zm9", "Zm-"] {
            check(text, None);
        }
        for text in ["Zg==", "Zm8=", "Z", "Zm9vZ", "+/+/", "Zm 9v", "Zm9v\n", " Zm9v", "Zm9vé"] {
            check(text, None);
        }
    }

    /// Of all two-letter texts exactly the 256 canonical ones are accepted.
    #[test]
    fn one_byte_has_one_text() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let accepted = alphabet
            .chars()
            .flat_map(|first| alphabet.chars().map(move |second| format!("{first}{second}")))
            .filter(|text| decode(text).is_some())
            .count();
        assert_eq!(accepted, 256);
    }
}
