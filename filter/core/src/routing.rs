//! Which resource a request is for: by host and path prefix, whole segments, longest prefix first.
//!
//! A path that another parser could read differently (escapes, empty or dot segments, parameters) matches nothing and is refused by name.
//! A request that matches no resource is refused, never passed.
//! What is looked through for a request is what its host has, however many others there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Resource;
use crate::rejection::Rejection;
use crate::request::RequestHead;

/// The resources of a configuration, by where they are found.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// By host, the longest prefix first.
    resources: BTreeMap<String, Vec<Arc<Resource>>>,
    /// By the host and the path of their metadata (RFC 9728), which no two share.
    documents: BTreeMap<String, BTreeMap<String, Arc<Resource>>>,
}

impl Routes {
    pub(crate) fn of(resources: &[Arc<Resource>]) -> Self {
        let mut routes = Self::default();
        for resource in resources {
            for host in &resource.hosts {
                routes.resources.entry(host.clone()).or_default().push(Arc::clone(resource));
            }
            if let Some(metadata) = &resource.metadata {
                let documents = routes.documents.entry(metadata.host.clone()).or_default();
                documents.insert(metadata.path.clone(), Arc::clone(resource));
            }
        }
        for of_host in routes.resources.values_mut() {
            of_host.sort_by_key(|resource| core::cmp::Reverse(prefix_bytes(resource)));
        }
        routes
    }

    /// The resource whose document lies at `place`.
    pub(crate) fn document(&self, place: &Place<'_>) -> Option<&Arc<Resource>> {
        self.documents.get(&*place.host)?.get(place.path)
    }

    /// The resource that serves `place`.
    ///
    /// # Errors
    ///
    /// [`Rejection::ResourceUnknown`], or [`Rejection::PathAmbiguous`] where a server that does not tell cases apart would serve another one
    /// than that whose rules were applied.
    pub(crate) fn find(&self, place: &Place<'_>) -> Result<&Arc<Resource>, Rejection> {
        let of_host = self.resources.get(&*place.host).map(Vec::as_slice).unwrap_or_default();
        let found = of_host.iter().find(|resource| resource.path_prefix.matches(place.path));
        let found = found.ok_or(Rejection::ResourceUnknown)?;
        let mut longer = of_host.iter().take_while(|other| prefix_bytes(other) > prefix_bytes(found));
        if longer.any(|other| other.path_prefix.matches_in_any_case(place.path)) {
            return Err(Rejection::PathAmbiguous);
        }
        Ok(found)
    }
}

fn prefix_bytes(resource: &Resource) -> usize {
    resource.path_prefix.as_str().len()
}

/// Where a request goes, as it is compared everywhere.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    host: Cow<'a, str>,
    path: &'a str,
}

impl<'a> Place<'a> {
    /// # Errors
    ///
    /// [`Rejection::ResourceUnknown`] without one host and one path, [`Rejection::PathAmbiguous`] for a path that is not read alike everywhere.
    pub(crate) fn of(head: &RequestHead<'a>) -> Result<Self, Rejection> {
        let (authority, target) = (pseudo(head, ":authority")?, pseudo(head, ":path")?);
        Ok(Self { host: host_of(authority), path: plain_path(target)? })
    }
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
