//! Tokens that their issuer tied to a key (RFC 7800): `cnf` held against what the sender shows.
//!
//! A binding is checked wherever there is one, whatever the resource asks of its callers: without that, a thief would pass for the holder.
//! A confirmation that is not understood is a refusal and never a bearer token.

use serde_json::Value;

use crate::base64url;
use crate::jwt::Claims;

/// Why a token that is tied to a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingError {
    /// The token is tied to another certificate than the one on the line.
    CertificateMismatch,
    /// The token is tied to a certificate, and there is none on the line.
    CertificateMissing,
    /// The token is tied to a DPoP key and came as a bearer token.
    DpopRequired,
    /// `cnf` is not an object of known confirmations, each in its one form.
    Unknown,
}

impl BindingError {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::CertificateMismatch => "binding_certificate_mismatch",
            Self::CertificateMissing => "binding_certificate_missing",
            Self::DpopRequired => "binding_dpop_required",
            Self::Unknown => "binding_unknown",
        }
    }
}

/// What a token says of the key it is tied to; both members absent in one that is tied to none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// `x5t#S256` (RFC 8705 §3.1): SHA-256 of the certificate in DER.
    pub certificate: Option<[u8; 32]>,
    /// `jkt` (RFC 9449 §6.1): the RFC 7638 thumbprint of the key.
    pub key: Option<[u8; 32]>,
}

impl Confirmation {
    /// Reads `cnf`.
    ///
    /// # Errors
    ///
    /// [`BindingError::Unknown`] for anything but an object with at least one of the two members, each a canonical digest, and no other.
    pub fn of(claims: &Claims) -> Result<Self, BindingError> {
        let Some(cnf) = claims.value("cnf") else {
            return Ok(Self::default());
        };
        let members = cnf.as_object().filter(|members| !members.is_empty()).ok_or(BindingError::Unknown)?;
        let mut read = Self::default();
        for (name, value) in members {
            let digest = digest(value).ok_or(BindingError::Unknown)?;
            match name.as_str() {
                "x5t#S256" => read.certificate = Some(digest),
                "jkt" => read.key = Some(digest),
                // RFC 7800 §3.1 lets a recipient decide which it must understand: here, all of them.
                _ => return Err(BindingError::Unknown),
            }
        }
        Ok(read)
    }

    /// Holds the confirmation against the certificate on the line.
    ///
    /// # Errors
    ///
    /// RFC 8705 §3: a mismatch, or no certificate at all, is an invalid token.
    pub fn check_certificate(&self, shown: Option<&[u8; 32]>) -> Result<(), BindingError> {
        match (&self.certificate, shown) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(BindingError::CertificateMissing),
            (Some(wanted), Some(shown)) if wanted != shown => Err(BindingError::CertificateMismatch),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

fn digest(value: &Value) -> Option<[u8; 32]> {
    base64url::decode(value.as_str()?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::claims;

    const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(cnf: &Value) -> Result<Confirmation, BindingError> {
        Confirmation::of(&claims(&json!({ "cnf": cnf })))
    }

    #[test]
    fn both_confirmations_are_read() {
        let zero = Some([0; 32]);
        assert_eq!(Confirmation::of(&claims(&json!({}))), Ok(Confirmation::default()));
        assert_eq!(read(&json!({"jkt": ZEROS})), Ok(Confirmation { certificate: None, key: zero }));
        assert_eq!(read(&json!({"x5t#S256": ZEROS})), Ok(Confirmation { certificate: zero, key: None }));
        assert_eq!(read(&json!({"jkt": ZEROS, "x5t#S256": ZEROS})), Ok(Confirmation { certificate: zero, key: zero }));
    }

    #[test]
    fn anything_else_is_no_confirmation() {
        for cnf in [
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!(ZEROS),
            json!({"jkt": 1}),
            json!({"jkt": null}),
            json!({"jkt": ""}),
            json!({"jkt": "A".repeat(42)}),
            json!({"jkt": format!("{ZEROS}A")}),
            // The same bytes with a bit set where none belongs.
            json!({"jkt": format!("{}B", "A".repeat(42))}),
            json!({"jkt": format!("{ZEROS}=")}),
            json!({"kid": "k"}),
            json!({"jwk": {}}),
            json!({"jkt": ZEROS, "kid": "k"}),
            json!({"x5t#s256": ZEROS}),
        ] {
            assert_eq!(read(&cnf), Err(BindingError::Unknown), "{cnf}");
        }
    }

    #[test]
    fn a_certificate_must_be_the_one_on_the_line() {
        let bound = Confirmation { certificate: Some([0; 32]), key: None };
        assert_eq!(bound.check_certificate(Some(&[0; 32])), Ok(()));
        assert_eq!(bound.check_certificate(Some(&[1; 32])), Err(BindingError::CertificateMismatch));
        assert_eq!(bound.check_certificate(None), Err(BindingError::CertificateMissing));
        assert_eq!(Confirmation::default().check_certificate(None), Ok(()));
    }
}
