//! What the root and the streams of one worker share: the plugin's state, the streams in hand, the calls in the air.
//!
//! One thread runs a VM, so a cell suffices. It is borrowed for the length of one call into the core and never across a call into the host
//! that could come back, so a failed borrow is impossible; it refuses all the same instead of trapping.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use actgate_core::entropy::Entropy;
use actgate_core::flight::FlightId;
use actgate_core::flow::{AwaitBody, CheckBody, Joined};
use actgate_core::plugin::Plugin;
use actgate_core::request::{Ambient, StreamId};
use actgate_core::signatures::{InGuest, Native, Signatures};
use actgate_core::step::{Reply, ResponsePlan};
use actgate_core::time::UnixSeconds;

use crate::host::{self, HostData};
use crate::metrics::Metrics;
use crate::newest::{self, PluginName};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The time of the host; none on one without a clock.
pub(crate) fn unix_seconds() -> Option<UnixSeconds> {
    host::unix_nanos().ok()?.checked_div(NANOS_PER_SECOND).map(UnixSeconds::new)
}

/// Where the effective stream calls from, address and port.
fn address() -> Option<String> {
    String::from_utf8(host::property("source\0address").ok()?).ok()
}

/// Where one request stands. Small: what is large is boxed where it is made, because stages are moved about.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its body is being collected, its headers are held.
    Reading { limit: usize, then: AwaitBody },
    /// It waits for a flight. The host says only once that a body is complete, so one that ends meanwhile is noted.
    Waiting { flight: FlightId, then: Joined, body_complete: bool },
    /// Its headers are gone, its body is held.
    Checking { limit: usize, then: CheckBody, plan: Box<ResponsePlan> },
    /// It is on its way.
    Forwarded(Box<ResponsePlan>),
    /// It was answered here.
    Replied,
    /// It must not go on, and the host sent no answer in its place: nothing more of it passes in either direction.
    Stopped,
}

/// The state of one plugin in one VM.
pub(crate) struct Worker {
    pub(crate) root: u32,
    plugin: RefCell<Option<Plugin>>,
    entropy: RefCell<Option<Entropy>>,
    /// None while the stage of a stream is taken out.
    stages: RefCell<BTreeMap<u32, Option<Stage>>>,
    pub(crate) calls: RefCell<BTreeMap<u32, FlightId>>,
    pub(crate) metrics: RefCell<Metrics>,
    /// `None` until the host was tried.
    native: RefCell<Option<Native>>,
    tick_millis: Cell<u32>,
    /// The second in which streams were last looked at.
    pub(crate) looked: Cell<u64>,
    /// What its host calls it; none where it is alone for all that it knows.
    name: RefCell<Option<PluginName>>,
    /// Whether what is under way has still to be held against what is withdrawn by now.
    pub(crate) unsearched: Cell<bool>,
}

impl Worker {
    pub(crate) fn new(root: u32) -> Rc<Self> {
        Rc::new(Self {
            root,
            plugin: RefCell::new(None),
            entropy: RefCell::new(None),
            stages: RefCell::new(BTreeMap::new()),
            calls: RefCell::new(BTreeMap::new()),
            metrics: RefCell::new(Metrics::default()),
            native: RefCell::new(None),
            tick_millis: Cell::new(0),
            looked: Cell::new(0),
            name: RefCell::new(None),
            unsearched: Cell::new(false),
        })
    }

    /// Puts a plugin with a fresh configuration into service.
    ///
    /// Envoy gives another configuration to a root context of its own, and lets the old one decide what it began: this is for hosts that
    /// configure a root anew. Nothing of the one before may reach the new one: its flights are numbered from the start again, so an answer
    /// to an old call would be read as one to a new call, and a request that was admitted under the old rules would be released under the
    /// new ones. So what is undecided is refused, and may be sent again at once.
    pub(crate) fn serve(&self, plugin: Plugin, native: Native, name: Option<PluginName>) -> bool {
        let (Ok(mut slot), Ok(mut calls), Ok(stages), Ok(mut signatures), Ok(mut called)) = (
            self.plugin.try_borrow_mut(),
            self.calls.try_borrow_mut(),
            self.stages.try_borrow(),
            self.native.try_borrow_mut(),
            self.name.try_borrow_mut(),
        ) else {
            return false;
        };
        *signatures = Some(native);
        called.clone_from(&name);
        if let Some(name) = name {
            newest::tell(name, self.root, plugin.revoked());
        }
        *slot = Some(plugin);
        calls.clear();
        let undecided: Vec<u32> = stages
            .iter()
            .filter(|(_, stage)| matches!(stage, Some(Stage::Reading { .. } | Stage::Waiting { .. })))
            .map(|(stream, _)| *stream)
            .collect();
        drop((slot, calls, stages, signatures, called));
        self.tick_millis.set(0);
        self.unsearched.set(true);
        for stream in undecided {
            self.refuse_undecided_with(stream, AwaitBody::handle_reconfigured, |_, then| then.handle_reconfigured());
        }
        true
    }

    /// Takes an undecided request out of its wait and answers it by the one of the two that fits.
    pub(crate) fn refuse_undecided_with(
        &self,
        stream: u32,
        reading: impl FnOnce(AwaitBody) -> Reply,
        waiting: impl FnOnce(FlightId, Joined) -> Reply,
    ) {
        let reply = match self.take(stream) {
            Some(Stage::Reading { then, .. }) => reading(then),
            Some(Stage::Waiting { flight, then, .. }) => waiting(flight, then),
            Some(stage) => return self.put(stream, stage),
            None => return,
        };
        // A stream that is gone needs no answer, and the answer would be another one's.
        if host::set_effective_context(stream).is_ok() {
            self.reply(stream, &reply);
            let _ = host::set_effective_context(self.root);
        }
    }

    /// Lets the core handle one event, with the time and randomness of now.
    ///
    /// `None` before a configuration is in force, and on a host without a clock or without randomness: nothing is decided there,
    /// and no moment that never was is remembered.
    pub(crate) fn handle<T>(&self, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> Option<T> {
        let now = unix_seconds()?;
        let mut entropy = self.entropy.try_borrow_mut().ok()?;
        let entropy = match &mut *entropy {
            Some(entropy) => entropy,
            none => none.insert(Entropy::seeded(host::random().ok()?, host::random().ok()?)),
        };
        let mut draw = || entropy.draw(|| host::random().ok());
        let native = self.native.try_borrow().ok()?;
        let signatures: &dyn Signatures = match native.as_ref() {
            Some(native) => native,
            None => &InGuest,
        };
        self.with_plugin(|plugin| {
            self.take_newest(plugin);
            event(plugin, &mut Ambient { now, draw: &mut draw, signatures, shared: &HostData, address: &address })
        })
    }

    /// Lets the core know what the newest configuration of this plugin withdraws, before anything is decided.
    fn take_newest(&self, plugin: &mut Plugin) {
        let Ok(name) = self.name.try_borrow() else {
            return;
        };
        if let Some(newest) = name.as_ref().and_then(newest::newest)
            && plugin.handle_newest(&newest)
        {
            self.unsearched.set(true);
        }
    }

    /// Tells the core something that depends on nothing from outside.
    pub(crate) fn with_plugin<T>(&self, event: impl FnOnce(&mut Plugin) -> T) -> Option<T> {
        let mut slot = self.plugin.try_borrow_mut().ok()?;
        slot.as_mut().map(event)
    }

    /// Whether anybody is known by the name in a client certificate.
    pub(crate) fn looks_at_names(&self) -> bool {
        self.with_plugin(|plugin| plugin.looks_at_names()).unwrap_or(true)
    }

    /// What the configuration says of the host: that it shows the body while it holds the headers.
    pub(crate) fn holds_headers(&self) -> bool {
        self.with_plugin(|plugin| plugin.config().hold_headers).unwrap_or(false)
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

    /// The released requests of which `found` has something to say.
    pub(crate) fn in_progress<T>(&self, found: impl Fn(&ResponsePlan) -> Option<T>) -> Vec<(u32, T)> {
        let Ok(stages) = self.stages.try_borrow() else {
            return Vec::new();
        };
        let released = stages.iter().filter_map(|(stream, stage)| match stage.as_ref()? {
            Stage::Forwarded(plan) | Stage::Checking { plan, .. } => Some((*stream, found(plan)?)),
            Stage::Reading { .. } | Stage::Waiting { .. } | Stage::Replied | Stage::Stopped => None,
        });
        released.collect()
    }

    /// The undecided requests of which one of the two has something to say.
    pub(crate) fn undecided<T>(
        &self,
        reading: impl Fn(&AwaitBody) -> Option<T>,
        waiting: impl Fn(&Joined) -> Option<T>,
    ) -> Vec<(u32, T)> {
        let Ok(stages) = self.stages.try_borrow() else {
            return Vec::new();
        };
        let held = stages.iter().filter_map(|(stream, stage)| match stage.as_ref()? {
            Stage::Reading { then, .. } => Some((*stream, reading(then)?)),
            Stage::Waiting { then, .. } => Some((*stream, waiting(then)?)),
            Stage::Checking { .. } | Stage::Forwarded(_) | Stage::Replied | Stage::Stopped => None,
        });
        held.collect()
    }

    /// Takes the stage of a stream out, to be consumed by what happened.
    pub(crate) fn take(&self, stream: u32) -> Option<Stage> {
        self.stages.try_borrow_mut().ok()?.get_mut(&stream)?.take()
    }

    /// Notes the next stage of a stream.
    pub(crate) fn put(&self, stream: u32, stage: Stage) {
        if let Ok(mut stages) = self.stages.try_borrow_mut() {
            match stages.get_mut(&stream) {
                Some(slot) => *slot = Some(stage),
                None => drop(stages.insert(stream, Some(stage))),
            }
        }
    }

    /// How many bytes of its body a stream is read to; none where nobody reads it.
    pub(crate) fn limit(&self, stream: u32) -> Option<usize> {
        match self.stages.try_borrow().ok()?.get(&stream)?.as_ref()? {
            Stage::Reading { limit, .. } | Stage::Checking { limit, .. } => Some(*limit),
            Stage::Waiting { .. } | Stage::Forwarded(_) | Stage::Replied | Stage::Stopped => None,
        }
    }

    /// The stream is gone; nobody waits for it and it waits for nobody.
    pub(crate) fn forget(&self, stream: u32) {
        let last = self.stages.try_borrow_mut().ok().and_then(|mut stages| stages.remove(&stream)).flatten();
        if let Some(Stage::Waiting { flight, .. }) = last {
            self.with_plugin(|plugin| plugin.handle_stream_gone(flight, StreamId(stream)));
        }
    }
}
