//! Faults of the list of what is withdrawn.

use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, message};

const REVOKED: &str = "/revoked";

fn one(entry: Value) -> [Edit; 1] {
    [Edit::Set(REVOKED, json!([entry]))]
}

#[test]
fn entries() {
    let one_of = "revoked[0]: found none of them, or several; want exactly one of \"jti\", \"sub\", \"sid\", \"actor\", \"api_key_sha256\", \"dpop_key\" and \"certificate_sha256\": an entry withdraws one thing";
    check(&[
        (&one(json!({})), one_of),
        (&one(json!({"authorization_server": "idp", "jti": "a", "actor": "b"})), one_of),
        (
            &one(json!({"jti": "a"})),
            "revoked[0].authorization_server: missing; want one of authorization_servers: \"auroradb\", \"idp\" or \"knowledge\": say whose claim it is: issuers know nothing of each other's",
        ),
        (
            &one(json!({"authorization_server": "idp", "actor": "a"})),
            "revoked[0].authorization_server: found \"idp\"; want nothing: an actor is withdrawn in every namespace",
        ),
        (
            &one(json!({"authorization_server": "idp", "sub": ""})),
            "revoked[0].sub: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
        (
            &one(json!({"actor": "a", "issued_before": 253_402_300_800_u64})),
            "revoked[0].issued_before: found 253402300800; want seconds since 1970, before the year 10000: `date +%s` says them; they are not milliseconds",
        ),
        (
            &[Edit::Set(REVOKED, json!([{"actor": "a", "until": 1}, {"actor": "a"}]))],
            "revoked[1].actor: found \"a\"; want a value that is not withdrawn yet: which bounds count is not defined",
        ),
        (
            &[Edit::Set(
                REVOKED,
                json!([{"authorization_server": "idp", "sid": "a"}, {"authorization_server": "idp", "sid": "a"}]),
            )],
            "revoked[1].sid: found \"a\"; want a value that is not withdrawn yet: which bounds count is not defined",
        ),
    ]);
    // The same text is another claim, and another issuer's is another one's.
    let apart = json!([
        {"authorization_server": "idp", "sid": "a"}, {"authorization_server": "knowledge", "sid": "a"},
        {"authorization_server": "idp", "sub": "a"}, {"authorization_server": "idp", "jti": "a"}, {"actor": "a"},
    ]);
    assert_eq!(message(&[Edit::Set(REVOKED, apart)]), "accepted");
}

#[test]
fn keys() {
    let key = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    check(&[
        (
            &one(json!({"dpop_key": key, "issued_before": 1})),
            "revoked[0].issued_before: found beside a key; want nothing: nobody can tell when a key was used first",
        ),
        (
            &one(json!({"dpop_key": key, "authorization_server": "idp"})),
            "revoked[0].authorization_server: found \"idp\"; want nothing: a key is withdrawn whoever's tokens come with it",
        ),
        // Whatever it is, it may be the key itself.
        (
            &one(json!({"api_key_sha256": "the-key-itself"})),
            "revoked[0].api_key_sha256: found something else; want the SHA-256 of the key, 64 hexadecimal digits: `printf %s \"$KEY\" | sha256sum` says it; the key itself stands nowhere",
        ),
        (
            &one(json!({"certificate_sha256": "ba:78"})),
            "revoked[0].certificate_sha256: found \"ba:78\"; want the SHA-256 of the certificate in DER, 64 hexadecimal digits: `openssl x509 -in FILE -outform DER | sha256sum` says it",
        ),
    ]);
    // The same digest is another key of each kind.
    let apart = json!([{"api_key_sha256": digest}, {"certificate_sha256": digest, "until": 1}, {"dpop_key": key}]);
    assert_eq!(message(&[Edit::Set(REVOKED, apart)]), "accepted");
}

#[test]
fn their_number_is_bounded() {
    let with = |count: usize| {
        let entries: Vec<Value> = (0..count).map(|at| json!({"actor": format!("a{at}")})).collect();
        message(&[Edit::Set(REVOKED, json!(entries))])
    };
    assert_eq!(with(4096), "accepted");
    assert!(with(4097).contains("found 4097 entries; want at most 4096"));
}
