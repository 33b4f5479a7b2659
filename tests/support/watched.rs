//! A gateway whose requests are sent by somebody who looks at it before and after; everything else goes to it as it is.

use serde_json::Value;

use crate::answer::UpstreamAnswer;
use crate::gateway::{Gateway, Observation, Request};

/// Sends by `send`.
#[derive(Debug)]
pub struct Watched<G, S> {
    inner: G,
    send: S,
}

impl<G: Gateway, S: FnMut(&mut G, &Request) -> Observation> Watched<G, S> {
    /// Watches `inner`.
    pub fn new(inner: G, send: S) -> Self {
        Self { inner, send }
    }

    /// The gateway that was watched.
    pub fn into_inner(self) -> G {
        self.inner
    }
}

impl<G: Gateway, S: FnMut(&mut G, &Request) -> Observation> Gateway for Watched<G, S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }

    fn advance(&mut self, seconds: u64) -> bool {
        self.inner.advance(seconds)
    }

    fn order(&mut self, issuer: &str, word: &str) {
        self.inner.order(issuer, word);
    }

    fn behave(&mut self) {
        self.inner.behave();
    }

    fn upstream_answers(&mut self, status: u16) {
        self.inner.upstream_answers(status);
    }

    fn last_record(&mut self) -> Option<Value> {
        self.inner.last_record()
    }

    fn upstream_says(&mut self, answer: Option<&UpstreamAnswer>) {
        self.inner.upstream_says(answer);
    }

    fn send(&mut self, request: &Request) -> Observation {
        (self.send)(&mut self.inner, request)
    }
}
