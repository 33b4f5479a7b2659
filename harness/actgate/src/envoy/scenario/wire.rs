//! HTTP/1.1 as bytes: a client for one request, and servers that remember and do as they are told.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use envoy_harness::scenario::{Answer, Fault, Message, Sent, headers};

use crate::dev::loopback::Loopback;

/// An answer as the client got it.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A request as a server got it.
#[derive(Debug)]
pub(super) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn message(&self, cluster: &str) -> Message {
        let mut words = self.line.split(' ').map(str::to_owned);
        let host = self.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
        Message {
            cluster: cluster.to_owned(),
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            host: host.unwrap_or_default(),
            headers: headers(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}

/// Sends one request on a connection of its own.
pub(super) fn exchange(address: SocketAddr, sent: &Sent, patience: Duration) -> Result<Received> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(patience))?;
    let mut text = format!("{} {} HTTP/1.1\r\nhost: scenario.example\r\n", sent.method, sent.path);
    for (name, value) in &sent.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = &sent.body {
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    } else {
        text.push_str("\r\n");
    }
    socket.write_all(text.as_bytes())?;
    let mut reader = BufReader::new(&socket);
    let (line, headers, body) = read(&mut reader)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    Ok(Received { status, headers, body })
}

type Read = (String, Vec<(String, String)>, Vec<u8>);

/// Reads one message: its first line, its headers, its body.
fn read(reader: &mut BufReader<&TcpStream>) -> Result<Read> {
    let first = line(reader)?;
    let mut headers = Vec::new();
    while let Some((name, value)) = line(reader)?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header =
        |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value): &(_, String)| value.as_str());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let size = line(reader)?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| Error::from(ErrorKind::InvalidData))?;
            let from = body.len();
            body.resize(from + size, 0);
            reader.read_exact(&mut body[from..])?;
            while !line(reader)?.is_empty() {}
            if size == 0 {
                break;
            }
        }
    } else if let Some(size) = header("content-length").and_then(|value| value.parse().ok()) {
        body.resize(size, 0);
        reader.read_exact(&mut body)?;
    }
    Ok((first, headers, body))
}

fn line(reader: &mut BufReader<&TcpStream>) -> Result<String> {
    let mut bytes = Vec::new();
    if reader.read_until(b'\n', &mut bytes)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[derive(Debug)]
struct State {
    requests: Vec<Request>,
    answers: Vec<Answer>,
    turn: usize,
}

/// A server on a free loopback port, ended with the value.
#[derive(Debug)]
pub(super) struct Server {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Gives these answers in turn, and the last for ever.
    pub(super) fn start(answers: Vec<Answer>) -> Result<Self> {
        let state = Arc::new(Mutex::new(State { requests: Vec::new(), answers, turn: 0 }));
        let shared = Arc::clone(&state);
        let server = Loopback::start(move |connection| serve(&connection, &shared))?;
        Ok(Self { server, state })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Gives these answers from now on.
    pub(super) fn answer(&self, answers: Vec<Answer>) {
        let mut state = self.state.lock().expect("no holder panics");
        state.answers = answers;
        state.turn = 0;
    }

    /// What was asked since the last call.
    pub(super) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().expect("no holder panics").requests)
    }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection);
    while let Ok((line, headers, body)) = read(&mut reader) {
        let answer = {
            let mut state = state.lock().expect("no holder panics");
            state.requests.push(Request { line, headers, body });
            let answer = state.answers.get(state.turn).or(state.answers.last()).cloned().unwrap_or_default();
            state.turn += 1;
            answer
        };
        let mut text = format!("HTTP/1.1 {} X\r\n", answer.status);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
        let body = match answer.fault {
            None => answer.body.as_bytes(),
            Some(Fault::Truncate) => answer.body.as_bytes().get(..answer.body.len() / 2).unwrap_or_default(),
            Some(Fault::Close) => return,
            // Reads on until the other side has had enough.
            Some(Fault::Silence) => continue,
        };
        let mut writer = connection;
        if writer.write_all(text.as_bytes()).and_then(|()| writer.write_all(body)).is_err() || answer.fault.is_some() {
            return;
        }
    }
}
