//! Several issuers at one resource: each with its own keys, kinds of token and audience, told apart by the exact `iss`.
//!
//! A token of any other issuer costs no signature check and no call.

use std::sync::Arc;

use crate::config::accept::Accept;
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::resource::Surroundings;
use crate::config::server::{self, AuthorizationServer};
use crate::config::{raw, text};
use crate::limits::{OTHER_ISSUERS_MAX, URL_BYTES_MAX};

/// An issuer beside the first, and the audience of its tokens.
#[derive(Debug)]
pub struct OtherIssuer {
    /// The server whose tokens are taken too.
    pub server: Arc<AuthorizationServer>,
    /// The `aud` that its tokens must name.
    pub audience: String,
}

impl Accept {
    /// Whether anybody is known by the name in a client certificate.
    pub(crate) fn looks_at_names(&self) -> bool {
        self.caller.mtls || self.workloads.as_ref().is_some_and(|workloads| workloads.mtls)
    }

    /// Every issuer whose tokens are taken, with the audience of its tokens; the first is the resource's own.
    pub fn issuers(&self) -> impl Iterator<Item = (&Arc<AuthorizationServer>, &str)> {
        let others = self.other_issuers.iter().map(|other| (&other.server, other.audience.as_str()));
        core::iter::once((&self.server, self.audience.as_str())).chain(others)
    }

    /// The server that is that issuer, if its tokens are taken here.
    #[must_use]
    pub fn issuer(&self, issuer: &str) -> Option<(&Arc<AuthorizationServer>, &str)> {
        self.issuers().find(|(server, _)| server.issuer == issuer)
    }
}

/// Checks the issuers beside `first`.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&[raw::OtherIssuer]>,
    (first, audience): (&AuthorizationServer, &str),
    around: Surroundings<'_>,
) -> Result<Vec<OtherIssuer>, ConfigError> {
    let raw = raw.unwrap_or_default();
    text::at_most(path, raw.len(), OTHER_ISSUERS_MAX, "issuers")?;
    let mut checked: Vec<OtherIssuer> = Vec::new();
    for (at, raw) in raw.iter().enumerate() {
        let path = path.index(at);
        let name = path.field("authorization_server");
        let server = server::refer(
            &name,
            raw.authorization_server.as_deref(),
            around.servers,
            "say whose tokens are accepted too",
        )?;
        if server.name == first.name || checked.iter().any(|other| other.server.name == server.name) {
            return Err(name.found(
                &server.name,
                "a server that is not named yet",
                format!("{} has its audience already", quoted(&server.name)),
            ));
        }
        let other = raw.audience.as_deref().map_or_else(
            || Ok(audience.to_owned()),
            |value| text::text(&path.field("audience"), value, URL_BYTES_MAX),
        )?;
        if let Some(agent) = around.agents.by_audience(&other).filter(|_| other != audience) {
            return Err(path.field("audience").found(
                &other,
                "an audience that stands for the same agent, or for none",
                format!("it is the resource of {}, whose tokens another agent would use", quoted(&agent.id)),
            ));
        }
        checked.push(OtherIssuer { server, audience: other });
    }
    Ok(checked)
}
