//! A real Envoy with the shipped module and the shipped bootstrap, the development issuers behind it on loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::issuer::server::{self, SharedIssuer};
use actgate::dev::world::{Ports, World, streamward};
use actgate::envoy::{Binary, Launch, LogLevel, RunningEnvoy, Template};
use serde_json::Value;

use crate::gateway::{Gateway, Observation, Request, Seen};
use crate::tls_client::{self, Connection};
use crate::upstream::Upstream;

const ISSUERS: [&str; 3] = [streamward::IDP, streamward::RAS_KNOWLEDGE, streamward::RAS_AURORADB];

/// How Envoy is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bootstrap in `envoy-config`.
    pub bootstrap: &'static str,
    /// Worker threads.
    pub workers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { bootstrap: "envoy.yaml", workers: 1 }
    }
}

/// Envoy, its issuers and its upstream.
pub struct EnvoyGateway {
    /// The running proxy.
    pub envoy: RunningEnvoy,
    /// What stands behind both routes.
    pub upstream: Upstream,
    /// Who is who in this run.
    pub world: World,
    issuers: BTreeMap<&'static str, SharedIssuer>,
    connections: BTreeMap<String, Connection>,
    _runtime: tokio::runtime::Runtime,
}

/// The module under test.
pub fn module() -> PathBuf {
    std::env::var_os("ACTGATE_WASM").map(PathBuf::from).expect("ACTGATE_WASM names the module: run `make test`")
}

/// A world of its own in a folder of its own.
pub fn new_world() -> World {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/worlds").join(format!("{}-{number}", std::process::id()));
    World::generate(&dir, Ports::free().expect("free ports")).expect("a world")
}

impl EnvoyGateway {
    /// Starts everything; the error carries what Envoy said about its configuration.
    pub fn start(world: World, document: &Value, options: &Options) -> Result<Self, String> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut issuers = BTreeMap::new();
        for name in ISSUERS {
            let shared = server::shared(world.issuer(name).expect("an issuer"));
            issuers.insert(name, std::sync::Arc::clone(&shared));
            runtime.spawn(server::listen(shared, world.issuer_port(name).expect("a port")));
        }
        let upstream = Upstream::start().map_err(|error| error.to_string())?;
        let mut launch = Launch::new(bootstrap(&world, document, options, upstream.port())?)
            .concurrency(options.workers)
            .log_level(LogLevel::Warning)
            .component_log_level("wasm", LogLevel::Info);
        for (name, value) in world.environment() {
            launch = launch.env(&name, &value);
        }
        let binary = Binary::from_env().map_err(|error| error.to_string())?;
        let dir = world
            .certificates
            .as_ref()
            .and_then(|files| files.authority.parent())
            .expect("a written world")
            .join("envoy");
        std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let envoy = launch.start(&binary, &dir).map_err(|error| error.to_string())?;
        Ok(Self { envoy, upstream, world, issuers, connections: BTreeMap::new(), _runtime: runtime })
    }

    /// How often the issuers were asked to exchange and for keys.
    pub fn asked(&self, issuer: &str) -> (usize, usize, usize) {
        let issuer = self.issuers[issuer].lock().expect("no holder panics");
        let ledger = issuer.ledger();
        (ledger.exchanges, ledger.jwt_bearers, ledger.key_fetches)
    }

    /// One issuer, to change it.
    pub fn issuer(&self, name: &str) -> std::sync::MutexGuard<'_, actgate::dev::issuer::Issuer> {
        self.issuers[name].lock().expect("no holder panics")
    }

    /// Opens a connection as `peer`.
    pub fn connect(&self, peer: Option<&str>) -> Result<Connection, Box<dyn std::error::Error>> {
        let address = self.envoy.listener("gateway")?;
        let files = self.world.certificates.as_ref().ok_or("no certificates")?;
        let identity = match peer {
            None => None,
            Some(agent) => Some(files.agents.get(agent).unwrap_or(&files.stranger)),
        };
        tls_client::connect(address, &self.world.gateway_host, &files.authority, identity)
    }

    /// Sends a request on a kept connection of `peer`, or a fresh one where that was closed.
    fn exchange(&mut self, request: &Request) -> Result<tls_client::Answer, Box<dyn std::error::Error>> {
        let bytes = wire(request);
        let key = request.peer.clone().unwrap_or_default();
        if let Some(mut connection) = self.connections.remove(&key)
            && let Ok(answer) = tls_client::exchange(&mut connection, &bytes)
        {
            self.keep(key, connection, &answer);
            return Ok(answer);
        }
        let mut connection = self.connect(request.peer.as_deref())?;
        let answer = tls_client::exchange(&mut connection, &bytes)?;
        self.keep(key, connection, &answer);
        Ok(answer)
    }

    fn keep(&mut self, key: String, connection: Connection, answer: &tls_client::Answer) {
        let closes = answer.headers.iter().any(|(name, value)| name == "connection" && value == "close");
        if !closes {
            self.connections.insert(key, connection);
        }
    }
}

/// The request as HTTP/1.1 bytes, nothing added but its length.
pub fn wire(request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.path, request.host).into_bytes();
    for (name, value) in &request.headers {
        text.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    let body = request.body.as_deref();
    if let Some(body) = body {
        text.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    text.extend(b"\r\n");
    text.extend(body.unwrap_or_default());
    text
}

fn bootstrap(world: &World, document: &Value, options: &Options, upstream: u16) -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config");
    let text = std::fs::read_to_string(folder.join(options.bootstrap)).map_err(|error| error.to_string())?;
    let files = world.certificates.as_ref().ok_or("no certificates")?;
    let path = |path: &Path| path.display().to_string();
    let loopback = || "127.0.0.1".to_owned();
    let values = vec![
        ("GATEWAY_ADDRESS", loopback()),
        ("GATEWAY_PORT", "0".to_owned()),
        ("GATEWAY_CERTIFICATE", path(&files.gateway.certificate)),
        ("GATEWAY_KEY", path(&files.gateway.key)),
        ("CLIENT_CA", path(&files.authority)),
        ("ADMIN_PORT", "0".to_owned()),
        ("ACTGATE_WASM", path(&module())),
        ("ACTGATE_JSON", document.to_string()),
        ("IDP_HOST", loopback()),
        ("IDP_PORT", world.ports.idp.to_string()),
        ("RAS_KNOWLEDGE_HOST", loopback()),
        ("RAS_KNOWLEDGE_PORT", world.ports.ras_knowledge.to_string()),
        ("RAS_AURORADB_HOST", loopback()),
        ("RAS_AURORADB_PORT", world.ports.ras_auroradb.to_string()),
        ("KNOWLEDGE_AGENT_HOST", loopback()),
        ("KNOWLEDGE_AGENT_PORT", upstream.to_string()),
        ("MCP_SERVER_HOST", loopback()),
        ("MCP_SERVER_PORT", upstream.to_string()),
    ];
    Template::new(text)
        .without("upstream-tls")
        .and_then(|template| template.render(values))
        .map_err(|error| error.to_string())
}

impl Gateway for EnvoyGateway {
    fn name(&self) -> &'static str {
        "Envoy"
    }

    fn now(&self) -> u64 {
        UnixSeconds::from_system_clock().0
    }

    fn advance(&mut self, seconds: u64) -> bool {
        // Real time passes by itself; more than a few seconds of it are not waited for.
        if seconds > 6 {
            return false;
        }
        std::thread::sleep(Duration::from_secs(seconds));
        true
    }

    fn order(&mut self, issuer: &str, word: &str) {
        self.issuer(issuer).misbehave(word.parse().expect("a misbehaviour"));
    }

    fn behave(&mut self) {
        for issuer in self.issuers.values() {
            issuer.lock().expect("no holder panics").behave();
        }
    }

    fn upstream_answers(&mut self, status: u16) {
        let challenge = [("www-authenticate", "Bearer error=\"invalid_token\", error_description=\"upstream\"")];
        self.upstream.answer_with(status, if status == 401 { &challenge } else { &[] });
    }

    fn send(&mut self, request: &Request) -> Observation {
        let started = Instant::now();
        match self.exchange(request) {
            Ok(answer) => Observation {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                upstream: self.upstream.take(),
            },
            Err(error) => Observation {
                status: 0,
                headers: vec![("error".to_owned(), format!("{error} after {:?}", started.elapsed()))],
                body: Vec::new(),
                upstream: self.upstream.take().map(|seen| Seen { ..seen }),
            },
        }
    }
}
