//! Everything that happens without time passing: queue wake-ups, and the hooks that stand in for
//! the servers a filter calls and the upstream.

use std::time::Duration;

use crate::abi::Export;
use crate::clock::Instant;
use crate::envoy::Envoy;
use crate::log::Thread;
use crate::vm::VmId;

impl Envoy {
    /// Runs until nothing is left to do at this instant.
    pub(crate) fn settle(&mut self) {
        loop {
            if let Some(ready) = self.world.queues.next_ready() {
                self.call(ready.vm, ready.root, Export::QueueReady, &[ready.token]);
                self.run_actions(ready.vm);
            } else if !(self.answer_by_hook() || self.respond_by_hook()) {
                return;
            }
        }
    }

    fn answer_by_hook(&mut self) -> bool {
        let Some(mut hook) = self.on_callout.take() else { return false };
        let unseen = std::mem::take(&mut self.world.callouts.unseen);
        let mut any = false;
        for id in unseen {
            if let Some(callout) = self.world.callouts.pending.get(&id) {
                let answer = hook(callout);
                any = true;
                // A VM that died meanwhile does not hear the answer, as in Envoy.
                let _ = self.end_callout(id, answer);
            }
        }
        self.on_callout.get_or_insert(hook);
        any
    }

    fn respond_by_hook(&mut self) -> bool {
        let Some(mut hook) = self.on_upstream.take() else { return false };
        let waiting: Vec<_> = self
            .world
            .streams
            .values()
            .filter(|s| s.end.is_none() && !s.upstream_answered)
            .filter(|s| s.upstream.as_ref().is_some_and(|u| u.complete()))
            .map(|s| s.id)
            .collect();
        let mut any = false;
        for id in waiting {
            let Some(seen) = self.world.streams.get(&id).and_then(|s| s.upstream.clone()) else { continue };
            if let Some(response) = hook(&seen) {
                any = true;
                self.send_response(id, response);
            }
        }
        self.on_upstream.get_or_insert(hook);
        any
    }

    /// Moves the clock, stopping at every tick, answer and timeout on the way.
    pub(crate) fn run_clock(&mut self, by: Duration) {
        let target = self.world.clock.now.after(by);
        self.settle();
        if self.replaced {
            self.retire_roots();
        }
        while let Some(due) = self.next_due().filter(|due| *due <= target) {
            self.world.clock.now = self.world.clock.now.max(due);
            self.fire();
            self.settle();
        }
        self.world.clock.now = target;
    }

    fn next_due(&self) -> Option<Instant> {
        let tick = self.next_tick().map(|(due, ..)| due);
        let callout = self.world.callouts.next_due().map(|(due, ..)| due);
        tick.into_iter().chain(callout).min()
    }

    fn next_tick(&self) -> Option<(Instant, u64, VmId, u32)> {
        let alive = self.vms.iter().flatten().filter(|vm| vm.failure.is_none());
        let ticking = alive.filter(|vm| vm.store.data().thread != Thread::Canary);
        ticking
            .flat_map(|vm| {
                let data = vm.store.data();
                data.tickers.iter().map(|(root, t)| (t.due, t.order, data.id, *root))
            })
            .min()
    }

    /// Fires the one event that is due first.
    fn fire(&mut self) {
        let now = self.world.clock.now;
        if let Some((due, id, answer)) = self.world.callouts.next_due()
            && due <= now
            && self.next_tick().is_none_or(|(tick, ..)| due <= tick)
        {
            self.world.callouts.on_the_way.remove(&(due, id));
            let _ = self.end_callout(id, answer);
        } else if let Some((_, _, vm, root)) = self.next_tick() {
            self.call(vm, root, Export::Tick, &[]);
            self.rearm(vm, root);
            self.run_actions(vm);
        }
    }

    /// The next tick is a period after this one has run, not after it was due.
    fn rearm(&mut self, vm: VmId, root: u32) {
        let now = self.world.clock.now;
        self.world.last_timer += 1;
        let order = self.world.last_timer;
        let ticker = self.vm_mut(vm).and_then(|vm| vm.store.data_mut().tickers.get_mut(&root));
        if let Some(ticker) = ticker {
            (ticker.due, ticker.order) = (now.after(ticker.period), order);
        }
    }
}
