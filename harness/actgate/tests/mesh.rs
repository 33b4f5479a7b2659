//! The development processes together, with a stand-in where the gateway belongs.
//!
//! The stand-in checks nothing: it terminates mutual TLS, passes hop 5 on, and walks hops 7 and 8 as the
//! knowledge agent. What the real gateway refuses is not tested here.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actgate::dev::agent::a2a;
use actgate::dev::agent::bearer::Token;
use actgate::dev::agent::client::{Client, Reply, Target, Transport};
use actgate::dev::agent::oauth::{
    AuthorizationServer, Issued, JWT_BEARER, OAuthClient, TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_JAG,
};
use actgate::dev::certs::Certificates;
use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::mint;
use actgate::dev::process::{DevProcess, END_WITHIN};
use actgate::dev::settings::{AURORADB_PATH, KNOWLEDGE_PATH};
use actgate::dev::world::{Ports, WORLD_FILE, World, streamward};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const READY_WITHIN: Duration = Duration::from_secs(20);

const PROCESSES: [&str; 7] =
    ["idp", "ras-knowledge", "ras-auroradb", "mcp-server", "knowledge-agent", "orchestrator", "frontend"];

struct Mesh {
    world: World,
    processes: Vec<DevProcess>,
}

impl Mesh {
    async fn start(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mesh").join(name);
        let world = World::generate(&dir, Ports::free().expect("free ports")).expect("a world");
        tokio::spawn(serve_gateway(world.clone()));
        let program = Path::new(env!("CARGO_BIN_EXE_actgate"));
        let start = |name: &&str| DevProcess::start_dev_of(program, name, &dir.join(WORLD_FILE), &[], READY_WITHIN);
        let processes: Result<Vec<_>, _> = PROCESSES.iter().map(start).collect();
        Self { world, processes: processes.expect("every process is ready") }
    }

    fn process(&self, name: &str) -> &DevProcess {
        self.processes.iter().find(|process| process.name() == name).expect("it was started")
    }

    async fn post(&self, process: &str, path: &str, token: Option<&Token>, body: &Value) -> Reply {
        let address = self.process(process).address().expect("it listens");
        let target = Target { url: format!("http://{address}{path}"), address, transport: Transport::Plain };
        let authorization = token.map(Token::authorization);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|authorization| ("authorization", authorization)));
        Client::plain().post(&target, &headers, body.to_string().into_bytes()).await.expect("an answer")
    }

    async fn ask(&self, login: &str, question: &str) -> Reply {
        self.post("frontend", "/ask", None, &json!({ "login": login, "question": question })).await
    }
}

/// The listener of the stand-in: TLS with a certificate of the client's own.
struct MutualTls {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for MutualTls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, peer)) = self.tcp.accept().await else { continue };
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let read = |file: &Path| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(file).expect("a file").collect::<Result<_, _>>().expect("certificates")
    };
    let mut roots = rustls::RootCertStore::empty();
    for authority in read(&certificates.authority) {
        roots.add(authority).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients.build().expect("a verifier"))
        .with_single_cert(
            read(&certificates.gateway.certificate),
            PrivateKeyDer::from_pem_file(&certificates.gateway.key).expect("a key"),
        )
        .expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve_gateway(world: World) -> io::Result<()> {
    let tls = acceptor(world.certificates.as_ref().expect("a written world has certificates"));
    let tcp = TcpListener::bind(("127.0.0.1", world.ports.gateway)).await?;
    let router = Router::new()
        .route(KNOWLEDGE_PATH, post(pass_through))
        .route(AURORADB_PATH, post(exchange))
        .with_state(Arc::new(world));
    axum::serve(MutualTls { tcp, tls }, router).await
}

async fn pass_through(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let token = Token::of_request(&headers).expect("a bearer token");
    forward(&world, KNOWLEDGE_PATH, world.ports.knowledge_agent, &headers, &token, body).await
}

async fn exchange(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let inbound = Token::of_request(&headers).expect("a bearer token");
    match outbound(&world, &inbound).await {
        Some(token) => forward(&world, AURORADB_PATH, world.ports.mcp_server, &headers, &token, body).await,
        None => {
            let refusal = json!({ "error": "access_denied", "code": "exchange_refused", "txn": "t" });
            (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/json")], refusal.to_string()).into_response()
        }
    }
}

/// Hops 7 and 8.
async fn outbound(world: &World, inbound: &Token) -> Option<Token> {
    let agent = streamward::KNOWLEDGE_AGENT;
    let client = OAuthClient::new(agent, world.client_key(agent)?.clone());
    let grant = [
        ("grant_type", TOKEN_EXCHANGE),
        ("requested_token_type", TYPE_ID_JAG),
        ("subject_token", inbound.expose()),
        ("subject_token_type", TYPE_ACCESS_TOKEN),
        ("audience", streamward::RAS_AURORADB_ISSUER),
        ("resource", streamward::AURORADB_RESOURCE),
        ("scope", streamward::READ),
    ];
    let id_jag = issued(world, streamward::IDP, &client, &grant).await?;
    let grant = [("grant_type", JWT_BEARER), ("assertion", id_jag.expose())];
    issued(world, streamward::RAS_AURORADB, &client, &grant).await
}

async fn issued(world: &World, server: &str, client: &OAuthClient, grant: &[(&str, &str)]) -> Option<Token> {
    let config = world.issuer_config(server)?;
    let address = SocketAddr::from(([127, 0, 0, 1], world.issuer_port(server)?));
    let server = AuthorizationServer {
        issuer: config.issuer.clone(),
        token_endpoint: Target { url: config.token_endpoint(), address, transport: Transport::Plain },
        assertion_audience: config.assertion_audience(),
    };
    let reply = client.request_token(&Client::plain(), &server, grant).await.reply.ok()?;
    Issued::from_reply(&reply).map(|issued| issued.token)
}

async fn forward(world: &World, path: &str, port: u16, headers: &HeaderMap, token: &Token, body: Bytes) -> Response {
    let authorization = token.authorization();
    let mut fields = vec![("authorization", authorization.as_str()), ("x-actgate-txn", "t")];
    for (name, value) in headers {
        let passes = ["content-type", "accept"].contains(&name.as_str()) || name.as_str().starts_with("mcp-");
        fields.extend(passes.then(|| (name.as_str(), value.to_str().unwrap_or_default())));
    }
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let target = Target { url: format!("https://{}{path}", world.gateway_host), address, transport: Transport::Plain };
    let reply = Client::plain().post(&target, &fields, body.to_vec()).await.expect("an answer");
    let status = StatusCode::from_u16(reply.status).expect("a status");
    let kind = reply.header("content-type").unwrap_or_default().to_owned();
    (status, [("content-type", kind), ("x-actgate-txn", "t".to_owned())], reply.body).into_response()
}

fn hops(reply: &Reply) -> Vec<(Value, Value)> {
    let body = reply.json();
    let trace = body["trace"].as_array().cloned().unwrap_or_default();
    trace.iter().map(|hop| (hop["hop"].clone(), hop["status"].clone())).collect()
}

fn statuses(expected: &[(u8, u16)]) -> Vec<(Value, Value)> {
    expected.iter().map(|(hop, status)| (json!(hop), json!(status))).collect()
}

#[tokio::test]
async fn a_question_travels_every_hop_and_the_tool_names_human_agent_and_chain() {
    let mesh = Mesh::start("governed").await;
    let reply = mesh.ask(streamward::DEMO_USER, "When does the Northwind support contract renew?").await;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert!(body["answer"].as_str().is_some_and(|answer| answer.contains("KB-0107")), "{body}");
    let way = [(1, 302), (1, 200), (2, 200), (3, 200), (4, 200), (5, 200), (6, 200)];
    assert_eq!(hops(&reply), statuses(&way));
    let chain = json!([streamward::KNOWLEDGE_AGENT, streamward::ORCHESTRATOR, streamward::CHAT_APP]);
    let seen = &body["data"]["seen"];
    assert_eq!((&seen["human"], &seen["chain"]), (&json!(streamward::DEMO_USER), &chain));
    let records = mesh.process("mcp-server").records("mcp");
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["decision"], &records[0]["txn"]), (&json!("accepted"), &json!("t")));
    assert_eq!(records[0]["scope"], json!([streamward::READ]));

    // The second human may call the agent, but has no right at the database.
    let refused = mesh.ask(streamward::SECOND_USER, "When does the Northwind support contract renew?").await;
    assert_eq!(refused.status, 502);
    assert_eq!(refused.json()["failure"]["hop"], 6);
    assert_eq!(refused.json()["failure"]["code"], "exchange_refused");
    assert_eq!(hops(&refused).last(), statuses(&[(6, 403)]).last());
    assert_eq!(mesh.process("mcp-server").records("mcp").len(), 1, "nothing reached the tool");

    // A login nobody has stops at the first hop.
    let nobody = mesh.ask("nobody@streamward.com", "Hello?").await;
    assert_eq!(nobody.json()["failure"]["hop"], 1);
    assert_eq!(nobody.json()["failure"]["code"], "access_denied");

    // Every JWT begins with the encoding of an opening brace and a quote.
    let printed =
        mesh.processes.iter().flat_map(DevProcess::lines).chain([body.to_string(), refused.json().to_string()]);
    for line in printed {
        assert!(!line.contains("eyJ"), "a token in {line}");
    }
}

#[tokio::test]
async fn every_process_checks_the_token_it_is_given() {
    let mesh = Mesh::start("checks").await;
    let now = UnixSeconds::from_system_clock();
    let key = mesh.world.issuer_keys(streamward::RAS_KNOWLEDGE).remove(0);
    let claims = json!({
        "iss": streamward::RAS_KNOWLEDGE_ISSUER, "aud": streamward::KNOWLEDGE_RESOURCE,
        "sub": streamward::DEMO_USER, "scp": [streamward::EXECUTE], "iat": now.0, "exp": now.0 + 60,
    });
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        Some(Token::new(mint::access_token(&key, &claims)))
    };
    let message = a2a::send_message(a2a::Spelling::V10, "lost laptop");
    let cases = [
        (None, 401, "token_missing"),
        (with("aud", json!(streamward::AURORADB_RESOURCE)), 401, "token_audience"),
        (with("exp", json!(now.0 - 1)), 401, "token_expired"),
        (with("scp", json!(["openid"])), 403, "insufficient_scope"),
    ];
    for (token, status, code) in cases {
        let reply = mesh.post("knowledge-agent", KNOWLEDGE_PATH, token.as_ref(), &message).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)));
    }
    // A good token passes, so the refusals above are about the token.
    let reply = mesh.post("knowledge-agent", KNOWLEDGE_PATH, with("jti", json!("j")).as_ref(), &message).await;
    assert_eq!(reply.json().pointer("/result/task/status/state"), Some(&json!("TASK_STATE_FAILED")), "no chain");

    // The orchestrator takes tokens of users, not of agents.
    let reply = mesh.post("orchestrator", "/tasks", with("jti", json!("j")).as_ref(), &json!({ "prompt": "?" })).await;
    assert_eq!(reply.json()["failure"]["code"], "token_issuer");
    assert_eq!(hops(&reply), [], "and asks nobody");
}

#[tokio::test]
async fn a_process_ends_by_itself_when_its_parent_lets_go() {
    let mesh = Mesh::start("ending").await;
    for process in mesh.processes {
        let (name, begun) = (process.name().to_owned(), Instant::now());
        drop(process);
        assert!(begun.elapsed() < END_WITHIN, "{name} had to be killed");
    }
    drop(mesh.world);
}
