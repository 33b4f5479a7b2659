//! actgate as a proxy-wasm filter: host callbacks in, decisions of [`actgate_core`] out.
//!
//! Nothing is decided here. A callback gathers what the core asks for, hands it over and performs the one step that comes back.
//! While a request is undecided every callback answers `Pause`; a header is never written after its request was released.
//! `unsafe` lives in the modules `host` and `memory` alone.

mod answer;
mod calls;
mod entry;
mod host;
mod memory;
mod metrics;
mod newest;
mod perform;
mod report;
mod root;
mod stream;
mod streams;
mod worker;
