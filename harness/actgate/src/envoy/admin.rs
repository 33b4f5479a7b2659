//! One HTTP/1.1 request to Envoy's admin interface.
//!
//! Absent on purpose: everything that interface does not do. It is on loopback, in plain text, and answers with chunks or to the end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks for `target` and returns the body of a 200.
///
/// The error says what was asked and what was wrong.
pub(super) fn get(address: SocketAddr, target: &str) -> Result<String, String> {
    exchange(address, target).map_err(|problem| format!("GET {target}: {problem}"))
}

fn exchange(address: SocketAddr, target: &str) -> Result<String, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(text)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(text)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(text)?;
    let head = format!("GET {target} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).map_err(text)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(text)?;
    body(&answer)
}

fn body(answer: &[u8]) -> Result<String, String> {
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the answer has no end of headers")?;
    let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
    let mut body = answer[at + 4..].to_vec();
    if head.lines().any(|line| line == "transfer-encoding: chunked") {
        body = unchunk(&body).ok_or("the answer's chunks are broken")?;
    }
    let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(body) } else { Err(format!("status {status}: {}", body.trim())) }
}

/// RFC 9112 §7.1, without trailers; `None` for a body that stops early.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let rest = &body[end + 2..];
        whole.extend_from_slice(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn bodies_are_read_whole_or_not_at_all() {
        let chunked = |chunks: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(body(chunked("4\r\nLIVE\r\na\r\n, 10 bytes\r\n0\r\n\r\n").as_bytes()), Ok("LIVE, 10 bytes".into()));
        assert!(body(chunked("4\r\nLIVE\r\n").as_bytes()).is_err(), "the last chunk is missing");
        assert!(body(chunked("9\r\nLIVE\r\n0\r\n\r\n").as_bytes()).is_err(), "a chunk is short");
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nserver: envoy\r\n\r\nLIVE\n"), Ok("LIVE\n".into()));
        let refused = body(b"HTTP/1.1 503 Service Unavailable\r\n\r\nPRE_INITIALIZING\n");
        assert_eq!(refused, Err("status 503: PRE_INITIALIZING".into()));
    }
}
