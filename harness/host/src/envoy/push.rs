//! Another configuration for a plugin that is at work.
//!
//! Guaranteed: streams under way keep the root context they began with, and that root goes once the last of them has.
//! Absent on purpose: draining. How long Envoy lets a replaced listener serve on is its own affair.

use crate::abi::Export;
use crate::drive::StartFailure;
use crate::envoy::{Envoy, StartError};
use crate::log::Thread;
use crate::vm::{ContextKind, VmId};

impl Envoy {
    /// Gives new streams a root context with that configuration, as an update of the listener does: in the same VM, beside the old one.
    ///
    /// # Errors
    /// The module refuses it in a canary; then nothing has changed.
    pub fn push(&mut self, plugin: usize, configuration: impl Into<Vec<u8>>) -> Result<(), StartError> {
        let Some(before) = self.set_configuration(plugin, configuration.into()) else {
            return Err(self.refusal(plugin, StartFailure::Load("no such plugin".to_owned())));
        };
        let canary = self.start_plugin(plugin, Thread::Canary);
        for vm in &mut self.vms {
            vm.take_if(|vm| vm.store.data().thread == Thread::Canary);
        }
        if let Err(why) = canary {
            self.set_configuration(plugin, before);
            return Err(self.refusal(plugin, why));
        }
        for thread in std::iter::once(Thread::Main).chain((0..self.workers).map(Thread::Worker)) {
            let slot = self.start_plugin(plugin, thread).ok();
            self.slots.insert((thread, plugin), slot);
        }
        self.replaced = true;
        self.settle();
        Ok(())
    }

    /// Calls `proxy_on_configure` of the roots that are at work once more, with another configuration.
    /// Envoy does not; the interface allows it, and other hosts may.
    pub fn configure_again(&mut self, plugin: usize, configuration: impl Into<Vec<u8>>) {
        let configuration = configuration.into();
        let size = u32::try_from(configuration.len()).unwrap_or(u32::MAX);
        self.set_configuration(plugin, configuration);
        let slots: Vec<_> =
            self.slots.iter().filter(|((_, of), _)| *of == plugin).filter_map(|(_, slot)| *slot).collect();
        for slot in slots {
            if let Some(vm) = self.vm_mut(slot.vm) {
                vm.store.data_mut().configuring = Some(plugin);
            }
            self.call(slot.vm, slot.root, Export::Configure, &[size]);
            self.run_actions(slot.vm);
            if let Some(vm) = self.vm_mut(slot.vm) {
                vm.store.data_mut().configuring = None;
            }
        }
        self.settle();
    }

    /// How many root contexts there are on a worker.
    #[must_use]
    pub fn roots(&self, worker: usize) -> usize {
        let of_worker = self.vms.iter().flatten().filter(|vm| vm.store.data().thread == Thread::Worker(worker));
        of_worker.map(|vm| vm.roots.len()).sum()
    }

    /// Ends the replaced roots that no stream needs any more. Time has to pass for that, as in Envoy.
    pub(crate) fn retire_roots(&mut self) {
        let mut gone: Vec<(VmId, u32)> = Vec::new();
        for vm in self.vms.iter().flatten() {
            let data = vm.store.data();
            let in_use = |root: u32| {
                let slotted = self.slots.values().flatten().any(|slot| slot.vm == data.id && slot.root == root);
                slotted
                    || data
                        .contexts
                        .values()
                        .any(|kind| matches!(kind, ContextKind::Stream { root: of, .. } if *of == root))
            };
            gone.extend(vm.roots.values().filter(|root| !in_use(**root)).map(|root| (data.id, *root)));
        }
        for (vm, root) in gone {
            self.end_root(vm, root);
        }
    }

    /// What the root still asked for is cancelled with it.
    fn end_root(&mut self, id: VmId, root: u32) {
        self.call(id, root, Export::Done, &[]);
        self.run_actions(id);
        self.call(id, root, Export::Delete, &[]);
        self.run_actions(id);
        let calls = &mut self.world.callouts;
        let cancelled: Vec<_> = calls
            .pending
            .iter()
            .filter(|(_, call)| (call.vm, call.root) == (id, root))
            .map(|(call, _)| *call)
            .collect();
        for call in cancelled {
            calls.remove(call);
        }
        if let Some(vm) = self.vm_mut(id) {
            vm.roots.retain(|_, of| *of != root);
            let data = vm.store.data_mut();
            data.contexts.remove(&root);
            data.tickers.remove(&root);
        }
    }

    fn set_configuration(&mut self, plugin: usize, configuration: Vec<u8>) -> Option<Vec<u8>> {
        let settings = self.world.plugins.get_mut(plugin)?;
        Some(std::mem::replace(&mut settings.configuration, configuration))
    }
}
