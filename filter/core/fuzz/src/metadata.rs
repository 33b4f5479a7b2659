//! What a server says of itself (RFC 8414): whatever it is, no call goes anywhere but to the issuer's own authority.

use std::sync::OnceLock;

use actgate_core::config::Config;
use actgate_core::flight::{CalloutAnswer, FlightId, RootStep};
use actgate_core::plugin::Plugin;
use actgate_core::request::Ambient;
use actgate_core::sharing::NothingShared;
use actgate_core::time::UnixSeconds;
use serde_json::{Value, json};

use crate::world::{self, Options, RESOURCE_SERVER, START, Seals};

/// Ticks in which everything that follows from one answer has begun.
const TICKS: usize = 4;

fn document() -> &'static str {
    static WRITTEN: OnceLock<String> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let mut document = world::document(Options { headers_first: false, inline_keys: true });
        let server = document["authorization_servers"]["resource"].as_object_mut().expect("the server");
        server.remove("token_endpoint");
        server.remove("jwks");
        server.insert("discovery".into(), json!({ "document": "oauth" }));
        document.to_string()
    })
}

/// The body of a metadata answer.
pub fn metadata(data: &[u8]) {
    let config = Config::from_json(document().as_bytes(), &world::environment).expect("a configuration");
    let mut plugin = Plugin::new(config);
    let mut drawn = 0_u128;
    let mut draw = || {
        drawn += 1;
        drawn.to_be_bytes()
    };
    let mut ambient = Ambient {
        now: UnixSeconds::new(START),
        draw: &mut draw,
        signatures: &Seals,
        shared: &NothingShared,
        address: &|| None,
    };
    let mut asked = calls(&plugin.handle_tick(&mut ambient));
    let answer = CalloutAnswer::response(200, Some(b"application/json"), data);
    let (flight, path) = asked.pop().expect("the metadata is asked for");
    assert!(asked.is_empty() && path.contains("/.well-known/oauth-authorization-server"), "{path}");
    let mut fetched = calls(&plugin.handle_answer(flight, answer, &mut ambient));
    for _tick in 0..TICKS {
        fetched.extend(calls(&plugin.handle_tick(&mut ambient)));
    }
    // The next thing is to fetch the keys from where the document says.
    fetched.retain(|(_, path)| !path.contains("/.well-known/oauth-authorization-server"));
    let said: Value = serde_json::from_slice(data).unwrap_or_default();
    for (_, path) in fetched {
        assert_eq!(said["issuer"], RESOURCE_SERVER, "another issuer was believed");
        let uri = said["jwks_uri"].as_str().expect("where the keys are");
        // A URL may have a query and no path.
        assert!(uri.ends_with(path.strip_prefix('/').unwrap_or(&path)), "{uri}: {path}");
    }
}

/// Which flights make calls, and to which paths; all of them to the issuer's authority.
fn calls(step: &RootStep) -> Vec<(FlightId, String)> {
    let header = |headers: &[(&'static str, String)], name: &str| {
        headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let of_each = step.calls.iter().map(|call| {
        assert_eq!(header(&call.headers, ":authority"), "idp.example");
        assert_eq!(header(&call.headers, ":scheme"), "https");
        let path = header(&call.headers, ":path");
        assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
        (call.flight, path)
    });
    of_each.collect()
}
