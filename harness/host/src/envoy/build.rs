//! Building a host.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::envoy::{Envoy, Reloads, StartError};
use crate::log::Level;
use crate::plugin::Plugin;
use crate::profile::Profile;
use crate::random::Random;
use crate::vm::Limits;
use crate::world::World;

/// Enough for a few thousand signature checks, and an endless loop ends within seconds.
const FUEL_PER_CALL: u64 = 10_000_000_000;

/// Envoy's own limit on a VM's memory.
const MEMORY_MAX: usize = 1024 * 1024 * 1024;

/// 2026-01-01T00:00:00Z
const CLOCK_START: u64 = 1_767_225_600_000_000_000;

/// Collects what a host starts with.
#[derive(Debug)]
pub struct Builder {
    world: World,
    workers: usize,
    limits: Limits,
}

impl Builder {
    pub(crate) fn new(profile: Profile) -> Self {
        let world =
            World { buffer_limit: profile.buffer_limit, profile, clock: Clock::at(CLOCK_START), ..World::default() };
        Self { world, workers: 1, limits: Limits { fuel_per_call: FUEL_PER_CALL, memory: MEMORY_MAX } }
    }

    /// Adds a filter at the end of the chain.
    #[must_use]
    pub fn plugin(mut self, plugin: Plugin) -> Self {
        self.world.plugins.push(plugin);
        self
    }

    /// A cluster that filters may call.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.world.clusters.insert(name.into(), Cluster::Healthy);
        self
    }

    /// How many workers there are. One by default.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The time it is, in nanoseconds since the epoch. The start of 2026 by default.
    #[must_use]
    pub fn clock(mut self, unix_nanos: u64) -> Self {
        self.world.clock = Clock::at(unix_nanos);
        self
    }

    /// The seed of everything random: `random_get`, request ids, reload jitter.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.world.random = Random::seeded(seed);
        self
    }

    /// `per_connection_buffer_limit_bytes`, both ways. 0 is no limit.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.world.buffer_limit = bytes;
        self
    }

    /// `--component-log-level wasm:…`. Everything is kept by default.
    #[must_use]
    pub fn log_level(mut self, level: Level) -> Self {
        self.world.log_level = level;
        self
    }

    /// Fuel for one call into a VM; out of it the VM traps. Envoy has no such limit.
    #[must_use]
    pub fn fuel_per_call(mut self, fuel: u64) -> Self {
        self.limits.fuel_per_call = fuel;
        self
    }

    /// Starts every instance of every plugin.
    ///
    /// # Errors
    /// What makes Envoy refuse: a module that does not load or link, and a canary that traps or
    /// whose `on_vm_start` or `on_configure` returns false.
    pub fn start(self) -> Result<Envoy, StartError> {
        let mut envoy = Envoy {
            world: Box::new(self.world),
            vms: Vec::new(),
            slots: BTreeMap::new(),
            workers: self.workers,
            limits: self.limits,
            reloads: Reloads::default(),
            replaced: false,
            on_callout: None,
            on_upstream: None,
        };
        envoy.start_all(self.workers)?;
        Ok(envoy)
    }
}
