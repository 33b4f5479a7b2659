//! The compact form of a token: three parts of canonical base64url, and nothing else.

use core::fmt;

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
        let header = Header::parse(&decode(header)?)?;
        if !signature_fits(signature.len(), header.algorithm()) {
            return Err(JwtError::SignatureLength);
        }
        let claims = Claims::parse(&decode(claims)?)?;
        Ok(Self { token, signing_input, signature, header, claims })
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
