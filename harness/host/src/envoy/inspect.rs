//! Looking at the host.

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::envoy::{Envoy, Reloads};
use crate::log::{LogLine, Thread};
use crate::metrics::Metric;
use crate::outcome::{Outcome, Seen};
use crate::request::RequestId;
use crate::stream::Fuel;
use crate::vm::Failure;

impl Envoy {
    /// Where a request stands.
    ///
    /// # Panics
    /// The id is another host's.
    #[must_use]
    pub fn outcome(&self, id: RequestId) -> Outcome {
        self.world.streams.get(&id).map(|s| s.outcome()).expect("a request of this host")
    }

    /// What the upstream has been sent so far.
    #[must_use]
    pub fn upstream(&self, id: RequestId) -> Option<Seen> {
        self.world.streams.get(&id)?.upstream.clone()
    }

    /// What the client has received so far.
    #[must_use]
    pub fn downstream(&self, id: RequestId) -> Option<Seen> {
        self.world.streams.get(&id)?.downstream.clone()
    }

    /// `%RESPONSE_CODE_DETAILS%`.
    #[must_use]
    pub fn details(&self, id: RequestId) -> Option<String> {
        self.world.streams.get(&id)?.details.clone()
    }

    /// A filter-state entry, such as `wasm.user`.
    #[must_use]
    pub fn filter_state(&self, id: RequestId, key: &str) -> Option<Vec<u8>> {
        Some(self.world.streams.get(&id)?.filter_state.get(key)?.bytes.clone())
    }

    /// How often a filter cleared the route cache of this request.
    #[must_use]
    pub fn route_cache_clears(&self, id: RequestId) -> u32 {
        self.world.streams.get(&id).map_or(0, |s| s.route_cache_clears)
    }

    /// Fuel burnt for a request: its own callbacks, and the answers of callouts it made.
    #[must_use]
    pub fn fuel(&self, id: RequestId) -> Fuel {
        self.world.streams.get(&id).map(|s| s.fuel).unwrap_or_default()
    }

    /// Fuel burnt by everything on a thread.
    #[must_use]
    pub fn thread_fuel(&self, thread: Thread) -> u64 {
        self.vms.iter().flatten().filter(|vm| vm.store.data().thread == thread).map(|vm| vm.fuel).sum()
    }

    /// How often everything on a thread called a function of the host, those of WASI left out.
    #[must_use]
    pub fn thread_host_calls(&self, thread: Thread) -> u64 {
        let vms = self.vms.iter().flatten().map(|vm| vm.store.data());
        vms.filter(|data| data.thread == thread).map(|data| data.host_calls).sum()
    }

    /// The largest single call there has been in any live VM.
    #[must_use]
    pub fn largest_call(&self) -> u64 {
        self.vms.iter().flatten().map(|vm| vm.largest_call).max().unwrap_or(0)
    }

    /// Linear memory of a worker's VMs, dead ones left out.
    #[must_use]
    pub fn memory_bytes(&mut self, worker: usize) -> usize {
        self.vms
            .iter_mut()
            .flatten()
            .filter(|vm| vm.failure.is_none() && vm.store.data().thread == Thread::Worker(worker))
            .map(|vm| vm.memory_bytes())
            .sum()
    }

    /// Everything logged since the start, the canary's lines included.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.world.logs
    }

    /// The log as text, one line each.
    #[must_use]
    pub fn log_text(&self) -> String {
        crate::vm::lines(&self.world.logs)
    }

    /// A metric by the name the module gave it.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.world.metrics.by_name(name)
    }

    /// Every metric.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.world.metrics.iter().map(|(name, metric)| (name.to_owned(), metric.clone())).collect()
    }

    /// The shared data of a `vm_id`.
    #[must_use]
    pub fn shared_data(&self, vm_id: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.shared_data.entries(vm_id).map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
    }

    /// Writes into the shared data of a `vm_id`, as another plugin with it may.
    pub fn set_shared_data(&mut self, vm_id: &str, key: &[u8], value: &[u8]) {
        self.world.shared_data.set(vm_id, key, value, 0);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.world.clock.now
    }

    /// Why the plugin's VM on that thread is dead; `None` while it lives.
    #[must_use]
    pub fn failure(&self, thread: Thread, plugin: usize) -> Option<Failure> {
        match self.slots.get(&(thread, plugin))? {
            Some(slot) => self.vm(slot.vm)?.failure.clone(),
            None => Some(Failure::StartFailed),
        }
    }

    /// Reloads after traps.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        self.reloads
    }
}
