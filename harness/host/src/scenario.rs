//! A scenario as a data file: one filter, the servers it can call, what is sent to it, what must come of it.
//!
//! The same file runs here, in the emulated host, and wherever else somebody gives the same [`Run`] for it.
//! What every proxy adds on its own, and differently, is left out of a run: two runs of one scenario are equal or tell of a difference.
//! Absent: TLS, HTTP/2, trailers and more than one worker; those need tests of their own.

mod emulated;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub about: String,
    /// Which module is run; whoever runs it knows where that is.
    pub module: String,
    /// The plugin's configuration.
    #[serde(default)]
    pub configuration: String,
    /// Envoy's field of that name.
    #[serde(default)]
    pub allow_on_headers_stop_iteration: bool,
    /// Servers that the filter can call, and what each answers in turn. One that has nothing left to say repeats itself.
    #[serde(default)]
    pub clusters: BTreeMap<String, Vec<Answer>>,
    /// What is sent, in order, each on a connection of its own.
    pub steps: Vec<Step>,
    /// Everything the module logs from `info` up, in order, as `level: text`; not looked at where it is left out.
    pub logs: Option<Vec<String>>,
}

/// One request and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the client sends.
    pub request: Sent,
    /// What the upstream answers, if it is asked.
    #[serde(default)]
    pub upstream: Answer,
    /// Parts of the [`Observation`] as JSON, by pointer; null for one that must be null or absent.
    #[serde(default)]
    pub want: BTreeMap<String, Value>,
}

/// A request as the client sends it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The path.
    pub path: String,
    /// Further headers, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body; none where the headers end the request.
    pub body: Option<String>,
}

/// What a server does when it is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Further headers, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// What goes wrong instead.
    pub fault: Option<Fault>,
}

/// What can go wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is closed instead of an answer.
    Close,
    /// The connection is closed in the middle of the body.
    Truncate,
    /// No answer ever comes.
    Silence,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: ok(), headers: Vec::new(), body: String::new(), fault: None }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Step by step.
    pub steps: Vec<Observation>,
    /// What the module logged from `info` up, as `level: text`.
    pub logs: Vec<String>,
}

/// What was seen of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// The status the client got; 0 for a broken connection.
    pub status: u16,
    /// The headers the client got.
    pub headers: BTreeMap<String, String>,
    /// The body the client got.
    pub body: String,
    /// What reached the upstream, if anything did.
    pub upstream: Option<Message>,
    /// What the filter asked of its servers, in order.
    pub calls: Vec<Message>,
}

/// A request as a server got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The cluster; `upstream` for the request itself.
    pub cluster: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// `Host` or `:authority`.
    pub host: String,
    /// Its other headers; several of one name are joined with a comma.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// Headers that a proxy and its transport set as they like.
const OF_THE_PROXY: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "server",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether a header says something of the proxy or the transport, rather than of the filter.
#[must_use]
pub fn is_of_the_proxy(name: &str) -> bool {
    name.starts_with(':') || name.starts_with("x-envoy-") || OF_THE_PROXY.contains(&name)
}

/// The headers that a run tells of.
#[must_use]
pub fn headers<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in all {
        if is_of_the_proxy(name) {
            continue;
        }
        told.entry(name.to_owned())
            .and_modify(|first| *first = format!("{first}, {value}"))
            .or_insert(value.to_owned());
    }
    told
}

/// Whether a log line is told of: one that quotes a header of the proxy is not.
#[must_use]
pub fn is_told(line: &str) -> bool {
    let names = line.split_whitespace().filter_map(|word| word.strip_suffix(':'));
    !names.into_iter().any(|name| !name.starts_with(':') && is_of_the_proxy(name))
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not JSON, or not of this shape.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Holds a run against what the file wants.
    ///
    /// # Errors
    /// Everything that is not as it should be, one line each.
    pub fn check(&self, run: &Run) -> Result<(), String> {
        let mut wrong = Vec::new();
        if run.steps.len() != self.steps.len() {
            wrong.push(format!("{} steps, not {}", run.steps.len(), self.steps.len()));
        }
        for (at, (step, seen)) in self.steps.iter().zip(&run.steps).enumerate() {
            let seen = serde_json::to_value(seen).unwrap_or_default();
            for (pointer, want) in &step.want {
                let got = seen.pointer(pointer).unwrap_or(&Value::Null);
                if got != want {
                    wrong.push(format!("step {at}: {got} at {pointer}, not {want}"));
                }
            }
        }
        if let Some(logs) = self.logs.as_ref().filter(|logs| **logs != run.logs) {
            wrong.push(format!("logs {:#?}, not {logs:#?}", run.logs));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }
}
