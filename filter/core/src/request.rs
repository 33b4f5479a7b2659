//! What the adapter tells the core of one request, borrowed from the host's own buffers.
//!
//! Header names arrive in lower case and in the order of the wire, duplicates included: nothing here picks the first of several.
//! Values are bytes; whoever wants text asks for it and gets `None` for anything that is not.

mod headers;

use core::fmt;
use std::sync::Arc;

pub use headers::{Header, Headers};

use crate::sharing::SharedData;
use crate::signatures::Signatures;
use crate::time::UnixSeconds;

/// The host's number for one HTTP stream, unique within one VM while the stream lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// What a decision takes from outside itself: the time, fresh randomness and signature arithmetic, and what other workers left.
///
/// The adapter reads each once per callback, or where it is asked for, so the core stays a function of its arguments.
pub struct Ambient<'a> {
    /// Wall-clock time of this callback.
    pub now: UnixSeconds,
    /// Draws 16 fresh random bytes; for identifiers, never for keys.
    pub draw: &'a mut dyn FnMut() -> [u8; 16],
    /// Verifies and signs, in the guest or through the host.
    pub signatures: &'a dyn Signatures,
    /// What all workers see.
    pub shared: &'a dyn SharedData,
    /// Where the request at hand comes from, address and port; it proves nothing and only tells floods apart, so it is asked for where one may begin.
    pub address: &'a dyn Fn() -> Option<String>,
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
}

/// The request headers and what is known of the peer that sent them.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The stream the request arrived on.
    pub stream: StreamId,
    /// Every header as the host holds it, pseudo-headers included, names in lower case.
    pub headers: Headers<'a>,
    /// What the connection shows of its other end.
    pub peer: Peer<'a>,
    /// True where no body follows.
    pub end_of_stream: bool,
}

impl<'a> RequestHead<'a> {
    /// Every value sent under `name`.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.headers.named(name.as_bytes())
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
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(random) {
            *pair = digits(byte);
        }
        // Digits are ASCII.
        Self(core::str::from_utf8(&text).unwrap_or_default().into())
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Nothing but digits, which are ASCII.
    String::from_utf8(bytes.iter().flat_map(|byte| digits(*byte)).collect()).unwrap_or_default()
}

const fn digits(byte: u8) -> [u8; 2] {
    const fn digit(four: u8) -> u8 {
        let first = if four < 10 { b'0' } else { b'a'.wrapping_sub(10) };
        first.wrapping_add(four)
    }
    [digit(byte >> 4), digit(byte & 0xf)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(headers: &'a [(&'a [u8], &'a [u8])]) -> RequestHead<'a> {
        RequestHead { stream: StreamId(1), headers: Headers::of(headers), peer: Peer::default(), end_of_stream: true }
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
        let bytes = [0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0x9a, 0xab, 0xcd, 0xef, 0xf0, 0x0f, 0x19, 0x91, 0x7f, 0xff];
        assert_eq!(TransactionId::new(bytes).as_str(), "0001234567899aabcdeff00f19917fff");
        for byte in 0..=u8::MAX {
            assert_eq!(hex(&[byte]), format!("{byte:02x}"));
        }
        assert_eq!(hex(&bytes), TransactionId::new(bytes).as_str());
    }
}
