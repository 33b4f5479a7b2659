//! What the root and the streams of one worker share: the plugin's state, the streams in hand, the calls in the air.
//!
//! One thread runs a VM, so a cell suffices. It is borrowed for the length of one call into the core and never across a call into the host
//! that could come back, so a failed borrow is impossible; it refuses all the same instead of trapping.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use actgate_core::flight::FlightId;
use actgate_core::flow::{AwaitBody, CheckBody, Joined};
use actgate_core::plugin::Plugin;
use actgate_core::request::{Ambient, StreamId};
use actgate_core::signatures::InGuest;
use actgate_core::step::ResponsePlan;
use actgate_core::time::UnixSeconds;

use crate::host;
use crate::metrics::Metrics;

/// Where one request stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its body is being collected, its headers are held.
    Reading { limit: usize, then: AwaitBody },
    /// It waits for a flight.
    Waiting { flight: FlightId, then: Joined },
    /// Its headers are gone, its body is held.
    Checking { limit: usize, then: CheckBody, plan: ResponsePlan },
    /// It is on its way.
    Forwarded(ResponsePlan),
    /// It was answered here.
    Replied,
}

/// The state of one plugin in one VM.
pub(crate) struct Worker {
    pub(crate) root: u32,
    plugin: RefCell<Option<Plugin>>,
    stages: RefCell<BTreeMap<u32, Stage>>,
    pub(crate) calls: RefCell<BTreeMap<u32, FlightId>>,
    pub(crate) metrics: RefCell<Metrics>,
    tick_millis: Cell<u32>,
}

impl Worker {
    pub(crate) fn new(root: u32) -> Rc<Self> {
        Rc::new(Self {
            root,
            plugin: RefCell::new(None),
            stages: RefCell::new(BTreeMap::new()),
            calls: RefCell::new(BTreeMap::new()),
            metrics: RefCell::new(Metrics::default()),
            tick_millis: Cell::new(0),
        })
    }

    /// Puts a plugin with a fresh configuration into service.
    pub(crate) fn serve(&self, plugin: Plugin) -> bool {
        match self.plugin.try_borrow_mut() {
            Ok(mut slot) => {
                *slot = Some(plugin);
                true
            }
            Err(_) => false,
        }
    }

    /// Lets the core handle one event, with the time and randomness of now. `None` before a configuration is in force.
    pub(crate) fn handle<T>(&self, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> Option<T> {
        let mut slot = self.plugin.try_borrow_mut().ok()?;
        let plugin = slot.as_mut()?;
        let mut draw = || host::random().unwrap_or_default();
        let mut ambient = Ambient { now: now(), draw: &mut draw, signatures: &InGuest };
        Some(event(plugin, &mut ambient))
    }

    /// Asks the host for the tick that the plugin wants, if it is not set already.
    pub(crate) fn keep_time(&self) {
        let Ok(slot) = self.plugin.try_borrow() else {
            return;
        };
        let wanted = slot.as_ref().map_or(0, Plugin::tick_millis);
        if self.tick_millis.get() != wanted && host::set_tick_millis(wanted).is_ok() {
            self.tick_millis.set(wanted);
        }
    }

    /// Takes the stage of a stream out, to be consumed by what happened.
    pub(crate) fn take(&self, stream: u32) -> Option<Stage> {
        self.stages.try_borrow_mut().ok()?.remove(&stream)
    }

    /// Notes the next stage of a stream.
    pub(crate) fn put(&self, stream: u32, stage: Stage) {
        if let Ok(mut stages) = self.stages.try_borrow_mut() {
            stages.insert(stream, stage);
        }
    }

    /// The stream is gone; nobody waits for it and it waits for nobody.
    pub(crate) fn forget(&self, stream: u32) {
        if let Some(Stage::Waiting { flight, .. }) = self.take(stream) {
            self.handle(|plugin, _| plugin.handle_stream_gone(flight, StreamId(stream)));
        }
    }
}

/// A host without a clock makes every token look expired, not valid.
fn now() -> UnixSeconds {
    UnixSeconds::new(host::unix_nanos().map_or(u64::MAX, |nanos| nanos / 1_000_000_000))
}
