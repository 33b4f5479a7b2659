//! The bounds on looking for credentials of the gateway's own in answers.

use super::INJECTED_SECRET_BYTES_MIN;

/// Shortest credential in bytes that answers are searched for: a shorter one would be found in answers that do not hold it.
pub const ECHO_BYTES_MIN: usize = INJECTED_SECRET_BYTES_MIN;

/// Most bytes of a possible beginning of a credential that go on before it is known to be one; never more than a quarter of the credential.
/// An answer that ends in trailers cannot be continued, so that what is held then is lost, and the answer is cut off.
pub const ECHO_PASSED_BYTES_MAX: usize = 4;

const _: () = assert!(ECHO_PASSED_BYTES_MAX < ECHO_BYTES_MIN);
