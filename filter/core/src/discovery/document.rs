//! Reading a metadata document, in one way or not at all.
//!
//! Only what was to be looked up is read. An endpoint that is there must be where the server may have one, whether it is needed or not.
//! Grants and client authentication methods that the document does not list are told, not refused: servers leave them out,
//! and one that does not know a grant says so when it is asked.

use serde_json::{Map, Value};

use crate::config::{Discovery, Endpoint};
use crate::discovery::Needs;
use crate::exchange::answer::is_json;
use crate::flight::CalloutAnswer;
use crate::json;
use crate::limits::{METADATA_BYTES_MAX, METADATA_JSON_DEPTH_MAX};

/// What was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where tokens are asked for.
    pub(crate) token_endpoint: Option<Endpoint>,
    /// Where the keys are.
    pub(crate) jwks_uri: Option<Endpoint>,
    /// What is used of the server and is not in its lists.
    pub(crate) unlisted: Vec<&'static str>,
}

/// Reads the metadata of the server of that issuer out of the answer; the error is for the log.
pub(crate) fn read(
    answer: &CalloutAnswer<'_>,
    issuer: &str,
    discovery: &Discovery,
    needs: &Needs,
) -> Result<Found, &'static str> {
    let CalloutAnswer::Response { status, content_type, body, .. } = answer else {
        return Err("no answer");
    };
    if *status != 200 {
        return Err("status is not 200");
    }
    if !content_type.is_some_and(is_json) {
        return Err("content type is not JSON");
    }
    if body.len() > METADATA_BYTES_MAX {
        return Err("larger than metadata may be");
    }
    let Ok(Value::Object(members)) = json::parse(body, METADATA_JSON_DEPTH_MAX) else {
        return Err("not one object of strict JSON");
    };
    // RFC 8414 §3.3: "MUST be identical [...]. If these values are not identical, the data contained in the response MUST NOT be used."
    if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err("issuer is another");
    }
    let token_endpoint = endpoint(&members, "token_endpoint", discovery)?;
    let jwks_uri = endpoint(&members, "jwks_uri", discovery)?;
    if needs.token_endpoint && token_endpoint.is_none() {
        return Err("no token_endpoint");
    }
    if needs.jwks_uri && jwks_uri.is_none() {
        return Err("no jwks_uri");
    }
    let mut unlisted = not_in(&members, "grant_types_supported", &needs.grants)?;
    unlisted.extend(not_in(&members, "token_endpoint_auth_methods_supported", &needs.methods)?);
    Ok(Found { token_endpoint, jwks_uri, unlisted })
}

fn endpoint(members: &Map<String, Value>, name: &str, discovery: &Discovery) -> Result<Option<Endpoint>, &'static str> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let url = value.as_str().ok_or("an endpoint is not a text")?;
    let endpoint = Endpoint::parse(url).map_err(|_| "an endpoint is not an https URL without user and fragment")?;
    // Through the issuer's cluster another host may be anybody: assertions and tokens would be sent there.
    if discovery.admits(&endpoint) { Ok(Some(endpoint)) } else { Err("an endpoint is on another host") }
}

/// What of `used` a list leaves out; a document without that list says nothing about it.
fn not_in(members: &Map<String, Value>, name: &str, used: &[&'static str]) -> Result<Vec<&'static str>, &'static str> {
    let Some(value) = members.get(name) else {
        return Ok(Vec::new());
    };
    let listed: Option<Vec<&str>> = value.as_array().and_then(|words| words.iter().map(Value::as_str).collect());
    let listed = listed.ok_or("a list is not a list of texts")?;
    Ok(used.iter().copied().filter(|word| !listed.contains(word)).collect())
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
