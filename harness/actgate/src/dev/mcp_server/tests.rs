//! The server over loopback, called with minted tokens.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::dev::agent::client::{Client, Reply, Transport};
use crate::dev::agent::mcp;
use crate::dev::issuer::http::UnixSeconds;
use crate::dev::keys::{Algorithm, SigningKey, key_set};
use crate::dev::mint;
use crate::dev::token_check::VerifiedToken;

const ISSUER: &str = "https://issuer.example/oauth2/aus1";
const AUDIENCE: &str = "https://streamward.com/auroradb/mcp";
const READ: &str = "Aurora-DB:read";
const SELLER: &str = "demouser@streamward.com";
const LAWYER: &str = "seconduser@streamward.com";

/// A server, its issuer's key and what it recorded; both servers end with it.
struct World {
    key: SigningKey,
    target: Target,
    records: Records,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn bound() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

async fn world(ungoverned: bool) -> World {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let keys = key_set(&[key.public_jwk()]).to_string();
    let (issuer, issuer_address) = bound().await;
    let jwks = Router::new().route("/keys", get(move || async move { keys }));
    let (listener, address) = bound().await;
    let settings = McpServerSettings {
        catalogue: Catalogue::AuroraDb,
        listen: address,
        records_listen: address,
        path: "/auroradb/mcp".to_owned(),
        allowed_hosts: vec!["gateway.streamward.com".to_owned()],
        accept: TokenRule { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() },
        jwks: Target { url: format!("{ISSUER}/keys"), address: issuer_address, transport: Transport::Plain },
        tool_scopes: [tools::QUERY_KNOWLEDGE_BASE, tools::FETCH_CONTRACT_PDF]
            .map(|tool| (tool.into(), READ.into()))
            .into(),
        method_scope: READ.to_owned(),
        ungoverned,
    };
    let jwks = Router::new().nest("/oauth2/aus1", jwks);
    let records = Records::default();
    let router = router(&settings, records.clone()).expect("a router");
    let tasks = vec![
        tokio::spawn(async { axum::serve(issuer, jwks).await }),
        tokio::spawn(async { axum::serve(listener, router).await }),
    ];
    let url = "http://gateway.streamward.com/auroradb/mcp".to_owned();
    World { key, target: Target { url, address, transport: Transport::Plain }, records, tasks }
}

fn claims(human: &str) -> Value {
    let now = UnixSeconds::from_system_clock().0;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": human, "scp": [READ], "iat": now, "exp": now + 60,
        "act": { "sub": "agent", "act": { "sub": "orchestrator", "act": { "sub": "app" } } },
    })
}

impl World {
    fn token(&self, claims: &Value) -> Token {
        Token::new(mint::access_token(&self.key, claims))
    }

    async fn call(&self, token: Option<&Token>, request: &Value) -> Reply {
        mcp::send(&Client::plain(), &self.target, token, request).await.expect("an answer")
    }

    async fn query(&self, token: Option<&Token>) -> Reply {
        self.call(token, &mcp::tool_call("query_knowledge_base", &json!({ "query": "support contracts" }))).await
    }

    fn last_record(&self) -> Value {
        self.records.to_json().as_array().and_then(|all| all.last()).cloned().unwrap_or_default()
    }
}

fn row_ids(reply: &Reply) -> Vec<String> {
    let response = mcp::response(reply);
    let rows = response.pointer("/result/structuredContent/rows").and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn two_humans_get_different_rows_and_the_server_names_both_and_their_agent() {
    let world = world(false).await;
    for (human, rows) in [(SELLER, &["KB-0107"][..]), (LAWYER, &["KB-0107", "KB-0311"][..])] {
        let reply = world.query(Some(&world.token(&claims(human)))).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(row_ids(&reply), rows, "{human}");
        let seen = mcp::response(&reply).pointer("/result/structuredContent/seen").cloned().unwrap_or_default();
        assert_eq!((&seen["checked"], &seen["human"], &seen["agent"]), (&json!(true), &json!(human), &json!("agent")));
        assert_eq!(seen["chain"], json!(["agent", "orchestrator", "app"]));
        assert_eq!(seen["scope"], json!([READ]));
        let record = world.last_record();
        assert_eq!((&record["decision"], &record["status"]), (&json!("accepted"), &json!(200)));
        assert_eq!(record["human"], human);
        assert_eq!(record["tool"], "query_knowledge_base");
    }
}

#[tokio::test]
async fn a_record_tells_claims_and_header_names_but_no_token() {
    let world = world(false).await;
    let token = world.token(&claims(SELLER));
    world.query(Some(&token)).await;
    let record = world.last_record();
    assert_eq!(record["token"]["claims"]["sub"], SELLER);
    assert_eq!(record["token"]["header"]["typ"], "at+jwt");
    assert!(record["headers"].as_array().is_some_and(|names| names.contains(&json!("authorization"))));
    let signature = token.expose().rsplit('.').next().unwrap_or_default();
    assert!(!record.to_string().contains(signature));
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_its_status_and_challenge() {
    let world = world(false).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(SELLER);
        claims[name] = value;
        Some(world.token(&claims))
    };
    let stranger = SigningKey::generate(Algorithm::Es256, "k");
    let forged = Token::new(mint::access_token(&stranger, &claims(SELLER)));
    let invalid = r#"Bearer error="invalid_token""#;
    let scope = r#"Bearer error="insufficient_scope", scope="Aurora-DB:read""#;
    let cases = [
        (None, 401, "Bearer", "token_missing"),
        (with("aud", json!("https://streamward.com/corp/knowledge")), 401, invalid, "token_audience"),
        (with("iss", json!("https://issuer.example/oauth2/aus0")), 401, invalid, "token_issuer"),
        (with("exp", json!(1_700_000_000)), 401, invalid, "token_expired"),
        (Some(forged), 401, invalid, "token_signature"),
        (with("scp", json!(["Corp-Knowledge-Agent:execute"])), 403, scope, "insufficient_scope"),
    ];
    for (token, status, challenge, code) in cases {
        let reply = world.query(token.as_ref()).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (status, Some(challenge)), "{code}");
        assert_eq!(reply.json()["code"], code);
        assert!(row_ids(&reply).is_empty());
        let record = world.last_record();
        assert_eq!((&record["decision"], &record["human"]), (&json!(code), &Value::Null));
    }
}

#[tokio::test]
async fn without_governance_anyone_gets_every_row_and_nobody_is_named() {
    let world = world(true).await;
    for token in [None, Some(Token::new("service-account-key"))] {
        let request = mcp::tool_call("query_knowledge_base", &json!({ "query": "salary bands engineering" }));
        let reply = world.call(token.as_ref(), &request).await;
        assert_eq!(row_ids(&reply), ["KB-0304"]);
        let record = world.last_record();
        assert_eq!((&record["decision"], &record["human"]), (&json!("unchecked"), &Value::Null));
        assert!(!record.to_string().contains("service-account-key"));
    }
}

#[tokio::test]
async fn a_contract_comes_as_pdf_and_a_hidden_one_as_a_tool_error() {
    let world = world(false).await;
    let token = world.token(&claims(SELLER));
    let fetch = |id: &str| mcp::tool_call("fetch_unstructured_contract_pdf", &json!({ "document_id": id }));
    let reply = world.call(Some(&token), &fetch("MSA-2041")).await;
    let resource = mcp::response(&reply).pointer("/result/content/1/resource").cloned().unwrap_or_default();
    assert_eq!(resource["mimeType"], "application/pdf");
    assert!(resource["blob"].as_str().is_some_and(|blob| blob.starts_with("JVBERi0")), "%PDF- in base64");
    let reply = world.call(Some(&token), &fetch("MSA-1877")).await;
    assert_eq!(mcp::response(&reply).pointer("/result/isError"), Some(&json!(true)));
    assert!(row_ids(&reply).is_empty());
}

#[tokio::test]
async fn tools_are_listed_and_an_older_client_is_served_without_a_session() {
    let world = world(false).await;
    let token = world.token(&claims(SELLER));
    let reply = world.call(Some(&token), &mcp::request("tools/list", json!({}))).await;
    let tools = mcp::response(&reply).pointer("/result/tools").and_then(Value::as_array).map(Vec::len);
    assert_eq!(tools, Some(2), "{}", reply.json());
    let authorization = token.authorization();
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("authorization", authorization.as_str()),
    ];
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                       "params": { "name": "query_knowledge_base", "arguments": { "query": "lost laptop" } } });
    let reply = Client::plain().post(&world.target, &headers, call.to_string().into_bytes()).await.expect("an answer");
    assert_eq!((reply.status, row_ids(&reply)), (200, vec!["KB-0218".to_owned()]), "{}", reply.json());
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let mut world = world(false).await;
    world.target.url = "http://attacker.example/auroradb/mcp".to_owned();
    let reply = world.query(Some(&world.token(&claims(SELLER)))).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_the_servers_fault() {
    let mut world = world(false).await;
    world.tasks.swap_remove(0).abort();
    tokio::task::yield_now().await;
    assert_eq!(world.query(Some(&world.token(&claims(SELLER)))).await.status, 503);
}

#[test]
fn the_tool_itself_checks_its_scope_again() {
    let key = SigningKey::generate(Algorithm::Es256, "k");
    let rule = TokenRule { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    let token = mint::access_token(&key, &claims(SELLER));
    let now = UnixSeconds::from_system_clock();
    let token: VerifiedToken =
        crate::dev::token_check::verify(&token, &[key.public_jwk()], &rule, now).expect("a good token");
    let needs = |scope: &str| admission::Caller::Governed {
        token: token.clone(),
        tool_scopes: [("drop_table".to_owned(), scope.to_owned())].into(),
    };
    assert!(needs(READ).may_run("drop_table"));
    assert!(!needs("Aurora-DB:write").may_run("drop_table"));
    assert!(!needs(READ).may_run("another_tool"), "a tool without a scope is for nobody");
}

#[test]
fn the_call_is_read_from_the_body() {
    let call = Call::read(br#"{"method":"tools/call","params":{"name":"t","arguments":{"a":1}}}"#);
    assert_eq!((call.method.as_str(), call.tool.as_deref()), ("tools/call", Some("t")));
    assert_eq!(Call::read(br#"{"method":"tools/list","params":{"name":"t"}}"#).tool, None);
    assert_eq!(Call::read(b"[]"), Call::default());
    let record = Record::new(&HeaderMap::new(), &call, None, Err(&TokenRefusal::Missing));
    assert_eq!((record.token, record.headers), (Value::Null, Vec::new()));
}
