//! Which web pages may call a resource from a browser.
//!
//! A page says who it is by `Origin`, and only a browser does; so a request without one passes, and one with an origin that is not listed is refused.
//! Absent on purpose: wildcards, and `null`, which any sandboxed page can be.

use std::collections::BTreeSet;

use crate::config::endpoint::{Endpoint, Scheme};
use crate::config::error::{ConfigError, Path};
use crate::config::text;
use crate::limits::ORIGINS_MAX;

/// Checks the list; without one no page may call.
pub(super) fn check_all(path: &Path<'_>, values: Option<&[String]>) -> Result<BTreeSet<String>, ConfigError> {
    let values = values.unwrap_or_default();
    text::at_most(path, values.len(), ORIGINS_MAX, "origins")?;
    let mut origins = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        check(&path, value)?;
        text::once(&path, value, &mut origins)?;
    }
    Ok(origins)
}

/// RFC 6454 §6.2: scheme and host in lower case, and a port only where it is not the scheme's own.
fn check(path: &Path<'_>, value: &str) -> Result<(), ConfigError> {
    const WANT: &str = "an origin such as \"https://chat.example.com\"";
    let origin = Endpoint::parse(value).map_err(|error| error.at(path, value))?;
    let own_port = match origin.scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let bare = value.strip_prefix(origin.scheme.as_str()).and_then(|rest| rest.strip_prefix("://"));
    let as_sent = bare == Some(origin.authority.as_str())
        && !origin.authority.bytes().any(|byte| byte.is_ascii_uppercase())
        && !origin.authority.ends_with(own_port);
    if as_sent {
        return Ok(());
    }
    Err(path.found(value, WANT, "write it as browsers send it: lower case, no path, no port that the scheme implies"))
}
