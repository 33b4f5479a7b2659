//! The OAuth error word of each reason to refuse (RFC 6750 §3.1 and those that add to it).

use super::Rejection;
use crate::dpop::DpopError;

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

impl Rejection {
    /// What the `WWW-Authenticate` challenge says, if there is one.
    pub fn oauth_error(self) -> OauthError {
        match self {
            // RFC 6750 §3.1: a challenge without an error, to whoever sent no token.
            Self::CredentialMissing | Self::ApiKeyUnknown | Self::ApiKeyRevoked => OauthError::Absent,
            Self::CredentialMalformed | Self::CredentialRepeated => OauthError::InvalidRequest,
            Self::ActorIssuerRefused
            | Self::ClientMismatch
            | Self::CallerMismatch
            | Self::CallerUnproven
            | Self::ChainActorIsSubject
            | Self::ChainMalformed
            | Self::ChainRepeatsActor
            | Self::ChainTooLong
            | Self::DelegationRequired
            | Self::ScopeForbidden
            | Self::TokenInactive
            | Self::TokenRevoked
            | Self::SubjectRevoked
            | Self::SessionRevoked
            | Self::CertificateRevoked
            | Self::DpopKeyRevoked
            | Self::Token(_)
            | Self::Binding(_)
            | Self::Dpop(DpopError::KeyMismatch | DpopError::Unbound)
            | Self::SubjectTokenRefused => OauthError::InvalidToken,
            Self::Dpop(DpopError::Nonce) => OauthError::UseDpopNonce,
            Self::Dpop(_) => OauthError::InvalidDpopProof,
            Self::ScopeMissing | Self::ScopeNotGranted => OauthError::InsufficientScope,
            Self::StepUpRequired | Self::AuthenticationTooOld | Self::AuthenticationTooWeak => {
                OauthError::InsufficientUserAuthentication
            }
            Self::ActorInactive
            | Self::ActorRevoked
            | Self::ActorProfileRefused
            | Self::ActorUnregistered
            | Self::ActorNotAccepted
            | Self::AgentResourceRefused
            | Self::PairNotAccepted
            | Self::ScopeBeyondAgent
            | Self::AgentInactive
            | Self::ApiKeyNotAccepted
            | Self::AgentItselfRequired
            | Self::AgentUnknown
            | Self::PriorActorInactive
            | Self::PriorActorProfileRefused
            | Self::PriorActorUnregistered
            | Self::SubjectProfileRefused
            | Self::SubjectNotAllowed
            | Self::ActorNotAllowed => OauthError::ActorUnauthorized,
            Self::ApprovalRequired
            | Self::ClaimNotAccepted
            | Self::ScopeBeyondSubject
            | Self::ArgumentRefused
            | Self::ConsentRequired
            | Self::BodyInvalid
            | Self::BatchRefused
            | Self::BodyTooLarge
            | Self::ContentTypeRefused
            | Self::HeaderMismatch
            | Self::HttpMethodRefused
            | Self::OriginRefused
            | Self::PathAmbiguous
            | Self::SessionIdInvalid
            | Self::SessionUnknown
            | Self::TaskUnknown
            | Self::ContextUnknown
            | Self::ProtocolVersionUnsupported
            | Self::PushUrlRefused
            | Self::QueryRefused
            | Self::ResourceUnknown
            | Self::MethodNotMapped
            | Self::OperationNotMapped
            | Self::ToolNotMapped
            | Self::PromptNotMapped
            | Self::ResourceNotMapped
            | Self::ClientInputRefused
            | Self::UpstreamAnswerRefused
            | Self::UpstreamRefusedSecret
            | Self::ToolUnknownBeforeBody
            | Self::HumanRequired
            | Self::KeysUnavailable
            | Self::EndpointsUnavailable
            | Self::Reconfigured
            | Self::ExchangeDenied
            | Self::InteractionRequired
            | Self::AgentCredentialRefused
            | Self::GrantRefused
            | Self::AuthorizationServerUnavailable
            | Self::AuthorizationServerAnswerInvalid
            | Self::GrantReplayed
            | Self::Lineage(_)
            | Self::AuthorizationServerResting { .. }
            | Self::TooManyBadSignatures
            | Self::Overloaded
            | Self::UpstreamRefusedToken
            | Self::UpstreamWantsNonce
            | Self::Internal(_) => OauthError::NoChallenge,
        }
    }
}
