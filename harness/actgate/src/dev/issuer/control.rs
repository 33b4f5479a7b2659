//! The control endpoint: what a test or the demo changes in an issuer that runs as a process.
//!
//! Guaranteed: reachable by loopback name only, never under the issuer's own name.
//! Absent on purpose: authentication. A development server has nothing to protect.
//!
//! `POST /dev/control` takes one JSON value: `{"break": "widen"}`, `"behave"`,
//! `{"rotate": "ES256"}`, `{"retire": "kid"}`, `{"trust": {"issuer": "…", "key": {JWK}}}`,
//! `{"user": {"id": "…", "active": false}}`, `{"client": {"id": "…", "active": false}}`.
//! `GET /dev/ledger` answers with the ledger.

use serde::Deserialize;
use serde_json::json;

use super::Issuer;
use super::http::{HttpRequest, HttpResponse};
use super::misbehaviour::Break;
use super::oauth::split_url;
use crate::dev::keys::{Algorithm, PublicJwk};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Break(String),
    Behave,
    Rotate(Algorithm),
    Retire(String),
    Trust { issuer: String, key: PublicJwk },
    User { id: String, active: bool },
    Client { id: String, active: bool },
}

impl Issuer {
    /// The answer, when the request is for the control endpoint.
    pub(crate) fn control(&mut self, request: &HttpRequest) -> Option<HttpResponse> {
        let host = request.header(":authority").or_else(|| request.header("host"));
        if host.is_some_and(|host| host == split_url(&self.config.issuer).0) {
            return None;
        }
        match (request.method.as_str(), request.path_only()) {
            ("GET", "/dev/ledger") => {
                let ledger = serde_json::to_value(&self.ledger).unwrap_or_default();
                Some(HttpResponse::json(200, &ledger))
            }
            ("POST", "/dev/control") => Some(match serde_json::from_slice(&request.body) {
                Ok(command) => self.obey(command),
                Err(error) => HttpResponse::json(400, &json!({ "error": error.to_string() })),
            }),
            _ => None,
        }
    }

    fn obey(&mut self, command: Command) -> HttpResponse {
        let mut done = json!({ "done": true });
        match command {
            Command::Break(word) => match word.parse::<Break>() {
                Ok(how) => self.misbehave(how),
                Err(error) => {
                    return HttpResponse::json(400, &json!({ "error": error.to_string() }));
                }
            },
            Command::Behave => self.behave(),
            Command::Rotate(algorithm) => done["key"] = self.rotate(algorithm).to_json(),
            Command::Retire(kid) => self.retire(&kid),
            Command::Trust { issuer, key } => self.trust(&issuer, key),
            Command::User { id, active } => {
                self.config.users.iter_mut().filter(|user| user.id == id).for_each(|user| user.active = active);
            }
            Command::Client { id, active } => {
                self.config.clients.entry(id).and_modify(|client| client.active = active);
            }
        }
        HttpResponse::json(200, &done)
    }
}
