//! No message, and no `Debug` form, shows any part of a key.

use serde_json::{Value, json};

use crate::document::{Edit, edited, good, message, private_key, read, rsa_key};

/// Whether `text` has a line of `pem`.
fn shows(text: &str, pem: &str) -> bool {
    pem.lines().any(|line| line.len() > 20 && !line.starts_with('-') && text.contains(line))
}

#[test]
fn debug_shows_no_key() {
    let inline = Edit::Set("/agents/wlp2/credential/private_key_jwt/key", json!({ "insecure_inline": private_key() }));
    for document in [good(), edited(&[inline])] {
        let text = format!("{:?}", read(&document).unwrap());
        assert!(text.contains("[redacted]") && text.contains("k1"), "{text}");
        assert!(!shows(&text, private_key()) && !text.contains("BEGIN"), "{text}");
    }
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    const KEY: &str = "/agents/wlp2/credential/private_key_jwt/key";
    const CREDENTIAL: &str = "/agents/wlp2/credential";
    for pem in [private_key(), rsa_key()] {
        for (pointer, value) in [
            (KEY, json!(pem)),
            (KEY, json!([pem])),
            (KEY, json!({ "env": pem })),
            (KEY, json!({ "env": [pem] })),
            (KEY, json!({ "insecure_inline": [pem] })),
            (KEY, json!({ "insecure_inline": { "pem": pem } })),
            (KEY, json!({ "pem": pem })),
            (KEY, json!({ "insecure_inline": pem, "env": "KEY" })),
            (KEY, json!({ "insecure_inline": format!("{pem}x") })),
            (KEY, json!({ "insecure_inline": format!("x{pem}") })),
            (KEY, json!({ "insecure_inline": pem.replace('-', "") })),
            (CREDENTIAL, json!(pem)),
            (CREDENTIAL, json!({ "private_key_jwt": pem })),
            (CREDENTIAL, json!({ "private_key_jwt": { "alg": [pem], "key": pem } })),
        ] {
            let message = message(&[Edit::Set(pointer, value)]);
            assert!(message.starts_with("agents.wlp2.credential"), "{message}");
            assert!(!shows(&message, pem), "{message}");
        }
    }
}

#[test]
fn a_url_with_credentials_is_not_repeated() {
    for url in ["https://user:hunter2@idp.example/", "https://idp.example/#?hunter2", "ftp://hunter2@idp.example"] {
        let message = message(&[Edit::Set("/authorization_servers/idp/token_endpoint", json!(url))]);
        assert!(message.starts_with("authorization_servers.idp.token_endpoint: "), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn inline_key_sets_are_not_repeated() {
    let keys: Value = json!([{ "kty": "oct", "k": "hunter2" }]);
    let message = message(&[Edit::Set("/authorization_servers/knowledge/jwks/keys", keys)]);
    assert!(message.starts_with("authorization_servers.knowledge.jwks.keys[0]: "), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_secret_in_place_of_its_variables_name_is_not_repeated() {
    let half = "c0ffee5eed0123456789abcdef012345";
    for (name, told) in [
        ("CORP_KNOWLEDGE_KEY", true),
        ("KEY_2_OF_2", true),
        ("A23456789_123456789_123456789_123456789_", true),
        ("A23456789_123456789_123456789_123456789_B", false),
        ("A234567890123456", true),
        ("A2345678901234567", false),
        (&half.repeat(2), false),
        (half, false),
        (&half.to_uppercase(), false),
        ("correcthorse", false),
        ("s3cr3tOfEightLetters", false),
    ] {
        let secret = json!({ "secret": { "env": name } });
        let message = read(&edited(&[Edit::Set("/sharing", secret)])).unwrap_err().to_string();
        assert!(message.starts_with("sharing.secret.env: ") && message.contains("is not set in the VM"), "{message}");
        assert_eq!(message.contains(name), told, "{message}");
    }
}
