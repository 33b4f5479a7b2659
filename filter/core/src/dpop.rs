//! DPoP (RFC 9449): a proof, made for one request, that the sender holds a private key.
//!
//! Callers' proofs: `Proof::read` checks all that a proof says, `Proof::verify` its signature; only what has passed both is a [`ProvenKey`].
//! Nothing of the request is taken from `Host`: the target is the configured origin with the path that was judged.
//! A proof that is shown is checked, whether or not anything rests on it.
//!
//! The gateway's own: `own::make` signs one for one call or one request, `given` holds the nonces that servers want in them.

pub(crate) mod given;
pub(crate) mod memory;
pub mod nonce;
pub(crate) mod own;
mod proof;

pub(crate) use given::{GivenNonces, Round, ServerNonce, Towards};
pub(crate) use own::{Target, UpstreamProof};
pub use proof::{DpopError, ProvenKey};
pub(crate) use proof::{Facts, Proof, normal_origin};
