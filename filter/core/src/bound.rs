//! Identifiers that serve only whom they were given to.
//!
//! What a client gets is the server's identifier behind a keyed digest of it, of what it names and of whom it is for:
//! the resource, the subject, the acting agent, and the tenant where one is named.
//! Nothing is stored, so every worker and every proxy with the secret knows what any of them gave out.
//! Absent on purpose: an end. A session or a task ends at its server, or for all with the secret.
//! Absent too: secrecy. The server's identifier can be read in what the client gets, and is worth nothing without the digest.

use crate::base64url;
use crate::delegation::policy::AuthorizedDelegation;
use crate::limits::BOUND_ID_BYTES_MAX;
use crate::redacted::Redacted;

/// The text of a digest: 32 bytes in base64url.
const DIGEST_BYTES: usize = 43;

/// Stands between digest and identifier; in neither alphabet's way.
const SEPARATOR: char = '.';

/// What an identifier names; one of one kind is none of another, whatever its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A session of an MCP client.
    Session,
    /// A task of an A2A agent.
    Task,
    /// What an A2A agent calls the conversation that tasks belong to.
    Context,
    /// A message of an A2A client. Bound the other way: the client has its own identifier, and the agent what is made of it.
    Message,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "actgate mcp session",
            Self::Task => "actgate a2a task",
            Self::Context => "actgate a2a context",
            Self::Message => "actgate a2a message",
        }
    }
}

/// Whom an identifier serves.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    secret: Redacted<String>,
    resource: String,
    subject: String,
    agent: String,
    /// Of an A2A agent that has several: its own tasks for each.
    tenant: Option<String>,
}

impl Holder {
    pub(crate) fn new(secret: &Redacted<String>, resource: &str, delegation: &AuthorizedDelegation) -> Self {
        let (subject, agent) = (delegation.subject().to_owned(), delegation.agent().id.clone());
        Self { secret: secret.clone(), resource: resource.to_owned(), subject, agent, tenant: None }
    }

    /// The same holder in a tenant, which is another holder; where none is named, that is one of its own.
    pub(crate) fn in_tenant(self, tenant: Option<String>) -> Self {
        Self { tenant, ..self }
    }

    /// One that no delegation stands behind.
    #[cfg(test)]
    pub(crate) fn of(secret: &str, resource: &str, subject: &str, agent: &str) -> Self {
        let [resource, subject, agent] = [resource, subject, agent].map(str::to_owned);
        Self { secret: Redacted::new(secret.to_owned()), resource, subject, agent, tenant: None }
    }

    /// What the client gets in place of the server's `id`; `None` where that has no form that a client could send back.
    pub(crate) fn bind(&self, kind: Kind, id: &[u8]) -> Option<String> {
        let id = core::str::from_utf8(id).ok().filter(|id| is_plain(id.as_bytes()))?;
        let digest = base64url::encode(&hmac_sha256::HMAC::mac(self.input(kind, id), self.secret.expose().as_bytes()))?;
        let bound = format!("{digest}{SEPARATOR}{id}");
        (bound.len() <= BOUND_ID_BYTES_MAX).then_some(bound)
    }

    /// The server's identifier, where what the client `shown` was given to this holder.
    pub(crate) fn unbind(&self, kind: Kind, shown: &str) -> Option<String> {
        let (digest, id) = shown.split_at_checked(DIGEST_BYTES)?;
        let id = id.strip_prefix(SEPARATOR)?;
        let digest: [u8; 32] = base64url::decode(digest)?.try_into().ok()?;
        // In a time that tells nothing of how much of it agrees.
        hmac_sha256::HMAC::verify(self.input(kind, id), self.secret.expose().as_bytes(), &digest).then(|| id.to_owned())
    }

    /// Each part with its length before it, so that no two holders have one input: with a tenant there is one part more.
    fn input(&self, kind: Kind, id: &str) -> Vec<u8> {
        let parts = [kind.label(), &self.resource, &self.subject, &self.agent];
        let mut input = Vec::new();
        for part in parts.into_iter().chain(self.tenant.as_deref()).chain([id]) {
            input.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            input.extend_from_slice(part.as_bytes());
        }
        input
    }
}

/// Visible ASCII, some of it and not too much.
pub(crate) fn is_plain(id: &[u8]) -> bool {
    (1..=BOUND_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(secret: &str, resource: &str, subject: &str, agent: &str) -> Holder {
        Holder::of(secret, resource, subject, agent)
    }

    #[test]
    fn an_identifier_serves_its_holder_and_nobody_else() {
        let ours = holder("secret", "r", "alice", "agent");
        let bound = ours.bind(Kind::Session, b"session-1").unwrap_or_default();
        assert_eq!(ours.unbind(Kind::Session, &bound).as_deref(), Some("session-1"));
        for other in [
            holder("other", "r", "alice", "agent"),
            holder("secret", "s", "alice", "agent"),
            holder("secret", "r", "bob", "agent"),
            holder("secret", "r", "alice", "agen"),
            // The same letters, divided elsewhere.
            holder("secret", "r", "alicea", "gent"),
            ours.clone().in_tenant(Some(String::new())),
            ours.clone().in_tenant(Some("t".to_owned())),
        ] {
            assert_eq!(other.unbind(Kind::Session, &bound), None, "{other:?}");
        }
        for other in [Kind::Task, Kind::Context, Kind::Message] {
            assert_eq!(ours.unbind(other, &bound), None, "{other:?}");
        }
        let of_one = ours.clone().in_tenant(Some("t".to_owned()));
        let bound_there = of_one.bind(Kind::Task, b"1").unwrap_or_default();
        assert_eq!(of_one.unbind(Kind::Task, &bound_there).as_deref(), Some("1"));
        for other in [&ours, &ours.clone().in_tenant(Some("u".to_owned()))] {
            assert_eq!(other.unbind(Kind::Task, &bound_there), None, "{other:?}");
        }
        let (digest, _) = bound.split_at(DIGEST_BYTES);
        for forged in ["session-1", "", digest, &format!("{digest}.session-2"), &format!("{digest}session-1")] {
            assert_eq!(ours.unbind(Kind::Session, forged), None, "{forged}");
        }
        assert!(!format!("{ours:?}").contains("secret\""));
    }

    #[test]
    fn an_identifier_that_no_client_could_send_back_is_none() {
        let ours = holder("secret", "r", "alice", "agent");
        let longest = BOUND_ID_BYTES_MAX - DIGEST_BYTES - 1;
        assert!(ours.bind(Kind::Session, "x".repeat(longest).as_bytes()).is_some());
        assert_eq!(ours.bind(Kind::Session, "x".repeat(longest + 1).as_bytes()), None);
        for bad in [b"".as_slice(), b"a b", b"\xff", b"a\n"] {
            assert_eq!(ours.bind(Kind::Session, bad), None);
        }
    }
}
