//! SPIFFE trust domains: by whose keys JWT-SVIDs are verified.
//!
//! A trust domain issues nothing but SVIDs, so nothing that takes tokens of an authorization server can name one.
//! Its keys are fetched, kept, shared and given up as an issuer's are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::algorithm::{Algorithm, Algorithms};
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::server::{self, AssertionAudience, AuthorizationServer, Servers};
use crate::config::{raw, text};
use crate::jwks::KeyUse;
use crate::jwt::verify::AcceptedTyp;
use crate::limits::SERVERS_MAX;
use crate::spiffe;

/// Checks every trust domain.
pub(super) fn check_all(
    path: &Path<'_>,
    domains: Option<&BTreeMap<String, raw::TrustDomain>>,
    servers: &Servers,
) -> Result<Servers, ConfigError> {
    let mut checked = Servers::new();
    let Some(domains) = domains else {
        return Ok(checked);
    };
    let count = servers.len().saturating_add(domains.len());
    text::at_most(path, count, SERVERS_MAX, "authorization servers and trust domains")?;
    for (name, raw) in domains {
        let path = path.key(name);
        if !spiffe::is_trust_domain(name) {
            return Err(path.wrong(
                "no trust domain",
                "its name, without \"spiffe://\" and without a path, such as \"example.org\"",
                "it is compared with that of agents' SPIFFE IDs",
            ));
        }
        text::name(&path, name)?;
        if servers.contains_key(name) {
            let advice = format!("the name labels metrics and log lines, and {} has it", quoted(name));
            return Err(path.wrong("found in authorization_servers too", "another name there", advice));
        }
        checked.insert(name.clone(), Arc::new(check(&path, name, raw)?));
    }
    Ok(checked)
}

fn check(path: &Path<'_>, name: &str, raw: &raw::TrustDomain) -> Result<AuthorizationServer, ConfigError> {
    let cluster = text::optional_text(&path.field("cluster"), raw.cluster.as_deref())?;
    let keys = server::check_keys(path, raw.jwks.as_ref(), (cluster.as_deref(), None), KeyUse::Svids)?;
    Ok(AuthorizationServer {
        name: name.to_owned(),
        issuer: format!("spiffe://{name}"),
        token_endpoint: None,
        introspection_endpoint: None,
        discovery: None,
        keys,
        cluster,
        timeout: server::check_timeout(&path.field("timeout"), raw.timeout.as_deref())?,
        client_assertion_audience: AssertionAudience::Issuer,
        algorithms: check_algorithms(&path.field("algorithms"), raw.algorithms.as_deref())?,
        // JWT-SVID §2.3: "If set, its value MUST be either JWT or JOSE."
        typ: AcceptedTyp::new(["JWT", "JOSE", AcceptedTyp::ABSENT]).unwrap_or_else(|| AcceptedTyp::only("JWT")),
        clock_skew: server::check_clock_skew(&path.field("clock_skew"), raw.clock_skew.as_deref())?,
    })
}

/// JWT-SVID §2.1: those of RFC 7518 §3.3 to §3.5, "Validators receiving a token with the alg parameter set to a different value MUST reject the token".
fn check_algorithms(path: &Path<'_>, names: Option<&[String]>) -> Result<Algorithms, ConfigError> {
    let Some(names) = names else {
        let of_svids = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::EdDsa);
        return Ok(Algorithms::new(of_svids).unwrap_or_else(Algorithms::all));
    };
    let algorithms = server::check_algorithms(path, Some(names))?;
    if algorithms.contains(Algorithm::EdDsa) {
        return Err(path.wrong(
            "found EdDSA",
            "an algorithm that JWT-SVIDs may have",
            "JWT-SVID §2.1 does not list it",
        ));
    }
    Ok(algorithms)
}
