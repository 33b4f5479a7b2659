//! What an issuer was asked: counters for tests, lines for people.
//!
//! Guaranteed: no token, assertion, code or key is ever in it.
//! Absent on purpose: bounds; a development server ends with its run.

use serde::Serialize;
use serde_json::Value;

use super::http::UnixSeconds;
use super::misbehaviour::Endpoint;
use super::oauth::{AUTHORIZATION_CODE, JWT_BEARER, TOKEN_EXCHANGE};

/// Counters and the log behind them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ledger {
    /// Token exchanges asked for (hops 3 and 7), answered or refused.
    pub exchanges: usize,
    /// ID-JAGs offered for an access token (hops 4 and 8), answered or refused.
    pub jwt_bearers: usize,
    /// Authorization codes redeemed or tried.
    pub codes: usize,
    /// JWKS fetches.
    pub key_fetches: usize,
    /// Metadata fetches.
    pub metadata_fetches: usize,
    /// Answers of the token endpoint that were not 200.
    pub refusals: usize,
    /// Every request, in order.
    pub entries: Vec<Entry>,
}

/// One request, without its secrets.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// When it came, in Unix seconds.
    pub at: u64,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The endpoint it reached.
    pub endpoint: Option<Endpoint>,
    /// `grant_type`.
    pub grant: Option<String>,
    /// The client that proved who it is.
    pub client: Option<String>,
    /// The header of the assertion that proved it; without claims and signature it is no credential.
    pub assertion: Option<Value>,
    /// `audience`.
    pub audience: Option<String>,
    /// The first `resource`.
    pub resource: Option<String>,
    /// `scope` as asked.
    pub scope: Option<String>,
    /// The status answered.
    pub status: u16,
    /// The OAuth error answered.
    pub error: Option<String>,
    /// Why, in words.
    pub reason: Option<&'static str>,
    /// The claims of the token issued, as signed; without header and signature they are no credential.
    pub issued: Option<Value>,
}

impl Entry {
    pub(crate) fn new(now: UnixSeconds, method: &str, path: &str) -> Self {
        Self {
            at: now.0,
            method: method.to_owned(),
            path: path.to_owned(),
            endpoint: None,
            grant: None,
            client: None,
            assertion: None,
            audience: None,
            resource: None,
            scope: None,
            status: 0,
            error: None,
            reason: None,
            issued: None,
        }
    }
}

impl Ledger {
    pub(crate) fn record(&mut self, entry: Entry) {
        match entry.endpoint {
            Some(Endpoint::Token) => {
                match entry.grant.as_deref() {
                    Some(TOKEN_EXCHANGE) => self.exchanges += 1,
                    Some(JWT_BEARER) => self.jwt_bearers += 1,
                    Some(AUTHORIZATION_CODE) => self.codes += 1,
                    Some(_) | None => {}
                }
                self.refusals += usize::from(entry.status != 200);
            }
            Some(Endpoint::Keys) => self.key_fetches += 1,
            Some(Endpoint::Metadata) => self.metadata_fetches += 1,
            Some(Endpoint::Authorize | Endpoint::Introspection | Endpoint::Bundle) | None => {}
        }
        self.entries.push(entry);
    }
}
