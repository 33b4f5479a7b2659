//! The keys of one issuer: published, signing, standing by.
//!
//! Guaranteed: there is always a signer, and a retired key is neither published nor used again.
//! Absent on purpose: a schedule. Rotation happens when it is asked for.

use crate::dev::keys::{Algorithm, PublicJwk, SigningKey};

#[derive(Debug)]
pub(crate) struct KeyRing {
    /// The last one signs.
    published: Vec<SigningKey>,
    standby: Vec<SigningKey>,
    made: usize,
}

impl KeyRing {
    pub(crate) fn new(mut keys: Vec<SigningKey>) -> Self {
        let rest = keys.split_off(keys.len().min(1));
        let mut ring = Self { published: keys, standby: rest, made: 0 };
        if ring.published.is_empty() {
            ring.rotate(Algorithm::Es256);
        }
        ring
    }

    pub(crate) fn signer(&self) -> &SigningKey {
        self.published.last().expect("a ring is made with a key and never gives up its last one")
    }

    pub(crate) fn published(&self) -> Vec<PublicJwk> {
        self.published.iter().map(SigningKey::public_jwk).collect()
    }

    /// Brings in the next standby key of the algorithm, or a fresh one.
    pub(crate) fn rotate(&mut self, algorithm: Algorithm) -> PublicJwk {
        let ready = self.standby.iter().position(|key| key.algorithm() == algorithm);
        let key = ready.map(|at| self.standby.remove(at)).unwrap_or_else(|| {
            self.made += 1;
            SigningKey::generate(algorithm, &format!("rotated-{}", self.made))
        });
        let jwk = key.public_jwk();
        self.published.push(key);
        jwk
    }

    pub(crate) fn retire(&mut self, kid: &str) {
        if self.published.len() == 1 && self.signer().kid() == kid {
            self.rotate(self.signer().algorithm());
        }
        self.published.retain(|key| key.kid() != kid);
    }
}
