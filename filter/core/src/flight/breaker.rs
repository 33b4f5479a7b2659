//! Rest for a token endpoint that fails: a circuit breaker for each.
//!
//! ```text
//! closed ──failures in a row──► open ──rest──► half-open ──answer──► closed
//!                                 ▲                │
//!                                 └────failure─────┘
//! ```
//!
//! A failure is no answer, or one that says the server is failing; a refusal is an answer like any other.
//! While an endpoint rests, requests for it are refused at once and told for how long, and nothing is sent.
//! One call tries it again when the rest is over; the others wait for what comes of that. A flight that has not come to its call there
//! tries nothing and keeps nobody waiting: it may be left, or refused elsewhere, and never make that call.
//! Only endpoints of configured servers are ever asked about, and one that its server has left is forgotten, so there are boundedly many breakers.

use std::collections::BTreeMap;

use super::{Callout, CalloutAnswer, FlightId};
use crate::config::Endpoint;
use crate::limits::{BREAKER_FAILURES, BREAKER_REST_SECONDS, BREAKER_TRIAL_SECONDS};
use crate::rejection::Rejection;
use crate::time::{Seconds, UnixSeconds};

/// What tells endpoints apart: authority and path.
type Name = (String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many failures in a row.
    Closed(u32),
    /// Rests until then.
    Open(UnixSeconds),
    /// A call of that flight tries it; given up for lost at that moment.
    HalfOpen { by: FlightId, lost_at: UnixSeconds },
}

/// All breakers of one worker.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    endpoints: BTreeMap<Name, State>,
}

impl Breakers {
    /// Whether an exchange that will call those endpoints may begin now; else how long to wait before asking again.
    pub(super) fn admit<'e>(
        &self,
        endpoints: impl Iterator<Item = &'e Endpoint>,
        now: UnixSeconds,
    ) -> Result<(), Seconds> {
        let waits = endpoints.filter_map(|endpoint| self.rest(&name(endpoint), now));
        waits.max_by_key(|wait| wait.get()).map_or(Ok(()), Err)
    }

    /// Whether `call` may be made now; else how long to wait, since another flight is trying its endpoint.
    /// After a rest, the first call is the trial.
    pub(super) fn try_call(&mut self, call: &Callout, now: UnixSeconds) -> Result<(), Seconds> {
        let Some(state) = place(call).and_then(|name| self.endpoints.get_mut(&name)) else {
            return Ok(());
        };
        match *state {
            // What began before the rest is not called back.
            State::Open(until) if now < until => return Ok(()),
            State::Closed(_) => return Ok(()),
            State::HalfOpen { by, lost_at } if by != call.flight && now < lost_at => return Err(TRIED_SOON),
            State::Open(_) | State::HalfOpen { .. } => {}
        }
        let lost_at = now.saturating_add(Seconds::new(BREAKER_TRIAL_SECONDS));
        *state = State::HalfOpen { by: call.flight, lost_at };
        Ok(())
    }

    fn rest(&self, name: &Name, now: UnixSeconds) -> Option<Seconds> {
        let until = match self.endpoints.get(name)? {
            State::Closed(_) => return None,
            State::Open(until) => *until,
            State::HalfOpen { lost_at, .. } if now < *lost_at => return Some(TRIED_SOON),
            State::HalfOpen { .. } => return None,
        };
        // A clock that was set back must not prolong the rest.
        let rest = until.since(now)?.get().min(BREAKER_REST_SECONDS);
        (rest > 0).then_some(Seconds::new(rest))
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.endpoints.keys().any(|(_, known)| known == path)
    }

    /// An endpoint that is no longer where its server is.
    pub(super) fn forget(&mut self, endpoint: &Endpoint) {
        self.endpoints.remove(&name(endpoint));
    }

    /// Takes note of what became of a call.
    pub(super) fn note(&mut self, authority: &str, path: &str, answer: &CalloutAnswer<'_>, now: UnixSeconds) {
        let name = (authority.to_owned(), path.to_owned());
        if !is_failure(answer) {
            self.endpoints.remove(&name);
            return;
        }
        let open = State::Open(now.saturating_add(Seconds::new(BREAKER_REST_SECONDS)));
        let state = self.endpoints.entry(name).or_insert(State::Closed(0));
        *state = match *state {
            State::Closed(failures) if failures.saturating_add(1) >= BREAKER_FAILURES => open,
            State::Closed(failures) => State::Closed(failures.saturating_add(1)),
            State::HalfOpen { .. } => open,
            // A call that was sent before the rest began.
            State::Open(until) => State::Open(until),
        };
    }
}

/// What comes of a trial is known soon.
const TRIED_SOON: Seconds = Seconds::new(1);

/// What is said while an endpoint rests.
pub(super) fn resting(wait: Seconds) -> Rejection {
    Rejection::AuthorizationServerResting { seconds: wait.get() }
}

/// Where a call goes.
pub(super) fn place(call: &Callout) -> Option<Name> {
    let header = |name| call.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    header(":authority").zip(header(":path"))
}

fn name(endpoint: &Endpoint) -> Name {
    (endpoint.authority.clone(), endpoint.path.clone())
}

/// RFC 9110 §15.6: the server failed; or it was not reached, which the host tells as 503 and 504.
fn is_failure(answer: &CalloutAnswer<'_>) -> bool {
    match answer {
        CalloutAnswer::Failed => true,
        CalloutAnswer::Response { status, .. } => *status >= 500 || *status == 429,
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::config::Scheme;
    use crate::redacted::Redacted;
    use crate::time::Millis;

    const NOW: u64 = 1_000;

    fn endpoint(path: &str) -> Endpoint {
        Endpoint {
            url: format!("https://as{path}"),
            authority: "as".to_owned(),
            path: path.to_owned(),
            scheme: Scheme::Https,
        }
    }

    fn answer(status: u16) -> CalloutAnswer<'static> {
        CalloutAnswer::response(status, None, b"")
    }

    /// Breakers of `/a` and `/b`, and what they say of an exchange by one or both.
    #[derive(Default)]
    struct World(Breakers);

    fn call(by: u64, path: &str) -> Callout {
        Callout {
            flight: FlightId(by),
            cluster: "as".to_owned(),
            headers: vec![(":authority", "as".to_owned()), (":path", path.to_owned())],
            authorization: None,
            proof: None,
            body: Redacted::new(String::new()),
            timeout: Millis::new(1),
        }
    }

    impl World {
        /// What becomes of a call by that flight.
        fn calls(&mut self, by: u64, path: &str, at: u64) -> Result<(), u64> {
            self.0.try_call(&call(by, path), UnixSeconds::new(NOW + at)).map_err(Seconds::get)
        }

        fn note(&mut self, path: &str, answer: CalloutAnswer<'_>, at: u64) {
            self.0.note("as", path, &answer, UnixSeconds::new(NOW + at));
        }

        #[track_caller]
        fn check(&mut self, paths: &[&str], at: u64, want: Result<(), u64>) {
            let endpoints: Vec<Endpoint> = paths.iter().map(|path| endpoint(path)).collect();
            let got = self.0.admit(endpoints.iter(), UnixSeconds::new(NOW + at));
            assert_eq!(got.map_err(Seconds::get), want, "{paths:?} at {at}");
        }

        fn failed(times: u32) -> Self {
            let mut world = Self::default();
            for _ in 0..times {
                world.note("/a", CalloutAnswer::Failed, 0);
            }
            world
        }
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_one_fewer_does_not() {
        World::failed(BREAKER_FAILURES - 1).check(&["/a"], 0, Ok(()));
        World::failed(BREAKER_FAILURES).check(&["/a"], 0, Err(BREAKER_REST_SECONDS));
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        for status in [200, 400, 401, 403] {
            let mut world = World::failed(BREAKER_FAILURES - 1);
            world.note("/a", answer(status), 0);
            world.note("/a", answer(503), 0);
            world.check(&["/a"], 0, Ok(()));
        }
        for status in [429, 500, 502, 503, 504] {
            let mut world = World::failed(BREAKER_FAILURES - 1);
            world.note("/a", answer(status), 0);
            world.check(&["/a"], 0, Err(BREAKER_REST_SECONDS));
        }
    }

    #[test]
    fn one_endpoint_does_not_answer_for_another() {
        let mut world = World::failed(BREAKER_FAILURES);
        world.check(&["/b"], 0, Ok(()));
        world.check(&["/b", "/a"], 0, Err(BREAKER_REST_SECONDS));
    }

    #[test]
    fn one_call_tries_it_again_after_its_rest() {
        let mut world = World::failed(BREAKER_FAILURES);
        world.check(&["/a"], BREAKER_REST_SECONDS - 1, Err(1));
        world.check(&["/a"], BREAKER_REST_SECONDS, Ok(()));
        assert_eq!(world.calls(1, "/a", BREAKER_REST_SECONDS), Ok(()));
        world.check(&["/a"], BREAKER_REST_SECONDS, Err(1));
        assert_eq!(world.calls(2, "/a", BREAKER_REST_SECONDS), Err(1), "it was admitted before the trial began");
        assert_eq!(world.calls(1, "/a", BREAKER_REST_SECONDS), Ok(()), "its second try");
        world.note("/a", answer(200), BREAKER_REST_SECONDS);
        world.check(&["/a"], BREAKER_REST_SECONDS, Ok(()));
        assert_eq!(world.calls(2, "/a", BREAKER_REST_SECONDS), Ok(()));
        assert_eq!(world.calls(3, "/a", BREAKER_REST_SECONDS), Ok(()));
    }

    #[test]
    fn who_makes_no_call_tries_nothing() {
        let mut world = World::failed(BREAKER_FAILURES);
        for _ in 0..3 {
            world.check(&["/b", "/a"], BREAKER_REST_SECONDS, Ok(()));
            assert_eq!(world.calls(1, "/b", BREAKER_REST_SECONDS), Ok(()));
        }
    }

    #[test]
    fn what_began_before_a_rest_goes_on() {
        let mut world = World::failed(BREAKER_FAILURES);
        assert_eq!(world.calls(1, "/a", BREAKER_REST_SECONDS - 1), Ok(()));
        world.check(&["/a"], BREAKER_REST_SECONDS, Ok(()));
    }

    #[test]
    fn a_trial_that_fails_begins_another_rest() {
        let mut world = World::failed(BREAKER_FAILURES);
        assert_eq!(world.calls(1, "/a", BREAKER_REST_SECONDS), Ok(()));
        world.note("/a", answer(504), BREAKER_REST_SECONDS + 2);
        world.check(&["/a"], BREAKER_REST_SECONDS + 2, Err(BREAKER_REST_SECONDS));
    }

    #[test]
    fn a_trial_that_is_lost_is_not_waited_for_for_ever() {
        let mut world = World::failed(BREAKER_FAILURES);
        assert_eq!(world.calls(1, "/a", BREAKER_REST_SECONDS), Ok(()));
        for (after, want) in [(BREAKER_TRIAL_SECONDS - 1, Err(1)), (BREAKER_TRIAL_SECONDS, Ok(()))] {
            world.check(&["/a"], BREAKER_REST_SECONDS + after, want);
            assert_eq!(world.calls(2, "/a", BREAKER_REST_SECONDS + after), want);
        }
    }

    #[test]
    fn late_failures_do_not_prolong_a_rest() {
        let mut world = World::failed(BREAKER_FAILURES);
        world.note("/a", CalloutAnswer::Failed, BREAKER_REST_SECONDS - 1);
        world.check(&["/a"], BREAKER_REST_SECONDS, Ok(()));
    }
}
