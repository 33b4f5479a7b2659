//! The decisions of actgate.

pub mod config;
pub mod profile;
