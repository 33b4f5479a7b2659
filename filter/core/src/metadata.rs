//! The document by which a client finds out how to get a token for a resource (RFC 9728).
//!
//! It is public: no credential is asked for, and it holds nothing but configuration.
//! It is told by GET and HEAD under the one path that RFC 9728 §3.1 makes of the resource's identifier; a plain path is that of a resource at the root.

use serde_json::{Map, Value, json};

use crate::config::{Metadata, Resource};
use crate::rejection::Rejection;
use crate::request::RequestHead;

/// The document, where it is asked for as it may be.
///
/// # Errors
///
/// [`Rejection::HttpMethodRefused`] for anything but GET and HEAD.
pub(crate) fn document(resource: &Resource, head: &RequestHead<'_>) -> Result<Value, Rejection> {
    let reads = [Ok(Some(b"GET".as_slice())), Ok(Some(b"HEAD".as_slice()))];
    if !reads.contains(&head.single(":method")) {
        return Err(Rejection::HttpMethodRefused);
    }
    let metadata = resource.metadata.as_ref().ok_or(Rejection::Internal("metadata of a resource without any"))?;
    Ok(render(metadata, resource))
}

fn render(metadata: &Metadata, resource: &Resource) -> Value {
    let mut document = Map::new();
    document.insert("resource".into(), json!(metadata.resource));
    let issuers: Vec<&str> = resource.accept.issuers().map(|(server, _)| server.issuer.as_str()).collect();
    let servers = metadata.authorization_servers.as_ref().map_or_else(|| json!(issuers), |servers| json!(servers));
    document.insert("authorization_servers".into(), servers);
    if !metadata.scopes_supported.is_empty() {
        document.insert("scopes_supported".into(), json!(metadata.scopes_supported.iter().collect::<Vec<_>>()));
    }
    // RFC 6750 §2.1 alone: a token in a form or in the query is refused here.
    document.insert("bearer_methods_supported".into(), json!(["header"]));
    if resource.accept.delegation.required {
        document.insert("actor_profile_required".into(), json!(true));
    }
    if let Some(dpop) = &resource.accept.dpop {
        document.insert("dpop_signing_alg_values_supported".into(), json!(dpop.algs().split(' ').collect::<Vec<_>>()));
        let caller = resource.accept.caller;
        // RFC 9728 §2: required only where a proof is the one way to show who calls.
        if caller.dpop && !caller.mtls {
            document.insert("dpop_bound_access_tokens_required".into(), json!(true));
        }
    }
    Value::Object(document)
}
