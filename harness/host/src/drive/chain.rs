//! Frames through the chain of filters, either way.

use crate::abi::Direction;
use crate::drive::filter::{DataStatus, HeadersStatus, TrailersStatus};
use crate::envoy::Envoy;
use crate::outcome::Seen;
use crate::request::RequestId;
use crate::stream::{Iteration, Lane, Stream};

/// Where in the chain a frame enters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    First,
    /// After this filter; or at it, if it had stopped everything and has not seen the frame.
    After(usize),
}

impl Envoy {
    /// The filters a frame visits, in order.
    fn path(&self, id: RequestId, direction: Direction, entry: Entry, data: bool) -> Vec<usize> {
        let Some(stream) = self.world.streams.get(&id) else { return Vec::new() };
        let present = |index: &usize| stream.filters.get(*index).is_some_and(|f| !f.absent);
        let mut order: Vec<usize> = (0..stream.filters.len()).filter(present).collect();
        if direction == Direction::Response {
            order.reverse();
        }
        if let Entry::After(filter) = entry
            && let Some(at) = order.iter().position(|index| *index == filter)
        {
            let again = data && stream.filters.get(filter).is_some_and(|f| f.lane_ref(direction).from_current);
            order.drain(..if again { at } else { at + 1 });
        }
        order
    }

    pub(crate) fn pass_headers(&mut self, id: RequestId, direction: Direction, entry: Entry, end: bool) {
        for index in self.path(id, direction, entry, false) {
            let Some(lane) = self.lane(id, index, direction) else { return };
            lane.end_stream = end;
            self.enter(id, direction);
            let status = self.filter_headers(id, index, direction, end);
            self.leave(id, direction);
            if self.aborted(id, direction) {
                return;
            }
            let Some(lane) = self.lane(id, index, direction) else { return };
            match status {
                HeadersStatus::Continue => lane.headers_continued = true,
                HeadersStatus::StopIteration => lane.iteration = Iteration::StopSingle,
                HeadersStatus::StopAllBuffer => lane.iteration = Iteration::StopAllBuffer,
                HeadersStatus::StopAllWatermark => lane.iteration = Iteration::StopAllWatermark,
            }
            if status != HeadersStatus::Continue {
                return;
            }
        }
        self.deliver_headers(id, direction, end);
    }

    pub(crate) fn pass_data(&mut self, id: RequestId, direction: Direction, entry: Entry, data: Vec<u8>, end: bool) {
        let (mut data, mut end) = (data, end);
        let had_trailers = self.stream(id).is_some_and(|s| s.flow_ref(direction).trailers.is_some());
        let mut trailers_added_by = None;
        for index in self.path(id, direction, entry, true) {
            let Some(stream) = self.live(id, direction) else { return };
            let has_trailers = stream.flow_ref(direction).trailers.is_some();
            let Some(filter) = stream.filters.get_mut(index) else { return };
            let lane = filter.lane(direction);
            if lane.stopped_all() {
                let streaming = lane.iteration == Iteration::StopAllWatermark;
                self.buffer(id, direction, &data, streaming);
                return;
            }
            if lane.end_stream {
                return;
            }
            lane.end_stream = end && !has_trailers;
            self.enter(id, direction);
            let status = self.filter_data(id, index, direction, &mut data);
            self.leave(id, direction);
            if self.aborted(id, direction) {
                return;
            }
            let has_trailers = self.stream(id).is_some_and(|s| s.flow_ref(direction).trailers.is_some());
            if !had_trailers && has_trailers && trailers_added_by.is_none() {
                end = false;
                trailers_added_by = Some(index);
            }
            if !self.after_data(id, index, direction, status, &mut data) {
                self.trailers_of(id, direction, trailers_added_by);
                return;
            }
        }
        self.deliver_data(id, direction, &data, end);
        self.trailers_of(id, direction, trailers_added_by);
    }

    /// Trailers a filter added at the end of the body go on to the filters after it.
    fn trailers_of(&mut self, id: RequestId, direction: Direction, added_by: Option<usize>) {
        if let Some(filter) = added_by {
            let stopped = self.lane(id, filter, direction).is_none_or(|l| l.iteration != Iteration::Continue);
            if !stopped {
                self.pass_trailers(id, direction, Entry::After(filter));
            }
        }
    }

    pub(crate) fn pass_trailers(&mut self, id: RequestId, direction: Direction, entry: Entry) {
        for index in self.path(id, direction, entry, true) {
            let Some(lane) = self.lane(id, index, direction) else { return };
            if lane.stopped_all() {
                return;
            }
            self.enter(id, direction);
            let status = self.filter_trailers(id, index, direction);
            self.leave(id, direction);
            let Some(lane) = self.lane(id, index, direction) else { return };
            lane.end_stream = true;
            if self.aborted(id, direction) {
                return;
            }
            let Some(lane) = self.lane(id, index, direction) else { return };
            match (status, lane.iteration) {
                (TrailersStatus::Continue, Iteration::StopSingle) => {
                    self.resume(id, index, direction);
                    return;
                }
                (TrailersStatus::Continue, _) => {}
                (TrailersStatus::Stop, Iteration::Continue) => {
                    lane.iteration = Iteration::StopSingle;
                    return;
                }
                (TrailersStatus::Stop, _) => return,
            }
        }
        self.deliver_trailers(id, direction);
    }

    /// Whether the data goes on to the next filter in this pass.
    fn after_data(
        &mut self,
        id: RequestId,
        index: usize,
        direction: Direction,
        status: DataStatus,
        data: &mut Vec<u8>,
    ) -> bool {
        let Some(lane) = self.lane(id, index, direction) else { return false };
        if status == DataStatus::Continue {
            if lane.iteration == Iteration::StopSingle {
                self.buffer(id, direction, &std::mem::take(data), false);
                self.resume(id, index, direction);
                return false;
            }
            return true;
        }
        lane.iteration = Iteration::StopSingle;
        match status {
            DataStatus::StopAndBuffer => self.buffer(id, direction, &std::mem::take(data), false),
            DataStatus::StopAndWatermark => self.buffer(id, direction, &std::mem::take(data), true),
            DataStatus::StopNoBuffer | DataStatus::Continue => {
                if let Some(flow) = self.live(id, direction).map(|s| s.flow(direction))
                    && flow.ended
                    && flow.trailers.is_none()
                {
                    flow.buffered.get_or_insert_default();
                }
            }
        }
        false
    }

    /// Adds to the chain's buffer. Above the limit: 413 for a request, 500 or a cut for a response.
    pub(crate) fn buffer(&mut self, id: RequestId, direction: Direction, data: &[u8], streaming: bool) {
        let limit = self.world.buffer_limit;
        let Some(stream) = self.live(id, direction) else { return };
        let flow = stream.flow(direction);
        flow.streaming = streaming;
        let buffer = flow.buffered.get_or_insert_default();
        buffer.extend_from_slice(data);
        if limit == 0 || buffer.len() <= limit || flow.streaming || flow.too_large {
            return;
        }
        flow.too_large = true;
        self.too_large(id, direction);
    }

    /// Envoy's `commonContinue`: lets go of what a filter held, to the filters after it.
    pub(crate) fn resume(&mut self, id: RequestId, index: usize, direction: Direction) {
        let Some(stream) = self.live(id, direction) else { return };
        let flow = stream.flow(direction);
        let (ended, trailers, buffered) = (flow.ended, flow.trailers.is_some(), flow.buffered.is_some());
        let Some(filter) = stream.filters.get_mut(index) else { return };
        let lane = filter.lane(direction);
        if lane.stopped_all() {
            lane.from_current = true;
        }
        lane.iteration = Iteration::Continue;
        if !lane.headers_continued {
            lane.headers_continued = true;
            self.pass_headers(id, direction, Entry::After(index), ended && !buffered && !trailers);
        }
        if let Some(data) = self.live(id, direction).and_then(|s| s.flow(direction).buffered.take()) {
            self.pass_data(id, direction, Entry::After(index), data, ended && !trailers);
        }
        if trailers {
            self.pass_trailers(id, direction, Entry::After(index));
        }
        if let Some(lane) = self.lane(id, index, direction) {
            lane.from_current = false;
        }
    }

    fn deliver_headers(&mut self, id: RequestId, direction: Direction, end: bool) {
        let now = self.world.clock.now;
        let Some(stream) = self.live(id, direction) else { return };
        let headers = stream.flow_ref(direction).headers.clone().unwrap_or_default();
        let head = stream.request.headers.as_ref().and_then(|h| h.get(":method")) == Some(b"HEAD");
        let mut seen = Seen::begin(headers, now);
        match direction {
            Direction::Request => stream.upstream = Some(seen),
            Direction::Response => {
                seen.bodiless = head || matches!(seen.status(), 204 | 304);
                stream.downstream = Some(seen);
            }
        }
        if end {
            self.deliver_end(id, direction);
        }
    }

    fn deliver_data(&mut self, id: RequestId, direction: Direction, data: &[u8], end: bool) {
        let now = self.world.clock.now;
        let Some(stream) = self.live(id, direction) else { return };
        if let Some(seen) = seen(stream, direction) {
            seen.data(data, now);
        }
        if end {
            self.deliver_end(id, direction);
        }
    }

    fn deliver_trailers(&mut self, id: RequestId, direction: Direction) {
        let Some(stream) = self.live(id, direction) else { return };
        let trailers = stream.flow_ref(direction).trailers.clone();
        if let Some(seen) = seen(stream, direction) {
            seen.trailers = trailers;
        }
        self.deliver_end(id, direction);
    }

    fn deliver_end(&mut self, id: RequestId, direction: Direction) {
        let now = self.world.clock.now;
        let Some(stream) = self.live(id, direction) else { return };
        if let Some(seen) = seen(stream, direction) {
            seen.ended_at = Some(now);
        }
        if direction == Direction::Response {
            self.end_stream(id, crate::stream::End::Complete);
        }
    }

    pub(crate) fn stream(&mut self, id: RequestId) -> Option<&mut Stream> {
        self.world.streams.get_mut(&id)
    }

    /// The stream, while frames can still move that way.
    pub(crate) fn live(&mut self, id: RequestId, direction: Direction) -> Option<&mut Stream> {
        self.stream(id).filter(|s| !s.stopped(direction))
    }

    pub(crate) fn lane(&mut self, id: RequestId, index: usize, direction: Direction) -> Option<&mut Lane> {
        Some(self.live(id, direction)?.filters.get_mut(index)?.lane(direction))
    }

    fn enter(&mut self, id: RequestId, direction: Direction) {
        if let Some(stream) = self.stream(id) {
            *stream.running(direction) += 1;
        }
    }

    fn leave(&mut self, id: RequestId, direction: Direction) {
        if let Some(stream) = self.stream(id) {
            *stream.running(direction) -= 1;
        }
    }

    /// Whether a callback ended this direction; the reply it prepared is sent now.
    fn aborted(&mut self, id: RequestId, direction: Direction) -> bool {
        let Some(stream) = self.stream(id) else { return true };
        let stopped = stream.stopped(direction);
        if direction == Direction::Request
            && stream.decoding == 0
            && let Some(reply) = stream.prepared.take()
        {
            self.send_through_chain(id, &reply);
        }
        stopped
    }
}

fn seen(stream: &mut Stream, direction: Direction) -> Option<&mut Seen> {
    match direction {
        Direction::Request => stream.upstream.as_mut(),
        Direction::Response => stream.downstream.as_mut(),
    }
}
