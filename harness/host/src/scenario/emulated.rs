//! Running a scenario in the emulated host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Answer, Fault, Message, Observation, Run, Scenario, Sent, Step, headers, is_told};
use crate::callout::{Answer as CalloutAnswer, Callout};
use crate::envoy::Envoy;
use crate::header_map::HeaderMap;
use crate::log::Level;
use crate::module::Module;
use crate::outcome::{Outcome, Seen};
use crate::plugin::Plugin;
use crate::profile::Profile;
use crate::request::{Request, RequestId, Response};

/// How time passes for a request that waits, and how long it may.
const MOMENT: Duration = Duration::from_millis(10);
const MOMENTS_MAX: usize = 3000;

type Calls = Arc<Mutex<Vec<Message>>>;

impl Scenario {
    /// Runs it in the emulated host of that version.
    ///
    /// # Errors
    /// The plugin does not start, or a request is never decided.
    pub fn run(&self, module: &Module, profile: Profile) -> Result<Run, String> {
        let plugin = Plugin::new("scenario", module)
            .vm_id("scenario")
            .configuration(self.configuration.clone())
            .allow_on_headers_stop_iteration(self.allow_on_headers_stop_iteration);
        let mut builder = Envoy::builder(profile).plugin(plugin).log_level(Level::Info);
        for cluster in self.clusters.keys() {
            builder = builder.cluster(cluster);
        }
        let mut envoy = builder.start().map_err(|error| error.to_string())?;
        let calls = Calls::default();
        serve(&mut envoy, &self.clusters, &calls);
        let mut steps = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            steps.push(run_step(&mut envoy, step, &calls).map_err(|error| format!("step {at}: {error}"))?);
        }
        let logs = envoy.logs().iter().filter(|line| !line.from_host && line.level >= Level::Info);
        let logs = logs.map(|line| format!("{}: {}", word(line.level), line.message)).filter(|line| is_told(line));
        Ok(Run { steps, logs: logs.collect() })
    }
}

/// Envoy's own words in its log.
fn word(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warning",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}

fn serve(envoy: &mut Envoy, clusters: &BTreeMap<String, Vec<Answer>>, calls: &Calls) {
    let (clusters, calls) = (clusters.clone(), Arc::clone(calls));
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    envoy.on_callout(move |callout| {
        calls.lock().expect("no holder panics").push(asked(callout));
        let turn = turns.entry(callout.cluster.clone()).or_default();
        let answers = clusters.get(&callout.cluster).map(Vec::as_slice).unwrap_or_default();
        let answer = answers.get(*turn).or(answers.last()).cloned().unwrap_or_default();
        *turn += 1;
        match answer.fault {
            None => CalloutAnswer::response(answer.status, map(&answer), answer.body).after(MOMENT),
            Some(Fault::Close) => CalloutAnswer::Closed.after(MOMENT),
            Some(Fault::Truncate) => CalloutAnswer::Truncated.after(MOMENT),
            Some(Fault::Silence) => CalloutAnswer::Pending,
        }
    });
}

fn map(answer: &Answer) -> HeaderMap {
    let mut all = HeaderMap::new();
    answer.headers.iter().for_each(|(name, value)| all.add(name, value));
    all.set("content-length", answer.body.len().to_string());
    all
}

fn asked(callout: &Callout) -> Message {
    message(&callout.cluster, &callout.headers, &callout.body)
}

fn message(cluster: &str, all: &HeaderMap, body: &[u8]) -> Message {
    let text = |name: &str| all.text(name).unwrap_or_default().to_owned();
    Message {
        cluster: cluster.to_owned(),
        method: text(":method"),
        path: text(":path"),
        host: text(":authority"),
        headers: told(all),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn told(all: &HeaderMap) -> BTreeMap<String, String> {
    let pairs: Vec<(String, String)> =
        all.iter().map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect();
    headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn request(sent: &Sent) -> Request {
    let mut request = Request::new(&sent.method, &sent.path).authority("scenario.example");
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    match &sent.body {
        None => request,
        Some(body) => request.header("content-length", body.len().to_string()).body(body.clone()),
    }
}

fn run_step(envoy: &mut Envoy, step: &Step, calls: &Calls) -> Result<Observation, String> {
    calls.lock().expect("no holder panics").clear();
    let id = envoy.request(request(&step.request));
    wait(envoy, id, |envoy| !envoy.outcome(id).is_held())?;
    if let Outcome::Forwarded(seen) = envoy.outcome(id)
        && seen.complete()
    {
        respond(envoy, id, &step.upstream);
        wait(envoy, id, |envoy| envoy.downstream(id).is_some_and(|seen| seen.complete() || seen.reset))?;
    }
    let downstream = envoy.downstream(id).filter(Seen::complete);
    Ok(Observation {
        status: downstream.as_ref().map_or(0, Seen::status),
        headers: downstream.as_ref().map(|seen| told(&seen.headers)).unwrap_or_default(),
        body: downstream.as_ref().map(Seen::body_text).unwrap_or_default(),
        upstream: envoy.upstream(id).map(|seen| message("upstream", &seen.headers, &seen.body)),
        calls: std::mem::take(&mut calls.lock().expect("no holder panics")),
    })
}

fn wait(envoy: &mut Envoy, id: RequestId, done: impl Fn(&Envoy) -> bool) -> Result<(), String> {
    for _ in 0..MOMENTS_MAX {
        if done(envoy) {
            return Ok(());
        }
        envoy.advance(MOMENT);
    }
    Err(format!("never decided: {:?}", envoy.outcome(id)))
}

fn respond(envoy: &mut Envoy, id: RequestId, answer: &Answer) {
    let mut response = Response::new(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    match answer.fault {
        None => drop(envoy.respond(id, response.body(answer.body.clone()))),
        Some(Fault::Close) => envoy.reset_upstream(id),
        Some(Fault::Truncate) => {
            let half = answer.body.get(..answer.body.len() / 2).unwrap_or_default().to_owned();
            envoy.respond_headers(id, response.header("content-length", answer.body.len().to_string()), false);
            envoy.respond_body(id, half, false);
            envoy.reset_upstream(id);
        }
        // Nothing ends this but the client's patience.
        Some(Fault::Silence) => envoy.disconnect(id),
    }
}
