//! Records that are moved, damaged, replayed or foreign; workers that meet, fail and die.

mod proofs;
mod workers;

use core::cell::{Cell, RefCell};

use proptest::prelude::*;

use super::*;
use crate::limits::{
    SERVERS_MAX, SHARED_KEY_SET_BYTES_MAX, SHARED_KEY_SLOTS, SHARED_PROOF_SLOTS, SHARED_TOKEN_BYTES_MAX,
    SHARED_TOKEN_SLOTS,
};
use crate::redacted::Redacted;

const NOW: UnixSeconds = UnixSeconds::new(1000);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Shared data as the host keeps it.
#[derive(Debug, Default)]
struct Store {
    values: RefCell<BTreeMap<String, Versioned>>,
    last: Cell<u32>,
    gets: Cell<usize>,
    /// Writes by another worker that come in between.
    faster: Cell<u32>,
    unnumbered: Cell<bool>,
}

impl SharedData for Store {
    fn get(&self, name: &str) -> Option<Versioned> {
        self.gets.set(self.gets.get() + 1);
        let value = self.values.borrow().get(name).cloned()?;
        Some(if self.unnumbered.get() { Versioned { version: 0, ..value } } else { value })
    }

    fn set(&self, name: &str, bytes: &[u8], version: u32) -> bool {
        let mut values = self.values.borrow_mut();
        let late = self.faster.get() > 0 && version != 0;
        self.faster.set(self.faster.get().saturating_sub(1));
        if late || (version != 0 && values.get(name).is_some_and(|value| value.version != version)) {
            return false;
        }
        self.last.set(self.last.get() + 1);
        values.insert(name.to_owned(), Versioned { bytes: bytes.to_vec(), version: self.last.get() });
        true
    }
}

impl Store {
    /// What is written, without what was only made.
    fn written(&self) -> Vec<(String, Vec<u8>)> {
        let values = self.values.borrow();
        values
            .iter()
            .filter(|(_, value)| value.bytes != b"-")
            .map(|(name, value)| (name.clone(), value.bytes.clone()))
            .collect()
    }
}

fn seal(secret: &str, configuration: u8) -> Seal {
    Seal::new(&Redacted::new(secret.to_owned()), [&[configuration; 32], &[0; 32]])
}

fn sealed(slot: Slot, plain: &[u8]) -> Vec<u8> {
    let mut drawn = 0_u8;
    let mut draw = || {
        drawn += 1;
        [drawn; 16]
    };
    seal(SECRET, 1).seal(slot, plain, &mut draw).unwrap()
}

#[test]
fn a_record_opens_in_its_own_slot_under_its_own_configuration() {
    let slot = Slot::Token(7);
    let record = sealed(slot, b"record");
    let open = |secret: &str, configuration, slot| seal(secret, configuration).open(slot, &record);
    assert_eq!(open(SECRET, 1, slot).as_deref(), Some(b"record".as_slice()));
    assert_eq!(open(SECRET, 2, slot), None, "another configuration");
    assert_eq!(open(&SECRET.to_uppercase(), 1, slot), None, "another secret");
    assert_eq!(open(SECRET, 1, Slot::Token(8)), None, "another slot");
    assert_eq!(open(SECRET, 1, Slot::Keys(7)), None, "a slot of another kind");
    assert_eq!(open(SECRET, 1, Slot::Proofs(7)), None, "a slot of another kind");
    assert!(!record.windows(6).any(|window| window == b"record"), "it is legible");
}

#[test]
fn a_record_does_not_open_for_whoever_has_other_secrets() {
    let secret = Redacted::new(SECRET.to_owned());
    let [ours, theirs] = [[7; 32], [8; 32]].map(|environment| Seal::new(&secret, [&[1; 32], &environment]));
    let slot = Slot::Token(7);
    let record = ours.seal(slot, b"record", &mut || [5; 16]).unwrap();
    assert!(ours.open(slot, &record).is_some());
    assert!(theirs.open(slot, &record).is_none());
}

#[test]
fn a_record_with_any_bit_changed_or_any_byte_cut_does_not_open() {
    let slot = Slot::Token(7);
    let record = sealed(slot, &[0; 80]);
    let seal = seal(SECRET, 1);
    for at in 0..record.len() {
        for bit in 0..8 {
            let mut damaged = record.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(seal.open(slot, &damaged), None, "bit {bit} of byte {at}");
        }
        assert_eq!(seal.open(slot, &record[..at]), None, "{at} bytes of it");
    }
    assert_eq!(seal.open(slot, &[record, vec![0]].concat()), None, "a byte more");
}

#[test]
fn nothing_of_the_key_or_of_a_token_is_printed() {
    assert_eq!(format!("{:?}", seal(SECRET, 1)), "Seal([redacted])");
    assert!(!format!("{:?}", token_of("hunter2")).contains("hunter2"));
}

fn token_of(token: &str) -> Record {
    let held = Held::Token {
        token: Redacted::new(token.to_owned()),
        expires_at: UnixSeconds::new(2000),
        jti: Some("jti".to_owned()),
        bound_to: None,
    };
    Record { of: [9; 32], lease: None, failed: None, held }
}

fn bound_to(key: [u8; 32]) -> Record {
    let mut record = token_of("token");
    if let Held::Token { bound_to, .. } = &mut record.held {
        *bound_to = Some(key);
    }
    record
}

fn keys_of(size: usize) -> Record {
    Record { held: Held::Keys { document: vec![b' '; size], at: NOW }, ..token_of("t") }
}

/// True where it comes back as it was.
fn survives(record: &Record) -> bool {
    record.encode().and_then(|bytes| Record::decode(&bytes)).is_some_and(|read| {
        let plain = |record: &Record| match &record.held {
            Held::Token { token, .. } => token.expose().clone().into_bytes(),
            Held::Keys { document, .. } => document.clone(),
            Held::Nothing | Held::Refused { .. } => Vec::new(),
        };
        format!("{read:?}") == format!("{record:?}") && plain(&read) == plain(record)
    })
}

#[test]
fn records_come_back_as_they_were_up_to_their_largest() {
    let lease = Some(Lease { holder: [3; 16], until: UnixSeconds::new(1005) });
    for held in [Held::Nothing, Held::Refused { reason: 3, at: NOW }, Held::Keys { document: b"{}".to_vec(), at: NOW }]
    {
        assert!(survives(&Record { of: [1; 32], lease, failed: Some(NOW), held: held.clone() }), "{held:?}");
        assert!(survives(&Record { of: [1; 32], lease: None, failed: None, held }));
    }
    assert!(survives(&token_of("token")));
    assert!(survives(&bound_to([5; 32])) && survives(&bound_to([0; 32])));
    assert!(survives(&token_of(&"t".repeat(SHARED_TOKEN_BYTES_MAX))));
    assert!(!survives(&token_of(&"t".repeat(SHARED_TOKEN_BYTES_MAX + 1))));
    assert!(survives(&keys_of(SHARED_KEY_SET_BYTES_MAX)));
    assert!(!survives(&keys_of(SHARED_KEY_SET_BYTES_MAX + 1)));
}

#[test]
fn a_token_that_no_header_could_carry_is_none() {
    for token in ["", "a b", "a\r\nb", "a\u{e9}", "a\0"] {
        assert!(!survives(&token_of(token)), "{token:?}");
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_read_or_not_and_never_trap(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes);
        let _ = seal(SECRET, 1).open(Slot::Token(0), &bytes);
    }

    #[test]
    fn a_record_cut_short_is_none(at in 0_usize..70) {
        let bytes = Record { held: Held::Nothing, ..token_of("t") }.encode().unwrap();
        prop_assert!(Record::decode(&bytes[..at.min(bytes.len() - 1)]).is_none());
    }
}

#[test]
fn slots_are_as_many_as_they_are_and_two_servers_of_one_configuration_never_meet() {
    let store = Store::default();
    assert!(slot::make_all(&store));
    let slots = usize::try_from(SHARED_TOKEN_SLOTS + SHARED_KEY_SLOTS + SHARED_PROOF_SLOTS).unwrap();
    assert_eq!(store.values.borrow().len(), slots + 1);
    let servers = u32::try_from(SERVERS_MAX).unwrap();
    assert!(servers * 2 <= SHARED_KEY_SLOTS);
    for configuration in [[0; 32], [0xff; 32], [0x5a; 32]] {
        let names: std::collections::BTreeSet<String> =
            (0..servers).map(|nth| Slot::of_keys(nth, &configuration).name()).collect();
        assert_eq!(names.len(), SERVERS_MAX);
        assert!(names.iter().all(|name| store.values.borrow().contains_key(name)));
        assert!(store.values.borrow().contains_key(&Slot::of_token(&configuration).name()));
    }
}

#[test]
fn slots_that_are_there_are_left_as_they_are() {
    let store = Store::default();
    assert!(slot::make_all(&store));
    let name = Slot::Token(3).name();
    assert!(store.set(&name, b"record", 0));
    assert!(slot::make_all(&store));
    // Somebody took the mark away: what is written stays all the same.
    store.values.borrow_mut().remove("actgate.2.made");
    assert!(slot::make_all(&store));
    assert_eq!(store.get(&name).unwrap().bytes, b"record");
    store.gets.set(0);
    assert!(slot::make_all(&store));
    assert_eq!(store.gets.get(), 1, "one look is enough for every VM but the first");
}
