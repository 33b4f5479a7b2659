//! The host as the core knows it, with every rule it must keep checked on the way.
//!
//! Checked at every step: one outcome per stream; nobody is told twice or forgotten; no assertion is sent twice;
//! nothing goes upstream but with a token that was issued for this human, this server and this operation, and that has not ended;
//! no token in a record, an event or a reply; every bound.

use std::collections::{BTreeMap, BTreeSet};

use actgate_core::flight::{CalloutAnswer, FlightId, Landing, RootStep};
use actgate_core::flow::{
    AwaitBody, BodyVerdict, CheckBody, Joined, ResponseHead, ResponseStep, handle_request_headers,
};
use actgate_core::limits::{
    FLIGHT_SECONDS_MAX, FLIGHTS_MAX, ISSUED_TOKENS_MAX, KNOWN_TOKENS_MAX, WAITERS_PER_FLIGHT_MAX,
};
use actgate_core::plugin::Plugin;
use actgate_core::request::{Ambient, Headers, Peer, RequestHead, StreamId};
use actgate_core::sharing::NothingShared;
use actgate_core::step::{BodyPlan, Forward, Reply, ResponsePlan, Step};
use actgate_core::time::UnixSeconds;

use crate::issuers::{Answer, Call, Issuers};
use crate::world::{self, Options, START, Seals};

/// Servers whose keys may be fetched beside the flights that requests cause.
const SERVERS: usize = 3;

/// What a stream asked for, and what may come of it.
#[derive(Debug, Clone)]
pub struct Intent {
    /// True where everything about its headers is in order.
    pub sound: bool,
    /// The human.
    pub sub: String,
    /// The protected server whose token must go upstream; none where the caller's own goes on.
    pub resource: Option<&'static str>,
    /// When the inbound token ends.
    pub expires_at: u64,
    /// The operation, as far as it is known.
    pub operation: Option<&'static str>,
}

/// What a stream waits for.
#[derive(Debug)]
enum Waiting {
    Body(AwaitBody),
    Flight(FlightId, Joined),
    Held(CheckBody, Box<ResponsePlan>),
    Response(Box<ResponsePlan>),
}

#[derive(Debug)]
struct Stream {
    intent: Intent,
    waiting: Option<Waiting>,
    forwarded: bool,
    granted: BTreeSet<String>,
}

/// A worker and its host.
#[derive(Debug)]
pub struct Gateway {
    plugin: Plugin,
    /// The time.
    pub now: u64,
    drawn: u128,
    last_stream: u32,
    streams: BTreeMap<u32, Stream>,
    calls: Vec<Call>,
    issuers: Issuers,
    sent_once: BTreeSet<String>,
    /// How many requests were let through.
    pub forwarded: usize,
    /// The codes of the replies, in order.
    pub refused: Vec<&'static str>,
}

/// The scopes of an operation.
pub fn scopes_of(operation: &str) -> BTreeSet<String> {
    let scopes: &[&str] = match operation {
        "query" | "once" | "twice" | "(resource)" => &["tools:read"],
        "write" => &["tools:read", "tools:write"],
        "initialize" | "tools/list" => &["tools:list"],
        _ => &["no such scope"],
    };
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

impl Gateway {
    /// A fresh worker.
    pub fn new(options: Options) -> Self {
        Self {
            plugin: Plugin::new(world::config(options)),
            now: START,
            drawn: 0,
            last_stream: 0,
            streams: BTreeMap::new(),
            calls: Vec::new(),
            issuers: Issuers::default(),
            sent_once: BTreeSet::new(),
            forwarded: 0,
            refused: Vec::new(),
        }
    }

    /// Calls the core as its adapter does.
    pub(crate) fn ask<T>(&mut self, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> T {
        let drawn = &mut self.drawn;
        let mut draw = || {
            *drawn += 1;
            drawn.to_be_bytes()
        };
        let mut ambient = Ambient {
            now: UnixSeconds::new(self.now),
            draw: &mut draw,
            signatures: &Seals,
            shared: &NothingShared,
            address: &|| None,
        };
        event(&mut self.plugin, &mut ambient)
    }

    /// The streams that are open.
    pub fn open(&self) -> Vec<u32> {
        self.streams.keys().copied().collect()
    }

    /// How many calls are unanswered.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// A request arrives; its stream is named.
    pub fn request(
        &mut self,
        headers: &[(&[u8], &[u8])],
        peer: Option<&str>,
        end_of_stream: bool,
        intent: Intent,
    ) -> u32 {
        self.last_stream += 1;
        let id = self.last_stream;
        let head = RequestHead {
            stream: StreamId(id),
            headers: Headers::of(headers),
            peer: Peer { uri_san: peer, ..Peer::default() },
            end_of_stream,
        };
        self.streams.insert(id, Stream { intent, waiting: None, forwarded: false, granted: BTreeSet::new() });
        let step = self.ask(|plugin, ambient| handle_request_headers(plugin, ambient, &head));
        self.take(id, step);
        id
    }

    fn take(&mut self, id: u32, step: Step) {
        match step {
            Step::ReadBody { limit, then } => {
                assert!(limit > 0, "a body of nothing is asked for");
                self.wait(id, Waiting::Body(then));
            }
            Step::Join { flight, then } => self.wait(id, Waiting::Flight(flight, then)),
            Step::Observed(observed) => panic!("nothing here observes: {}", observed.record.to_json()),
            Step::Forward(forward) => self.forward(id, *forward),
            Step::Reply(reply) => self.reply(id, &reply),
        }
    }

    fn wait(&mut self, id: u32, waiting: Waiting) {
        let stream = self.streams.get_mut(&id).expect("an open stream");
        assert!(!stream.forwarded && stream.waiting.is_none(), "a stream waits for one thing at a time");
        stream.waiting = Some(waiting);
    }

    fn forward(&mut self, id: u32, forward: Forward) {
        let line = forward.record.to_json();
        unspoken(&self.issuers, &line);
        assert_eq!(forward.record.code(), "allowed", "{line}");
        self.forwarded += 1;
        let now = self.now;
        let stream = self.streams.get_mut(&id).expect("an open stream");
        assert!(!stream.forwarded && stream.waiting.is_none(), "one outcome per stream");
        assert!(stream.intent.sound, "let through: {line}");
        assert!(now < stream.intent.expires_at + 30, "let through after its token ended: {line}");
        stream.forwarded = true;
        let bearer = forward.edits.replacements().find(|(name, _)| *name == "authorization");
        let bearer = bearer.map(|(_, value)| value.expose().strip_prefix("Bearer ").unwrap_or_default().to_owned());
        assert_eq!(bearer.is_some(), stream.intent.resource.is_some(), "the wrong credential goes upstream");
        if let (Some(bearer), Some(resource)) = (bearer, stream.intent.resource) {
            let grant = self.issuers.grants.get(&bearer).unwrap_or_else(|| panic!("nobody issued that: {line}"));
            assert_eq!((grant.sub.as_str(), grant.resource.as_str()), (stream.intent.sub.as_str(), resource));
            assert!(now < grant.expires_at, "a token that has ended goes upstream: {line}");
            let needed = stream.intent.operation.map(scopes_of).unwrap_or_default();
            assert_eq!(grant.scopes, needed, "not the scopes of the operation: {line}");
            stream.granted.clone_from(&grant.scopes);
        }
        let plan = forward.response;
        stream.waiting = Some(match forward.body {
            BodyPlan::Release | BodyPlan::Replace(_) => Waiting::Response(plan),
            BodyPlan::HoldUntil { then, .. } => Waiting::Held(then, plan),
        });
    }

    fn reply(&mut self, id: u32, reply: &Reply) {
        unspoken(&self.issuers, &reply.record.to_json());
        // An answer repeats its request's `id`, whatever the caller wrote there.
        if reply.status == 202 {
            assert!(reply.body.is_empty(), "{reply:?}");
        } else {
            let mut body: serde_json::Value = serde_json::from_slice(&reply.body).expect("a reply is JSON");
            body.as_object_mut().expect("an object").remove("id");
            unspoken(&self.issuers, &body.to_string());
        }
        reply.headers.iter().for_each(|(_, value)| unspoken(&self.issuers, value));
        // A status of success is a refusal's only where a header says so.
        let marked = reply.headers.iter().any(|(name, code)| *name == "x-actgate-refused" && code == reply.details);
        let succeeds = [200, 202].contains(&reply.status);
        assert!(succeeds == marked && (succeeds || (400..600).contains(&reply.status)), "{reply:?}");
        assert_eq!(reply.details, reply.record.code());
        assert_ne!(reply.details, "internal", "{}", reply.record.to_json());
        assert!(self.streams.remove(&id).is_some(), "one outcome per stream");
        self.refused.push(reply.details);
    }

    /// The whole body of `id` arrives; none where it is too large. `operation` is what it names.
    pub fn body(&mut self, id: u32, body: Option<&[u8]>, operation: Option<&'static str>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match stream.waiting.take() {
            Some(Waiting::Body(then)) => {
                stream.intent.operation = operation;
                stream.intent.sound &= operation.is_some();
                let step = match body {
                    Some(body) => self.ask(|plugin, ambient| then.handle_body(plugin, ambient, body)),
                    None => self.ask(|_, ambient| then.handle_too_large(ambient)),
                };
                self.take(id, step);
            }
            Some(Waiting::Held(then, mut plan)) => {
                let (verdict, _) = match body {
                    Some(body) => self.ask(|plugin, ambient| then.handle_body(plugin, ambient, body, &mut plan)),
                    None => (then.handle_too_large(), None),
                };
                let stream = self.streams.get_mut(&id).expect("an open stream");
                match verdict {
                    BodyVerdict::Release | BodyVerdict::Replace(_) => {
                        let operation = operation.expect("a released body names an operation");
                        if stream.intent.resource.is_some() {
                            let needed = scopes_of(operation);
                            assert!(needed.is_subset(&stream.granted), "{operation} with {:?}", stream.granted);
                        }
                        stream.waiting = Some(Waiting::Response(plan));
                    }
                    BodyVerdict::Reply(reply) => self.reply(id, &reply),
                }
            }
            other => stream.waiting = other,
        }
    }

    /// The upstream answers.
    pub fn response(&mut self, id: u32, status: u16) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match stream.waiting.take() {
            Some(Waiting::Response(mut plan)) => {
                let head = ResponseHead { status: Some(status), headers: &[(b":status", b"-")], end_of_stream: true };
                match self.ask(|plugin, ambient| plan.handle_response_headers(plugin, ambient.now, &head)) {
                    ResponseStep::Reply(reply) => self.reply(id, &reply),
                    ResponseStep::Pass | ResponseStep::Hold => {
                        self.streams.remove(&id);
                    }
                }
            }
            other => stream.waiting = other,
        }
    }

    /// True where it was let through and is not answered yet.
    pub(crate) fn is_awaited(&self, id: u32) -> bool {
        self.streams.get(&id).is_some_and(|stream| matches!(stream.waiting, Some(Waiting::Response(_))))
    }

    /// Takes a stream that was let through, with what becomes of the answer to it.
    pub(crate) fn awaited_answer(&mut self, id: u32) -> Option<Box<ResponsePlan>> {
        match self.streams.remove(&id)?.waiting? {
            Waiting::Response(plan) => Some(plan),
            Waiting::Body(_) | Waiting::Flight(..) | Waiting::Held(..) => None,
        }
    }

    /// Searches what is said for tokens.
    pub(crate) fn hear(&self, text: &str) {
        unspoken(&self.issuers, text);
    }

    /// The stream is reset.
    pub fn gone(&mut self, id: u32) {
        if let Some(stream) = self.streams.remove(&id)
            && let Some(Waiting::Flight(flight, _)) = stream.waiting
        {
            self.plugin.handle_stream_gone(flight, StreamId(id));
        }
    }

    /// The timer of the host.
    pub fn tick(&mut self) {
        let step = self.ask(|plugin, ambient| plugin.handle_tick(ambient));
        self.root(step);
    }

    /// Takes a call off the list and answers it by `answer`.
    pub fn answer(&mut self, at: usize, answer: impl FnOnce(&mut Issuers, &Call, u64) -> Answer) {
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.remove(at % self.calls.len());
        let answer = answer(&mut self.issuers, &call, self.now);
        let step = self.ask(|plugin, ambient| {
            let answer = match answer.status {
                None => CalloutAnswer::Failed,
                Some(status) => CalloutAnswer::response(status, Some(answer.content_type.as_bytes()), &answer.body),
            };
            plugin.handle_answer(call.flight, answer, ambient)
        });
        self.root(step);
    }

    fn root(&mut self, step: RootStep) {
        let RootStep { calls, landings, events } = step;
        events.iter().for_each(|event| unspoken(&self.issuers, &event.to_json()));
        for callout in &calls {
            assert!(callout.timeout.get() > 0, "the host would wait for ever");
            let call = Call::of(callout);
            for spent in ["assertion", "client_assertion"] {
                if let Some(value) = call.form.get(spent) {
                    assert!(self.sent_once.insert(value.clone()), "{spent} is sent again");
                }
            }
            self.calls.push(call);
        }
        for (stream, landing) in landings {
            self.land(stream.0, &landing);
        }
    }

    fn land(&mut self, id: u32, landing: &Landing) {
        let stream = self.streams.get_mut(&id).expect("only open streams are told");
        let Some(Waiting::Flight(_, then)) = stream.waiting.take() else {
            panic!("a stream is told what it does not wait for");
        };
        let step = self.ask(|plugin, ambient| then.handle_landing(plugin, ambient, landing));
        self.take(id, step);
    }

    /// Nothing is held beyond its bound.
    pub fn check_bounds(&self) {
        assert!(self.plugin.issued_tokens() <= ISSUED_TOKENS_MAX);
        assert!(self.plugin.known_tokens() <= KNOWN_TOKENS_MAX);
        let mut waiters: BTreeMap<FlightId, usize> = self.calls.iter().map(|call| (call.flight, 0)).collect();
        for stream in self.streams.values() {
            if let Some(Waiting::Flight(flight, _)) = &stream.waiting {
                *waiters.entry(*flight).or_default() += 1;
            }
        }
        // A flight that was given up leaves a call behind, which the host times out.
        let waited_for = waiters.values().filter(|count| **count > 0).count();
        assert!(waited_for <= FLIGHTS_MAX + SERVERS, "{waited_for} flights");
        assert!(waiters.values().all(|count| *count <= WAITERS_PER_FLIGHT_MAX));
    }

    /// Every call fails and time passes: afterwards nobody may still be waiting for a flight.
    pub fn finish(&mut self) {
        // What is still to be started is started, tick by tick, and none of it needs more than a few calls.
        for _round in 0..FLIGHTS_MAX {
            self.tick();
            while self.calls() > 0 {
                self.answer(0, |_, _, _| Answer { status: None, content_type: "", body: Vec::new() });
            }
            if self.plugin.tick_millis() > 1 {
                break;
            }
        }
        self.now += FLIGHT_SECONDS_MAX + 1;
        self.tick();
        for (id, stream) in &self.streams {
            assert!(!matches!(stream.waiting, Some(Waiting::Flight(..))), "stream {id} is forgotten");
            assert!(stream.waiting.is_some(), "stream {id} has no outcome");
        }
    }
}

/// No token in anything that is said.
fn unspoken(issuers: &Issuers, text: &str) {
    // What a caller made up may look like an opaque token; one that was issued is another matter.
    let mut opaque = issuers.grants.keys().filter(|token| token.starts_with("opaque-J"));
    assert!(!text.contains("eyJ") && !opaque.any(|token| text.contains(token)), "a token is said: {text}");
}
