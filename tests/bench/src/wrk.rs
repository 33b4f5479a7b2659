//! wrk, with a script that sends the tokens of a file in turn.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::peer;

/// Sends one request after the other and says what came of them.
const SCRIPT: &str = r#"
local tokens, at = {}, 0
for line in io.lines(os.getenv("BENCH_TOKENS")) do tokens[#tokens + 1] = "Bearer " .. line end
local body = nil
local file = os.getenv("BENCH_BODY")
if file ~= "" then body = io.open(file):read("*a") end
wrk.headers["Host"] = "bench.example"
if body then
  wrk.headers["content-type"] = "application/json"
  wrk.headers["accept"] = "application/json, text/event-stream"
end
local method, path = os.getenv("BENCH_METHOD"), os.getenv("BENCH_PATH")
local ready = nil
function request()
  if ready then return ready end
  at = at % #tokens + 1
  wrk.headers["authorization"] = tokens[at]
  local text = wrk.format(method, path, wrk.headers, body)
  if #tokens == 1 then ready = text end
  return text
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"wrong_status":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"#;

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) tokens: &'a Path,
    pub(crate) body: Option<&'a Path>,
    pub(crate) connections: u32,
}

/// Sends it for so many seconds to a port; wrk's report.
///
/// # Panics
///
/// When any answer is not a success: a refusal is quick, and its speed would be reported as the filter's.
pub(crate) fn run(name: &str, load: &Load<'_>, port: u16, seconds: f64, folder: &Path) -> Value {
    let script = folder.join("load.lua");
    std::fs::write(&script, SCRIPT).expect("a file for the script");
    let output = peer::pinned(peer::PEERS_CPU, &PathBuf::from("wrk"))
        .args(["--threads", "1", "--connections", &load.connections.to_string(), "--latency"])
        .args(["--duration", &format!("{}s", seconds.max(1.0).round()), "--timeout", "10s", "--script"])
        .arg(&script)
        .arg(format!("http://127.0.0.1:{port}{}", load.path))
        .env("BENCH_TOKENS", load.tokens)
        .env("BENCH_BODY", load.body.unwrap_or(Path::new("")))
        .env("BENCH_METHOD", load.method)
        .env("BENCH_PATH", load.path)
        .stderr(Stdio::inherit())
        .output()
        .expect("wrk, which `make bench` installs");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{')).expect("wrk's report");
    let report: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(report["wrong_status"], 0, "{name}, {}: {line}", load.path);
    assert_eq!(report["broken"], 0, "{name}, {}: {line}", load.path);
    report
}
