//! A2A tasks that are bound, through a whole proxy: streams that stay live, and answers larger than any memory for them.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use actgate::dev::world::streamward::ORCHESTRATOR;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options};
use actgate_tests::tls_client::Connection;
use serde_json::json;

use crate::answers::{chunk, head, memory, upstream};
use crate::client::{A2A, assert_no_trap, request, send, start_with, token};

fn gateway(port: u16) -> EnvoyGateway {
    start_with(&Options { behind: Some(port), ..Options::default() }, |document| {
        document["resources"][0]["a2a"] = json!({
            "methods": { "SendStreamingMessage": {}, "GetTask": {} },
            "task_secret": { "insecure_inline": "fedcba9876543210fedcba9876543210" },
        });
    })
}

fn ask(gateway: &EnvoyGateway, jti: &str, body: &[u8]) -> Connection {
    let mut connection = gateway.connect(Some(ORCHESTRATOR)).expect("Envoy listens");
    send(&mut connection, &request(A2A, &token(&gateway.world, jti), "a2a-version: 1.0\r\n", body));
    connection
}

const SENT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"SendStreamingMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]}}}"#;

/// An event passes before the next one comes, and so does what of it is there: all but an id that is not complete.
#[test]
fn events_are_not_held_for_the_ids_in_them() {
    let port = upstream(|connection| {
        head(connection, "text/event-stream")?;
        for piece in [
            "data: {\"result\":{\"statusUpdate\":{\"taskId\":\"task-1\",\"note\":\"first\"}}}\n\n",
            "data: {\"result\":{\"statusUpdate\":{\"note\":\"second\",\"taskId\":\"task",
            "-1\",\"note\":\"third\"}}}\n\n",
        ] {
            chunk(connection, piece.as_bytes())?;
            connection.flush()?;
            std::thread::sleep(Duration::from_millis(500));
        }
        chunk(connection, b"")
    });
    let gateway = gateway(port);
    let mut connection = ask(&gateway, "tasks-live", SENT);
    let mut read = String::new();
    let mut until = |wanted: &str| {
        let mut piece = [0; 4096];
        while !read.contains(wanted) {
            let count = connection.read(&mut piece).expect("the answer goes on");
            assert!(count > 0, "{wanted} never came: {read}");
            read.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        (Instant::now(), read.clone())
    };
    let (first, _) = until("first\"}}}");
    let (second, _) = until("second");
    let (third, read) = until("third\"}}}");
    for (earlier, later) in [(first, second), (second, third)] {
        assert!(later - earlier > Duration::from_millis(250), "one waited for the other: {:?}", later - earlier);
    }
    assert!(!read.contains("\"task-1\"") && read.matches(".task-1\"").count() == 2, "{read}");
    assert_no_trap(&gateway);
}

/// An artifact of 100 MB in one document, and in one event: nothing of it is kept, and the ids after it are bound.
#[test]
fn an_artifact_of_any_size_passes_in_constant_memory() {
    const PIECES: usize = 1600;
    const PIECE: usize = 64 * 1024;
    for (kind, before, after) in [
        (
            "application/json",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"artifacts\":[{\"parts\":[{\"raw\":\"",
            "\"}]}],\"id\":\"task-1\"}}",
        ),
        (
            "text/event-stream",
            "data: {\"result\":{\"artifactUpdate\":{\"artifact\":{\"parts\":[{\"text\":\"",
            "\"}]},\"taskId\":\"task-1\"}}}\n\n",
        ),
    ] {
        let port = upstream(move |connection| {
            head(connection, kind)?;
            chunk(connection, before.as_bytes())?;
            for _ in 0..PIECES {
                chunk(connection, &[b'x'; PIECE])?;
            }
            chunk(connection, after.as_bytes())?;
            chunk(connection, b"")
        });
        let gateway = gateway(port);
        let resident = memory(&gateway, "VmRSS");
        let began = Instant::now();
        let mut connection = ask(&gateway, "tasks-large", SENT);
        let (mut piece, mut count, mut end) = (vec![0; 256 * 1024], 0_usize, Vec::new());
        while !end.ends_with(b"0\r\n\r\n") {
            let read = connection.read(&mut piece).expect("the whole answer");
            assert!(read > 0, "it breaks off after {count} bytes");
            count += read;
            end.extend_from_slice(&piece[..read]);
            let surplus = end.len().saturating_sub(512);
            end.drain(..surplus);
        }
        let peak = memory(&gateway, "VmHWM");
        println!("{kind}: {count} bytes in {:?}, {} KiB more", began.elapsed(), peak.saturating_sub(resident));
        let end = String::from_utf8_lossy(&end);
        assert!(end.contains(".task-1\"") && !end.contains("\"task-1\""), "{end}");
        assert!(count >= PIECES * PIECE, "{count}");
        assert!(peak.saturating_sub(resident) < 24 * 1024, "{} KiB more", peak.saturating_sub(resident));
        assert_no_trap(&gateway);
    }
}
