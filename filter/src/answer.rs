//! The upstream's answer on its way to the caller: edited, and read only where the plan of its request says so.

use proxy_wasm::types::Action;

use actgate_core::flow::{BodyStep, Reading, ResponseHead, ResponseStep};
use actgate_core::rejection::Rejection;
use actgate_core::request::Header;
use actgate_core::step::ResponsePlan;

use crate::host::{self, Buffer, Map};
use crate::report;
use crate::worker::{Stage, Worker};

impl Worker {
    /// The head of the answer to `stream`.
    pub(crate) fn answer_headers(&self, stream: u32, end_of_stream: bool) -> Action {
        let Some(mut stage) = self.take(stream) else {
            return Action::Continue;
        };
        if matches!(stage, Stage::Stopped) {
            self.put(stream, stage);
            return Action::Pause;
        }
        // The answer is our own, or the host's to a request that was never released.
        let Some(plan) = plan(&mut stage) else {
            self.put(stream, stage);
            return Action::Continue;
        };
        let serialized = if plan.reads_head() { host::header_map(Map::ResponseHeaders).ok() } else { None };
        let headers = serialized.as_deref().and_then(host::pairs).unwrap_or_default();
        let step = self.head_step(plan, &headers, end_of_stream);
        self.tell(plan);
        let action = match step {
            ResponseStep::Reply(reply) => return self.reply(stream, &reply),
            ResponseStep::Pass => Action::Continue,
            ResponseStep::Hold => Action::Pause,
        };
        if edit_head(plan, &headers).is_err() {
            let reply = plan.refusal(Rejection::Internal("the host refused to edit the head of an answer"));
            return self.reply(stream, &reply);
        }
        self.put(stream, stage);
        action
    }

    /// `headers` is empty where they were not read.
    fn head_step(&self, plan: &mut ResponsePlan, headers: &[Header<'_>], end_of_stream: bool) -> ResponseStep {
        let status = match headers.iter().find(|(name, _)| *name == b":status") {
            Some((_, value)) => number(value),
            None => host::header(Map::ResponseHeaders, ":status").ok().and_then(|value| number(&value)),
        };
        let head = ResponseHead { status, headers, end_of_stream };
        match self.handle(|plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head)) {
            Some(step) => step,
            None => ResponseStep::Reply(Box::new(plan.refusal(Rejection::Internal("an answer without a plugin")))),
        }
    }

    /// A piece of the answer's body is here, `size` bytes of it; of a held one, `size` bytes in all.
    pub(crate) fn answer_body(&self, stream: u32, size: usize, complete: bool) -> Action {
        let Some(mut stage) = self.take(stream) else {
            return Action::Continue;
        };
        if matches!(stage, Stage::Stopped) {
            self.put(stream, stage);
            return Action::Pause;
        }
        let step = match plan(&mut stage) {
            None => BodyStep::Pass,
            Some(plan) => match plan.reading() {
                Reading::Not => BodyStep::Pass,
                Reading::Whole { limit } if size > limit => plan.handle_response_too_large(),
                Reading::Whole { .. } if !complete => {
                    self.put(stream, stage);
                    return Action::Pause;
                }
                Reading::Whole { .. } | Reading::Pieces => match piece(size) {
                    Ok(bytes) => plan.handle_response_body(&bytes, complete),
                    Err(_) => plan.handle_response_too_large(),
                },
            },
        };
        if let Some(plan) = plan(&mut stage) {
            self.tell(plan);
        }
        self.put(stream, stage);
        self.perform_body(stream, size, step)
    }

    /// Trailers do not say how much is held before them.
    pub(crate) fn answer_trailers(&self, stream: u32) -> Action {
        let Some(mut stage) = self.take(stream) else {
            return Action::Continue;
        };
        if matches!(stage, Stage::Stopped) {
            self.put(stream, stage);
            return Action::Pause;
        }
        let Some(plan) = plan(&mut stage) else {
            self.put(stream, stage);
            return Action::Continue;
        };
        let reading = plan.reading();
        // No piece is left to read, and the host has no body in which anything could be replaced or to which anything could be added.
        let complete = !plan.is_holding_back();
        let clean = clean_trailers(plan).is_some();
        self.tell(plan);
        self.put(stream, stage);
        if !clean {
            return self.refuse_undecided(stream);
        }
        if !complete {
            host::log(
                host::Level::Error,
                "actgate: an answer ends in the beginning of a credential and in trailers; it is cut off",
            );
            return self.refuse_undecided(stream);
        }
        match reading {
            Reading::Not | Reading::Pieces => Action::Continue,
            Reading::Whole { limit } => {
                let held = host::buffer(Buffer::ResponseBody, limit.saturating_add(1)).map_or(0, |body| body.len());
                self.answer_body(stream, held, true)
            }
        }
    }

    fn tell(&self, plan: &mut ResponsePlan) {
        for event in plan.take_events() {
            report::event(self, &event);
        }
    }

    fn perform_body(&self, stream: u32, size: usize, step: BodyStep) -> Action {
        let bytes = match step {
            BodyStep::Pass => return Action::Continue,
            BodyStep::Reply(reply) => return self.reply(stream, &reply),
            BodyStep::Replace(bytes) => bytes,
            BodyStep::Withdraw { bytes, record } => {
                report::decision(self, &record);
                bytes
            }
        };
        if host::replace_start(Buffer::ResponseBody, size, &bytes).is_ok() {
            return Action::Continue;
        }
        host::log(host::Level::Error, "actgate: the host refused to replace a body; the answer is cut off");
        self.refuse_undecided(stream)
    }
}

fn number(value: &[u8]) -> Option<u16> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

/// Takes out of the head what the caller must not see, and puts in what it is told instead.
fn edit_head(plan: &ResponsePlan, headers: &[Header<'_>]) -> Result<(), host::Refused> {
    // What was read shows what is not there, and needs no call of the host's to go.
    let may_have =
        |ours: &&str| headers.is_empty() || headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(ours.as_bytes()));
    for name in plan.response_headers_to_remove().filter(may_have) {
        host::remove_header(Map::ResponseHeaders, name)?;
    }
    for (name, value) in plan.response_headers_to_replace() {
        host::replace_header(Map::ResponseHeaders, name, value)?;
    }
    let (name, value) = plan.transaction_header();
    let _ = host::replace_header(Map::ResponseHeaders, name, value);
    Ok(())
}

/// Takes out of the trailers what the caller must not see.
fn clean_trailers(plan: &mut ResponsePlan) -> Option<()> {
    if !plan.searches_trailers() {
        return Some(());
    }
    let serialized = host::header_map(Map::ResponseTrailers).ok()?;
    for name in plan.trailers_to_remove(&host::pairs(&serialized)?) {
        host::remove_header(Map::ResponseTrailers, &name).ok()?;
    }
    Some(())
}

fn plan(stage: &mut Stage) -> Option<&mut ResponsePlan> {
    match stage {
        // An upstream that answers before it has the body is heard, and the body stays held: the stage does not change.
        Stage::Forwarded(plan) | Stage::Checking { plan, .. } => Some(plan.as_mut()),
        Stage::Replied | Stage::Stopped | Stage::Reading { .. } | Stage::Waiting { .. } => None,
    }
}

fn piece(size: usize) -> Result<Vec<u8>, host::Refused> {
    if size == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::ResponseBody, size) }
}
