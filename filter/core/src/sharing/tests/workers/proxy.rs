//! One proxy: its workers, their store, and a time that stands still until it is moved on.

use super::super::*;
use crate::algorithm::Algorithm;
use crate::flight::{Callout, CalloutAnswer, Landing, RootStep};
use crate::flow::{Joined, handle_request_headers};
use crate::jwt::sample::Issuer;
use crate::plugin::Plugin;
use crate::record::Event;
use crate::request::{Headers, Peer, RequestHead, StreamId};
use crate::signatures::InGuest;
use crate::step::Step;
use serde_json::{Value, json};

/// Noon; the tokens of callers live for an hour from here.
pub(crate) const START: u64 = 1_795_478_400;

pub(crate) fn document(sharing: &Value) -> Value {
    let keys = json!({"keys": [Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k"}))]});
    let server = |name: &str, jwks: &Value| {
        json!({"issuer": format!("https://{name}.example"), "token_endpoint": format!("https://{name}.example/token"),
            "cluster": name, "jwks": jwks})
    };
    let agent = |name: &str| {
        json!({"name": name, "status": "active", "resource": format!("https://e.example/{name}"),
            "credential": {"client_secret_basic": {"as": {"insecure_inline": "client secret of an agent"}}}})
    };
    let resource = |name: &str, agent: &str, server: &str| {
        json!({"name": name, "match": {"hosts": ["e.example"], "path_prefix": format!("/{name}")},
            "accept": {"authorization_server": server, "audience": format!("https://e.example/{agent}"),
                "presenter": "audience_agent", "caller": "audience_only", "required_scopes": ["use"], "max_lifetime": "1h",
                "subject_profiles": ["user"], "delegation": {"required": false, "max_actors": 4}},
            "exchange": {"token_exchange": {"server": "as", "resource": format!("https://e.example/upstream/{name}"),
                "issued_token": "opaque", "max_lifetime": "1h"}},
            "rest": {"operations": {"read": {"method": "GET", "path": "/things", "scopes": ["read"]},
                "once": {"method": "GET", "path": "/once", "scopes": ["read"], "max_reuse": 0}}}})
    };
    let mut document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": server("as", &keys),
            "far": server("far", &json!({"uri": "https://far.example/keys", "refresh": "5m"}))},
        "agents": {"one": agent("one"), "two": agent("two")},
        "resources": [resource("a", "one", "as"), resource("b", "one", "as"), resource("c", "two", "as"), resource("d", "one", "far")],
    });
    if !sharing.is_null() {
        document["sharing"] = sharing.clone();
    }
    document
}

pub(crate) fn secret() -> Value {
    json!({"secret": {"insecure_inline": SECRET}})
}

/// Workers of one proxy, and the time.
pub(crate) struct Proxy {
    pub(crate) store: Store,
    pub(crate) workers: Vec<Plugin>,
    pub(crate) now: u64,
    pub(crate) drawn: u128,
    pub(crate) streams: u32,
    pub(crate) looked: BTreeMap<Looked, usize>,
}

impl Proxy {
    pub(crate) fn of(count: usize) -> Self {
        let mut proxy = Self::without_workers();
        for _ in 0..count {
            proxy.add(&document(&secret()));
        }
        proxy
    }

    pub(crate) fn without_workers() -> Self {
        Self { store: Store::default(), workers: Vec::new(), now: START, drawn: 0, streams: 0, looked: BTreeMap::new() }
    }

    /// One more worker, or another plugin.
    pub(crate) fn add(&mut self, document: &Value) -> bool {
        let config =
            Config::from_json(document.to_string().as_bytes(), &|_| None).unwrap_or_else(|error| panic!("{error}"));
        let mut plugin = Plugin::new(config);
        let shares = plugin.share(&self.store);
        self.workers.push(plugin);
        shares
    }

    pub(crate) fn at<T>(&mut self, worker: usize, event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> T) -> T {
        let drawn = &mut self.drawn;
        let mut draw = || {
            *drawn += 1;
            drawn.to_be_bytes()
        };
        let now = UnixSeconds::new(self.now);
        let mut ambient =
            Ambient { now, draw: &mut draw, signatures: &InGuest, shared: &self.store, address: &|| None };
        event(&mut self.workers[worker], &mut ambient)
    }

    pub(crate) fn root(
        &mut self,
        worker: usize,
        event: impl FnOnce(&mut Plugin, &mut Ambient<'_>) -> RootStep,
    ) -> RootStep {
        let step = self.at(worker, event);
        for event in &step.events {
            if let Event::Shared { outcome, count, .. } = event {
                *self.looked.entry(*outcome).or_default() += count;
            }
        }
        step
    }

    pub(crate) fn tick(&mut self, worker: usize) -> RootStep {
        self.root(worker, |plugin, ambient| plugin.handle_tick(ambient))
    }

    /// Ticks until there is one call to that cluster, and takes it; the other calls are forgotten.
    #[track_caller]
    pub(crate) fn call_to(&mut self, worker: usize, cluster: &str) -> Callout {
        let mut calls = self.tick(worker).calls;
        calls.retain(|call| call.cluster == cluster);
        assert_eq!(calls.len(), 1, "calls of worker {worker} to {cluster}");
        calls.remove(0)
    }

    pub(crate) fn answer(&mut self, worker: usize, call: &Callout, status: u16, body: &Value) -> RootStep {
        let (flight, body) = (call.flight, body.to_string());
        self.root(worker, |plugin, ambient| {
            let answer = CalloutAnswer::response(status, Some(b"application/json"), body.as_bytes());
            plugin.handle_answer(flight, answer, ambient)
        })
    }

    pub(crate) fn get(&mut self, worker: usize, path: &str, token: &str) -> Step {
        self.streams += 1;
        let stream = StreamId(self.streams);
        let authorization = format!("Bearer {token}");
        self.at(worker, |plugin, ambient| {
            let headers: [(&[u8], &[u8]); 4] = [
                (b":method", b"GET"),
                (b":path", path.as_bytes()),
                (b":authority", b"e.example"),
                (b"authorization", authorization.as_bytes()),
            ];
            let head =
                RequestHead { stream, headers: Headers::of(&headers), peer: Peer::default(), end_of_stream: true };
            handle_request_headers(plugin, ambient, &head)
        })
    }

    /// A request that has to wait.
    #[track_caller]
    pub(crate) fn join(&mut self, worker: usize, path: &str, token: &str) -> Joined {
        let Step::Join { then, .. } = self.get(worker, path, token) else { panic!("it does not wait") };
        then
    }

    pub(crate) fn land(&mut self, worker: usize, then: Joined, landing: &Landing) -> Step {
        self.at(worker, |plugin, ambient| then.handle_landing(plugin, ambient, landing))
    }

    /// A worker that got a token for `path`, and gave it to all.
    pub(crate) fn exchanged(&mut self, worker: usize, path: &str, token: &str, issued: &str) {
        let _then = self.join(worker, path, token);
        let call = self.call_to(worker, "as");
        let step = self.answer(worker, &call, 200, &granted(issued, 600));
        assert_eq!(step.landings.len(), 1);
    }

    pub(crate) fn looked(&self, outcome: Looked) -> usize {
        self.looked.get(&outcome).copied().unwrap_or_default()
    }
}

pub(crate) fn granted(token: &str, lifetime: u64) -> Value {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
}

pub(crate) fn caller_of(issuer: &str, agent: &str, subject: &str) -> String {
    let claims = json!({"iss": format!("https://{issuer}.example"), "sub": subject, "sub_profile": "user",
        "aud": format!("https://e.example/{agent}"), "scope": "use", "iat": START, "exp": START + 3600});
    Issuer::of(Algorithm::Es256).token(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#, &claims.to_string())
}

pub(crate) fn caller() -> String {
    caller_of("as", "one", "alice")
}

/// What goes upstream, or the code of the refusal.
pub(crate) fn sent(step: &Step) -> String {
    match step {
        Step::Forward(forward) => forward
            .edits
            .replacements()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| value.expose().clone())
            .unwrap_or_default(),
        Step::Reply(reply) => reply.details.to_owned(),
        Step::Join { .. } => "waits".to_owned(),
        Step::ReadBody { .. } => "reads".to_owned(),
        Step::Observed(_) => "observed".to_owned(),
    }
}

/// Whom a step tells something, and what.
pub(crate) fn told(step: &RootStep) -> Option<&Landing> {
    step.landings.first().map(|(_, landing)| landing)
}
