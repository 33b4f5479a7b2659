//! Requests, responses, callouts, time, and everything that goes wrong with them.

use std::time::Duration;

use crate::abi::{Direction, Export};
use crate::callout::{Answer, Callout, CalloutId, NotPending};
use crate::cluster::Cluster;
use crate::drive::Entry;
use crate::envoy::{Builder, Envoy};
use crate::header_map::HeaderMap;
use crate::log::Thread;
use crate::outcome::Seen;
use crate::plugin::FailurePolicy;
use crate::profile::Profile;
use crate::request::{Request, RequestId, Response};
use crate::stream::{End, Filter, Reply, Stream};
use crate::vm::{ContextKind, Failure};

impl Envoy {
    /// Starts building a host of that version.
    #[must_use]
    pub fn builder(profile: Profile) -> Builder {
        Builder::new(profile)
    }

    /// Sends a whole request and runs until it is held or decided.
    ///
    /// # Panics
    /// The request names a worker there is not.
    pub fn request(&mut self, request: Request) -> RequestId {
        let (chunks, trailers) = (request.chunks.clone(), request.trailers.clone());
        let last_chunk_ends = request.last_chunk_ends && trailers.is_none();
        let id = self.open(request, chunks.is_empty() && trailers.is_none());
        let count = chunks.len();
        for (index, chunk) in chunks.into_iter().enumerate() {
            self.send_body(id, chunk, last_chunk_ends && index + 1 == count);
        }
        match trailers {
            Some(trailers) => self.send_trailers(id, trailers),
            None if count > 0 && !last_chunk_ends => self.send_body(id, Vec::new(), true),
            None => {}
        }
        id
    }

    /// Sends the headers of a request; its chunks and trailers are left to the caller.
    ///
    /// # Panics
    /// The request names a worker there is not.
    pub fn open(&mut self, request: Request, end_of_stream: bool) -> RequestId {
        assert!(request.worker < self.workers, "there is no worker {}", request.worker);
        self.world.last_stream += 1;
        let id = RequestId(self.world.last_stream);
        let filters = (0..self.world.plugins.len()).map(|p| self.new_filter(id, p, request.worker)).collect();
        let mut headers = request.headers.clone();
        if headers.get("x-request-id").is_none() {
            headers.set("x-request-id", self.world.random.uuid());
        }
        if headers.get("x-forwarded-proto").is_none() {
            let scheme = headers.get(":scheme").unwrap_or(b"http").to_vec();
            headers.set("x-forwarded-proto", scheme);
        }
        let mut stream = Stream::new(id, &request, filters, self.world.clock.now);
        stream.request.headers = Some(headers);
        stream.request.ended = end_of_stream;
        self.world.streams.insert(id, stream);
        self.pass_headers(id, Direction::Request, Entry::First, end_of_stream);
        self.settle();
        id
    }

    fn new_filter(&mut self, id: RequestId, plugin: usize, worker: usize) -> Filter {
        let slot = self.slot_for_stream(plugin, worker);
        let open = self.world.plugins.get(plugin).is_some_and(|p| p.failure_policy == FailurePolicy::FailOpen);
        let Some(slot) = slot else { return Filter::new(plugin, None, 0, open) };
        let kind = ContextKind::Stream { root: slot.root, request: id, filter: plugin };
        let context = self.vm_mut(slot.vm).map_or(0, |vm| vm.store.data_mut().new_context(kind));
        Filter::new(plugin, Some(slot.vm), context, false)
    }

    /// Sends a piece of a request's body. After the end of the stream, or of the request, it is lost.
    pub fn send_body(&mut self, id: RequestId, chunk: impl Into<Vec<u8>>, end_of_stream: bool) {
        let chunk = chunk.into();
        if let Some(stream) = self.live(id, Direction::Request).filter(|s| !s.request.ended) {
            stream.received += chunk.len() as u64;
            stream.request.ended = end_of_stream;
            self.pass_data(id, Direction::Request, Entry::First, chunk, end_of_stream);
        }
        self.settle();
    }

    /// Sends a request's trailers, which end it.
    pub fn send_trailers(&mut self, id: RequestId, trailers: impl Into<HeaderMap>) {
        if let Some(stream) = self.live(id, Direction::Request).filter(|s| !s.request.ended) {
            stream.request.trailers = Some(trailers.into());
            stream.request.ended = true;
            self.pass_trailers(id, Direction::Request, Entry::First);
        }
        self.settle();
    }

    /// The client closes its connection.
    pub fn disconnect(&mut self, id: RequestId) {
        if let Some(stream) = self.stream(id).filter(|s| s.end.is_none()) {
            stream.details = Some("downstream_remote_disconnect".to_owned());
            self.end_stream(id, End::Disconnected);
        }
        self.settle();
    }

    /// The upstream answers, and the client's view of it is returned: `None` while a filter holds it.
    ///
    /// # Panics
    /// The upstream has not been sent the headers, or has answered already.
    pub fn respond(&mut self, id: RequestId, response: Response) -> Option<Seen> {
        self.send_response(id, response);
        self.settle();
        self.downstream(id)
    }

    pub(crate) fn send_response(&mut self, id: RequestId, response: Response) {
        let count = response.chunks.len();
        let bare = count == 0 && response.trailers.is_none();
        self.start_response(id, response.headers, bare);
        let last_chunk_ends = response.last_chunk_ends && response.trailers.is_none();
        for (index, chunk) in response.chunks.into_iter().enumerate() {
            self.pass_response_data(id, chunk, last_chunk_ends && index + 1 == count);
        }
        match response.trailers {
            Some(trailers) => self.pass_response_trailers(id, trailers),
            None if count > 0 && !last_chunk_ends => self.pass_response_data(id, Vec::new(), true),
            None => {}
        }
    }

    fn start_response(&mut self, id: RequestId, headers: HeaderMap, end: bool) {
        let Some(stream) = self.stream(id).filter(|s| s.end.is_none()) else { return };
        assert!(stream.upstream.is_some(), "the upstream has not seen this request");
        assert!(!stream.upstream_answered, "the upstream has answered already");
        stream.upstream_answered = true;
        if stream.response.headers.is_some() {
            return;
        }
        stream.response.headers = Some(headers);
        stream.response.ended = end;
        self.pass_headers(id, Direction::Response, Entry::First, end);
    }

    fn pass_response_data(&mut self, id: RequestId, chunk: Vec<u8>, end: bool) {
        if let Some(stream) = self.live(id, Direction::Response).filter(|s| !s.replied_locally && !s.response.ended) {
            stream.response.ended = end;
            self.pass_data(id, Direction::Response, Entry::First, chunk, end);
        }
    }

    fn pass_response_trailers(&mut self, id: RequestId, trailers: HeaderMap) {
        if let Some(stream) = self.live(id, Direction::Response).filter(|s| !s.replied_locally && !s.response.ended) {
            stream.response.trailers = Some(trailers);
            stream.response.ended = true;
            self.pass_trailers(id, Direction::Response, Entry::First);
        }
    }

    /// The upstream sends its headers; body and trailers are left to the caller.
    ///
    /// # Panics
    /// The upstream has not been sent the headers, or has answered already.
    pub fn respond_headers(&mut self, id: RequestId, response: Response, end_of_stream: bool) {
        self.start_response(id, response.headers, end_of_stream);
        self.settle();
    }

    /// The upstream sends a piece of its body.
    pub fn respond_body(&mut self, id: RequestId, chunk: impl Into<Vec<u8>>, end_of_stream: bool) {
        self.pass_response_data(id, chunk.into(), end_of_stream);
        self.settle();
    }

    /// The upstream resets: 503 if it had not answered, a broken response if it had.
    pub fn reset_upstream(&mut self, id: RequestId) {
        if let Some(stream) = self.stream(id).filter(|s| s.end.is_none()) {
            if let Some(upstream) = stream.upstream.as_mut() {
                upstream.reset = true;
            }
            let body =
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
            let details = "upstream_reset_before_response_started{connection_termination}";
            self.send_local_reply(id, Reply::by_envoy(503, body, details));
        }
        self.settle();
    }

    /// Every callout that waits for an answer, oldest first.
    #[must_use]
    pub fn callouts(&self) -> Vec<Callout> {
        self.world.callouts.pending.values().cloned().collect()
    }

    /// Ends a callout.
    ///
    /// # Errors
    /// It has ended already, or the VM that made it is dead: Envoy drops such an answer.
    pub fn answer(&mut self, id: CalloutId, answer: Answer) -> Result<(), NotPending> {
        let result = self.end_callout(id, answer);
        self.settle();
        result
    }

    /// Answers every callout from now on. [`Answer::Pending`] leaves one to [`Envoy::answer`].
    ///
    /// Callouts that wait already are shown to the hook too.
    pub fn on_callout(&mut self, hook: impl FnMut(&Callout) -> Answer + Send + 'static) {
        self.world.callouts.unseen = self.world.callouts.pending.keys().copied().collect();
        self.on_callout = Some(Box::new(hook));
        self.settle();
    }

    /// Answers every whole request the upstream sees from now on. `None` leaves one to
    /// [`Envoy::respond`].
    pub fn on_upstream(&mut self, hook: impl FnMut(&Seen) -> Option<Response> + Send + 'static) {
        self.on_upstream = Some(Box::new(hook));
        self.settle();
    }

    /// Lets time pass: ticks run, callouts time out, delayed answers arrive, each at its instant.
    pub fn advance(&mut self, by: Duration) {
        self.run_clock(by);
    }

    /// Changes the state of a cluster.
    pub fn set_cluster(&mut self, name: impl Into<String>, state: Cluster) {
        self.world.clusters.insert(name.into(), state);
    }

    /// Ends every root context, as when Envoy exits: `on_done`, and `on_delete` once the root is done.
    ///
    /// A root whose `on_done` returned false is deleted when it calls `proxy_done`.
    pub fn shutdown(&mut self) {
        let roots: Vec<_> = self
            .vms
            .iter()
            .flatten()
            .flat_map(|vm| vm.roots.values().map(|root| (vm.store.data().id, *root)))
            .collect();
        for (vm, root) in roots {
            let asked = self.vm(vm).is_some_and(|vm| vm.has(Export::Done));
            let done = self.call(vm, root, Export::Done, &[]).value != 0 || !asked;
            self.run_actions(vm);
            if done {
                self.call(vm, root, Export::Delete, &[]);
                self.run_actions(vm);
            } else if let Some(vm) = self.vm_mut(vm) {
                vm.store.data_mut().pending_done.insert(root);
            }
        }
        self.settle();
    }

    /// Kills the worker's VMs, as a trap outside any stream would.
    pub fn trap(&mut self, worker: usize) {
        for vm in self.vms.iter_mut().flatten() {
            if vm.store.data().thread == Thread::Worker(worker) {
                vm.failure.get_or_insert(Failure::Injected);
            }
        }
    }

    /// Makes the next call into each of the worker's VMs trap.
    pub fn trap_next_call(&mut self, worker: usize) {
        for vm in self.vms.iter_mut().flatten() {
            if vm.store.data().thread == Thread::Worker(worker) {
                vm.trap_next = true;
            }
        }
    }

    /// From now on the worker's VMs cannot grow above so many bytes.
    pub fn limit_memory(&mut self, worker: usize, bytes: usize) {
        for vm in self.vms.iter_mut().flatten() {
            if vm.store.data().thread == Thread::Worker(worker) {
                vm.store.data_mut().memory_max = bytes;
            }
        }
    }
}
