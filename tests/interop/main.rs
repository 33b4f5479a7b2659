//! The official SDKs, unmodified, on both sides of a real Envoy with the shipped module.
//!
//! A client script runs its steps one after another and tells what it saw; what is right is said here, step by step.
//! Absent on purpose: everything that no SDK does by itself, which the vectors and the tests beside this one try.

mod a2a;
mod mcp;
mod python_sdk;
mod rust_sdk;
mod sdk;
