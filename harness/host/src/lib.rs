//! An emulated Envoy that runs proxy-wasm modules in wasmtime: drive it, then look at its state.
//!
//! [`Envoy`] holds the workers, plugins, clusters and the clock. It keeps Envoy's order of things
//! where a filter can tell: what a filter asks for waits until its VM returns, headers go out of
//! reach when they are let go, and refusals have Envoy's status words. One host shares nothing with
//! another but compiled code, and the same calls with the same seed give the same run.
//!
//! # What is emulated
//!
//! ABI 0.2.0 and 0.2.1 of HTTP filters; WASI preview 1 as Envoy cuts it down; N+2 instances and VM
//! keys; both meanings of a header pause; buffering and its limits; local replies; callouts and
//! every way they end; shared data and queues; metrics; properties; filter state; foreign functions
//! with exact answers of the signature functions; traps and the three failure policies; capability
//! restriction; chains of several filters; ticks.
//!
//! # What is not emulated
//!
//! - Threads. Workers take turns: there is never a race for shared data.
//! - The rest of Envoy: codecs, TLS, routing, retries, and the request, idle and route timeouts
//!   that end a hanging stream. A request always finds its route and its upstream.
//! - Headers Envoy adds at its edges: `server`, `date`, `x-envoy-*`, `x-forwarded-for`. Only
//!   `x-request-id` and `x-forwarded-proto` are there. Local replies are not rewritten.
//! - gRPC callouts (they fail with `InternalFailure`), network filters, metadata frames, 1xx
//!   responses, and upstream filters.
//! - Back-pressure: a stream above a watermark is simply kept.
//! - CEL: the `expr_*` foreign functions are `NotFound`, and a declared property's type is not
//!   looked at.
//! - Configuration updates and draining of a running host. Roots end with [`Envoy::shutdown`] only.
//! - `retry` headers of a callout: they are recorded, not obeyed.
//! - ABI 0.1.0, precompiled modules, and V8's own limits on stack depth.
//! - A second access-log line where Envoy writes two.
//! - Values of `xds.*` and `metadata.*`: none, unless [`Request::property`] gives them.
//!
//! Fuel and the memory limit are the harness's: Envoy stops no endless loop.
//!
#![doc = include_str!("../README.md")]

mod abi;
mod callout;
mod clock;
mod cluster;
mod drive;
mod envoy;
mod foreign;
mod header_map;
mod imports;
mod log;
mod memory;
mod metrics;
mod module;
mod outcome;
mod pairs;
mod plugin;
pub mod profile;
mod properties;
mod random;
mod request;
pub mod scenario;
mod shared_data;
mod shared_queue;
mod stream;
mod vm;
mod world;

pub use callout::{Answer, Callout, CalloutId, NotPending};
pub use clock::Instant;
pub use cluster::Cluster;
pub use envoy::{Builder, Envoy, Reloads, StartError};
pub use header_map::HeaderMap;
pub use log::{Level, LogLine, Thread};
pub use metrics::Metric;
pub use module::{Module, ModuleError};
pub use outcome::{LengthMismatch, LocalReply, Outcome, Seen};
pub use plugin::{FailurePolicy, Plugin};
pub use profile::Profile;
pub use request::{Connection, Request, RequestId, Response};
pub use stream::Fuel;
pub use vm::Failure;
