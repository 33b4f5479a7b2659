//! A bounded map that a flood of new entries cannot empty of the old: a segmented LRU.
//!
//! What comes in is on probation; only what is used again is protected, and the protected part has four fifths of the room.
//! So entries that are used once push out one another, and never the working set.
//! Where entries have owners, the protected part is shared out between them: when it is full, the owner that holds most gives way,
//! by what it has not used for longest. So nobody loses an entry to an owner that holds more.
//! Bounded in entries and in bytes, whichever is reached first. The bytes are what the caller says an entry takes.

use std::collections::{BTreeMap, BTreeSet};

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
    const fn protected(self) -> Self {
        Self { entries: four_fifths(self.entries), bytes: four_fifths(self.bytes) }
    }
}

const fn four_fifths(whole: usize) -> usize {
    match whole.checked_div(5) {
        Some(fifth) => whole.saturating_sub(fifth),
        None => whole,
    }
}

#[derive(Debug)]
struct Slot<V, O> {
    value: V,
    owner: O,
    bytes: usize,
    stamp: u64,
    protected: bool,
}

/// Keys by when they were last used, and what they take.
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

    /// What it counts for where owners are compared: a small entry takes its even share of the entries.
    fn weight(&self, room: Room) -> usize {
        let even = room.bytes.checked_div(room.entries).unwrap_or_default();
        self.bytes.max(self.by_use.len().saturating_mul(even))
    }
}

/// The protected part: a part for each owner, and who holds most.
#[derive(Debug)]
struct Shares<K, O> {
    room: Room,
    by_owner: BTreeMap<O, Part<K>>,
    by_weight: BTreeSet<(usize, O)>,
    entries: usize,
    bytes: usize,
}

impl<K: Copy, O: Copy + Ord> Shares<K, O> {
    const fn new(room: Room) -> Self {
        Self { room, by_owner: BTreeMap::new(), by_weight: BTreeSet::new(), entries: 0, bytes: 0 }
    }

    fn add(&mut self, owner: O, stamp: u64, key: K, bytes: usize) {
        let part = self.by_owner.entry(owner).or_insert_with(Part::new);
        let before = part.weight(self.room);
        part.add(stamp, key, bytes);
        let after = part.weight(self.room);
        self.by_weight.remove(&(before, owner));
        self.by_weight.insert((after, owner));
        self.entries = self.entries.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, owner: O, stamp: u64, bytes: usize) {
        let Some(part) = self.by_owner.get_mut(&owner) else {
            return;
        };
        let before = part.weight(self.room);
        part.remove(stamp, bytes);
        let (after, is_empty) = (part.weight(self.room), part.by_use.is_empty());
        self.by_weight.remove(&(before, owner));
        if is_empty {
            self.by_owner.remove(&owner);
        } else {
            self.by_weight.insert((after, owner));
        }
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// An entry that was here before is used again: nobody holds more by that. Its stamp from now on.
    fn renew(&mut self, owner: O, (before, now): (u64, u64), key: K) -> u64 {
        let Some(part) = self.by_owner.get_mut(&owner) else {
            return before;
        };
        // What its owner used last stays so.
        if part.by_use.last_key_value().is_some_and(|(newest, _)| *newest == before) {
            return before;
        }
        part.by_use.remove(&before);
        part.by_use.insert(now, key);
        now
    }

    /// What goes first: the oldest of whoever holds most.
    fn first_to_go(&self) -> Option<K> {
        let (_, owner) = self.by_weight.last()?;
        self.by_owner.get(owner)?.oldest()
    }

    const fn is_over(&self) -> bool {
        self.entries > self.room.entries || self.bytes > self.room.bytes
    }
}

/// The map. Without owners, all entries are one owner's.
#[derive(Debug)]
pub(crate) struct Segmented<K, V, O = ()> {
    room: Room,
    slots: BTreeMap<K, Slot<V, O>>,
    probation: Part<K>,
    protected: Shares<K, O>,
    stamp: u64,
}

impl<K: Copy + Ord, V> Segmented<K, V> {
    /// Puts an entry in place of whatever has its key, on probation, and makes room for it.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.insert_of((), key, value, bytes);
    }
}

impl<K: Copy + Ord, V, O: Copy + Ord> Segmented<K, V, O> {
    pub(crate) const fn new(room: Room) -> Self {
        let protected = Shares::new(room.protected());
        Self { room, slots: BTreeMap::new(), probation: Part::new(), protected, stamp: 0 }
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
        if slot.protected {
            slot.stamp = self.protected.renew(slot.owner, (slot.stamp, stamp), key);
        } else {
            self.probation.remove(slot.stamp, slot.bytes);
            self.protected.add(slot.owner, stamp, key, slot.bytes);
            (slot.stamp, slot.protected) = (stamp, true);
            self.demote();
        }
        self.slots.get_mut(&key).map(|slot| &mut slot.value)
    }

    /// Puts an entry of `owner` in place of whatever has its key, on probation, and makes room for it.
    pub(crate) fn insert_of(&mut self, owner: O, key: K, value: V, bytes: usize) {
        self.remove(&key);
        let stamp = self.next_stamp();
        self.slots.insert(key, Slot { value, owner, bytes, stamp, protected: false });
        self.probation.add(stamp, key, bytes);
        while self.slots.len() > self.room.entries || self.bytes() > self.room.bytes {
            let Some(oldest) = self.probation.oldest().or_else(|| self.protected.first_to_go()) else {
                break;
            };
            self.remove(&oldest);
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.remove(key)?;
        if slot.protected {
            self.protected.remove(slot.owner, slot.stamp, slot.bytes);
        } else {
            self.probation.remove(slot.stamp, slot.bytes);
        }
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
        while self.protected.is_over() {
            let Some(key) = self.protected.first_to_go() else {
                break;
            };
            let stamp = self.next_stamp();
            let Some(slot) = self.slots.get_mut(&key) else {
                break;
            };
            self.protected.remove(slot.owner, slot.stamp, slot.bytes);
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

    /// A map in which each owner has used so many entries of that size twice, one owner after the other.
    fn shared_by(owners: &[(u8, u32, usize)]) -> Segmented<(u8, u32), (), u8> {
        let mut map = Segmented::new(Room { entries: 100, bytes: 10_000 });
        for (owner, count, bytes) in owners {
            for number in 0..*count {
                map.insert_of(*owner, (*owner, number), (), *bytes);
                map.touch((*owner, number));
            }
        }
        map
    }

    fn held(map: &Segmented<(u8, u32), (), u8>, owner: u8) -> usize {
        map.slots.values().filter(|slot| slot.owner == owner && slot.protected).count()
    }

    #[test]
    fn whoever_holds_most_gives_way() {
        // 80 are protected. Whoever comes last with many takes nothing of those who hold less.
        let map = shared_by(&[(1, 10, 1), (2, 20, 1), (3, 10_000, 1)]);
        assert_eq!([1, 2, 3].map(|owner| held(&map, owner)), [10, 20, 50]);
        // Nor does whoever came first with many keep the others out.
        let map = shared_by(&[(3, 10_000, 1), (1, 10, 1), (2, 20, 1)]);
        assert_eq!([1, 2, 3].map(|owner| held(&map, owner)), [10, 20, 50]);
        // Few large ones count as many small ones.
        let map = shared_by(&[(1, 10, 1), (3, 1_000, 1_000)]);
        assert_eq!([1, 3].map(|owner| held(&map, owner)), [10, 7]);
    }

    #[test]
    fn as_many_owners_as_fit_have_an_even_share() {
        let owners: Vec<(u8, u32, usize)> = (0..8).map(|owner| (owner, 1_000, 1)).collect();
        let map = shared_by(&owners);
        assert!((0..8).all(|owner| held(&map, owner) == 10));
        let alone = shared_by(&[(1, 1_000, 1)]);
        assert_eq!(held(&alone, 1), 80, "alone it has all of it");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_books_balance(operations in prop::collection::vec((0..4_u8, 0..30_u8, 1..400_usize), 1..200)) {
            let mut map = Segmented::new(ROOM);
            for (operation, key, bytes) in operations {
                match operation {
                    0 => map.insert_of(key % 3, key, bytes, bytes),
                    1 => { map.touch(key); }
                    2 => { map.remove(&key); }
                    _ => map.retain(|bytes| *bytes % 7 != 0),
                }
                let sum: usize = map.slots.values().map(|slot| slot.bytes).sum();
                prop_assert_eq!(map.bytes(), sum);
                prop_assert!(map.len() <= ROOM.entries && sum <= ROOM.bytes);
                prop_assert_eq!(map.probation.by_use.len() + map.protected.entries, map.len());
                prop_assert!(!map.protected.is_over());
                let shares = &map.protected;
                let of_owners = shares.by_owner.iter().map(|(owner, part)| (part.weight(shares.room), *owner));
                prop_assert_eq!(of_owners.collect::<BTreeSet<_>>(), shares.by_weight.clone());
                prop_assert_eq!(shares.by_owner.values().map(|part| part.by_use.len()).sum::<usize>(), shares.entries);
                prop_assert_eq!(shares.by_owner.values().map(|part| part.bytes).sum::<usize>(), shares.bytes);
            }
        }
    }
}
