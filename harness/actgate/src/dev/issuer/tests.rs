//! Every refusal has a client that deserves it; one honest client beside it shows the difference.

mod client_auth;
mod control;
mod exchange;
mod jwt_bearer;
mod keys;
mod misbehaviour;
mod sign_in;

use serde_json::{Value, json};

use super::http::{HttpRequest, HttpResponse, UnixSeconds};
use super::oauth::{JWT_BEARER, TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_JAG, split_url};
use super::set::IssuerSet;
use crate::dev::keys::SigningKey;
use crate::dev::mint::{self, CLIENT_ASSERTION_TYPE};
use crate::dev::world::streamward::{AURORADB_RESOURCE, DEMO_USER, IDP, KNOWLEDGE_AGENT, RAS_AURORADB_ISSUER, READ};
use crate::dev::world::{Ports, World};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// The world with T3 in hand: the knowledge agent is about to do hops 7 and 8.
struct Scene {
    world: World,
    issuers: IssuerSet,
    t3: String,
}

impl Scene {
    fn new() -> Self {
        let world = World::in_memory(Ports::default());
        let mut issuers = world.issuer_set();
        let t3 = world.inbound_token(&mut issuers, DEMO_USER, NOW).expect("the honest way works");
        Self { world, issuers, t3 }
    }

    fn key(&self, client: &str) -> &SigningKey {
        self.world.client_key(client).expect("a client of the world")
    }

    /// The claims of T3, to be bent and signed again.
    fn t3_claims(&self) -> Value {
        mint::claims_of(&self.t3)
    }

    /// A T3 of our own making, signed by its true issuer.
    fn forge_t3(&self, header: &Value, claims: &Value) -> String {
        mint::jws(self.world.key("ras-knowledge/0").expect("a key of the world"), header, claims)
    }

    /// The parameters of hop 7.
    fn exchange_fields(&self) -> Fields {
        Fields(vec![
            ("grant_type", TOKEN_EXCHANGE.to_owned()),
            ("requested_token_type", TYPE_ID_JAG.to_owned()),
            ("subject_token", self.t3.clone()),
            ("subject_token_type", TYPE_ACCESS_TOKEN.to_owned()),
            ("audience", RAS_AURORADB_ISSUER.to_owned()),
            ("resource", AURORADB_RESOURCE.to_owned()),
            ("scope", READ.to_owned()),
        ])
    }

    /// The parameters of hop 8, with an ID-JAG from an honest hop 7.
    fn bearer_fields(&mut self) -> Fields {
        let fields = self.exchange_fields();
        let answer = self.send(IDP, KNOWLEDGE_AGENT, &fields);
        assert_eq!(answer.status, 200, "{}", answer.body_json());
        let id_jag = answer.body_json()["access_token"].as_str().unwrap_or_default().to_owned();
        Fields(vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", id_jag)])
    }

    /// Sends the parameters with a fresh, honest client assertion.
    fn send(&mut self, server: &str, client: &str, fields: &Fields) -> HttpResponse {
        let request = self.world.token_request(server, client, &fields.pairs(), NOW);
        self.handle(server, &request)
    }

    fn handle(&mut self, server: &str, request: &HttpRequest) -> HttpResponse {
        self.issuers.get_mut(server).expect("a server of the world").handle(NOW, request)
    }

    /// Sends the parameters with this client assertion.
    fn send_with(&mut self, server: &str, assertion: &str, fields: &Fields) -> HttpResponse {
        let fields =
            fields.clone().set("client_assertion_type", CLIENT_ASSERTION_TYPE).set("client_assertion", assertion);
        let endpoint = self.world.issuer_config(server).expect("a server of the world").token_endpoint();
        let request = HttpRequest::form(split_url(&endpoint).1, &fields.pairs());
        self.handle(server, &request)
    }
}

/// Request parameters under construction.
#[derive(Clone, Debug)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn text(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn set(self, name: &'static str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self
    }
}

/// The claims with one of them replaced, or taken away by null.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    claims
}

#[track_caller]
fn assert_refused(case: &str, answer: &HttpResponse, status: u16, error: &str) {
    let body = answer.body_json();
    assert_eq!((answer.status, &body["error"]), (status, &json!(error)), "{case}: {body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
}
