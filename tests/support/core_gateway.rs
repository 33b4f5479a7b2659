//! The core alone: no host, no module, every callout answered by the development issuers in the same breath.

use std::collections::VecDeque;

use actgate::dev::issuer::http::UnixSeconds as IssuerTime;
use actgate::dev::issuer::set::IssuerSet;
use actgate::dev::world::World;
use actgate_core::config::Config;
use actgate_core::flight::{Callout, CalloutAnswer, Landing, RootStep};
use actgate_core::flow::{BodyStep, BodyVerdict, Joined, Reading, ResponseHead, ResponseStep, handle_request_headers};
use actgate_core::plugin::Plugin;
use actgate_core::request::{Ambient, Headers, Peer, RequestHead, StreamId};
use actgate_core::sharing::{NothingShared, SharedData};
use actgate_core::signatures::InGuest;
use actgate_core::step::{BodyEdit, BodyPlan, Forward, HeaderEdits, Observed, Reply, ResponsePlan, Step};
use actgate_core::time::UnixSeconds;
use serde_json::Value;

use crate::answer::UpstreamAnswer;
use crate::gateway::{Gateway, Observation, Request, Seen};
use crate::peer;
use crate::recording::{Answered, Call, hex};

/// One worker without a host.
pub struct CoreGateway {
    plugin: Plugin,
    shared: Box<dyn SharedData>,
    issuers: IssuerSet,
    world: World,
    now: u64,
    drawn: u128,
    next_stream: u32,
    upstream_status: u16,
    upstream_answer: Option<UpstreamAnswer>,
    records: Vec<String>,
    calls: Vec<Call>,
}

impl CoreGateway {
    /// A worker with the configuration `document` in the world `world`.
    pub fn new(world: &World, document: &Value, now: u64) -> Result<Self, String> {
        Self::sharing(world, document, now, Box::new(NothingShared))
    }

    /// The same, with that shared data.
    pub fn sharing(world: &World, document: &Value, now: u64, shared: Box<dyn SharedData>) -> Result<Self, String> {
        let environment = world.environment();
        let env = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let config = Config::from_json(document.to_string().as_bytes(), &env)
            .and_then(|config| config.loaded_at(UnixSeconds::new(now)))
            .map_err(|error| error.to_string())?;
        let mut plugin = Plugin::new(config);
        plugin.share(shared.as_ref());
        Ok(Self {
            plugin,
            shared,
            issuers: world.issuer_set(),
            world: world.clone(),
            now,
            drawn: 0,
            next_stream: 0,
            upstream_status: 200,
            upstream_answer: None,
            records: Vec::new(),
            calls: Vec::new(),
        })
    }

    /// Every decision and event so far, as it would be logged.
    pub fn records(&self) -> &[String] {
        &self.records
    }

    /// Every call so far, and what it was answered.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The issuers, to look at what was asked of them.
    pub fn issuers(&mut self) -> &mut IssuerSet {
        &mut self.issuers
    }

    fn handle<T>(&mut self, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> T {
        let drawn = &mut self.drawn;
        let mut draw = || {
            *drawn += 1;
            drawn.to_be_bytes()
        };
        let mut ambient = Ambient {
            now: UnixSeconds::new(self.now),
            draw: &mut draw,
            signatures: &InGuest,
            shared: self.shared.as_ref(),
            address: &|| None,
        };
        event(&mut self.plugin, &mut ambient)
    }

    /// Ticks and answers until `stream` is told something.
    fn fly(&mut self, stream: StreamId) -> Landing {
        for _tick in 0..10 {
            let step = self.handle(|plugin, ambient| plugin.handle_tick(ambient));
            let mut landings = self.carry_out(step);
            if let Some(told) = landings.iter().position(|(who, _)| *who == stream) {
                return landings.swap_remove(told).1;
            }
        }
        panic!("ten ticks told stream {stream:?} nothing");
    }

    /// Makes the calls of `step` and those that follow from their answers; returns whom to tell what.
    fn carry_out(&mut self, step: RootStep) -> Vec<(StreamId, Landing)> {
        let mut steps = VecDeque::from([step]);
        let mut told = Vec::new();
        while let Some(step) = steps.pop_front() {
            let RootStep { calls, landings, events } = step;
            self.records.extend(events.iter().map(|event| event.to_json()));
            told.extend(landings);
            for call in calls {
                steps.push_back(self.answer(&call));
            }
        }
        told
    }

    fn answer(&mut self, call: &Callout) -> RootStep {
        let pseudo = |name: &str| {
            call.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let headers: Vec<(String, String)> =
            call.all_headers().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let answer = self.issuers.answer(
            &cluster_issuer(&call.cluster),
            &pseudo(":method"),
            &pseudo(":path"),
            &headers,
            call.body.expose().as_bytes(),
            IssuerTime(self.now),
        );
        self.calls.push(Call {
            cluster: call.cluster.to_string(),
            headers,
            body: call.body.expose().clone(),
            answer: answer.as_ref().map(|answer| Answered {
                status: answer.status,
                headers: answer.headers.clone(),
                body: hex(&answer.body),
                delay_ms: answer.delay_ms,
            }),
        });
        let flight = call.flight;
        match answer {
            // What the host's own time-out makes of an answer that comes too late.
            Some(answer) if answer.delay_ms > u64::from(call.timeout.get()) => self.handle(|plugin, ambient| {
                let late = CalloutAnswer::response(504, Some(b"text/plain"), b"upstream request timeout");
                plugin.handle_answer(flight, late, ambient)
            }),
            Some(answer) => self.handle(|plugin, ambient| {
                let content_type = answer.header("content-type").map(str::as_bytes);
                let nonce = answer.header("dpop-nonce").map(str::as_bytes);
                let answer = CalloutAnswer::response(answer.status, content_type, &answer.body).with_nonce(nonce);
                plugin.handle_answer(flight, answer, ambient)
            }),
            None => self.handle(|plugin, ambient| plugin.handle_answer(flight, CalloutAnswer::Failed, ambient)),
        }
    }

    fn perform(&mut self, request: &Request, stream: StreamId, mut step: Step) -> Observation {
        let body = request.body.clone().unwrap_or_default();
        loop {
            step = match step {
                Step::ReadBody { limit, then } if body.len() > limit => {
                    self.handle(|_, ambient| then.handle_too_large(ambient))
                }
                Step::ReadBody { then, .. } => self.handle(|plugin, ambient| then.handle_body(plugin, ambient, &body)),
                Step::Join { then, .. } => self.land(stream, then),
                Step::Observed(observed) => return self.observed(request, *observed),
                Step::Forward(forward) => return self.forward(request, *forward),
                Step::Reply(reply) => return self.reply(&reply, None),
            };
        }
    }

    fn land(&mut self, stream: StreamId, then: Joined) -> Step {
        let landing = self.fly(stream);
        self.handle(|plugin, ambient| then.handle_landing(plugin, ambient, &landing))
    }

    fn forward(&mut self, request: &Request, forward: Forward) -> Observation {
        self.records.push(forward.record.to_json());
        let headers = edited(request, &forward.edits);
        let mut body = request.body.clone().unwrap_or_default();
        let mut plan = forward.response;
        if let BodyPlan::Replace(edit) = &forward.body {
            replace(&mut body, edit);
        }
        if let BodyPlan::HoldUntil { limit, then } = forward.body {
            let (verdict, found) = if body.len() > limit {
                (then.handle_too_large(), None)
            } else {
                self.handle(|plugin, ambient| then.handle_body(plugin, ambient, &body, &mut plan))
            };
            self.records.extend(found.map(|event| event.to_json()));
            match verdict {
                BodyVerdict::Release => {}
                BodyVerdict::Replace(edit) => replace(&mut body, &edit),
                BodyVerdict::Reply(reply) => return self.reply(&reply, None),
            }
        }
        self.answer_of_upstream(&mut plan, Some(Seen { headers, body }))
    }

    fn observed(&mut self, request: &Request, observed: Observed) -> Observation {
        self.records.push(observed.record.to_json());
        let headers = edited(request, &observed.edits);
        let seen = Seen { headers, body: request.body.clone().unwrap_or_default() };
        let mut plan = observed.response;
        self.answer_of_upstream(&mut plan, Some(seen))
    }

    /// The upstream's answer, piece by piece, as the adapter passes it on.
    fn answer_of_upstream(&mut self, plan: &mut ResponsePlan, seen: Option<Seen>) -> Observation {
        let status = self.upstream_status;
        let said = self.upstream_answer.as_ref().zip(seen.as_ref()).map(|(said, seen)| said.to(&seen.headers));
        let mut headers = said.as_ref().map_or_else(Vec::new, UpstreamAnswer::all_headers);
        let pieces = said.as_ref().map_or_else(|| vec![EMPTY_RESULT.to_vec()], UpstreamAnswer::bytes);
        if said.is_none() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let pairs: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = ResponseHead { status: Some(status), headers: &pairs, end_of_stream: pieces.is_empty() };
        let step = self.handle(|plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head));
        self.tell(plan);
        if let ResponseStep::Reply(reply) = step {
            return self.reply(&reply, seen);
        }
        headers.retain(|(name, _)| plan.response_headers_to_remove().all(|removed| removed != name));
        for (name, value) in plan.response_headers_to_replace().chain([plan.transaction_header()]) {
            headers.retain(|(key, _)| key != name);
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut body = Vec::new();
        let pieces = match plan.reading() {
            Reading::Whole { .. } => vec![pieces.concat()],
            Reading::Not | Reading::Pieces => pieces,
        };
        for (at, piece) in pieces.iter().enumerate() {
            let step = match plan.reading() {
                Reading::Whole { limit } if piece.len() > limit => plan.handle_response_too_large(),
                Reading::Whole { .. } | Reading::Pieces | Reading::Not => {
                    plan.handle_response_body(piece, at + 1 == pieces.len())
                }
            };
            self.tell(plan);
            match step {
                BodyStep::Pass => body.extend(piece),
                BodyStep::Replace(bytes) => body.extend(bytes),
                BodyStep::Withdraw { bytes, record } => {
                    self.records.push(record.to_json());
                    body.extend(bytes);
                }
                BodyStep::Reply(reply) => return self.reply(&reply, seen),
            }
        }
        let trailers = said.map(|said| said.trailers).unwrap_or_default();
        let pairs: Vec<(&[u8], &[u8])> =
            trailers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let removed = plan.trailers_to_remove(&pairs);
        self.tell(plan);
        headers.extend(trailers.into_iter().filter(|(name, _)| !removed.contains(name)));
        Observation { status, headers, body, upstream: seen }
    }

    fn tell(&mut self, plan: &mut ResponsePlan) {
        self.records.extend(plan.take_events().iter().map(|event| event.to_json()));
    }

    fn reply(&mut self, reply: &Reply, upstream: Option<Seen>) -> Observation {
        self.records.push(reply.record.to_json());
        Observation {
            status: reply.status,
            headers: reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: reply.body.clone(),
            upstream,
        }
    }
}

fn edited(request: &Request, edits: &HeaderEdits) -> Vec<(String, String)> {
    let mut headers = vec![(":path".to_owned(), request.path.clone())];
    headers.extend(request.headers.iter().cloned());
    for name in edits.removals() {
        headers.retain(|(key, _)| key != name);
    }
    for (name, value) in edits.replacements() {
        headers.retain(|(key, _)| key != name);
        headers.push((name.to_owned(), value.expose().clone()));
    }
    headers
}

const EMPTY_RESULT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

fn replace(body: &mut Vec<u8>, edit: &BodyEdit) {
    body.splice(..edit.take, edit.put.iter().copied());
}

/// Clusters are named after the issuers.
fn cluster_issuer(cluster: &str) -> String {
    cluster.to_owned()
}

impl Gateway for CoreGateway {
    fn name(&self) -> &'static str {
        "the core"
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn advance(&mut self, seconds: u64) -> bool {
        self.now += seconds;
        // A host ticks on, whether requests come or not.
        let step = self.handle(|plugin, ambient| plugin.handle_tick(ambient));
        self.carry_out(step);
        true
    }

    fn order(&mut self, issuer: &str, word: &str) {
        let word = word.parse().expect("a misbehaviour");
        self.issuers.get_mut(issuer).expect("an issuer").misbehave(word);
    }

    fn behave(&mut self) {
        for name in ["idp", "ras-knowledge", "ras-auroradb"] {
            if let Some(issuer) = self.issuers.get_mut(name) {
                issuer.behave();
            }
        }
    }

    fn upstream_answers(&mut self, status: u16) {
        self.upstream_status = status;
    }

    fn last_record(&mut self) -> Option<Value> {
        let decision = self.records.iter().rev().find(|record| record.contains("\"decision\":"));
        decision.and_then(|record| serde_json::from_str(record).ok())
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        self.upstream_answer = answer.cloned();
    }

    fn send(&mut self, request: &Request) -> Observation {
        self.next_stream += 1;
        let stream = StreamId(self.next_stream);
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", request.method.as_bytes()),
            (b":path", request.path.as_bytes()),
            (b":authority", request.host.as_bytes()),
            (b":scheme", b"https"),
        ];
        // Envoy joins what is sent twice under these names.
        let authorization = join(&request.headers, "authorization");
        headers.extend(authorization.iter().map(|value| (b"authorization".as_slice(), value.as_bytes())));
        headers.extend(
            request
                .headers
                .iter()
                .filter(|(name, _)| name != "authorization")
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
        let uri_san = request.peer.as_deref().map(|peer| peer::uri_san(&self.world, peer));
        let certificate = request.peer.as_deref().map(|peer| peer::certificate_sha256(&self.world, peer));
        let head = RequestHead {
            stream,
            headers: Headers::of(&headers),
            peer: Peer { uri_san: uri_san.as_deref(), certificate_sha256: certificate },
            end_of_stream: request.body.is_none(),
        };
        let step = self.handle(|plugin, ambient| handle_request_headers(plugin, ambient, &head));
        self.perform(request, stream, step)
    }
}

fn join(headers: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<&str> = headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(","))
}
