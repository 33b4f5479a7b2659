//! A token that comes again: what is found beside it is what this sender was admitted with here, and it is checked whether that stands.

use std::sync::Arc;

use super::*;
use crate::config::Revoked;
use crate::limits::{ADMISSION_TEXTS_BYTES_MAX, ADMISSIONS_PER_TOKEN_MAX};

const CERTIFICATE: Peer<'static> =
    Peer { uri_san: Some("spiffe://e.example/agent"), certificate_sha256: Some([1; 32]) };

/// What becomes of the headers of a request for an action, and the code of it.
fn sent_by(plugin: &mut Plugin, now: u64, (path, token): (&str, &str), peer: Peer<'_>) -> &'static str {
    match headers_of(plugin, now, (1, peer), (path, token), &[]) {
        Step::ReadBody { .. } => "admitted",
        step @ (Step::Join { .. } | Step::Observed(_) | Step::Forward(_) | Step::Reply(_)) => code(&step),
    }
}

/// A plugin that has had the token once, so that what it leads to is kept from now on.
fn plugin_that_knows(token: &str) -> Plugin {
    let mut plugin = plugin();
    assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", token), CERTIFICATE), "admitted");
    assert_eq!(plugin.known.admissions_of(token), 0, "it may never come again");
    plugin
}

fn withdraw(plugin: &mut Plugin, entries: &Value) {
    plugin.handle_newest(&Arc::new(Revoked::of_entries("https://as.example", entries)));
}

#[test]
fn what_is_withdrawn_meanwhile_is_refused() {
    for (entry, want) in [
        (json!({"sub": "user"}), "subject_revoked"),
        (json!({"jti": "7"}), "token_revoked"),
        (json!({"actor": "agent"}), "actor_revoked"),
        (json!({"certificate": 1}), "certificate_revoked"),
        (json!({"sub": "somebody else"}), "admitted"),
    ] {
        let token = token(&json!({"jti": "7"}));
        let mut plugin = plugin_that_knows(&token);
        assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), CERTIFICATE), "admitted");
        assert_eq!(plugin.known.admissions_of(&token), 1);
        withdraw(&mut plugin, &json!([entry]));
        assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), CERTIFICATE), want, "{entry}");
    }
}

#[test]
fn another_certificate_of_the_same_name_is_another_sender() {
    let token = token(&json!({}));
    let mut plugin = plugin_that_knows(&token);
    assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), CERTIFICATE), "admitted");
    withdraw(&mut plugin, &json!([{"certificate": 2}]));
    let other = Peer { certificate_sha256: Some([2; 32]), ..CERTIFICATE };
    assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), other), "certificate_revoked");
    assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), CERTIFICATE), "admitted");
}

#[test]
fn another_name_without_a_certificate_is_another_sender() {
    let mut plugin = headers_first_with(|resource| resource["accept"]["caller"] = json!("mtls"));
    let token = token(&json!({}));
    let named = |uri_san| Peer { uri_san: Some(uri_san), ..Peer::default() };
    let mut by = |uri_san| sent_by(&mut plugin, NOW, ("/mcp", &token), named(uri_san));
    assert_eq!(by("spiffe://e.example/agent"), "allowed");
    assert_eq!(by("spiffe://e.example/agent"), "allowed");
    assert_eq!(by("spiffe://e.example/other"), "caller_mismatch");
    assert_eq!(by("spiffe://e.example/agent"), "allowed");
}

#[test]
fn a_sign_in_is_held_against_the_clock_each_time() {
    let token = token(&json!({"iat": NOW - 60, "exp": NOW + 3000, "auth_time": NOW}));
    let mut plugin = plugin_that_knows(&token);
    let mut at = |now| sent_by(&mut plugin, now, ("/fresh", &token), CERTIFICATE);
    assert_eq!((at(NOW), at(NOW + 600 + SKEW - 1)), ("admitted", "admitted"));
    assert_eq!(at(NOW + 600 + SKEW), "authentication_too_old");
    assert_eq!((at(NOW - SKEW), at(NOW - SKEW - 1)), ("admitted", "claim_out_of_range"), "the clock was set back");
}

#[test]
fn as_many_senders_of_one_token_are_kept_as_may_be_and_not_one_more() {
    let token = token(&json!({}));
    let mut plugin = plugin_that_knows(&token);
    for number in 0..=ADMISSIONS_PER_TOKEN_MAX {
        let certificate_sha256 = Some([u8::try_from(number).unwrap(); 32]);
        let peer = Peer { certificate_sha256, ..CERTIFICATE };
        assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), peer), "admitted");
        assert_eq!(plugin.known.admissions_of(&token), (number + 1).min(ADMISSIONS_PER_TOKEN_MAX));
        assert_eq!(sent_by(&mut plugin, NOW, ("/a2a", &token), peer), "admitted");
        assert_eq!(plugin.known.admissions_of(&token), (number + 1).min(ADMISSIONS_PER_TOKEN_MAX));
    }
}

#[test]
fn a_longer_name_than_may_be_kept_is_admitted_anew() {
    for (length, kept) in [(ADMISSION_TEXTS_BYTES_MAX, 1), (ADMISSION_TEXTS_BYTES_MAX + 1, 0)] {
        let name = format!("{:/<length$}", "spiffe://e.example/agent");
        let mut plugin = headers_first_with(|resource| resource["accept"]["caller"] = json!("audience_only"));
        let token = token(&json!({}));
        for _ in 0..3 {
            let peer = Peer { uri_san: Some(&name), ..Peer::default() };
            assert_eq!(sent_by(&mut plugin, NOW, ("/mcp", &token), peer), "allowed");
        }
        assert_eq!(plugin.known.admissions_of(&token), kept, "{length}");
    }
}

#[test]
fn what_has_ended_and_is_still_taken_leads_to_nothing_that_is_kept() {
    let token = token(&json!({"iat": NOW - 60, "exp": NOW + 60}));
    let mut plugin = plugin_that_knows(&token);
    for (now, kept) in [(NOW + 60 + SKEW - 1, 0), (NOW + 59, 1)] {
        assert_eq!(sent_by(&mut plugin, now, ("/a2a", &token), CERTIFICATE), "admitted");
        assert_eq!(plugin.known.admissions_of(&token), kept);
    }
}
