//! What may never happen to the core, whatever bytes arrive: one function per fuzz target, failing by panic.
//!
//! Every function is deterministic in its bytes but for key values, which are drawn per process and decide nothing.
//! The same functions replay `finds/` in a plain test of the core, so nothing here names the fuzzer.

pub mod answers;
pub mod bytes;
pub mod gateway;
pub mod issuers;
pub mod metadata;
pub mod operations;
pub mod parsers;
pub mod targets;
pub mod tasks;
pub mod world;
