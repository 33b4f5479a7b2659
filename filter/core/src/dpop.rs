//! DPoP (RFC 9449): a proof, made for one request, that the sender holds a private key.
//!
//! `Proof::read` checks all that a proof says, `Proof::verify` its signature; only what has passed both is a [`ProvenKey`].
//! Nothing of the request is taken from `Host`: the target is the configured origin with the path that was judged.
//! A proof that is shown is checked, whether or not anything rests on it.

pub(crate) mod memory;
pub mod nonce;
mod proof;

pub use proof::{DpopError, ProvenKey};
pub(crate) use proof::{Facts, Proof, normal_origin};
