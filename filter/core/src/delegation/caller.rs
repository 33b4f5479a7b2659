//! Who is on the other end of the connection, as opposed to whom the token was minted for.
//!
//! A bearer token is held by everybody who handled it: the orchestrator that obtained it as much as the agent it names.
//! Only a key shows who is calling; here the client certificate that the host verified, by its SPIFFE URI SAN.
//! A shared secret never counts.

use crate::config::{Agent, CallerProof};
use crate::rejection::Rejection;

/// What a request shows of who sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// First URI SAN of the client certificate.
    pub uri_san: Option<&'a str>,
}

/// Says: the acting agent is on the line, or the resource explicitly does without that proof.
///
/// Made by [`CallerEvidence::of`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerEvidence {
    sender: Option<String>,
}

impl CallerEvidence {
    /// Compares what the sender shows with what is registered for `agent`.
    ///
    /// # Errors
    ///
    /// [`Rejection::CallerUnproven`] where there is no certificate or the agent has no registered identity,
    /// [`Rejection::CallerMismatch`] where it is somebody else's.
    pub fn of(agent: &Agent, proof: CallerProof, sender: Sender<'_>) -> Result<Self, Rejection> {
        match proof {
            CallerProof::AudienceOnly => Ok(Self { sender: None }),
            CallerProof::Mtls => {
                let (Some(registered), Some(peer)) = (agent.spiffe_id.as_deref(), sender.uri_san) else {
                    return Err(Rejection::CallerUnproven);
                };
                if peer != registered {
                    return Err(Rejection::CallerMismatch);
                }
                Ok(Self { sender: Some(peer.to_owned()) })
            }
        }
    }

    /// The proven sender, part of every cache key; `None` where the resource accepts the audience alone.
    pub fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }
}
