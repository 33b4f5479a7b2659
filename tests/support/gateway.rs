//! Where a case can be run, and what can be seen there.

use serde_json::Value;

use crate::answer::UpstreamAnswer;

/// A request as an agent sends it.
#[derive(Debug, Clone)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// `Host` or `:authority`.
    pub host: String,
    /// Further headers, in order, duplicates included.
    pub headers: Vec<(String, String)>,
    /// The body; none means that the headers end the request.
    pub body: Option<Vec<u8>>,
    /// Whose certificate the caller shows: an agent's id, `stranger`, or none.
    pub peer: Option<String>,
}

/// What the upstream saw of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// All headers but those that every proxy adds on its own.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of one header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The claims of the only transaction token, unverified.
    pub fn transaction(&self) -> Value {
        match self.all("txn-token").as_slice() {
            [only] => actgate::dev::mint::claims_of(only),
            _none_or_several => Value::Null,
        }
    }

    /// The claims of the token, unverified.
    pub fn claims(&self) -> Value {
        let bearer = self.all("authorization");
        bearer
            .first()
            .and_then(|value| value.strip_prefix("Bearer ").or(value.strip_prefix("DPoP ")))
            .map(actgate::dev::mint::claims_of)
            .unwrap_or_default()
    }
}

/// What came of a request, as its two ends saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer, those of the transport left out, and its trailers.
    pub headers: Vec<(String, String)>,
    /// Body of the answer.
    pub body: Vec<u8>,
    /// What reached the upstream, if anything did.
    pub upstream: Option<Seen>,
}

impl Observation {
    /// The filter's own word: the code of the refusal, `metadata` for the document that tells of a resource, or `allowed`.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if body.get("bearer_methods_supported").is_some() {
            return "metadata".to_owned();
        }
        let places = ["/error/data/code", "/error/details/0/metadata/code", "/code"];
        let code = places.iter().find_map(|place| body.pointer(place));
        match code.and_then(Value::as_str) {
            Some(code) => code.to_owned(),
            None => match self.headers.iter().find(|(name, _)| name == "x-actgate-refused") {
                Some((_, code)) => code.clone(),
                None if self.upstream.is_some() => "allowed".to_owned(),
                None => format!("status {}", self.status),
            },
        }
    }
}

/// A place to run cases.
pub trait Gateway {
    /// What to call it when two differ.
    fn name(&self) -> &'static str;

    /// The time that tokens are minted for, in seconds since the epoch.
    fn now(&self) -> u64;

    /// Moves time, where it can be moved; false where it cannot.
    fn advance(&mut self, seconds: u64) -> bool;

    /// Orders a misbehaviour of an issuer, in the issuer's own words.
    fn order(&mut self, issuer: &str, word: &str);

    /// Ends all misbehaviour.
    fn behave(&mut self);

    /// What the upstream answers from now on.
    fn upstream_answers(&mut self, status: u16);

    /// The record of the last decision, where it can be seen here.
    fn last_record(&mut self) -> Option<Value> {
        None
    }

    /// What else the upstream answers from now on; `None` for an empty result.
    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>);

    /// Sends one request and waits for what comes of it.
    fn send(&mut self, request: &Request) -> Observation;
}

/// So that a gateway can be lent to what only watches it.
impl<G: Gateway + ?Sized> Gateway for &mut G {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn now(&self) -> u64 {
        (**self).now()
    }

    fn advance(&mut self, seconds: u64) -> bool {
        (**self).advance(seconds)
    }

    fn order(&mut self, issuer: &str, word: &str) {
        (**self).order(issuer, word);
    }

    fn behave(&mut self) {
        (**self).behave();
    }

    fn upstream_answers(&mut self, status: u16) {
        (**self).upstream_answers(status);
    }

    fn last_record(&mut self) -> Option<Value> {
        (**self).last_record()
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        (**self).upstream_says(answer);
    }

    fn send(&mut self, request: &Request) -> Observation {
        (**self).send(request)
    }
}
