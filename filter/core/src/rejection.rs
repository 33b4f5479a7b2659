//! Every reason to refuse, and what each one looks like from outside.
//!
//! A refusal carries data, never text from the wire, and its [`Rejection::code`] is one word used alike in replies, logs, metrics and test vectors.
//! The enum is closed: a new reason does not compile until a row of `rejection/table.rs` says what it answers.

mod oauth;
mod table;

pub use oauth::OauthError;

use crate::delegation::actor_token::ActorTokenError;
use crate::delegation::binding::BindingError;
use crate::dpop::DpopError;
use crate::exchange::lineage::LineageError;
use crate::jwt::JwtError;

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The caller's claimed identity is a different one than its certificate proves.
    CallerMismatch,
    /// The caller showed no proof of who it is.
    CallerUnproven,
    /// An actor of the chain equals the human on top of it.
    ChainActorIsSubject,
    /// `act` is not a chain of objects with a `sub` each.
    ChainMalformed,
    /// The same actor stands in the chain twice.
    ChainRepeatsActor,
    /// More actors than the resource accepts.
    ChainTooLong,
    /// The tool needs an approval that is not there.
    ApprovalRequired,
    /// The tool needs a consent that is not there.
    ConsentRequired,
    /// No `Authorization` header.
    CredentialMissing,
    /// Not `Bearer <token>`.
    CredentialMalformed,
    /// More than one credential.
    CredentialRepeated,
    /// No agent has this API key.
    ApiKeyUnknown,
    /// The agent of this API key is not served without a token here.
    ApiKeyNotAccepted,
    /// No `act` where the resource demands delegation.
    DelegationRequired,
    /// The token's server says that it is not active, whatever the reason.
    TokenInactive,
    /// The token itself is withdrawn.
    TokenRevoked,
    /// Its subject is withdrawn.
    SubjectRevoked,
    /// The session it was issued in is withdrawn.
    SessionRevoked,
    /// The API key is withdrawn.
    ApiKeyRevoked,
    /// The client certificate on the line is withdrawn.
    CertificateRevoked,
    /// The key of the DPoP proof is withdrawn.
    DpopKeyRevoked,
    /// An actor of the chain, the client or the acting agent is withdrawn.
    ActorRevoked,
    /// The current actor, the client or a subject that is an agent is suspended or retired.
    ActorInactive,
    /// The current actor is not of a kind the resource accepts.
    ActorProfileRefused,
    /// The current actor is not registered.
    ActorUnregistered,
    /// An actor names the namespace of its identifier, or does not, against the resource's rule.
    ActorIssuerRefused,
    /// The current actor is not one that the resource is for.
    ActorNotAccepted,
    /// The acting agent is not registered for the resource.
    AgentResourceRefused,
    /// The human's sign-in is too old, or nobody knows how old.
    AuthenticationTooOld,
    /// The human signed in by other means than the resource demands.
    AuthenticationTooWeak,
    /// A claim does not say what a rule of the resource demands.
    ClaimNotAccepted,
    /// The token was issued to another client than the current actor is.
    ClientMismatch,
    /// This current actor may not serve this subject.
    PairNotAccepted,
    /// The call needs a scope that the agent may not have.
    ScopeBeyondAgent,
    /// The call needs a scope that the subject is not entitled to.
    ScopeBeyondSubject,
    /// The agent that the token names is suspended or retired.
    AgentInactive,
    /// The upstream's token would be the agent's own, and the request is for somebody else.
    AgentItselfRequired,
    /// No registered agent stands behind this token.
    AgentUnknown,
    /// A prior actor is suspended or retired.
    PriorActorInactive,
    /// A prior actor calls itself something it is not registered as.
    PriorActorProfileRefused,
    /// A prior actor is not registered.
    PriorActorUnregistered,
    /// A value in path, query or body breaks a rule of the operation.
    ArgumentRefused,
    /// Not one well-formed message of the protocol.
    BodyInvalid,
    /// A JSON-RPC batch.
    BatchRefused,
    /// The body is larger than the resource reads.
    BodyTooLarge,
    /// The content type is not JSON, or the content is encoded.
    ContentTypeRefused,
    /// A routing header says something else than the body.
    HeaderMismatch,
    /// The HTTP method is not served here.
    HttpMethodRefused,
    /// A web page that may not call.
    OriginRefused,
    /// The path can be read in more than one way.
    PathAmbiguous,
    /// An MCP session is named twice, not at all where it must be, or in no proper form.
    SessionIdInvalid,
    /// The session was not given to this subject and agent at this resource.
    SessionUnknown,
    /// An A2A task was not given to this subject and agent at this resource, or there is none.
    TaskUnknown,
    /// The same of the context of tasks.
    ContextUnknown,
    /// An MCP protocol version that is not known here.
    ProtocolVersionUnsupported,
    /// An agent is told to report to a URL that is not allowed.
    PushUrlRefused,
    /// The query has a parameter that the operation does not list, or can be read in more than one way.
    QueryRefused,
    /// No resource is configured for this host and path.
    ResourceUnknown,
    /// The JSON-RPC method is not mapped.
    MethodNotMapped,
    /// No operation of the resource has this method and path.
    OperationNotMapped,
    /// The tool is not mapped.
    ToolNotMapped,
    /// The prompt is not mapped.
    PromptNotMapped,
    /// The resource of the MCP server is not mapped.
    ResourceNotMapped,
    /// The operation may not be called for this subject.
    SubjectNotAllowed,
    /// The operation may not be called by this current actor.
    ActorNotAllowed,
    /// The call brings words of the client's that no rule judges.
    ClientInputRefused,
    /// The tool is told by the body only, which this host mode shows too late.
    ToolUnknownBeforeBody,
    /// The tool must be called for a human.
    HumanRequired,
    /// The subject is not of a kind the resource accepts.
    SubjectProfileRefused,
    /// The token lacks a scope that the resource demands.
    ScopeMissing,
    /// The token carries a scope that the resource forbids.
    ScopeForbidden,
    /// The token itself is refused.
    Token(JwtError),
    /// The token that says who acts is refused.
    ActorToken(ActorTokenError),
    /// The token is tied to a key that the caller did not show.
    Binding(BindingError),
    /// The DPoP proof is refused, or the token beside it.
    Dpop(DpopError),
    /// No usable keys of the token's issuer.
    KeysUnavailable,
    /// The configuration changed while the request waited, on a host that keeps none of the old one.
    Reconfigured,
    /// No usable metadata of a server whose token endpoint is looked up there.
    EndpointsUnavailable,
    /// The authorization server refused the exchange by policy.
    ExchangeDenied,
    /// The authorization server refused the subject token.
    SubjectTokenRefused,
    /// The authorization server wants a fresher or stronger sign-in.
    StepUpRequired,
    /// The authorization server wants the user to act first.
    InteractionRequired,
    /// The authorization server refused the agent's own credential.
    AgentCredentialRefused,
    /// The resource's authorization server refused the identity assertion.
    GrantRefused,
    /// The authorization server granted less than the tool needs.
    ScopeNotGranted,
    /// The authorization server was not reached, was late or failed.
    AuthorizationServerUnavailable,
    /// The authorization server's answer is not a token response.
    AuthorizationServerAnswerInvalid,
    /// The identity assertion came back a second time.
    GrantReplayed,
    /// What came back is not what was asked for.
    Lineage(LineageError),
    /// The authorization server failed repeatedly and is left to rest.
    AuthorizationServerResting {
        /// For how long still.
        seconds: u64,
    },
    /// Too many bad signatures came from this peer, or from peers not known by a good one.
    TooManyBadSignatures,
    /// Too many requests wait already.
    Overloaded,
    /// The upstream's list cannot be cut down to what may be shown.
    UpstreamAnswerRefused,
    /// The upstream refused the token that was issued for it.
    UpstreamRefusedToken,
    /// The upstream answered 401 to the secret that is injected.
    UpstreamRefusedSecret,
    /// The upstream wanted its nonce in the proof beside the token.
    UpstreamWantsNonce,
    /// The impossible; the text names the place.
    Internal(&'static str),
}

impl Rejection {
    /// The stable word for replies, records, metrics and vectors.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of the reply.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// What the `WWW-Authenticate` challenge says, if there is one.
    pub fn oauth_error(self) -> OauthError {
        self.row().2
    }

    /// True where only the scheme `DPoP` could have helped.
    pub fn is_for_dpop(self) -> bool {
        matches!(self, Self::Dpop(_) | Self::Binding(BindingError::DpopRequired))
    }

    /// Whether clients act upon the status itself: by getting another token (RFC 6750 §3.1), or by beginning a new session (MCP 2025-11-25).
    pub fn is_acted_upon(self) -> bool {
        self.status() == 401 || self.oauth_error() == OauthError::InsufficientScope || self == Self::SessionUnknown
    }

    /// The JSON-RPC error code of the reply.
    ///
    /// MCP reserves -32768..-32000 for itself, so a gateway's own refusals carry the HTTP status as their number.
    pub fn rpc_code(self) -> i64 {
        if self == Self::HeaderMismatch {
            return -32_020;
        }
        if self == Self::ProtocolVersionUnsupported {
            return -32_022;
        }
        // A2A 1.0 §5.4: TaskNotFoundError, whether there is one or not (§7.4).
        if self == Self::TaskUnknown {
            return -32_001;
        }
        if self == Self::BodyInvalid || self == Self::BatchRefused {
            return -32_600;
        }
        i64::from(self.status())
    }

    /// After how many seconds trying again can help; the reply says so with `Retry-After`.
    pub fn retry_after(self) -> Option<u64> {
        if let Self::AuthorizationServerResting { seconds } = self {
            return Some(seconds);
        }
        matches!(self.status(), 429 | 503).then_some(1)
    }
}
