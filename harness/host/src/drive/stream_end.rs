//! The end of a stream: every filter's `on_log`, then each one's `on_done` and `on_delete`.

use crate::abi::Export;
use crate::envoy::Envoy;
use crate::request::RequestId;
use crate::stream::End;

impl Envoy {
    pub(crate) fn end_stream(&mut self, id: RequestId, end: End) {
        let Some(stream) = self.stream(id).filter(|s| s.end.is_none()) else { return };
        stream.end = Some(end);
        stream.prepared = None;
        if let Some(upstream) = stream.upstream.as_mut().filter(|u| !u.complete()) {
            upstream.reset = true;
        }
        if let Some(downstream) = stream.downstream.as_mut().filter(|d| !d.complete()) {
            downstream.reset = true;
        }
        let count = stream.filters.len();
        for index in 0..count {
            self.log_stream(id, index);
        }
        for index in 0..count {
            self.destroy_filter(id, index);
        }
    }

    /// A filter the request never reached gets its context now, for the sake of the log.
    fn log_stream(&mut self, id: RequestId, index: usize) {
        if self.filter(id, index).is_none_or(|f| f.absent) {
            return;
        }
        self.create_context(id, index);
        let Some(filter) = self.filter(id, index) else { return };
        filter.logging = true;
        let (vm, context) = (filter.vm, filter.context);
        if let Some(vm) = vm {
            self.call_for(id, vm, context, Export::Log, &[]);
            self.run_actions(vm);
        }
        if let Some(filter) = self.filter(id, index) {
            filter.logging = false;
        }
    }

    /// What `on_done` returns makes no difference to a stream.
    fn destroy_filter(&mut self, id: RequestId, index: usize) {
        let Some(filter) = self.filter(id, index) else { return };
        if filter.destroyed || !filter.created {
            return;
        }
        filter.destroyed = true;
        let (vm, context) = (filter.vm, filter.context);
        if let Some(vm) = vm {
            self.call_for(id, vm, context, Export::Done, &[]);
            self.run_actions(vm);
            self.call_for(id, vm, context, Export::Delete, &[]);
            self.run_actions(vm);
            if let Some(vm) = self.vm_mut(vm) {
                vm.store.data_mut().contexts.remove(&context);
            }
        }
    }
}
