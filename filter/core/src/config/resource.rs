//! Protected resources: which requests are for them, which tokens they take, from whom.
//!
//! Nothing here has a default that widens: who presents a token, its audience, its scopes and its lifetime are always said.

use std::sync::Arc;

use crate::config::exchange::Exchange;
use crate::config::protocol::Protocol;
use crate::config::scope::{ScopePattern, ScopeSet};
use crate::config::server::AuthorizationServer;
use crate::profile::Profiles;
use crate::time::Seconds;

/// One protected resource: which requests are for it, which tokens it takes, what it sends on.
#[derive(Debug)]
pub struct Resource {
    /// The name in configuration, in logs and in metrics.
    pub name: String,
    /// Its hosts, in lower case and without a port, which does not name a resource.
    pub hosts: Vec<String>,
    /// Its part of the path.
    pub path_prefix: PathPrefix,
    /// Which tokens it takes, from whom.
    pub accept: Accept,
    /// What credential is sent on.
    pub exchange: Exchange,
    /// What the requests say, and which of them are allowed.
    pub protocol: Protocol,
    /// The longest request body that is read for a decision; a longer one is refused.
    pub body_bytes_max: usize,
    /// Whether cookies are removed from what is sent on.
    pub strip_cookies: bool,
}

/// Which tokens a resource takes, and from whom.
#[derive(Debug)]
pub struct Accept {
    /// The server whose tokens are taken.
    pub server: Arc<AuthorizationServer>,
    /// The `aud` they must name.
    pub audience: String,
    /// Who presents them.
    pub presenter: Presenter,
    /// How the presenter is proven to be the one on the line.
    pub caller: CallerProof,
    /// Scopes a token must have, all of them.
    pub required_scopes: ScopeSet,
    /// Scopes a token must not have, any of them.
    pub forbidden_scopes: Vec<ScopePattern>,
    /// The longest a token may live, `exp` minus `iat`.
    pub lifetime_max: Seconds,
    /// What kinds of entity the subject may be.
    pub subject_profiles: Profiles,
    /// What the chain of actors may look like.
    pub delegation: DelegationRules,
}

/// Who presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presenter {
    /// The agent the token was minted for.
    AudienceAgent,
    /// The outermost actor of the token.
    CurrentActor,
}

/// How the presenter is proven to be the one on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerProof {
    /// By the SPIFFE ID in its client certificate.
    Mtls,
    /// Not at all: everyone who holds the token passes for the agent.
    AudienceOnly,
}

/// What a chain of actors may look like.
#[derive(Clone, Debug)]
pub struct DelegationRules {
    /// Whether a token without a chain is refused.
    pub required: bool,
    /// The longest chain, at least one.
    pub actors_max: usize,
    /// What kinds of entity the current actor may be.
    pub actor_profiles: Profiles,
    /// What becomes of a prior actor that is not registered.
    pub unregistered_prior_actors: Verdict,
    /// What becomes of a chain in which an actor stands twice.
    pub repeated_actors: Verdict,
}

/// What becomes of a thing that history may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not matter.
    Allow,
    /// The token is refused.
    Refuse,
}

/// The beginning of a path, in whole segments.
///
/// Invariant: starts with `/`; no empty, `.` or `..` segment, no escape, no parameter, no query; no `/` at the end but in `/` itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Reads a prefix; `None` where it breaks the invariant.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments = text.strip_prefix('/')?;
        let plain = segments.is_empty() || segments.split('/').all(is_plain_segment);
        plain.then(|| Self(text.to_owned()))
    }

    /// Whether `path`, without its query, is the prefix or lies beneath it: `/a` matches `/a` and `/a/b`, not `/ab`.
    ///
    /// The path must already be one that every parser reads alike; nothing is decoded or normalized here.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        if self.0 == "/" {
            return path.starts_with('/');
        }
        path.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The prefix as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 3986 §3.3 `pchar` without escapes and without `;`, which servers disagree about.
fn is_plain_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(plain)
}
