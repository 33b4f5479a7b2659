//! What holds for all inputs, tried on generated ones; and what a fuzzer once found, tried again.
//!
//! The world, the host and the invariants are the fuzz targets' own.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../../fuzz/src/answers.rs"]
mod answers;
#[path = "../../fuzz/src/bytes.rs"]
mod bytes;
#[path = "../../fuzz/src/gateway.rs"]
mod gateway;
#[path = "../../fuzz/src/issuers.rs"]
mod issuers;
#[path = "../../fuzz/src/metadata.rs"]
mod metadata;
#[path = "../../fuzz/src/operations.rs"]
mod operations;
#[path = "../../fuzz/src/parsers.rs"]
mod parsers;
#[path = "../../../../tests/support/reference.rs"]
mod reference;
#[path = "../../fuzz/src/targets.rs"]
mod targets;
#[path = "../../fuzz/src/tasks.rs"]
mod tasks;
#[path = "../../fuzz/src/world.rs"]
mod world;

mod authorization;
mod chain;
mod discovery;
mod documents;
mod exchange;
mod finds;
mod in_order;
mod lineage;
mod routing;
mod tokens;

/// So many cases, and no file of failed ones: what is found belongs into `fuzz/finds` or a test of its own.
fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() }
}
