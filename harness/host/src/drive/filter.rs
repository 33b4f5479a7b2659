//! One filter's callbacks on one stream: Envoy's wasm `Context`.

use crate::abi::{Direction, Export};
use crate::envoy::Envoy;
use crate::plugin::{FailurePolicy, Plugin};
use crate::request::RequestId;
use crate::stream::{Filter, Reply};
use crate::vm::{Action, VmId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStatus {
    Continue,
    StopIteration,
    StopAllBuffer,
    StopAllWatermark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataStatus {
    Continue,
    StopAndBuffer,
    StopAndWatermark,
    StopNoBuffer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailersStatus {
    Continue,
    Stop,
}

/// What came of asking the VM.
enum Verdict {
    /// The module does not export the callback, or its policy lets requests pass a dead VM.
    NotAsked,
    /// The VM is dead; the stream has failed.
    Failed,
    /// A local reply was sent: what the callback returned does not count.
    Overruled,
    Returned(u32),
}

impl Envoy {
    pub(crate) fn filter_headers(
        &mut self,
        id: RequestId,
        index: usize,
        direction: Direction,
        end: bool,
    ) -> HeadersStatus {
        if direction == Direction::Request {
            self.create_context(id, index);
        } else if !self.takes_response(id, index) {
            return HeadersStatus::Continue;
        }
        let Some(stream) = self.stream(id) else { return HeadersStatus::StopAllWatermark };
        let count = stream.flow_ref(direction).headers.as_ref().map_or(0, |h| h.len());
        let Some(filter) = stream.filters.get_mut(index) else { return HeadersStatus::Continue };
        filter.lane(direction).headers_open = true;
        let stop_iteration = self.plugin_of(id, index).is_some_and(|p| p.headers_stop_iteration)
            && self.world.profile.headers_stop_iteration_knob;
        let export = match direction {
            Direction::Request => Export::RequestHeaders,
            Direction::Response => Export::ResponseHeaders,
        };
        let status = match self.ask(id, index, export, &[count_word(count), end.into()]) {
            Verdict::NotAsked | Verdict::Returned(0) => HeadersStatus::Continue,
            Verdict::Returned(1) if stop_iteration => HeadersStatus::StopIteration,
            Verdict::Returned(3) => HeadersStatus::StopAllBuffer,
            Verdict::Returned(_) | Verdict::Failed | Verdict::Overruled => HeadersStatus::StopAllWatermark,
        };
        if status == HeadersStatus::Continue
            && let Some(filter) = self.filter(id, index)
        {
            filter.lane(direction).headers_open = false;
        }
        status
    }

    pub(crate) fn filter_data(
        &mut self,
        id: RequestId,
        index: usize,
        direction: Direction,
        data: &mut Vec<u8>,
    ) -> DataStatus {
        let Some(filter) = self.filter(id, index) else { return DataStatus::Continue };
        if !filter.created || (direction == Direction::Response && !self.takes_response(id, index)) {
            return DataStatus::Continue;
        }
        let buffering = self.filter(id, index).is_some_and(|f| f.lane(direction).buffering);
        if buffering {
            self.buffer(id, direction, &std::mem::take(data), false);
            if self.filter(id, index).is_none_or(|f| f.destroyed) {
                return DataStatus::StopAndBuffer;
            }
        }
        let Some(stream) = self.stream(id) else { return DataStatus::StopNoBuffer };
        let buffered = stream.flow_ref(direction).buffered.as_ref().map_or(0, Vec::len);
        let Some(filter) = stream.filters.get_mut(index) else { return DataStatus::Continue };
        let lane = filter.lane(direction);
        lane.data = std::mem::take(data);
        lane.data_open = true;
        let size = if buffering { buffered } else { lane.data.len() };
        let end = lane.end_stream;
        let export = match direction {
            Direction::Request => Export::RequestBody,
            Direction::Response => Export::ResponseBody,
        };
        let status = match self.ask(id, index, export, &[count_word(size), end.into()]) {
            Verdict::NotAsked | Verdict::Returned(0) => DataStatus::Continue,
            Verdict::Returned(1) => DataStatus::StopAndBuffer,
            Verdict::Returned(2) => DataStatus::StopAndWatermark,
            Verdict::Returned(_) | Verdict::Failed | Verdict::Overruled => DataStatus::StopNoBuffer,
        };
        if let Some(filter) = self.filter(id, index) {
            let lane = filter.lane(direction);
            *data = std::mem::take(&mut lane.data);
            lane.data_open = false;
            lane.buffering = status == DataStatus::StopAndBuffer;
        }
        status
    }

    pub(crate) fn filter_trailers(&mut self, id: RequestId, index: usize, direction: Direction) -> TrailersStatus {
        let Some(filter) = self.filter(id, index) else { return TrailersStatus::Continue };
        if !filter.created || (direction == Direction::Response && !self.takes_response(id, index)) {
            return TrailersStatus::Continue;
        }
        let Some(stream) = self.stream(id) else { return TrailersStatus::Stop };
        let count = stream.flow_ref(direction).trailers.as_ref().map_or(0, |t| t.len());
        if let Some(filter) = stream.filters.get_mut(index) {
            filter.lane(direction).trailers_open = true;
        }
        let export = match direction {
            Direction::Request => Export::RequestTrailers,
            Direction::Response => Export::ResponseTrailers,
        };
        let status = match self.ask(id, index, export, &[count_word(count)]) {
            Verdict::NotAsked | Verdict::Returned(0) => TrailersStatus::Continue,
            Verdict::Returned(_) | Verdict::Failed | Verdict::Overruled => TrailersStatus::Stop,
        };
        if status == TrailersStatus::Continue
            && let Some(filter) = self.filter(id, index)
        {
            filter.lane(direction).trailers_open = false;
        }
        status
    }

    pub(crate) fn filter(&mut self, id: RequestId, index: usize) -> Option<&mut Filter> {
        self.stream(id)?.filters.get_mut(index)
    }

    pub(crate) fn plugin_of(&self, id: RequestId, index: usize) -> Option<&Plugin> {
        let filter = self.world.streams.get(&id)?.filters.get(index)?;
        self.world.plugins.get(filter.plugin)
    }

    /// A filter that never saw the request, or has failed, does not see the response.
    fn takes_response(&mut self, id: RequestId, index: usize) -> bool {
        self.filter(id, index).is_some_and(|f| f.created && !f.failure_reply_sent)
    }

    pub(crate) fn create_context(&mut self, id: RequestId, index: usize) {
        let Some(filter) = self.filter(id, index) else { return };
        let (vm, context) = (filter.vm, filter.context);
        if std::mem::replace(&mut filter.created, true) {
            return;
        }
        if let Some(vm) = vm {
            let root = self.vm(vm).map_or(0, |v| v.store.data().root_of_id(context));
            self.call_for(id, vm, context, Export::ContextCreate, &[root]);
            self.run_actions(vm);
        }
    }

    /// One stream callback, with Envoy's checks before and after, and the deferred work between.
    fn ask(&mut self, id: RequestId, index: usize, export: Export, args: &[u32]) -> Verdict {
        let Some(filter) = self.filter(id, index) else { return Verdict::NotAsked };
        let (vm, context) = (filter.vm, filter.context);
        let Some(vm) = vm.filter(|vm| !self.has_failed(*vm)) else { return self.failed(id, index) };
        if !self.vm(vm).is_some_and(|v| v.has(export)) {
            return Verdict::NotAsked;
        }
        let returned = self.call_for(id, vm, context, export, args);
        let verdict = if self.has_failed(vm) {
            self.failed(id, index)
        } else if returned.stopped {
            Verdict::Overruled
        } else {
            Verdict::Returned(returned.value)
        };
        self.run_actions(vm);
        verdict
    }

    fn failed(&mut self, id: RequestId, index: usize) -> Verdict {
        if self.plugin_of(id, index).is_some_and(|p| p.failure_policy == FailurePolicy::FailOpen) {
            return Verdict::NotAsked;
        }
        if let Some(filter) = self.filter(id, index)
            && !std::mem::replace(&mut filter.failure_reply_sent, true)
        {
            let reply = Reply { grpc_status: Some(14), ..Reply::by_envoy(503, "", "wasm_fail_stream") };
            self.send_local_reply(id, reply);
        }
        Verdict::Failed
    }

    /// Runs what host calls left for after the VM's return. May call into the VM again.
    pub(crate) fn run_actions(&mut self, vm: VmId) {
        while let Some(action) = self.vm_mut(vm).and_then(|v| v.store.data_mut().after.pop_front()) {
            match action {
                Action::Continue(id, index, direction) => self.resume(id, index, direction),
                Action::LocalReply(id, reply) => self.send_local_reply(id, reply),
                Action::Reset(id) => self.end_stream(id, crate::stream::End::Reset),
                Action::ForgetCall { root } => {
                    if let Some(vm) = self.vm_mut(vm) {
                        let data = vm.store.data_mut();
                        data.call_answers.remove(&root);
                        data.call_status.1 = "";
                    }
                }
                Action::DeleteRoot(root) => {
                    self.call(vm, root, Export::Delete, &[]);
                }
            }
        }
    }
}

fn count_word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
