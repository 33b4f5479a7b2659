//! Bounds of what a worker keeps so that requests that come again cost little: tokens, what they led to, and what was issued for them.

use super::{TOKEN_BYTES_MAX, TOKEN_RESPONSE_BYTES_MAX};

/// Most verified inbound tokens that one worker remembers: ten thousand callers at once, and room for those that come once.
pub const KNOWN_TOKENS_MAX: usize = 16 * 1024;

/// Most bytes they may take, estimated as three times a token's text and [`KNOWN_TOKEN_OVERHEAD_BYTES`].
/// With [`ISSUED_TOKENS_BYTES_MAX`] and [`ADMISSIONS_BYTES_MAX`] it is the greater part of the 64 MiB that a worker's VM is meant to need.
pub const KNOWN_TOKENS_BYTES_MAX: usize = 36 * 1024 * 1024;

/// What a remembered token takes beside its text and the texts of its claims, in bytes: the tree of claims, what is checked of them each time,
/// and the tables it stands in.
pub const KNOWN_TOKEN_OVERHEAD_BYTES: usize = 1024;

/// Most senders and resources for which one token's admission is kept: it is one agent's, with a certificate for each of its few instances, at
/// few resources.
pub const ADMISSIONS_PER_TOKEN_MAX: usize = 8;

/// Most bytes that the admissions of all known tokens may take, estimated as a token's text, [`ADMISSION_OVERHEAD_BYTES`] and what the sender
/// and the token said, each: a few thousand callers at once.
pub const ADMISSIONS_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What an admission takes beside the texts of its claims, in bytes: what the agent may, the keys of its exchanges, and what records say of it.
pub const ADMISSION_OVERHEAD_BYTES: usize = 2048;

/// Most bytes of a name on the line and of what a subject is entitled to that are kept with an admission: more than a SPIFFE identifier may have
/// (SPIFFE-ID §2.3), and dozens of entitlements. Whoever says more is admitted anew each time.
pub const ADMISSION_TEXTS_BYTES_MAX: usize = 4096;

/// What an entitlement takes beside its text, in bytes: its place in a set.
pub const ENTITLEMENT_OVERHEAD_BYTES: usize = 64;

/// Most scopes of an exchange whose key is kept: a call needs few, and where the headers go first what is asked for is a set of its own.
pub const EXCHANGE_KEY_SCOPES_KEPT_MAX: usize = 16;

/// Most bytes of what records say of an authorised delegation that are kept with it; what is longer is written for each record anew.
/// A chain of a few actors has half of it.
pub const IDENTITY_BYTES_MAX: usize = 1024;

/// Most exchange keys that are kept with one delegation: its tools differ in a few sets of scopes.
pub const EXCHANGE_KEYS_KEPT_MAX: usize = 8;

/// Most exchanged tokens held by one worker.
pub const ISSUED_TOKENS_MAX: usize = 16 * 1024;

/// Most bytes of exchanged tokens held by one worker.
pub const ISSUED_TOKENS_BYTES_MAX: usize = 16 * 1024 * 1024;

const _: () = {
    // The part on probation has a fifth, and takes the longest token.
    assert!(TOKEN_RESPONSE_BYTES_MAX < ISSUED_TOKENS_BYTES_MAX / 5);
    assert!(TOKEN_BYTES_MAX * 3 + KNOWN_TOKEN_OVERHEAD_BYTES < KNOWN_TOKENS_BYTES_MAX / 5);
    assert!(TOKEN_BYTES_MAX + ADMISSION_OVERHEAD_BYTES + ADMISSION_TEXTS_BYTES_MAX < ADMISSIONS_BYTES_MAX);
    assert!(KNOWN_TOKENS_BYTES_MAX + ADMISSIONS_BYTES_MAX + ISSUED_TOKENS_BYTES_MAX <= 58 * 1024 * 1024);
};
