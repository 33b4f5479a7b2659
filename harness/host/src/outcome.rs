//! What came of a request: what the upstream saw, what the client saw, and when.

use crate::clock::Instant;
use crate::header_map::HeaderMap;

/// One side's view of a message: the upstream's of the request, or the client's of the response.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The headers.
    pub headers: HeaderMap,
    /// When the headers came.
    pub headers_at: Instant,
    /// The whole body so far.
    pub body: Vec<u8>,
    /// The pieces of the body, and when each came. Empty pieces are left out.
    pub chunks: Vec<(Instant, Vec<u8>)>,
    /// The trailers.
    pub trailers: Option<HeaderMap>,
    /// When the end came. `None` means the other side still waits, or was cut off.
    pub ended_at: Option<Instant>,
    /// Whether the message was cut off before its end.
    pub reset: bool,
    /// An answer to HEAD, or a 204 or 304: its `content-length` describes a body nobody sends.
    pub(crate) bodiless: bool,
}

/// `content-length` says one thing, the body another. Envoy never mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthMismatch {
    /// What the header promised.
    pub declared: u64,
    /// What came.
    pub sent: u64,
}

impl Seen {
    pub(crate) fn begin(headers: HeaderMap, at: Instant) -> Self {
        Self { headers, headers_at: at, ..Self::default() }
    }

    pub(crate) fn cut_off(&mut self) {
        self.ended_at = None;
        self.reset = true;
    }

    pub(crate) fn data(&mut self, bytes: &[u8], at: Instant) {
        if !bytes.is_empty() {
            self.body.extend_from_slice(bytes);
            self.chunks.push((at, bytes.to_vec()));
        }
    }

    /// `:status` of a response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.headers.status().unwrap_or_default()
    }

    /// A header's first value as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.text(name)
    }

    /// The body as text, with bytes that are not UTF-8 replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the whole message came.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Set when too much was sent, or when the message ended with too little.
    ///
    /// A real upstream waits for the missing bytes until it gives up, and calls surplus ones a
    /// protocol error.
    #[must_use]
    pub fn length_mismatch(&self) -> Option<LengthMismatch> {
        let declared = self.headers.content_length()?;
        let sent = self.body.len() as u64;
        let wrong = !self.bodiless && (sent > declared || (self.complete() && sent < declared));
        wrong.then_some(LengthMismatch { declared, sent })
    }
}

/// A response Envoy or a filter made itself.
#[derive(Clone, Debug)]
pub struct LocalReply {
    /// What the client received.
    pub seen: Seen,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// What the upstream had already received. `None` is what a refusal should leave behind.
    pub upstream: Option<Seen>,
}

impl LocalReply {
    /// `:status`.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.seen.status()
    }

    /// A header's first value as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.seen.header(name)
    }

    /// The body as text.
    #[must_use]
    pub fn body_text(&self) -> String {
        self.seen.body_text()
    }
}

/// Where a request stands.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing has reached the upstream, and the client has no answer.
    Held,
    /// The upstream has the headers, and as much of the rest as was released.
    Forwarded(Seen),
    /// The upstream has a body that its `content-length` belies.
    LengthMismatch(LengthMismatch, Seen),
    /// The client has an answer that did not come from the upstream.
    LocalReply(LocalReply),
    /// The stream was reset: the client saw a broken connection.
    Reset {
        /// `%RESPONSE_CODE_DETAILS%`.
        details: String,
        /// What the upstream had received.
        upstream: Option<Seen>,
    },
    /// The client left.
    Disconnected {
        /// What the upstream had received.
        upstream: Option<Seen>,
    },
}

impl Outcome {
    /// The forwarded request, or `None` if it was not forwarded whole and in order.
    #[must_use]
    pub fn forwarded(&self) -> Option<&Seen> {
        match self {
            Self::Forwarded(seen) => Some(seen),
            _ => None,
        }
    }

    /// The local reply, if that is what the client got.
    #[must_use]
    pub fn local_reply(&self) -> Option<&LocalReply> {
        match self {
            Self::LocalReply(reply) => Some(reply),
            _ => None,
        }
    }

    /// Whether nothing was decided yet.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held)
    }
}
