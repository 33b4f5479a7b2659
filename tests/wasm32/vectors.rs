//! Every vector, run inside wasm32 with the answers that its issuers gave natively, and compared with the native run to the last byte, but for signatures that draw a salt:
//! what the client and the upstream get, what is recorded, and each call with its signed assertion.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![allow(dead_code, reason = "replaying needs only a part of what the native runner has")]

#[path = "../support/core_gateway.rs"]
mod core_gateway;
#[path = "../support/gateway.rs"]
mod gateway;

/// What the upstream says beside its status.
mod answer {
    pub(crate) use actgate::answer::*;
}

/// Who is on the line, as was recorded.
mod peer {
    use actgate::dev::world::World;
    use actgate::recording::unhex;

    pub(crate) fn uri_san(world: &World, peer: &str) -> String {
        world.0.peers[peer].0.clone()
    }

    pub(crate) fn certificate_sha256(world: &World, peer: &str) -> [u8; 32] {
        unhex(&world.0.peers[peer].1).try_into().expect("a digest")
    }
}

/// What the core was seen to call.
mod recording {
    pub(crate) use actgate::recording::*;
}

use std::collections::BTreeSet;

use actgate::dev::world::World;
use actgate_wasm32_tests::test;
use core_gateway::CoreGateway;
use gateway::{Gateway as _, Observation, Request};
use recording::{Call, Event, Exchange, Recording, hex, unhex, without_salt};

/// 2026-11-24T00:00:00Z, as natively.
const NOW: u64 = 1_795_478_400;

fn request(exchange: &Exchange) -> Request {
    let (method, path, host) = exchange.line.clone();
    let body = exchange.body.as_deref().map(unhex);
    Request { method, path, host, headers: exchange.headers.clone(), body, peer: exchange.peer.clone() }
}

fn same(seen: &Observation, exchange: &Exchange) -> bool {
    let upstream = seen.upstream.as_ref().map(|seen| (without_salt(&seen.headers), hex(&seen.body)));
    let wanted = exchange.upstream.as_ref().map(|(headers, body)| (without_salt(headers), body.clone()));
    (seen.status, &seen.headers, hex(&seen.body), upstream)
        == (exchange.status, &exchange.answered, exchange.answer.clone(), wanted)
}

fn replay(recording: &Recording) -> Result<(), String> {
    let document = serde_json::from_str(&recording.document).map_err(|error| error.to_string())?;
    let made = CoreGateway::new(&World(recording.clone()), &document, NOW);
    let mut core = match (made, &recording.error) {
        (Err(error), Some(wanted)) if error == *wanted => return Ok(()),
        (Err(error), _) => return Err(format!("{}: configuration: {error}", recording.id)),
        (Ok(_), Some(_)) => return Err(format!("{}: the configuration loads", recording.id)),
        (Ok(core), None) => core,
    };
    for event in &recording.events {
        match event {
            Event::Advance(seconds) => drop(core.advance(*seconds)),
            Event::Upstream(status) => core.upstream_answers(*status),
            Event::UpstreamSays(answer) => core.upstream_says(answer.as_ref()),
            Event::Send(exchange) => {
                let seen = core.send(&request(exchange));
                if !same(&seen, exchange) {
                    return Err(format!("{}: {seen:?}, natively {exchange:?}", recording.id));
                }
            }
        }
    }
    if core.records() != recording.records {
        return Err(format!("{}: {:?}, natively {:?}", recording.id, core.records(), recording.records));
    }
    // The issuers insist on the next recorded call; here, that there was one for each.
    let calls = |calls: &[Call]| -> Vec<Call> {
        calls.iter().map(|call| Call { headers: without_salt(&call.headers), ..call.clone() }).collect()
    };
    if calls(core.calls()) != calls(&recording.calls) {
        return Err(format!("{}: {} calls, natively {}", recording.id, core.calls().len(), recording.calls.len()));
    }
    Ok(())
}

#[test]
fn every_vector_gives_inside_wasm32_what_it_gives_natively() {
    let recordings: Vec<Recording> = serde_json::from_str(include_str!(env!("ACTGATE_RECORDED"))).expect("recordings");
    assert_eq!(recordings.len().to_string(), env!("ACTGATE_VECTORS"), "vectors that were recorded, and that there are");
    let known: BTreeSet<&str> = recordings.iter().map(|recording| recording.id.as_str()).collect();
    assert_eq!(known.len(), recordings.len(), "one vector recorded twice stands in for another");
    let wrong: Vec<String> = recordings.iter().filter_map(|recording| replay(recording).err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recordings.len(), wrong.join("\n"));
}
