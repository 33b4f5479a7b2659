//! The processes around the proxies: started on free ports, kept to one processor, ended with their value.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Where the proxy under test runs alone, and where everything else does, on a machine with two processors or more.
pub(crate) const PROXY_CPU: &str = "0";
pub(crate) const PEERS_CPU: &str = "1";

/// The program that is all peers.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    pub(crate) program: PathBuf,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Peers {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pinned(PEERS_CPU, &self.program);
        command.args(arguments);
        command
    }

    /// Starts one of its servers.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peers' program, which `make bench` builds");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("the port");
        Server { child, port: line.trim().parse().expect("a port") }
    }

    /// Writes `count` tokens, made with the key in `pem`, into `file`.
    pub(crate) fn tokens(&self, algorithm: &str, pem: &Path, count: usize, file: &Path) {
        let (pem, count) = (pem.display().to_string(), count.to_string());
        let status = self
            .command(&["tokens", algorithm, &pem, &count, &file.display().to_string()])
            .status()
            .expect("the peers' program");
        assert!(status.success(), "tokens were not made");
    }

    /// Sends each token of a file once; the report of the load's own.
    pub(crate) fn load(&self, arguments: &[&str]) -> Value {
        let output = self.command(&["load"]).args(arguments).stderr(Stdio::inherit()).output().expect("the load");
        assert!(output.status.success(), "the load failed");
        serde_json::from_slice(&output.stdout).expect("a report")
    }
}

impl Server {
    /// What the server says of itself.
    pub(crate) fn get(&self, target: &str) -> Value {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        write!(connection, "GET {target} HTTP/1.1\r\nhost: bench\r\n\r\n").expect("a request");
        let mut reader = BufReader::new(connection);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input; the wait leaves no zombie.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A command that is kept to one processor, where the machine has two.
pub(crate) fn pinned(cpu: &str, program: &Path) -> Command {
    if !has_two_processors() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cpu]).arg(program);
    command
}

/// Keeps every thread of a running process to one processor.
pub(crate) fn pin(pid: u32, cpu: &str) {
    if has_two_processors() {
        let status = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", cpu, &pid.to_string()])
            .stdout(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "taskset could not keep {pid} to processor {cpu}");
    }
}

fn has_two_processors() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() >= 2)
}

/// Processor time of a process and its threads so far, in microseconds: fields 14 and 15 of `proc(5)` `stat`, in ticks of 10 ms.
pub(crate) fn cpu_micros(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10_000
}

/// The largest linear memory of a WebAssembly VM in a process, in bytes.
///
/// V8 reserves several GiB for each memory and makes only what the module has grown to accessible,
/// so a memory is an accessible mapping with a reservation of more than 2 GiB right behind it.
pub(crate) fn linear_memory(pid: u32) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let regions: Vec<(u64, u64, &str)> = maps
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (from, to) = words.next()?.split_once('-')?;
            Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?, words.next()?))
        })
        .collect();
    let pairs = regions.windows(2).filter_map(|pair| match pair {
        [(from, to, "rw-p"), (next, end, "---p")] if to == next && end - next > 2 << 30 => Some(to - from),
        _ => None,
    });
    pairs.max().unwrap_or(0)
}
