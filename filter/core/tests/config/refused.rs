//! What is refused, and the exact words it is refused with.

mod agents;
mod exchanges;
mod introspection;
mod issuers;
mod policies;
mod proofs;
mod resources;
mod revoked;
mod rules;
mod senders;
mod servers;
mod sharing;
mod trust_domains;
mod workloads;

use serde_json::json;

use crate::document::{Edit, message};

fn check(cases: &[(&[Edit], &str)]) {
    for (edits, want) in cases {
        assert_eq!(message(edits), *want, "{edits:?}");
    }
}

#[test]
fn the_good_document_is_not() {
    assert_eq!(message(&[]), "accepted");
}

#[test]
fn the_document() {
    check(&[
        (
            &[Edit::Remove("/allow_on_headers_stop_iteration")],
            "allow_on_headers_stop_iteration: missing; want true or false: the same value as this filter has in Envoy; the filter cannot see it",
        ),
        (
            &[Edit::Set("/allow_on_headers_stop_iteration", json!("true"))],
            "allow_on_headers_stop_iteration: found a string; want true or false: this member has one type only",
        ),
        (
            &[Edit::Set("/allow_on_headers_stop_iteration", json!(null))],
            "allow_on_headers_stop_iteration: found null; want true or false: this member has one type only",
        ),
        (
            &[Edit::Set("/authorization_server", json!({}))],
            "authorization_server: unknown; want \"allow_on_headers_stop_iteration\", \"authorization_servers\", \"agents\", \"resources\", \"revoked\", \"api_key_header\", \"sharing\", \"record\" or \"trust_domains\": correct the name, or remove the member",
        ),
        (
            &[Edit::Remove("/authorization_servers")],
            "authorization_servers: missing; want at least one authorization server: tokens are accepted from named issuers only",
        ),
        (
            &[Edit::Set("/authorization_servers", json!([]))],
            "authorization_servers: found an array; want an object: this member has one type only",
        ),
        (
            &[Edit::Remove("/resources")],
            "resources: missing; want at least one resource: a request that matches no resource is refused",
        ),
        (
            &[Edit::Set("/resources", json!([]))],
            "resources: empty; want at least one resource: a request that matches no resource is refused",
        ),
        (
            &[Edit::Set("/resources", json!({}))],
            "resources: found an object; want an array: this member has one type only",
        ),
    ]);
}
