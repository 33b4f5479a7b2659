//! An upstream that remembers what reached it and answers as it was told.
//!
//! HTTP/1.1 on a loopback port of its own, one thread for each connection, ended with the value.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actgate::dev::loopback::Loopback;

use crate::answer::UpstreamAnswer;
use crate::gateway::Seen;

#[derive(Debug)]
struct State {
    begun: usize,
    seen: VecDeque<Seen>,
    status: u16,
    headers: Vec<(String, String)>,
    answer: Option<UpstreamAnswer>,
}

/// A running upstream.
#[derive(Debug)]
pub struct Upstream {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

impl Upstream {
    /// Listens on a free loopback port.
    pub fn start() -> std::io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            begun: 0,
            seen: VecDeque::new(),
            status: 200,
            headers: Vec::new(),
            answer: None,
        }));
        let shared = Arc::clone(&state);
        let server = Loopback::start(move |connection| serve(&connection, &shared))?;
        Ok(Self { server, state })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// What it answers from now on.
    pub fn answer_with(&self, status: u16, headers: &[(&str, &str)]) {
        let mut state = self.state.lock().expect("no holder panics");
        state.status = status;
        state.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }

    /// What else it answers from now on; `None` for an empty result.
    pub fn say(&self, answer: Option<UpstreamAnswer>) {
        self.state.lock().expect("no holder panics").answer = answer;
    }

    /// How many requests began to arrive, complete or not, since the last call.
    pub fn take_begun(&self) -> usize {
        std::mem::take(&mut self.state.lock().expect("no holder panics").begun)
    }

    /// The oldest request not yet taken.
    pub fn take(&self) -> Option<Seen> {
        self.state.lock().expect("no holder panics").seen.pop_front()
    }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) {
    let _ = connection.set_read_timeout(Some(Duration::from_secs(120)));
    let mut reader = BufReader::new(connection);
    while let Some(seen) = read(&mut reader, state) {
        let (status, headers, answer) = {
            let mut state = state.lock().expect("no holder panics");
            let answer = state.answer.as_ref().map(|answer| answer.to(&seen.headers));
            state.seen.push_back(seen);
            (state.status, state.headers.clone(), answer)
        };
        if let Some(said) = answer {
            if say(connection, status, &said).is_err() {
                return;
            }
            continue;
        }
        let mut answer = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n");
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        answer.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        if (&mut &*connection).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// In chunks, each sent by itself, where there are several pieces; one piece has its length.
fn say(mut connection: &TcpStream, status: u16, answer: &UpstreamAnswer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} X\r\n");
    for (name, value) in answer.all_headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let pieces = answer.bytes();
    if let [only] = pieces.as_slice() {
        head.push_str(&format!("content-length: {}\r\n\r\n", only.len()));
        connection.write_all(head.as_bytes())?;
        return connection.write_all(only);
    }
    head.push_str("transfer-encoding: chunked\r\n\r\n");
    connection.write_all(head.as_bytes())?;
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        connection.write_all(&chunk)?;
        connection.flush()?;
        // Long enough that they do not arrive as one.
        std::thread::sleep(Duration::from_millis(answer.pause_ms.unwrap_or(20)));
    }
    connection.write_all(b"0\r\n\r\n")
}

fn read(reader: &mut BufReader<&TcpStream>, state: &Mutex<State>) -> Option<Seen> {
    let mut headers = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    state.lock().expect("no holder panics").begun += 1;
    if let Some(path) = line.split(' ').nth(1) {
        headers.push((":path".to_owned(), path.to_owned()));
    }
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
        let line = String::from_utf8_lossy(&line);
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).ok()?;
            body.extend(chunk);
            let mut end = String::new();
            reader.read_line(&mut end).ok()?;
            if size == 0 {
                // Trailers, if any, end with an empty line.
                while !end.trim().is_empty() {
                    end.clear();
                    reader.read_line(&mut end).ok()?;
                }
                break;
            }
        }
    } else if let Some(size) = header("content-length").and_then(|value| value.parse().ok()) {
        body = vec![0; size];
        reader.read_exact(&mut body).ok()?;
    }
    Some(Seen { headers, body })
}
