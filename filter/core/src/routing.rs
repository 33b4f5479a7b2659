//! Which resource a request is for: by host and path prefix, whole segments, longest prefix first.
//!
//! A path that another parser could read differently (escapes, empty or dot segments, parameters) matches nothing and is refused by name.
//! A request that matches no resource is refused, never passed.
//! What is looked through for a request is what its host has, however many others there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Resource;
use crate::path_tree::PathTree;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rest::without_format;

/// The resources of a configuration, by where they are found.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    hosts: BTreeMap<String, OfHost>,
    /// By the host and the path of their metadata (RFC 9728), which no two share.
    documents: BTreeMap<String, BTreeMap<String, Arc<Resource>>>,
}

/// The resources of one host.
#[derive(Debug, Default)]
struct OfHost {
    resources: Vec<Arc<Resource>>,
    /// By the segments of their prefixes.
    tree: PathTree,
}

impl OfHost {
    /// The resources whose prefixes `path` begins with, in any case, the shortest prefix first.
    fn each_beginning<'r>(&'r self, path: &str, mut found: impl FnMut(&'r Arc<Resource>)) {
        self.tree.beginnings(path, &mut |at| {
            let matching = |resource: &&Arc<Resource>| resource.path_prefix.matches_in_any_case(path);
            if let Some(resource) = self.resources.get(at).filter(matching) {
                found(resource);
            }
        });
    }
}

impl Routes {
    pub(crate) fn of(resources: &[Arc<Resource>]) -> Self {
        let mut routes = Self::default();
        for resource in resources {
            for host in &resource.hosts {
                let of_host = routes.hosts.entry(host.clone()).or_default();
                of_host.tree.insert_prefix(resource.path_prefix.as_str(), of_host.resources.len());
                of_host.resources.push(Arc::clone(resource));
            }
            if let Some(metadata) = &resource.metadata {
                let documents = routes.documents.entry(metadata.host.clone()).or_default();
                documents.insert(metadata.path.clone(), Arc::clone(resource));
            }
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
    /// [`Rejection::ResourceUnknown`], or [`Rejection::PathAmbiguous`] where a server that does not tell cases apart, or that takes the end of
    /// the path for a format, would serve another one than that whose rules were applied.
    pub(crate) fn find(&self, place: &Place<'_>) -> Result<&Arc<Resource>, Rejection> {
        let of_host = self.hosts.get(&*place.host).ok_or(Rejection::ResourceUnknown)?;
        let (mut found, mut longest) = (None, 0);
        of_host.each_beginning(place.path, |resource| {
            // From the shortest on.
            longest = longest.max(resource.path_prefix.as_str().len());
            if resource.path_prefix.matches(place.path) {
                found = Some(resource);
            }
        });
        let found = found.ok_or(Rejection::ResourceUnknown)?;
        for path in without_format(place.path) {
            of_host.each_beginning(path, |other| longest = longest.max(other.path_prefix.as_str().len()));
        }
        if longest > found.path_prefix.as_str().len() { Err(Rejection::PathAmbiguous) } else { Ok(found) }
    }
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
    let Some((b'/', rest)) = path.split_first() else {
        return false;
    };
    // Of the segment that is read.
    let (mut length, mut dots) = (0_usize, 0_usize);
    let steps = |length: usize, dots: usize| dots == length && matches!(length, 1 | 2);
    for byte in rest {
        if *byte == b'/' {
            // An empty segment is the last one, or the path has two slashes in a row.
            if length == 0 || steps(length, dots) {
                return false;
            }
            (length, dots) = (0, 0);
        } else if is_plain(*byte) {
            length = length.wrapping_add(1);
            dots = dots.wrapping_add(usize::from(*byte == b'.'));
        } else {
            return false;
        }
    }
    !steps(length, dots)
}

/// RFC 3986 §3.3 `pchar` without escapes and without `;`, both of which servers disagree about.
pub(crate) fn is_plain(byte: u8) -> bool {
    PLAIN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Looked up, because this runs for each letter of each path.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut rest = plain.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((first, after)) = rest.split_first_mut() {
        *first = matches!(byte, b'&'..=b':' | b'@'..=b'Z' | b'a'..=b'z' | b'!' | b'$' | b'=' | b'_' | b'~');
        byte = byte.wrapping_add(1);
        rest = after;
    }
    plain
};

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
