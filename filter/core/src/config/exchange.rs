//! What credential a resource's requests go on with.
//!
//! There is no variant for "whatever came": passing a token through names the audience that must already be in it.

use std::sync::Arc;

use crate::config::server::AuthorizationServer;
use crate::time::Seconds;

/// What credential is sent on.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// A token exchanged for the acting agent, in two calls (draft-ietf-oauth-identity-assertion-authz-grant).
    IdJag(Arc<IdJagExchange>),
    /// The verified token itself: the next hop is the one it was minted for.
    PassThrough {
        /// The audience of the token; the same as the one accepted.
        audience: String,
    },
}

/// An exchange by way of an identity assertion authorization grant.
#[derive(Debug)]
pub struct IdJagExchange {
    /// The server that is asked for the grant.
    pub idp: Arc<AuthorizationServer>,
    /// The server that takes the grant for an access token.
    pub resource_server: Arc<AuthorizationServer>,
    /// The resource the access token is for; its audience.
    pub resource: String,
    /// What the inbound token is to the identity provider.
    pub subject_token_type: SubjectTokenType,
    /// Whether the access token can be read.
    pub issued_token: IssuedTokenFormat,
    /// The longest the access token may live.
    pub lifetime_max: Seconds,
    /// How the grant names the same subject as the inbound token; never empty.
    pub same_subject_id_jag: Vec<SameSubject>,
    /// How the access token names the same subject as the inbound token; empty for an opaque one only.
    pub same_subject_access_token: Vec<SameSubject>,
}

/// What the inbound token is to the identity provider (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTokenType {
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken,
}

/// Whether an issued access token can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedTokenFormat {
    /// It is a JWT, and its lineage is checked.
    Jwt,
    /// It is opaque; only the grant before it could be checked.
    Opaque,
}

/// A pair of claims that must be present and equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameSubject {
    /// JSON pointer (RFC 6901) into the claims of the inbound token.
    pub inbound: String,
    /// JSON pointer into the claims of the issued token.
    pub issued: String,
}
