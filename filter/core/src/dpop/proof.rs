//! One proof, from the header's text to a key that is proven.

use crate::base64url;
use crate::config::DpopRules;
use crate::digest::sha256;
use crate::dpop::nonce;
use crate::jwks::PublicKey;
use crate::jwt::{JwtError, UnverifiedJwt};
use crate::limits::{DPOP_FUTURE_SECONDS_MAX, DPOP_PROOF_BYTES_MAX};
use crate::signatures::Signatures;
use crate::time::{Seconds, UnixSeconds};

/// Why a proof, or a token beside one, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DpopError {
    /// `iat` is too long ago, or in the future.
    Age,
    /// `alg` is none, symmetric, unknown, or not one the resource takes.
    Alg,
    /// `jwk` is missing, private, unusable, or not for that algorithm.
    Key,
    /// The proof is of another key than the token is tied to.
    KeyMismatch,
    /// Not a compact JWT with every claim a proof must have.
    Malformed,
    /// `htm` is another method.
    Method,
    /// The scheme is `DPoP`, and there is no proof.
    Missing,
    /// `nonce` is missing, or not one of this gateway's latest.
    Nonce,
    /// More than one proof.
    Repeated,
    /// The proof was used before.
    Replayed,
    /// The key in the proof did not sign it.
    Signature,
    /// `htu` is another target.
    Target,
    /// `ath` is of another token.
    Token,
    /// `typ` is not `dpop+jwt`.
    Typ,
    /// The scheme is `DPoP`, and the token is tied to no key.
    Unbound,
}

impl DpopError {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Age => "dpop_age",
            Self::Alg => "dpop_alg",
            Self::Key => "dpop_key",
            Self::KeyMismatch => "dpop_key_mismatch",
            Self::Malformed => "dpop_malformed",
            Self::Method => "dpop_method",
            Self::Missing => "dpop_missing",
            Self::Nonce => "dpop_nonce",
            Self::Repeated => "dpop_repeated",
            Self::Replayed => "dpop_replayed",
            Self::Signature => "dpop_signature",
            Self::Target => "dpop_target",
            Self::Token => "dpop_token",
            Self::Typ => "dpop_typ",
            Self::Unbound => "dpop_unbound",
        }
    }
}

/// What a proof must be made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The method of the request.
    pub(crate) method: &'a str,
    /// The path that was judged, without its query.
    pub(crate) path: &'a str,
    /// The access token beside the proof.
    pub(crate) token: &'a str,
    /// The SHA-256 of its text, where that is known already.
    pub(crate) token_digest: Option<[u8; 32]>,
}

/// A proof that says what it must, whose signature is still to be checked.
pub(crate) struct Proof<'a> {
    jwt: UnverifiedJwt<'a>,
    key: PublicKey,
    seen: [u8; 32],
    ends: UnixSeconds,
}

/// A key whose holder made a proof for this very request; made by `Proof::verify` only.
#[derive(Debug, Clone)]
pub struct ProvenKey {
    thumbprint: [u8; 32],
    pub(crate) seen: [u8; 32],
    pub(crate) ends: UnixSeconds,
}

impl ProvenKey {
    /// The RFC 7638 thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

impl<'a> Proof<'a> {
    /// Checks everything of RFC 9449 §4.3 but the signature, the binding of the token, and whether it was used before.
    pub(crate) fn read(
        text: &'a str,
        facts: Facts<'_>,
        rules: &DpopRules,
        now: UnixSeconds,
    ) -> Result<Self, DpopError> {
        if text.len() > DPOP_PROOF_BYTES_MAX {
            return Err(DpopError::Malformed);
        }
        let (jwt, jwk) = UnverifiedJwt::parse_with_key(text).map_err(of_parsing)?;
        // "The typ JOSE Header Parameter has the value dpop+jwt": RFC 7515 §4.1.9 compares media types without regard to case.
        if !jwt.header().typ().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
            return Err(DpopError::Typ);
        }
        if !rules.algorithms.contains(jwt.header().algorithm()) {
            return Err(DpopError::Alg);
        }
        let key = jwk.and_then(|jwk| PublicKey::from_jwk(&jwk).ok()).ok_or(DpopError::Key)?;
        if !key.fits(jwt.header().algorithm()) {
            return Err(DpopError::Key);
        }
        let (seen, ends) = check_claims(&jwt, &key, facts, rules, now)?;
        Ok(Self { jwt, key, seen, ends })
    }

    /// The thumbprint of the key, whose holder has yet to be believed.
    pub(crate) fn thumbprint(&self) -> &[u8; 32] {
        self.key.thumbprint()
    }

    /// Checks the signature.
    pub(crate) fn verify(self, signatures: &dyn Signatures) -> Result<ProvenKey, DpopError> {
        if !signatures.verify(&self.key, self.jwt.header().algorithm(), &self.jwt) {
            return Err(DpopError::Signature);
        }
        Ok(ProvenKey { thumbprint: *self.key.thumbprint(), seen: self.seen, ends: self.ends })
    }
}

const fn of_parsing(error: JwtError) -> DpopError {
    if matches!(error, JwtError::AlgMissing | JwtError::AlgNone | JwtError::AlgSymmetric | JwtError::AlgUnknown) {
        DpopError::Alg
    } else if matches!(error, JwtError::SignatureLength) {
        DpopError::Signature
    } else {
        DpopError::Malformed
    }
}

/// What names the proof among others, and until when it could be used again.
fn check_claims(
    jwt: &UnverifiedJwt<'_>,
    key: &PublicKey,
    facts: Facts<'_>,
    rules: &DpopRules,
    now: UnixSeconds,
) -> Result<([u8; 32], UnixSeconds), DpopError> {
    let claims = jwt.claims();
    let text = |name| claims.required_text(name).map_err(|_| DpopError::Malformed);
    let jti = text("jti")?;
    // RFC 9110 §9.1: methods are case-sensitive.
    if text("htm")? != facts.method {
        return Err(DpopError::Method);
    }
    if !is_target(text("htu")?, &rules.origin, facts.path) {
        return Err(DpopError::Target);
    }
    let made = claims.date("iat").ok().flatten().ok_or(DpopError::Malformed)?;
    let ends = made.saturating_add(rules.max_age);
    if now > ends || made > now.saturating_add(Seconds::new(DPOP_FUTURE_SECONDS_MAX)) {
        return Err(DpopError::Age);
    }
    let hash = base64url::encode(&facts.token_digest.unwrap_or_else(|| sha256(facts.token.as_bytes())));
    if hash.as_deref() != Some(text("ath")?) {
        return Err(DpopError::Token);
    }
    if let Some(secret) = &rules.nonce_secret {
        let shown = claims.text("nonce").map_err(|_| DpopError::Malformed)?;
        if !shown.is_some_and(|shown| nonce::is_current(secret, shown, now)) {
            return Err(DpopError::Nonce);
        }
    }
    // Two keys may draw one identifier; one key should not.
    let seen = sha256(&[key.thumbprint().as_slice(), jti.as_bytes()].concat());
    Ok((seen, ends))
}

/// Whether `htu` names that path at that origin, "ignoring any query and fragment parts" (RFC 9449 §4.3).
///
/// Scheme and host compare without regard to case and the default port may be left out (RFC 3986 §6.2.2.1, §6.2.3); the path is compared as it is.
fn is_target(htu: &str, origin: &str, path: &str) -> bool {
    let whole = htu.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = whole.split_once("://") else {
        return false;
    };
    let (authority, target) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "/"));
    normal_origin(scheme, authority) == origin && target == path
}

/// The one form of an origin: lower case, without the default port.
pub(crate) fn normal_origin(scheme: &str, authority: &str) -> String {
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = authority.strip_suffix(default).unwrap_or(&authority);
    format!("{scheme}://{host}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests;
