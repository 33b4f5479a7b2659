//! The bounds on what is kept of JWT-SVIDs.

use super::{KNOWN_TOKEN_OVERHEAD_BYTES, TOKEN_BYTES_MAX};

/// Most JWT-SVIDs that a worker knows: some hundred agents of several replicas each. One that is forgotten costs another signature check.
pub const KNOWN_SVIDS_MAX: usize = 1024;

/// Most bytes they may take, estimated as for tokens: a thousand of the usual length.
pub const KNOWN_SVIDS_BYTES_MAX: usize = 3 * 1024 * 1024;

// The part on probation has a fifth, and takes the longest token.
const _: () = assert!(TOKEN_BYTES_MAX * 3 + KNOWN_TOKEN_OVERHEAD_BYTES < KNOWN_SVIDS_BYTES_MAX / 5);
