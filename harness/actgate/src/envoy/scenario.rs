//! Running a scenario of the emulated host in a real Envoy, with servers of its own on loopback.
//!
//! Guaranteed: what comes back has the same shape as from [`Scenario::run`], so the two can be compared whole.

mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use envoy_harness::scenario::{Fault, Message, Observation, Run, Scenario, Step, headers, is_told};
use serde_json::json;
use wire::Server;

use super::{Binary, Launch, LogLevel, RunningEnvoy};

/// How long the log must be silent to be whole, and how long that may take.
const SILENCE: Duration = Duration::from_millis(300);
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Runs `scenario` with the module at `module`, Envoy's files being kept in `folder`.
///
/// # Errors
///
/// Envoy does not start, or a server cannot listen.
pub fn run(scenario: &Scenario, module: &Path, binary: &Binary, folder: &Path) -> Result<Run, String> {
    let failed = |error: std::io::Error| error.to_string();
    let upstream = Server::start(Vec::new()).map_err(failed)?;
    let mut clusters = BTreeMap::new();
    for (name, answers) in &scenario.clusters {
        clusters.insert(name.as_str(), Server::start(answers.clone()).map_err(failed)?);
    }
    let ports = clusters.iter().map(|(name, server)| (*name, server.port()));
    let bootstrap = bootstrap(scenario, module, ports.chain([("upstream", upstream.port())]));
    let envoy = Launch::new(bootstrap)
        .log_level(LogLevel::Warning)
        .component_log_level("wasm", LogLevel::Info)
        .start(binary, folder)
        .map_err(|error| error.to_string())?;
    let mut steps = Vec::new();
    for step in &scenario.steps {
        steps.push(run_step(&envoy, step, &upstream, &clusters)?);
    }
    Ok(Run { steps, logs: logs(&envoy) })
}

fn run_step(
    envoy: &RunningEnvoy,
    step: &Step,
    upstream: &Server,
    clusters: &BTreeMap<&str, Server>,
) -> Result<Observation, String> {
    upstream.answer(vec![step.upstream.clone()]);
    let address = envoy.listener("scenario").map_err(|error| error.to_string())?;
    // Nothing but the client's patience ends what an upstream never answers.
    let patience = if step.upstream.fault == Some(Fault::Silence) { 2 } else { 30 };
    let answer = wire::exchange(address, &step.request, Duration::from_secs(patience)).unwrap_or_default();
    let asked =
        |(name, server): (&&str, &Server)| server.take().into_iter().map(|request| request.message(name)).collect();
    let calls: Vec<Vec<Message>> = clusters.iter().map(asked).collect();
    Ok(Observation {
        status: answer.status,
        headers: headers(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
        upstream: upstream.take().into_iter().next().map(|request| request.message("upstream")),
        calls: calls.concat(),
    })
}

/// What the module logged; lines of the host begin otherwise.
fn logs(envoy: &RunningEnvoy) -> Vec<String> {
    let deadline = Instant::now() + SILENCE_MAX;
    let mut log = envoy.logs();
    loop {
        std::thread::sleep(SILENCE);
        let grown = envoy.logs();
        if grown == log || Instant::now() > deadline {
            break;
        }
        log = grown;
    }
    let told = |line: &str| {
        let (head, rest) = line.split_once("wasm log ")?;
        let level = head.split_once("][wasm]")?.0.rsplit('[').next()?;
        Some(format!("{level}: {}", rest.split_once(": ")?.1))
    };
    log.lines().filter_map(told).filter(|line| is_told(line)).collect()
}

fn bootstrap<'a>(scenario: &Scenario, module: &Path, servers: impl Iterator<Item = (&'a str, u16)>) -> String {
    const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    const MANAGER: &str =
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    const TEXT: &str = "type.googleapis.com/google.protobuf.StringValue";
    let socket = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let plugin = json!({
        "name": "scenario",
        "vm_config": {
            "vm_id": "scenario",
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module.display().to_string()}},
        },
        "configuration": {"@type": TEXT, "value": scenario.configuration},
        "allow_on_headers_stop_iteration": scenario.allow_on_headers_stop_iteration,
    });
    let manager = json!({
        "@type": MANAGER,
        "stat_prefix": "scenario",
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
        }]},
        "http_filters": [
            {"name": "scenario", "typed_config": {"@type": WASM, "config": plugin}},
            {"name": "router", "typed_config": {"@type": ROUTER}},
        ],
    });
    let clusters: Vec<_> = servers
        .map(|(name, port)| {
            json!({
                "name": name,
                "load_assignment": {"cluster_name": name,
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(port)}}]}]},
            })
        })
        .collect();
    let document = json!({
        "admin": {"address": socket(0)},
        "static_resources": {
            "listeners": [{
                "name": "scenario",
                "address": socket(0),
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
            }],
            "clusters": clusters,
        },
    });
    // JSON is YAML.
    document.to_string()
}
