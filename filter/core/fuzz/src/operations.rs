//! Arbitrary sequences of what a host can do to the core.

use actgate_core::step::TRANSACTION_HEADER;
use serde_json::{Value, json};

use crate::bytes::Bytes;
use crate::gateway::{Gateway, Intent};
use crate::issuers::FLAWS;
use crate::world::{self, AUDIENCE, CALLER, KNOWLEDGE, OPAQUE, Options, PEER, Signer, TOOLS};

/// What is wrong with a request, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    NoCredential,
    TwoCredentials,
    NotBearer,
    Forged,
    Unpublished,
    Expired,
    OtherAudience,
    OtherTyp,
    NoScope,
    ForbiddenScope,
    LivesLong,
    NoActor,
    LongChain,
    Stranger,
    RetiredPrior,
    SubjectActs,
    Service,
    NoPeer,
    OtherPeer,
    OtherHost,
    Escaped,
    Elsewhere,
    Get,
    Encoded,
    NoBody,
    OldRevision,
}

const WRONGS: [Wrong; 40] = {
    let mut wrongs = [Wrong::Nothing; 40];
    let all = [
        Wrong::NoCredential,
        Wrong::TwoCredentials,
        Wrong::NotBearer,
        Wrong::Forged,
        Wrong::Unpublished,
        Wrong::Expired,
        Wrong::OtherAudience,
        Wrong::OtherTyp,
        Wrong::NoScope,
        Wrong::ForbiddenScope,
        Wrong::LivesLong,
        Wrong::NoActor,
        Wrong::LongChain,
        Wrong::Stranger,
        Wrong::RetiredPrior,
        Wrong::SubjectActs,
        Wrong::Service,
        Wrong::NoPeer,
        Wrong::OtherPeer,
        Wrong::OtherHost,
        Wrong::Escaped,
        Wrong::Elsewhere,
        Wrong::Get,
        Wrong::Encoded,
        Wrong::NoBody,
        Wrong::OldRevision,
    ];
    let mut at = 0;
    while at < all.len() {
        wrongs[at + 1] = all[at];
        at += 1;
    }
    wrongs
};

const OPERATIONS: [&str; 6] = ["query", "write", "once", "twice", "initialize", "tools/list"];

const PATHS: [(&str, Option<&str>); 3] = [("/tools", Some(TOOLS)), ("/opaque/x?y=1", Some(OPAQUE)), ("/agents", None)];

/// Runs the operations that `data` stands for.
pub fn run(data: &[u8]) -> Gateway {
    let mut bytes = Bytes::new(data);
    let options = bytes.byte();
    let options = Options { headers_first: options & 1 != 0, inline_keys: options & 2 != 0 };
    let mut gateway = Gateway::new(options);
    let mut minted = 0;
    while let Some(operation) = bytes.next() {
        match operation % 10 {
            0 | 1 => request(&mut gateway, &mut bytes, options, &mut minted, 1),
            2 => body(&mut gateway, &mut bytes),
            3 => gateway.tick(),
            4 | 5 => answer(&mut gateway, &mut bytes),
            6 => gateway.now += bytes.one_of(&[1, 2, 5, 11, 31, 61, 121, 301, 601, 901, 3601]).unwrap_or(1),
            7 => with_stream(&mut gateway, &mut bytes, |gateway, _, id| gateway.gone(id)),
            8 => with_stream(&mut gateway, &mut bytes, |gateway, bytes, id| {
                gateway.response(id, bytes.one_of(&[200, 401, 403, 500]).unwrap_or(200));
            }),
            _ => crowd(&mut gateway, &mut bytes, options, &mut minted),
        }
        gateway.check_bounds();
    }
    gateway.finish();
    gateway
}

/// Many of one kind, to come near the bounds; not too many, since each costs time.
fn crowd(gateway: &mut Gateway, bytes: &mut Bytes<'_>, options: Options, minted: &mut u64) {
    let rest = *bytes;
    for _member in 0..32 {
        let mut same = rest;
        request(gateway, &mut same, options, minted, 0);
        let newest = gateway.open().last().copied().unwrap_or(0);
        let body = call("once", TOOLS);
        gateway.body(newest, Some(body.to_string().as_bytes()), Some("once"));
        *bytes = same;
    }
}

fn with_stream(gateway: &mut Gateway, bytes: &mut Bytes<'_>, event: impl FnOnce(&mut Gateway, &mut Bytes<'_>, u32)) {
    let open = gateway.open();
    if let Some(id) = bytes.one_of(&open) {
        event(gateway, bytes, id);
    }
}

fn answer(gateway: &mut Gateway, bytes: &mut Bytes<'_>) {
    let at = usize::from(bytes.byte());
    let flaw = bytes.one_of(&FLAWS).unwrap_or(FLAWS[0]);
    gateway.answer(at, |issuers, call, now| issuers.answer(call, flaw, now));
}

fn request(gateway: &mut Gateway, bytes: &mut Bytes<'_>, options: Options, minted: &mut u64, fresh: u8) {
    let wrong = bytes.one_of(&WRONGS).unwrap_or(Wrong::Nothing);
    let user = bytes.byte() % 3;
    let (path, resource) = bytes.one_of(&PATHS).unwrap_or(PATHS[0]);
    let operation = bytes.one_of(&OPERATIONS).unwrap_or("query");
    // The same token comes again, unless a new one was minted meanwhile.
    *minted += u64::from(fresh & bytes.byte());
    let (claims, signer, typ) = token(wrong, user, gateway.now, *minted);
    let credential = world::token(KNOWLEDGE, typ, &claims, signer);
    let mut headers = head(wrong, path, &credential);
    let routed = options.headers_first && operation != "once" && resource.is_some() && wrong != Wrong::OldRevision;
    if routed {
        headers.extend(routing_headers(operation));
    }
    let borrowed: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let peer = match (wrong, resource) {
        (Wrong::NoPeer, _) => None,
        (Wrong::OtherPeer, _) => Some("spiffe://example/stranger"),
        (_, Some(_)) => Some(PEER),
        (_, None) => Some(world::CALLING_PEER),
    };
    let early = match (routed, operation) {
        (true, "initialize" | "tools/list") => "(resource)",
        (true, tool) => tool,
        (false, _) => "(resource)",
    };
    let intent = Intent {
        sound: matches!(wrong, Wrong::Nothing | Wrong::OldRevision),
        sub: format!("user-{user}@example"),
        resource: if resource == Some(TOOLS) { Some(TOOLS) } else { resource.map(|_| OPAQUE) },
        expires_at: claims["exp"].as_u64().unwrap_or(0),
        operation: options.headers_first.then_some(early),
    };
    gateway.request(&borrowed, peer, wrong == Wrong::NoBody, intent);
}

fn token(wrong: Wrong, user: u8, now: u64, jti: u64) -> (Value, Signer, &'static str) {
    // Minted on the hour, so that requests of one hour can share one.
    let mut claims = world::inbound_claims(user, now - now % 600, jti);
    let mut signer = Signer::Own;
    let mut typ = "at+jwt";
    match wrong {
        Wrong::Forged => signer = Signer::Forged,
        Wrong::Unpublished => signer = Signer::Unpublished,
        Wrong::Expired => claims["exp"] = json!(now.saturating_sub(30)),
        Wrong::OtherAudience => claims["aud"] = json!(TOOLS),
        Wrong::OtherTyp => typ = "oauth-id-jag+jwt",
        Wrong::NoScope => claims["scp"] = json!([]),
        Wrong::ForbiddenScope => claims["scp"] = json!(["agent:execute", "tools:read"]),
        Wrong::LivesLong => claims["exp"] = json!(now + 10_000),
        Wrong::NoActor => claims["act"] = claims["act"]["act"]["act"].take(),
        Wrong::LongChain => {
            for _actor in 0..4 {
                claims["act"] = json!({ "sub": CALLER, "sub_profile": "ai_agent", "act": claims["act"] });
            }
        }
        Wrong::Stranger => claims["act"]["sub"] = json!("stranger"),
        Wrong::RetiredPrior => claims["act"]["act"]["sub"] = json!("retired"),
        Wrong::SubjectActs => claims["act"]["act"]["sub"] = claims["sub"].clone(),
        Wrong::Service => claims["sub_profile"] = json!("service"),
        _ => {}
    }
    (claims, signer, typ)
}

fn head(wrong: Wrong, path: &str, credential: &str) -> Vec<(&'static str, String)> {
    let path = match wrong {
        Wrong::Escaped => format!("{path}%2f").replace("?y=1", ""),
        Wrong::Elsewhere => "/nowhere".to_owned(),
        _ => path.to_owned(),
    };
    let host = if wrong == Wrong::OtherHost { "other.example" } else { "gateway.example" };
    let method = if wrong == Wrong::Get { "GET" } else { "POST" };
    let mut headers = vec![
        (":method", method.to_owned()),
        (":path", path),
        (":authority", host.to_owned()),
        ("content-type", "application/json".to_owned()),
        (TRANSACTION_HEADER, "00".repeat(16)),
        ("cookie", format!("session={credential}")),
    ];
    match wrong {
        Wrong::NoCredential => {}
        Wrong::TwoCredentials => {
            headers.push(("authorization", format!("Bearer {credential},Bearer {credential}")));
        }
        Wrong::NotBearer => headers.push(("authorization", format!("DPoP {credential}"))),
        _ => headers.push(("authorization", format!("Bearer {credential}"))),
    }
    if wrong == Wrong::Encoded {
        headers.push(("content-encoding", "gzip".to_owned()));
    }
    headers
}

fn routing_headers(operation: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![("mcp-protocol-version", "2026-07-28".to_owned())];
    if operation == "initialize" || operation == "tools/list" {
        headers.push(("mcp-method", operation.to_owned()));
    } else {
        headers.push(("mcp-method", "tools/call".to_owned()));
        headers.push(("mcp-name", operation.to_owned()));
    }
    headers
}

/// A call of that operation.
pub fn call(operation: &str, resource: &str) -> Value {
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    match operation {
        "initialize" | "tools/list" => {
            json!({ "jsonrpc": "2.0", "id": 1, "method": operation, "params": { "_meta": meta } })
        }
        tool if resource != AUDIENCE => {
            json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": { "name": tool, "_meta": meta } })
        }
        _ => json!({ "jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {} }),
    }
}

fn body(gateway: &mut Gateway, bytes: &mut Bytes<'_>) {
    let open = gateway.open();
    let Some(id) = bytes.one_of(&open) else {
        return;
    };
    let operation = bytes.one_of(&OPERATIONS).unwrap_or("query");
    let good = call(operation, TOOLS).to_string();
    match bytes.byte() % 16 {
        0 => gateway.body(id, None, None),
        1 => gateway.body(id, Some(b"{"), None),
        2 => gateway.body(id, Some(format!("[{good}]").as_bytes()), None),
        3 => gateway.body(
            id,
            Some(call("resources/read", AUDIENCE).to_string().replace("message/send", "x").as_bytes()),
            None,
        ),
        4 => gateway.body(id, Some(good.replace("\"id\"", "\"Id\"").as_bytes()), None),
        5 => gateway.body(id, Some(call("approved", TOOLS).to_string().as_bytes()), None),
        6 | 7 => gateway.body(id, Some(call("message/send", AUDIENCE).to_string().as_bytes()), Some("message/send")),
        _ => gateway.body(id, Some(good.as_bytes()), Some(operation)),
    }
}
