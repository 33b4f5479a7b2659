//! Child processes of a run: start, wait for the word, read their lines, end them.
//!
//! Guaranteed: a child is ended when its handle is dropped, by its own process id and nothing else.
//! Closing its standard input asks it to end; after `END_WITHIN` it is killed. When this process dies
//! without dropping anything, its end of that pipe closes, and children of this world end by themselves.
//! Absent on purpose: restarting, process groups, names.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::agent::serve::LISTENING;

/// How long a child may take to end once asked.
pub const END_WITHIN: Duration = Duration::from_secs(2);

/// The most lines kept of a child; later ones are read and dropped.
pub const LINES_MAX: usize = 100_000;

/// How often a child is looked at while waiting for its end.
const POLL: Duration = Duration::from_millis(10);

/// Why a child is not running.
#[derive(Debug)]
pub enum StartError {
    /// It could not be started.
    Spawn(io::Error),
    /// It ended, or closed its output, before it said the word.
    Ended(String),
    /// It did not say the word in time.
    Silent(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => write!(f, "could not start: {error}"),
            Self::Ended(name) => write!(f, "{name} ended before it was ready"),
            Self::Silent(name) => write!(f, "{name} did not become ready in time"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running child.
#[derive(Debug)]
pub struct DevProcess {
    name: String,
    child: Child,
    output: Arc<Output>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    read: Vec<String>,
    closed: bool,
}

impl DevProcess {
    /// Starts `actgate dev <name> --world <world> <further>` with this very program.
    pub fn start_dev(name: &str, world: &Path, further: &[&str], within: Duration) -> Result<Self, StartError> {
        let program = std::env::current_exe().map_err(StartError::Spawn)?;
        Self::start_dev_of(&program, name, world, further, within)
    }

    /// The same with another `actgate` program, for tests, whose own program is the test.
    pub fn start_dev_of(
        program: &Path,
        name: &str,
        world: &Path,
        further: &[&str],
        within: Duration,
    ) -> Result<Self, StartError> {
        let mut arguments = vec![OsStr::new("dev"), OsStr::new(name), OsStr::new("--world"), world.as_os_str()];
        arguments.extend(further.iter().map(OsStr::new));
        Self::start(name, program, &arguments, within)
    }

    /// Starts any program that prints `LISTENING <address>` and ends when its standard input closes.
    pub fn start(name: &str, program: &Path, arguments: &[&OsStr], within: Duration) -> Result<Self, StartError> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(StartError::Spawn)?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            let output = Arc::clone(&output);
            thread::spawn(move || output.read_all(stdout));
        }
        let process = Self { name: name.to_owned(), child, output };
        // On either error the handle is dropped here, and the child with it.
        process.wait_for(LISTENING, within)?;
        Ok(process)
    }

    /// The child's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address after `LISTENING`.
    pub fn address(&self) -> Option<SocketAddr> {
        self.announced(LISTENING)
    }

    /// The address after this word.
    pub fn announced(&self, word: &str) -> Option<SocketAddr> {
        self.output.lines().read.iter().find_map(|line| after(line, word)?.parse().ok())
    }

    /// Every line printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.lines().read.clone()
    }

    /// The records of this kind printed so far (`hop`, `mcp`).
    pub fn records(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines();
        let records = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.filter(|record| record.get("record").and_then(Value::as_str) == Some(kind)).collect()
    }

    /// Waits for a line that begins with this word.
    pub fn wait_for(&self, word: &str, within: Duration) -> Result<(), StartError> {
        let deadline = Instant::now() + within;
        let mut lines = self.output.lines();
        loop {
            if lines.read.iter().any(|line| after(line, word).is_some()) {
                return Ok(());
            }
            if lines.closed {
                return Err(StartError::Ended(self.name.clone()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StartError::Silent(self.name.clone()));
            }
            let waited = self.output.changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn ends_by_itself(&mut self) -> bool {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(_)) => return true,
                Ok(None) => thread::sleep(POLL),
                Err(_) => return false,
            }
        }
        false
    }
}

impl Drop for DevProcess {
    fn drop(&mut self) {
        if !self.ends_by_itself() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_all(&self, stdout: ChildStdout) {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { break };
            let mut lines = self.lines();
            if lines.read.len() < LINES_MAX {
                lines.read.push(line);
            }
            self.changed.notify_all();
        }
        self.lines().closed = true;
        self.changed.notify_all();
    }
}

fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix(word)?.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, within: Duration) -> Result<DevProcess, StartError> {
        DevProcess::start("shell", Path::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new(script)], within)
    }

    fn runs(id: u32) -> bool {
        // A zombie would still be listed; a child that was waited for is not.
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_child_that_says_the_word_is_running_and_its_lines_are_kept() {
        let script = r#"echo LISTENING 127.0.0.1:7; echo RECORDS 127.0.0.1:8; echo '{"record":"hop","hop":1}'; cat"#;
        let process = shell(script, Duration::from_secs(5)).expect("starts");
        assert_eq!(process.address(), "127.0.0.1:7".parse().ok());
        process.wait_for("RECORDS", Duration::from_secs(5)).expect("second word");
        assert_eq!(process.announced("RECORDS"), "127.0.0.1:8".parse().ok());
        process.wait_for(r#"{"record":"hop","hop":1}"#, Duration::ZERO).expect_err("no such word");
        let deadline = Instant::now() + Duration::from_secs(5);
        while process.records("hop").is_empty() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        assert_eq!(process.records("hop"), [serde_json::json!({ "record": "hop", "hop": 1 })]);
    }

    #[test]
    fn a_dropped_child_is_asked_to_end_and_then_killed() {
        let polite = shell("echo LISTENING 127.0.0.1:7; exec cat", Duration::from_secs(5)).expect("starts");
        let (id, begun) = (polite.id(), Instant::now());
        drop(polite);
        assert!(!runs(id) && begun.elapsed() < END_WITHIN);
        let stubborn = shell("echo LISTENING 127.0.0.1:7; exec sleep 60", Duration::from_secs(5)).expect("starts");
        let (id, begun) = (stubborn.id(), Instant::now());
        drop(stubborn);
        assert!(!runs(id) && begun.elapsed() < END_WITHIN * 5, "killed, not waited for");
    }

    #[test]
    fn a_child_that_ends_or_stays_silent_is_an_error() {
        let ended = shell("echo hello", Duration::from_secs(5));
        assert!(matches!(ended, Err(StartError::Ended(_))), "{ended:?}");
        let silent = shell("exec cat", Duration::from_millis(200));
        assert!(matches!(silent, Err(StartError::Silent(_))), "{silent:?}");
    }
}
