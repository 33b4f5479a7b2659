//! What the adapter tells the core of one request, borrowed from the host's own buffers.
//!
//! Header names arrive in lower case and in the order of the wire, duplicates included: nothing here picks the first of several.
//! Values are bytes; whoever wants text asks for it and gets `None` for anything that is not.

use core::fmt;
use std::sync::Arc;

use ct_codecs::{Encoder as _, Hex};

use crate::sharing::SharedData;
use crate::signatures::Signatures;
use crate::time::UnixSeconds;

/// The host's number for one HTTP stream, unique within one VM while the stream lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// What a decision takes from outside itself: the time, fresh randomness and signature arithmetic, and what other workers left.
///
/// The adapter reads each once per callback, so the core stays a function of its arguments.
pub struct Ambient<'a> {
    /// Wall-clock time of this callback.
    pub now: UnixSeconds,
    /// Draws 16 fresh random bytes; for identifiers, never for keys.
    pub draw: &'a mut dyn FnMut() -> [u8; 16],
    /// Verifies and signs, in the guest or through the host.
    pub signatures: &'a dyn Signatures,
    /// What all workers see.
    pub shared: &'a dyn SharedData,
}

impl fmt::Debug for Ambient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What the connection shows of its other end: a client certificate that the host validated, or nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer<'a> {
    /// First URI SAN of the certificate.
    pub uri_san: Option<&'a str>,
    /// SHA-256 of the certificate in DER.
    pub certificate_sha256: Option<[u8; 32]>,
    /// Where it calls from, address and port, told where it shows no certificate; it proves nothing and only tells floods apart.
    pub address: Option<&'a str>,
}

/// The request headers and what is known of the peer that sent them.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The stream the request arrived on.
    pub stream: StreamId,
    /// Every header as the host holds it, pseudo-headers included, names in lower case.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// What the connection shows of its other end.
    pub peer: Peer<'a>,
    /// True where no body follows.
    pub end_of_stream: bool,
}

impl<'a> RequestHead<'a> {
    /// Every value sent under `name`.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let headers = self.headers;
        headers.iter().filter(move |(key, _)| *key == name.as_bytes()).map(|(_, value)| *value)
    }

    /// The value of a header that may be sent once only; two are an error.
    pub fn single(&self, name: &str) -> Result<Option<&'a [u8]>, RepeatedHeader> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(RepeatedHeader),
        }
    }

    /// As [`Self::single`], for headers whose value must be ASCII text.
    pub fn single_text(&self, name: &str) -> Result<Option<&'a str>, RepeatedHeader> {
        match self.single(name)? {
            None => Ok(None),
            Some(bytes) if bytes.is_ascii() => core::str::from_utf8(bytes).map(Some).map_err(|_| RepeatedHeader),
            Some(_) => Err(RepeatedHeader),
        }
    }
}

/// A header sent more than once, or not as text, where one text value decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedHeader;

/// Names one request in every record, reply and upstream call: 128 random bits, 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionId(Arc<str>);

impl TransactionId {
    /// From 16 freshly drawn bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex(&random).into())
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Fails past half of all memory only, which no slice has.
    Hex::encode_to_string(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(headers: &'a [(&'a [u8], &'a [u8])]) -> RequestHead<'a> {
        RequestHead { stream: StreamId(1), headers, peer: Peer::default(), end_of_stream: true }
    }

    #[test]
    fn a_repeated_header_is_never_reduced_to_its_first_value() {
        let headers: [(&[u8], &[u8]); 3] = [(b"a", b"1"), (b"b", b"x"), (b"a", b"2")];
        let head = head(&headers);
        assert_eq!(head.all("a").count(), 2);
        assert_eq!(head.single("a"), Err(RepeatedHeader));
        assert_eq!(head.single("b"), Ok(Some(b"x".as_slice())));
        assert_eq!(head.single("c"), Ok(None));
    }

    #[test]
    fn text_that_is_not_ascii_is_refused() {
        let headers: [(&[u8], &[u8]); 1] = [(b"a", b"\xff")];
        assert_eq!(head(&headers).single_text("a"), Err(RepeatedHeader));
    }

    #[test]
    fn transaction_ids_are_32_hex_digits() {
        assert_eq!(TransactionId::new([0xa0; 16]).as_str(), "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0");
    }
}
