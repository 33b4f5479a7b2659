//! The MCP servers of the development world, Aurora DB and ERP, on the official SDK.
//!
//! Guaranteed: it trusts nobody in front of it. Every request's token is checked here for signature,
//! issuer, audience, life and the scope of the tool, and two humans get different rows.
//! `ungoverned` switches all of that off: the world before the gateway, where any caller gets all rows.
//! Absent on purpose: sessions and server-sent requests; every call stands alone.

pub mod admission;
pub mod records;
pub mod tools;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use self::admission::{Admission, Call};
use self::records::{Record, Records};
use self::tools::{Catalogue, Tools};
use super::agent::bearer::Token;
use super::agent::client::Target;
use super::agent::serve;
use super::store::Store;
use super::token_check::keys::Verifier;
use super::token_check::{TokenRefusal, TokenRule};

/// The largest request that is read.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The word before the address where records are read.
pub const RECORDS: &str = "RECORDS";

/// What the server is told.
#[derive(Clone, Debug)]
pub struct McpServerSettings {
    /// Which server this is.
    pub catalogue: Catalogue,
    /// Where it serves MCP.
    pub listen: SocketAddr,
    /// Where it tells what it saw; not reachable through the gateway.
    pub records_listen: SocketAddr,
    /// The path of the one MCP endpoint.
    pub path: String,
    /// The `Host` values it answers to (the SDK's guard against DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Whose tokens it takes, made for whom.
    pub accept: TokenRule,
    /// The issuer's keys.
    pub jwks: Target,
    /// The scope each tool needs.
    pub tool_scopes: BTreeMap<String, String>,
    /// The scope everything else needs.
    pub method_scope: String,
    /// Accept any call unchecked.
    pub ungoverned: bool,
}

type Mcp = StreamableHttpService<Tools, NeverSessionManager>;

/// Everything a request needs.
#[derive(Clone)]
struct Server {
    admission: Arc<Admission>,
    records: Records,
    mcp: Mcp,
}

/// Runs the process until it is told to end.
pub async fn run(settings: McpServerSettings) -> io::Result<()> {
    let records = Records::printed();
    let router = router(&settings, records.clone())?;
    let listener = serve::announce(RECORDS, settings.records_listen).await?;
    tokio::spawn(serve_records(listener, records));
    let listener = serve::announce(serve::LISTENING, settings.listen).await?;
    serve::serve_until_told(listener, router).await
}

/// The MCP endpoint as a router.
pub fn router(settings: &McpServerSettings, records: Records) -> io::Result<Router> {
    let (store, catalogue) = (Arc::new(Store::embedded()?), settings.catalogue);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(settings.allowed_hosts.clone());
    let mcp = Mcp::new(move || Ok(Tools::new(catalogue, Arc::clone(&store))), Arc::default(), config);
    let verifier = Verifier::new(settings.accept.clone(), settings.jwks.clone());
    let admission = Admission::new(settings, verifier);
    let server = Server { admission: Arc::new(admission), records, mcp };
    Ok(Router::new().route(&settings.path, any(answer)).with_state(server))
}

/// Tells what was seen, oldest first, to whoever asks on loopback.
pub async fn serve_records(listener: TcpListener, records: Records) -> io::Result<()> {
    let tell = |State(records): State<Records>| async move {
        ([(header::CONTENT_TYPE, "application/json")], records.to_json().to_string())
    };
    axum::serve(listener, Router::new().route("/records", get(tell)).with_state(records)).await
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let token = Token::of_request(&parts.headers);
    let call = Call::read(&body);
    let admitted = server.admission.admit(token.as_ref(), &call).await;
    let mut record = Record::new(&parts.headers, &call, token.as_ref(), admitted.as_ref());
    let response = match admitted {
        Ok(caller) => {
            parts.extensions.insert(caller);
            let request = Request::from_parts(parts, Body::from(body));
            server.mcp.handle(request).await.map(Body::new)
        }
        Err(refusal) => refused(refusal, server.admission.scope_of(&call)),
    };
    record.status = response.status().as_u16();
    server.records.keep(record);
    response
}

fn refused(refusal: TokenRefusal, scope: &str) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (status, kind, refusal.body().to_string()).into_response();
    if let Some(challenge) = refusal.challenge(scope).and_then(|challenge| challenge.parse().ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests;
