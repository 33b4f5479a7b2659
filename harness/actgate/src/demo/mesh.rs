//! Everything of a run: the processes, the gateway, and the same Envoy without the filter.
//!
//! Guaranteed: both Envoys are filled in from the bootstrap a person would deploy; the second lacks the filter and nothing else.
//! All of it ends with the value that stands for it, and so does its directory, which holds the run's keys.
//! Absent on purpose: a route around Envoy. Agents reach each other and the tool through the gateway only.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::check::Failure;
use crate::dev::agent::client::{Client, Reply, Target, Transport};
use crate::dev::process::DevProcess;
use crate::dev::settings::AURORADB_PATH;
use crate::dev::workflow_gateway;
use crate::dev::world::branches::{CRM, WORKFLOW};
use crate::dev::world::{Ports, WORLD_FILE, World, streamward};
use crate::envoy::{Binary, Launch, RunningEnvoy, Template};

/// The bootstrap and the filter's configuration, as they are deployed.
const BOOTSTRAP: &str = include_str!("../../../../envoy-config/envoy.yaml");
const FILTER: &str = include_str!("../../../../envoy-config/actgate.json");

/// The listener's name in the bootstrap.
const LISTENER: &str = "gateway";

/// How long a process may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The processes behind and in front of the gateway, in the order they are started.
const PROCESSES: [&str; 14] = [
    streamward::RAS_KNOWLEDGE,
    streamward::RAS_AURORADB,
    CRM.agent_server.name,
    CRM.server.name,
    WORKFLOW.agent_server.name,
    WORKFLOW.server.name,
    "mcp-server",
    CRM.back_end,
    WORKFLOW.back_end,
    "knowledge-agent",
    CRM.process,
    WORKFLOW.process,
    "orchestrator",
    "frontend",
];

/// The programs a run needs beside this one.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The filter.
    pub wasm: PathBuf,
    /// Envoy.
    pub envoy: PathBuf,
}

/// What an issuer does wrong from its first answer on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoilt<'a> {
    /// The issuer's process.
    pub(super) issuer: &'a str,
    /// The word for it.
    pub(super) how: &'a str,
}

/// A running mesh.
pub(super) struct Mesh {
    pub(super) world: World,
    /// The gateway.
    pub(super) envoy: RunningEnvoy,
    /// The same Envoy without the filter; it runs as long as this does.
    _bare_envoy: RunningEnvoy,
    processes: Vec<DevProcess>,
    bare_address: SocketAddr,
    // Last, so that nothing runs any more when its files go.
    dir: Scratch,
}

/// A directory only its owner can read; it goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("actgate-demo-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Mesh {
    /// Makes keys and certificates, starts every process and both Envoys.
    pub(super) fn start(programs: &Programs, spoilt: Option<Spoilt<'_>>) -> Result<Self, Failure> {
        let dir = Scratch::new().map_err(Failure::setup)?;
        let world =
            World::generate_whole_mesh(&dir.0, Ports::free().map_err(Failure::setup)?).map_err(Failure::setup)?;
        let file = dir.0.join(WORLD_FILE);
        let start = |name: &str, further: &[&str]| {
            DevProcess::start_dev(name, &file, further, READY_WITHIN).map_err(Failure::setup)
        };
        let mut processes = vec![start(streamward::IDP, &[])?];
        for name in PROCESSES {
            match spoilt.filter(|spoilt| spoilt.issuer == name) {
                Some(spoilt) => processes.push(start(name, &["--break", spoilt.how])?),
                None => processes.push(start(name, &[])?),
            }
        }
        let unchecked = start("mcp-server", &["--ungoverned"])?;
        let unchecked_port = unchecked.address().ok_or_else(|| Failure::setup("no address"))?.port();
        processes.push(unchecked);

        let binary = Binary::at(&programs.envoy);
        let bare = Launch::new(bare_bootstrap(&world, unchecked_port)?);
        let bare = bare.start(&binary, dir.0.join("envoy-bare")).map_err(Failure::setup)?;
        let mut launch = Launch::new(bootstrap(&world, &programs.wasm)?);
        for (variable, pem) in world.environment() {
            launch = launch.env(&variable, &pem);
        }
        let envoy = launch.start(&binary, dir.0.join("envoy")).map_err(Failure::setup)?;
        let bare_address = bare.listener(LISTENER).map_err(Failure::setup)?;
        Ok(Self { world, envoy, _bare_envoy: bare, processes, bare_address, dir })
    }

    /// How many processes run, both Envoys included.
    pub(super) fn size(&self) -> usize {
        self.processes.len() + 2
    }

    /// The directory of the run.
    pub(super) fn dir(&self) -> &Path {
        &self.dir.0
    }

    /// Where the Envoy without the filter listens.
    pub(super) fn bare_address(&self) -> SocketAddr {
        self.bare_address
    }

    /// What the MCP server behind the gateway saw, oldest first.
    pub(super) fn tool_records(&self) -> Vec<Value> {
        self.records("mcp-server")
    }

    /// What a back end saw, oldest first.
    pub(super) fn records(&self, back_end: &str) -> Vec<Value> {
        let kind = if back_end == WORKFLOW.back_end { workflow_gateway::RECORD } else { "mcp" };
        let server = self.processes.iter().find(|process| process.name() == back_end);
        server.map(|server| server.records(kind)).unwrap_or_default()
    }

    /// A question, asked at the chat application.
    pub(super) async fn ask(&self, login: &str, question: &str) -> Result<Reply, Failure> {
        let body = json!({ "login": login, "question": question });
        self.post_plain(self.world.ports.frontend, "/ask", &body).await
    }

    /// Tells an issuer to misbehave from now on.
    pub(super) async fn spoil(&self, issuer: &str, how: &str) -> Result<(), Failure> {
        let port = self.world.issuer_port(issuer).ok_or_else(|| Failure::setup("no such issuer"))?;
        let reply = self.post_plain(port, "/dev/control", &json!({ "break": how })).await?;
        if reply.status == 200 { Ok(()) } else { Err(Failure::setup(format!("{issuer} does not know {how}"))) }
    }

    /// What the token endpoint of an issuer was asked for and answered, oldest first.
    pub(super) async fn ledger(&self, issuer: &str) -> Result<Vec<Value>, Failure> {
        let port = self.world.issuer_port(issuer).ok_or_else(|| Failure::setup("no such issuer"))?;
        let reply = Client::plain().get(&plain(port, "/dev/ledger")).await.map_err(Failure::setup)?;
        Ok(reply.json()["entries"].as_array().cloned().unwrap_or_default())
    }

    /// The tool's endpoint on the gateway.
    pub(super) fn gateway(&self) -> Target {
        self.world.through_gateway(AURORADB_PATH)
    }

    /// The same endpoint on the Envoy without the filter.
    pub(super) fn bare(&self) -> Target {
        Target { address: self.bare_address, ..self.gateway() }
    }

    async fn post_plain(&self, port: u16, path: &str, body: &Value) -> Result<Reply, Failure> {
        let headers = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        Client::plain().post(&plain(port, path), &headers, body).await.map_err(Failure::setup)
    }
}

fn plain(port: u16, path: &str) -> Target {
    Target {
        url: format!("http://127.0.0.1:{port}{path}"),
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        transport: Transport::Plain,
    }
}

fn bootstrap(world: &World, wasm: &Path) -> Result<String, Failure> {
    let wasm = wasm.canonicalize().map_err(|error| Failure::setup(format!("{}: {error}", wasm.display())))?;
    let mut values = values(world, world.ports.gateway, world.ports.mcp_server)?;
    values.push(("ACTGATE_WASM", wasm.display().to_string()));
    values.push(("ACTGATE_JSON", filter_config()?));
    let template = Template::new(BOOTSTRAP).without("upstream-tls").map_err(Failure::setup)?;
    template.render(values).map_err(Failure::setup)
}

/// The same bootstrap without the filter, in front of a server that checks nothing.
fn bare_bootstrap(world: &World, mcp_server: u16) -> Result<String, Failure> {
    let template = Template::new(BOOTSTRAP).without("upstream-tls").map_err(Failure::setup)?;
    let template = template.without("actgate").map_err(Failure::setup)?;
    template.render(values(world, 0, mcp_server)?).map_err(Failure::setup)
}

fn values(world: &World, port: u16, mcp_server: u16) -> Result<Vec<(&'static str, String)>, Failure> {
    let certificates = world.certificates.as_ref().ok_or_else(|| Failure::setup("the world has no certificates"))?;
    let path = |path: &Path| path.display().to_string();
    let mut values = vec![
        ("GATEWAY_ADDRESS", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("GATEWAY_CERTIFICATE", path(&certificates.gateway.certificate)),
        ("GATEWAY_KEY", path(&certificates.gateway.key)),
        ("CLIENT_CA", path(&certificates.authority)),
        ("ADMIN_PORT", "0".to_owned()),
    ];
    let branches = world.ports.branches;
    for (host, name, port) in [
        ("IDP_HOST", "IDP_PORT", world.ports.idp),
        ("RAS_KNOWLEDGE_HOST", "RAS_KNOWLEDGE_PORT", world.ports.ras_knowledge),
        ("RAS_AURORADB_HOST", "RAS_AURORADB_PORT", world.ports.ras_auroradb),
        ("KNOWLEDGE_AGENT_HOST", "KNOWLEDGE_AGENT_PORT", world.ports.knowledge_agent),
        ("MCP_SERVER_HOST", "MCP_SERVER_PORT", mcp_server),
        ("RAS_CRM_HOST", "RAS_CRM_PORT", branches.servers[0][0]),
        ("RAS_ERP_HOST", "RAS_ERP_PORT", branches.servers[0][1]),
        ("RAS_WORKFLOW_HOST", "RAS_WORKFLOW_PORT", branches.servers[1][0]),
        ("RAS_OPENAPI_HOST", "RAS_OPENAPI_PORT", branches.servers[1][1]),
        ("CRM_AGENT_HOST", "CRM_AGENT_PORT", branches.agents[0]),
        ("ERP_SERVER_HOST", "ERP_SERVER_PORT", branches.back_ends[0]),
        ("WORKFLOW_AGENT_HOST", "WORKFLOW_AGENT_PORT", branches.agents[1]),
        ("WORKFLOW_GATEWAY_HOST", "WORKFLOW_GATEWAY_PORT", branches.back_ends[1]),
    ] {
        values.extend([(host, "127.0.0.1".to_owned()), (name, port.to_string())]);
    }
    Ok(values)
}

/// The deployed configuration with one change: the database lets services in.
///
/// Otherwise the resource would refuse a service before the tool that demands a human is looked at.
fn filter_config() -> Result<String, Failure> {
    let mut config: Value = serde_json::from_str(FILTER).map_err(Failure::setup)?;
    for resource in config["resources"].as_array_mut().into_iter().flatten() {
        if resource["name"] == "aurora-db" {
            resource["accept"]["subject_profiles"] = json!(["user", "service"]);
        }
    }
    serde_json::to_string_pretty(&config).map_err(Failure::setup)
}
