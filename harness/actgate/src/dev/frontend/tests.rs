//! Sign-in against authorization servers that answer wrongly.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;
use crate::dev::agent::client::Transport;
use crate::dev::keys::{Algorithm, SigningKey};

const ISSUER: &str = "https://idp.example";

/// The failure of a sign-in whose browser comes back to this query; `{state}` stands for the right one.
async fn failure_of(back: &'static str) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let authorize = move |request: axum::extract::Request| async move {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let state = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state");
        let back = back.replace("{state}", &state.map(|(_, state)| state.into_owned()).unwrap_or_default());
        (StatusCode::FOUND, [(header::LOCATION, format!("http://127.0.0.1/callback?{back}"))]).into_response()
    };
    let server = Router::new().route("/authorize", get(authorize));
    let task = tokio::spawn(async { axum::serve(listener, server).await });
    let target = |path: &str| Target { url: format!("{ISSUER}{path}"), address, transport: Transport::Plain };
    let settings = FrontendSettings {
        listen: address,
        client: OAuthClient::new("app", SigningKey::generate(Algorithm::Es256, "k")),
        identity_provider: AuthorizationServer {
            issuer: ISSUER.to_owned(),
            token_endpoint: target("/token"),
            assertion_audience: ISSUER.to_owned(),
        },
        authorization_endpoint: target("/authorize"),
        redirect_uri: "http://127.0.0.1/callback".to_owned(),
        scope: "openid".to_owned(),
        orchestrator: target("/tasks"),
    };
    let failure = settings.sign_in("someone", &mut Trace::default()).await.expect_err("a failure");
    task.abort();
    failure
}

#[tokio::test]
async fn a_code_is_taken_only_with_our_state_and_from_the_server_we_asked() {
    let right = failure_of("code=c&state={state}&iss=https%3A%2F%2Fidp.example").await;
    // The code was taken to the token endpoint, which this server lacks.
    assert_eq!((right.status, right.code.as_str()), (404, "refused"));
    for back in [
        "code=c&state=other&iss=https%3A%2F%2Fidp.example",
        "code=c&iss=https%3A%2F%2Fidp.example",
        "code=c&state={state}&iss=https%3A%2F%2Fattacker.example",
        "code=c&state={state}",
    ] {
        assert_eq!(failure_of(back).await.code, "unreadable_answer", "{back}");
    }
    assert_eq!(failure_of("error=access_denied&state={state}").await.code, "access_denied");
}
