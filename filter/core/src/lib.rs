//! The decisions of actgate.
//!
//! A request comes in as borrowed facts, one [`step::Step`] goes out; what the step waits for is handed to the state that came with it.
//! No host, no clock, no randomness, no I/O: time, entropy and signatures are arguments ([`request::Ambient`]).
//!
//! The types carry the proof, each made by one function only:
//!
//! | type | made by | says |
//! |---|---|---|
//! | [`jwt::UnverifiedJwt`] | [`jwt::UnverifiedJwt::parse`] | three parts, bounded, strict JSON |
//! | [`jwt::VerifiedJwt`] | [`jwt::verify::verify`] | signed by a key of that issuer, in time, for that audience |
//! | [`delegation::policy::AuthorizedDelegation`] | [`delegation::policy::AuthorizedDelegation::authorize`] | this agent may act for this subject here, and is calling |
//! | [`exchange::request::ExchangeRequest`] | [`exchange::request::ExchangeRequest::new`] | an exchange that follows from such a delegation |
//! | [`exchange::cache::IssuedToken`] | the end of a flight | what came back is what was asked for |
//! | [`step::HeaderEdits`] | the release of a request | the new credential in, everything the caller must not set out |

#[cfg(all(test, target_arch = "wasm32", target_os = "unknown"))]
#[macro_use(test)]
extern crate actgate_wasm32_tests;

pub mod a2a;
pub mod algorithm;
mod asker;
pub mod base64url;
mod bearer;
mod bound;
pub mod config;
pub mod delegation;
pub mod digest;
mod discovery;
pub mod docs;
pub mod dpop;
mod echo;
pub mod entropy;
pub mod exchange;
pub mod flight;
pub mod flow;
pub mod injection;
pub mod introspection;
pub mod json;
pub mod jwks;
pub mod jwt;
mod keys;
pub mod limits;
mod mcp;
mod metadata;
pub mod observed;
mod operation;
mod path_tree;
mod percent;
pub mod plugin;
pub mod profile;
pub mod record;
pub mod redacted;
pub mod rejection;
pub mod request;
pub mod rest;
pub mod revocation;
mod routing;
mod rpc;
mod segmented;
mod session;
pub mod sharing;
pub mod signatures;
mod spelling;
mod spiffe;
pub mod step;
pub mod time;
pub mod value_rules;
mod words;
