//! The configuration document: what is accepted, and what is said about everything else.
//!
//! Every test starts from [`document::good`], edits it at JSON pointers and looks at the outcome.

#![expect(clippy::indexing_slicing, clippy::unreachable, clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[macro_use(test)]
extern crate actgate_wasm32_tests;

mod a2a;
mod accepted;
mod discovery;
mod document;
mod inject;
mod limits;
mod recorded;
mod refused;
mod rest;
mod secrets;
mod sessions;
mod transport;
mod warned;
