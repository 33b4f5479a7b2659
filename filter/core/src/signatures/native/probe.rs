//! What the host is asked before it is relied on: one signature that is good, and the same with one thing wrong at a time.
//!
//! The keys were made for this and signed nothing else; their private halves are gone.

use serde_json::Value;

use super::Native;
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwks::PublicKey;

/// What is signed.
pub(super) const TEXT: &[u8] = b"actgate asks the host";

/// What is not.
pub(super) const OTHER_TEXT: &[u8] = b"actgate asks the hosu";

const RSA_KEY: &str = concat!(
    r#"{"kty":"RSA","e":"AQAB","n":"nm8dBj_ho2wHAx7yEXSmcJx4SNmJs3uJhxNM9MtmWgPYCpocsu-nCEtgpiIMHGVL28MUVz6"#,
    r#"kuMQmBKQ0fulHyJxH0QOj5G6dPc3MqGGE5StzplN1az2fVrVt5wJUWQdYhLAWQI_ipCO1JBO_bfPsg50NsAZx04KmkhIm1Qb2GUi"#,
    r#"yUYwL6bFvN-gG6NBlFLMcHYfnTu258jULPIPeNyJyg203EQw1AM9O3KjeCbTM5zwnsOuodC_u9PdyruwGIyf_8ysAGbzyDg-i60d"#,
    r#"l4sa7nhm7FSB3GdNUyW7MKP_1ud5JbmBAqHF-xZRFWevKyu9dmZUQ6iCtOjO3RPN6bS8AJQ"}"#,
);

const P256_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"IkaWuBvafZKY5k7aHj-Cbn1PUvxCKYC9rQraj08yvr8","y":"wX8ACeHwxp2MJ77l_oR"#,
    r#"7-o0w9tml5HQzA8iyhRbu4Zo"}"#,
);

const P384_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-384","x":"goFGX8oCAUyN0KttnQMzZxZVzeIUUYAPorH09xTWSsfIzE1d3ZqYWsSL2S1NrH_k","y""#,
    r#":"twVoxchxaFSbrqtrVnI3ucl8EpRaHp8jMTqQUUIK7VhxcV3TcDv9tEzxveIvN6QA"}"#,
);

const RS256: &str = concat!(
    "dUfQRZGWiScQ9xswOOofBZdILxxrty9E2r7e_HGVAXad95KXyL5g41lqg79wMByBdJVgiyDIFY3SJGqKRFHJY_tamvdkixgSNzru",
    "EJ50nXhUbx6cknm8bEYR6_ql7YvdWIphT616yfUGAhC2KTwuRF_N7-1qldAAt3CzFURMxAuFtcCqJS6tqbZaLSNVE2D9iJ2FxJ_k",
    "Sdzoj1vYaMh-87YwyAnS0kZC0wuD46-xN9Y-iYy7lHu4Fd2486rQ9VnAGItaVFeiKWATF-gYOFh_1PwJ7xOk9pGfFm8EkM-L37Cu",
    "wpnmLAnhRBHcT7uSJcvDjNTvtVXIGkxLht1Fn5c36w",
);

const RS384: &str = concat!(
    "GfqYrQiOQOY7wYeLax52-c-lH-1nJcuDzv6Z7njDAaYSgy1De9rGXF-v23w12ax22r3B98d1iZq6-q5Z5iO-S4MHDxpisvqhsb6Z",
    "pb1k1AepXept6A4xiRX5jco4MJj9B9V4uiXU2ldTjwp4HgXgH_zgfI94F0LKClW1lqNHsyJLMdk0ykbkG8RySXIcKDhI40WFJald",
    "fAu7k9nMGUXlQB0IPjH8T9JO183AE8cTZluRnuFYpKDe7ofky4A6v1sagWlb2_hiyMu5maIIUaE9mSxA7avW9DiBD90wK_535J1Y",
    "VOBwCpPun0KwGFdSBWR1HzWh8qf8929RH11AKNKigQ",
);

const RS512: &str = concat!(
    "NrVe2_mmCA_7LXIA2hFt51BF6WFqtwnLs1DkmKK-ipv6B6S3kkVCsReWeVMVedBljgP0PyOltdds8AnAmy6nUJwvKMeG8D2zDCts",
    "ZczkcH2FWLAzI_26LBShOW5XKhM98kQLazb-IT70NtpfWaVk3ym5o7oO76hQ-buto6o9TttpEUTIf-kYcd-PM1oCQ97yox0IsktQ",
    "jvvRQJdxQ7gJC7biBVnHosZLG5kI3mn4CRhiBt6URSYHIlgHYHUqBngeIjg_6SD97dj0gjcBWDqv7uY9jphyRSNKd88_xr3DmXJY",
    "U4Aky4Iw6N9npFq8sArBlLKx1I3M2jMf3v6mZu_jRA",
);

const ES256: &str = "x5swtzCt3Bkkp7MjOcj44aeNpwEXS-ntSi2gPrqe_WyTJnXisNH5qGdU2dM6yGYaYbBUCFaInefffhCB1PCxbw";

const ES384: &str = concat!(
    "57OX-GKL7hT-CW9rn-RlKmE0WrFsK2vV5FrqdKNjeKuXU0fzgIJamX9y4nJSQSAtJwtj2pnoEilnScUBYtyFy1xHiGmKlL7f7MZ7",
    "40z8EBohXvraDUnzA3x8FoJIX8fZ",
);

/// The key and the signature over [`TEXT`] for that algorithm, where the host could know it.
fn vector(algorithm: Algorithm) -> Option<(PublicKey, Vec<u8>)> {
    let (key, signature) = match algorithm {
        Algorithm::Rs256 => (RSA_KEY, RS256),
        Algorithm::Rs384 => (RSA_KEY, RS384),
        Algorithm::Rs512 => (RSA_KEY, RS512),
        Algorithm::Es256 => (P256_KEY, ES256),
        Algorithm::Es384 => (P384_KEY, ES384),
        // The host has no padding to choose, and no digest that is none.
        Algorithm::Ps256 | Algorithm::EdDsa => return None,
    };
    let key: Value = serde_json::from_str(key).ok()?;
    Some((PublicKey::from_jwk(&key).ok()?, base64url::decode(signature)?))
}

/// Whether the host says yes to what is right, and no to a wrong text, a wrong signature and a wrong key.
pub(super) fn verifies(native: &Native, algorithm: Algorithm) -> bool {
    let Some((key, signature)) = vector(algorithm) else {
        return false;
    };
    let ask = |spki: &[u8], text: &[u8], signature: &[u8]| native.ask_verify(spki, algorithm, text, signature);
    let spki = key.spki_der();
    let wrong_signature = flipped(&signature, 5);
    // Thirty bytes from its end are within the modulus, or within the point.
    let wrong_key = flipped(spki, 30);
    ask(spki, TEXT, &signature)
        && !ask(spki, OTHER_TEXT, &signature)
        && !ask(spki, TEXT, &wrong_signature)
        && !ask(&wrong_key, TEXT, &signature)
}

/// Those bytes with one bit changed, so many bytes from their end.
fn flipped(bytes: &[u8], from_end: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.iter_mut().rev().nth(from_end) {
        *byte ^= 1;
    }
    bytes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::signatures::in_guest::signed;

    #[test]
    fn the_vectors_are_good_and_their_spoiled_forms_are_not() {
        for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Es256, Algorithm::Es384] {
            let (key, signature) = vector(algorithm).unwrap();
            assert!(signed(key.material(), algorithm, TEXT, &signature), "{algorithm:?}");
            assert!(!signed(key.material(), algorithm, OTHER_TEXT, &signature), "{algorithm:?}");
            assert!(!signed(key.material(), algorithm, TEXT, &flipped(&signature, 5)), "{algorithm:?}");
            assert_ne!(flipped(key.spki_der(), 30), key.spki_der());
        }
    }
}
