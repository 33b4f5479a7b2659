//! Exchange: the inbound token becomes the token the upstream accepts.
//!
//! By one call or by two, each authenticated as the acting agent.
//! A grant between two calls is used once and never stored; what comes back is checked against what was asked before anybody may send it on.

pub mod answer;
pub mod cache;
pub(crate) mod calls;
pub mod form;
pub(crate) mod kept_keys;
pub mod lineage;
pub(crate) mod refusals;
pub(crate) mod refused;
pub mod request;
pub mod spent;
pub(crate) mod transaction;
