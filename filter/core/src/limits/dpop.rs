//! The bounds on DPoP proofs, those that are checked here and those that are made here.

use super::TOKEN_BYTES_MAX;

/// Longest DPoP proof in bytes: one with an RSA key of [`RSA_MODULUS_BITS_MAX`](super::RSA_MODULUS_BITS_MAX) takes about 1800.
pub const DPOP_PROOF_BYTES_MAX: usize = 4 * 1024;

/// How far in the future a proof may be made, in seconds: clients' clocks are not as good as issuers'.
pub const DPOP_FUTURE_SECONDS_MAX: u64 = 30;

/// Longest time in seconds that a proof may be used: each is remembered for so long.
pub const DPOP_AGE_SECONDS_MAX: u64 = 300;

/// Most used proofs that one worker remembers for one agent: 270 requests a second with a `max_age` of 60 seconds.
pub const DPOP_PROOFS_PER_AGENT_MAX: usize = 16 * 1024;

/// Most of them by one key: whoever holds one key of an agent's leaves a quarter to those who hold the others.
pub const DPOP_PROOFS_PER_KEY_MAX: usize = 12 * 1024;

/// Most used proofs that one worker remembers: about 100 bytes each.
pub const DPOP_PROOFS_MAX: usize = 64 * 1024;

/// Most keys that one agent may make proofs with: an old one, a new one, and some for instances with keys of their own.
pub const DPOP_KEYS_PER_AGENT_MAX: usize = 16;

/// How long in seconds a DPoP nonce is the latest; it is taken for as long again.
pub const DPOP_NONCE_SECONDS: u64 = 300;

/// Shortest secret in bytes that nonces are made of: 128 bits in hexadecimal.
pub const DPOP_NONCE_SECRET_BYTES_MIN: usize = 32;

/// Longest nonce in bytes that a server may give for the gateway's own proofs: random ones take 22 to 64, sealed ones some hundred.
/// One is kept for each server and each resource.
pub const DPOP_GIVEN_NONCE_BYTES_MAX: usize = 1024;

const _: () = {
    assert!(DPOP_PROOFS_PER_KEY_MAX < DPOP_PROOFS_PER_AGENT_MAX);
    assert!(DPOP_PROOFS_PER_AGENT_MAX < DPOP_PROOFS_MAX);
    assert!(DPOP_PROOF_BYTES_MAX < TOKEN_BYTES_MAX);
};
