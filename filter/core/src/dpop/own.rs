//! The gateway's own proofs, towards token endpoints and towards upstreams: each made for one request, and for no other.

use serde_json::{Map, Value};

use crate::config::{DpopKey, Endpoint};
use crate::dpop::{GivenNonces, Round, ServerNonce, Towards};
use crate::exchange::cache::Bound;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead, hex};
use crate::routing;

/// Which request a proof is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct For<'a> {
    /// `htm`.
    pub(crate) method: &'a str,
    /// `htu`: RFC 9449 §4.2, "without query and fragment parts".
    pub(crate) url: &'a str,
    /// `ath`: the digest of the access token beside it.
    pub(crate) ath: Option<&'a str>,
    /// `nonce`: the latest that the server gave.
    pub(crate) nonce: Option<&'a ServerNonce>,
}

impl<'a> For<'a> {
    /// A call of a token endpoint.
    pub(crate) fn token(endpoint: &'a Endpoint, nonce: Option<&'a ServerNonce>) -> Self {
        Self { method: "POST", url: without_query(&endpoint.url), ath: None, nonce }
    }
}

/// Signs a proof with a fresh `jti` (RFC 9449 §4.2).
///
/// # Errors
///
/// [`Rejection::Internal`] where signing fails.
pub(crate) fn make(key: &DpopKey, proof: For<'_>, ambient: &mut Ambient<'_>) -> Result<Redacted<String>, Rejection> {
    let mut claims = Map::new();
    let jti = hex(&(ambient.draw)());
    let texts = [
        ("jti", Some(jti.as_str())),
        ("htm", Some(proof.method)),
        ("htu", Some(proof.url)),
        ("ath", proof.ath),
        ("nonce", proof.nonce.map(ServerNonce::as_str)),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            claims.insert(name.to_owned(), Value::from(value));
        }
    }
    claims.insert("iat".to_owned(), Value::from(ambient.now.get()));
    ambient
        .signatures
        .sign_under(&key.key, &key.header, &claims)
        .map_err(|_| Rejection::Internal("DPoP proof not signed"))
}

/// A proof beside the token of one request, and which key it proves.
pub(crate) struct UpstreamProof {
    text: Redacted<String>,
    key: [u8; 32],
    /// When it was made.
    pub(crate) round: Round,
}

impl UpstreamProof {
    /// Makes the proof of `key` for a request that goes on with the token that is `bound`, with the nonce that its upstream wants.
    ///
    /// # Errors
    ///
    /// As [`make`].
    pub(crate) fn make(
        key: &DpopKey,
        bound: &Bound,
        (towards, target): (Towards<'_>, &Target),
        nonces: &GivenNonces,
        ambient: &mut Ambient<'_>,
    ) -> Result<Self, Rejection> {
        let url = format!("{}{}", key.origin, target.path);
        let (nonce, round) = nonces.of_upstream(towards);
        let proof = For { method: &target.method, url: &url, ath: Some(bound.ath()), nonce };
        Ok(Self { text: make(key, proof, ambient)?, key: key.thumbprint, round })
    }

    /// Whether it proves the key that a token is tied to.
    pub(crate) fn is_for(&self, bound: &Bound) -> bool {
        self.key == *bound.key()
    }

    /// The value of the header.
    pub(crate) fn text(&self) -> Redacted<String> {
        self.text.clone()
    }
}

/// Where a request goes, as a proof says it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    method: String,
    path: String,
}

impl Target {
    /// Reads it out of the headers of a request that was routed by them. Their path goes on as it is: only tasks of A2A change one,
    /// and no token is exchanged for A2A.
    pub(crate) fn of(head: &RequestHead<'_>) -> Result<Self, Rejection> {
        let text = |name| head.single_text(name).ok().flatten().unwrap_or_default();
        Ok(Self { method: text(":method").to_owned(), path: routing::plain_path(text(":path"))?.to_owned() })
    }
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
