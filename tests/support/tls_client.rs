//! An HTTP/1.1 client that sends exactly the bytes it is given, over mutual TLS.
//!
//! A polite client library would join, drop or reorder what a case wants to send.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actgate::dev::certs::CertificateFiles;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, chunks joined.
    pub body: Vec<u8>,
}

/// A connection to the gateway.
pub type Connection = StreamOwned<ClientConnection, TcpStream>;

/// Connects with `identity`'s certificate, trusting `authority`.
pub fn connect(
    address: SocketAddr,
    name: &str,
    authority: &Path,
    identity: Option<&CertificateFiles>,
) -> Result<Connection, Box<dyn std::error::Error>> {
    let config = config(authority, identity)?;
    let socket = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned())?)?;
    Ok(StreamOwned::new(connection, socket))
}

/// TLS with `identity`'s certificate, trusting `authority`.
pub fn config(
    authority: &Path,
    identity: Option<&CertificateFiles>,
) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    Ok(match identity {
        Some(files) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.certificate)?.collect();
            builder.with_client_auth_cert(chain?, PrivateKeyDer::from_pem_file(&files.key)?)?
        }
        None => builder.with_no_client_auth(),
    })
}

/// Sends `request` and reads one answer.
pub fn exchange(connection: &mut Connection, request: &[u8]) -> std::io::Result<Answer> {
    connection.write_all(request)?;
    connection.flush()?;
    // RFC 9110 §9.3.2: the answer to HEAD speaks of a body that does not come.
    read_final(connection, !request.starts_with(b"HEAD "))
}

/// Reads one answer; interim ones (RFC 9110 §15.2) before it are passed over.
pub fn read(connection: &mut Connection) -> std::io::Result<Answer> {
    read_final(connection, true)
}

fn read_final(connection: &mut Connection, has_body: bool) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        let answer = read_one(connection, &mut bytes, has_body)?;
        if answer.status >= 200 {
            return Ok(answer);
        }
    }
}

/// Reads one answer of whatever status; `bytes` is what came before and what came beyond it.
fn read_one(connection: &mut Connection, bytes: &mut Vec<u8>, has_body: bool) -> std::io::Result<Answer> {
    let broken = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(connection, bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(|| broken("no status line"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut rest = bytes.split_off(end + 4);
    if status < 200 || !has_body {
        *bytes = rest;
        return Ok(Answer { status, headers, body: Vec::new() });
    }
    let body = if header("transfer-encoding") == Some("chunked") {
        chunks(connection, rest)?
    } else {
        let size: usize = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        while rest.len() < size {
            more(connection, &mut rest)?;
        }
        rest.truncate(size);
        rest
    };
    Ok(Answer { status, headers, body })
}

fn chunks(connection: &mut Connection, mut rest: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
                break at;
            }
            more(connection, &mut rest)?;
        };
        let size = usize::from_str_radix(String::from_utf8_lossy(&rest[..end]).trim(), 16).unwrap_or(0);
        while rest.len() < end + 2 + size + 2 {
            more(connection, &mut rest)?;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest.drain(..end + 2 + size + 2);
        if size == 0 {
            return Ok(body);
        }
    }
}

fn more(connection: &mut Connection, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    match connection.read(&mut buffer)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}
