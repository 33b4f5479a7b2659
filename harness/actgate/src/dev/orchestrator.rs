//! The orchestrator agent: turns the user's token into one for an agent (hops 3 and 4) and
//! calls that agent through the gateway (hop 5).
//!
//! Guaranteed: the user's token is checked before it is used, and leaves only for the identity provider.
//! The ID-JAG is used once and kept nowhere.
//! Absent on purpose: a model that plans. A prompt goes to the first agent one of whose words it has.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::agent::a2a::{self, Spelling};
use super::agent::bearer::Token;
use super::agent::client::{Client, Target, TlsIdentity};
use super::agent::hop::{Failure, Hop, Trace};
use super::agent::oauth::{
    AuthorizationServer, Issued, JWT_BEARER, OAuthClient, TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_JAG,
};
use super::agent::serve;
use super::agent::task::{TaskEnd, answer};
use super::token_check::TokenRule;
use super::token_check::keys::Verifier;

/// The process's name in hop records.
pub const NAME: &str = "orchestrator";

/// What the orchestrator is told.
#[derive(Clone, Debug)]
pub struct OrchestratorSettings {
    /// Where it serves.
    pub listen: SocketAddr,
    /// Its registration at both authorization servers.
    pub client: OAuthClient,
    /// The certificate it shows the gateway.
    pub identity: TlsIdentity,
    /// Which user tokens it takes.
    pub accept: TokenRule,
    /// The keys of their issuer.
    pub jwks: Target,
    /// The identity provider.
    pub identity_provider: AuthorizationServer,
    /// The agents it may call.
    pub agents: Vec<Callee>,
    /// How A2A is spelled.
    pub spelling: Spelling,
}

/// An agent that may be called.
#[derive(Clone, Debug)]
pub struct Callee {
    /// Its name for people.
    pub name: &'static str,
    /// What prompts for it have in them; none for the one that takes all others.
    pub words: &'static [&'static str],
    /// Its authorization server.
    pub server: AuthorizationServer,
    /// Its resource identifier.
    pub resource: String,
    /// The scope to call it.
    pub scope: String,
    /// The agent, through the gateway.
    pub target: Target,
}

impl Callee {
    fn is_for(&self, prompt: &str) -> bool {
        let prompt = prompt.to_lowercase();
        self.words.is_empty() || self.words.iter().any(|word| prompt.contains(word))
    }
}

struct Orchestrator {
    settings: OrchestratorSettings,
    users: Verifier,
    http: Client,
}

/// Runs the process until it is told to end.
pub async fn run(settings: OrchestratorSettings) -> io::Result<()> {
    let listen = settings.listen;
    let router = router(settings)?;
    let listener = serve::announce(serve::LISTENING, listen).await?;
    serve::serve_until_told(listener, router).await
}

/// `POST /tasks {"prompt"}` with the user's token as bearer.
pub fn router(settings: OrchestratorSettings) -> io::Result<Router> {
    let users = Verifier::new(settings.accept.clone(), settings.jwks.clone());
    let http = Client::with_identity(&settings.identity)?;
    let orchestrator = Orchestrator { settings, users, http };
    Ok(Router::new().route("/tasks", post(take)).with_state(Arc::new(orchestrator)))
}

async fn take(State(orchestrator): State<Arc<Orchestrator>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut trace = Trace::default();
    let token = Token::of_request(&headers);
    let end = match (orchestrator.users.verify(token.as_ref()).await, token, request["prompt"].as_str()) {
        (Err(refusal), _, _) => {
            Err(Failure { hop: 2, status: refusal.status(), code: refusal.code().to_owned(), detail: refusal.body() })
        }
        (Ok(_), Some(token), Some(prompt)) => orchestrator.delegate(prompt, &token, &mut trace).await,
        (Ok(_), _, _) => return axum::http::StatusCode::BAD_REQUEST.into_response(),
    };
    answer(end, &trace)
}

impl Orchestrator {
    async fn delegate(&self, prompt: &str, user_token: &Token, trace: &mut Trace) -> Result<TaskEnd, Failure> {
        let callee = self.settings.agents.iter().find(|callee| callee.is_for(prompt));
        let callee = callee.ok_or_else(|| Failure::unanswered(3, "no agent is for this"))?;
        let id_jag = self.id_jag(callee, user_token, trace).await?;
        let task_token = self.redeem(callee, &id_jag, trace).await?;
        self.call_agent(callee, prompt, &task_token, trace).await
    }

    /// Hop 3.
    async fn id_jag(&self, callee: &Callee, user_token: &Token, trace: &mut Trace) -> Result<Token, Failure> {
        let grant = [
            ("grant_type", TOKEN_EXCHANGE),
            ("requested_token_type", TYPE_ID_JAG),
            ("subject_token", user_token.expose()),
            ("subject_token_type", TYPE_ACCESS_TOKEN),
            ("audience", &callee.server.issuer),
            ("resource", &callee.resource),
            ("scope", &callee.scope),
        ];
        let server = &self.settings.identity_provider;
        let issued = self.token(3, server, &grant, "exchanges the user's token for an ID-JAG", "id_jag", trace);
        issued.await
    }

    /// Hop 4.
    async fn redeem(&self, callee: &Callee, id_jag: &Token, trace: &mut Trace) -> Result<Token, Failure> {
        let grant = [("grant_type", JWT_BEARER), ("assertion", id_jag.expose()), ("scope", callee.scope.as_str())];
        let server = &callee.server;
        let issued =
            self.token(4, server, &grant, "redeems the ID-JAG for a token for the agent", "access_token", trace);
        issued.await
    }

    async fn token(
        &self,
        number: u8,
        server: &AuthorizationServer,
        grant: &[(&str, &str)],
        action: &str,
        name: &str,
        trace: &mut Trace,
    ) -> Result<Token, Failure> {
        let call = self.settings.client.request_token(&self.http, server, grant).await;
        let mut hop = Hop::new(number, NAME, &server.token_endpoint.url, action, call.sent);
        let reply = hop.answered(call.reply, |reply| Issued::shown(reply, name), trace)?;
        Issued::from_reply(&reply).map(|issued| issued.token).ok_or_else(|| Failure::unreadable(number, &reply))
    }

    /// Hop 5.
    async fn call_agent(
        &self,
        callee: &Callee,
        prompt: &str,
        token: &Token,
        trace: &mut Trace,
    ) -> Result<TaskEnd, Failure> {
        let target = &callee.target;
        let message = a2a::send_message(self.settings.spelling, prompt);
        let authorization = token.authorization();
        let mut headers = vec![("content-type", "application/json"), ("authorization", authorization.as_str())];
        if self.settings.spelling == Spelling::V10 {
            headers.push(("a2a-version", "1.0"));
        }
        let sent = json!({ "method": message["method"], "prompt": prompt, "bearer": token.decoded() });
        let what = format!("calls {} through the gateway", callee.name);
        let mut hop = Hop::new(5, NAME, &target.url, &what, sent);
        let reply = self.http.post(target, &headers, message.to_string().into_bytes()).await;
        let shown = |reply: &_| state_of(reply);
        let reply = hop.answered(reply, shown, trace)?;
        let Some(outcome) = a2a::read_answer(&reply.json()) else { return Err(Failure::refused(5, &reply)) };
        if let Ok(behind) = serde_json::from_value(outcome.trace) {
            trace.append(behind);
        }
        if outcome.completed {
            return Ok(TaskEnd { answer: outcome.text, data: outcome.data });
        }
        let failure = serde_json::from_value(outcome.data).ok();
        Err(failure.unwrap_or_else(|| Failure::unreadable(5, &reply)))
    }
}

/// Of an A2A answer only how the task ended; its content is told once, at the end.
fn state_of(reply: &super::agent::client::Reply) -> Value {
    let body = reply.json();
    let state = ["/result/status/state", "/result/task/status/state", "/error"];
    json!({ "task": state.iter().find_map(|path| body.pointer(path)) })
}
