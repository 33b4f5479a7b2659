//! Every vector, run against the core alone; and what the vectors as a whole must cover.

use std::collections::BTreeSet;

use actgate::dev::world::{Ports, World, streamward};
use actgate_tests::answer::UpstreamAnswer;
use actgate_tests::case;
use actgate_tests::codes;
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::gateway::{Gateway, Observation, Request};
use actgate_tests::peer;
use actgate_tests::recording::{Event, Exchange, Recording, hex};
use actgate_tests::run;
use actgate_tests::secrets::Secrets;
use serde_json::Value;

/// 2026-11-24T00:00:00Z: vectors do not depend on the day they are run.
const NOW: u64 = 1_795_478_400;

/// A gateway whose every output is searched for what must never be in it.
struct Searched {
    inner: CoreGateway,
    recording: Recording,
    secrets: Secrets,
}

impl Searched {
    fn new(world: &World, document: &Value) -> Result<Self, String> {
        let secrets = Secrets::of(world, document);
        let inner = CoreGateway::new(world, document, NOW)?;
        Ok(Self { inner, recording: Recording::default(), secrets })
    }

    /// What was said that must not be.
    fn leaks(&self) -> Vec<&str> {
        let records = self.inner.records().iter().map(String::as_str).filter(|record| self.secrets.are_in(record));
        records.chain(self.secrets.told()).collect()
    }

    /// Records must stay one line of JSON each, whatever stands in claims and names.
    fn broken_lines(&self) -> Vec<String> {
        let is_line = |record: &&String| {
            serde_json::from_str::<Value>(record).is_ok_and(|value| value.is_object())
                && !record.chars().any(char::is_control)
        };
        self.inner.records().iter().filter(|record| !is_line(record)).cloned().collect()
    }
}

impl Gateway for Searched {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }

    fn advance(&mut self, seconds: u64) -> bool {
        self.recording.events.push(Event::Advance(seconds));
        self.inner.advance(seconds)
    }

    fn order(&mut self, issuer: &str, word: &str) {
        self.inner.order(issuer, word);
    }

    fn behave(&mut self) {
        self.inner.behave();
    }

    fn upstream_answers(&mut self, status: u16) {
        self.recording.events.push(Event::Upstream(status));
        self.inner.upstream_answers(status);
    }

    fn last_record(&mut self) -> Option<Value> {
        self.inner.last_record()
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        self.recording.events.push(Event::UpstreamSays(answer.cloned()));
        self.inner.upstream_says(answer);
    }

    fn send(&mut self, request: &Request) -> Observation {
        let observation = self.inner.send(request);
        self.secrets.learn(request, &observation);
        self.recording.events.push(Event::Send(Box::new(exchange(request, &observation))));
        observation
    }
}

fn exchange(request: &Request, observation: &Observation) -> Exchange {
    let upstream = observation.upstream.as_ref();
    Exchange {
        line: (request.method.clone(), request.path.clone(), request.host.clone()),
        headers: request.headers.clone(),
        body: request.body.as_deref().map(hex),
        peer: request.peer.clone(),
        status: observation.status,
        answered: observation.headers.clone(),
        answer: hex(&observation.body),
        upstream: upstream.map(|seen| (seen.headers.clone(), hex(&seen.body))),
    }
}

/// Writes what the vectors came to where `ACTGATE_RECORD` says, to be replayed inside wasm32.
fn keep(recordings: &[Recording]) {
    if let Some(path) = std::env::var_os("ACTGATE_RECORD") {
        std::fs::write(path, serde_json::to_vec(recordings).expect("JSON")).expect("a file that can be written");
    }
}

fn recording(world: &World, case: &case::Case, document: &Value, made: &Result<Searched, String>) -> Recording {
    let (heard, error) = match made {
        Ok(gateway) => (Some(gateway), None),
        Err(error) => (None, Some(error.clone())),
    };
    let peers = case.steps.iter().map(|step| step.request.peer.as_deref().unwrap_or(streamward::KNOWLEDGE_AGENT));
    let shown = |peer: &str| (peer::uri_san(world, peer), hex(&peer::certificate_sha256(world, peer)));
    Recording {
        id: case.id.clone(),
        document: document.to_string(),
        environment: world.environment(),
        error,
        peers: peers.map(|peer| (peer.to_owned(), shown(peer))).collect(),
        events: heard.map(|gateway| gateway.recording.events.clone()).unwrap_or_default(),
        calls: heard.map(|gateway| gateway.inner.calls().to_vec()).unwrap_or_default(),
        records: heard.map(|gateway| gateway.inner.records().to_vec()).unwrap_or_default(),
    }
}

#[test]
fn every_vector_holds_in_the_core_and_nothing_secret_is_said() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let (mut wrong, mut recordings) = (Vec::new(), Vec::new());
    let cases = case::all();
    for case in &cases {
        let document = run::configuration(&world, case, &base);
        let mut made = Searched::new(&world, &document);
        match &mut made {
            Ok(_) if case.load_error.is_some() => wrong.push(format!("{}: the configuration loads", case.id)),
            Ok(gateway) => {
                if let Err(error) = run::run(&world, case, gateway) {
                    wrong.push(error);
                }
                wrong.extend(gateway.leaks().into_iter().map(|text| format!("{}: a secret in {text}", case.id)));
                wrong.extend(gateway.broken_lines().into_iter().map(|text| format!("{}: not a line: {text}", case.id)));
            }
            Err(error) if Secrets::of(&world, &document).are_in(error) => {
                wrong.push(format!("{}: a secret in {error}", case.id));
            }
            Err(error) if case.load_error.as_ref().is_some_and(|part| error.contains(part.as_str())) => {}
            Err(error) => wrong.push(format!("{}: configuration: {error}", case.id)),
        }
        recordings.push(recording(&world, case, &document, &made));
    }
    keep(&recordings);
    assert!(wrong.is_empty(), "{} wrong in {} vectors:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Whether a case says itself what issuers do wrong: then what is held already spares it the very calls that it is about.
fn orders_issuers(case: &case::Case) -> bool {
    !case.issuers.is_empty() || case.steps.iter().any(|step| !step.issuers.is_empty())
}

/// Cases that say how often a token is exchanged, and so cannot begin with one that is held.
const OF_THE_FIRST_EXCHANGE: [&str; 7] = [
    "reuse-once",
    "tool-of-more-reuse-takes-no-more",
    "observe-over-before-it-was-loaded",
    "observe-rule-current-actors",
    "observe-rule-pairs",
    "observe-rule-authentication",
    "observe-rule-claims",
];

/// A request as it should be: it leaves keys, a verified token and an exchanged token behind. The token of `of` before anybody tampered with it.
fn good(of: &case::Case) -> case::Case {
    let text = r#"[{"id": "good", "attack": "none", "spec": "none", "steps": [{"want": "allowed"}]}]"#;
    case::Case { id: of.id.clone(), ..case::parse(text).expect("a case").remove(0) }
}

#[test]
fn every_vector_holds_when_all_is_held_already() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let (mut wrong, mut ran) = (Vec::new(), 0);
    let cases = case::all();
    for id in OF_THE_FIRST_EXCHANGE {
        assert!(cases.iter().any(|case| case.id == id), "{id} is no vector");
    }
    let begins_afresh = |case: &&case::Case| orders_issuers(case) || OF_THE_FIRST_EXCHANGE.contains(&case.id.as_str());
    for case in cases.iter().filter(|case| case.load_error.is_none() && !begins_afresh(case)) {
        let document = run::configuration(&world, case, &base);
        let mut gateway = CoreGateway::new(&world, &document, NOW).expect("it loads for the other test");
        // What a token leads to is kept when it comes again. Under a configuration of its own a case may refuse even this.
        for _ in 0..2 {
            let _ = run::run(&world, &good(case), &mut gateway);
        }
        wrong.extend(run::run(&world, case, &mut gateway).err());
        ran += 1;
    }
    assert!(wrong.is_empty(), "{} wrong in {ran} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

/// Long enough for every ration, every rest and every short memory of a refusal to be over.
const PAUSE_SECONDS: u64 = 60;

#[test]
fn every_vector_holds_in_one_worker_after_all_the_others() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let mut cases = case::all();
    cases.retain(|case| case.config.is_empty() && !orders_issuers(case));
    let mut gateway = CoreGateway::new(&world, &base, NOW).expect("the deployed configuration");
    let mut wrong = Vec::new();
    for case in cases.iter().chain(cases.iter().rev()) {
        gateway.advance(PAUSE_SECONDS);
        wrong.extend(run::run(&world, case, &mut gateway).err());
    }
    assert!(wrong.is_empty(), "{} wrong in {} vectors:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A log must not grow with what an upstream makes up.
#[test]
fn what_is_withheld_from_one_answer_is_told_once() {
    let world = World::in_memory(Ports::default());
    let mut gateway = CoreGateway::new(&world, &world.filter_config(Default::default()), NOW).expect("a gateway");
    let case = case::all().into_iter().find(|case| case.id == "stream-many-lists").expect("the vector");
    run::run(&world, &case, &mut gateway).expect("it holds");
    let told = gateway.records().iter().filter(|record| record.contains("\"event\":\"withheld\"")).count();
    assert_eq!(told, 1);
}

#[test]
fn identifiers_are_unique_and_every_vector_says_why() {
    let mut known = BTreeSet::new();
    for case in case::all() {
        assert!(known.insert(case.id.clone()), "{} twice", case.id);
        assert!(!case.attack.is_empty(), "{}", case.id);
        assert!(names_a_rule(&case.spec), "{}: {:?} names no document and no rule of the product", case.id, case.spec);
        assert!(case.steps.is_empty() == case.load_error.is_some(), "{}", case.id);
    }
}

/// Documents other than RFCs that decide vectors.
const DOCUMENTS: [&str; 21] = [
    "A2A ",
    "MCP",
    "SEP-",
    "JSON-RPC",
    "OAuth actor profile",
    "entity profiles",
    "draft-",
    "JWT best current practice",
    "OpenID Connect ",
    "SPIFFE ",
    "OpenAPI ",
    "WHATWG ",
    "FIPS ",
    "CVE-",
    "GHSA-",
    "CWE-",
    "ECMAScript ",
    "protobuf ",
    "Rack::",
    "Rails ",
    "Laravel:",
];

/// `RFC 6750 §2.1`, with words after a colon where there are some; another document by its name; or what the product itself promises.
fn names_a_rule(spec: &str) -> bool {
    if let Some(promise) = spec.strip_prefix("product: ") {
        return !promise.is_empty();
    }
    let Some(rfc) = spec.strip_prefix("RFC ") else {
        return DOCUMENTS.iter().any(|document| spec.starts_with(document));
    };
    let place = rfc.trim_start_matches(|letter: char| letter.is_ascii_digit());
    place.len() < rfc.len() && (place.is_empty() || [" §", ":", ";", ","].iter().any(|after| place.starts_with(after)))
}

/// Codes that no vector can bring about, and why.
const BEYOND_VECTORS: [(&str, &str); 4] = [
    (
        "agent_unknown",
        "a configuration in which nobody could present a token does not load, and an unregistered actor is refused before",
    ),
    ("internal", "says that a state was reached that cannot be; a vector for it would be a bug"),
    (
        "reconfigured",
        "vectors send one request at a time, and this needs one that waits while the configuration changes",
    ),
    ("overloaded", "needs hundreds of exchanges in the air at once, and vectors send one request at a time"),
];

#[test]
fn every_refusal_code_is_wanted_by_a_vector() {
    let codes = codes::refusals();
    let wanted: BTreeSet<String> = case::all().into_iter().flat_map(|case| case.steps).map(|step| step.want).collect();
    for (code, _) in BEYOND_VECTORS {
        assert!(codes.contains(code), "{code} is no code any more");
        assert!(!wanted.contains(code), "{code} is wanted after all");
    }
    let beyond: BTreeSet<&str> = BEYOND_VECTORS.iter().map(|(code, _)| *code).collect();
    let missing: Vec<&String> =
        codes.iter().filter(|code| !wanted.contains(*code) && !beyond.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "no vector wants {missing:?}");
    let unknown: Vec<&String> =
        wanted.iter().filter(|want| !codes.contains(*want) && *want != "allowed" && *want != "metadata").collect();
    assert!(unknown.is_empty(), "no code is called {unknown:?}");
}
