//! A VM that dies: what waits, what comes meanwhile, and how it comes back, under the failure policy that is shipped.
//!
//! Nothing that can be sent makes the module trap, so a copy of it is edited to do so where a request has very many headers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use actgate_tests::envoy_gateway::{EnvoyGateway, Options, module};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::tls_client::Connection;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use crate::client::{
    MCP, assert_serves, code, connect, exchange, good_body, good_request, head, request, send, start, token,
};

/// Headers of the request that ends the VM: more than any other has, and fewer than Envoy allows.
const HEADERS: usize = 64;

/// `if num_headers > 60 { trap }`, for `proxy_on_request_headers(context_id, num_headers, end_of_stream)`.
const TRAP: [u8; 9] = [0x20, 1, 0x41, 60, 0x4b, 0x04, 0x40, 0x00, 0x0b];

/// The shipped module with that at the beginning of its callback for request headers.
fn trapping() -> PathBuf {
    let wasm = std::fs::read(module()).expect("the module");
    let (mut imported, mut wanted, mut bodies, mut section) = (0, None, Vec::new(), 0..0);
    for payload in Parser::new(0).parse_all(&wasm) {
        match payload.expect("a module") {
            Payload::ImportSection(imports) => {
                let kinds = imports.into_imports().map(|import| import.expect("an import").ty);
                imported = kinds.filter(|kind| matches!(kind, TypeRef::Func(_))).count();
            }
            Payload::ExportSection(exports) => {
                let mut exports = exports.into_iter().map(|export| export.expect("an export"));
                let export = exports.find(|export| export.name == "proxy_on_request_headers").expect("the callback");
                assert_eq!(export.kind, ExternalKind::Func);
                wanted = Some(export.index as usize);
            }
            Payload::CodeSectionStart { range, .. } => section = range,
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let body = &bodies[wanted.expect("the callback") - imported];
    let first = body.get_operators_reader().expect("instructions").original_position();
    let code = [&wasm[body.range().start..first], &TRAP, &wasm[first..body.range().end]].concat();
    // A length stands before a body and before a section, and fills as many bytes as it needs.
    let before = body.range().start - length(body.range().len()).len();
    let code =
        [&wasm[section.start..before], &length(code.len()), &code, &wasm[body.range().end..section.end]].concat();
    let before = section.start - length(section.len()).len();
    let edited = [&wasm[..before], &length(code.len()), &code, &wasm[section.end..]].concat();
    wasmparser::validate(&edited).expect("a module still");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trapping-{}.wasm", std::process::id()));
    std::fs::write(&file, edited).expect("a file");
    file
}

/// A length in unsigned LEB128.
fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A good request with so many headers.
fn fatal(token: &str) -> Vec<u8> {
    let lines: String = (0..HEADERS).map(|at| format!("x-filler-{at}: x\r\n")).collect();
    request(MCP, token, &lines, &good_body())
}

/// Requests in every state of waiting: for a token, for the rest of a body, for all of it.
fn waiting(gateway: &mut EnvoyGateway) -> Vec<(Connection, Vec<u8>)> {
    gateway.order(actgate::dev::world::streamward::IDP, "slow=3000");
    let body = good_body();
    let (first, second) = body.split_at(body.len() / 2);
    let lines = format!("content-length: {}\r\n", body.len());
    let begun = [
        (good_request(&token(&gateway.world, "exchanging")), Vec::new()),
        ([head(MCP, &token(&gateway.world, "half"), &lines), first.to_vec()].concat(), second.to_vec()),
        (head(MCP, &token(&gateway.world, "headers"), &lines), body.clone()),
    ];
    let waiting = begun.map(|(sent, rest)| {
        let mut connection = connect(gateway);
        send(&mut connection, &sent);
        (connection, rest)
    });
    std::thread::sleep(Duration::from_millis(300));
    waiting.into_iter().collect()
}

fn reloads(gateway: &EnvoyGateway) -> String {
    let stats = gateway.envoy.admin_get("/stats").expect("admin answers");
    stats.lines().filter(|line| line.contains("vm_reload")).collect::<Vec<_>>().join("\n")
}

/// Sends what must not pass and what may until the latter does; says how many were turned away by Envoy itself meanwhile.
fn until_it_is_back(gateway: &EnvoyGateway) -> usize {
    let deadline = Instant::now() + Duration::from_secs(20);
    let unproven = request(MCP, "none", "", &good_body());
    let mut turned_away = 0;
    for round in 0.. {
        let refused = exchange(gateway, &unproven);
        assert_eq!(gateway.upstream.take_begun(), 0, "{refused:?} reached the upstream");
        let answer = exchange(gateway, &good_request(&token(&gateway.world, &format!("round-{round}"))));
        match (answer.status, code(&answer).as_str()) {
            (200, _) => return turned_away,
            (503, "status 503") => turned_away += 1,
            // The new VM has no keys yet.
            (503, _) => {}
            other => panic!("{other:?}: {answer:?}\n{}", gateway.envoy.logs()),
        }
        assert_eq!(gateway.upstream.take_begun(), 0, "{answer:?} reached the upstream");
        assert!(Instant::now() < deadline, "it does not come back\n{}", reloads(gateway));
        std::thread::sleep(Duration::from_millis(50));
    }
    turned_away
}

fn dies_and_comes_back(bootstrap: &'static str) {
    let mut gateway = start(&Options { bootstrap, module: Some(trapping()), ..Options::default() });
    assert_serves(&gateway, "before");
    gateway.upstream.take_begun();
    let mut waiting = waiting(&mut gateway);
    let answer = exchange(&gateway, &fatal(&token(&gateway.world, "fatal")));
    assert_eq!((answer.status, code(&answer).as_str()), (503, "status 503"), "{answer:?}");
    assert!(gateway.envoy.logs().contains("unreachable"), "no trap:\n{}", gateway.envoy.logs());
    assert_eq!(gateway.upstream.take_begun(), 0, "the request that ended the VM reached the upstream");
    gateway.behave();
    // Whoever still waits sends the rest into a dead VM.
    for (connection, rest) in &mut waiting {
        send(connection, rest);
    }
    let turned_away = until_it_is_back(&gateway);
    assert!(turned_away > 0, "it was never away:\n{}", reloads(&gateway));
    assert!(reloads(&gateway).lines().any(|line| line.ends_with("vm_reload_success: 1")), "{}", reloads(&gateway));
    while gateway.upstream.take().is_some() {}
    gateway.upstream.take_begun();
    // Longer than the answer that the first of them waited for.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(gateway.upstream.take_begun(), 0, "what waited in the dead VM reached the upstream");
    let answer = exchange(&gateway, &request(MCP, "none", "", &good_body()));
    assert_eq!((answer.status, code(&answer).as_str()), (401, "token_parts"), "{answer:?}");
    assert_serves(&gateway, "after");
}

#[test]
fn nothing_passes_while_a_vm_is_dead_and_it_comes_back() {
    // Both mostly wait, each at an Envoy of its own.
    std::thread::scope(|scope| {
        for bootstrap in ["envoy.yaml", "headers-first.yaml"] {
            scope.spawn(move || dies_and_comes_back(bootstrap));
        }
    });
}
