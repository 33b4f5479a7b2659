//! The OAuth error words (RFC 6750 §3.1 and those that add to it).

/// How the code of RFC 6750 §3.1 (or a neighbour's) stands in the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OauthError {
    /// RFC 6750 §3.1: no `error` where no credential was sent.
    Absent,
    /// RFC 6750 §3.1.
    InvalidRequest,
    /// RFC 6750 §3.1.
    InvalidToken,
    /// RFC 6750 §3.1.
    InsufficientScope,
    /// RFC 9470 §3.
    InsufficientUserAuthentication,
    /// OAuth actor profile: the actor may not, and no scope would help.
    ActorUnauthorized,
    /// Not an authorization question: no challenge.
    NoChallenge,
    /// The DPoP proof is no good (RFC 9449 §7.1).
    InvalidDpopProof,
    /// The DPoP proof needs a nonce of ours (RFC 9449 §9).
    UseDpopNonce,
}

impl OauthError {
    /// The registered word.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Absent | Self::NoChallenge => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope => Some("insufficient_scope"),
            Self::InsufficientUserAuthentication => Some("insufficient_user_authentication"),
            Self::ActorUnauthorized => Some("actor_unauthorized"),
            Self::InvalidDpopProof => Some("invalid_dpop_proof"),
            Self::UseDpopNonce => Some("use_dpop_nonce"),
        }
    }
}
