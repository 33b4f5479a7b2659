//! The development world and the command line of actgate.

pub mod demo;
pub mod dev;
pub mod envoy;
