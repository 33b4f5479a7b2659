//! Foreign functions by version, and what the signature functions answer.
