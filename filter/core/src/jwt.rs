//! JSON Web Tokens (RFC 7519) in compact serialisation (RFC 7515), from bytes to proof.
//!
//! [`UnverifiedJwt`] says that a text has the form of a token the gateway is willing to check; nothing in it may be believed.
//! [`VerifiedJwt`] says that an issuer's key signed it and that it is for this audience, of this kind, and valid now;
//! [`verify::verify`] is the only way to one.
//! Encrypted and nested tokens are not supported.

pub mod claims;
pub mod compact;
pub mod header;
pub(crate) mod known;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod svid;
pub mod verify;

use crate::json::JsonError;

pub use claims::{ClaimFault, Claims};
pub use compact::UnverifiedJwt;
pub use header::Header;
pub use verify::{AcceptedTyp, TokenRules, VerifiedJwt, verify};

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// `alg` is missing or not a string (RFC 7515 §4.1.1: "MUST be present").
    AlgMissing,
    /// `alg` is `none`, in whatever case.
    AlgNone,
    /// `alg` is one the gateway knows but this issuer's rules do not list.
    AlgNotAllowed,
    /// `alg` is an HMAC, for which the gateway would have to hold a secret that signs.
    AlgSymmetric,
    /// `alg` is not one the gateway knows.
    AlgUnknown,
    /// `aud` does not name the expected audience.
    AudienceMismatch,
    /// A part is not canonical unpadded base64url.
    Base64,
    /// A claim is missing or malformed.
    Claim {
        /// Its name.
        claim: &'static str,
        /// What is wrong with it.
        fault: ClaimFault,
    },
    /// The claims are not strict JSON.
    ClaimsJson(JsonError),
    /// The claims are not an object.
    ClaimsNotObject,
    /// `exp` has passed.
    Expired,
    /// `exp` is before `iat`.
    ExpiresBeforeIssued,
    /// The header carries `b64` (RFC 7797): the signed text would be another.
    HeaderB64,
    /// The header carries `crit` (RFC 7515 §4.1.11): there is no extension the gateway understands.
    HeaderCrit,
    /// The header carries `cty`: the claims would be a token of their own (RFC 7519 §5.2).
    HeaderCty,
    /// The header carries `enc` or `zip`: the claims would have to be decrypted or inflated first.
    HeaderEncrypted,
    /// The header is not strict JSON.
    HeaderJson(JsonError),
    /// The header carries `jku`, `jwk` or `x5u`: the token would name its own judge.
    HeaderKey,
    /// `kid` is empty, too long or not a string.
    HeaderKid,
    /// The header is not an object.
    HeaderNotObject,
    /// `typ` is empty, too long or not a string.
    HeaderTyp,
    /// `iat` is in the future.
    IssuedInFuture,
    /// `iss` is not the expected issuer.
    IssuerMismatch,
    /// Several keys fit a token that names none.
    KeyAmbiguous,
    /// The issuer has a key of that `kid`, but not for that algorithm.
    KeyMismatch,
    /// More keys would have to be tried than [`KEY_TRIES_MAX`](crate::limits::KEY_TRIES_MAX).
    KeyTries,
    /// `exp` is further from `iat` than the rules allow.
    LifetimeTooLong,
    /// `nbf` has not come.
    NotYetValid,
    /// No key made the signature.
    Signature,
    /// The signature does not have the length its algorithm gives it.
    SignatureLength,
    /// There is no signature.
    SignatureMissing,
    /// A byte is none of `A-Z a-z 0-9 - _ .`.
    TokenAlphabet,
    /// It has the five parts of an encrypted token (RFC 7516 §3.1).
    TokenEncrypted,
    /// It has not three parts, or an empty one.
    TokenParts,
    /// It is longer than [`TOKEN_BYTES_MAX`](crate::limits::TOKEN_BYTES_MAX).
    TokenTooLong,
    /// `typ` is not one the rules list.
    TypNotAccepted,
    /// The issuer has no key of that `kid`, or none at all for the algorithm of a token that names none.
    UnknownKid,
}

impl JwtError {
    /// The stable word for logs and tests.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AlgMissing => "token_alg_missing",
            Self::AlgNone => "token_alg_none",
            Self::AlgNotAllowed => "token_alg_not_allowed",
            Self::AlgSymmetric => "token_alg_symmetric",
            Self::AlgUnknown => "token_alg_unknown",
            Self::AudienceMismatch => "token_audience_mismatch",
            Self::Base64 => "token_base64",
            // An agent nobody issued an identity to is told apart from a malformed token.
            Self::Claim { claim: "iss", fault: ClaimFault::Missing } => "token_issuer_missing",
            Self::Claim { fault, .. } => fault.code(),
            Self::ClaimsJson(_) => "token_claims_json",
            Self::ClaimsNotObject => "token_claims_not_object",
            Self::Expired => "token_expired",
            Self::ExpiresBeforeIssued => "token_expires_before_issued",
            Self::HeaderB64 => "token_header_b64",
            Self::HeaderCrit => "token_header_crit",
            Self::HeaderCty => "token_header_cty",
            Self::HeaderEncrypted => "token_header_encrypted",
            Self::HeaderJson(_) => "token_header_json",
            Self::HeaderKey => "token_header_key",
            Self::HeaderKid => "token_header_kid",
            Self::HeaderNotObject => "token_header_not_object",
            Self::HeaderTyp => "token_header_typ",
            Self::IssuedInFuture => "token_issued_in_future",
            Self::IssuerMismatch => "token_issuer_mismatch",
            Self::KeyAmbiguous => "token_key_ambiguous",
            Self::KeyMismatch => "token_key_mismatch",
            Self::KeyTries => "token_key_tries",
            Self::LifetimeTooLong => "token_lifetime_too_long",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Signature => "token_signature",
            Self::SignatureLength => "token_signature_length",
            Self::SignatureMissing => "token_signature_missing",
            Self::TokenAlphabet => "token_alphabet",
            Self::TokenEncrypted => "token_encrypted",
            Self::TokenParts => "token_parts",
            Self::TokenTooLong => "token_too_long",
            Self::TypNotAccepted => "token_typ_not_accepted",
            Self::UnknownKid => "token_unknown_kid",
        }
    }
}
