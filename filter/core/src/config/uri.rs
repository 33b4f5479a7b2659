//! URIs of resources, and when one is written as everybody writes it.
//!
//! Servers normalise what they are asked for before they look it up, each a little differently (WHATWG URL, RFC 3986 §6.2.2).
//! So a URI that a pattern lets in must be one that nothing is to be done to.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::config::endpoint::{is_host_name, is_url_byte};
use crate::percent::decoded;
use crate::spelling::folded;

/// The schemes whose URIs readers take apart, and their default ports.
const SPECIAL: [(&str, &str); 6] =
    [("http", "80"), ("https", "443"), ("ws", "80"), ("wss", "443"), ("ftp", "21"), ("file", "")];

/// One text for all spellings of a URI that differ in case or in what is escaped.
pub(super) fn spelling(uri: &str) -> String {
    folded(decoded(uri).as_deref().unwrap_or(uri))
}

/// Whether nobody would write the URI, or the beginning of one, otherwise: its characters, scheme and host, and no empty segment but the last.
pub(super) fn is_normal(uri: &str) -> bool {
    let (before_query, query) = uri.split_once('?').map_or((uri, None), |(before, query)| (before, Some(query)));
    let Some((scheme, rest)) = before_query.split_once(':') else {
        return false;
    };
    // `#` begins what is never sent. Some escape `'` in a query, and some drop an empty one.
    let plain = uri.bytes().all(|byte| is_url_byte(byte) && byte != b'#');
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            rest.split_once('/').map_or((Some(rest), None), |(authority, path)| (Some(authority), Some(path)))
        }
        None => (None, Some(rest)),
    };
    let segments = path.unwrap_or_default().split('/');
    let no_gap = segments.clone().rev().skip(1).all(|segment| !segment.is_empty());
    let special = SPECIAL.iter().find(|(special, _)| scheme.eq_ignore_ascii_case(special));
    plain
        && no_gap
        && query.is_none_or(|query| !query.is_empty() && !query.contains('\''))
        && special.is_none_or(|(special, port)| {
            scheme == *special
                && path.is_some()
                && authority.is_some_and(|authority| is_normal_authority(authority, port))
        })
}

/// The host in lower case, an address as it is written shortest, and a port only where it says something. A file is on no host.
fn is_normal_authority(authority: &str, default_port: &str) -> bool {
    if default_port.is_empty() {
        return authority.is_empty();
    }
    let end = if authority.starts_with('[') {
        authority.find(']').map_or(0, |at| at.saturating_add(1))
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let Some((host, port)) = authority.split_at_checked(end) else {
        return false;
    };
    let port_is_normal = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            port != default_port && port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
        });
    port_is_normal && is_normal_host(host)
}

fn is_normal_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return !address.contains('.') && address.parse::<Ipv6Addr>().is_ok_and(|read| read.to_string() == address);
    }
    // A last label of digits makes an address of it, in any of four ways to write one.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    is_host_name(host)
        && !host.bytes().any(|byte| byte.is_ascii_uppercase())
        && (!is_number || host.parse::<Ipv4Addr>().is_ok_and(|read| read.to_string() == host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_written_as_everybody_writes_it() {
        for uri in [
            "file:///public/a",
            "file:///public/a%20b",
            "file:///public/",
            "file:///",
            "https://h/x",
            "https://h/",
            "https://h:8443/x?a=b",
            "https://10.0.0.1/x",
            "https://[::1]:8443/x",
            "db://one",
            "db://One/x",
            "db:one",
            "db:one/two",
            "note://it's",
        ] {
            assert!(is_normal(uri), "{uri}");
        }
        for uri in [
            "",
            "public",
            "file:///public/a ",
            " file:///public/a",
            "file:///public/\u{e9}",
            "file:///public/a\tb",
            "file:///public/a#b",
            "file:///public//a",
            "file:////a",
            "file:/public/a",
            "file:public",
            "file://localhost/a",
            "file://h",
            "FILE:///a",
            "https:h/x",
            "https:/h/x",
            "https://h",
            "https://H/x",
            "https://h:443/x",
            "https://h:/x",
            "https://h:08443/x",
            "http://h:80/x",
            "https://u@h/x",
            "https://@h/x",
            "https://%68/x",
            "https://h./x",
            "https://127.1/x",
            "https://127.0.0.01/x",
            "https://0x7f.0.0.1/x",
            "https://2130706433/x",
            "https://a.0x1/x",
            "https://[0:0::1]/x",
            "https://[::1/x",
            "https://[::ffff:1.2.3.4]/x",
            "https://h/x?",
            "https://h/x?a='b'",
            "https://h?a=b",
            "db://one//two",
        ] {
            assert!(!is_normal(uri), "{uri}");
        }
    }

    #[test]
    fn a_spelling_is_that_of_what_is_escaped_too() {
        for uri in ["file:///a b", "file:///a%20b", "FILE:///A%20B"] {
            assert_eq!(spelling(uri), "file:///a b", "{uri}");
        }
        assert_eq!(spelling("file:///%C3%A9"), spelling("file:///\u{c9}"));
        assert_eq!(spelling("file:///%FF"), "file:///%ff");
    }
}
