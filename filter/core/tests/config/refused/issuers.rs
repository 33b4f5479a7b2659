//! Faults of the issuers beside the first.

use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, message};

const OTHERS: &str = "/resources/0/accept/other_issuers";

#[test]
fn other_issuers() {
    check(&[
        (
            &[Edit::Set(OTHERS, json!([{}]))],
            "resources[0].accept.other_issuers[0].authorization_server: missing; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say whose tokens are accepted too",
        ),
        (
            &[Edit::Set(OTHERS, json!([{"authorization_server": "idp", "audience": ""}]))],
            "resources[0].accept.other_issuers[0].audience: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &[Edit::Set(OTHERS, json!([{"authorization_server": "knowledge"}]))],
            "resources[0].accept.other_issuers[0].authorization_server: found \"knowledge\"; want a server that is not named yet: \"knowledge\" has its audience already",
        ),
        (
            &[Edit::Set(
                "/resources/1/accept/other_issuers",
                json!([{"authorization_server": "idp", "audience": "https://example/other"}]),
            )],
            "resources[1].exchange.pass_through.audience: found \"https://example/corp/knowledge\"; want the audience of every issuer's tokens: accept.other_issuers[0].audience is \"https://example/other\": a token may only be passed on to the party it was minted for",
        ),
    ]);
    let another =
        json!({"name": "Another", "owner": "x@example", "status": "active", "resource": "https://example/another"});
    let theirs = json!([{"authorization_server": "idp", "audience": "https://example/another"}]);
    assert_eq!(
        message(&[Edit::Set("/agents/another", another), Edit::Set(OTHERS, theirs)]),
        "resources[0].accept.other_issuers[0].audience: found \"https://example/another\"; want an audience that stands for the same agent, or for none: it is the resource of \"another\", whose tokens another agent would use"
    );
    assert_eq!(
        message(&[Edit::Set(OTHERS, json!([{"authorization_server": "idp", "audience": "api://a"}]))]),
        "accepted"
    );
}

#[test]
fn their_number_is_bounded() {
    let with = |count: usize| {
        let names = (0..count).map(|at| format!("s{at}"));
        let others: Vec<Value> = names.map(|name| json!({"authorization_server": name})).collect();
        let mut document = crate::document::good();
        for at in 0..count {
            document["authorization_servers"][format!("s{at}")] = json!({
                "issuer": format!("https://s{at}.example"), "cluster": "s", "jwks": {"uri": format!("https://s{at}.example/keys")},
            });
        }
        document["resources"][0]["accept"]["other_issuers"] = json!(others);
        crate::document::read(&document).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(with(8), Ok(()));
    assert!(with(9).is_err_and(|error| error.contains("found 9 issuers; want at most 8")));
}
