//! A real Envoy with the shipped module and the shipped bootstraps, seen from outside.
//!
//! One test is one Envoy of its own: what it holds, its issuers and its upstream belong to that test alone.
//! Absent on purpose: what needs hours to pass, and what only the host's insides show; the emulated host has those.

mod actor_tokens;
mod algorithms;
mod answers;
mod bypass;
mod client;
mod client_certificate;
mod configuration;
mod discovery;
mod echoes;
mod hostile;
mod http2;
mod issuers;
mod keys;
mod manifests;
mod mcp;
mod observe;
mod policy;
mod proofs;
mod push;
mod records;
mod revoked;
mod router;
mod searched;
mod senders;
mod sharing;
mod streams;
mod tasks;
mod trap;
mod two_resources;
mod upstream;
mod vectors;
