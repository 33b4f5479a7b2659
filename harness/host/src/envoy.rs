//! The host itself: build it, send requests through it, then look at it.

mod build;
mod inspect;
mod push;
mod traffic;

use std::collections::BTreeMap;

use crate::callout::{Answer, Callout};
use crate::clock::Instant;
use crate::log::{LogLine, Thread};
use crate::outcome::Seen;
use crate::request::Response;
use crate::vm::{Limits, Vm, VmId};
use crate::world::World;

pub use build::Builder;

type CalloutHook = Box<dyn FnMut(&Callout) -> Answer + Send>;
type UpstreamHook = Box<dyn FnMut(&Seen) -> Option<Response> + Send>;

/// An emulated Envoy with its workers, plugins, clusters and clock.
///
/// Nothing moves by itself: a request runs until every filter has held or passed it, and time
/// passes only in [`Envoy::advance`].
pub struct Envoy {
    pub(crate) world: Box<World>,
    /// `None` once thrown away. Ids are never used again.
    pub(crate) vms: Vec<Option<Vm>>,
    pub(crate) slots: BTreeMap<(Thread, usize), Option<Slot>>,
    pub(crate) workers: usize,
    pub(crate) limits: Limits,
    pub(crate) reloads: Reloads,
    /// A plugin got another configuration, so there may be roots that nobody needs any more.
    pub(crate) replaced: bool,
    pub(crate) on_callout: Option<CalloutHook>,
    pub(crate) on_upstream: Option<UpstreamHook>,
}

/// Where one plugin runs on one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) vm: VmId,
    pub(crate) root: u32,
    pub(crate) started_at: Instant,
}

/// How often VMs were started anew after a trap: `wasm.<plugin>.vm_reload_*`, all plugins together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// New VMs that came up.
    pub success: u64,
    /// New VMs that did not.
    pub failure: u64,
    /// Streams that came too early.
    pub backoff: u64,
}

/// Envoy would not start, or would refuse the update: a module that does not load, or a
/// configuration the module refused.
#[derive(Debug)]
pub struct StartError {
    /// What Envoy would print.
    pub message: String,
    /// What was logged up to then.
    pub logs: Vec<LogLine>,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.message, crate::vm::lines(&self.logs))
    }
}

impl std::error::Error for StartError {}

impl std::fmt::Debug for Envoy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envoy").field("workers", &self.workers).finish_non_exhaustive()
    }
}
