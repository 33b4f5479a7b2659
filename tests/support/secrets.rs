//! What must never be said, learned as it passes, and where it was said all the same.
//!
//! Guaranteed: every credential that a request brought or that the upstream got counts, and every key and inline secret of the
//! configuration; and anything that looks like a token does, wherever it came from, the assertions and grants of the issuers included.

use std::collections::BTreeSet;

use actgate::dev::world::World;
use serde_json::Value;

use crate::gateway::{Observation, Request};

/// Headers that carry credentials, of agents or of the gateway.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "dpop",
    "txn-token",
    "cookie",
    "x-agent-key",
    "x-api-key",
    "x-spiffe-jwt-svid",
];

/// A part of a credential this long says something of it; shorter ones are words like `Bearer`.
const PART_MIN: usize = 20;

/// What stands in any key and in any opaque token of the tests.
const MARKS: [&str; 2] = ["-----BEGIN", "opaque-"];

/// What must not be said, and the answers so far.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Keys and inline secrets.
    held: BTreeSet<String>,
    /// What agents showed.
    shown: BTreeSet<String>,
    /// What the upstream got and the agent had not shown, part by part.
    issued: BTreeSet<String>,
    /// The same, each as a whole: a part of it is no credential, and an upstream that cuts it up on purpose is not stopped.
    whole: BTreeSet<String>,
    /// What agents were answered: by the gateway, or by the upstream through it.
    answers: Vec<(Answerer, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answerer {
    Gateway,
    Upstream,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("answers", &self.answers.len()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The keys in the environment of `world`, and what stands inline in `document`.
    pub fn of(world: &World, document: &Value) -> Self {
        let mut held = BTreeSet::new();
        for (_, pem) in world.environment() {
            held.extend(lines_of(&pem));
        }
        inline(document, &mut held);
        Self { held, ..Self::default() }
    }

    /// Learns the credentials of an exchange, and keeps its answer.
    pub fn learn(&mut self, request: &Request, observation: &Observation) {
        let shown: BTreeSet<String> = parts(&request.headers).collect();
        let answerer = match &observation.upstream {
            None => Answerer::Gateway,
            Some(seen) => {
                self.issued.extend(parts(&seen.headers).filter(|part| !shown.contains(part)));
                let theirs: BTreeSet<String> = wholes(&request.headers).collect();
                self.whole.extend(wholes(&seen.headers).filter(|whole| !theirs.contains(whole)));
                Answerer::Upstream
            }
        };
        self.shown.extend(shown);
        let headers: Vec<String> = observation.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let text = format!("{} {}", headers.join("\n"), String::from_utf8_lossy(&observation.body));
        self.answers.push((answerer, text));
    }

    /// Whether any secret, and anything that looks like one, is in what the gateway itself wrote.
    pub fn are_in(&self, text: &str) -> bool {
        let known = [&self.held, &self.shown, &self.issued].into_iter().flatten();
        has_token(text) || MARKS.iter().any(|mark| text.contains(mark)) || known.clone().any(|part| text.contains(part))
    }

    /// Answers that told an agent a secret: of the gateway's own, any; of the upstream's, one that the gateway holds or was issued.
    pub fn told(&self) -> Vec<&str> {
        let tells = |answerer: Answerer, text: &str| match answerer {
            Answerer::Gateway => self.are_in(text),
            Answerer::Upstream => self.whole.iter().chain(&self.held).any(|part| text.contains(part.as_str())),
        };
        self.answers.iter().filter(|(answerer, text)| tells(*answerer, text)).map(|(_, text)| text.as_str()).collect()
    }
}

/// What of the headers is long enough to be a credential or a part of one.
fn parts(headers: &[(String, String)]) -> impl Iterator<Item = String> {
    words(headers, &[' ', ',', '=', '.'])
}

/// The credentials themselves.
fn wholes(headers: &[(String, String)]) -> impl Iterator<Item = String> {
    words(headers, &[' ', ','])
}

fn words<'a>(headers: &'a [(String, String)], between: &'a [char]) -> impl Iterator<Item = String> {
    let credentials = headers.iter().filter(|(name, _)| CREDENTIALS.contains(&name.as_str()));
    let words = credentials.flat_map(move |(_, value)| value.split(between));
    words.filter(|word| word.len() >= PART_MIN).map(str::to_owned)
}

fn lines_of(pem: &str) -> impl Iterator<Item = String> {
    pem.lines().filter(|line| line.len() > PART_MIN && !line.starts_with("-----")).map(str::to_owned)
}

/// Every text under `insecure_inline`.
fn inline(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "insecure_inline" && text.contains("-----BEGIN") => {
                        into.extend(lines_of(text));
                    }
                    Value::String(text) if name == "insecure_inline" && text.len() >= PART_MIN => {
                        into.insert(text.clone());
                    }
                    other => inline(other, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| inline(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Two parts of base64url that are JSON objects, a dot between: one alone may be chance in an identifier.
fn has_token(text: &str) -> bool {
    if !text.contains("eyJ") {
        return false;
    }
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter));
    let parts = |word: &str| word.split('.').map(|part| part.starts_with("eyJ")).collect::<Vec<_>>();
    words.map(parts).any(|parts| parts.windows(2).any(|pair| pair == [true, true]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::Seen;

    const SHOWN: &str = "shown-0123456789abcdef";
    const ISSUED: &str = "issued-0123456789abcdef";
    const HELD: &str = "held-0123456789abcdef";

    fn exchange(answer: &str, reached: bool) -> Secrets {
        let world = World::in_memory(actgate::dev::world::Ports::default());
        let mut secrets = Secrets::of(&world, &json!({"a": [{"secret": {"insecure_inline": HELD}}]}));
        let bearer = |token: &str| vec![("authorization".to_owned(), format!("Bearer {token}"))];
        let request = Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            host: "h".to_owned(),
            headers: bearer(SHOWN),
            body: None,
            peer: None,
        };
        let upstream = reached.then(|| Seen { headers: bearer(ISSUED), body: Vec::new() });
        let answer = Observation { status: 200, headers: Vec::new(), body: answer.as_bytes().to_vec(), upstream };
        secrets.learn(&request, &answer);
        secrets
    }

    #[test]
    fn an_answer_of_the_upstreams_may_tell_agents_only_what_they_showed() {
        for (answer, told) in [("nothing", 0), (SHOWN, 0), (ISSUED, 1), (HELD, 1)] {
            assert_eq!(exchange(&format!("x{answer}x"), true).told().len(), told, "{answer}");
        }
    }

    #[test]
    fn the_gateway_tells_no_secret_and_no_token_at_all() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.AA";
        for (answer, told) in
            [("nothing", 0), ("an eyJ alone", 0), (SHOWN, 1), (HELD, 1), (token, 1), ("-----BEGIN", 1)]
        {
            assert_eq!(exchange(answer, false).told().len(), told, "{answer}");
            assert_eq!(exchange("", true).are_in(answer), told == 1, "{answer}");
        }
    }
}
