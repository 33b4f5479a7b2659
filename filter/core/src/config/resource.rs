//! Protected resources: which requests are for them.
//!
//! A request belongs to the resource with its host and the longest prefix of its path, in whole segments.
//! No two resources share a host and a prefix, so there is never a choice; a request that belongs to none is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::config::accept::{self, Accept};
use crate::config::agent::Agents;
use crate::config::endpoint::is_host_name;
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::exchange::{self, Acquisition, Exchange};
use crate::config::metadata::{self, Metadata};
use crate::config::observe::{self, Observe};
use crate::config::protocol::{self, Protocol};
use crate::config::server::Servers;
use crate::config::streams::{self, StreamRules};
use crate::config::{introspection, raw, size, text, workloads};
use crate::limits::{HOSTS_PER_RESOURCE_MAX, RESOURCES_MAX, URL_BYTES_MAX};

/// One protected resource: which requests are for it, which tokens it takes, what it sends on.
#[derive(Debug)]
pub struct Resource {
    /// The name in configuration, in logs and in metrics.
    pub name: String,
    /// Its hosts, in lower case and without a port, which does not name a resource.
    pub hosts: Vec<String>,
    /// Its part of the path.
    pub path_prefix: PathPrefix,
    /// Which tokens it takes, from whom.
    pub accept: Accept,
    /// What credential is sent on.
    pub exchange: Exchange,
    /// What transaction token goes with each request; always there where the exchange is [`Exchange::Withheld`].
    pub transaction: Option<Arc<Acquisition>>,
    /// What the requests say, and which of them are allowed.
    pub protocol: Protocol,
    /// What it tells of itself to whoever asks how to get a token.
    pub metadata: Option<Metadata>,
    /// What ends an answer that goes on.
    pub streams: StreamRules,
    /// The longest request body that is read for a decision; a longer one is refused.
    pub body_bytes_max: usize,
    /// Whether cookies are removed from what is sent on.
    pub strip_cookies: bool,
    /// What refuses nothing yet.
    pub observe: Option<Observe>,
}

/// The beginning of a path, in whole segments.
///
/// Invariant: starts with `/`; no empty, `.` or `..` segment, no escape, no parameter, no query; no `/` at the end but in `/` itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Reads a prefix; `None` where it breaks the invariant.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments = text.strip_prefix('/')?;
        let plain = segments.is_empty() || segments.split('/').all(is_plain_segment);
        plain.then(|| Self(text.to_owned()))
    }

    /// Whether `path`, without its query, is the prefix or lies beneath it: `/a` matches `/a` and `/a/b`, not `/ab`.
    ///
    /// The path must already be one that every parser reads alike; nothing is decoded or normalized here.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        if self.0 == "/" {
            return path.starts_with('/');
        }
        path.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The same as [`Self::matches`] for a reader that does not tell cases apart.
    pub(crate) fn matches_in_any_case(&self, path: &str) -> bool {
        if self.0 == "/" {
            return path.starts_with('/');
        }
        path.split_at_checked(self.0.len()).is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(&self.0) && (rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// What of `path` lies beneath the prefix, with the `/` it begins with; `/` for the prefix itself.
    pub(crate) fn beneath<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = if self.0 == "/" { path } else { path.strip_prefix(&self.0)? };
        match rest {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }

    /// The prefix as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 3986 §3.3 `pchar` without escapes and without `;`, which servers disagree about.
fn is_plain_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(plain)
}

/// What checking a resource needs to know besides the resource.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The servers that may be referred to.
    pub(super) servers: &'a Servers,
    /// The agents that act.
    pub(super) agents: &'a Agents,
    /// Whether the host holds request headers while the body is read.
    pub(super) hold_headers: bool,
    /// By whose keys JWT-SVIDs are verified.
    pub(super) trust_domains: &'a Servers,
    /// The header that carries API keys.
    pub(super) api_key_header: Option<&'a str>,
    /// The VM's environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

const BODY_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// Checks every resource.
pub(super) fn check_all(
    path: &Path<'_>,
    resources: Option<&[raw::Resource]>,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Arc<Resource>>, ConfigError> {
    const WANT: &str = "at least one resource";
    const ADVICE: &str = "a request that matches no resource is refused";
    let resources = resources.ok_or_else(|| path.missing(WANT, ADVICE))?;
    if resources.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(path, resources.len(), RESOURCES_MAX, "resources")?;
    let mut names = BTreeSet::new();
    let mut places = BTreeMap::new();
    let mut checked = Vec::new();
    for (at, raw) in resources.iter().enumerate() {
        let path = path.index(at);
        let resource = check(&path, raw, around, warnings)?;
        if !names.insert(resource.name.clone()) {
            let advice = "it labels metrics and log lines";
            return Err(path.field("name").found(&resource.name, "a name that no other resource has", advice));
        }
        for host in &resource.hosts {
            // A server that does not tell cases apart would serve both as one.
            let place = (host.clone(), resource.path_prefix.as_str().to_ascii_lowercase());
            if let Some(other) = places.insert(place, resource.name.clone()) {
                return Err(overlap(&path, host, &resource.path_prefix, &other));
            }
        }
        checked.push(Arc::new(resource));
    }
    Ok(checked)
}

fn overlap(path: &Path<'_>, host: &str, prefix: &PathPrefix, other: &str) -> ConfigError {
    path.field("match").field("path_prefix").found(
        prefix.as_str(),
        format!("a prefix that no other resource of host {} has, in any case", quoted(host)),
        format!("resource {} has it already, and not every server tells cases apart", quoted(other)),
    )
}

fn check(
    path: &Path<'_>,
    raw: &raw::Resource,
    around: Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Resource, ConfigError> {
    let name = path.field("name");
    let name = text::name(
        &name,
        raw.name.as_deref().ok_or_else(|| name.missing("a name", "it labels metrics and log lines"))?,
    )?;
    let (hosts, path_prefix) = check_match(&path.field("match"), raw.r#match.as_ref())?;
    let accept = accept::check(&path.field("accept"), raw.accept.as_ref(), around, warnings)?;
    let exchange = exchange::check(&path.field("exchange"), raw.exchange.as_ref(), &accept, around, warnings)?;
    let transaction =
        exchange::check_transaction(&path.field("exchange"), raw.exchange.as_ref(), &accept, around, warnings)?;
    if accept.introspection.is_some() {
        introspection::check_reach(path, &exchange, transaction.as_deref())?;
    }
    workloads::check_reach(path, &accept, (&exchange, transaction.is_some()), around)?;
    let protocol = protocol::check(path, raw, &name, around, warnings)?;
    let acquired = match &exchange {
        Exchange::Acquire(acquisition) => Some(acquisition),
        Exchange::PassThrough { .. } | Exchange::Inject(_) | Exchange::Withheld => transaction.as_ref(),
    };
    if let (Some(acquisition), Protocol::A2a(_)) = (acquired, &protocol) {
        return Err(path.field("exchange").wrong(
            format!("found \"{}\" beside \"a2a\"", acquisition.kind.word()),
            "\"pass_through\"",
            "an A2A method names no scopes to ask for, and a token of any scope is too much",
        ));
    }
    let place = metadata::Place { hosts: &hosts, prefix: &path_prefix };
    let metadata = metadata::check(&path.field("metadata"), raw.metadata.as_ref(), place, &accept, warnings)?;
    Ok(Resource {
        name,
        metadata,
        streams: streams::check(&path.field("streams"), raw.streams.as_ref())?,
        hosts,
        path_prefix,
        accept,
        exchange,
        transaction,
        protocol,
        body_bytes_max: raw
            .max_body
            .as_deref()
            .map_or(Ok(BODY_BYTES_MAX_DEFAULT), |value| size::body_bytes_max(&path.field("max_body"), value))?,
        strip_cookies: raw.strip_cookies.unwrap_or(true),
        observe: raw.observe.as_ref().map(|raw| observe::check(&path.field("observe"), raw)).transpose()?,
    })
}

fn check_match(path: &Path<'_>, raw: Option<&raw::Match>) -> Result<(Vec<String>, PathPrefix), ConfigError> {
    const WANT: &str = "at least one host name";
    const ADVICE: &str = "say which requests are for this resource";
    let raw = raw.ok_or_else(|| path.missing("{\"hosts\": [...], \"path_prefix\": ...}", ADVICE))?;
    let hosts = path.field("hosts");
    let names = raw.hosts.as_deref().ok_or_else(|| hosts.missing(WANT, ADVICE))?;
    if names.is_empty() {
        return Err(hosts.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&hosts, names.len(), HOSTS_PER_RESOURCE_MAX, "hosts")?;
    let mut seen = BTreeSet::new();
    let mut checked = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = hosts.index(at);
        let host = check_host(&path, name)?;
        text::once(&path, &host, &mut seen)?;
        checked.push(host);
    }
    let prefix = check_prefix(&path.field("path_prefix"), raw.path_prefix.as_deref())?;
    Ok((checked, prefix))
}

/// RFC 9110 §4.2.3: hosts compare case-insensitively; here they are kept in lower case.
fn check_host(path: &Path<'_>, name: &str) -> Result<String, ConfigError> {
    let address = |name: &str| {
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
    };
    if is_host_name(name) || address(name) {
        return Ok(name.to_ascii_lowercase());
    }
    let advice = if name.contains('*') {
        "wildcards are not supported: list every host"
    } else if name.contains("://") {
        "leave the scheme out"
    } else if name.contains(':') && !name.starts_with('[') {
        "leave the port out, it does not name a resource"
    } else {
        "it is compared with :authority without its port"
    };
    Err(path.found(name, "a host name such as \"gateway.example.com\"", advice))
}

fn check_prefix(path: &Path<'_>, value: Option<&str>) -> Result<PathPrefix, ConfigError> {
    const WANT: &str = "whole segments such as \"/auroradb/mcp\", or \"/\"";
    let value = value.ok_or_else(|| path.missing(WANT, "say which paths are for this resource"))?;
    PathPrefix::parse(value).filter(|_| value.len() <= URL_BYTES_MAX).ok_or_else(|| {
        path.found(
            value,
            WANT,
            "no `/` at the end, no empty or dot segments, no escapes, parameters or query: servers read those differently",
        )
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn prefixes_match_whole_segments() {
        let prefix = PathPrefix::parse("/a/b").unwrap();
        for (path, want) in [
            ("/a/b", true),
            ("/a/b/", true),
            ("/a/b/c", true),
            ("/a/bc", false),
            ("/a", false),
            ("/a/B", false),
            ("a/b", false),
            ("/x/a/b", false),
        ] {
            assert_eq!(prefix.matches(path), want, "{path}");
        }
        let everything = PathPrefix::parse("/").unwrap();
        assert!(everything.matches("/") && everything.matches("/a") && !everything.matches("*"));
    }

    #[test]
    fn other_prefixes_are_refused() {
        for prefix in [
            "", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a%2fb", "/a;x", "/a?x",
            "/a#x", "/a b", "/a\\b", "/\u{e9}", "/a\0",
        ] {
            assert_eq!(PathPrefix::parse(prefix), None, "{prefix:?}");
        }
        for prefix in ["/", "/a", "/a.b/~c/d-e_f", "/...", "/a@b:c,d=e+f"] {
            assert!(PathPrefix::parse(prefix).is_some(), "{prefix}");
        }
    }
}
