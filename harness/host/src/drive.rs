//! What moves streams, VMs and timers: Envoy's connection manager and filter manager.
//!
//! The steps and their order are Envoy's, because filters can tell: work a filter asks for waits
//! until its VM returns, and then runs inside the callback's frame, before Envoy looks at what the
//! callback returned.

mod callouts;
mod chain;
mod filter;
mod instances;
mod local_reply;
mod settle;
mod stream_end;

pub(crate) use chain::Entry;
pub(crate) use instances::StartFailure;
