//! Sealing: a record is readable for those who have the secret, in its own slot and under its own configuration.
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes, by a key from HKDF-SHA256 (RFC 5869).
//! Kind and number of the slot and the digest of the configuration, its secrets included, are authenticated with it: a record that was moved, or that an
//! earlier configuration left behind, does not open. Which token or key set it is for is inside. What holds under every configuration is bound to none.
//! An older record of the same slot opens like a new one; its times decide what it is worth.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::digest::sha256;
use crate::redacted::Redacted;
use crate::sharing::slot::Slot;

const NONCE_BYTES: usize = 24;

/// Which key it is for, and which form of records: another form gets another number.
const PURPOSE: &[u8] = b"actgate shared data 2";

/// Seals and opens. Its `Debug` form shows nothing of the key.
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
    configuration: [u8; 32],
}

impl core::fmt::Debug for Seal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

impl Seal {
    /// `configuration` is the digest of the document, and that of the secrets it names: other keys obtain other tokens.
    pub(super) fn new(secret: &Redacted<String>, configuration: [&[u8; 32]; 2]) -> Self {
        let extracted = hmac_sha256::HKDF::extract(PURPOSE, secret.expose());
        let mut key = [0; 32];
        hmac_sha256::HKDF::expand(&mut key, extracted, b"records");
        Self {
            cipher: XChaCha20Poly1305::new(&key.into()),
            configuration: sha256(&configuration.map(|digest| *digest).concat()),
        }
    }

    /// The nonce, and after it what only [`Self::open`] reads.
    pub(super) fn seal(&self, slot: Slot, plain: &[u8], draw: &mut dyn FnMut() -> [u8; 16]) -> Option<Vec<u8>> {
        let drawn = [draw(), draw()].concat();
        let nonce: [u8; NONCE_BYTES] = *drawn.first_chunk()?;
        let payload = Payload { msg: plain, aad: &self.bound(slot) };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed for this slot under this configuration; `None` for anything else.
    pub(super) fn open(&self, slot: Slot, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &self.bound(slot) };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn bound(&self, slot: Slot) -> Vec<u8> {
        let configuration = if slot.outlives_configurations() { &[0; 32] } else { &self.configuration };
        [PURPOSE, configuration, slot.name().as_bytes()].concat()
    }
}
