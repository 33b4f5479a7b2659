//! The knowledge agent: takes a question by A2A (hop 5) and asks the knowledge base through the gateway
//! (hop 6).
//!
//! Guaranteed: the token it is called with is checked here, gateway or not, and is the only credential it
//! passes on. It holds no credential for the database.
//! Absent on purpose: a model. A document id in the question means "fetch it", anything else is a query.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::agent::a2a::{self, Outcome};
use super::agent::bearer::Token;
use super::agent::client::{Client, Target, TlsIdentity};
use super::agent::hop::{Failure, Hop, Trace};
use super::agent::task::TaskEnd;
use super::agent::{mcp, serve};
use super::mcp_server::tools::{FETCH_CONTRACT_PDF, QUERY_KNOWLEDGE_BASE};
use super::token_check::keys::Verifier;
use super::token_check::{TokenRefusal, TokenRule};

/// The process's name in hop records.
pub const NAME: &str = "knowledge-agent";

/// What the knowledge agent is told.
#[derive(Clone, Debug)]
pub struct KnowledgeAgentSettings {
    /// Where it serves.
    pub listen: SocketAddr,
    /// The path of its A2A endpoint.
    pub path: String,
    /// Which tokens it takes.
    pub accept: TokenRule,
    /// The scope a caller needs.
    pub scope: String,
    /// The keys of their issuer.
    pub jwks: Target,
    /// The certificate it shows the gateway.
    pub identity: TlsIdentity,
    /// The MCP server, through the gateway.
    pub mcp_server: Target,
}

struct KnowledgeAgent {
    settings: KnowledgeAgentSettings,
    callers: Verifier,
    http: Client,
}

/// Runs the process until it is told to end.
pub async fn run(settings: KnowledgeAgentSettings) -> io::Result<()> {
    let listen = settings.listen;
    let router = router(settings)?;
    let listener = serve::announce(serve::LISTENING, listen).await?;
    serve::serve_until_told(listener, router).await
}

/// The A2A endpoint as a router.
pub fn router(settings: KnowledgeAgentSettings) -> io::Result<Router> {
    let callers = Verifier::new(settings.accept.clone(), settings.jwks.clone());
    let http = Client::with_identity(&settings.identity)?;
    let path = settings.path.clone();
    let agent = KnowledgeAgent { settings, callers, http };
    Ok(Router::new().route(&path, post(take)).with_state(Arc::new(agent)))
}

async fn take(State(agent): State<Arc<KnowledgeAgent>>, headers: HeaderMap, body: Bytes) -> Response {
    let token = match agent.admit(&headers).await {
        Ok(token) => token,
        Err(refusal) => return refused(refusal, &agent.settings.scope),
    };
    let request = match a2a::receive(&body) {
        Ok(request) => request,
        Err(error) => return json_response(StatusCode::OK, &error),
    };
    let mut trace = Trace::default();
    let outcome = match agent.ask(&request.text, &token, &mut trace).await {
        Ok(end) => Outcome { completed: true, text: end.answer, data: end.data, trace: trace.to_json() },
        Err(failure) => Outcome {
            completed: false,
            text: format!("The tool call failed: {}.", failure.code),
            data: json!(failure),
            trace: trace.to_json(),
        },
    };
    json_response(StatusCode::OK, &a2a::answer(&request, &outcome))
}

impl KnowledgeAgent {
    async fn admit(&self, headers: &HeaderMap) -> Result<Token, TokenRefusal> {
        let token = Token::of_request(headers);
        self.callers.verify(token.as_ref()).await?.require_scope(&self.settings.scope)?;
        token.ok_or(TokenRefusal::Missing)
    }

    /// Hop 6.
    async fn ask(&self, question: &str, token: &Token, trace: &mut Trace) -> Result<TaskEnd, Failure> {
        let target = &self.settings.mcp_server;
        let (tool, arguments) = plan(question);
        let request = mcp::tool_call(tool, &arguments);
        let sent = json!({ "method": "tools/call", "tool": tool, "arguments": arguments, "bearer": token.decoded() });
        let mut hop = Hop::new(6, NAME, &target.url, "calls the tool through the gateway", sent);
        let reply = mcp::send(&self.http, target, Some(token), &request).await;
        let shown = |reply: &_| json!({ "seen": mcp::response(reply).pointer("/result/structuredContent/seen") });
        let reply = hop.answered(reply, shown, trace)?;
        let response = mcp::response(&reply);
        let text = response.pointer("/result/content/0/text").and_then(Value::as_str);
        let data = response.pointer("/result/structuredContent").cloned().unwrap_or_default();
        match text {
            Some(text) => Ok(TaskEnd { answer: text.to_owned(), data }),
            None => Err(Failure::refused(6, &reply)),
        }
    }
}

/// The tool that answers the question, and its arguments.
fn plan(question: &str) -> (&'static str, Value) {
    let mut words = question.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    match words.find(|word| is_document_id(word)) {
        Some(id) => (FETCH_CONTRACT_PDF, json!({ "document_id": id })),
        None => (QUERY_KNOWLEDGE_BASE, json!({ "query": question })),
    }
}

/// Contracts are numbered like MSA-2041.
fn is_document_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(kind, number)| {
        kind == "MSA" && number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn refused(refusal: TokenRefusal, scope: &str) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &refusal.body());
    if let Some(challenge) = refusal.challenge(scope).and_then(|challenge| challenge.parse().ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_means_fetch_and_anything_else_is_a_query() {
        let question = "When does the contract with Northwind renew?";
        assert_eq!(plan(question), (QUERY_KNOWLEDGE_BASE, json!({ "query": question })));
        assert_eq!(plan("Show me MSA-2041, please."), (FETCH_CONTRACT_PDF, json!({ "document_id": "MSA-2041" })));
        assert_eq!(plan("Is MSA-20 short?").0, QUERY_KNOWLEDGE_BASE);
    }
}
