//! The compact form of a token: three parts of canonical base64url, and nothing else.

use core::fmt;

use serde_json::Value;

use super::{Claims, Header, JwtError};
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::limits::{RSA_MODULUS_BITS_MAX, RSA_MODULUS_BITS_MIN, TOKEN_BYTES_MAX};

/// A text that has the form of a signed token; nothing it says may be believed.
///
/// It proves: three non-empty parts within the size bound, each the only text of its bytes; a header and claims that are strict JSON objects;
/// an asymmetric algorithm the gateway knows; a signature of that algorithm's length; and no header that would change what is verified.
pub struct UnverifiedJwt<'a> {
    token: &'a str,
    signing_input: &'a str,
    signature: Vec<u8>,
    header: Header,
    claims: Claims,
}

impl fmt::Debug for UnverifiedJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedJwt([redacted])")
    }
}

impl<'a> UnverifiedJwt<'a> {
    /// Takes a token apart.
    pub fn parse(token: &'a str) -> Result<Self, JwtError> {
        Self::parse_by(token, |bytes| Ok((Header::parse(bytes)?, ()))).map(|(jwt, ())| jwt)
    }

    /// Takes a token apart whose header carries the key that signed it: a DPoP proof (RFC 9449 §4.2), which proves that key and nothing else.
    pub(crate) fn parse_with_key(token: &'a str) -> Result<(Self, Option<Value>), JwtError> {
        Self::parse_by(token, Header::parse_with_key)
    }

    fn parse_by<T>(
        token: &'a str,
        read_header: impl FnOnce(&[u8]) -> Result<(Header, T), JwtError>,
    ) -> Result<(Self, T), JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::TokenTooLong);
        }
        // JWT BCP: a token with any other character is rejected before it is parsed.
        if !token.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')) {
            return Err(JwtError::TokenAlphabet);
        }
        // RFC 7516 §9: the number of parts tells an encrypted token from a signed one.
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            4 => return Err(JwtError::TokenEncrypted),
            _ => return Err(JwtError::TokenParts),
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtError::TokenParts)?;
        let (header, claims) = signing_input.split_once('.').ok_or(JwtError::TokenParts)?;
        if header.is_empty() || claims.is_empty() {
            return Err(JwtError::TokenParts);
        }
        if signature.is_empty() {
            return Err(JwtError::SignatureMissing);
        }
        let decode = |part| base64url::decode(part).ok_or(JwtError::Base64);
        let signature = decode(signature)?;
        let (header, more) = read_header(&decode(header)?)?;
        if !signature_fits(signature.len(), header.algorithm()) {
            return Err(JwtError::SignatureLength);
        }
        let claims = Claims::parse(&decode(claims)?)?;
        Ok((Self { token, signing_input, signature, header, claims }, more))
    }

    /// The whole text, which is a credential.
    #[must_use]
    pub const fn token(&self) -> &'a str {
        self.token
    }

    /// What is signed: the header and the claims as they were written (RFC 7515 §5.2 step 8).
    #[must_use]
    pub const fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The header; whoever wrote the token wrote it.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The claims; whoever wrote the token wrote them.
    ///
    /// They may choose which rules are applied, such as by `iss`, and nothing else.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// RFC 7518 §3.3 to §3.5, RFC 8032 §5.1.6: how long a signature is.
fn signature_fits(bytes: usize, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
            (RSA_MODULUS_BITS_MIN / 8..=RSA_MODULUS_BITS_MAX / 8).contains(&bytes)
        }
        Algorithm::Es256 | Algorithm::EdDsa => bytes == 64,
        Algorithm::Es384 => bytes == 96,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::sample::encoded;
    use super::*;

    fn check(token: &str, want: Result<(), JwtError>) {
        assert_eq!(UnverifiedJwt::parse(token).map(|_| ()), want, "{token}");
    }

    /// A token of that algorithm with a signature of that many zero bytes.
    fn token(alg: &str, signature_bytes: usize) -> String {
        let signature = base64url::encode(&vec![0; signature_bytes]).unwrap();
        let header = encoded(&format!(r#"{{"alg":"{alg}"}}"#));
        format!("{header}.{}.{signature}", encoded("{}"))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = token("ES256", 64);
        let jwt = UnverifiedJwt::parse(&text).unwrap();
        assert_eq!(jwt.token(), text);
        assert_eq!(format!("{}.{}", jwt.signing_input(), "A".repeat(86)), text);
        assert_eq!(jwt.signature(), [0; 64]);
        assert_eq!(jwt.header().algorithm(), Algorithm::Es256);
        assert_eq!(format!("{jwt:?} {:?}", jwt.claims()), "UnverifiedJwt([redacted]) Claims([redacted])");
    }

    #[test]
    fn there_are_three_parts_and_none_is_empty() {
        let good = token("ES256", 64);
        check(&good, Ok(()));
        for text in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", ".b.c", "a..c", ".."] {
            check(text, Err(JwtError::TokenParts));
        }
        check("a.b.c.d.e", Err(JwtError::TokenEncrypted));
        check("....", Err(JwtError::TokenEncrypted));
        let unsigned = format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded("{}"));
        check(&unsigned, Err(JwtError::SignatureMissing));
        check(&token("none", 64), Err(JwtError::AlgNone));
    }

    #[test]
    fn no_other_character_is_let_through() {
        let good = token("ES256", 64);
        for other in [" ", "\n", "\t", "=", "+", "/", ",", "\0", "é", "%2e"] {
            check(&format!("{good}{other}"), Err(JwtError::TokenAlphabet));
            check(&format!("{other}{good}"), Err(JwtError::TokenAlphabet));
        }
    }

    #[test]
    fn each_part_is_canonical_base64url() {
        let good = token("ES256", 64);
        let (input, signature) = good.rsplit_once('.').unwrap();
        // 64 bytes leave four bits over; the same bytes with a bit set there.
        let other = format!("{input}.{}B", signature.strip_suffix('A').unwrap());
        check(&other, Err(JwtError::Base64));
        check(&format!("{input}.{signature}AAA"), Err(JwtError::Base64));
        // {"alg":"ES256"} leaves none over; {} leaves two.
        check(&good.replacen(".e30.", ".e31.", 1), Err(JwtError::Base64));
    }

    #[test]
    fn the_claims_are_one_strict_object() {
        let with = |claims: &str| token("ES256", 64).replacen("e30", &encoded(claims), 1);
        use crate::json::JsonError;
        check(&with("[]"), Err(JwtError::ClaimsNotObject));
        check(&with("7"), Err(JwtError::ClaimsNotObject));
        check(&with("x"), Err(JwtError::ClaimsJson(JsonError::Syntax)));
        check(&with(r#"{"sub":"a","act":{"sub":"b","sub":"c"}}"#), Err(JwtError::ClaimsJson(JsonError::DuplicateName)));
    }

    #[test]
    fn a_signature_is_as_long_as_its_algorithm_says() {
        for (alg, bytes) in
            [("ES256", 64), ("EdDSA", 64), ("ES384", 96), ("RS256", 256), ("RS512", 512), ("PS256", 384)]
        {
            check(&token(alg, bytes), Ok(()));
        }
        for (alg, bytes) in [
            ("ES256", 63),
            ("ES256", 65),
            ("ES256", 72),
            ("EdDSA", 32),
            ("ES384", 64),
            ("ES384", 97),
            ("RS256", 255),
            ("RS256", 513),
            ("PS256", 128),
        ] {
            check(&token(alg, bytes), Err(JwtError::SignatureLength));
        }
    }

    #[test]
    fn the_length_of_a_token_is_bounded() {
        let rest = token("ES256", 64).len().saturating_sub("e30".len());
        let letters = TOKEN_BYTES_MAX.saturating_sub(rest);
        let content = letters.saturating_mul(3).checked_div(4).unwrap();
        let claims = format!(r#"{{"a":"{}"}}"#, "x".repeat(content.saturating_sub(8)));
        let longest = token("ES256", 64).replacen("e30", &encoded(&claims), 1);
        assert_eq!(longest.len(), TOKEN_BYTES_MAX);
        check(&longest, Ok(()));
        check(&format!("{longest}A"), Err(JwtError::TokenTooLong));
    }

    #[test]
    fn the_depth_of_claims_is_bounded() {
        let nested = |levels: usize| {
            let (open, close) = (r#"{"act":"#.repeat(levels), "}".repeat(levels));
            let claims = format!("{open}{{}}{close}");
            token("ES256", 64).replacen("e30", &encoded(&claims), 1)
        };
        use crate::json::JsonError;
        use crate::limits::TOKEN_JSON_DEPTH_MAX;
        check(&nested(TOKEN_JSON_DEPTH_MAX.saturating_sub(1)), Ok(()));
        check(&nested(TOKEN_JSON_DEPTH_MAX), Err(JwtError::ClaimsJson(JsonError::TooDeep)));
    }
}
