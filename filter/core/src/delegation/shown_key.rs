//! Keys that a sender shows, by digest: what a thief must hold to pass for it, and so what is withdrawn when one leaks.

use crate::rejection::Rejection;

/// A key on the line or in the request, whether or not anything rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShownKey {
    /// SHA-256 of an API key.
    Api([u8; 32]),
    /// SHA-256 of the client certificate in DER, as RFC 8705 §3.1 and the host have it.
    Certificate([u8; 32]),
    /// The RFC 7638 thumbprint of the key that made a DPoP proof.
    Dpop([u8; 32]),
}

impl ShownKey {
    /// What a request is refused with that shows it after it was withdrawn.
    pub(crate) const fn revoked(self) -> Rejection {
        match self {
            Self::Api(_) => Rejection::ApiKeyRevoked,
            Self::Certificate(_) => Rejection::CertificateRevoked,
            Self::Dpop(_) => Rejection::DpopKeyRevoked,
        }
    }
}
