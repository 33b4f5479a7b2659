//! The shipped module in the emulated Envoy, the development issuers answering its callouts.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::issuer::set::IssuerSet;
use actgate::dev::world::World;
use envoy_harness::{
    Answer, Callout, Envoy, FailurePolicy, HeaderMap, Level, Module, Outcome, Plugin, Profile, RequestId, Response,
};
use serde_json::Value;

use crate::answer::UpstreamAnswer;
use crate::envoy_gateway::module;
use crate::gateway::{Gateway, Observation, Request, Seen};
use crate::peer;

const NANOS: u64 = 1_000_000_000;

/// How long a held request is waited for, in steps of [`STEP`]; longer than any time-out of a case.
const STEPS_MAX: usize = 20_000;
const STEP: Duration = Duration::from_millis(1);

/// The emulated proxy, its issuers and its upstream.
pub struct HarnessGateway {
    /// The emulated proxy.
    pub envoy: Envoy,
    issuers: Arc<Mutex<IssuerSet>>,
    world: World,
    upstream_status: u16,
    upstream_answer: Option<UpstreamAnswer>,
    last_answer: Vec<u8>,
    last_request: Option<RequestId>,
    was_reset: bool,
    /// Whether the host knows the digests of certificates; some know names alone.
    pub knows_digests: bool,
}

/// The module, compiled once for each test process.
pub fn compiled() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Module::load(module()).expect("the module compiles")).clone()
}

impl HarnessGateway {
    /// One worker as the shipped bootstrap starts it, at the time `now` in seconds since the epoch.
    pub fn start(world: &World, document: &Value, profile: Profile, workers: usize, now: u64) -> Result<Self, String> {
        Self::start_restricted(world, document, profile, workers, now, &[])
    }

    /// The same with calls of the module that its host refuses.
    pub fn start_restricted(
        world: &World,
        document: &Value,
        profile: Profile,
        workers: usize,
        now: u64,
        refused: &[&str],
    ) -> Result<Self, String> {
        let mut plugin = plugin(world, document, "actgate");
        if !refused.is_empty() {
            let imports = include_str!("../golden/imports.txt").lines().filter_map(|line| line.split_once(' '));
            let names = imports.map(|(_, name)| name).chain(include_str!("../golden/exports.txt").lines());
            for name in names.filter(|name| !refused.contains(name)) {
                plugin = plugin.allow_capability(name);
            }
        }
        Self::start_with(world, vec![plugin], profile, workers, now)
    }

    /// Two plugins of those names and documents, one after the other in one VM.
    pub fn start_two(world: &World, plugins: [(&str, &Value); 2], now: u64) -> Result<Self, String> {
        let plugins = plugins.map(|(name, document)| plugin(world, document, name).root_id("actgate"));
        Self::start_with(world, plugins.to_vec(), envoy_harness::profile::V1_40, 1, now)
    }

    fn start_with(
        world: &World,
        plugins: Vec<Plugin>,
        profile: Profile,
        workers: usize,
        now: u64,
    ) -> Result<Self, String> {
        let buffer_limit = profile.buffer_limit.max(4 * 1024 * 1024);
        let mut builder = Envoy::builder(profile)
            .workers(workers)
            .clock(now.saturating_mul(NANOS))
            .buffer_limit(buffer_limit)
            .log_level(Level::Trace);
        for plugin in plugins {
            builder = builder.plugin(plugin);
        }
        for cluster in ["idp", "ras-knowledge", "ras-auroradb"] {
            builder = builder.cluster(cluster);
        }
        let mut envoy = builder.start().map_err(|error| error.to_string())?;
        let issuers = Arc::new(Mutex::new(world.issuer_set()));
        let answering = Arc::clone(&issuers);
        envoy.on_callout(move |callout| answer(&mut answering.lock().expect("no holder panics"), callout));
        Ok(Self {
            envoy,
            issuers,
            world: world.clone(),
            upstream_status: 200,
            upstream_answer: None,
            last_answer: Vec::new(),
            last_request: None,
            was_reset: false,
            knows_digests: true,
        })
    }

    /// The issuers, to look at what was asked of them.
    pub fn issuers(&self) -> std::sync::MutexGuard<'_, IssuerSet> {
        self.issuers.lock().expect("no holder panics")
    }

    /// The body that the caller got last, complete or not.
    pub fn last_answer(&self) -> Vec<u8> {
        self.last_answer.clone()
    }

    /// What filter state shows of the last request under `wasm.<name>`.
    pub fn filter_state(&self, name: &str) -> Option<String> {
        let state = self.envoy.filter_state(self.last_request?, &format!("wasm.{name}"))?;
        Some(String::from_utf8_lossy(&state).into_owned())
    }

    /// Whether the caller's last answer broke off.
    pub fn was_reset(&self) -> bool {
        self.was_reset
    }

    fn request(&self, request: &Request) -> envoy_harness::Request {
        let mut sent = envoy_harness::Request::new(&request.method, &request.path).authority(&request.host);
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        if let Some(body) = &request.body {
            sent = sent.header("content-length", body.len().to_string()).body(body.clone());
        }
        match &request.peer {
            None => sent,
            Some(peer) => {
                let digest = peer::certificate_sha256(&self.world, peer).map(|byte| format!("{byte:02x}")).concat();
                let sent = sent.peer_uri_san(&peer::uri_san(&self.world, peer));
                if self.knows_digests { sent.peer_certificate_digest(&digest) } else { sent }
            }
        }
    }
}

/// The shipped module as the shipped bootstrap configures it.
fn plugin(world: &World, document: &Value, name: &str) -> Plugin {
    let held = document["allow_on_headers_stop_iteration"].as_bool().unwrap_or_default();
    let mut plugin = Plugin::new(name, &compiled())
        .vm_id("actgate")
        .configuration(document.to_string())
        .failure_policy(FailurePolicy::FailReload)
        .allow_on_headers_stop_iteration(held);
    for (name, value) in world.environment() {
        plugin = plugin.env(name, value);
    }
    plugin
}

fn answer(issuers: &mut IssuerSet, callout: &Callout) -> Answer {
    let headers: Vec<(String, String)> = callout
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    let now = UnixSeconds(callout.at.0 / NANOS);
    let answer = issuers.answer(&callout.cluster, callout.method(), callout.path(), &headers, &callout.body, now);
    let Some(answer) = answer else {
        return Answer::ConnectFailure;
    };
    let delay = Duration::from_millis(answer.delay_ms.max(1));
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        headers.add(name, value);
    }
    // Envoy gives up on a callout whose answer passes 32 MiB.
    if answer.body.len() > 32 * 1024 * 1024 {
        return Answer::Reset.after(delay);
    }
    Answer::response(answer.status, headers, answer.body.clone()).after(delay)
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn trailers(answer: &UpstreamAnswer) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for (name, value) in &answer.trailers {
        trailers.add(name, value);
    }
    trailers
}

impl Gateway for HarnessGateway {
    fn name(&self) -> &'static str {
        "the emulated Envoy"
    }

    fn now(&self) -> u64 {
        self.envoy.now().0 / NANOS
    }

    fn advance(&mut self, seconds: u64) -> bool {
        self.envoy.advance(Duration::from_secs(seconds));
        true
    }

    fn order(&mut self, issuer: &str, word: &str) {
        let word = word.parse().expect("a misbehaviour");
        self.issuers().get_mut(issuer).expect("an issuer").misbehave(word);
    }

    fn behave(&mut self) {
        for name in ["idp", "ras-knowledge", "ras-auroradb"] {
            if let Some(issuer) = self.issuers().get_mut(name) {
                issuer.behave();
            }
        }
    }

    fn upstream_answers(&mut self, status: u16) {
        self.upstream_status = status;
    }

    fn last_record(&mut self) -> Option<Value> {
        let log = self.envoy.log_text();
        let decision = log.lines().rev().find_map(|line| line.split_once("actgate decision "))?.1;
        serde_json::from_str(decision).ok()
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        self.upstream_answer = answer.cloned();
    }

    fn send(&mut self, request: &Request) -> Observation {
        let id = self.envoy.request(self.request(request));
        self.last_request = Some(id);
        for _ in 0..STEPS_MAX {
            if !self.envoy.outcome(id).is_held() {
                break;
            }
            self.envoy.advance(STEP);
        }
        if let Outcome::Forwarded(seen) = self.envoy.outcome(id)
            && seen.complete()
        {
            let got = pairs(&seen.headers);
            let mut response = match self.upstream_answer.as_ref().map(|answer| answer.to(&got)) {
                None => Response::json(self.upstream_status, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
                Some(answer) => {
                    let mut response = Response::new(self.upstream_status);
                    for (name, value) in answer.all_headers() {
                        response = response.header(&name, value);
                    }
                    let mut pieces = answer.bytes();
                    let response = match pieces.pop() {
                        Some(only) if pieces.is_empty() => response.body(only),
                        last => response.chunks(pieces.into_iter().chain(last)),
                    };
                    if answer.trailers.is_empty() { response } else { response.trailers(trailers(&answer)) }
                }
            };
            if self.upstream_status == 401 {
                response = response.header("www-authenticate", "Bearer error=\"invalid_token\"");
            }
            self.envoy.respond(id, response);
        }
        let upstream = self.envoy.upstream(id).filter(envoy_harness::Seen::complete);
        let downstream = self.envoy.downstream(id);
        self.was_reset = matches!(self.envoy.outcome(id), Outcome::Reset { .. });
        self.last_answer = downstream.as_ref().map(|seen| seen.body.clone()).unwrap_or_default();
        let mut headers = downstream.as_ref().map(|seen| pairs(&seen.headers)).unwrap_or_default();
        let trailers = downstream.as_ref().and_then(|seen| seen.trailers.as_ref());
        headers.extend(trailers.map(pairs).unwrap_or_default());
        Observation {
            status: downstream.as_ref().map_or(0, envoy_harness::Seen::status),
            headers,
            body: downstream.map(|seen| seen.body).unwrap_or_default(),
            upstream: upstream.map(|seen| Seen { headers: pairs(&seen.headers), body: seen.body }),
        }
    }
}
