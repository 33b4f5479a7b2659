//! A token that may be decided on, however it was verified.

use crate::bearer::Scheme;
use crate::delegation::policy::Basis;
use crate::digest::sha256;
use crate::introspection::Introspected;
use crate::jwt::verify::TokenRules;
use crate::jwt::{Claims, JwtError, VerifiedJwt};
use crate::time::UnixSeconds;

/// Says: that issuer stands for these claims, which are for this audience and valid now.
///
/// By its signature, or by what it answered about this very text.
#[derive(Debug)]
pub struct Inbound<'a> {
    pub(super) claims: &'a Claims,
    pub(super) issuer: &'a str,
    pub(super) expires_at: UnixSeconds,
    pub(super) digest: [u8; 32],
    pub(super) basis: Basis,
}

impl<'a> Inbound<'a> {
    /// A JWT whose signature was verified.
    #[must_use]
    pub fn signed(token: &'a VerifiedJwt) -> Self {
        Self {
            claims: token.claims(),
            issuer: token.issuer(),
            expires_at: token.expires_at(),
            digest: *token.digest(),
            basis: Basis::Key(token.key_thumbprint()),
        }
    }

    /// The opaque token `text`, of which its server said `told`.
    ///
    /// # Errors
    ///
    /// What of the claims does not keep the rules, as for a JWT.
    pub(crate) fn told(
        told: &'a Introspected,
        (text, scheme): (&str, Scheme),
        rules: &TokenRules<'a>,
        now: UnixSeconds,
    ) -> Result<Self, JwtError> {
        Ok(Self {
            claims: told.claims(),
            issuer: rules.issuer,
            expires_at: told.stands(scheme, rules, now)?,
            digest: sha256(text.as_bytes()),
            basis: Basis::Told(now),
        })
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &'a Claims {
        self.claims
    }
}
