//! What a tool call takes of a VM's linear memory beyond what the VM has, and of its fuel, in the shipped module in the emulated Envoy.
//!
//! The memory of a VM never shrinks, so that what it has after a call is the most it had in the middle of it.
//! Absent: what the host holds of the same body.

use std::time::Duration;

use actgate::dev::world::{Ports, World};
use actgate_core::limits::{BODY_BYTES_MAX, JSON_MEMBERS_MAX};
use envoy_harness::{Profile, Thread, profile};
use serde_json::{Value, json};

use crate::case;
use crate::gateway::{Gateway as _, Request};
use crate::harness_gateway::HarnessGateway;
use crate::run;
use crate::watched::Watched;

/// 2026-11-24T00:00:00Z, as for the vectors.
const NOW: u64 = 1_795_478_400;

/// Long enough for the worker to have its keys.
const WARM_UP: Duration = Duration::from_secs(2);

/// The tool that the vectors call; it has a rule on one argument here.
const TOOL: &str = "query_knowledge_base";

/// The argument with the rule, and one without.
const RULED: &str = "query";
const FREE: &str = "other";

/// The largest call that any configuration lets in.
pub const LARGEST: usize = BODY_BYTES_MAX;

/// What fills a call up to its size.
pub const TEXTS: [(&str, Filling); 3] = [
    ("a text", Filling { argument: FREE, open: "\"", piece: |_| "x".to_owned(), close: "\"" }),
    ("a text of escapes", Filling { argument: FREE, open: "\"", piece: |_| "\\n".to_owned(), close: "\"" }),
    ("a text that a rule looks at", Filling { argument: RULED, open: "\"", piece: |_| "\\n".to_owned(), close: "\"" }),
];

/// The same of many small values, in an argument that a rule looks at. The emulated host lets one call have fewer instructions than the largest takes.
pub const MANY: [(&str, Filling); 11] = [
    ("numbers that no rule looks at", Filling { argument: FREE, open: "[0", piece: |_| ",0".to_owned(), close: "]" }),
    ("numbers", Filling { argument: RULED, open: "[0", piece: |_| ",0".to_owned(), close: "]" }),
    ("longer numbers", Filling { argument: RULED, open: "[0", piece: |_| ",-1234567.5".to_owned(), close: "]" }),
    ("numbers with an exponent", Filling { argument: RULED, open: "[0", piece: |_| ",1e2".to_owned(), close: "]" }),
    ("empty objects", Filling { argument: RULED, open: "[0", piece: |_| ",{}".to_owned(), close: "]" }),
    ("empty arrays", Filling { argument: RULED, open: "[0", piece: |_| ",[]".to_owned(), close: "]" }),
    ("words", Filling { argument: RULED, open: "[0", piece: |_| ",true".to_owned(), close: "]" }),
    ("short texts", Filling { argument: RULED, open: "[0", piece: |_| ",\"\"".to_owned(), close: "]" }),
    ("nested arrays", Filling { argument: RULED, open: "[0", piece: |_| ",[[[[[[[[]]]]]]]]".to_owned(), close: "]" }),
    (
        "objects of one member",
        Filling {
            argument: RULED,
            open: "[0",
            piece: |at| if at < NAMES { ",{\"a\":0}".to_owned() } else { ",0".to_owned() },
            close: "]",
        },
    ),
    ("long names", Filling { argument: RULED, open: "{\"\":0", piece: |at| format!(",\"a{at:0255}\":0"), close: "}" }),
];

/// As many names as one document may have, as short as they can be: what tells two of them apart takes more than they do.
pub const SHORT_NAMES: Filling = Filling {
    argument: RULED,
    open: "{\"\":0",
    piece: |at| if at < NAMES { format!(",\"{at:05}\":0") } else { " ".to_owned() },
    close: "}",
};

/// The same, beside the argument that a rule looks at: each is held against its name.
pub const NAMES_BESIDE: Filling = Filling { argument: FREE, open: "0", piece: SHORT_NAMES.piece, close: "" };

/// All but a few of the members that a document may have.
const NAMES: usize = JSON_MEMBERS_MAX - 16;

/// A value of one argument: pieces by their number, between an opening and a closing.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    argument: &'static str,
    open: &'static str,
    piece: fn(usize) -> String,
    close: &'static str,
}

impl Filling {
    /// A rule on `query` that lets it be.
    fn rule(&self) -> Value {
        // Of an array or an object a rule says only whether it is there.
        let text = self.argument != RULED || self.open == "\"";
        if text { json!({ "max_length": 1 << 24, "required": false }) } else { json!({ "required": true }) }
    }

    /// A call of exactly so many bytes.
    fn call(&self, bytes: usize) -> Vec<u8> {
        let head = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{TOOL}","arguments":{{"{}":{}"#,
            self.argument, self.open
        );
        let tail = format!("{}}}}}}}", self.close);
        let mut call = head;
        for piece in (0..).map(self.piece) {
            if call.len() + piece.len() + tail.len() > bytes {
                break;
            }
            call.push_str(&piece);
        }
        call.push_str(&tail);
        // What is left is less than a piece.
        call.push_str(&" ".repeat(bytes - call.len()));
        call.into_bytes()
    }
}

/// What a call takes for each byte of its body.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Bytes of memory that the VM has more than before.
    pub memory: f64,
    /// Instructions.
    pub fuel: f64,
}

/// What a call of `bytes` takes.
///
/// # Panics
/// The call is refused.
pub fn of_call(filling: &Filling, bytes: usize) -> Taken {
    let world = World::repeatable(Ports::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "cache-reuses").expect("the vector of a hot request");
    let mut document = run::configuration(&world, case, &world.filter_config(Default::default()));
    for resource in document["resources"].as_array_mut().expect("resources") {
        resource["max_body"] = json!("16MiB");
        if let Some(tool) = resource.pointer_mut(&format!("/mcp/tools/{TOOL}")) {
            tool["arguments"] = json!({ "/query": filling.rule() });
        }
    }
    let host = Profile { buffer_limit: 64 << 20, ..profile::V1_40 };
    let mut inner = HarnessGateway::start(&world, &document, host, 1, NOW).unwrap_or_else(|error| panic!("{error}"));
    inner.envoy.advance(WARM_UP);
    let mut sent = 0;
    let mut taken = None;
    // The second request is sent with the large body, and weighed.
    let mut weighed = Watched::new(inner, |inner, request| {
        sent += 1;
        if sent == 1 {
            return inner.send(request);
        }
        let request = Request { body: Some(filling.call(bytes)), ..request.clone() };
        let (memory, fuel) = weigh(inner);
        let observation = inner.send(&request);
        let (memory_after, fuel_after) = weigh(inner);
        let for_each = |more: f64| more / bytes as f64;
        taken = Some(Taken {
            memory: for_each((memory_after - memory) as f64),
            fuel: for_each((fuel_after - fuel) as f64),
        });
        observation
    });
    run::run(&world, case, &mut weighed).unwrap_or_else(|error| panic!("{error}"));
    drop(weighed);
    assert_eq!(sent, 2, "the large call was sent");
    taken.expect("the large call was weighed")
}

/// Bytes of memory that the worker's VM has, and instructions that it has run.
fn weigh(gateway: &mut HarnessGateway) -> (usize, u64) {
    (gateway.envoy.memory_bytes(0), gateway.envoy.thread_fuel(Thread::Worker(0)))
}
