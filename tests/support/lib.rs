//! What vectors, scenarios and differential runs share.
//!
//! A [`case::Case`] is data: what the issuers do wrong, what is sent, what must come of it.
//! A [`gateway::Gateway`] is somewhere to run it: the core alone, the module in the emulated Envoy, the module in a real one.
//! The same case gives the same [`gateway::Observation`] everywhere, or the test says where not.

pub mod agreement;
pub mod answer;
pub mod case;
pub mod codes;
pub mod core_gateway;
pub mod day;
pub mod document;
pub mod envoy_gateway;
pub mod fuel;
pub mod gateway;
pub mod harness_gateway;
pub mod memory;
pub mod peer;
pub mod proof;
pub mod pushed;
pub mod recording;
pub mod reference;
pub mod routed;
pub mod run;
pub mod secrets;
pub mod store;
pub mod tls_client;
pub mod token;
pub mod upstream;
pub mod watched;
