//! Proofs of the gateway's own on a real Envoy: servers that demand nonces, and an upstream that checks each proof and takes none twice.
//!
//! The upstream checks with the development world's own code, which shares nothing with the gateway's.
//! Absent: answers that lie; the vectors have those.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::loopback::Loopback;
use actgate::dev::mint;
use actgate::dev::proof::{self, Wanted};
use actgate::dev::world::streamward::{IDP, RAS_AURORADB};
use actgate::envoy::LogLevel;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client::Answer;
use serde_json::{Value, json};

use crate::client::{MCP, assert_no_trap, code, exchange, good_body, good_request, header, request, start_with, token};
use crate::records::assert_writes_no_secret;

const ORIGIN: &str = "https://auroradb.example";

/// What the upstream saw and decided.
#[derive(Debug, Default)]
struct Guard {
    used: BTreeSet<String>,
    tokens: BTreeSet<String>,
    thumbprints: BTreeSet<String>,
    nonce: Option<String>,
    given: u32,
    allowed: usize,
    challenged: usize,
    /// Why a request was refused, in order.
    refused: Vec<&'static str>,
}

impl Guard {
    fn demand(&mut self) {
        self.given += 1;
        self.nonce = Some(format!("upstream-nonce-{}", self.given));
    }

    /// What is answered to a request with these headers: the status, and whether a nonce is wanted.
    fn judge(&mut self, method: &str, path: &str, headers: &[(String, String)]) -> Result<(), (u16, bool)> {
        let all = |name: &str| {
            let named = headers.iter().filter(|(key, _)| key == name);
            named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let (credentials, proofs) = (all("authorization"), all("dpop"));
        let ([credential], [text]) = (credentials.as_slice(), proofs.as_slice()) else {
            self.refused.push("not one credential and one proof");
            return Err((401, false));
        };
        let Some(token) = credential.strip_prefix("DPoP ") else {
            self.refused.push("not by the scheme DPoP");
            return Err((401, false));
        };
        let url = format!("{ORIGIN}{}", path.split('?').next().unwrap_or_default());
        let wanted = Wanted { method, url: &url, token: Some(token), now: UnixSeconds::from_system_clock() };
        let shown = match proof::check(text, wanted) {
            Ok(shown) => shown,
            Err(wrong) => {
                self.refused.push(wrong);
                return Err((401, false));
            }
        };
        if !self.used.insert(shown.jti) {
            self.refused.push("a proof was used twice");
            return Err((401, false));
        }
        if mint::claims_of(token)["cnf"]["jkt"] != shown.thumbprint {
            self.refused.push("the token is tied to another key");
            return Err((401, false));
        }
        if self.nonce.is_some() && self.nonce != shown.nonce {
            self.challenged += 1;
            return Err((401, true));
        }
        self.tokens.insert(token.to_owned());
        self.thumbprints.insert(shown.thumbprint);
        self.allowed += 1;
        Ok(())
    }
}

/// An upstream on a loopback port of its own; it lives as long as the test process.
fn upstream() -> (u16, Arc<Mutex<Guard>>) {
    let guard = Arc::new(Mutex::new(Guard::default()));
    let shared = Arc::clone(&guard);
    let server = Loopback::start(move |connection| while answer(&connection, &shared).is_ok() {});
    (server.expect("a port").for_good(), guard)
}

fn answer(connection: &TcpStream, guard: &Mutex<Guard>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let (method, path) =
        line.split_once(' ').and_then(|(method, rest)| Some((method, rest.split_once(' ')?.0))).unwrap_or_default();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let size = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    reader.read_exact(&mut vec![0; size.unwrap_or_default()])?;
    let (verdict, nonce) = {
        let mut guard = guard.lock().expect("no holder panics");
        (guard.judge(method, path, &headers), guard.nonce.clone())
    };
    let (status, challenge) = match verdict {
        Ok(()) => (200, String::new()),
        Err((status, true)) => (status, "www-authenticate: DPoP error=\"use_dpop_nonce\"\r\n".to_owned()),
        Err((status, false)) => (status, "www-authenticate: DPoP error=\"invalid_dpop_proof\"\r\n".to_owned()),
    };
    let nonce = nonce.map(|nonce| format!("dpop-nonce: {nonce}\r\n")).unwrap_or_default();
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{challenge}{nonce}content-length: {length}\r\n\r\n"
    );
    (&mut &*connection).write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
}

fn gateway(options: Options, grant: bool) -> (EnvoyGateway, Arc<Mutex<Guard>>) {
    let (port, guard) = upstream();
    let key = SigningKey::generate(Algorithm::Es256, "gateway");
    let options = Options { behind: Some(port), wasm_log: LogLevel::Trace, ..options };
    let gateway = start_with(&options, |document| {
        document["resources"][1]["exchange"]["dpop"] =
            json!({"key": {"insecure_inline": key.to_pem()}, "origin": ORIGIN, "grant": grant});
    });
    (gateway, guard)
}

/// Asserts that no VM has died, and that neither the agents' tokens nor those of the upstream are in anything that was written at trace level.
fn end(gateway: &EnvoyGateway, guard: &Guard, inbound: &[&str]) {
    let issued = guard.tokens.iter().map(String::as_str);
    assert_writes_no_secret(gateway, &issued.chain(inbound.iter().copied()).collect::<Vec<_>>());
    assert_no_trap(gateway);
}

fn send(gateway: &EnvoyGateway, token: &str) -> Answer {
    exchange(gateway, &good_request(token))
}

/// Both issuers and the upstream demand nonces; one agent's request and the next, another agent's proof in between.
#[test]
fn tokens_are_tied_and_each_request_is_proven() {
    let (gateway, guard) = gateway(Options::default(), true);
    for issuer in [IDP, RAS_AURORADB] {
        gateway.issuer(issuer).misbehave("demand-nonce".parse().expect("a word"));
    }
    guard.lock().expect("no holder panics").demand();
    let first = token(&gateway.world, "proven-1");

    // The issuers' nonces are the gateway's business, the upstream's is the agent's to wait for.
    let answer = send(&gateway, &first);
    assert_eq!((answer.status, code(&answer).as_str()), (200, "upstream_wants_nonce"), "{answer:?}");
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).expect("JSON")["error"]["data"]["retry_after"], 1);
    assert_eq!((header(&answer, "dpop-nonce"), header(&answer, "www-authenticate")), (None, None));
    // Call 7 for its nonce, and anew; call 8 for its nonce; both anew with the nonces of now.
    let (exchanges, bearers) = (gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1);
    println!("{exchanges} calls of the identity provider and {bearers} of the authorization server for one token");
    for _ in 0..3 {
        let answer = send(&gateway, &first);
        assert_eq!(code(&answer), "status 200", "{answer:?}");
        assert_eq!(header(&answer, "dpop-nonce"), None, "the upstream's nonce reached the agent");
    }
    assert_eq!((gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1), (exchanges, bearers), "the token was kept");

    // What the caller sends for a proof ends here, and the next token needs no challenge.
    let second = token(&gateway.world, "proven-2");
    let bytes = request(MCP, &second, "dpop: e30.e30.AA\r\n", &good_body());
    let answer = exchange(&gateway, &bytes);
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    assert_eq!((gateway.asked(IDP).0, gateway.asked(RAS_AURORADB).1), (exchanges + 1, bearers + 1));

    // The upstream changes its nonce: one more challenge, and no token lost.
    guard.lock().expect("no holder panics").demand();
    assert_eq!(code(&send(&gateway, &second)), "upstream_wants_nonce");
    assert_eq!(code(&send(&gateway, &second)), "status 200");
    let guard = guard.lock().expect("no holder panics");
    assert_eq!(
        (guard.allowed, guard.challenged, guard.tokens.len(), guard.thumbprints.len()),
        (5, 2, 2, 1),
        "{guard:?}"
    );
    assert!(guard.refused.is_empty(), "{:?}", guard.refused);
    end(&gateway, &guard, &[&first, &second]);
}

#[test]
fn headers_that_go_first_carry_the_proof() {
    let options = Options { bootstrap: "headers-first.yaml", ..Options::default() };
    let (gateway, guard) = gateway(options, false);
    let token = token(&gateway.world, "first");
    for _ in 0..3 {
        let answer = send(&gateway, &token);
        assert_eq!(code(&answer), "status 200", "{answer:?}");
    }
    let guard = guard.lock().expect("no holder panics");
    assert_eq!((guard.allowed, guard.used.len(), guard.tokens.len()), (3, 3, 1), "{guard:?}");
    assert!(guard.refused.is_empty(), "{:?}", guard.refused);
    end(&gateway, &guard, &[&token]);
}

/// Two workers, one token for both, and a proof of its own for each request.
#[test]
fn a_token_that_workers_share_is_proven_by_each() {
    let (port, guard) = upstream();
    let key = SigningKey::generate(Algorithm::Es256, "gateway");
    let options = Options { behind: Some(port), workers: 2, wasm_log: LogLevel::Trace, ..Options::default() };
    let gateway = start_with(&options, |document| {
        document["resources"][1]["exchange"]["dpop"] =
            json!({"key": {"insecure_inline": key.to_pem()}, "origin": ORIGIN});
        document["sharing"] = json!({"secret": {"insecure_inline": "not-a-secret-at-all-but-long-enough"}});
    });
    let token = token(&gateway.world, "shared");
    for _ in 0..20 {
        let answer = send(&gateway, &token);
        assert_eq!(code(&answer), "status 200", "{answer:?}");
    }
    assert_eq!(gateway.asked(RAS_AURORADB).1, 1, "one exchange for all");
    let guard = guard.lock().expect("no holder panics");
    assert_eq!((guard.allowed, guard.used.len(), guard.tokens.len()), (20, 20, 1), "{guard:?}");
    assert!(guard.refused.is_empty(), "{:?}", guard.refused);
    end(&gateway, &guard, &[&token]);
}

/// An upstream that is never content is left alone for a while, and its agents are told how long.
#[test]
fn an_upstream_that_always_asks_is_not_asked_for_ever() {
    let (gateway, guard) = gateway(Options::default(), false);
    let token = token(&gateway.world, "never");
    let began = Instant::now();
    let mut waits = Vec::new();
    while began.elapsed() < Duration::from_millis(2500) {
        guard.lock().expect("no holder panics").demand();
        let answer = send(&gateway, &token);
        assert_eq!(code(&answer), "upstream_wants_nonce", "{answer:?}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        waits.push(body["error"]["data"]["retry_after"].as_u64().expect("how long"));
        std::thread::sleep(Duration::from_millis(10));
    }
    let challenged = guard.lock().expect("no holder panics").challenged;
    println!(
        "{} requests in {:?}, of which {challenged} reached the upstream; waits up to {:?}",
        waits.len(),
        began.elapsed(),
        waits.iter().max()
    );
    // Two at once, one after a second, and at most one more.
    assert!((2..=4).contains(&challenged), "{challenged}");
    assert_eq!(gateway.asked(RAS_AURORADB).1, 1, "the token was kept");
    end(&gateway, &guard.lock().expect("no holder panics"), &[&token]);
}
