//! The N+2 instances of a module, and their replacement after a trap.

use crate::abi::Export;
use crate::envoy::{Envoy, Slot, StartError};
use crate::log::{Level, LogLine, Thread};
use crate::plugin::FailurePolicy;
use crate::request::RequestId;
use crate::vm::{ContextKind, Failure, Returned, Vm, VmId};

impl Envoy {
    pub(crate) fn vm(&self, id: VmId) -> Option<&Vm> {
        self.vms.get(id.0)?.as_ref()
    }

    pub(crate) fn vm_mut(&mut self, id: VmId) -> Option<&mut Vm> {
        self.vms.get_mut(id.0)?.as_mut()
    }

    pub(crate) fn has_failed(&self, id: VmId) -> bool {
        self.vm(id).is_none_or(|vm| vm.failure.is_some())
    }

    pub(crate) fn call(&mut self, vm: VmId, context: u32, export: Export, args: &[u32]) -> Returned {
        match self.vms.get_mut(vm.0).and_then(Option::as_mut) {
            Some(vm) => vm.call(&mut self.world, context, export, args),
            None => Returned { value: 0, stopped: false, fuel: 0 },
        }
    }

    /// A call whose fuel counts towards a stream.
    pub(crate) fn call_for(&mut self, id: RequestId, vm: VmId, context: u32, export: Export, args: &[u32]) -> Returned {
        let returned = self.call(vm, context, export, args);
        if let Some(stream) = self.stream(id).filter(|_| returned.fuel > 0) {
            stream.fuel.add(returned.fuel);
        }
        returned
    }

    /// Starts every plugin: a canary each, then the main thread's instance, then every worker's.
    pub(crate) fn start_all(&mut self, workers: usize) -> Result<(), StartError> {
        for plugin in 0..self.world.plugins.len() {
            let canary = self.start_plugin(plugin, Thread::Canary).map_err(|why| self.refusal(plugin, why))?;
            if let Some(vm) = self.vms.get_mut(canary.vm.0) {
                *vm = None;
            }
        }
        for thread in std::iter::once(Thread::Main).chain((0..workers).map(Thread::Worker)) {
            for plugin in 0..self.world.plugins.len() {
                let slot = match self.start_plugin(plugin, thread) {
                    Ok(slot) => Some(slot),
                    Err(why) => {
                        // Only the canary can refuse a configuration: this thread just has no plugin.
                        self.log_host(plugin, thread, &format!("Plugin failed to start: {why:?}"));
                        None
                    }
                };
                self.slots.insert((thread, plugin), slot);
            }
        }
        self.settle();
        Ok(())
    }

    pub(crate) fn refusal(&self, plugin: usize, why: StartFailure) -> StartError {
        let name = self.world.plugins.get(plugin).map_or("", |p| &p.name);
        let why = match why {
            StartFailure::Load(text) => text,
            StartFailure::Vm(failure) => format!("{failure:?}"),
        };
        StartError { message: format!("Unable to create Wasm plugin {name}: {why}"), logs: self.world.logs.clone() }
    }

    fn log_host(&mut self, plugin: usize, thread: Thread, message: &str) {
        let name = self.world.plugins.get(plugin).map_or_else(String::new, |p| p.name.clone());
        let at = self.world.clock.now;
        let message = message.to_owned();
        self.world.logs.push(LogLine { at, level: Level::Error, plugin: name, thread, message, from_host: true });
    }

    /// The thread's VM for that plugin's key, new if there is none alive; then start and configure.
    pub(crate) fn start_plugin(&mut self, plugin: usize, thread: Thread) -> Result<Slot, StartFailure> {
        let settings = self.world.plugins.get(plugin).cloned().ok_or(StartFailure::Load(String::new()))?;
        let key = settings.vm_key(&self.world.profile);
        let shared = self
            .vms
            .iter()
            .flatten()
            .find(|vm| vm.key == key && vm.failure.is_none() && vm.store.data().thread == thread);
        let id = match shared {
            Some(vm) => vm.store.data().id,
            None => {
                let id = VmId(self.vms.len());
                let vm =
                    Vm::start(id, &settings, thread, key, self.limits, &mut self.world).map_err(StartFailure::Load)?;
                self.vms.push(Some(vm));
                id
            }
        };
        let root_key = [settings.root_id.as_bytes(), b"||", &settings.configuration].concat();
        let started_at = self.world.clock.now;
        let Some(vm) = self.vm_mut(id) else { return Err(StartFailure::Load(String::new())) };
        let data = vm.store.data_mut();
        data.configuring = Some(plugin);
        // A root that is still there for the same document serves on, and is told nothing.
        if let Some(root) = vm.roots.get(&root_key).copied() {
            vm.store.data_mut().configuring = None;
            return Ok(Slot { vm: id, root, started_at });
        }
        let root = vm.store.data_mut().new_context(ContextKind::Root { plugin });
        vm.roots.insert(root_key, root);
        let sizes = [settings.vm_configuration.len(), settings.configuration.len()]
            .map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        let outcome = self.start_root(id, root, sizes);
        if let Some(vm) = self.vm_mut(id) {
            vm.store.data_mut().configuring = None;
            if let Err(failure) = &outcome {
                vm.failure.get_or_insert(failure.clone());
            }
        }
        outcome.map_err(StartFailure::Vm)?;
        Ok(Slot { vm: id, root, started_at })
    }

    fn start_root(&mut self, id: VmId, root: u32, [vm_size, plugin_size]: [u32; 2]) -> Result<(), Failure> {
        let steps = [
            (Export::ContextCreate, 0, None),
            (Export::VmStart, vm_size, Some(Failure::StartFailed)),
            (Export::Configure, plugin_size, Some(Failure::ConfigureFailed)),
        ];
        for (export, arg, refusal) in steps {
            let asked = self.vm(id).is_some_and(|vm| vm.has(export));
            let value = self.call(id, root, export, &[arg]).value;
            self.run_actions(id);
            if let Some(failure) = self.vm(id).and_then(|vm| vm.failure.clone()) {
                return Err(failure);
            }
            if let Some(refusal) = refusal.filter(|_| asked && value == 0) {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// The instance a new stream gets, after a reload if one is due. `None`: it has failed.
    pub(crate) fn slot_for_stream(&mut self, plugin: usize, worker: usize) -> Option<Slot> {
        let thread = Thread::Worker(worker);
        let slot = self.slots.get(&(thread, plugin)).copied().flatten()?;
        let failure = self.vm(slot.vm).and_then(|vm| vm.failure.clone());
        let Some(failure) = failure else { return Some(slot) };
        let settings = self.world.plugins.get(plugin)?;
        if settings.failure_policy != FailurePolicy::FailReload || !failure.is_runtime_error() {
            return None;
        }
        let base = u64::try_from(settings.reload_backoff.as_nanos()).unwrap_or(u64::MAX).max(2);
        let wait = base + self.world.random.next() % (base / 2);
        let now = self.world.clock.now;
        if u128::from(wait) > now.since(slot.started_at).as_nanos() {
            self.reloads.backoff += 1;
            return None;
        }
        match self.start_plugin(plugin, thread) {
            Ok(new) => {
                self.reloads.success += 1;
                self.slots.insert((thread, plugin), Some(new));
                Some(new)
            }
            Err(_) => {
                self.reloads.failure += 1;
                self.slots.insert((thread, plugin), Some(Slot { started_at: now, ..slot }));
                None
            }
        }
    }
}

/// Why an instance did not come up.
#[derive(Debug)]
pub(crate) enum StartFailure {
    Load(String),
    Vm(Failure),
}
