//! Requests made to break the filter: each is answered, none traps the VM, and a good request works right after.

use std::time::Duration;

use actgate::dev::mint;
use actgate::dev::world::streamward::ORCHESTRATOR;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client;

use crate::client::{
    A2A, MCP, assert_no_trap, assert_serves, code, connect, good_body, good_request, head, request, start, token,
};

const SEND: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]}}}"#;

/// Sends the bytes and returns the status; 0 where Envoy just closes.
fn status(gateway: &EnvoyGateway, bytes: &[u8]) -> (u16, String) {
    let mut connection = connect(gateway);
    connection.sock.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket option");
    match tls_client::exchange(&mut connection, bytes) {
        Ok(answer) => (answer.status, code(&answer)),
        Err(_) => (0, String::new()),
    }
}

/// The good request with `line` as a further header line, as it is.
fn with_line(gateway: &EnvoyGateway, jti: &str, line: &[u8]) -> Vec<u8> {
    let body = good_body();
    let mut bytes = head(MCP, &token(&gateway.world, jti), &format!("content-length: {}\r\n", body.len()));
    bytes.truncate(bytes.len() - 2);
    [bytes.as_slice(), line, b"\r\n\r\n", &body].concat()
}

/// The good request with one of its header lines replaced.
fn replaced(gateway: &EnvoyGateway, jti: &str, name: &[u8], line: &[u8]) -> Vec<u8> {
    let bytes = good_request(&token(&gateway.world, jti));
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|old| if old.starts_with(name) { [line, b"\r"].concat() } else { old.to_vec() });
    let first = lines.next().expect("a request line");
    lines.fold(first, |all, line| [all, line].join(&b'\n'))
}

fn every_byte() -> Vec<u8> {
    (0x80..=0xff).collect()
}

/// Values that are no text pass or are refused by name, wherever they stand.
fn values_that_are_no_text(gateway: &EnvoyGateway) {
    let odd = [
        ("x-odd", "status 200"),
        ("cookie", "status 200"),
        ("traceparent", "status 200"),
        ("x-actgate-txn", "status 200"),
        ("x-forwarded-client-cert", "status 200"),
        ("mcp-session-id", "session_id_invalid"),
        ("mcp-protocol-version", "header_mismatch"),
        ("mcp-name", "header_mismatch"),
        ("content-encoding", "content_type_refused"),
        ("authorization", "credential_repeated"),
    ];
    for (name, want) in odd {
        let line = [name.as_bytes(), b": a", &every_byte()].concat();
        let (seen, said) = status(gateway, &with_line(gateway, name, &line));
        assert_eq!(said, want, "{name}: {seen}");
    }
    for (name, word) in [("authorization", "credential_malformed"), ("content-type", "content_type_refused")] {
        for value in [b": \xff\xfe".as_slice(), b": Bearer \xc3\x28", b":", b": ,", b": Bearer"] {
            let line = [name.as_bytes(), value].concat();
            let (seen, said) = status(gateway, &replaced(gateway, "replaced", name.as_bytes(), &line));
            let words = [word, "credential_repeated", "credential_missing"];
            assert!(words.contains(&said.as_str()), "{name} {value:?}: {seen} {said}");
        }
    }
}

/// Empty values and names without value.
fn empty_values(gateway: &EnvoyGateway) {
    for line in [b"x-empty:".as_slice(), b"traceparent: ", b"cookie:"] {
        assert_eq!(status(gateway, &with_line(gateway, "empty", line)).1, "status 200", "{line:?}");
    }
}

/// Much of everything: what Envoy lets through is decided, the rest it refuses itself.
fn much_of_everything(gateway: &EnvoyGateway) {
    let long = |bytes: usize| [b"x-long: ".as_slice(), &vec![b'a'; bytes]].concat();
    assert_eq!(status(gateway, &with_line(gateway, "long", &long(50 * 1024))).1, "status 200");
    assert_eq!(status(gateway, &with_line(gateway, "longer", &long(61 * 1024))).0, 431);
    let many = |count: usize| (0..count).map(|at| format!("x-h{at}: {at}")).collect::<Vec<_>>().join("\r\n");
    assert_eq!(status(gateway, &with_line(gateway, "many", many(80).as_bytes())).1, "status 200");
    assert_eq!(status(gateway, &with_line(gateway, "more", many(101).as_bytes())).0, 431);
    let same = vec!["x-same: 1"; 80].join("\r\n");
    assert_eq!(status(gateway, &with_line(gateway, "same", same.as_bytes())).1, "status 200");
    for bytes in [16 * 1024 + 1, 50 * 1024] {
        let (_, said) = status(gateway, &good_request(&"a".repeat(bytes)));
        assert_eq!(said, "token_too_long", "{bytes}");
    }
    assert_eq!(status(gateway, &good_request(&".".repeat(16 * 1024))).1, "token_parts");
}

/// Bodies made of depth, repetition and bytes.
fn bodies(gateway: &EnvoyGateway) {
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_call =
        [br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"#.to_vec(), deep.clone(), b"}".to_vec()];
    let mut bodies: Vec<Vec<u8>> =
        vec![deep, deep_call.concat(), every_byte(), vec![0; 4096], b"\xef\xbb\xbf{}".to_vec()];
    bodies.push(br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call"}"#.to_vec());
    bodies.push(br#"{"jsonrpc":"2.0","id":1e999,"method":"tools/call"}"#.to_vec());
    bodies.push(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "m".repeat(900_000)).into_bytes());
    for (at, body) in bodies.iter().enumerate() {
        for path in [MCP, A2A] {
            let bytes = request(path, &token(&gateway.world, "bodies"), "", body);
            let (seen, said) = status(gateway, &bytes);
            assert!((400..404).contains(&seen), "body {at} at {path}: {seen} {said}");
        }
    }
}

/// Paths that are read in more than one way, or in none.
fn request_lines(gateway: &EnvoyGateway) {
    for path in
        ["/auroradb/mcp?access_token=x", "/auroradb/mcp/../../", "/auroradb/mcp;x", "/%61uroradb/mcp", "*", "/\u{e9}"]
    {
        let (seen, said) = status(gateway, &request(path, &token(&gateway.world, "paths"), "", &good_body()));
        assert!(seen < 500, "{path}: {seen} {said}");
    }
}

#[test]
fn nothing_sent_traps_the_vm() {
    let gateway = start(&Options::default());
    values_that_are_no_text(&gateway);
    empty_values(&gateway);
    much_of_everything(&gateway);
    bodies(&gateway);
    request_lines(&gateway);
    while gateway.upstream.take().is_some() {}
    assert_serves(&gateway, "last");
    assert_no_trap(&gateway);
}

/// What a peer may have looked at is rationed for that peer, and for nobody else.
#[test]
fn bad_signatures_without_end_are_not_looked_at() {
    let gateway = start(&Options::default());
    let good = token(&gateway.world, "flood");
    let bad = good_request(&mint::broken::bad_signature(&good));
    // More at once than are looked at, by so many that they come faster than the ration grows.
    let said = std::thread::scope(|scope| {
        let client = || (0..60).map(|_| status(&gateway, &bad)).collect::<Vec<_>>();
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect::<Vec<_>>()
    });
    let count =
        |status: u16, word: &str| said.iter().filter(|(at, code)| (*at, code.as_str()) == (status, word)).count();
    let (looked_at, turned_away) = (count(401, "token_signature"), count(429, "too_many_bad_signatures"));
    assert_eq!(looked_at + turned_away, said.len(), "{said:?}");
    assert!(looked_at >= 100 && turned_away > 0, "{looked_at} {turned_away}");
    let other = token(&gateway.world, "another-peer");
    let mut connection = gateway.connect(Some(ORCHESTRATOR)).expect("Envoy listens");
    let answer =
        tls_client::exchange(&mut connection, &request(A2A, &other, "a2a-version: 1.0\r\n", SEND)).expect("an answer");
    assert_eq!(code(&answer), "status 200", "{answer:?}");
    assert_no_trap(&gateway);
}
