//! What goes on record apart from decisions: grants, keys, metadata, what was withheld or came back, and streams that ended.
//!
//! As for decisions: no token, and no text of anybody's but identifiers.

use serde_json::{Map, Value, json};

use super::{Record, chain_subjects};
use crate::config::{IssuedChain, Kind};
use crate::exchange::answer::Hop;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeRequest;
use crate::flow::EndReason;
use crate::rejection::Rejection;
use crate::sharing::Looked;

/// What happened apart from any one decision.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key set was fetched and proven.
    KeysFetched {
        /// Configured name of the authorization server.
        server: String,
        /// Usable keys.
        keys: usize,
        /// Keys passed over as unusable.
        skipped: usize,
    },
    /// A key set was not fetched; the last good one serves on.
    KeysNotFetched {
        /// Configured name of the authorization server.
        server: String,
        /// What was wrong.
        reason: &'static str,
    },
    /// A server's metadata was fetched and proven.
    MetadataFetched {
        /// Configured name of the authorization server.
        server: String,
        /// What is used of it and is not in its lists.
        unlisted: Vec<&'static str>,
    },
    /// A server's metadata was not fetched; the last good one serves on.
    MetadataNotFetched {
        /// Configured name of the authorization server.
        server: String,
        /// What was wrong.
        reason: &'static str,
    },
    /// A server was asked what an opaque token is.
    Introspected {
        /// Configured name of the authorization server.
        server: String,
        /// `active`, `inactive`, or why nothing is known.
        code: &'static str,
    },
    /// Rules that are observed would have refused what was decided before its body came.
    Observed {
        /// What to write.
        members: Map<String, Value>,
        /// Configured name of the resource.
        resource: String,
        /// What they would have refused with.
        codes: Vec<&'static str>,
    },
    /// A list was cut down to what may be called.
    Withheld {
        /// What to write.
        members: Map<String, Value>,
        /// Configured name of the resource.
        resource: String,
        /// How many entries.
        count: usize,
    },
    /// An upstream repeated what the gateway had put on its request, and the caller was not shown it.
    Echoed {
        /// What to write.
        members: Map<String, Value>,
        /// Configured name of the resource.
        resource: String,
        /// `headers`, `body` or `trailers`.
        place: &'static str,
    },
    /// An exchange ended with a token.
    Granted(Map<String, Value>),
    /// An exchange ended without one.
    NotGranted {
        /// What to write.
        members: Map<String, Value>,
        /// Why.
        rejection: Rejection,
    },
    /// Looks at what the workers share; counted, and not worth a line.
    Shared {
        /// Tokens or key sets.
        what: &'static str,
        /// What came of them.
        outcome: Looked,
        /// How many.
        count: usize,
    },
    /// A request that was released may not go on.
    StreamEnded {
        /// What to write.
        members: Map<String, Value>,
        /// Why.
        reason: EndReason,
    },
}

impl Event {
    pub(crate) fn granted(request: &ExchangeRequest, issued: &IssuedToken, grant_jti: Option<String>) -> Self {
        let mut members = exchange_members(request);
        members.insert("event".into(), json!("grant"));
        if let Some(jti) = grant_jti {
            let name = if matches!(request.exchange.kind, Kind::IdJag(_)) { "id_jag_jti" } else { "grant_jti" };
            members.insert(name.into(), json!(jti));
        }
        let name = if matches!(request.exchange.kind, Kind::TransactionToken(_)) { "issued_txn" } else { "issued_jti" };
        members.insert(name.into(), json!(issued.jti()));
        members.insert("expires_at".into(), json!(issued.expires_at.get()));
        Self::Granted(members)
    }

    pub(crate) fn not_granted(request: &ExchangeRequest, hop: Hop, rejection: Rejection) -> Self {
        let mut members = exchange_members(request);
        members.insert("event".into(), json!("no_grant"));
        members.insert("hop".into(), json!(hop.number()));
        members.insert("code".into(), json!(rejection.code()));
        Self::NotGranted { members, rejection }
    }

    /// What observed rules found in the body of a request whose record is written; none where they found nothing.
    pub(crate) fn observed(record: &Record, found: &[Rejection]) -> Option<Self> {
        let codes: Vec<&str> = found.iter().map(|rejection| rejection.code()).collect();
        let (resource, mut members) = about("observed", record);
        members.insert("tool".into(), json!(record.operation.as_deref()));
        members.insert("would_refuse".into(), json!(codes));
        (!codes.is_empty()).then_some(Self::Observed { members, resource, codes })
    }

    /// Entries of a list that the caller of `record` was not shown.
    pub(crate) fn withheld(record: &Record, count: usize, names: &[String]) -> Self {
        let (resource, mut members) = in_answer("withheld", record);
        members.insert("count".into(), json!(count));
        members.insert("names".into(), json!(names));
        Self::Withheld { members, resource, count }
    }

    /// A credential of the gateway's own in that place of the answer to the request of `record`.
    pub(crate) fn echoed(record: &Record, place: &'static str) -> Self {
        let (resource, mut members) = in_answer("credential_in_answer", record);
        members.insert("in".into(), json!(place));
        Self::Echoed { members, resource, place }
    }

    /// True where somebody should look at it.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::KeysFetched { skipped, .. } => *skipped > 0,
            Self::MetadataFetched { unlisted, .. } => !unlisted.is_empty(),
            Self::Introspected { code, .. } => !matches!(*code, "active" | "inactive"),
            Self::KeysNotFetched { .. }
            | Self::MetadataNotFetched { .. }
            | Self::NotGranted { .. }
            | Self::Echoed { .. } => true,
            Self::Granted(_)
            | Self::Observed { .. }
            | Self::Shared { .. }
            | Self::StreamEnded { .. }
            | Self::Withheld { .. } => false,
        }
    }

    /// The event as one line of JSON.
    pub fn to_json(&self) -> String {
        match self {
            Self::KeysFetched { server, keys, skipped } => {
                json!({"event": "keys_fetched", "authorization_server": server, "keys": keys, "skipped": skipped})
            }
            Self::KeysNotFetched { server, reason } => {
                json!({"event": "keys_not_fetched", "authorization_server": server, "reason": reason})
            }
            Self::MetadataFetched { server, unlisted } => {
                json!({"event": "metadata_fetched", "authorization_server": server, "unlisted": unlisted})
            }
            Self::MetadataNotFetched { server, reason } => {
                json!({"event": "metadata_not_fetched", "authorization_server": server, "reason": reason})
            }
            Self::Shared { what, outcome, count } => {
                json!({"event": "shared", "what": what, "outcome": outcome.word(), "count": count})
            }
            Self::Introspected { server, code } => {
                json!({"event": "introspected", "authorization_server": server, "code": code})
            }
            Self::Granted(members)
            | Self::NotGranted { members, .. }
            | Self::Observed { members, .. }
            | Self::StreamEnded { members, .. }
            | Self::Withheld { members, .. }
            | Self::Echoed { members, .. } => Value::Object(members.clone()),
        }
        .to_string()
    }
}

/// What every event about an answer says of its request, beside the name of the resource.
fn in_answer(event: &str, record: &Record) -> (String, Map<String, Value>) {
    let (resource, mut members) = about(event, record);
    members.insert("method".into(), json!(record.operation.as_deref()));
    (resource, members)
}

/// What every event about the request of `record` says of it, beside the name of the resource.
fn about(event: &str, record: &Record) -> (String, Map<String, Value>) {
    let resource = record.resource().unwrap_or_default().to_owned();
    let mut members = Map::new();
    members.insert("event".into(), json!(event));
    members.insert("txn".into(), json!(record.txn.as_str()));
    members.insert("resource".into(), json!(resource));
    let who = record.delegation.who();
    for (member, text) in [("subject", who.subject), ("actor", who.actor), ("agent", who.agent)] {
        members.extend(text.map(|text| (member.to_owned(), json!(text))));
    }
    (resource, members)
}

fn exchange_members(request: &ExchangeRequest) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("txn".into(), json!(request.txn.as_str()));
    members.insert("agent".into(), json!(request.agent.id));
    members.insert("kind".into(), json!(request.exchange.kind.word()));
    if let Some(grant) = request.exchange.kind.grant() {
        members.insert("idp".into(), json!(grant.idp.name));
    }
    if let Some(actor) = &request.actor {
        members.insert("actor_token".into(), json!(actor.spiffe_id()));
    }
    members.insert("authorization_server".into(), json!(request.exchange.server.name));
    members.insert("audience".into(), json!(request.exchange.resource));
    members.insert("scopes".into(), json!(request.scopes.to_parameter()));
    let chain = match request.exchange.chain {
        IssuedChain::AgentAdded => Some(&request.chain),
        IssuedChain::AsInbound => request.inbound_chain.as_ref(),
        IssuedChain::Nobody => None,
    };
    members.insert("chain".into(), chain.map_or_else(|| json!([]), chain_subjects));
    members
}
