//! One worker of the emulated Envoy with the world's own configuration, and requests to it in every stage.

use std::time::Duration;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::world::{Ports, World};
use actgate_tests::gateway::Gateway as _;
use actgate_tests::harness_gateway::HarnessGateway;
use actgate_tests::run::tool_call;
use actgate_tests::token;
use actgate_tests::{case::TokenRecipe, peer};
use envoy_harness::{Outcome, Request, RequestId, profile};
use serde_json::{Value, json};

const NOW: u64 = 1_795_478_400;

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) document: Value,
    pub(crate) gateway: HarnessGateway,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let world = World::in_memory(Ports::default());
        let document = world.filter_config(Default::default());
        let gateway = HarnessGateway::start(&world, &document, profile::V1_40, 1, NOW).expect("it loads");
        Self::begin(world, document, gateway)
    }

    /// The same with another plugin of that name behind it, in the same VM.
    pub(crate) fn beside(other: &str) -> Self {
        let world = World::in_memory(Ports::default());
        let document = world.filter_config(Default::default());
        let mut others = document.clone();
        others["resources"][1]["max_body"] = json!("512KiB");
        let plugins = [("actgate", &document), (other, &others)];
        let gateway = HarnessGateway::start_two(&world, plugins, NOW).expect("it loads");
        Self::begin(world, document, gateway)
    }

    fn begin(world: World, document: Value, gateway: HarnessGateway) -> Self {
        let mut scene = Self { world, document, gateway };
        // The keys are there before anything is asked.
        scene.gateway.envoy.advance(Duration::from_millis(100));
        scene
    }

    /// The headers of a good call, announcing `length` bytes.
    pub(crate) fn open(&mut self, name: &str, length: usize) -> RequestId {
        self.open_with(name, length, &TokenRecipe::default())
    }

    /// The same with another token.
    pub(crate) fn open_with(&mut self, name: &str, length: usize, recipe: &TokenRecipe) -> RequestId {
        let now = UnixSeconds(self.gateway.now());
        let token = token::make(&self.world, now, name, recipe, &[]).expect("a token");
        let agent = actgate::dev::world::streamward::KNOWLEDGE_AGENT;
        let digest = peer::certificate_sha256(&self.world, agent).map(|byte| format!("{byte:02x}")).concat();
        let request = Request::new("POST", "/auroradb/mcp")
            .authority(&self.world.gateway_host)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("content-length", length.to_string())
            .peer_uri_san(&peer::uri_san(&self.world, agent))
            .peer_certificate_digest(&digest);
        self.gateway.envoy.open(request, false)
    }

    pub(crate) fn waiting_for_its_body(&mut self) -> RequestId {
        let id = self.open("reading", body().len());
        self.gateway.envoy.send_body(id, &body()[..10], false);
        assert!(self.gateway.envoy.outcome(id).is_held());
        id
    }

    pub(crate) fn waiting_for_a_token(&mut self) -> RequestId {
        self.gateway.order("idp", "slow=1000");
        let id = self.open("waiting", body().len());
        self.gateway.envoy.send_body(id, body(), true);
        self.gateway.envoy.advance(Duration::from_millis(100));
        assert!(self.gateway.envoy.outcome(id).is_held());
        id
    }

    /// No tool of before is mapped any more.
    pub(crate) fn stricter(&self) -> String {
        let mut document = self.document.clone();
        document["resources"][1]["mcp"]["tools"] = json!({"another": {"scopes": ["Aurora-DB:read"]}});
        document.to_string()
    }

    pub(crate) fn reply(&self, id: RequestId) -> (u16, Value) {
        let seen = self.gateway.envoy.downstream(id).expect("an answer");
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let code = body.pointer("/error/data/code").or_else(|| body.get("code")).cloned();
        (seen.status(), code.unwrap_or_default())
    }

    pub(crate) fn later(&mut self) {
        for _ in 0..30 {
            self.gateway.envoy.advance(Duration::from_millis(100));
        }
    }

    /// What becomes of a good call from now on.
    pub(crate) fn next_call(&mut self, name: &str) -> Option<(u16, Value)> {
        self.gateway.behave();
        let id = self.open(name, body().len());
        self.gateway.envoy.send_body(id, body(), true);
        self.later();
        match self.gateway.envoy.outcome(id) {
            Outcome::Forwarded(_) => None,
            _ => Some(self.reply(id)),
        }
    }
}

pub(crate) fn body() -> Vec<u8> {
    tool_call("query_knowledge_base").to_string().into_bytes()
}

pub(crate) fn forwarded(scene: &Scene, id: RequestId) -> bool {
    scene.gateway.envoy.upstream(id).is_some_and(|seen| seen.complete())
}
