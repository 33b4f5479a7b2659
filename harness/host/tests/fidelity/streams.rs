//! Pauses, bodies, local replies and the end of a stream.



use envoy_harness::{Request, Response};
use crate::support::envoy;

#[test]
fn a_filter_that_lets_everything_pass_leaves_the_request_as_it_was() {
    let mut envoy = envoy("");
    let id = envoy.request(Request::post("/x").header("X-Up", "1").body("hello"));
    let outcome = envoy.outcome(id);
    let seen = outcome.forwarded().expect("forwarded");
    assert_eq!(seen.header("x-up"), Some("1"));
    assert_eq!(seen.body, b"hello");
    assert!(seen.complete());
    let down = envoy.respond(id, Response::json(200, "{}")).expect("a response");
    assert_eq!((down.status(), down.body_text().as_str(), down.complete()), (200, "{}", true));
}
