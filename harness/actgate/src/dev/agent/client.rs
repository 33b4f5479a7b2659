//! An HTTP/1.1 client: plain on loopback, or mutual TLS to the gateway.
//!
//! Guaranteed: every call ends within `CALL_TIMEOUT` and reads at most `REPLY_BYTES_MAX`.
//! A target's URL names whom the request is for; its address says where that listens in this world.
//! Absent on purpose: connection reuse, redirects, cookies.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest a call may take; a hop through the gateway contains two calls of its own.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest answer that is read.
pub const REPLY_BYTES_MAX: usize = 1 << 20;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The public URL: gives the host header and the path.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub transport: Transport,
}

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP, for what listens on loopback only.
    #[default]
    Plain,
    /// TLS with the client's own certificate.
    MutualTls,
}

/// The files of a client's TLS identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Its private key, PKCS#8 PEM.
    pub private_key: PathBuf,
    /// The authority that signed the server's certificate, PEM.
    pub authority: PathBuf,
}

/// Why there was no answer.
#[derive(Debug)]
pub enum CallError {
    /// The target's URL has no host, or a header cannot be sent.
    Target(String),
    /// The connection or its TLS handshake failed.
    Connection(io::Error),
    /// The HTTP exchange failed, or the answer was too large.
    Http(String),
    /// `CALL_TIMEOUT` passed.
    Timeout,
    /// The target wants mutual TLS and this client has no identity.
    NoIdentity,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(reason) => write!(f, "bad target: {reason}"),
            Self::Connection(error) => write!(f, "connection: {error}"),
            Self::Http(reason) => write!(f, "http: {reason}"),
            Self::Timeout => f.write_str("timeout"),
            Self::NoIdentity => f.write_str("no TLS identity"),
        }
    }
}

impl std::error::Error for CallError {}

/// An answer, read whole.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields, names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first field of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A client with at most one TLS identity.
#[derive(Clone)]
pub struct Client {
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("has_identity", &self.tls.is_some()).finish()
    }
}

impl Client {
    /// A client for plain targets.
    pub fn plain() -> Self {
        Self { tls: None }
    }

    /// A client that can also prove who it is.
    pub fn with_identity(identity: &TlsIdentity) -> io::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for authority in certificates(&identity.authority)? {
            roots.add(authority).map_err(io::Error::other)?;
        }
        let key = PrivateKeyDer::from_pem_file(&identity.private_key).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(&identity.certificate)?, key)
            .map_err(io::Error::other)?;
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// A GET without credentials.
    pub async fn get(&self, target: &Target) -> Result<Reply, CallError> {
        self.send(target, "GET", &[], Vec::new()).await
    }

    /// A POST of these bytes with these header fields.
    pub async fn post(&self, target: &Target, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Reply, CallError> {
        self.send(target, "POST", headers, body).await
    }

    /// A request of any method.
    pub async fn send(
        &self,
        target: &Target,
        method: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Reply, CallError> {
        let exchange = self.exchange(target, method, headers, body);
        tokio::time::timeout(CALL_TIMEOUT, exchange).await.map_err(|_| CallError::Timeout)?
    }

    async fn exchange(
        &self,
        target: &Target,
        method: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Reply, CallError> {
        let uri: Uri = target.url.parse().map_err(|_| CallError::Target("url".to_owned()))?;
        let authority = uri.authority().ok_or_else(|| CallError::Target("no host".to_owned()))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(method).uri(path).header("host", authority.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|error| CallError::Target(error.to_string()))?;
        let stream = TcpStream::connect(target.address).await.map_err(CallError::Connection)?;
        match target.transport {
            Transport::Plain => talk(stream, request).await,
            Transport::MutualTls => {
                let connector = self.tls.as_ref().ok_or(CallError::NoIdentity)?;
                let name = ServerName::try_from(authority.host().to_owned());
                let name = name.map_err(|error| CallError::Target(error.to_string()))?;
                talk(connector.connect(name, stream).await.map_err(CallError::Connection)?, request).await
            }
        }
    }
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Reply, CallError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| CallError::Http(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, REPLY_BYTES_MAX).collect().await;
    connection.abort();
    let body = body.map_err(|error| CallError::Http(error.to_string()))?.to_bytes().to_vec();
    let fields = parts.headers.iter();
    let headers = fields.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    Ok(Reply { status: parts.status.as_u16(), headers: headers.collect(), body })
}

fn certificates(file: &PathBuf) -> io::Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?.collect();
    read.map_err(io::Error::other)
}
