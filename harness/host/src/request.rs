//! A downstream request: its headers, body and trailers, and the connection it comes on.

use std::collections::BTreeMap;

use crate::header_map::HeaderMap;

/// Names one request, and the stream it runs on, for the life of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u32);

/// What Envoy knows of the downstream connection. Each field is a property a filter can read.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// `connection.id`
    pub id: Option<u64>,
    /// `source.address`, as `ip:port`
    pub source: Option<String>,
    /// `destination.address`, as `ip:port`
    pub destination: Option<String>,
    /// `connection.mtls`: whether the client showed a certificate
    pub mtls: bool,
    /// `connection.tls_version`
    pub tls_version: Option<String>,
    /// `connection.requested_server_name`
    pub server_name: Option<String>,
    /// `connection.subject_peer_certificate`
    pub subject: Option<String>,
    /// `connection.uri_san_peer_certificate` is the first of these
    pub uri_sans: Vec<String>,
    /// `connection.dns_san_peer_certificate` is the first of these
    pub dns_sans: Vec<String>,
    /// `connection.sha256_peer_certificate_digest`, hex
    pub certificate_digest: Option<String>,
    /// `connection.peer_certificate`, PEM (1.38)
    pub certificate_pem: Option<String>,
}

/// A request and everything Envoy knows about it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) worker: usize,
    pub(crate) protocol: String,
    pub(crate) connection: Connection,
    pub(crate) properties: BTreeMap<Vec<String>, Option<Vec<u8>>>,
    pub(crate) last_chunk_ends: bool,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            headers: HeaderMap::from([
                (":authority", "localhost"),
                (":path", path),
                (":method", method),
                (":scheme", "http"),
            ]),
            chunks: Vec::new(),
            trailers: None,
            worker: 0,
            protocol: "HTTP/1.1".to_owned(),
            connection: Connection {
                source: Some("127.0.0.1:40000".to_owned()),
                destination: Some("127.0.0.1:10000".to_owned()),
                ..Connection::default()
            },
            properties: BTreeMap::new(),
            last_chunk_ends: false,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// `:authority`.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        self.headers.set(":authority", authority);
        self
    }

    /// Adds a header. A second one of the same name stays a second one, or is joined where Envoy joins.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// A body in one chunk, with its `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.headers.set("content-length", body.len().to_string());
        self.chunks = if body.is_empty() { Vec::new() } else { vec![body] };
        self
    }

    /// A body in several chunks, without `content-length`.
    #[must_use]
    pub fn chunks<C: Into<Vec<u8>>>(mut self, chunks: impl IntoIterator<Item = C>) -> Self {
        self.chunks = chunks.into_iter().map(Into::into).collect();
        self
    }

    /// Trailers. The last body callback then has no end of stream.
    #[must_use]
    pub fn trailers(mut self, trailers: impl Into<HeaderMap>) -> Self {
        self.trailers = Some(trailers.into());
        self
    }

    /// The last chunk carries the end of stream itself, instead of an empty chunk after it.
    #[must_use]
    pub fn last_chunk_ends_stream(mut self) -> Self {
        self.last_chunk_ends = true;
        self
    }

    /// The worker that accepted the connection.
    #[must_use]
    pub fn on_worker(mut self, worker: usize) -> Self {
        self.worker = worker;
        self
    }

    /// `request.protocol`, `HTTP/1.1` unless told otherwise.
    #[must_use]
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.protocol = protocol.to_owned();
        self
    }

    /// A client certificate with this URI SAN. Called again it adds a second, which filters cannot see.
    #[must_use]
    pub fn peer_uri_san(mut self, uri: &str) -> Self {
        self.connection.mtls = true;
        self.connection.tls_version.get_or_insert_with(|| "TLSv1.3".to_owned());
        self.connection.uri_sans.push(uri.to_owned());
        self.headers.set(":scheme", "https");
        self
    }

    /// The digest of the client certificate, in hexadecimal.
    #[must_use]
    pub fn peer_certificate_digest(mut self, digits: &str) -> Self {
        self.connection.certificate_digest = Some(digits.to_owned());
        self
    }

    /// Everything about the connection at once.
    #[must_use]
    pub fn connection(mut self, connection: Connection) -> Self {
        self.connection = connection;
        self
    }

    /// Gives a property these bytes, whatever Envoy would say.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<Vec<u8>>) -> Self {
        self.properties.insert(path.iter().map(|&p| p.to_owned()).collect(), Some(value.into()));
        self
    }

    /// Takes a property away.
    #[must_use]
    pub fn without_property(mut self, path: &[&str]) -> Self {
        self.properties.insert(path.iter().map(|&p| p.to_owned()).collect(), None);
        self
    }
}

/// An upstream's response.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) headers: HeaderMap,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) last_chunk_ends: bool,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            headers: HeaderMap::from([(":status", status.to_string())]),
            chunks: Vec::new(),
            trailers: None,
            last_chunk_ends: false,
        }
    }

    /// A JSON response.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status).header("content-type", "application/json").body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// A body in one chunk, with its `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.headers.set("content-length", body.len().to_string());
        self.chunks = if body.is_empty() { Vec::new() } else { vec![body] };
        self
    }

    /// A body in several chunks, without `content-length`.
    #[must_use]
    pub fn chunks<C: Into<Vec<u8>>>(mut self, chunks: impl IntoIterator<Item = C>) -> Self {
        self.chunks = chunks.into_iter().map(Into::into).collect();
        self
    }

    /// Trailers.
    #[must_use]
    pub fn trailers(mut self, trailers: impl Into<HeaderMap>) -> Self {
        self.trailers = Some(trailers.into());
        self
    }

    /// The last chunk carries the end of stream itself, instead of an empty chunk after it.
    #[must_use]
    pub fn last_chunk_ends_stream(mut self) -> Self {
        self.last_chunk_ends = true;
        self
    }
}
