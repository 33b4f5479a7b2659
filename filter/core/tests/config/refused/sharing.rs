//! What the workers share, and with what secret.

use serde_json::json;

use super::check;
use crate::document::edited;
use crate::document::{Edit, message, read};

fn set(value: serde_json::Value) -> Edit {
    Edit::Set("/sharing", value)
}

#[test]
fn sharing() {
    check(&[
        (
            &[set(json!({}))],
            "sharing.secret: missing; want {\"env\": NAME} or {\"insecure_inline\": SECRET}: say where the secret comes from",
        ),
        (
            &[set(json!({"secret": {}}))],
            "sharing.secret: empty; want {\"env\": NAME} or {\"insecure_inline\": SECRET}: say where the secret comes from",
        ),
        (
            &[set(json!({"secret": {"env": "NOT_SET"}}))],
            "sharing.secret.env: environment variable \"NOT_SET\" is not set in the VM; want a secret: add it to vm_config.environment_variables.host_env_keys",
        ),
        (
            &[set(json!({"secret": {"insecure_inline": "x".repeat(31)}}))],
            "sharing.secret: found a short one; want at least 32 bytes of randomness: whoever guesses it reads and writes what the workers share: `openssl rand -hex 32` makes one",
        ),
        (
            &[set(json!({"slots": 1}))],
            "sharing.slots: unknown; want \"secret\": correct the name, or remove the member",
        ),
        (&[set(json!({"secret": {"insecure_inline": "x".repeat(32)}}))], "accepted"),
    ]);
}

#[test]
fn its_secret_is_not_shown() {
    let document = edited(&[set(json!({"secret": {"insecure_inline": "hunter2".repeat(6)}}))]);
    assert!(!format!("{:?}", read(&document).unwrap()).contains("hunter2"));
    assert!(!message(&[set(json!({"secret": "hunter2".repeat(6)}))]).contains("hunter2"));
}
