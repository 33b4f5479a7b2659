//! URLs: where an authorization server is called, and the identifiers that look like one.
//!
//! `https` is required.
//! `http` is taken for loopback hosts only (`localhost`, `127.0.0.0/8`, `[::1]`), so that an issuer on one's own machine works;
//! whether the connection itself is encrypted is decided by the Envoy cluster, for which this URL is only `:scheme`, `:authority` and `:path`.
//! A URL is kept as written and never normalized.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::config::error::{ConfigError, Path};
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
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
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
    /// No host, or a port that is not a number from 1 to 65535.
    Host,
    /// `http` to a host that is not this machine.
    PlainHttp,
    /// A query, where none may be.
    Query,
    /// It does not begin with `https://`.
    Scheme,
    /// Longer than [`URL_BYTES_MAX`].
    TooLong,
    /// A user name before the host.
    UserInfo,
}

/// RFC 3986 §2: what a URL may be made of.
pub(super) fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// The host of `authority`, without brackets.
pub(super) fn host_of(authority: &str) -> Result<&str, UrlError> {
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
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// RFC 1035 §2.3.4: a domain name has at most 255 octets on the wire, 253 written out.
const HOST_BYTES_MAX: usize = 253;

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

impl UrlError {
    /// What the configuration should have said at `path` instead of `url`.
    pub(super) fn at(self, path: &Path<'_>, url: &str) -> ConfigError {
        const WANT: &str = "a URL such as \"https://idp.example/path\"";
        // What follows `?`, or stands before `@`, may be a secret.
        let shown = url.split_once('?').map_or(url, |(shown, _)| shown);
        match self {
            Self::Character => path.found(shown, WANT, "only ASCII without spaces and quotes can stand in a URL"),
            Self::Fragment => path.found(shown, WANT, "a fragment (`#`) is never sent"),
            Self::Host => path.found(shown, WANT, "the host must be a name or an address, the port 1 to 65535"),
            Self::PlainHttp => path.found(
                shown,
                "an \"https://\" URL",
                "\"http://\" is accepted for localhost, 127.0.0.0/8 and [::1] only",
            ),
            Self::Query => path.wrong("found a query", "a URL without one", "an issuer has none (RFC 8414 §2)"),
            Self::Scheme => path.wrong("found no \"https://\"", WANT, "the scheme must be written out, in lower case"),
            Self::TooLong => path.wrong(
                format!("found {} bytes", url.len()),
                format!("at most {URL_BYTES_MAX} bytes"),
                "nothing this long is expected here",
            ),
            Self::UserInfo => path.wrong("found a user name in the URL", WANT, "credentials do not belong into a URL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_and_kept() {
        for (url, authority, path) in [
            ("https://idp.example/t?x=1", "idp.example", "/t?x=1"),
            ("https://idp.example", "idp.example", "/"),
            ("https://idp.example?x", "idp.example", "/?x"),
            ("https://Idp.Example:8443/a/b", "Idp.Example:8443", "/a/b"),
            ("https://[::1]:8443/", "[::1]:8443", "/"),
            ("http://localhost:1/a", "localhost:1", "/a"),
            ("http://127.9.9.9", "127.9.9.9", "/"),
            ("http://[::1]/@", "[::1]", "/@"),
        ] {
            let endpoint = Endpoint::parse(url);
            assert!(
                endpoint.as_ref().is_ok_and(|it| it.url == url && it.authority == authority && it.path == path),
                "{url}: {endpoint:?}"
            );
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, want) in [
            ("", UrlError::Scheme),
            ("idp.example", UrlError::Scheme),
            ("//idp.example", UrlError::Scheme),
            ("HTTPS://idp.example", UrlError::Scheme),
            ("ftp://idp.example", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///a", UrlError::Host),
            ("https://a..b/", UrlError::Host),
            ("https://a/\u{e9}", UrlError::Character),
            ("https://a b/", UrlError::Character),
            ("https://a\\b/", UrlError::Character),
            ("https://a/#x", UrlError::Fragment),
            ("https://u:p@a/", UrlError::UserInfo),
            ("https://a@b?c", UrlError::UserInfo),
            ("https://a:0/", UrlError::Host),
            ("https://a:/", UrlError::Host),
            ("https://a:65536/", UrlError::Host),
            ("https://a:+80/", UrlError::Host),
            ("https://a:80:80/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[::1]x/", UrlError::Host),
            ("https://[a]/", UrlError::Host),
            ("http://idp.example/", UrlError::PlainHttp),
            ("http://localhost.example/", UrlError::PlainHttp),
            ("http://127.0.0.1.example/", UrlError::PlainHttp),
            ("http://0.0.0.0/", UrlError::PlainHttp),
            ("http://[::2]/", UrlError::PlainHttp),
        ] {
            assert_eq!(Endpoint::parse(url), Err(want), "{url}");
        }
        assert_eq!(Endpoint::parse_issuer("https://a/?x"), Err(UrlError::Query));
    }

    #[test]
    fn the_length_holds_at_the_bound_and_not_one_past() {
        let url = |bytes: usize| format!("https://a/{}", "x".repeat(bytes - "https://a/".len()));
        assert!(Endpoint::parse(&url(URL_BYTES_MAX)).is_ok());
        assert_eq!(Endpoint::parse(&url(URL_BYTES_MAX + 1)), Err(UrlError::TooLong));
    }
}
