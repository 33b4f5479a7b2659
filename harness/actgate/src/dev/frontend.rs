//! The chat application: signs the human in (hop 1) and hands the prompt on (hop 2).
//!
//! Guaranteed: authorization code with PKCE, `state` and `iss` checked, and the user's token goes to the
//! orchestrator and nowhere else.
//! Absent on purpose: a browser. Login is scripted: the name in the request is the human who signs in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::agent::bearer::Token;
use super::agent::client::{Client, Target};
use super::agent::hop::{Failure, Hop, Trace};
use super::agent::oauth::{AuthorizationServer, Issued, OAuthClient, code_challenge, fresh_secret};
use super::agent::serve;
use super::agent::task::{TaskEnd, answer, read_end};

/// The process's name in hop records.
pub const NAME: &str = "frontend";

/// What the frontend is told.
#[derive(Clone, Debug)]
pub struct FrontendSettings {
    /// Where it serves.
    pub listen: SocketAddr,
    /// Its registration.
    pub client: OAuthClient,
    /// The identity provider.
    pub identity_provider: AuthorizationServer,
    /// The authorization endpoint.
    pub authorization_endpoint: Target,
    /// Where codes are sent.
    pub redirect_uri: String,
    /// What it asks the human to allow.
    pub scope: String,
    /// The orchestrator.
    pub orchestrator: Target,
}

/// Runs the process until it is told to end.
pub async fn run(settings: FrontendSettings) -> io::Result<()> {
    let listener = serve::announce(serve::LISTENING, settings.listen).await?;
    serve::serve_until_told(listener, router(settings)).await
}

/// `POST /ask {"login", "question"}`.
pub fn router(settings: FrontendSettings) -> Router {
    Router::new().route("/ask", post(ask)).with_state(Arc::new(settings))
}

async fn ask(State(settings): State<Arc<FrontendSettings>>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let member = |name| request.get(name).and_then(Value::as_str);
    let mut trace = Trace::default();
    let (Some(login), Some(question)) = (member("login"), member("question")) else {
        let failure = Failure { hop: 1, status: 0, code: "bad_request".to_owned(), detail: Value::Null };
        return answer(Err(failure), &trace);
    };
    let end = settings.serve_human(login, question, &mut trace).await;
    answer(end, &trace)
}

impl FrontendSettings {
    async fn serve_human(&self, login: &str, question: &str, trace: &mut Trace) -> Result<TaskEnd, Failure> {
        let user_token = self.sign_in(login, trace).await?;
        self.hand_on(question, &user_token, trace).await
    }

    /// Hop 1.
    async fn sign_in(&self, login: &str, trace: &mut Trace) -> Result<Token, Failure> {
        let http = Client::plain();
        let verifier = fresh_secret();
        let code = self.authorization_code(&http, login, &verifier, trace).await?;
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &verifier),
        ];
        let server = &self.identity_provider;
        let call = self.client.request_token(&http, server, &grant).await;
        let mut hop = Hop::new(1, NAME, &server.token_endpoint.url, "redeems the code for the user's token", call.sent);
        let reply = hop.answered(call.reply, |reply| Issued::shown(reply, "user_token"), trace)?;
        Issued::from_reply(&reply).map(|issued| issued.token).ok_or_else(|| Failure::unreadable(1, &reply))
    }

    /// The code a browser would carry back; kept as a secret like a token.
    async fn authorization_code(
        &self,
        http: &Client,
        login: &str,
        verifier: &str,
        trace: &mut Trace,
    ) -> Result<Token, Failure> {
        let state = fresh_secret();
        let challenge = code_challenge(verifier);
        let query = [
            ("response_type", "code"),
            ("client_id", self.client.client_id()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &state),
            ("nonce", &fresh_secret()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", login),
        ];
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let mut target = self.authorization_endpoint.clone();
        target.url = format!("{}?{encoded}", target.url);
        let sent = json!({ "response_type": "code", "scope": self.scope, "login_hint": login, "pkce": "S256" });
        let endpoint = &self.authorization_endpoint.url;
        let mut hop = Hop::new(1, NAME, endpoint, "sends the human to sign in", sent);
        let shown = |_: &_| json!({ "code": "[redacted]" });
        let reply = hop.answered_with(302, http.get(&target).await, shown, trace)?;
        let back =
            reply.header("location").and_then(|location| location.split_once('?')).map_or("", |(_, query)| query);
        let member = |name: &str| {
            form_urlencoded::parse(back.as_bytes())
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned())
        };
        // RFC 6749 §10.12 and RFC 9207 §2.4: an answer to another request, or of another server, is refused.
        let ours = member("state").as_deref() == Some(&state)
            && member("iss").as_deref() == Some(&self.identity_provider.issuer);
        match (member("code").filter(|_| ours), member("error")) {
            (Some(code), None) => Ok(Token::new(code)),
            (_, Some(error)) => Err(Failure { hop: 1, status: reply.status, code: error, detail: Value::Null }),
            (None, None) => Err(Failure::unreadable(1, &reply)),
        }
    }

    /// Hop 2.
    async fn hand_on(&self, question: &str, user_token: &Token, trace: &mut Trace) -> Result<TaskEnd, Failure> {
        let authorization = user_token.authorization();
        let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
        let body = json!({ "prompt": question }).to_string().into_bytes();
        let sent = json!({ "prompt": question, "bearer": user_token.decoded() });
        let mut hop = Hop::new(2, NAME, &self.orchestrator.url, "passes the prompt with the user's token", sent);
        let reply = Client::plain().post(&self.orchestrator, &headers, body).await;
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Err(hop.unanswered(&error, trace)),
        };
        // The answer arrives whole, so what happened behind it is told after this hop.
        hop.status = reply.status;
        trace.record(hop);
        read_end(2, &reply, trace)
    }
}

#[cfg(test)]
mod tests;
