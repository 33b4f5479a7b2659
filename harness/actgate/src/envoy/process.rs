//! Starting, waiting for and ending an Envoy.
//!
//! Ports are Envoy's to choose: a listener or admin address with port 0 gets a free one, and [`RunningEnvoy`] says which.
//! So two Envoys never race for a port, however many run at once.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::admin;
use super::error::{EnvoyError, complaints};

/// How long Envoy may take until it is ready; compiling the module is most of it.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long Envoy may take to end once asked.
const END_MAX: Duration = Duration::from_secs(5);
/// How often its state is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Where Envoy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary(PathBuf);

impl Binary {
    /// The Envoy at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The Envoy that `ACTGATE_ENVOY` names.
    ///
    /// # Errors
    ///
    /// The variable is not set, or empty.
    pub fn from_env() -> Result<Self, EnvoyError> {
        let path = std::env::var_os("ACTGATE_ENVOY").filter(|path| !path.is_empty());
        path.map(Self::at).ok_or(EnvoyError::NoBinary)
    }

    /// Its version, such as `1.40.0`.
    ///
    /// # Errors
    ///
    /// It cannot be run.
    pub fn version(&self) -> Result<String, EnvoyError> {
        let said = Command::new(&self.0).arg("--version").output().map_err(EnvoyError::io(&self.0))?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        // <path>  version: <commit>/<version>/<state>/<build>/<library>
        let words = said.split_once("version: ").map_or("", |(_, words)| words);
        Ok(words.split('/').nth(1).unwrap_or(words.trim()).to_owned())
    }
}

/// The levels of Envoy's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Envoy's own")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl LogLevel {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// What to start and how.
///
/// ```no_run
/// # use actgate::envoy::{Binary, EnvoyError, Launch};
/// # fn main() -> Result<(), EnvoyError> {
/// let envoy = Launch::new("admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}")
///     .env("CORP_KNOWLEDGE_KEY", "...")
///     .start(&Binary::from_env()?, "target/demo/envoy")?;
/// println!("{}", envoy.admin_get("/server_info")?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Launch {
    bootstrap: String,
    concurrency: u32,
    level: LogLevel,
    component_levels: Vec<(String, LogLevel)>,
    env: BTreeMap<String, String>,
    drain_time: Option<Duration>,
}

/// The environment carries the agents' keys, and the bootstrap may: neither is shown.
impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("concurrency", &self.concurrency)
            .field("level", &self.level)
            .field("component_levels", &self.component_levels)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

impl Launch {
    /// An Envoy with this bootstrap, one worker, no environment, and a log from info upwards.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            concurrency: 1,
            level: LogLevel::Info,
            component_levels: Vec::new(),
            env: BTreeMap::new(),
            drain_time: None,
        }
    }

    /// How many workers it has.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// From which level on it logs.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.level = level;
        self
    }

    /// From which level on one component logs, such as `wasm`.
    #[must_use]
    pub fn component_log_level(mut self, component: &str, level: LogLevel) -> Self {
        self.component_levels.push((component.to_owned(), level));
        self
    }

    /// An environment variable it has.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// For how long a listener that was replaced serves on, in whole seconds; ten minutes otherwise.
    #[must_use]
    pub fn drain_time(mut self, time: Duration) -> Self {
        self.drain_time = Some(time);
        self
    }

    /// Starts it in `work_dir`, which is made if need be, and waits until it is ready.
    ///
    /// The directory receives `envoy.yaml`, `envoy.log` and `access.log` (Envoy's standard output).
    ///
    /// # Errors
    ///
    /// It cannot be run, ends while starting, or is not ready in time; the last two carry the log's complaints.
    pub fn start(&self, binary: &Binary, work_dir: impl AsRef<Path>) -> Result<RunningEnvoy, EnvoyError> {
        let dir = self.write(work_dir.as_ref())?;
        let admin_file = dir.join("admin-address");
        let mut command = self.command(binary, &dir)?;
        command.arg("--disable-hot-restart").arg("--admin-address-path").arg(&admin_file);
        let child = command.spawn().map_err(EnvoyError::io(&binary.0))?;
        // From here on the process ends with `running`, whatever happens.
        let mut running = RunningEnvoy { child, dir, admin: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let deadline = Instant::now() + READY_MAX;
        loop {
            if let Some(status) = running.child.try_wait().map_err(EnvoyError::io(&binary.0))? {
                return Err(EnvoyError::Exited { status, log: complaints(&running.logs()) });
            }
            // The file is not written at once, so an address may be half there: it counts when somebody answers.
            let address = fs::read_to_string(&admin_file).unwrap_or_default();
            if let Ok(address) = address.trim().parse() {
                running.admin = address;
                if running.admin_get("/ready").is_ok_and(|state| state.trim() == "LIVE") {
                    return Ok(running);
                }
            }
            if Instant::now() > deadline {
                return Err(EnvoyError::NotReady { after: READY_MAX, log: complaints(&running.logs()) });
            }
            thread::sleep(POLL);
        }
    }

    /// Has Envoy check the bootstrap without serving it (`--mode validate`); the filter is loaded and configured for that.
    ///
    /// # Errors
    ///
    /// As for [`Launch::start`].
    pub fn validate(&self, binary: &Binary, work_dir: impl AsRef<Path>) -> Result<(), EnvoyError> {
        let dir = self.write(work_dir.as_ref())?;
        let mut command = self.command(binary, &dir)?;
        let status: ExitStatus = command.args(["--mode", "validate"]).status().map_err(EnvoyError::io(&binary.0))?;
        if status.success() {
            return Ok(());
        }
        Err(EnvoyError::Exited { status, log: complaints(&read_log(&dir)) })
    }

    /// Makes the directory, with the bootstrap and nothing of an earlier run in it.
    fn write(&self, work_dir: &Path) -> Result<PathBuf, EnvoyError> {
        fs::create_dir_all(work_dir).map_err(EnvoyError::io(work_dir))?;
        let dir = work_dir.canonicalize().map_err(EnvoyError::io(work_dir))?;
        // An address left by an earlier run would be asked instead of the new one.
        let _ = fs::remove_file(dir.join("admin-address"));
        let bootstrap = dir.join("envoy.yaml");
        fs::write(&bootstrap, &self.bootstrap).map_err(EnvoyError::io(&bootstrap))?;
        Ok(dir)
    }

    fn command(&self, binary: &Binary, dir: &Path) -> Result<Command, EnvoyError> {
        let file = |name: &str| File::create(dir.join(name)).map_err(EnvoyError::io(dir.join(name)));
        let mut command = Command::new(&binary.0);
        command
            .arg("--config-path")
            .arg(dir.join("envoy.yaml"))
            .args(["--concurrency", &self.concurrency.to_string(), "--log-level", self.level.name()])
            // The default of ten seconds would make whoever reads the access log wait for it.
            .args(["--file-flush-interval-msec", "100"])
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(file("access.log")?)
            .stderr(file("envoy.log")?);
        if let Some(time) = self.drain_time {
            command.args(["--drain-time-s", &time.as_secs().to_string()]);
        }
        let levels: Vec<String> =
            self.component_levels.iter().map(|(component, level)| format!("{component}:{}", level.name())).collect();
        if !levels.is_empty() {
            command.args(["--component-log-level", &levels.join(",")]);
        }
        Ok(command)
    }
}

fn read_log(dir: &Path) -> String {
    // A log in the making may end within a character.
    fs::read(dir.join("envoy.log")).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
}

/// An Envoy that is serving; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningEnvoy {
    child: Child,
    dir: PathBuf,
    admin: SocketAddr,
}

impl RunningEnvoy {
    /// The address of the admin interface.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The body that the admin interface gives for `target`, such as `/stats` or `/config_dump`.
    ///
    /// # Errors
    ///
    /// There is no answer, or its status is not 200.
    pub fn admin_get(&self, target: &str) -> Result<String, EnvoyError> {
        admin::get(self.admin, target).map_err(EnvoyError::Admin)
    }

    /// The address the listener of that name has.
    ///
    /// # Errors
    ///
    /// The admin interface does not answer, or knows no such listener.
    pub fn listener(&self, name: &str) -> Result<SocketAddr, EnvoyError> {
        let answer = self.admin_get("/listeners?format=json")?;
        let unknown = || EnvoyError::Admin(format!("no listener `{name}` with an address in {answer}"));
        let listeners: Value = serde_json::from_str(&answer).map_err(|_| unknown())?;
        let statuses = listeners["listener_statuses"].as_array().ok_or_else(unknown)?;
        let status = statuses.iter().find(|status| status["name"] == name).ok_or_else(unknown)?;
        let socket = &status["local_address"]["socket_address"];
        let (address, port) = (socket["address"].as_str(), socket["port_value"].as_u64());
        address
            .zip(port)
            .and_then(|(address, port)| Some(SocketAddr::new(address.parse().ok()?, u16::try_from(port).ok()?)))
            .ok_or_else(unknown)
    }

    /// The value of one counter or gauge, summed over workers; `None` until Envoy has made it.
    ///
    /// # Errors
    ///
    /// The admin interface does not answer.
    pub fn stat(&self, name: &str) -> Result<Option<u64>, EnvoyError> {
        let stats = self.admin_get("/stats")?;
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Ok(line.and_then(|value| value.parse().ok()))
    }

    /// What it has logged so far.
    pub fn logs(&self) -> String {
        read_log(&self.dir)
    }

    /// What it has logged from that byte of its log on, in whole lines, and where the next line begins.
    pub fn logs_from(&self, start: u64) -> (String, u64) {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.dir.join("envoy.log"))?;
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let mut bytes = read().unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        bytes.truncate(whole);
        let end = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    }

    /// What it has written to standard output so far, where access logs usually go.
    ///
    /// Envoy gathers lines for a while before it writes them.
    pub fn access_log_path(&self) -> PathBuf {
        self.dir.join("access.log")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it: asked first, then made to.
    fn end(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            // The child is not waited for yet, so the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + END_MAX;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for RunningEnvoy {
    fn drop(&mut self) {
        self.end();
    }
}
