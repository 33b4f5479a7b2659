//! Delegation: who acts for whom (RFC 8693 §4.1), parsed into a bounded chain and decided on.
//!
//! Prior actors may refuse a request and never grant one: what grants is not given them.

pub mod actor_token;
pub(crate) mod admissions;
pub(crate) mod behind;
pub mod binding;
pub mod caller;
pub mod chain;
pub mod inbound;
pub(crate) mod permission;
pub mod policy;
mod rules;
pub(crate) mod shown_key;
pub(crate) mod workload;
