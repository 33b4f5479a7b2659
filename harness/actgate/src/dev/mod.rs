//! The development world: issuers, keys, certificates and the document that ties them together.
//!
//! Guaranteed: everything listens on loopback, and every key is made at run time.
//! Absent on purpose: anything a production deployment needs.

pub mod certs;
pub mod issuer;
pub mod keys;
pub mod mint;
pub mod world;
