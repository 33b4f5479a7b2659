//! A real Envoy that is asked vectors, one after the other, each compared with the core; and everything it says at trace level,
//! and all that it answers, searched for secrets after each.

use std::time::Duration;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::world::World;
use actgate::envoy::LogLevel;
use actgate_tests::agreement::agree;
use actgate_tests::case::{Case, Step};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::day;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::gateway::{Gateway, Observation, Request};
use actgate_tests::run;
use actgate_tests::secrets::Secrets;
use actgate_tests::watched::Watched;
use serde_json::Value;

use crate::client::assert_no_trap;
use crate::records::assert_says_no_secret;

/// A replaced configuration ends at once: nothing of it is under way.
const DRAIN: Duration = Duration::ZERO;

/// How a case is run: [`run::run`] or [`run::observe`].
type How = fn(&World, &Case, &mut dyn Gateway) -> Result<Vec<Observation>, String>;

/// One Envoy and what is kept about it from vector to vector.
pub(crate) struct Searched {
    gateway: EnvoyGateway,
    world: World,
    document: Value,
    options: Options,
    /// Up to which byte its log was searched.
    searched: u64,
    /// Of the vector before: what it left behind may be told later.
    before: Secrets,
}

impl Searched {
    /// An Envoy with the world's own configuration, which is the last one if `pushed` is false.
    pub(crate) fn start(pushed: bool) -> Self {
        let world = new_world();
        let document = world.filter_config(Default::default());
        let pushed = pushed.then_some(DRAIN);
        let options = Options { wasm_log: LogLevel::Trace, pushed, ..Options::default() };
        let gateway = EnvoyGateway::start(world.clone(), &document, &options).unwrap_or_else(|error| panic!("{error}"));
        let before = Secrets::of(&world, &document);
        Self { gateway, world, document, options, searched: 0, before }
    }

    /// What the configuration of `case` is in this world.
    pub(crate) fn document(&self, case: &Case) -> Value {
        run::configuration(&self.world, case, &self.world.filter_config(Default::default()))
    }

    /// Serves by `document` from now on, with nothing held, and with the bootstrap for its host mode.
    ///
    /// What `first` has issuers do wrong from the start they do wrong already when the new configuration begins to ask them.
    pub(crate) fn turn_to(&mut self, document: Value, certificate_optional: bool, first: &Case) -> bool {
        let held = document["allow_on_headers_stop_iteration"] != false;
        self.options.bootstrap = if held { "envoy.yaml" } else { "headers-first.yaml" };
        self.options.certificate_optional = certificate_optional;
        self.options.spaces += 1;
        for (issuer, word) in words(first).filter(|(_, word)| is_early(word)) {
            self.gateway.order(issuer, word);
        }
        self.document = document;
        self.gateway.turn_to(&self.document, &self.options)
    }

    /// The same vector asked of Envoy and of the core, where both give what it wants, and the same.
    pub(crate) fn ask(&mut self, case: &Case) -> Result<(), String> {
        let seen = self.send(case, run::run)?;
        let wanted = run::run(&self.world, case, &mut self.core()?)?;
        agree(&case.id, &seen, &wanted)
    }

    /// `case` asked of Envoy, and of the core what Envoy made of it before the filter saw it: they need not give what it wants, but the
    /// same, and for the same resource.
    pub(crate) fn compare_with(&mut self, case: &Case, tidied: &Case) -> Result<(), String> {
        let seen = self.send(case, run::observe)?;
        let mut core = self.core()?;
        let wanted = run::observe(&self.world, tidied, &mut core)?;
        agree(&case.id, &seen, &wanted)?;
        let decided =
            |record: Option<Value>| record.map(|record| [&record["resource"], &record["code"]].map(Value::clone));
        let (ours, theirs) = (decided(self.gateway.last_record()), decided(core.last_record()));
        if ours == theirs { Ok(()) } else { Err(format!("{}: decided {ours:?}, not {theirs:?}", case.id)) }
    }

    /// Asserts that Envoy itself turned the request away, and that it reached nobody.
    pub(crate) fn is_refused_by_envoy(&mut self, case: &Case) -> Result<(), String> {
        match self.send(case, run::run) {
            Err(error) if error.contains("got status ") && error.ends_with("upstream: None }") => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(format!("{}: Envoy let it through to the filter", case.id)),
        }
    }

    /// Whether callers may come without a certificate.
    pub(crate) fn takes_no_certificate(&self) -> bool {
        self.options.certificate_optional
    }

    /// What Envoy says of a configuration that it must not take; an error where it took it or told a secret of it.
    pub(crate) fn turns_down(&mut self, case: &Case) -> Result<(), String> {
        let document = self.document(case);
        let secrets = Secrets::of(&self.world, &document);
        if self.turn_to(document, false, case) {
            return Err(format!("{}: Envoy took it", case.id));
        }
        let said = self.said();
        let part = case.load_error.as_deref().unwrap_or_default();
        match said.lines().find(|line| line.contains("actgate configuration: ") && line.contains(part)) {
            None => Err(format!("{}: nothing of {part} in\n{said}", case.id)),
            Some(_) if secrets.are_in(&said) => Err(format!("{}: a secret in\n{said}", case.id)),
            Some(_) => Ok(()),
        }
    }

    /// The core with the configuration of now, or why it does not take it.
    pub(crate) fn core(&self) -> Result<CoreGateway, String> {
        CoreGateway::new(&self.world, &self.document, UnixSeconds::from_system_clock().0)
    }

    /// What it has logged since the last time.
    fn said(&mut self) -> String {
        let (said, end) = self.gateway.envoy.logs_from(self.searched);
        self.searched = end;
        said
    }

    fn send(&mut self, case: &Case, how: How) -> Result<Vec<Observation>, String> {
        let mut secrets = Secrets::of(&self.world, &self.document);
        let seen = {
            let learning = |gateway: &mut &mut EnvoyGateway, request: &Request| {
                let observation = gateway.send(request);
                secrets.learn(request, &observation);
                observation
            };
            how(&self.world, case, &mut Watched::new(&mut self.gateway, learning))
        };
        let said = self.said();
        if let Some(line) = said.lines().find(|line| secrets.are_in(line) || self.before.are_in(line)) {
            return Err(format!("{}: a secret in {line}", case.id));
        }
        if let Some(answer) = secrets.told().first() {
            return Err(format!("{}: a secret in the answer {answer}", case.id));
        }
        self.before = secrets;
        seen
    }

    /// Searches what is written late and what is shown, and asserts that no VM has died.
    pub(crate) fn end(self) {
        assert_says_no_secret(&self.gateway, &[]);
        assert_no_trap(&self.gateway);
    }
}

/// A case whose days are as far from today as they are from the day of the vectors.
pub(crate) fn of_today(mut case: Case) -> Case {
    case.config.iter_mut().for_each(|edit| move_days(&mut edit.set));
    case.steps.iter_mut().flat_map(|step| step.record.values_mut()).for_each(move_days);
    case
}

fn move_days(value: &mut Value) {
    match value {
        Value::String(text) => *text = day::of_vector(text).unwrap_or_else(|| std::mem::take(text)),
        Value::Object(members) => members.values_mut().for_each(move_days),
        Value::Array(items) => items.iter_mut().for_each(move_days),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What issuers do wrong from the first step on.
fn words(case: &Case) -> impl Iterator<Item = (&str, &str)> {
    let issuers = case.steps.first().map(|step| &step.issuers).into_iter().chain([&case.issuers]).flatten();
    issuers.flat_map(|(issuer, words)| words.iter().map(move |word| (issuer.as_str(), word.as_str())))
}

/// True of what issuers do wrong with keys and metadata, which are asked for before the first request and held from then on.
fn is_early(word: &str) -> bool {
    ["keys:", "metadata:", "bundle:"].iter().any(|endpoint| word.starts_with(endpoint))
}

/// True where a case needs an Envoy that holds nothing yet: issuers do wrong at once, or with a token that is the same for every vector.
pub(crate) fn begins_with_nothing(case: &Case) -> bool {
    let comes_without_token = || case.steps.iter().any(|step| step.token.presented.as_deref() == Some("none"));
    words(case).any(|(_, word)| is_early(word)) || (words(case).next().is_some() && comes_without_token())
}

/// True where a claim is a time next to now: minted in one second and judged in the next, it may be on the other side of its bound.
pub(crate) fn is_timed(case: &Case) -> bool {
    let claims = |step: &Step| {
        let of_proof = step.dpop.iter().flat_map(|proof| proof.claims.values());
        let of_svid = step.svid.iter().flat_map(|svid| svid.claims.values());
        step.token.claims.values().chain(of_proof).chain(of_svid).any(|value| value.get("now").is_some())
    };
    case.steps.iter().any(claims)
}
