//! Which resource a request is for: by host and path prefix, whole segments, longest prefix first.
//!
//! A path that another parser could read differently (escapes, empty or dot segments, parameters) matches nothing and is refused by name.
//! A request that matches no resource is refused, never passed.
//! What is looked through for a request is what its host has, however many others there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{PathPrefix, Resource};
use crate::path_tree::PathTree;
use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::rest::without_format;

/// The resources of a configuration, by where they are found.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    hosts: BTreeMap<String, ByPrefix<Arc<Resource>>>,
    /// By the host and the path of their metadata (RFC 9728), which no two share.
    documents: BTreeMap<String, BTreeMap<String, Arc<Resource>>>,
}

impl Routes {
    pub(crate) fn of(resources: &[Arc<Resource>]) -> Self {
        let mut routes = Self::default();
        for resource in resources {
            for host in &resource.hosts {
                let of_host = routes.hosts.entry(host.clone()).or_default();
                of_host.insert(resource.path_prefix.clone(), Arc::clone(resource));
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
        self.hosts.get(&*place.host).ok_or(Rejection::ResourceUnknown)?.find(place.path)
    }
}

/// What there is beneath the prefixes of one host.
#[derive(Debug)]
struct ByPrefix<T> {
    all: Vec<(PathPrefix, T)>,
    /// By the segments of their prefixes.
    tree: PathTree,
}

impl<T> Default for ByPrefix<T> {
    fn default() -> Self {
        Self { all: Vec::new(), tree: PathTree::default() }
    }
}

impl<T> ByPrefix<T> {
    fn insert(&mut self, prefix: PathPrefix, value: T) {
        self.tree.insert_prefix(prefix.as_str(), self.all.len());
        self.all.push((prefix, value));
    }

    /// Those whose prefixes `path` begins with, in any case, the shortest prefix first.
    fn each_beginning<'r>(&'r self, path: &str, mut found: impl FnMut(&'r PathPrefix, &'r T)) {
        self.tree.beginnings(path, &mut |number| {
            let matching = self.all.get(number).filter(|(prefix, _)| prefix.matches_in_any_case(path));
            if let Some((prefix, value)) = matching {
                found(prefix, value);
            }
        });
    }

    /// As [`Routes::find`].
    fn find(&self, path: &str) -> Result<&T, Rejection> {
        let (mut found, mut longest) = (None, 0);
        self.each_beginning(path, |prefix, value| {
            // From the shortest on.
            longest = longest.max(prefix.as_str().len());
            if prefix.matches(path) {
                found = Some((longest, value));
            }
        });
        let (length, value) = found.ok_or(Rejection::ResourceUnknown)?;
        for path in without_format(path) {
            self.each_beginning(path, |other, _| longest = longest.max(other.as_str().len()));
        }
        if longest > length { Err(Rejection::PathAmbiguous) } else { Ok(value) }
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
    let mut start = 0;
    for (at, byte) in rest.iter().enumerate() {
        if *byte == b'/' {
            // An empty segment is the last one, or the path has two slashes in a row.
            if matches!(rest.get(start..at), None | Some(b"" | b"." | b"..")) {
                return false;
            }
            start = at.wrapping_add(1);
        } else if !is_plain(*byte) {
            return false;
        }
    }
    !matches!(rest.get(start..), None | Some(b"." | b".."))
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
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One after the other, the longest first.
    fn looked_through(prefixes: &[String], path: &str) -> Result<String, Rejection> {
        let mut prefixes: Vec<PathPrefix> = prefixes.iter().map(|prefix| PathPrefix::parse(prefix).unwrap()).collect();
        prefixes.sort_by_key(|prefix| core::cmp::Reverse(prefix.as_str().len()));
        let found = prefixes.iter().find(|prefix| prefix.matches(path)).ok_or(Rejection::ResourceUnknown)?;
        let longer = |other: &&PathPrefix| other.as_str().len() > found.as_str().len();
        let readings: Vec<&str> = core::iter::once(path).chain(without_format(path)).collect();
        let is_read_as = |other: &PathPrefix| readings.iter().any(|path| other.matches_in_any_case(path));
        if prefixes.iter().take_while(longer).any(is_read_as) {
            return Err(Rejection::PathAmbiguous);
        }
        Ok(found.as_str().to_owned())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_looking_through_all_finds(
            prefixes in prop::collection::btree_set("/|(/(a|A|b|ab|B|a\\.b)){1,3}", 0..30),
            path in "(/(a|A|b|ab|aB|B|c|a\\.b|A\\.b\\.c)){0,4}/?",
        ) {
            let prefixes: Vec<String> = prefixes.into_iter().collect();
            let mut by_prefix = ByPrefix::default();
            for prefix in &prefixes {
                by_prefix.insert(PathPrefix::parse(prefix).unwrap(), prefix.clone());
            }
            prop_assert_eq!(by_prefix.find(&path).cloned(), looked_through(&prefixes, &path), "{}", path);
        }
    }

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
