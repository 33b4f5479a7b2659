//! Several workers of the shipped module in the emulated Envoy, and what one of them gets for all.

use std::time::Duration;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::world::{Ports, World, streamward};
use actgate_tests::case::TokenRecipe;
use actgate_tests::gateway::Gateway as _;
use actgate_tests::harness_gateway::HarnessGateway;
use actgate_tests::run::tool_call;
use actgate_tests::{peer, token};
use envoy_harness::{Outcome, Request, RequestId, Thread, profile};
use serde_json::json;

/// 2026-11-24T00:00:00Z, as for the vectors.
const NOW: u64 = 1_795_478_400;
const WORKERS: usize = 4;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Scene {
    world: World,
    gateway: HarnessGateway,
}

impl Scene {
    fn new(shares: bool) -> Self {
        let world = World::in_memory(Ports::default());
        let mut document = world.filter_config(Default::default());
        if shares {
            document["sharing"] = json!({"secret": {"insecure_inline": SECRET}});
        }
        let gateway = HarnessGateway::start(&world, &document, profile::V1_40, WORKERS, NOW).expect("it loads");
        let mut scene = Self { world, gateway };
        scene.gateway.envoy.advance(Duration::from_millis(100));
        scene
    }

    /// A good call by the token of that name.
    fn call(&mut self, name: &str, worker: usize) -> RequestId {
        let token = self.token(name);
        self.call_by(&token, worker)
    }

    fn token(&self, name: &str) -> String {
        let now = UnixSeconds(self.gateway.now());
        token::make(&self.world, now, name, &TokenRecipe::default(), &[]).expect("a token")
    }

    fn call_by(&mut self, token: &str, worker: usize) -> RequestId {
        let agent = streamward::KNOWLEDGE_AGENT;
        let digest = peer::certificate_sha256(&self.world, agent).map(|byte| format!("{byte:02x}")).concat();
        let body = tool_call("query_knowledge_base").to_string().into_bytes();
        let request = Request::new("POST", "/auroradb/mcp")
            .authority(&self.world.gateway_host)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("content-length", body.len().to_string())
            .body(body)
            .peer_uri_san(&peer::uri_san(&self.world, agent))
            .peer_certificate_digest(&digest)
            .on_worker(worker);
        self.gateway.envoy.request(request)
    }

    fn advance(&mut self, millis: u64) {
        for _ in 0..millis {
            self.gateway.envoy.advance(Duration::from_millis(1));
        }
    }

    fn passes(&self, id: RequestId) -> bool {
        matches!(self.gateway.envoy.outcome(id), Outcome::Forwarded(_))
    }

    /// Calls of hop 7 and hop 8 so far.
    fn asked(&self) -> (usize, usize) {
        let issuers = self.gateway.issuers();
        let ledger = |name| issuers.get(name).expect("an issuer").ledger();
        (ledger(streamward::IDP).exchanges, ledger(streamward::RAS_AURORADB).jwt_bearers)
    }

    fn key_fetches(&self) -> Vec<usize> {
        let issuers = self.gateway.issuers();
        let names = [streamward::IDP, streamward::RAS_KNOWLEDGE, streamward::RAS_AURORADB];
        names.map(|name| issuers.get(name).expect("an issuer").ledger().key_fetches).to_vec()
    }

    fn counted(&self, name: &str) -> u64 {
        self.gateway.envoy.metric(name).map_or(0, envoy_harness::Metric::value)
    }

    /// What stands in shared data, without the slots that were only made.
    fn written(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = self.gateway.envoy.shared_data("actgate");
        all.into_iter().filter(|(_, value)| value != b"-").collect()
    }
}

#[test]
fn four_workers_fetch_keys_once_and_exchange_once_for_a_crowd() {
    let mut scene = Scene::new(true);
    assert_eq!(scene.key_fetches(), [1, 1, 1], "five VMs");
    scene.gateway.order(streamward::IDP, "slow=50");
    let crowd: Vec<RequestId> = (0..40).map(|each| scene.call("crowd", each % WORKERS)).collect();
    scene.advance(200);
    assert!(crowd.iter().all(|id| scene.passes(*id)));
    assert_eq!(scene.asked(), (1, 1));
    let later: Vec<RequestId> = (0..WORKERS).map(|worker| scene.call("crowd", worker)).collect();
    assert!(later.iter().all(|id| scene.passes(*id)), "each worker holds it now");
    assert_eq!(scene.asked(), (1, 1));
    assert_eq!(scene.counted("actgate.shared.token.led"), 1);
}

#[test]
fn without_a_secret_each_works_for_itself_and_leaves_nothing() {
    let mut scene = Scene::new(false);
    assert_eq!(scene.key_fetches(), [WORKERS + 1; 3]);
    let crowd: Vec<RequestId> = (0..WORKERS).map(|worker| scene.call("crowd", worker)).collect();
    scene.advance(200);
    assert!(crowd.iter().all(|id| scene.passes(*id)));
    assert_eq!(scene.asked(), (WORKERS, WORKERS));
    assert!(scene.gateway.envoy.shared_data("actgate").is_empty());
}

#[test]
fn records_show_nothing_of_what_they_hold() {
    let mut scene = Scene::new(true);
    let id = scene.call("sealed", 0);
    scene.advance(100);
    assert!(scene.passes(id));
    let written = scene.written();
    assert_eq!(written.iter().filter(|(name, _)| name.starts_with(b"actgate.2.token.")).count(), 1);
    assert_eq!(written.iter().filter(|(name, _)| name.starts_with(b"actgate.2.keys.")).count(), 3);
    for (name, record) in &written {
        for part in [b"eyJ".as_slice(), b"\"keys\"", b"kty", SECRET.as_bytes()] {
            assert!(!record.windows(part.len()).any(|window| window == part), "{}", String::from_utf8_lossy(name));
        }
    }
}

#[test]
fn whatever_another_plugin_writes_the_workers_ask_for_themselves_and_none_traps() {
    let mut scene = Scene::new(true);
    let id = scene.call("first", 0);
    scene.advance(100);
    assert!(scene.passes(id));
    let honest = scene.written();
    let names: Vec<Vec<u8>> = scene.gateway.envoy.shared_data("actgate").into_keys().collect();
    let foreign: [Vec<u8>; 5] =
        [Vec::new(), b"{}".to_vec(), vec![0; 24], vec![0xff; 1 << 20], honest[honest.len() - 1].1.clone()];
    for (each, value) in foreign.iter().enumerate() {
        for name in &names {
            scene.gateway.envoy.set_shared_data("actgate", name, value);
        }
        let before = scene.asked().0;
        let ids: Vec<RequestId> = (0..WORKERS).map(|worker| scene.call(&format!("other{each}"), worker)).collect();
        scene.advance(200);
        assert!(ids.iter().all(|id| scene.passes(*id)), "value {each}");
        assert_eq!(scene.asked().0 - before, 1, "value {each}: it is replaced, and shared again");
    }
    assert!(scene.counted("actgate.shared.token.unreadable") > 0);
    assert!(!scene.gateway.envoy.log_text().contains("panicked"));
}

/// What the first call and the second by one token cost the worker they come to, in fuel and calls of the host.
fn costs(shares: bool) -> [(u64, u64); 2] {
    let mut scene = Scene::new(shares);
    let token = scene.token("cost");
    [0, 1].map(|_| {
        let read = |scene: &Scene| {
            let (envoy, worker) = (&scene.gateway.envoy, Thread::Worker(0));
            (envoy.thread_fuel(worker), envoy.thread_host_calls(worker))
        };
        let before = read(&scene);
        let id = scene.call_by(&token, 0);
        for _ in 0..100 {
            if scene.passes(id) {
                break;
            }
            scene.advance(1);
        }
        assert!(scene.passes(id));
        let after = read(&scene);
        (after.0 - before.0, after.1 - before.1)
    })
}

#[test]
fn who_holds_a_token_does_not_call_the_host_for_it() {
    let (alone, sharing) = (costs(false), costs(true));
    println!("fuel and host calls, cold and hot: {alone:?} without sharing, {sharing:?} with it");
    assert_eq!(alone[1].1, sharing[1].1, "a hot request");
    // A look by the request, one by its flight, a lease, a look before the token is put there, and the token; a counter, made and counted.
    assert_eq!(alone[0].1 + 7, sharing[0].1, "a cold one");
}
