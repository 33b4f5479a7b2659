//! The bounds on exchanges and fetches in the air, and on asking a server that fails or refuses.

use super::TIMEOUT_MILLIS_MAX;

/// How often call 7 is tried: once more after a transient failure. Call 8 spends the assertion and is never repeated.
pub const EXCHANGE_ATTEMPTS_MAX: u32 = 2;

/// Most exchanges in the air on one worker; Envoy's own default for pending calls of a cluster is 1024.
/// Fetches of keys come on top, one for each server at most.
pub const FLIGHTS_MAX: usize = 512;

/// Most exchanges in the air for one agent: the busiest leaves room for three others.
pub const FLIGHTS_PER_AGENT_MAX: usize = 128;

/// Most exchanges in the air that call one token endpoint: a slow server leaves a quarter of the flights to the others.
pub const FLIGHTS_PER_ENDPOINT_MAX: usize = 384;

/// Most streams that are resumed in one callback: each may verify a signature, and nothing else runs on the worker meanwhile.
/// The rest follow a tick later, a millisecond.
pub const LANDINGS_PER_STEP_MAX: usize = 32;

/// How many calls in a row must fail before a token endpoint is left to rest: six exchanges with both their tries.
pub const BREAKER_FAILURES: u32 = 12;

/// How long it rests, in seconds: callers are told so in `Retry-After`, and most wait no longer for an answer anyway.
pub const BREAKER_REST_SECONDS: u64 = 5;

/// How long the exchange that tries it again may take, in seconds, before another one may: both calls of it at the default time-out, twice.
pub const BREAKER_TRIAL_SECONDS: u64 = 10;

/// How long a refusal of an authorization server's policy is remembered in seconds, so that a client in a loop does not ask on behalf of us.
/// Short enough that a changed policy, a new consent or a retry by hand is not in its way.
pub const REFUSAL_SECONDS: u64 = 2;

/// Most remembered refusals.
pub const REFUSALS_MAX: usize = 1024;

/// How long before the end of its use an exchanged token is exchanged anew, in seconds, if a request comes by:
/// longer than an exchange takes at its longest time-outs but one.
pub const REFRESH_AHEAD_SECONDS: u64 = 30;

/// How long after an attempt to refresh a token another one may be made, in seconds.
pub const REFRESH_RETRY_SECONDS: u64 = 5;

/// Most flights started in one tick: each may sign an assertion, a millisecond and more, and nothing else runs on the worker meanwhile.
pub const STARTS_PER_TICK_MAX: usize = 16;

/// Most waiters of one flight.
pub const WAITERS_PER_FLIGHT_MAX: usize = 4096;

/// Calls one flight waits for at the most: call 7 twice, once more with the agent's other key and once with a nonce; call 8; both once more with the other key there,
/// and once with a nonce there; and two fetches of keys.
const FLIGHT_CALLS: u32 = 11;

/// How long a flight may take in seconds before it is given up: its calls at the longest time-out.
pub const FLIGHT_SECONDS_MAX: u64 = 330;

/// [`FLIGHT_SECONDS_MAX`] in the unit of time-outs.
const FLIGHT_MILLIS_MAX: u32 = 330_000;

const _: () = {
    assert!(FLIGHT_CALLS * TIMEOUT_MILLIS_MAX <= FLIGHT_MILLIS_MAX);
    assert!(FLIGHTS_PER_AGENT_MAX * 4 <= FLIGHTS_MAX);
    assert!(FLIGHTS_PER_ENDPOINT_MAX * 4 <= FLIGHTS_MAX * 3);
    assert!(LANDINGS_PER_STEP_MAX < WAITERS_PER_FLIGHT_MAX);
    assert!(BREAKER_FAILURES > EXCHANGE_ATTEMPTS_MAX * 2);
    assert!(BREAKER_TRIAL_SECONDS < FLIGHT_SECONDS_MAX);
};
