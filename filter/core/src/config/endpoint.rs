//! URLs: where an authorization server is called, and the identifiers that look like one.
//!
//! `https` is required.
//! `http` is taken for loopback hosts only (`localhost`, `127.0.0.0/8`, `[::1]`), so that an issuer on one's own machine works;
//! whether the connection itself is encrypted is decided by the Envoy cluster, for which this URL is only `:scheme`, `:authority` and `:path`.
//! A URL is kept as written and never normalized.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::limits::URL_BYTES_MAX;

/// A URL split into what a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL, as written.
    pub url: String,
    /// Host and port, for `:authority`.
    pub authority: String,
    /// Path and query, for `:path`; begins with `/`.
    pub path: String,
    /// For `:scheme`.
    pub scheme: Scheme,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, to a loopback host only.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Endpoint {
    /// Splits a URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`] for the first thing that is wrong with it.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        if url.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong);
        }
        if !url.bytes().all(is_url_byte) {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(UrlError::Scheme);
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
        let host = host_of(authority)?;
        if scheme == Scheme::Http && !is_loopback(host) {
            return Err(UrlError::PlainHttp);
        }
        let path = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { url: url.to_owned(), authority: authority.to_owned(), path, scheme })
    }

    /// Checks an issuer identifier: RFC 8414 §2 wants a URL "with no query or fragment components".
    ///
    /// # Errors
    ///
    /// [`UrlError`] for the first thing that is wrong with it.
    pub fn parse_issuer(url: &str) -> Result<Self, UrlError> {
        if url.contains('?') {
            return Err(UrlError::Query);
        }
        Self::parse(url)
    }
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// A space, a control character, a quote, or something outside ASCII.
    Character,
    /// It has a fragment, which no request can carry.
    Fragment,
    /// No host, a user name before it, or a port that is not a number from 1 to 65535.
    Host,
    /// `http` to a host that is not this machine.
    PlainHttp,
    /// A query, where none may be.
    Query,
    /// It does not begin with `https://`.
    Scheme,
    /// Longer than [`URL_BYTES_MAX`].
    TooLong,
}

/// RFC 3986 §2: what a URL may be made of.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// The host of `authority`, without brackets.
fn host_of(authority: &str) -> Result<&str, UrlError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(UrlError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        (host, port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, port) = authority.split_at_checked(end).ok_or(UrlError::Host)?;
        if !is_host_name(host) {
            return Err(UrlError::Host);
        }
        (host, port)
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        Some(port) if is_port(port) => Ok(host),
        Some(_) | None => Err(UrlError::Host),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Letters, digits and `-` in labels of at least one character, with a `.` between; RFC 1123 §2.1, and `_` as found in use.
pub(crate) fn is_host_name(host: &str) -> bool {
    host.len() <= HOST_BYTES_MAX
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// RFC 1035 §2.3.4: a domain name has at most 255 octets on the wire, 253 written out.
const HOST_BYTES_MAX: usize = 253;

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}
