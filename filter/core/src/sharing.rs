//! What the workers of one proxy share: exchanged tokens, key sets, who is getting one just now, and which DPoP proofs were used (`proofs`).
//!
//! Other plugins may read and write the same data, and nothing in it ever disappears. So:
//! - There is a fixed number of slots, made at load, whatever the traffic; what falls into a taken one replaces it.
//! - A record is encrypted and authenticated with a key made from a configured secret, for one slot under one configuration.
//!   Without the secret nothing is shared.
//! - What does not open, or was made for something else, counts as not there. What does is held against the clock and against
//!   what this worker knows, as if it had been kept here.
//! - Who gets something first takes a lease by compare-and-swap. The others look again with each tick, and do the work themselves
//!   when it ends or fails. So a record that is lost, old or false costs a call that would have been made anyway.
//!
//! A request whose token this worker holds never comes here.

mod proofs;
mod record;
mod seal;
mod slot;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use record::{Held, Record};
pub(crate) use slot::Slot;

use crate::config::Config;
use crate::digest::sha256;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::ExchangeKey;
use crate::flight::FlightId;
use crate::limits::{REFUSED_SUBJECTS_MAX, SHARED_LEASE_SECONDS, SHARED_WRITES_MAX};
use crate::request::Ambient;
use crate::segmented::{Room, Segmented};
use crate::time::{Seconds, UnixSeconds};
use record::Lease;
use seal::Seal;

/// The host's store that all workers see.
pub trait SharedData {
    /// What stands under `name`; `None` where nothing does, or where the host has no such store.
    fn get(&self, name: &str) -> Option<Versioned>;

    /// Writes over what stands under `name` if it still has that version, or in any case for version 0; false where it did not.
    fn set(&self, name: &str, bytes: &[u8], version: u32) -> bool;
}

/// A value and the number of its last write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub bytes: Vec<u8>,
    /// Another number with each write.
    pub version: u32,
}

/// A host without shared data.
#[derive(Debug, Clone, Copy)]
pub struct NothingShared;

impl SharedData for NothingShared {
    fn get(&self, _name: &str) -> Option<Versioned> {
        None
    }

    fn set(&self, _name: &str, _bytes: &[u8], _version: u32) -> bool {
        false
    }
}

/// What became of a look at shared data, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looked {
    /// Another worker's work was used.
    Taken,
    /// The work was begun here, for all.
    Led,
    /// Another worker wrote in between.
    Lost,
    /// The slot is in use for something else.
    Collided,
    /// The record does not open: of another configuration, damaged, moved, or not ours at all.
    Unreadable,
    /// The slot is gone.
    Missing,
}

impl Looked {
    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Led => "led",
            Self::Lost => "lost",
            Self::Collided => "collided",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
        }
    }
}

/// How a flight stands to the other workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It works for this worker.
    Alone,
    /// Others may wait for it.
    Leading([u8; 16]),
    /// Another worker is at it, until then; or was, when it last wrote.
    Following { version: u32, until: UnixSeconds, lost: u32 },
}

/// What a flight does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<T> {
    /// It is done already: this was found.
    Take(T),
    /// It begins, and stands to the others like this.
    Begin(Standing),
    /// It looks again with the next tick.
    Follow(Standing),
}

/// Who asks whether to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) standing: Standing,
    /// When the flight came to be: what failed since then fails for it too.
    pub(crate) began: UnixSeconds,
    /// Whether others may wait for it.
    pub(crate) leads: bool,
}

/// What a flight has for the others.
#[derive(Debug)]
pub(crate) enum News {
    /// This is what everybody waits for.
    Held(Held),
    /// Nothing came of it.
    Failed,
}

/// One thing that is shared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) slot: Slot,
    /// What it is, in full: a slot alone says too little.
    pub(crate) of: [u8; 32],
}

/// What is known of a slot.
enum Read {
    /// Nothing that could be used, and nobody is at it.
    Free,
    /// Somebody is getting something else that has the same slot.
    Busy,
    /// A record of what was asked for.
    Ours(Record),
}

/// How one worker shares.
#[derive(Debug)]
pub(crate) struct Sharing {
    seal: Option<Seal>,
    /// Flights that follow another worker's.
    pub(crate) following: VecDeque<FlightId>,
    /// Digests of the tokens that an upstream refused: they are not taken again, though others may still hold them.
    withdrawn: Segmented<ExchangeKey, [u8; 32]>,
    tallies: BTreeMap<(&'static str, Looked), usize>,
}

impl Sharing {
    /// Shares nothing until [`Self::open`].
    pub(crate) const fn closed() -> Self {
        let room = Room { entries: REFUSED_SUBJECTS_MAX, bytes: REFUSED_SUBJECTS_MAX };
        Self { seal: None, following: VecDeque::new(), withdrawn: Segmented::new(room), tallies: BTreeMap::new() }
    }

    /// Makes the slots where there are none; false where the configuration wants to share and the host does not.
    pub(crate) fn open(&mut self, config: &Config, shared: &dyn SharedData) -> bool {
        let Some(secret) = &config.sharing else {
            return true;
        };
        let made = slot::make_all(shared);
        self.seal = made.then(|| Seal::new(secret, [&config.digest, config.environment.expose()]));
        made
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.seal.is_some()
    }

    /// What happened since the last time.
    pub(crate) fn take_tallies(&mut self) -> BTreeMap<(&'static str, Looked), usize> {
        core::mem::take(&mut self.tallies)
    }

    fn tally(&mut self, slot: Slot, outcome: Looked) {
        let count = self.tallies.entry((slot.kind(), outcome)).or_default();
        *count = count.saturating_add(1);
    }

    /// What is held of `item`, as far as `wanted` wants it.
    pub(crate) fn find<T>(
        &mut self,
        item: Item,
        ambient: &Ambient<'_>,
        wanted: impl FnOnce(&Held) -> Option<T>,
    ) -> Option<T> {
        self.seal.as_ref()?;
        let found = self.get(item.slot, ambient.shared)?;
        let Read::Ours(record) = self.read(item, &found, ambient.now) else {
            return None;
        };
        let taken = wanted(&record.held)?;
        self.tally(item.slot, Looked::Taken);
        Some(taken)
    }

    /// Whether a flight for `item` is to begin its work, or who does it.
    pub(crate) fn turn<T>(
        &mut self,
        item: Item,
        asked: Asked,
        ambient: &mut Ambient<'_>,
        wanted: impl FnOnce(&Held) -> Option<T>,
    ) -> Turn<T> {
        let Asked { standing, began, leads } = asked;
        let lost = match standing {
            Standing::Following { lost, .. } => lost,
            Standing::Alone | Standing::Leading(_) => 0,
        };
        if !self.is_open() || lost >= SHARED_WRITES_MAX {
            return Turn::Begin(Standing::Alone);
        }
        let Some(found) = self.get(item.slot, ambient.shared) else {
            return Turn::Begin(Standing::Alone);
        };
        if let Standing::Following { version, until, .. } = standing
            && version == found.version
            && is_live(until, ambient.now)
        {
            return Turn::Follow(standing);
        }
        let held = match self.read(item, &found, ambient.now) {
            Read::Free => Held::Nothing,
            Read::Busy => return Turn::Begin(Standing::Alone),
            Read::Ours(record) => {
                if let Some(taken) = wanted(&record.held) {
                    self.tally(item.slot, Looked::Taken);
                    return Turn::Take(taken);
                }
                // Those who waited for it do not fail one after another.
                if record.failed.is_some_and(|at| at >= began) {
                    return Turn::Begin(Standing::Alone);
                }
                if let Some(lease) = record.lease.filter(|lease| is_live(lease.until, ambient.now)) {
                    // It waited for where to send its call, and comes again.
                    if standing == Standing::Leading(lease.holder) {
                        return Turn::Begin(standing);
                    }
                    return Turn::Follow(Standing::Following { version: found.version, until: lease.until, lost });
                }
                record.held
            }
        };
        if !leads {
            return Turn::Begin(Standing::Alone);
        }
        let lease =
            Lease { holder: (ambient.draw)(), until: ambient.now.saturating_add(Seconds::new(SHARED_LEASE_SECONDS)) };
        let record = Record { of: item.of, lease: Some(lease), failed: None, held };
        if self.write(item, found.version, &record, ambient) {
            self.tally(item.slot, Looked::Led);
            return Turn::Begin(Standing::Leading(lease.holder));
        }
        self.tally(item.slot, Looked::Lost);
        Turn::Follow(Standing::Following { version: 0, until: ambient.now, lost: lost.saturating_add(1) })
    }

    /// Tells the others what came of a flight.
    pub(crate) fn tell(&mut self, item: Item, standing: Standing, news: &News, ambient: &mut Ambient<'_>) {
        let holder = match standing {
            Standing::Leading(holder) => Some(holder),
            Standing::Alone | Standing::Following { .. } => None,
        };
        let is_of_use = matches!(news, News::Held(Held::Token { .. } | Held::Keys { .. }));
        if !self.is_open() || (holder.is_none() && !is_of_use) {
            return;
        }
        for _ in 0..SHARED_WRITES_MAX {
            let Some(found) = self.get(item.slot, ambient.shared) else {
                return;
            };
            let before = match self.read(item, &found, ambient.now) {
                Read::Ours(record) => record,
                Read::Free if is_of_use => Record::vacant(item.of),
                Read::Free | Read::Busy => return,
            };
            let record = after(before, holder, news, ambient.now);
            if self.write(item, found.version, &record, ambient) {
                return;
            }
            self.tally(item.slot, Looked::Lost);
        }
    }

    /// Takes no token again that an upstream refused.
    pub(crate) fn withdraw(&mut self, key: ExchangeKey, token: &IssuedToken) {
        if self.is_open() {
            self.withdrawn.insert(key, sha256(token.token.expose().as_bytes()), 1);
        }
    }

    /// The digest of the token for `key` that is not taken again.
    pub(crate) fn withdrawn(&self, key: ExchangeKey) -> Option<[u8; 32]> {
        self.withdrawn.peek(&key).copied()
    }

    fn get(&mut self, slot: Slot, shared: &dyn SharedData) -> Option<Versioned> {
        // Version 0 would write over anything.
        let found = shared.get(&slot.name()).filter(|found| found.version != 0);
        if found.is_none() {
            self.tally(slot, Looked::Missing);
        }
        found
    }

    fn read(&mut self, item: Item, found: &Versioned, now: UnixSeconds) -> Read {
        let Some(record) = self.open_slot(item.slot, found, Record::decode) else {
            return Read::Free;
        };
        if record.of == item.of {
            return Read::Ours(record);
        }
        self.tally(item.slot, Looked::Collided);
        if record.lease.is_some_and(|lease| is_live(lease.until, now)) { Read::Busy } else { Read::Free }
    }

    fn write(&self, item: Item, version: u32, record: &Record, ambient: &mut Ambient<'_>) -> bool {
        record.encode().is_some_and(|plain| self.seal_slot(item.slot, version, &plain, ambient))
    }

    /// What was sealed for that slot and is of the form that `decode` reads; what does not open counts as not there.
    fn open_slot<T>(&mut self, slot: Slot, found: &Versioned, decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        if slot::is_vacant(&found.bytes) {
            return None;
        }
        let opened = self.seal.as_ref().and_then(|seal| seal.open(slot, &found.bytes));
        let read = opened.and_then(|plain| decode(&plain));
        if read.is_none() {
            self.tally(slot, Looked::Unreadable);
        }
        read
    }

    /// Seals `plain` into that slot, if nobody wrote to it since that version.
    fn seal_slot(&self, slot: Slot, version: u32, plain: &[u8], ambient: &mut Ambient<'_>) -> bool {
        let sealed = self.seal.as_ref().and_then(|seal| seal.seal(slot, plain, ambient.draw));
        sealed.is_some_and(|sealed| ambient.shared.set(&slot.name(), &sealed, version))
    }
}

/// The record with the news in it. A lease of somebody else stays, and what still serves is not given up for a refusal.
fn after(before: Record, holder: Option<[u8; 16]>, news: &News, now: UnixSeconds) -> Record {
    let serves = |held: &Held| match held {
        Held::Token { expires_at, .. } => now < *expires_at,
        Held::Keys { .. } => true,
        Held::Nothing | Held::Refused { .. } => false,
    };
    let lease = before.lease.filter(|lease| is_live(lease.until, now) && Some(lease.holder) != holder);
    let (held, failed) = match news {
        News::Held(Held::Refused { .. }) if serves(&before.held) => (before.held, Some(now)),
        News::Held(held) => (held.clone(), None),
        News::Failed => (before.held, Some(now)),
    };
    Record { of: before.of, lease, failed, held }
}

/// A lease that ends later than any could is of a clock that was set back.
fn is_live(until: UnixSeconds, now: UnixSeconds) -> bool {
    now < until && until <= now.saturating_add(Seconds::new(SHARED_LEASE_SECONDS))
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
mod tests;
