//! The same issuer behind a loopback socket.
//!
//! Guaranteed: what is answered comes from `Issuer::handle`; this file only carries bytes.
//! Absent on purpose: TLS. The proxy in front speaks the issuer's https name.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::Issuer;
use super::http::{HttpRequest, HttpResponse, UnixSeconds};

/// Nothing a token endpoint reads is longer.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// An issuer shared between the server and whoever started it.
pub type SharedIssuer = Arc<Mutex<Issuer>>;

/// Makes an issuer ready to be served.
pub fn shared(issuer: Issuer) -> SharedIssuer {
    Arc::new(Mutex::new(issuer))
}

/// Serves until the task is dropped.
pub async fn serve(issuer: SharedIssuer, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    let service = axum::Router::new().fallback(answer).with_state(issuer);
    axum::serve(listener, service).await
}

/// Binds a loopback port and serves until the task is dropped.
pub async fn listen(issuer: SharedIssuer, port: u16) -> std::io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    serve(issuer, tokio::net::TcpListener::bind(address).await?).await
}

async fn answer(State(issuer): State<SharedIssuer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return carry(HttpResponse::text(413, "text/plain", "too long"));
    };
    let request = HttpRequest {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    let response = {
        let mut issuer = issuer.lock().expect("no holder of this lock panics");
        issuer.handle(UnixSeconds::from_system_clock(), &request)
    };
    tokio::time::sleep(Duration::from_millis(response.delay_ms)).await;
    carry(response)
}

fn carry(response: HttpResponse) -> Response {
    let mut carried = Response::new(Body::from(response.body));
    *carried.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) =
            (name.parse::<axum::http::HeaderName>(), value.parse::<axum::http::HeaderValue>())
        {
            carried.headers_mut().append(name, value);
        }
    }
    carried
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::dev::issuer::misbehaviour::{Break, Endpoint, Misbehaviour};
    use crate::dev::world::{Ports, World, streamward};

    /// The status line and body of one exchange over a socket.
    async fn ask(port: u16, request: &str) -> (String, String) {
        let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        socket.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("it answers text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    #[tokio::test]
    async fn a_socket_carries_what_the_issuer_answers() {
        let world = World::in_memory(Ports::default());
        let issuer = shared(world.issuer(streamward::IDP).expect("the world has one"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = tokio::spawn(serve(Arc::clone(&issuer), listener));

        let keys = "GET /oauth2/v1/keys HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
        let (status, body) = ask(port, keys).await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(body.contains("\"kid\":\"idp-0\""), "{body}");

        let form = world.token_request(
            streamward::IDP,
            streamward::ORCHESTRATOR,
            &[("grant_type", "password")],
            UnixSeconds::from_system_clock(),
        );
        let body = String::from_utf8(form.body).expect("a form is text");
        let post = format!(
            "POST {} HTTP/1.1\r\nhost: streamward.okta.example\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n{body}",
            form.path,
            body.len()
        );
        let (status, body) = ask(port, &post).await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        assert!(body.contains("unsupported_grant_type"), "{body}");

        let slow = Break::at(Endpoint::Keys, Misbehaviour::Slow(300));
        issuer.lock().expect("nobody panicked").misbehave(slow);
        let began = std::time::Instant::now();
        ask(port, keys).await;
        assert!(began.elapsed() >= Duration::from_millis(300));
        server.abort();
    }
}
