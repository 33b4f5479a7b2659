//! Beginning the work of a flight, or leaving it to another worker that is at it already.
//!
//! A flight that follows looks again with each tick: it takes what was got, does the work itself where the other failed or
//! did not come back in time, and ends where nobody waits for it any more.

use std::sync::{Arc, OnceLock};

use super::exchanging::Arrival;
use super::table::{Flight, Stage};
use super::{CalloutAnswer, FlightId, Landing, RootStep};
use crate::config::{AuthorizationServer, ScopeSet};
use crate::digest::sha256;
use crate::exchange::cache::{Bound, IssuedToken};
use crate::exchange::refusals;
use crate::exchange::request::ExchangeKey;
use crate::jwks::KeySet;
use crate::keys::KeyStore;
use crate::limits::SHARED_LOOKS_PER_TICK_MAX;
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::sharing::{Asked, Held, Item, News, Slot, Standing, Turn};
use crate::time::UnixSeconds;

impl Plugin {
    /// Finds a token that another worker exchanged, and keeps it as if it had been exchanged here.
    ///
    /// The request that it is for was verified and authorised like any other. Where uses are counted, nothing is shared.
    pub(crate) fn take_shared_token(
        &mut self,
        (key, agent): (ExchangeKey, &str),
        (scopes, bound_to): (&ScopeSet, Option<[u8; 32]>),
        subject_ends: UnixSeconds,
        ambient: &Ambient<'_>,
    ) {
        // A flight looks for itself.
        if !self.sharing.is_open() || self.flights.sharing(key).is_some() {
            return;
        }
        let wanted = self.wanted(key, bound_to, subject_ends, ambient.now);
        if let Some(token) = self.sharing.find(item_of(key), ambient, |held| wanted.takes(held, scopes)) {
            self.issued.keep_shared((key, agent), Arc::new(token), subject_ends, ambient.now);
        }
    }

    fn wanted(
        &self,
        key: ExchangeKey,
        bound_to: Option<[u8; 32]>,
        subject_ends: UnixSeconds,
        now: UnixSeconds,
    ) -> Wanted {
        let (ends_here, withdrawn) = (self.issued.ends(key), self.sharing.withdrawn(key));
        Wanted { now, bound_to, subject_ends, ends_here, withdrawn }
    }

    /// Begins the work of a flight, unless another worker has done it or is at it.
    pub(super) fn begin_or_follow(
        &mut self,
        id: FlightId,
        flight: Flight,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        match &flight.stage {
            Stage::Fetching(server) => {
                let server = server.clone();
                self.begin_or_follow_fetch(id, flight, &server, ambient, step);
            }
            Stage::Exchanging(_) => self.begin_or_follow_exchange(id, flight, ambient, step),
            // What a server says of a token is believed by the worker that asked.
            Stage::Discovering(_) | Stage::Introspecting(_) => self.go_on(id, flight, Arrival::Start, ambient, step),
        }
    }

    fn begin_or_follow_exchange(
        &mut self,
        id: FlightId,
        mut flight: Flight,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let (Some(key), Stage::Exchanging(exchanging)) = (flight.shared, &flight.stage) else {
            return self.advance_exchange(id, flight, Arrival::Start, ambient, step);
        };
        // What another worker was at, and nobody waits for here, is taken if it came, and not begun.
        let leads = !matches!(flight.standing, Standing::Following { .. }) || !flight.waiters.is_empty();
        let request = exchanging.request();
        let bound_to = request.exchange.bound_to();
        let wanted = self.wanted(key, bound_to, request.subject_expires_at, ambient.now);
        let scopes = request.scopes.clone();
        let turn = self.sharing.turn(item_of(key), asked_by(&flight, leads), ambient, |held| {
            let token = wanted.takes(held, &scopes).map(Ok);
            token.or_else(|| refusal_in(held, wanted.now).map(Err))
        });
        match turn {
            Turn::Take(outcome) => self.land_shared(flight, outcome, ambient.now, step),
            Turn::Follow(standing) => self.follow(id, Flight { standing, ..flight }),
            Turn::Begin(_) if !leads => self.flights.landed(&flight),
            Turn::Begin(standing) => {
                flight.standing = standing;
                self.advance_exchange(id, flight, Arrival::Start, ambient, step);
            }
        }
    }

    /// Ends a flight by what another worker got.
    fn land_shared(
        &mut self,
        flight: Flight,
        outcome: Result<IssuedToken, Rejection>,
        now: UnixSeconds,
        step: &mut RootStep,
    ) {
        self.flights.landed(&flight);
        let (Some(key), Stage::Exchanging(exchanging)) = (flight.shared, &flight.stage) else {
            return;
        };
        let request = exchanging.request();
        for server in request.exchange.servers() {
            if let Some(endpoint) = self.discovered.token_endpoint(server, now) {
                // It answered the other worker: whatever was to be tried here was tried there.
                let answered = CalloutAnswer::response(200, None, &[]);
                self.breakers.note(&endpoint.authority, &endpoint.path, &answered, now);
            }
        }
        let outcome = outcome.map(Arc::new);
        match &outcome {
            Ok(token) => {
                self.issued.keep_shared((key, &request.agent.id), Arc::clone(token), request.subject_expires_at, now)
            }
            Err(rejection) => self.refusals.note(request.refusal_key(), *rejection, now),
        }
        step.landings.extend(flight.streams().map(|stream| (stream, Landing::Token(outcome.clone()))));
    }

    /// Tells the others what came of an exchange.
    pub(super) fn share_exchanged(
        &mut self,
        flight: &Flight,
        outcome: &Result<Arc<IssuedToken>, Rejection>,
        ambient: &mut Ambient<'_>,
    ) {
        let Some(key) = flight.shared else {
            return;
        };
        let news = match outcome {
            Ok(issued) => News::Held(Held::Token {
                token: issued.token.clone(),
                expires_at: issued.expires_at,
                jti: issued.jti.clone(),
                bound_to: issued.bound.as_ref().map(|bound| *bound.key()),
            }),
            // The others may have another actor token, which is taken.
            Err(_) if flight.has_actor() => News::Failed,
            Err(rejection) => match refusals::place(*rejection) {
                Some(reason) => News::Held(Held::Refused { reason, at: ambient.now }),
                None => News::Failed,
            },
        };
        self.sharing.tell(item_of(key), flight.standing, &news, ambient);
    }

    fn begin_or_follow_fetch(
        &mut self,
        id: FlightId,
        mut flight: Flight,
        name: &str,
        ambient: &mut Ambient<'_>,
        step: &mut RootStep,
    ) {
        let Some((item, server)) = self.item_of_keys(name) else {
            return self.start_fetch(id, flight, name, ambient, step);
        };
        let newest = self.keys.fetched_at(name);
        let (now, began, waits) = (ambient.now, flight.began, !flight.waiters.is_empty());
        let turn = self.sharing.turn(item, asked_by(&flight, true), ambient, |held| {
            let Held::Keys { document, at } = held else {
                return None;
            };
            let for_use = KeyStore::remote(&server)?.for_use;
            // Whoever waits for keys that are not here wants those of now. A worker that was started anew takes what the others go by.
            let is_new = *at <= now && newest.is_none_or(|newest| newest < *at);
            let serves = *at >= began || (!waits && KeyStore::is_current(&server, *at, now));
            if is_new && serves {
                KeySet::parse_published_for(for_use, document).ok().map(|set| (set, *at))
            } else {
                None
            }
        });
        match turn {
            Turn::Take((set, at)) => {
                self.keys.attempted(name, at);
                self.land_fetch(flight, name, Ok((set, at)), step);
            }
            Turn::Follow(standing) => self.follow(id, Flight { standing, ..flight }),
            Turn::Begin(standing) => {
                flight.standing = standing;
                self.start_fetch(id, flight, name, ambient, step);
            }
        }
    }

    /// Tells the others what came of a fetch.
    pub(super) fn share_fetched(
        &mut self,
        name: &str,
        standing: Standing,
        document: Option<&[u8]>,
        ambient: &mut Ambient<'_>,
    ) {
        let Some((item, _)) = self.item_of_keys(name) else {
            return;
        };
        let news = match document {
            Some(document) => News::Held(Held::Keys { document: document.to_vec(), at: ambient.now }),
            None => News::Failed,
        };
        self.sharing.tell(item, standing, &news, ambient);
    }

    fn item_of_keys(&self, name: &str) -> Option<(Item, Arc<AuthorizationServer>)> {
        let config = self.config();
        let (nth, (_, server)) = config.key_holders().enumerate().find(|(_, (other, _))| *other == name)?;
        KeyStore::remote(server)?;
        // All else that tells two servers apart is in the configuration that the record is sealed for.
        let of = sha256(name.as_bytes());
        Some((Item { slot: Slot::of_keys(u32::try_from(nth).ok()?, &config.digest), of }, Arc::clone(server)))
    }

    fn follow(&mut self, id: FlightId, flight: Flight) {
        self.flights.put_back(id, flight);
        self.sharing.following.push_back(id);
    }

    /// Looks again for flights that follow, for a part of them where there are many.
    pub(super) fn look_again(&mut self, ambient: &mut Ambient<'_>, step: &mut RootStep) {
        for _ in 0..self.sharing.following.len().min(SHARED_LOOKS_PER_TICK_MAX) {
            if let Some(id) = self.sharing.following.pop_front()
                && let Some(flight) = self.flights.take(id)
            {
                self.begin_or_follow(id, flight, ambient, step);
            }
        }
    }
}

/// What makes a token that another worker got one for this worker.
struct Wanted {
    now: UnixSeconds,
    /// The key that it must be tied to, or none.
    bound_to: Option<[u8; 32]>,
    /// When the inbound token ends: what was exchanged for it serves no longer.
    subject_ends: UnixSeconds,
    /// When the one that is here ends, where there is one.
    ends_here: Option<UnixSeconds>,
    /// The digest of one that an upstream refused.
    withdrawn: Option<[u8; 32]>,
}

impl Wanted {
    /// The token, if it is tied to the key of this configuration, has life left, and more than the one that is here, and was not refused.
    ///
    /// `scopes` are those of the exchange, which its key covers.
    fn takes(&self, held: &Held, scopes: &ScopeSet) -> Option<IssuedToken> {
        let Held::Token { token, expires_at, jti, bound_to } = held else {
            return None;
        };
        if *bound_to != self.bound_to {
            return None;
        }
        let bound = match bound_to {
            Some(key) => Some(Bound::new(*key, token)?),
            None => None,
        };
        let (scopes, jti) = (scopes.clone(), jti.clone());
        let issued =
            IssuedToken { token: token.clone(), expires_at: *expires_at, scopes, jti, bound, trace: OnceLock::new() };
        let is_better = self.ends_here.is_none_or(|ends| ends < issued.expires_at);
        let is_withdrawn = self.withdrawn.is_some_and(|digest| digest == sha256(token.expose().as_bytes()));
        let is_alive = issued.is_usable(self.now) && self.now < self.subject_ends;
        (is_alive && is_better && !is_withdrawn).then_some(issued)
    }
}

fn refusal_in(held: &Held, now: UnixSeconds) -> Option<Rejection> {
    match held {
        Held::Refused { reason, at } if refusals::is_recent(*at, now) => refusals::at_place(*reason),
        Held::Refused { .. } | Held::Nothing | Held::Token { .. } | Held::Keys { .. } => None,
    }
}

const fn asked_by(flight: &Flight, leads: bool) -> Asked {
    Asked { standing: flight.standing, began: flight.began, leads }
}

fn item_of(key: ExchangeKey) -> Item {
    Item { slot: Slot::of_token(key.digest()), of: *key.digest() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redacted::Redacted;

    #[test]
    fn a_token_that_is_tied_otherwise_is_not_taken() {
        for (bound_to, held_by, want) in [
            (None, None, true),
            (Some([1; 32]), Some([1; 32]), true),
            (Some([1; 32]), Some([2; 32]), false),
            (Some([1; 32]), None, false),
            (None, Some([1; 32]), false),
        ] {
            let now = UnixSeconds::new(1000);
            let ends = UnixSeconds::new(2000);
            let wanted = Wanted { now, bound_to, subject_ends: ends, ends_here: None, withdrawn: None };
            let token = Redacted::new("t".to_owned());
            let held = Held::Token { token, expires_at: ends, jti: None, bound_to: held_by };
            let taken = wanted.takes(&held, &ScopeSet::default());
            assert_eq!(taken.is_some(), want, "{bound_to:?} {held_by:?}");
            assert_eq!(taken.and_then(|token| token.bound.map(|bound| *bound.key())), held_by.filter(|_| want));
        }
    }
}
