//! The state of one HTTP stream in the filter chain: Envoy's `FilterManager` and the wasm filter's
//! `Context`, as data. What moves it is in [`crate::drive`].

use std::collections::BTreeMap;

use crate::abi::Direction;
use crate::clock::Instant;
use crate::header_map::HeaderMap;
use crate::outcome::{LocalReply, Outcome, Seen};
use crate::request::{Connection, Request, RequestId};
use crate::vm::VmId;

/// Whether a filter lets frames through to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    #[default]
    Continue,
    /// The filter holds headers or data; it still gets data callbacks.
    StopSingle,
    /// Data is kept for the filter and not shown to it. Over the limit: 413 or 500.
    StopAllBuffer,
    /// As [`Iteration::StopAllBuffer`], but over the limit the sender is told to wait.
    StopAllWatermark,
}

/// One filter's place in one direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) iteration: Iteration,
    pub(crate) headers_continued: bool,
    pub(crate) from_current: bool,
    pub(crate) end_stream: bool,
    /// Whether the filter can still reach the headers; gone once it has let them pass.
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    /// The chunk in the filter's hands, inside a body callback.
    pub(crate) data: Vec<u8>,
    /// Whether the filter can still reach that chunk.
    pub(crate) data_open: bool,
    /// The filter asked for buffering: it sees the buffer instead of the chunk.
    pub(crate) buffering: bool,
}

impl Lane {
    pub(crate) fn stopped_all(&self) -> bool {
        matches!(self.iteration, Iteration::StopAllBuffer | Iteration::StopAllWatermark)
    }
}

/// One filter of the chain on one stream.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) plugin: usize,
    /// `None`: the VM had failed before the stream came.
    pub(crate) vm: Option<VmId>,
    pub(crate) context: u32,
    pub(crate) created: bool,
    pub(crate) destroyed: bool,
    /// Left out of the chain: its VM had failed and the policy is to let requests pass.
    pub(crate) absent: bool,
    pub(crate) failure_reply_sent: bool,
    pub(crate) logging: bool,
    pub(crate) request: Lane,
    pub(crate) response: Lane,
}

impl Filter {
    pub(crate) fn new(plugin: usize, vm: Option<VmId>, context: u32, absent: bool) -> Self {
        Self {
            plugin,
            vm,
            context,
            created: false,
            destroyed: false,
            absent,
            failure_reply_sent: false,
            logging: false,
            request: Lane::default(),
            response: Lane::default(),
        }
    }

    pub(crate) fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    pub(crate) fn lane_ref(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }
}

/// A message on its way through the chain.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) buffered: Option<Vec<u8>>,
    /// The filter that last buffered takes back-pressure instead of an error.
    pub(crate) streaming: bool,
    /// The whole message has arrived at the chain.
    pub(crate) ended: bool,
    pub(crate) too_large: bool,
}

/// A response made here rather than upstream.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) grpc_status: Option<u32>,
    pub(crate) details: String,
}

impl Reply {
    pub(crate) fn by_envoy(status: u16, body: &str, details: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            grpc_status: None,
            details: details.to_owned(),
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Reset,
    Disconnected,
}

/// Fuel burnt on behalf of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fuel {
    /// All of it.
    pub total: u64,
    /// The largest single call's.
    pub largest_call: u64,
    /// How many calls into the VM.
    pub calls: u64,
}

impl Fuel {
    pub(crate) fn add(&mut self, fuel: u64) {
        self.total += fuel;
        self.largest_call = self.largest_call.max(fuel);
        self.calls += 1;
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: RequestId,
    pub(crate) request: Flow,
    pub(crate) response: Flow,
    pub(crate) filters: Vec<Filter>,
    /// Waits for the filter callback that is running to return. The first one made counts.
    pub(crate) prepared: Option<Reply>,
    pub(crate) decoding: u32,
    pub(crate) encoding: u32,
    pub(crate) decoder_aborted: bool,
    pub(crate) encoder_aborted: bool,
    pub(crate) replied_locally: bool,
    pub(crate) end: Option<End>,
    pub(crate) details: Option<String>,
    pub(crate) upstream: Option<Seen>,
    pub(crate) downstream: Option<Seen>,
    pub(crate) upstream_answered: bool,
    pub(crate) started: Instant,
    pub(crate) protocol: String,
    pub(crate) connection: Connection,
    pub(crate) properties: BTreeMap<Vec<String>, Option<Vec<u8>>>,
    pub(crate) filter_state: BTreeMap<String, FilterStateValue>,
    pub(crate) route_cache_clears: u32,
    pub(crate) received: u64,
    pub(crate) fuel: Fuel,
}

/// One entry of the filter state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterStateValue {
    pub(crate) bytes: Vec<u8>,
    pub(crate) readonly: bool,
}

impl Stream {
    pub(crate) fn new(id: RequestId, request: &Request, filters: Vec<Filter>, now: Instant) -> Self {
        Self {
            id,
            request: Flow::default(),
            response: Flow::default(),
            filters,
            prepared: None,
            decoding: 0,
            encoding: 0,
            decoder_aborted: false,
            encoder_aborted: false,
            replied_locally: false,
            end: None,
            details: None,
            upstream: None,
            downstream: None,
            upstream_answered: false,
            started: now,
            protocol: request.protocol.clone(),
            connection: Connection { id: request.connection.id.or(Some(id.0.into())), ..request.connection.clone() },
            properties: request.properties.clone(),
            filter_state: BTreeMap::new(),
            route_cache_clears: 0,
            received: 0,
            fuel: Fuel::default(),
        }
    }

    pub(crate) fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    pub(crate) fn flow_ref(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(crate) fn running(&mut self, direction: Direction) -> &mut u32 {
        match direction {
            Direction::Request => &mut self.decoding,
            Direction::Response => &mut self.encoding,
        }
    }

    /// Whether nothing may go further in that direction.
    pub(crate) fn stopped(&self, direction: Direction) -> bool {
        self.end.is_some()
            || match direction {
                Direction::Request => self.decoder_aborted,
                Direction::Response => self.encoder_aborted,
            }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let upstream = self.upstream.clone();
        let details = self.details.clone().unwrap_or_default();
        match (self.end, &self.downstream, upstream) {
            (Some(End::Disconnected), _, upstream) => Outcome::Disconnected { upstream },
            (Some(End::Reset), _, upstream) => Outcome::Reset { details, upstream },
            (_, Some(seen), upstream) if self.replied_locally => {
                Outcome::LocalReply(LocalReply { seen: seen.clone(), details, upstream })
            }
            (_, _, None) => Outcome::Held,
            (_, _, Some(seen)) => match seen.length_mismatch() {
                Some(mismatch) => Outcome::LengthMismatch(mismatch, seen),
                None => Outcome::Forwarded(seen),
            },
        }
    }
}
