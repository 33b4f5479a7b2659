//! The root's calls: dispatching what the core asks for, handing back what came, waking who waited.

use std::collections::VecDeque;

use proxy_wasm::hostcalls;
use proxy_wasm::types::Action;

use actgate_core::flight::{Callout, CalloutAnswer, FlightId, Landing, RootStep};
use actgate_core::flow::AwaitBody;
use actgate_core::limits::JWKS_BYTES_MAX;
use actgate_core::request::StreamId;
use actgate_core::step::Step;

use crate::host::{self, Buffer, Map};
use crate::report;
use crate::worker::{Stage, Worker};

impl Worker {
    /// Performs a step of the root. A call that cannot be dispatched is answered as failed at once, and what follows from that is performed too;
    /// it ends because the core tries no call more often than it may.
    pub(crate) fn perform_root(&self, step: RootStep) {
        let mut landings = Vec::new();
        let mut calls: VecDeque<Callout> = VecDeque::new();
        let mut next = Some(step);
        while let Some(step) = next.take() {
            for event in &step.events {
                report::event(self, event);
            }
            landings.extend(step.landings);
            calls.extend(step.calls);
            while let Some(call) = calls.pop_front() {
                let Err(flight) = self.dispatch(&call) else {
                    continue;
                };
                next = self.handle(|plugin, ambient| plugin.handle_answer(flight, CalloutAnswer::Failed, ambient));
                if next.is_some() {
                    break;
                }
            }
        }
        for (stream, landing) in landings {
            self.land(stream, &landing);
        }
        self.keep_time();
    }

    fn dispatch(&self, call: &Callout) -> Result<(), FlightId> {
        let headers = call.all_headers();
        let body = call.body.expose();
        let body = (!body.is_empty()).then_some(body.as_bytes());
        let timeout = core::time::Duration::from_millis(u64::from(call.timeout.get()));
        match hostcalls::dispatch_http_call(&call.cluster, headers, body, Vec::new(), timeout) {
            Ok(token) => {
                if let Ok(mut calls) = self.calls.try_borrow_mut() {
                    calls.insert(token, call.flight);
                }
                Ok(())
            }
            Err(_) => Err(call.flight),
        }
    }

    /// Takes the answer to the call of `token`.
    pub(crate) fn answered(&self, token: u32, header_count: usize, body_size: usize) {
        let flight = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&token));
        let Some(flight) = flight else {
            return;
        };
        let step = with_answer(header_count, body_size, |answer| {
            self.handle(|plugin, ambient| plugin.handle_answer(flight, answer, ambient))
        });
        if let Some(step) = step {
            self.perform_root(step);
        }
    }

    /// Wakes one stream. A stream that is gone is passed by: acting on would act on another one.
    fn land(&self, stream: StreamId, landing: &Landing) {
        let StreamId(id) = stream;
        if host::set_effective_context(id).is_err() {
            drop(self.take(id));
            return;
        }
        match self.take(id) {
            Some(Stage::Waiting { then, body_complete, .. }) => {
                let step = match self.handle(|plugin, ambient| then.handle_landing(plugin, ambient, landing)) {
                    Some(Step::ReadBody { limit, then }) if body_complete => self.read_held_body(limit, then),
                    step => step,
                };
                let action = match step {
                    // Nor is it announced after a second wait.
                    Some(Step::Join { flight, then }) => self.wait(id, flight, then, body_complete),
                    Some(step) => self.perform(id, step),
                    None => self.refuse_undecided(id),
                };
                if action == Action::Continue {
                    // Refused where the client has just left.
                    let _ = host::resume_request();
                }
            }
            // It waits no more: what it became meanwhile stays.
            Some(stage) => self.put(id, stage),
            None => {}
        }
        let _ = host::set_effective_context(self.root);
    }
}

impl Worker {
    /// Goes on with a body that was complete before anybody asked for it: the host will not announce it again.
    fn read_held_body(&self, limit: usize, then: AwaitBody) -> Option<Step> {
        // A host that holds none shows an empty one, which is refused.
        let body = host::buffer(Buffer::RequestBody, limit.saturating_add(1)).unwrap_or_default();
        if body.len() > limit {
            return self.handle(|_, ambient| then.handle_too_large(ambient));
        }
        self.handle(|plugin, ambient| then.handle_body(plugin, ambient, &body))
    }
}

/// Reads the answer out of the host for the length of `take`. A reset has no headers at all.
fn with_answer<T>(header_count: usize, body_size: usize, take: impl FnOnce(CalloutAnswer<'_>) -> T) -> T {
    if header_count == 0 {
        return take(CalloutAnswer::Failed);
    }
    let Ok(serialized) = host::header_map(Map::CalloutResponseHeaders) else {
        return take(CalloutAnswer::Failed);
    };
    // One byte past the largest answer that is read shows that it is too large; no more is copied in.
    let wanted = body_size.min(JWKS_BYTES_MAX.saturating_add(1));
    let body = if wanted == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::CalloutResponseBody, wanted) };
    let (Some(pairs), Ok(body)) = (host::pairs(&serialized), body) else {
        return take(CalloutAnswer::Failed);
    };
    let Some(status) = single(&pairs, b":status").and_then(parse_status) else {
        return take(CalloutAnswer::Failed);
    };
    let answer = CalloutAnswer::response(status, single(&pairs, b"content-type"), &body);
    take(answer.with_nonce(single(&pairs, b"dpop-nonce")))
}

fn single<'a>(pairs: &[(&[u8], &'a [u8])], name: &[u8]) -> Option<&'a [u8]> {
    let mut values = pairs.iter().filter(|(key, _)| *key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(*value)
}

fn parse_status(value: &[u8]) -> Option<u16> {
    core::str::from_utf8(value).ok()?.parse().ok()
}
