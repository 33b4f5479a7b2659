//! Several issuers answering as the clusters of a proxy, without a socket.
//!
//! Guaranteed: a request is answered by the very code that the issuer processes serve.
//! Absent on purpose: waiting. A delayed answer says so in `delay_ms`.

use super::Issuer;
use super::http::{HttpRequest, HttpResponse, UnixSeconds};
use crate::dev::keys::{Algorithm, PublicJwk};

/// The issuers of a world, by cluster name.
#[derive(Debug)]
pub struct IssuerSet(Vec<Issuer>);

impl IssuerSet {
    /// These issuers, each reached by the cluster of its name.
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self(issuers)
    }

    /// Answers a call dispatched to `cluster`; none when no issuer has that name.
    pub fn answer(
        &mut self,
        cluster: &str,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
        now: UnixSeconds,
    ) -> Option<HttpResponse> {
        let request = HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.to_vec(),
            body: body.to_vec(),
        };
        Some(self.get_mut(cluster)?.handle(now, &request))
    }

    /// An issuer by name.
    pub fn get(&self, name: &str) -> Option<&Issuer> {
        self.0.iter().find(|issuer| issuer.config.name == name)
    }

    /// An issuer by name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Issuer> {
        self.0.iter_mut().find(|issuer| issuer.config.name == name)
    }

    /// Rotates an issuer's key and makes the new one known to those that trust the issuer.
    pub fn rotate(&mut self, name: &str, algorithm: Algorithm) -> Option<PublicJwk> {
        let issuer = self.get_mut(name)?;
        let (identifier, key) = (issuer.config.issuer.clone(), issuer.rotate(algorithm));
        for other in self.0.iter_mut().filter(|other| other.trust.contains_key(&identifier)) {
            other.trust(&identifier, key.clone());
        }
        Some(key)
    }
}
