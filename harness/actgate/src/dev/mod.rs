//! The development world: issuers, keys, certificates and the document that ties them together.
//!
//! Guaranteed: everything listens on loopback, and every key is made at run time.
//! Absent on purpose: anything a production deployment needs.

pub mod agent;
pub mod certs;
pub mod frontend;
pub mod issuer;
pub mod keys;
pub mod loopback;
pub mod mcp_server;
pub mod mint;
pub mod orchestrator;
pub mod process;
pub mod proof;
pub mod settings;
pub mod store;
pub mod token_check;
pub mod tool_agent;
pub mod workflow_gateway;
pub mod world;
