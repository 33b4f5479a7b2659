//! Cross-App Access: the inbound token becomes an identity assertion (ID-JAG), which becomes the token the upstream accepts.
//!
//! Two calls, each authenticated by a client assertion minted for it.
//! The identity assertion is used once and never stored; what comes back is checked against what was asked before anybody may send it on.

pub mod answer;
pub mod cache;
pub mod form;
pub mod lineage;
pub mod request;
pub mod spent;
