//! One loaded configuration and what was learnt under it on this worker: keys, issued tokens, flights.
//!
//! The order of use, by the adapter:
//! 1. [`Plugin::new`] with a checked configuration, and [`Plugin::share`].
//! 2. [`Plugin::handle_tick`] at once and then every [`Plugin::tick_millis`]; it says what to dispatch.
//! 3. [`crate::flow::handle_request_headers`] for each request, then whatever its step asks for.
//! 4. [`Plugin::handle_answer`] for each answer to a dispatched call; it says which streams to resume.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::config::Config;
use crate::discovery::Discovered;
use crate::dpop::GivenNonces;
use crate::dpop::memory::UsedProofs;
use crate::exchange::cache::IssuedTokens;
use crate::exchange::refusals::Refusals;
use crate::exchange::refused::RefusedTokens;
use crate::exchange::spent::SpentGrants;
use crate::flight::{Breakers, FlightId, Flights, Landing};
use crate::introspection::IntrospectedTokens;
use crate::jwt::known::KnownTokens;
use crate::jwt::svid::KnownSvids;
use crate::keys::KeyStore;
use crate::request::StreamId;
use crate::revocation::Revocations;
use crate::routing::Routes;
use crate::sharing::{SharedData, Sharing};
use crate::signatures::checks::SignatureChecks;

/// The state of one plugin on one worker.
#[derive(Debug)]
pub struct Plugin {
    config: Arc<Config>,
    looks_at_names: bool,
    pub(crate) routes: Routes,
    pub(crate) revocations: Revocations,
    pub(crate) keys: KeyStore,
    pub(crate) discovered: Discovered,
    pub(crate) known: KnownTokens,
    pub(crate) svids: KnownSvids,
    pub(crate) introspected: IntrospectedTokens,
    pub(crate) issued: IssuedTokens,
    pub(crate) spent: SpentGrants,
    /// Transaction tokens that were returned. One comes for each request: among the grants they would drive those out.
    pub(crate) transactions: SpentGrants,
    pub(crate) proofs: UsedProofs,
    pub(crate) given_nonces: GivenNonces,
    pub(crate) refused: RefusedTokens,
    pub(crate) refusals: Refusals,
    pub(crate) signature_checks: SignatureChecks,
    pub(crate) breakers: Breakers,
    pub(crate) flights: Flights,
    pub(crate) sharing: Sharing,
    /// Where the call of each flight went.
    pub(crate) called: BTreeMap<FlightId, (String, String)>,
    /// Streams to be resumed, in the order they came.
    pub(crate) landed: VecDeque<(StreamId, Landing)>,
    /// Flights that waited for keys or metadata, and may go on.
    pub(crate) fetched_for: VecDeque<FlightId>,
}

/// Period of the tick while a flight waits to be started or a stream to be resumed.
const BUSY_TICK_MILLIS: u32 = 1;

/// Period of the tick otherwise: keys are refreshed and the dead swept with it.
const IDLE_TICK_MILLIS: u32 = 1000;

impl Plugin {
    /// Begins with no key fetched and no token held.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let keys = KeyStore::new(&config);
        let discovered = Discovered::new(&config);
        Self {
            revocations: Revocations::new(&config.revoked),
            routes: Routes::of(&config.resources),
            looks_at_names: config.resources.iter().any(|resource| resource.accept.looks_at_names()),
            config: Arc::new(config),
            keys,
            discovered,
            known: KnownTokens::default(),
            svids: KnownSvids::default(),
            introspected: IntrospectedTokens::default(),
            issued: IssuedTokens::default(),
            spent: SpentGrants::default(),
            transactions: SpentGrants::default(),
            proofs: UsedProofs::default(),
            given_nonces: GivenNonces::default(),
            refused: RefusedTokens::default(),
            refusals: Refusals::default(),
            signature_checks: SignatureChecks::default(),
            breakers: Breakers::default(),
            flights: Flights::default(),
            sharing: Sharing::closed(),
            called: BTreeMap::new(),
            landed: VecDeque::new(),
            fetched_for: VecDeque::new(),
        }
    }

    /// Shares with the other workers from here on, where the configuration says so; false where it does and the host keeps nothing.
    pub fn share(&mut self, shared: &dyn SharedData) -> bool {
        self.sharing.open(&self.config, shared)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    /// Whether anybody is known by the name in a client certificate.
    #[must_use]
    pub const fn looks_at_names(&self) -> bool {
        self.looks_at_names
    }

    /// How long the host may wait until the next tick, in milliseconds.
    #[must_use]
    pub fn tick_millis(&self) -> u32 {
        let is_busy = self.flights.has_work() || !self.landed.is_empty() || !self.sharing.following.is_empty();
        if is_busy { BUSY_TICK_MILLIS } else { IDLE_TICK_MILLIS }
    }

    /// A stream that waited for `flight` is gone.
    pub fn handle_stream_gone(&mut self, flight: FlightId, stream: StreamId) {
        self.flights.leave(flight, stream);
        self.landed.retain(|(waiting, _)| *waiting != stream);
    }

    /// How many exchanged tokens this worker holds.
    #[must_use]
    pub fn issued_tokens(&self) -> usize {
        self.issued.len()
    }

    /// How many verified inbound tokens this worker remembers.
    #[must_use]
    pub fn known_tokens(&self) -> usize {
        self.known.len()
    }
}
