//! The development world and the command line of actgate.

pub mod check;
pub mod demo;
pub mod dev;
pub mod envoy;
pub mod import;
