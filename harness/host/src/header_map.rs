//! Envoy's header map: lower-case names, ordered, duplicates kept, except that Envoy joins the
//! duplicates of the headers it stores inline.

use std::fmt;

/// Headers Envoy keeps in one inline slot: a second value is appended to the first.
const INLINE: [&str; 32] = [
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "grpc-message",
    "grpc-status",
    "host",
    "keep-alive",
    "origin",
    "proxy-connection",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// An ordered list of header fields as Envoy holds them.
///
/// Names are lower-case. Values are bytes: a header may carry anything from 0x80 up.
/// A second `authorization`, `content-type` or other inline header is joined to the first with
/// `,` (`cookie` with `; `), as Envoy joins it; any other duplicate stays an entry of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    fields: Vec<(String, Vec<u8>)>,
}

impl HeaderMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field, joining it to an inline header that is already there.
    pub fn add(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
        self.add_bytes(name.as_ref().as_bytes(), value.as_ref());
    }

    pub(crate) fn add_bytes(&mut self, name: &[u8], value: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if INLINE.contains(&name.as_str())
            && let Some((_, first)) = self.fields.iter_mut().find(|(n, _)| *n == name)
        {
            append(first, value, if name == "cookie" { b"; " } else { b"," });
            return;
        }
        let at = if name.starts_with(':') {
            self.fields.iter().take_while(|(n, _)| n.starts_with(':')).count()
        } else {
            self.fields.len()
        };
        self.fields.insert(at, (name, value.to_vec()));
    }

    /// Leaves one field of that name, with this value. One that is not inline goes to the end.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
        self.set_bytes(name.as_ref().as_bytes(), value.as_ref());
    }

    pub(crate) fn set_bytes(&mut self, name: &[u8], value: &[u8]) {
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        match self.fields.iter_mut().find(|(n, _)| *n == lower) {
            Some((_, first)) if INLINE.contains(&lower.as_str()) => *first = value.to_vec(),
            _ => {
                self.remove(&lower);
                self.add_bytes(name, value);
            }
        }
    }

    /// Removes every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The first value of that name. Envoy's own getter for filters answers no more than this.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// The first value of that name as text, or `None` when it is absent or not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every value of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Every field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.fields.clear();
    }

    pub(crate) fn byte_size(&self) -> usize {
        self.fields.iter().map(|(n, v)| n.len() + v.len()).sum()
    }

    /// `content-length` as a number, when it is there and is one.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.text("content-length")?.parse().ok()
    }

    /// `:status` as a number.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.text(":status")?.parse().ok()
    }
}

fn append(first: &mut Vec<u8>, value: &[u8], delimiter: &[u8]) {
    if value.is_empty() {
        return;
    }
    if !first.is_empty() {
        first.extend_from_slice(delimiter);
    }
    first.extend_from_slice(value);
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(n, v)| format!("{n}: {}", v.escape_ascii()))).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut map = Self::new();
        for (name, value) in fields {
            map.add(name, value);
        }
        map
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const L: usize> From<[(N, V); L]> for HeaderMap {
    fn from(fields: [(N, V); L]) -> Self {
        fields.into_iter().collect()
    }
}
