//! Who is on the other end of the connection, as opposed to whom the token was minted for.
//!
//! A bearer token is held by everybody who handled it: the orchestrator that obtained it as much as the agent it names.
//! Only a key shows who is calling: that of the client certificate that the host verified, named by its SPIFFE URI SAN, or one that made a DPoP proof.
//! A shared secret never counts.

use crate::base64url;
use crate::config::{Agent, CallerProof};
use crate::delegation::shown_key::ShownKey;
use crate::delegation::workload::Mark;
use crate::dpop::ProvenKey;
use crate::rejection::Rejection;

/// What a request shows of who sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// First URI SAN of the client certificate.
    pub uri_san: Option<&'a str>,
    /// SHA-256 of the client certificate in DER.
    pub certificate: Option<[u8; 32]>,
    /// The key of its DPoP proof.
    pub key: Option<&'a ProvenKey>,
}

impl Sender<'_> {
    /// Every key that it shows.
    pub(super) fn keys(&self) -> Vec<ShownKey> {
        let certificate = self.certificate.map(ShownKey::Certificate);
        let proof = self.key.map(|key| ShownKey::Dpop(*key.thumbprint()));
        certificate.into_iter().chain(proof).collect()
    }
}

/// Says: the acting agent is on the line, or the resource explicitly does without that proof.
///
/// Made by [`CallerEvidence::of`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerEvidence {
    sender: Option<String>,
    rests_on_key: bool,
}

/// What one way of proof says.
enum Finding {
    Proven(String),
    SomebodyElse,
    Nothing,
}

impl CallerEvidence {
    /// Compares what the sender shows with what is registered for `agent`; any one of the ways that `proof` names is enough.
    ///
    /// # Errors
    ///
    /// [`Rejection::CallerUnproven`] where nothing is shown or nothing is registered for the agent,
    /// [`Rejection::CallerMismatch`] where it is somebody else's.
    pub fn of(agent: &Agent, proof: CallerProof, sender: Sender<'_>) -> Result<Self, Rejection> {
        if !proof.is_needed() {
            return Ok(Self { sender: None, rests_on_key: false });
        }
        let certificate = if proof.mtls { by_certificate(agent, sender) } else { Finding::Nothing };
        let key = if proof.dpop { by_key(agent, sender) } else { Finding::Nothing };
        match (certificate, key) {
            (Finding::Proven(sender), _) => Ok(Self { sender: Some(sender), rests_on_key: false }),
            (_, Finding::Proven(sender)) => Ok(Self { sender: Some(sender), rests_on_key: true }),
            (Finding::SomebodyElse, _) | (_, Finding::SomebodyElse) => Err(Rejection::CallerMismatch),
            (Finding::Nothing, Finding::Nothing) => Err(Rejection::CallerUnproven),
        }
    }

    /// What shows an agent without a token. Its mark is part of every cache key; there is no token whose caller it could prove.
    pub(super) fn of_workload(mark: &Mark) -> Self {
        let sender = match mark {
            Mark::Certificate(spiffe_id) => spiffe_id.clone(),
            Mark::ApiKey(digest) => format!("key:{}", base64url::encode(digest).unwrap_or_default()),
        };
        Self { sender: Some(sender), rests_on_key: false }
    }

    /// The proven sender, part of every cache key: a SPIFFE ID, `jkt:` with a thumbprint, or `key:` with the digest of the key of an agent without a token.
    /// `None` where the resource accepts the audience alone.
    pub fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }

    /// True where a DPoP proof alone shows who is calling.
    pub fn rests_on_key(&self) -> bool {
        self.rests_on_key
    }
}

fn by_certificate(agent: &Agent, sender: Sender<'_>) -> Finding {
    match (agent.spiffe_id.as_deref(), sender.uri_san) {
        (Some(registered), Some(shown)) if registered == shown => Finding::Proven(shown.to_owned()),
        (Some(_), Some(_)) => Finding::SomebodyElse,
        (None, _) | (_, None) => Finding::Nothing,
    }
}

fn by_key(agent: &Agent, sender: Sender<'_>) -> Finding {
    match sender.key {
        Some(key) if agent.dpop_keys.contains(key.thumbprint()) => {
            Finding::Proven(format!("jkt:{}", base64url::encode(key.thumbprint()).unwrap_or_default()))
        }
        Some(_) if !agent.dpop_keys.is_empty() => Finding::SomebodyElse,
        Some(_) | None => Finding::Nothing,
    }
}
