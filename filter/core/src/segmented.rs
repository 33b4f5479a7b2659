//! A bounded map that a flood of new entries cannot empty of the old: a segmented LRU.
//!
//! What comes in is on probation; only what is used again is protected, and the protected part has four fifths of the room.
//! So entries that are used once push out one another, and never the working set.
//! Bounded in entries and in bytes, whichever is reached first. The bytes are what the caller says an entry takes.

use std::collections::BTreeMap;

/// How much a map may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Entries.
    pub(crate) entries: usize,
    /// Bytes of all entries together.
    pub(crate) bytes: usize,
}

impl Room {
    /// The share that entries used again may have.
    fn protected(self) -> Self {
        let share = |whole: usize| whole.saturating_sub(whole.checked_div(5).unwrap_or_default());
        Self { entries: share(self.entries), bytes: share(self.bytes) }
    }
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    bytes: usize,
    stamp: u64,
    protected: bool,
}

/// The keys of one part, by when they were last used, and what they take.
#[derive(Debug)]
struct Part<K> {
    by_use: BTreeMap<u64, K>,
    bytes: usize,
}

impl<K: Copy> Part<K> {
    const fn new() -> Self {
        Self { by_use: BTreeMap::new(), bytes: 0 }
    }

    fn add(&mut self, stamp: u64, key: K, bytes: usize) {
        self.by_use.insert(stamp, key);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, stamp: u64, bytes: usize) {
        if self.by_use.remove(&stamp).is_some() {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    fn oldest(&self) -> Option<K> {
        self.by_use.first_key_value().map(|(_, key)| *key)
    }

    fn is_over(&self, room: Room) -> bool {
        self.by_use.len() > room.entries || self.bytes > room.bytes
    }
}

/// The map.
#[derive(Debug)]
pub(crate) struct Segmented<K, V> {
    room: Room,
    slots: BTreeMap<K, Slot<V>>,
    probation: Part<K>,
    protected: Part<K>,
    stamp: u64,
}

impl<K: Copy + Ord, V> Segmented<K, V> {
    pub(crate) const fn new(room: Room) -> Self {
        Self { room, slots: BTreeMap::new(), probation: Part::new(), protected: Part::new(), stamp: 0 }
    }

    /// The entry of `key`, without counting as a use.
    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        self.slots.get(key).map(|slot| &slot.value)
    }

    /// The same, to be changed. What it takes must not change.
    pub(crate) fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        self.slots.get_mut(key).map(|slot| &mut slot.value)
    }

    /// The entry of `key`, used once more and from now on protected.
    pub(crate) fn touch(&mut self, key: K) -> Option<&mut V> {
        let stamp = self.next_stamp();
        let slot = self.slots.get_mut(&key)?;
        let part = if slot.protected { &mut self.protected } else { &mut self.probation };
        part.remove(slot.stamp, slot.bytes);
        self.protected.add(stamp, key, slot.bytes);
        (slot.stamp, slot.protected) = (stamp, true);
        self.demote();
        self.slots.get_mut(&key).map(|slot| &mut slot.value)
    }

    /// Puts an entry in place of whatever has its key, on probation, and makes room for it.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        let stamp = self.next_stamp();
        self.slots.insert(key, Slot { value, bytes, stamp, protected: false });
        self.probation.add(stamp, key, bytes);
        while self.slots.len() > self.room.entries || self.bytes() > self.room.bytes {
            let Some(oldest) = self.probation.oldest().or_else(|| self.protected.oldest()) else {
                break;
            };
            self.remove(&oldest);
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.remove(key)?;
        let part = if slot.protected { &mut self.protected } else { &mut self.probation };
        part.remove(slot.stamp, slot.bytes);
        Some(slot.value)
    }

    /// Takes out every entry that `keep` says no to.
    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        let gone: Vec<K> = self.slots.iter().filter(|(_, slot)| !keep(&slot.value)).map(|(key, _)| *key).collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What they take together.
    pub(crate) fn bytes(&self) -> usize {
        self.probation.bytes.saturating_add(self.protected.bytes)
    }

    fn next_stamp(&mut self) -> u64 {
        self.stamp = self.stamp.saturating_add(1);
        self.stamp
    }

    /// What the protected part has no room for goes back on probation, as the most recent there.
    fn demote(&mut self) {
        while self.protected.is_over(self.room.protected()) {
            let Some(key) = self.protected.oldest() else {
                break;
            };
            let stamp = self.next_stamp();
            let Some(slot) = self.slots.get_mut(&key) else {
                break;
            };
            self.protected.remove(slot.stamp, slot.bytes);
            self.probation.add(stamp, key, slot.bytes);
            (slot.stamp, slot.protected) = (stamp, false);
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: Room = Room { entries: 10, bytes: 1000 };

    #[test]
    fn a_flood_of_new_entries_leaves_the_working_set() {
        let mut map = Segmented::new(ROOM);
        for key in 0..8_u32 {
            map.insert(key, key, 1);
            assert!(map.touch(key).is_some());
        }
        for key in 100..100_000 {
            map.insert(key, key, 1);
        }
        assert!((0..8).all(|key| map.peek(&key) == Some(&key)));
        assert_eq!(map.len(), ROOM.entries);
    }

    #[test]
    fn a_working_set_that_fits_loses_nothing() {
        let mut map = Segmented::new(ROOM);
        for key in 0..10_u32 {
            map.insert(key, key, 1);
        }
        for _round in 0..10 {
            for key in 0..10 {
                assert!(map.touch(key).is_some(), "{key}");
            }
        }
    }

    #[test]
    fn each_bound_holds_at_it_and_one_past_it() {
        let mut map = Segmented::new(ROOM);
        for key in 0..10_u32 {
            map.insert(key, (), 100);
        }
        assert_eq!((map.len(), map.bytes()), (10, 1000));
        map.insert(10, (), 100);
        assert_eq!((map.len(), map.bytes()), (10, 1000));
        assert!(map.peek(&0).is_none());
        map.insert(11, (), 101);
        assert!(map.bytes() <= 1000);
        map.insert(12, (), 1001);
        assert_eq!(map.peek(&12), None);
    }

    #[test]
    fn what_has_not_been_used_for_longest_is_demoted_first() {
        let mut map = Segmented::new(ROOM);
        for key in 0..9_u32 {
            map.insert(key, (), 1);
            map.touch(key);
        }
        // Eight are protected; the first of nine is on probation, and goes when the room is needed.
        for key in 100..110 {
            map.insert(key, (), 1);
        }
        assert!(map.peek(&0).is_none());
        assert!((1..9).all(|key| map.peek(&key).is_some()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_books_balance(operations in prop::collection::vec((0..4_u8, 0..30_u8, 1..400_usize), 1..200)) {
            let mut map = Segmented::new(ROOM);
            for (operation, key, bytes) in operations {
                match operation {
                    0 => map.insert(key, bytes, bytes),
                    1 => { map.touch(key); }
                    2 => { map.remove(&key); }
                    _ => map.retain(|bytes| *bytes % 7 != 0),
                }
                let sum: usize = map.slots.values().map(|slot| slot.bytes).sum();
                prop_assert_eq!(map.bytes(), sum);
                prop_assert!(map.len() <= ROOM.entries && sum <= ROOM.bytes);
                prop_assert_eq!(map.probation.by_use.len() + map.protected.by_use.len(), map.len());
                prop_assert!(!map.protected.is_over(ROOM.protected()));
            }
        }
    }
}
