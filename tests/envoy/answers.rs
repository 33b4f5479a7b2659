//! Answers that last: streams of events pass at once and unchanged, large ones in constant memory, and all of them end when they must.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::loopback::Loopback;
use actgate::dev::mint;
use actgate::dev::world::streamward::RAS_KNOWLEDGE;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client::Connection;
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

use crate::client::{assert_no_trap, connect, good_request, send, start_with, token};

/// An upstream whose answers are the test's own, byte by byte; it lives as long as the test process.
pub(crate) fn upstream(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> u16 {
    let server = Loopback::start(move |mut connection| {
        // Whoever leaves or is cut ends it.
        let _ = read_request(&connection).and_then(|()| answer(&mut connection));
    });
    server.expect("a port").for_good()
}

fn read_request(connection: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut line, mut size) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            size = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; size])
}

pub(crate) fn head(connection: &mut TcpStream, kind: &str) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    write!(connection, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
}

pub(crate) fn chunk(connection: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let framed = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    connection.write_all(&framed)
}

fn gateway(port: u16, edit: impl FnOnce(&mut Value)) -> EnvoyGateway {
    start_with(&Options { behind: Some(port), ..Options::default() }, edit)
}

/// A client's reader over the chunks of one answer, its head passed over.
pub(crate) struct Chunks<R: std::io::Read>(BufReader<R>);

impl<R: std::io::Read> Chunks<R> {
    pub(crate) fn after_head(reader: R) -> Self {
        let mut reader = BufReader::with_capacity(256 * 1024, reader);
        let mut line = String::new();
        reader.read_line(&mut line).expect("a status line");
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).expect("a header");
        }
        Self(reader)
    }

    /// The next chunk; none at the proper end, an error where the answer breaks off.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut size = String::new();
        if self.0.read_line(&mut size)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk)?;
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }
}

const EVENTS: usize = 50;

/// Events and keep-alive comments, each with the moment it was sent.
fn events(connection: &mut TcpStream, began: Instant) -> std::io::Result<()> {
    head(connection, "text/event-stream")?;
    for _ in 0..EVENTS {
        chunk(connection, b": keep-alive\n\n")?;
        std::thread::sleep(Duration::from_millis(10));
        chunk(connection, format!("data: {}\n\n", began.elapsed().as_micros()).as_bytes())?;
        std::thread::sleep(Duration::from_millis(10));
    }
    chunk(connection, b"")
}

/// Microseconds from an event's sending to its arrival, in order of size.
fn delays<R: std::io::Read>(reader: R, began: Instant) -> Vec<u128> {
    let mut chunks = Chunks::after_head(reader);
    let (mut text, mut delays, mut comments) = (String::new(), Vec::new(), 0);
    while let Some(chunk) = chunks.next().expect("the whole answer") {
        let now = began.elapsed().as_micros();
        text.push_str(std::str::from_utf8(&chunk).expect("text"));
        while let Some((event, rest)) = text.split_once("\n\n") {
            match event.strip_prefix("data: ") {
                Some(sent) => delays.push(now - sent.parse::<u128>().expect("a moment")),
                None => comments += usize::from(event == ": keep-alive"),
            }
            text = rest.to_owned();
        }
    }
    assert_eq!((delays.len(), comments, text.as_str()), (EVENTS, EVENTS, ""));
    delays.sort_unstable();
    delays
}

#[test]
fn events_pass_at_once_and_comments_too() {
    let began = Instant::now();
    let port = upstream(move |connection| events(connection, began));
    let mut direct = TcpStream::connect(("127.0.0.1", port)).expect("the upstream listens");
    direct.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
    let without = delays(direct, began);
    let gateway = gateway(port, |_| {});
    let mut connection = connect(&gateway);
    send(&mut connection, &good_request(&token(&gateway.world, "events")));
    let with = delays(connection, began);
    let middle = EVENTS / 2;
    println!(
        "microseconds from sending to arrival: without the gateway {} at the median and {} at most, with it {} and {}",
        without[middle],
        without[EVENTS - 1],
        with[middle],
        with[EVENTS - 1]
    );
    // What is held for the next piece comes 10 ms late or more.
    assert!(with[middle] < without[middle] + 8_000, "without {without:?}, with {with:?}");
    assert_no_trap(&gateway);
}

pub(crate) fn memory(gateway: &EnvoyGateway, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.envoy.pid())).expect("a process");
    let value = status.lines().find_map(|text| text.strip_prefix(line)).expect("a line");
    value.trim_start_matches(':').trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// 100 MB at least: a thousandth of it held back would be seen.
const LARGE_BYTES: usize = 100 * 1024 * 1024;

/// Envoy's own buffers are 1 MiB each way; a filter that held the answer would take a hundred times that.
const GROWTH_KIB_MAX: usize = 24 * 1024;

#[test]
fn a_large_answer_passes_in_constant_memory() {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    let port = upstream(|connection| {
        head(connection, "text/event-stream")?;
        for _ in 0..LARGE_BYTES / PIECE.len() {
            chunk(connection, &PIECE)?;
        }
        chunk(connection, b"")
    });
    let gateway = gateway(port, |_| {});
    let fetch = |connection: &mut Connection, jti: &str| {
        send(connection, &good_request(&token(&gateway.world, jti)));
        let mut chunks = Chunks::after_head(&mut *connection);
        let mut bytes = 0;
        while let Some(chunk) = chunks.next().expect("the whole answer") {
            bytes += chunk.len();
        }
        bytes
    };
    let before = memory(&gateway, "VmRSS");
    let mut connection = connect(&gateway);
    assert_eq!(fetch(&mut connection, "large"), LARGE_BYTES);
    let peak = memory(&gateway, "VmHWM");
    println!("Envoy held {before} KiB before an answer of {LARGE_BYTES} bytes and {peak} KiB at most during it");
    assert!(peak.saturating_sub(before) < GROWTH_KIB_MAX, "{before} KiB before, {peak} KiB at most");
    assert_no_trap(&gateway);
}

/// Events without end.
pub(crate) fn endless(connection: &mut TcpStream) -> std::io::Result<()> {
    head(connection, "text/event-stream")?;
    loop {
        chunk(connection, b"data: x\n\n")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How long the answer to a request with this token goes on until it breaks off.
fn lasts(gateway: &EnvoyGateway, token: &str) -> Duration {
    let mut connection = connect(gateway);
    send(&mut connection, &good_request(token));
    let mut chunks = Chunks::after_head(connection);
    let began = Instant::now();
    loop {
        match chunks.next() {
            Ok(Some(event)) => assert!(began.elapsed() < Duration::from_secs(20), "it goes on: {event:?}"),
            Ok(None) => panic!("it ended as if it were complete"),
            Err(_) => return began.elapsed(),
        }
    }
}

/// The root looks once a second, and a busy machine may be late.
const LATE_MAX: Duration = Duration::from_secs(4);

fn assert_ended(gateway: &EnvoyGateway, lasted: Duration, longest: Duration, reason: &str) {
    println!("{reason}: ended after {lasted:?}");
    assert!(lasted < longest + LATE_MAX, "{reason}: {lasted:?}");
    let logs = gateway.envoy.logs();
    let event = logs.lines().rfind(|line| line.contains("stream_ended")).expect("an event");
    assert!(event.contains(&format!("\"reason\":\"{reason}\"")) && event.contains("\"chain\":["), "{event}");
    let stats = gateway.envoy.admin_get("/stats").expect("admin answers");
    assert!(stats.contains(&format!("actgate.streams.ended.{reason}: 1")), "{stats}");
    assert_no_trap(gateway);
}

#[test]
fn a_stream_ends_when_it_has_lasted_long_enough() {
    let gateway = gateway(upstream(endless), |document| {
        document["resources"][1]["streams"] = json!({ "max_duration": "2s" });
    });
    let lasted = lasts(&gateway, &token(&gateway.world, "long"));
    assert!(lasted > Duration::from_millis(500), "it ended too early: {lasted:?}");
    assert_ended(&gateway, lasted, Duration::from_secs(2), "max_duration");
}

/// What a session's own stream may bring that looks odd, and in the end something that nobody can read.
fn oddities(connection: &mut TcpStream) -> std::io::Result<()> {
    let text = "x".repeat(3 * 1024 * 1024);
    head(connection, "text/event-stream")?;
    for event in [
        "data: ping",
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"a\u{2028}b\"}}",
        "data: [{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}]",
        &format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}"
        ),
        ": alive",
        "data: {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"tools\":[{\"name\":\"drop_table\"},{\"name\":\"query_knowledge_base\"}]}}",
        "data: {\"last\"",
    ] {
        chunk(connection, format!("{event}\n\n").as_bytes())?;
    }
    loop {
        chunk(connection, b": alive\n\n")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A stream that a client opened by GET brings everything that can be read, and is then ended: it does not stay open and silent.
#[test]
fn a_stream_of_a_session_passes_until_it_cannot_be_read_and_then_ends() {
    for bootstrap in ["envoy.yaml", "headers-first.yaml"] {
        let options = Options { behind: Some(upstream(oddities)), bootstrap, ..Options::default() };
        let gateway = start_with(&options, |document| {
            document["resources"][1]["mcp"]["session"] = json!(["stream"]);
        });
        let mut connection = connect(&gateway);
        let bearer = token(&gateway.world, "oddities");
        let (path, host) = (crate::client::MCP, &gateway.world.gateway_host);
        let lines = format!("authorization: Bearer {bearer}\r\naccept: text/event-stream\r\n");
        send(&mut connection, format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n").as_bytes());
        let mut chunks = Chunks::after_head(connection);
        let (mut read, mut broke) = (Vec::new(), None);
        loop {
            match chunks.next() {
                Ok(Some(piece)) => read.extend(piece),
                Ok(None) => panic!("{bootstrap}: it ended as if it were complete"),
                Err(_) => break,
            }
            if broke.is_none() && read.windows(23).any(|window| window == b"upstream_answer_refused") {
                broke = Some(Instant::now());
            }
        }
        let lasted = broke.unwrap_or_else(|| panic!("{bootstrap}: no error was told")).elapsed();
        let read = String::from_utf8(read).expect("text");
        for part in [
            "data: ping\n\n",
            "a\\u2028b",
            "\"id\":1,",
            "\"id\":2,",
            "\n:\n\n",
            "[{\"name\":\"query_knowledge_base\"}]",
        ] {
            assert!(read.contains(part), "{bootstrap}: {part} is not in it");
        }
        assert!(read.len() > 3 * 1024 * 1024 && !read.contains("drop_table") && !read.contains("\"last\""));
        assert_ended(&gateway, lasted, Duration::ZERO, "unreadable");
    }
}

#[test]
fn a_stream_ends_with_its_token() {
    let gateway = gateway(upstream(endless), |document| {
        document["resources"][1]["streams"] = json!({ "end_with_token": true });
    });
    let now = UnixSeconds::from_system_clock();
    let mut claims = good_claims(now, "short");
    claims["exp"] = json!(now.0 + 4);
    let keys = gateway.world.issuer_keys(RAS_KNOWLEDGE);
    let lasted = lasts(&gateway, &mint::access_token(keys.first().expect("a key"), &claims));
    assert_ended(&gateway, lasted, Duration::from_secs(4), "token_expired");
}
