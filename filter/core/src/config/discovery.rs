//! What of an authorization server is looked up in its own metadata, and where that metadata is.
//!
//! Nothing is looked up that configuration gives, and nothing is found unless configuration asks for it.
//! The metadata says where things are, never who is trusted: issuer, cluster and algorithms stay configuration's.

use crate::config::endpoint::{Endpoint, UrlError, host_of};
use crate::config::error::{ConfigError, Path};
use crate::config::{duration, raw, text};
use crate::limits::{
    DISCOVERY_AUTHORITIES_MAX, METADATA_REFRESH_SECONDS_MAX, METADATA_REFRESH_SECONDS_MIN, METADATA_STALE_SECONDS_MAX,
};
use crate::time::Seconds;

/// How the metadata of a server is fetched, and what it may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Where the document is.
    pub endpoint: Endpoint,
    /// The Envoy cluster that reaches it.
    pub cluster: String,
    /// How old a document may be before the next one is fetched.
    pub refresh: Seconds,
    /// How old a document may be and still be gone by; never less than `refresh`.
    pub max_stale: Seconds,
    /// Hosts and ports that an endpoint may be at besides the issuer's own.
    pub authorities: Vec<String>,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Where configuration says.
    Given(Endpoint),
    /// Where the metadata of its server says.
    Discovered,
}

impl Discovery {
    /// True where metadata may name an endpoint at this place: the cluster leads to the issuer, and to what else was said to be there.
    pub(crate) fn admits(&self, endpoint: &Endpoint) -> bool {
        let named = self.authorities.iter().map(String::as_str).chain([self.endpoint.authority.as_str()]);
        endpoint.scheme == self.endpoint.scheme && named.into_iter().any(|authority| authority == endpoint.authority)
    }
}

const REFRESH: Seconds = Seconds::new(60 * 60);
const MAX_STALE: Seconds = Seconds::new(24 * 60 * 60);

#[derive(Clone, Copy)]
enum Document {
    OAuth,
    OpenId,
}

/// Checks how metadata is to be fetched.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::Discovery,
    issuer: &str,
    cluster: &str,
) -> Result<Discovery, ConfigError> {
    let words = [("oauth", Document::OAuth), ("openid", Document::OpenId)];
    let advice = "\"oauth\" for RFC 8414, \"openid\" for OpenID Connect Discovery: they are at different paths";
    let document = text::word(&path.field("document"), raw.document.as_deref(), None, &words, advice)?;
    let endpoint = well_known(document, issuer).map_err(|error| error.at(path, issuer))?;
    let (refresh, max_stale) = check_ages(path, raw)?;
    let authorities = check_authorities(&path.field("authorities"), raw.authorities.as_deref())?;
    Ok(Discovery { endpoint, cluster: cluster.to_owned(), refresh, max_stale, authorities })
}

/// RFC 8414 §3.1 puts the well-known part between host and path, OpenID Connect Discovery 1.0 §4 appends it;
/// both take a `/` at the end of the issuer's path away first.
fn well_known(document: Document, issuer: &str) -> Result<Endpoint, UrlError> {
    let issuer = Endpoint::parse_issuer(issuer)?;
    let own = issuer.path.strip_suffix('/').unwrap_or(&issuer.path);
    let (scheme, authority) = (issuer.scheme.as_str(), &issuer.authority);
    Endpoint::parse(&match document {
        Document::OAuth => format!("{scheme}://{authority}/.well-known/oauth-authorization-server{own}"),
        Document::OpenId => format!("{scheme}://{authority}{own}/.well-known/openid-configuration"),
    })
}

fn check_ages(path: &Path<'_>, raw: &raw::Discovery) -> Result<(Seconds, Seconds), ConfigError> {
    let refresh = raw.refresh.as_deref().map_or(Ok(REFRESH), |value| {
        let range = METADATA_REFRESH_SECONDS_MIN..=METADATA_REFRESH_SECONDS_MAX;
        let advice = "an endpoint that moved is called where it was until the next fetch";
        duration::seconds(&path.field("refresh"), value, range, advice)
    })?;
    let place = path.field("max_stale");
    let max_stale = raw.max_stale.as_deref().map_or(Ok(MAX_STALE), |value| {
        let advice = "how old metadata may be and still be gone by, when none can be fetched";
        duration::seconds(&place, value, 1..=METADATA_STALE_SECONDS_MAX, advice)
    })?;
    if max_stale < refresh {
        let advice = "endpoints would be forgotten before the next fetch";
        return Err(place.wrong("found less than refresh", "at least as long as refresh", advice));
    }
    Ok((refresh, max_stale))
}

fn check_authorities(path: &Path<'_>, authorities: Option<&[String]>) -> Result<Vec<String>, ConfigError> {
    const ADVICE: &str = "compared exactly with what stands between \"://\" and the path of an endpoint";
    let authorities = authorities.unwrap_or_default();
    text::at_most(path, authorities.len(), DISCOVERY_AUTHORITIES_MAX, "authorities")?;
    for (at, authority) in authorities.iter().enumerate() {
        if host_of(authority).is_err() {
            return Err(path.index(at).found(authority, "a host, with a port where the URL has one", ADVICE));
        }
    }
    Ok(authorities.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::endpoint::Scheme;

    #[test]
    fn the_document_is_where_its_standard_says() {
        for (issuer, oauth, openid) in [
            (
                "https://as.example",
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ),
            // RFC 8414 §3.1: its own example.
            (
                "https://example.com/issuer1",
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
                "https://example.com/issuer1/.well-known/openid-configuration",
            ),
            (
                "https://as.example:8443/a/b/",
                "https://as.example:8443/.well-known/oauth-authorization-server/a/b",
                "https://as.example:8443/a/b/.well-known/openid-configuration",
            ),
        ] {
            let url = |document| well_known(document, issuer).map(|endpoint| endpoint.url);
            assert_eq!(url(Document::OAuth).as_deref(), Ok(oauth));
            assert_eq!(url(Document::OpenId).as_deref(), Ok(openid));
        }
    }

    #[test]
    fn an_endpoint_elsewhere_is_not_admitted() {
        let issuer = Endpoint::parse("https://as.example/.well-known/oauth-authorization-server");
        let Ok(endpoint) = issuer else { return };
        let discovery = Discovery {
            endpoint,
            cluster: "as".to_owned(),
            refresh: REFRESH,
            max_stale: MAX_STALE,
            authorities: vec!["login.example:8443".to_owned()],
        };
        for (url, want) in [
            ("https://as.example/token", true),
            ("https://login.example:8443/token", true),
            ("https://login.example/token", false),
            ("https://as.example:443/token", false),
            ("https://as.example.evil/token", false),
            ("https://AS.example/token", false),
            ("https://sub.as.example/token", false),
        ] {
            let admitted = Endpoint::parse(url).is_ok_and(|endpoint| discovery.admits(&endpoint));
            assert_eq!(admitted, want, "{url}");
        }
        let plain = Endpoint { scheme: Scheme::Http, ..discovery.endpoint.clone() };
        assert!(!discovery.admits(&plain));
    }
}
