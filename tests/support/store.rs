//! Shared data that keeps its word, and shared data that somebody else writes to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use actgate_core::sharing::{SharedData, Versioned};

/// What comes back of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// What was written.
    Honest,
    /// The same with a bit changed, each time another one.
    Damaged,
    /// What was written last to any place.
    Moved,
    /// Nothing but what was made.
    Forgetful,
}

/// Shared data of one proxy.
#[derive(Debug)]
pub struct Store {
    manner: Manner,
    values: RefCell<BTreeMap<String, Versioned>>,
    last: RefCell<Vec<u8>>,
    writes: Cell<u32>,
    reads: Cell<usize>,
}

impl Store {
    /// Nothing in it yet.
    #[must_use]
    pub fn new(manner: Manner) -> Self {
        let (values, last) = (RefCell::default(), RefCell::default());
        Self { manner, values, last, writes: Cell::new(0), reads: Cell::new(0) }
    }

    fn as_read(&self, value: &Versioned) -> Vec<u8> {
        let mut bytes = value.bytes.clone();
        match self.manner {
            Manner::Honest => {}
            Manner::Forgetful => bytes = b"-".to_vec(),
            Manner::Moved => bytes.clone_from(&self.last.borrow()),
            Manner::Damaged => {
                let bits = bytes.len() * 8;
                let bit = self.reads.get() * 7 % bits.max(1);
                bytes.get_mut(bit / 8).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
            }
        }
        bytes
    }
}

impl SharedData for Store {
    fn get(&self, name: &str) -> Option<Versioned> {
        self.reads.set(self.reads.get() + 1);
        let values = self.values.borrow();
        let value = values.get(name)?;
        // While slots are made, what stands there is what was made.
        let bytes = if value.bytes == b"-" { value.bytes.clone() } else { self.as_read(value) };
        Some(Versioned { bytes, version: value.version })
    }

    fn set(&self, name: &str, bytes: &[u8], version: u32) -> bool {
        let mut values = self.values.borrow_mut();
        if version != 0 && values.get(name).is_some_and(|value| value.version != version) {
            return false;
        }
        self.writes.set(self.writes.get() + 1);
        values.insert(name.to_owned(), Versioned { bytes: bytes.to_vec(), version: self.writes.get() });
        if bytes != b"-" {
            *self.last.borrow_mut() = bytes.to_vec();
        }
        true
    }
}
