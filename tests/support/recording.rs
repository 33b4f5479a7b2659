//! What was sent to the core, what its issuers answered and what came of it, as one document.
//!
//! It is written where the issuers can run and replayed where they cannot: inside wasm32.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::UpstreamAnswer;

/// One vector.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Recording {
    /// The vector's.
    pub id: String,
    /// The configuration.
    pub document: String,
    /// The VM's environment.
    pub environment: Vec<(String, String)>,
    /// With what the configuration was refused; nothing happens then.
    pub error: Option<String>,
    /// What certificates peers show: URI SAN, and digest in hexadecimal.
    pub peers: BTreeMap<String, (String, String)>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Every call of the core, in order.
    pub calls: Vec<Call>,
    /// Every record of the core, in order.
    pub records: Vec<String>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// So many seconds passed.
    Advance(u64),
    /// The upstream answers with that status from now on.
    Upstream(u16),
    /// What else the upstream answers from now on.
    UpstreamSays(Option<UpstreamAnswer>),
    /// A request came.
    Send(Box<Exchange>),
}

/// A request and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exchange {
    /// HTTP method, path, host.
    pub line: (String, String, String),
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body, in hexadecimal.
    pub body: Option<String>,
    /// Whose certificate is shown.
    pub peer: Option<String>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub answered: Vec<(String, String)>,
    /// Body of the answer, in hexadecimal.
    pub answer: String,
    /// Headers and body that reached the upstream, the body in hexadecimal.
    pub upstream: Option<(Vec<(String, String)>, String)>,
}

/// A call of the core to an issuer and the answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The issuer.
    pub cluster: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// The answer, if there was one.
    pub answer: Option<Answered>,
}

/// An issuer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body, in hexadecimal.
    pub body: String,
    /// How late it came.
    pub delay_ms: u64,
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes of hexadecimal digits.
pub fn unhex(digits: &str) -> Vec<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
    digits.as_bytes().chunks(2).map(|pair| value(pair[0]) << 4 | pair.get(1).map_or(0, |low| value(*low))).collect()
}

/// How every PS256 proof begins.
const BY_PS256: &str = "eyJhbGciOiJQUzI1NiIs";

/// Headers without what differs from run to run: RSASSA-PSS draws a salt (RFC 8017 §8.1), so no two of its signatures are the same.
pub fn without_salt(headers: &[(String, String)]) -> Vec<(String, String)> {
    let value = |value: &String| match value.rsplit_once('.') {
        Some((signed, _)) if value.starts_with(BY_PS256) => signed.to_owned(),
        Some(_) | None => value.clone(),
    };
    headers.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}
