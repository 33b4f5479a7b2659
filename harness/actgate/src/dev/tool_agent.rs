//! An agent with a back end: takes a question by A2A (hop 5) and calls its tool through the gateway (hop 6).
//!
//! Guaranteed: the token it is called with is checked here, gateway or not, and is the only credential it
//! passes on. It holds no credential for what is behind the gateway.
//! Absent on purpose: a model. [`Duty::plan`] says what a question means.

pub mod plan;

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

use self::plan::{Call, Duty};
use super::agent::a2a::{self, Outcome};
use super::agent::bearer::Token;
use super::agent::client::{CallError, Client, Reply, Target, TlsIdentity};
use super::agent::hop::{Failure, Hop, Trace};
use super::agent::task::TaskEnd;
use super::agent::{mcp, serve};
use super::token_check::keys::Verifier;
use super::token_check::{TokenRefusal, TokenRule};

/// What an agent is told.
#[derive(Clone, Debug)]
pub struct ToolAgentSettings {
    /// The process's name in hop records.
    pub name: String,
    /// What it is for.
    pub duty: Duty,
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
    /// Its back end, through the gateway.
    pub back_end: Target,
}

struct ToolAgent {
    settings: ToolAgentSettings,
    callers: Verifier,
    http: Client,
}

/// Runs the process until it is told to end.
pub async fn run(settings: ToolAgentSettings) -> io::Result<()> {
    let listen = settings.listen;
    let router = router(settings)?;
    let listener = serve::announce(serve::LISTENING, listen).await?;
    serve::serve_until_told(listener, router).await
}

/// The A2A endpoint as a router.
pub fn router(settings: ToolAgentSettings) -> io::Result<Router> {
    let callers = Verifier::new(settings.accept.clone(), settings.jwks.clone());
    let http = Client::with_identity(&settings.identity)?;
    let path = settings.path.clone();
    let agent = ToolAgent { settings, callers, http };
    Ok(Router::new().route(&path, post(take)).with_state(Arc::new(agent)))
}

async fn take(State(agent): State<Arc<ToolAgent>>, headers: HeaderMap, body: Bytes) -> Response {
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

impl ToolAgent {
    async fn admit(&self, headers: &HeaderMap) -> Result<Token, TokenRefusal> {
        let token = Token::of_request(headers);
        self.callers.verify(token.as_ref()).await?.require_scope(&self.settings.scope)?;
        token.ok_or(TokenRefusal::Missing)
    }

    /// Hop 6.
    async fn ask(&self, question: &str, token: &Token, trace: &mut Trace) -> Result<TaskEnd, Failure> {
        let human = token.decoded()["claims"]["sub"].as_str().unwrap_or_default().to_owned();
        match self.settings.duty.plan(question, &human) {
            Call::Tool { name, arguments } => self.call_tool(name, &arguments, token, trace).await,
            Call::Operation { name, method, path, body } => {
                let request = Operation { name, method, path: &path, body: body.as_ref() };
                self.call_operation(request, token, trace).await
            }
        }
    }

    async fn call_tool(
        &self,
        tool: &str,
        arguments: &Value,
        token: &Token,
        trace: &mut Trace,
    ) -> Result<TaskEnd, Failure> {
        let target = &self.settings.back_end;
        let request = mcp::tool_call(tool, arguments);
        let sent = json!({ "method": "tools/call", "tool": tool, "arguments": arguments, "bearer": token.decoded() });
        let mut hop = Hop::new(6, &self.settings.name, &target.url, "calls the tool through the gateway", sent);
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

    async fn call_operation(
        &self,
        operation: Operation<'_>,
        token: &Token,
        trace: &mut Trace,
    ) -> Result<TaskEnd, Failure> {
        let mut target = self.settings.back_end.clone();
        target.url.push_str(operation.path);
        let sent = json!({ "operation": operation.name, "method": operation.method, "bearer": token.decoded() });
        let what = "calls the operation through the gateway";
        let mut hop = Hop::new(6, &self.settings.name, &target.url, what, sent);
        let reply = operation.send(&self.http, &target, token).await;
        let wanted = if operation.body.is_some() { 201 } else { 200 };
        let shown = |reply: &Reply| json!({ "seen": reply.json()["seen"] });
        let reply = hop.answered_with(wanted, reply, shown, trace)?;
        let data = reply.json();
        let answer = data["answer"].as_str().map(str::to_owned);
        answer.map(|answer| TaskEnd { answer, data }).ok_or_else(|| Failure::unreadable(6, &reply))
    }
}

/// One call of a REST interface.
#[derive(Clone, Copy)]
struct Operation<'a> {
    name: &'a str,
    method: &'a str,
    path: &'a str,
    body: Option<&'a Value>,
}

impl Operation<'_> {
    async fn send(&self, http: &Client, target: &Target, token: &Token) -> Result<Reply, CallError> {
        let authorization = token.authorization();
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(self.body.map(|_| ("content-type", "application/json")));
        let body = self.body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        http.send(target, self.method, &headers, body).await
    }
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
