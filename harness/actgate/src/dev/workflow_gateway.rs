//! The OpenAPI gateway to ServiceNow and Workday of the development world; `workflow_gateway/openapi.json` describes it.
//!
//! Guaranteed: it trusts nobody in front of it. Every request's token is checked here for signature, issuer, audience,
//! life and the scope of the operation, and a claim is filed for the token's human only.
//! Absent on purpose: anything that is kept. A claim is answered and forgotten.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::agent::bearer::Token;
use super::agent::client::Target;
use super::agent::serve;
use super::mcp_server::admission::{Call, Caller};
use super::mcp_server::records::{Record, Records};
use super::token_check::keys::Verifier;
use super::token_check::{TokenRefusal, TokenRule};
use super::world::branches::{EXPENSES, INCIDENTS as INCIDENTS_SCOPE};

/// Reads the latest tickets.
pub const READ_INCIDENTS: &str = "read_latest_incident_tickets";
/// Files an expense claim.
pub const CREATE_EXPENSE_CLAIM: &str = "create_workday_expense_claim";
/// The path of the tickets, beneath the gateway's own.
pub const INCIDENTS: &str = "/incidents";
/// The path of the claims.
pub const EXPENSE_CLAIMS: &str = "/expense-claims";

/// The kind of its records.
pub const RECORD: &str = "rest";

/// What the gateway is told.
#[derive(Clone, Debug)]
pub struct WorkflowGatewaySettings {
    /// Where it serves.
    pub listen: SocketAddr,
    /// What its paths begin with.
    pub path: String,
    /// Which tokens it takes.
    pub accept: TokenRule,
    /// The keys of their issuer.
    pub jwks: Target,
}

struct Gateway {
    callers: Verifier,
    records: Records,
}

/// Runs the process until it is told to end.
pub async fn run(settings: WorkflowGatewaySettings) -> io::Result<()> {
    let listen = settings.listen;
    let router = router(settings, Records::printed_as(RECORD));
    let listener = serve::announce(serve::LISTENING, listen).await?;
    serve::serve_until_told(listener, router).await
}

/// The operations as a router.
pub fn router(settings: WorkflowGatewaySettings, records: Records) -> Router {
    let gateway = Gateway { callers: Verifier::new(settings.accept, settings.jwks), records };
    Router::new()
        .route(&format!("{}{INCIDENTS}", settings.path), get(read_incidents))
        .route(&format!("{}{EXPENSE_CLAIMS}", settings.path), post(create_claim))
        .with_state(Arc::new(gateway))
}

async fn read_incidents(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    gateway
        .serve(&headers, READ_INCIDENTS, INCIDENTS_SCOPE, Value::Null, |_| {
            let tickets =
                json!([{ "id": "INC-0042", "state": "open", "title": "Badge reader at the north door is down" }]);
            (StatusCode::OK, json!({ "answer": "INC-0042: Badge reader at the north door is down", "rows": tickets }))
        })
        .await
}

async fn create_claim(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Bytes) -> Response {
    let claim: Value = serde_json::from_slice(&body).unwrap_or_default();
    gateway
        .serve(&headers, CREATE_EXPENSE_CLAIM, EXPENSES, claim.clone(), |human| {
            if claim["employee"] != human {
                return (StatusCode::FORBIDDEN, json!({ "error": "not_your_claim" }));
            }
            let answer = format!("Claim EXP-0001 over {} euros is filed.", claim["amount"]);
            (StatusCode::CREATED, json!({ "answer": answer, "rows": [{ "id": "EXP-0001" }] }))
        })
        .await
}

impl Gateway {
    async fn serve(
        &self,
        headers: &HeaderMap,
        operation: &str,
        scope: &str,
        arguments: Value,
        act: impl FnOnce(&str) -> (StatusCode, Value),
    ) -> Response {
        let token = Token::of_request(headers);
        let call = Call { method: "REST".to_owned(), tool: Some(operation.to_owned()), arguments };
        let admitted = self.admit(token.as_ref(), scope).await;
        let mut record = Record::new(headers, &call, token.as_ref(), admitted.as_ref());
        let (status, body) = match &admitted {
            Ok(Caller::Governed { token, .. }) => {
                let (status, mut body) = act(token.subject());
                body["seen"] = json!({ "human": token.subject(), "chain": token.actors(), "scope": token.scopes() });
                (status, body)
            }
            Ok(Caller::Ungoverned) => (StatusCode::INTERNAL_SERVER_ERROR, Value::Null),
            Err(refusal) => {
                (StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal.body())
            }
        };
        record.status = status.as_u16();
        self.records.keep(record);
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }

    async fn admit(&self, token: Option<&Token>, scope: &str) -> Result<Caller, TokenRefusal> {
        let token = self.callers.verify(token).await?;
        token.require_scope(scope)?;
        Ok(Caller::Governed { token, tool_scopes: [].into() })
    }
}
