//! Which resource a request is for: by host and path prefix, whole segments, longest prefix first.
//!
//! A path that another parser could read differently (escapes, empty or dot segments, parameters) matches nothing and is refused by name.
//! A request that matches no resource is refused, never passed.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::Resource;
use crate::rejection::Rejection;
use crate::request::RequestHead;

/// Finds the resource of `head` among `resources`.
///
/// # Errors
///
/// [`Rejection::PathAmbiguous`] or [`Rejection::ResourceUnknown`].
pub(crate) fn find(resources: &[Arc<Resource>], head: &RequestHead<'_>) -> Result<Arc<Resource>, Rejection> {
    let authority = pseudo(head, ":authority")?;
    let target = pseudo(head, ":path")?;
    let host = host_of(authority);
    let path = plain_path(target)?;
    let longest = |matches: &dyn Fn(&Resource) -> bool| {
        let there =
            resources.iter().filter(|resource| resource.hosts.iter().any(|named| *named == host) && matches(resource));
        there.max_by_key(|resource| resource.path_prefix.as_str().len())
    };
    let found = longest(&|resource| resource.path_prefix.matches(path)).ok_or(Rejection::ResourceUnknown)?;
    // A server that does not tell cases apart would serve another resource than the one whose rules were applied.
    let alike = longest(&|resource| resource.path_prefix.matches_in_any_case(path));
    let length = |resource: &Resource| resource.path_prefix.as_str().len();
    if alike.is_some_and(|other| length(other) > length(found)) {
        return Err(Rejection::PathAmbiguous);
    }
    Ok(Arc::clone(found))
}

/// Host and path of a request as they are compared everywhere; `None` where they cannot be read.
pub(crate) fn place<'a>(head: &RequestHead<'a>) -> Option<(Cow<'a, str>, &'a str)> {
    let host = host_of(pseudo(head, ":authority").ok()?);
    let path = plain_path(pseudo(head, ":path").ok()?).ok()?;
    Some((host, path))
}

fn pseudo<'a>(head: &RequestHead<'a>, name: &str) -> Result<&'a str, Rejection> {
    match head.single_text(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) | Err(_) => Err(Rejection::ResourceUnknown),
    }
}

/// RFC 9110 §4.2.3: hosts compare case-insensitively; the port does not name a resource.
fn host_of(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

/// The path without its query, if there is only one way to read it.
pub(crate) fn plain_path(target: &str) -> Result<&str, Rejection> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if is_plain_path(path.as_bytes()) { Ok(path) } else { Err(Rejection::PathAmbiguous) }
}

fn is_plain_path(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/');
    let absolute = segments.next().is_some_and(<[u8]>::is_empty);
    // An empty segment is the last one, or the path has two slashes in a row.
    let mut ended = false;
    absolute
        && !path.is_empty()
        && segments.all(|segment| {
            let plain = !ended && !matches!(segment, b"." | b"..") && segment.iter().all(|byte| is_plain(*byte));
            ended = segment.is_empty();
            plain
        })
}

/// RFC 3986 §3.3 `pchar` without escapes and without `;`, both of which servers disagree about.
pub(crate) fn is_plain(byte: u8) -> bool {
    matches!(byte, b'&'..=b':' | b'@'..=b'Z' | b'a'..=b'z' | b'!' | b'$' | b'=' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_with_one_reading_pass() {
        for path in ["/", "/a", "/a/b", "/a/", "/a.b/c-d_e~f", "/a?x=%2f..//;"] {
            assert!(plain_path(path).is_ok(), "{path}");
        }
        for path in [
            "",
            "a",
            "*",
            "//",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/a%2fb",
            "/a%2Fb",
            "/%61",
            "/a;x",
            "/a\\b",
            "/a#b",
            "/a b",
            "/a\u{7f}",
            "http://h/a",
            "/%",
            "/a%00",
        ] {
            assert_eq!(plain_path(path), Err(Rejection::PathAmbiguous), "{path}");
        }
    }

    #[test]
    fn hosts_lose_case_and_port() {
        assert_eq!(host_of("Gateway.Example:8443"), "gateway.example");
        assert_eq!(host_of("gateway.example"), "gateway.example");
        assert_eq!(host_of("[::1]:80"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
        assert_eq!(host_of("gateway.example:80:90"), "gateway.example:80");
    }
}
