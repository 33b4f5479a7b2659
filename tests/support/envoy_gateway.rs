//! A real Envoy with the shipped module and the shipped bootstrap, the development issuers behind it on loopback.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use actgate::dev::certs::CertificateFiles;
use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::issuer::server::{self, SharedIssuer};
use actgate::dev::keys::Algorithm;
use actgate::dev::world::{Ports, World, streamward};
use actgate::envoy::{Binary, Launch, LogLevel, RunningEnvoy, Template};
use serde_json::Value;

use crate::answer::UpstreamAnswer;
use crate::gateway::{Gateway, Observation, Request, Seen};
use crate::pushed;
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
    /// From which level on Envoy's component `wasm` logs.
    pub wasm_log: LogLevel,
    /// The loopback port of what stands behind both routes, where that is not the upstream that remembers.
    pub behind: Option<u16>,
    /// For how long a replaced listener serves on; with it the listener is in a file that can be written anew, see [`crate::pushed`].
    pub pushed: Option<Duration>,
    /// The cluster that shows a client certificate, and the first one; beside `pushed`, and changed by [`EnvoyGateway::push_client_certificate`].
    pub client_certificate: Option<(&'static str, CertificateFiles)>,
    /// The path under which it knows the tools' route, where that is another than the gateway's.
    pub prefix_rewrite: Option<&'static str>,
    /// Another module than the shipped one.
    pub module: Option<PathBuf>,
    /// True where callers may come without a certificate, as agents with a key or a proof of their own do.
    pub certificate_optional: bool,
    /// Spaces behind the filter's configuration: what differs in them alone is another one to Envoy, and begins with nothing held.
    pub spaces: usize,
    /// What stands for placeholders that only this bootstrap has.
    pub further: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bootstrap: "envoy.yaml",
            workers: 1,
            wasm_log: LogLevel::Info,
            behind: None,
            pushed: None,
            client_certificate: None,
            prefix_rewrite: None,
            module: None,
            certificate_optional: false,
            spaces: 0,
            further: Vec::new(),
        }
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
    address: SocketAddr,
    issuers: BTreeMap<&'static str, ServedIssuer>,
    pub(crate) connections: BTreeMap<String, Connection>,
}

/// An issuer and the runtime that serves it: without the runtime its port is closed, and so is every connection to it.
struct ServedIssuer {
    issuer: SharedIssuer,
    port: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl ServedIssuer {
    fn start(&mut self) -> std::io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)) {
                Ok(listener) => break listener,
                // What listened there before may still be on its way out.
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(server::serve(std::sync::Arc::clone(&self.issuer), listener));
        self.runtime = Some(runtime);
        Ok(())
    }
}

impl Drop for ServedIssuer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The module under test.
pub fn module() -> PathBuf {
    std::env::var_os("ACTGATE_WASM").map(PathBuf::from).expect("ACTGATE_WASM names the module: run `make test`")
}

/// A world of its own in a folder of its own.
pub fn new_world() -> World {
    new_world_of(Algorithm::Es256)
}

/// The same with issuers, and a knowledge agent, that sign with this algorithm.
pub fn new_world_of(algorithm: Algorithm) -> World {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/worlds").join(format!("{}-{number}", std::process::id()));
    World::generate_with_algorithm(&dir, Ports::free().expect("free ports"), algorithm).expect("a world")
}

impl EnvoyGateway {
    /// Starts everything; the error carries what Envoy said about its configuration.
    pub fn start(world: World, document: &Value, options: &Options) -> Result<Self, String> {
        let mut issuers = BTreeMap::new();
        for name in ISSUERS {
            let issuer = server::shared(world.issuer(name).expect("an issuer"));
            let port = world.issuer_port(name).expect("a port");
            let mut served = ServedIssuer { issuer, port, runtime: None };
            served.start().map_err(|error| format!("{name}: {error}"))?;
            issuers.insert(name, served);
        }
        let upstream = Upstream::start().map_err(|error| error.to_string())?;
        let binary = Binary::from_env().map_err(|error| error.to_string())?;
        let envoy = launch(&world, document, options, options.behind.unwrap_or_else(|| upstream.port()))?
            .start(&binary, work_dir(&world))
            .map_err(|error| error.to_string())?;
        let address = envoy.listener("gateway").map_err(|error| error.to_string())?;
        Ok(Self { envoy, upstream, world, address, issuers, connections: BTreeMap::new() })
    }

    /// Closes the port of an issuer and every connection to it.
    pub fn stop_issuer(&mut self, name: &str) {
        if let Some(runtime) = self.issuers.get_mut(name).expect("an issuer").runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }

    /// Opens the port of a stopped issuer again.
    pub fn start_issuer(&mut self, name: &str) {
        self.issuers.get_mut(name).expect("an issuer").start().expect("its port");
    }

    /// How often the issuers were asked to exchange and for keys.
    pub fn asked(&self, issuer: &str) -> (usize, usize, usize) {
        let issuer = self.issuer(issuer);
        let ledger = issuer.ledger();
        (ledger.exchanges, ledger.jwt_bearers, ledger.key_fetches)
    }

    /// One issuer, to change it.
    pub fn issuer(&self, name: &str) -> std::sync::MutexGuard<'_, actgate::dev::issuer::Issuer> {
        self.issuers[name].issuer.lock().expect("no holder panics")
    }

    /// Where agents connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection as `peer`.
    pub fn connect(&self, peer: Option<&str>) -> Result<Connection, Box<dyn std::error::Error>> {
        let files = self.world.certificates.as_ref().ok_or("no certificates")?;
        let identity = match peer {
            None => None,
            Some(agent) => Some(files.agents.get(agent).unwrap_or(&files.stranger)),
        };
        tls_client::connect(self.address, &self.world.gateway_host, &files.authority, identity)
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

/// Where Envoy keeps its files in `world`.
pub fn work_dir(world: &World) -> PathBuf {
    let files = world.certificates.as_ref().expect("a written world");
    files.authority.parent().expect("a file is in a folder").join("envoy")
}

/// An Envoy for `world` with this filter configuration, ready to be started or asked for its opinion of it.
pub fn launch(world: &World, document: &Value, options: &Options, upstream: u16) -> Result<Launch, String> {
    let mut text = bootstrap(world, document, options, upstream)?;
    if options.pushed.is_some() {
        text = pushed::split(world, &text, options.client_certificate.as_ref())?;
    }
    let mut launch = Launch::new(text)
        .concurrency(options.workers)
        .log_level(LogLevel::Warning)
        .component_log_level("wasm", options.wasm_log);
    if let Some(time) = options.pushed {
        launch = launch.drain_time(time);
    }
    for (name, value) in world.environment() {
        launch = launch.env(&name, &value);
    }
    Ok(launch)
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

/// The bootstrap that `options` name, filled in for `world` with that configuration of the filter and that port of the upstream.
pub fn bootstrap(world: &World, document: &Value, options: &Options, upstream: u16) -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config");
    let mut text = std::fs::read_to_string(folder.join(options.bootstrap)).map_err(|error| error.to_string())?;
    if let Some(path) = options.prefix_rewrite {
        text = text.replace("{cluster: mcp-server, ", &format!("{{cluster: mcp-server, prefix_rewrite: {path}, "));
    }
    if options.certificate_optional {
        text = text.replace("require_client_certificate: true", "require_client_certificate: false");
    }
    let files = world.certificates.as_ref().ok_or("no certificates")?;
    let path = |path: &Path| path.display().to_string();
    let loopback = || "127.0.0.1".to_owned();
    let mut values = vec![
        ("GATEWAY_ADDRESS", loopback()),
        ("GATEWAY_PORT", "0".to_owned()),
        ("GATEWAY_CERTIFICATE", path(&files.gateway.certificate)),
        ("GATEWAY_KEY", path(&files.gateway.key)),
        ("CLIENT_CA", path(&files.authority)),
        ("ADMIN_PORT", "0".to_owned()),
        ("ACTGATE_WASM", path(&options.module.clone().unwrap_or_else(module))),
        ("ACTGATE_JSON", format!("{document}{}", " ".repeat(options.spaces))),
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
    values.extend(options.further.iter().cloned());
    // Each bootstrap has some of them.
    values.retain(|(name, _)| text.contains(&format!("${{{name}}}")));
    let template = Template::new(text);
    template
        .without("other-agents")
        .unwrap_or(template)
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
            issuer.issuer.lock().expect("no holder panics").behave();
        }
    }

    fn upstream_answers(&mut self, status: u16) {
        let challenge = [("www-authenticate", "Bearer error=\"invalid_token\", error_description=\"upstream\"")];
        self.upstream.answer_with(status, if status == 401 { &challenge } else { &[] });
    }

    fn last_record(&mut self) -> Option<Value> {
        let log = self.envoy.logs();
        let decision = log.lines().rev().find_map(|line| line.split_once("actgate decision "))?.1;
        serde_json::from_str(decision).ok()
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        self.upstream.say(answer.cloned());
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
