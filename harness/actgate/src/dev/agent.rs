//! What the frontend, the agents and the MCP server share: calls, hop records, serving.
//!
//! Guaranteed: a token is a type that does not print itself, and a hop record holds decoded claims only.
//! Absent on purpose: any check of a token; that is `token_check`, and whoever receives one does it.

pub mod a2a;
pub mod bearer;
pub mod client;
pub mod hop;
pub mod mcp;
pub mod oauth;
pub mod serve;
pub mod task;
