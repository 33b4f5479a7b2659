//! What only a whole proxy shows of a list that is cut down: an event stream that stays live, the record and the counter of what was withheld.
//!
//! What is in lists is a matter of the vectors, see [`crate::vectors`].

use std::io::Read as _;
use std::time::{Duration, Instant};

use actgate_tests::answer::UpstreamAnswer;
use actgate_tests::envoy_gateway::Options;
use actgate_tests::tls_client::Connection;

use crate::client::{MCP, assert_no_trap, connect, request, send, start, token};

const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"first"}}"#;

fn list_body() -> Vec<u8> {
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#.to_vec()
}

/// Reads until `wanted` has come, and says when.
fn read_until(connection: &mut Connection, read: &mut String, wanted: &str) -> Instant {
    let mut piece = [0; 4096];
    while !read.contains(wanted) {
        let count = connection.read(&mut piece).expect("the answer goes on");
        assert!(count > 0, "{wanted} never came: {read}");
        read.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    Instant::now()
}

#[test]
fn an_event_is_passed_on_before_the_next_one_comes_and_the_list_in_it_is_cut() {
    let gateway = start(&Options::default());
    let list =
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"drop_tables"},{"name":"query_knowledge_base"}]}}"#;
    gateway.upstream.say(Some(UpstreamAnswer {
        content_type: Some("text/event-stream".to_owned()),
        headers: Vec::new(),
        trailers: Vec::new(),
        pieces: vec![format!(": alive\n\ndata: {NOTE}\n\n"), format!("data: {list}\n\n")],
        padding: None,
        pause_ms: Some(700),
    }));
    let mut connection = connect(&gateway);
    send(&mut connection, &request(MCP, &token(&gateway.world, "live"), "", &list_body()));
    let mut read = String::new();
    let first = read_until(&mut connection, &mut read, "\"first\"");
    // The comment keeps the connection alive without its text, in which a client could find another line.
    assert!(read.contains(":\n\ndata: ") && !read.contains("alive"), "{read}");
    let second = read_until(&mut connection, &mut read, "query_knowledge_base");
    assert!(second - first > Duration::from_millis(350), "the first event waited for the second: {:?}", second - first);
    assert!(!read.contains("drop_tables"), "{read}");
    let logs = gateway.envoy.logs();
    let event =
        logs.lines().find(|line| line.contains("\"event\":\"withheld\"")).expect("what was withheld is on record");
    assert!(event.contains("\"names\":[\"drop_tables\"]") && event.contains("\"count\":1"), "{event}");
    let stats = gateway.envoy.admin_get("/stats").expect("admin answers");
    assert!(stats.contains("actgate.withheld.resource."), "no counter of what was withheld");
    assert_no_trap(&gateway);
}
