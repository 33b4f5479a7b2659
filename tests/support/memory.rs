//! What a tool call, or the answer to one, takes of a VM's linear memory beyond what the VM has, and of its fuel, in the shipped module in the emulated Envoy.
//!
//! The memory of a VM never shrinks, so that what it has after a call is the most it had in the middle of it.
//! Absent: what the host holds of the same body.

use std::sync::LazyLock;
use std::time::Duration;

use actgate::dev::world::{Ports, World};
use actgate_core::limits::{BODY_BYTES_MAX, JSON_MEMBERS_MAX, RULES_MAX};
use envoy_harness::{Profile, Thread, profile};
use serde_json::{Value, json};

use crate::answer::UpstreamAnswer;
use crate::case;
use crate::gateway::{Gateway as _, Observation, Request};
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
    ("a text", Filling::new(Place::Free, "\"", |_| "x".to_owned(), "\"")),
    ("a text of escapes", Filling::new(Place::Free, "\"", |_| "\\n".to_owned(), "\"")),
    ("a text that a rule looks at", Filling::new(Place::Ruled, "\"", |_| "\\n".to_owned(), "\"")),
];

/// The same of many small values, in an argument that a rule looks at. The emulated host lets one call have fewer instructions than the largest takes.
pub const MANY: [(&str, Filling); 11] = [
    ("numbers that no rule looks at", Filling::new(Place::Free, "[0", |_| ",0".to_owned(), "]")),
    ("numbers", Filling::new(Place::Ruled, "[0", |_| ",0".to_owned(), "]")),
    ("longer numbers", Filling::new(Place::Ruled, "[0", |_| ",-1234567.5".to_owned(), "]")),
    ("numbers with an exponent", Filling::new(Place::Ruled, "[0", |_| ",1e2".to_owned(), "]")),
    ("empty objects", Filling::new(Place::Ruled, "[0", |_| ",{}".to_owned(), "]")),
    ("empty arrays", Filling::new(Place::Ruled, "[0", |_| ",[]".to_owned(), "]")),
    ("words", Filling::new(Place::Ruled, "[0", |_| ",true".to_owned(), "]")),
    ("short texts", Filling::new(Place::Ruled, "[0", |_| ",\"\"".to_owned(), "]")),
    ("nested arrays", Filling::new(Place::Ruled, "[0", |_| ",[[[[[[[[]]]]]]]]".to_owned(), "]")),
    ("objects of one member", Filling::new(Place::Ruled, "[0", object_of_one, "]")),
    ("long names", Filling::new(Place::Ruled, "{\"\":0", |at| format!(",\"a{at:0255}\":0"), "}")),
];

fn object_of_one(at: usize) -> String {
    if at < NAMES { ",{\"a\":0}".to_owned() } else { ",0".to_owned() }
}

/// As many names as one document may have, or as fill it: what tells two of them apart takes more than they do.
///
/// In an order that a sort by comparisons finds worst or none at all, alike in their first letters, escaped, and of letters that are not ASCII.
pub const NAMED: [(&str, Filling); 12] = [
    ("short names in order", Filling::names(Place::Ruled, |at| format!("{at:05}"))),
    ("short names", Filling::names(Place::Ruled, |at| format!("{:05}", shuffled(at)))),
    ("short names in the worst order", Filling::names(Place::Ruled, |at| shortest(worst(at)))),
    (
        "names alike in 8 letters, one escaped",
        Filling::names(Place::Ruled, |at| escaped_once("abcdefgh", at, shuffled)),
    ),
    ("names alike in 40 letters, one escaped", Filling::names(Place::Ruled, |at| escaped_once(LONG, at, shuffled))),
    (
        "names alike in 40 letters, in the worst order",
        Filling::names(Place::Ruled, |at| escaped_once(LONG, at, worst_of_long)),
    ),
    (
        "names alike but for one letter in the midst",
        Filling::names(Place::Ruled, |at| format!("{LONG}{}{LONG}", shortest(worst(at)))),
    ),
    ("names of escapes", Filling::names(Place::Ruled, |at| escapes(&shortest(shuffled(at))))),
    ("names of short escapes", Filling::names(Place::Ruled, of_short_escapes)),
    ("each name within the next", Filling::names(Place::Ruled, |at| "a".repeat(4 * at))),
    ("names with a letter beyond ASCII", Filling::names(Place::Ruled, |at| format!("\u{e9}{:05}", shuffled(at)))),
    ("names of letters beyond ASCII", Filling::names(Place::Ruled, |at| beyond_ascii(shuffled(at)))),
];

/// The same where each is held against the names of rules, or against those that a message is judged by.
pub const BESIDE: [(&str, Filling); 8] = [
    ("names beside a ruled one", Filling::names(Place::Free, |at| format!("{:05}", shuffled(at)))),
    ("names beside 64 ruled ones", Filling::names(Place::Free, |at| format!("{:05}", shuffled(at))).ruled(RULES_MAX)),
    (
        "names that begin as 64 ruled ones",
        Filling::names(Place::Free, |at| format!("r{:05}", shuffled(at))).ruled(RULES_MAX),
    ),
    (
        "names beyond ASCII beside 64 ruled ones",
        Filling::names(Place::Free, |at| format!("\u{e9}{:05}", shuffled(at))).ruled(RULES_MAX),
    ),
    ("names among the parameters", Filling::names(Place::Params, |at| format!("{:05}", shuffled(at)))),
    (
        "names beyond ASCII among the parameters",
        Filling::names(Place::Params, |at| format!("\u{e9}{:05}", shuffled(at))),
    ),
    ("one name beyond ASCII among the members", Filling::new(Place::Message, ",\"", |_| "\u{e9}".to_owned(), "\":0")),
    ("one name that grows when folded", Filling::new(Place::Message, ",\"", |_| "\u{390}".to_owned(), "\":0")),
];

/// Forty letters.
const LONG: &str = "abcdefghijklmnopqrstabcdefghijklmnopqrst";

/// All but a few of the members that a document may have.
const NAMES: usize = JSON_MEMBERS_MAX - 16;

/// One of as many numbers, in no order.
fn shuffled(at: usize) -> usize {
    const PRIME: usize = 65_521;
    const _: () = assert!(NAMES < PRIME);
    at * 40_503 % PRIME
}

/// The order in which the library's sort has the most to do with so many (McIlroy, "A Killer Adversary for Quicksort").
fn worst_of(count: usize) -> Vec<usize> {
    const UNKNOWN: usize = usize::MAX;
    let mut ranks = vec![UNKNOWN; count];
    let (mut next, mut candidate) = (0, 0);
    // As large as what is sorted in the module.
    let mut items: Vec<u64> = (0..count as u64).collect();
    items.sort_unstable_by(|one, other| {
        let (one, other) = (*one as usize, *other as usize);
        if ranks[one] == UNKNOWN && ranks[other] == UNKNOWN {
            ranks[if one == candidate { one } else { other }] = next;
            next += 1;
        }
        match (ranks[one], ranks[other]) {
            (UNKNOWN, _) => candidate = one,
            (_, UNKNOWN) => candidate = other,
            _ => {}
        }
        ranks[one].cmp(&ranks[other])
    });
    for rank in ranks.iter_mut().filter(|rank| **rank == UNKNOWN) {
        *rank = next;
        next += 1;
    }
    ranks
}

/// One of as many numbers, in that order.
fn worst(at: usize) -> usize {
    static ORDER: LazyLock<Vec<usize>> = LazyLock::new(|| worst_of(NAMES));
    ORDER[at]
}

/// The same for fewer names, which are longer.
fn worst_of_long(at: usize) -> usize {
    static ORDER: LazyLock<Vec<usize>> = LazyLock::new(|| worst_of(20_000));
    ORDER.get(at).copied().unwrap_or(at)
}

/// Three letters that stand for a number, greater ones for greater ones.
fn shortest(number: usize) -> String {
    let letter = |number: usize| char::from(b'0' + (number % 41) as u8);
    [letter(number / 1681), letter(number / 41), letter(number)].iter().collect()
}

fn escapes(name: &str) -> String {
    name.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

fn escaped_once(common: &str, at: usize, order: fn(usize) -> usize) -> String {
    let first = if at == 7 { escapes("a") } else { "a".to_owned() };
    format!("{first}{common}{}", shortest(order(at)))
}

/// Sixteen letters, each a short escape.
fn of_short_escapes(at: usize) -> String {
    let number = shuffled(at);
    (0..16).map(|bit| if number >> bit & 1 == 1 { "\\n" } else { "\\/" }).collect()
}

/// Four letters of three bytes each.
fn beyond_ascii(number: usize) -> String {
    (0..4).map(|at| char::from_u32(0x4e00 + (number >> (4 * at)) as u32 % 16).unwrap_or_default()).collect()
}

/// Where a call is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In an argument that a rule looks at.
    Ruled,
    /// In another, or beside it.
    Free,
    /// Among the members of `params`.
    Params,
    /// Among the members of the message.
    Message,
}

/// What fills a call: pieces by their number, between an opening and a closing.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    place: Place,
    /// How many arguments have a rule.
    rules: usize,
    open: &'static str,
    piece: Piece,
    close: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    Text(fn(usize) -> String),
    /// The name of a member of its own, as long as there may be more.
    Name(fn(usize) -> String),
}

impl Filling {
    const fn new(place: Place, open: &'static str, piece: fn(usize) -> String, close: &'static str) -> Self {
        Self { place, rules: 1, open, piece: Piece::Text(piece), close }
    }

    const fn names(place: Place, name: fn(usize) -> String) -> Self {
        let (open, close) = match place {
            Place::Ruled => ("{\"?\":0", "}"),
            Place::Free => ("0", ""),
            Place::Params | Place::Message => ("", ""),
        };
        Self { place, rules: 1, open, piece: Piece::Name(name), close }
    }

    const fn ruled(self, rules: usize) -> Self {
        Self { rules, ..self }
    }

    /// Rules that let the call be.
    fn rules(&self) -> Value {
        let any = json!({ "max_length": 1 << 24, "required": false });
        // Of an array or an object a rule says only whether it is there.
        let container = self.place == Place::Ruled && self.open != "\"";
        let rule = if container { json!({ "required": true }) } else { any.clone() };
        let others = (1..self.rules).map(|at| (format!("/r{at:05}00"), any.clone()));
        core::iter::once((format!("/{RULED}"), rule)).chain(others).collect::<serde_json::Map<_, _>>().into()
    }

    /// A call of exactly so many bytes.
    fn call(&self, bytes: usize) -> Vec<u8> {
        let (before, after) = match self.place {
            Place::Ruled => (format!(r#""arguments":{{"{RULED}":"#), "}}}"),
            Place::Free => (format!(r#""arguments":{{"{FREE}":"#), "}}}"),
            Place::Params => (r#""arguments":{}"#.to_owned(), "}}"),
            Place::Message => (r#""arguments":{}}"#.to_owned(), "}"),
        };
        let mut call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{TOOL}",{before}{}"#,
            self.open
        );
        let tail = format!("{}{after}", self.close);
        let room = bytes - tail.len();
        match self.piece {
            Piece::Text(piece) => fill(&mut call, room, (0..).map(piece)),
            Piece::Name(name) => fill(&mut call, room, (0..NAMES).map(|at| format!(",\"{}\":0", name(at)))),
        }
        call.push_str(&tail);
        call.push_str(&" ".repeat(bytes - call.len()));
        call.into_bytes()
    }
}

/// Adds pieces as long as there is room for the next.
fn fill(call: &mut String, room: usize, pieces: impl Iterator<Item = String>) {
    for piece in pieces {
        if call.len() + piece.len() > room {
            return;
        }
        call.push_str(&piece);
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
    let edit = |document: &mut Value| {
        for resource in document["resources"].as_array_mut().expect("resources") {
            resource["max_body"] = json!("16MiB");
            if let Some(tool) = resource.pointer_mut(&format!("/mcp/tools/{TOOL}")) {
                tool["arguments"] = filling.rules();
            }
        }
    };
    of_second(edit, bytes, |gateway, request| {
        gateway.send(&Request { body: Some(filling.call(bytes)), ..request.clone() })
    })
}

/// Bytes of one piece of a large answer, as Envoy reads them.
const PIECE_BYTES: usize = 16 * 1024;

/// Pieces of a large answer.
const PIECES: usize = 256;

/// What a call takes whose answer repeats `text` for some MiB, which is searched for the token that went upstream.
///
/// # Panics
/// The answer does not come as it was sent.
pub fn of_answer(text: &str) -> Taken {
    let piece: String = text.chars().cycle().take(PIECE_BYTES).collect();
    let answer = UpstreamAnswer {
        content_type: Some("text/plain".to_owned()),
        headers: Vec::new(),
        trailers: Vec::new(),
        pieces: vec![piece; PIECES],
        pause_ms: None,
        padding: None,
    };
    of_second(
        |_| {},
        PIECE_BYTES * PIECES,
        |gateway, request| {
            gateway.upstream_says(Some(&answer));
            let observation = gateway.send(request);
            assert_eq!(observation.body, answer.bytes().concat(), "{text}");
            observation
        },
    )
}

/// What the second request of a worker takes for each of `bytes`, sent by `send` under a configuration with that edit.
fn of_second(
    edit: impl FnOnce(&mut Value),
    bytes: usize,
    send: impl Fn(&mut HarnessGateway, &Request) -> Observation,
) -> Taken {
    let world = World::repeatable(Ports::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "cache-reuses").expect("the vector of a hot request");
    let mut document = run::configuration(&world, case, &world.filter_config(Default::default()));
    edit(&mut document);
    let host = Profile { buffer_limit: 64 << 20, ..profile::V1_40 };
    let mut inner = HarnessGateway::start(&world, &document, host, 1, NOW).unwrap_or_else(|error| panic!("{error}"));
    inner.envoy.advance(WARM_UP);
    let mut sent = 0;
    let mut taken = None;
    let mut weighed = Watched::new(inner, |inner, request| {
        sent += 1;
        if sent == 1 {
            return inner.send(request);
        }
        let (memory, fuel) = weigh(inner);
        let observation = send(inner, request);
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
    assert_eq!(sent, 2, "the second request was sent");
    taken.expect("the second request was weighed")
}

/// Bytes of memory that the worker's VM has, and instructions that it has run.
fn weigh(gateway: &mut HarnessGateway) -> (usize, u64) {
    (gateway.envoy.memory_bytes(0), gateway.envoy.thread_fuel(Thread::Worker(0)))
}
