//! The decisions of actgate.

pub mod algorithm;
pub mod base64url;
pub mod config;
pub mod digest;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod limits;
pub mod profile;
pub mod redacted;
pub mod signatures;
pub mod time;
