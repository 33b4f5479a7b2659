//! Performing the one step that the core returned. Edits first, release last.

use proxy_wasm::types::Action;

use actgate_core::flight::FlightId;
use actgate_core::flow::Joined;
use actgate_core::rejection::Rejection;
use actgate_core::step::{BodyPlan, Forward, HeaderEdits, Observed, Reply, Step};

use crate::host::{self, Map, Refused};
use crate::report;
use crate::worker::{Stage, Worker};

impl Worker {
    /// Performs `step` for `stream`, whose context must be the effective one.
    ///
    /// `Continue` releases what is held; the caller returns it from the callback or resumes the stream.
    pub(crate) fn perform(&self, stream: u32, step: Step) -> Action {
        match step {
            Step::ReadBody { limit, then } => {
                self.put(stream, Stage::Reading { limit, then });
                Action::Pause
            }
            Step::Join { flight, then } => self.wait(stream, flight, then, false),
            Step::Observed(observed) => self.observed(stream, *observed),
            Step::Forward(forward) => self.forward(stream, *forward),
            Step::Reply(reply) => self.reply(stream, &reply),
        }
    }

    /// Holds a request until `flight` lands; `body_complete` where its whole body came during an earlier wait.
    pub(crate) fn wait(&self, stream: u32, flight: FlightId, then: Joined, body_complete: bool) -> Action {
        self.put(stream, Stage::Waiting { flight, then, body_complete });
        self.keep_time();
        Action::Pause
    }

    fn forward(&self, stream: u32, forward: Forward) -> Action {
        let Forward { edits, body, response, record } = forward;
        if edit(&edits).is_err() {
            let reply = response.refuse(Rejection::Internal("host refused a header edit"));
            return self.reply(stream, &reply);
        }
        if let BodyPlan::Replace(edit) = &body
            && host::replace_start(host::Buffer::RequestBody, edit.take, &edit.put).is_err()
        {
            let reply = response.refuse(Rejection::Internal("host refused a body edit"));
            return self.reply(stream, &reply);
        }
        report::decision(self, &record);
        // The route may have been chosen by a header that has changed; a host without the function never cached it.
        let _ = host::call_foreign_function("clear_route_cache", &[]);
        self.put(
            stream,
            match body {
                BodyPlan::Release | BodyPlan::Replace(_) => Stage::Forwarded(response),
                BodyPlan::HoldUntil { limit, then } => Stage::Checking { limit, then, plan: response },
            },
        );
        Action::Continue
    }

    /// Lets an undecided request go on, because its resource observes: edits first here too.
    fn observed(&self, stream: u32, observed: Observed) -> Action {
        let Observed { edits, response, record, .. } = observed;
        if edit(&edits).is_err() {
            // Another target or an identity of the caller's own making must not reach the upstream.
            let reply = response.refuse(Rejection::Internal("host refused a header edit"));
            return self.reply(stream, &reply);
        }
        report::decision(self, &record);
        let _ = host::call_foreign_function("clear_route_cache", &[]);
        self.put(stream, Stage::Forwarded(response));
        Action::Continue
    }

    /// Answers downstream. The host sends it after this callback, whatever the callback returns; `Pause` suits every host.
    pub(crate) fn reply(&self, stream: u32, reply: &Reply) -> Action {
        report::decision(self, &reply.record);
        let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.put(stream, Stage::Replied);
        if host::send_local_response(reply.status, reply.details, &headers, &reply.body).is_err() {
            self.stop(stream);
        }
        Action::Pause
    }

    /// Refuses a request that cannot be decided on: without headers, configuration, clock or randomness there is nothing to go by.
    pub(crate) fn refuse_undecided(&self, stream: u32) -> Action {
        self.put(stream, Stage::Replied);
        let body = br#"{"error":"access_denied","code":"internal"}"#;
        let headers = [("content-type", "application/json")];
        if host::send_local_response(500, "internal", &headers, body).is_err() {
            self.stop(stream);
        }
        host::log(host::Level::Error, "actgate: a request that cannot be decided on is refused");
        Action::Pause
    }

    /// What cannot be answered is reset, and where that is refused too it is held for good.
    fn stop(&self, stream: u32) {
        self.put(stream, Stage::Stopped);
        let _ = host::reset_response();
        host::log(host::Level::Error, "actgate: the host sent no local reply; nothing more of this stream passes");
    }
}

fn edit(edits: &HeaderEdits) -> Result<(), Refused> {
    for name in edits.removals() {
        host::remove_header(Map::RequestHeaders, name)?;
    }
    for (name, value) in edits.replacements() {
        host::replace_header(Map::RequestHeaders, name, value.expose())?;
    }
    Ok(())
}
