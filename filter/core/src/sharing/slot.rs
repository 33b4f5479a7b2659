//! The fixed places in shared data.
//!
//! The host knows no write that succeeds only where nothing stands yet, and a compare-and-swap needs something to compare with.
//! So every slot is made at load, by the first VM, before any worker serves.

use crate::limits::{SHARED_KEY_SLOTS, SHARED_PROOF_SLOTS, SHARED_TOKEN_SLOTS};
use crate::sharing::SharedData;

/// One place: its kind is a part of what a record is sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Token(u32),
    Keys(u32),
    Proofs(u32),
}

/// What stands in a slot that was never written to.
const VACANT: &[u8] = b"-";

/// Says that all slots were made.
const MADE: &str = "actgate.2.made";

impl Slot {
    /// Where the token of that digest belongs.
    pub(crate) const fn of_token(digest: &[u8; 32]) -> Self {
        Self::Token(number(digest, SHARED_TOKEN_SLOTS))
    }

    /// Where the key set of that server belongs; `nth` of the configuration of that digest, so that two of one never meet.
    pub(crate) const fn of_keys(nth: u32, configuration: &[u8; 32]) -> Self {
        let first = number(configuration, SHARED_KEY_SLOTS);
        Self::Keys(match first.saturating_add(nth).checked_rem(SHARED_KEY_SLOTS) {
            Some(number) => number,
            None => 0,
        })
    }

    /// Where the proof of that digest is noted.
    pub(super) const fn of_proof(digest: &[u8; 32]) -> Self {
        Self::Proofs(number(digest, SHARED_PROOF_SLOTS))
    }

    /// True where what stands in it holds under every configuration: a proof that was used was used.
    pub(super) const fn outlives_configurations(self) -> bool {
        match self {
            Self::Token(_) | Self::Keys(_) => false,
            Self::Proofs(_) => true,
        }
    }

    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Keys(_) => "keys",
            Self::Proofs(_) => "proofs",
        }
    }

    pub(crate) fn name(self) -> String {
        let (Self::Token(number) | Self::Keys(number) | Self::Proofs(number)) = self;
        format!("actgate.2.{}.{number}", self.kind())
    }
}

/// A digest is as good as random in each of its parts.
const fn number(digest: &[u8; 32], of: u32) -> u32 {
    let [a, b, c, d, ..] = *digest;
    match u32::from_be_bytes([a, b, c, d]).checked_rem(of) {
        Some(number) => number,
        None => 0,
    }
}

pub(super) fn is_vacant(bytes: &[u8]) -> bool {
    bytes == VACANT
}

/// Makes every slot that is not there; false where the host keeps nothing.
pub(super) fn make_all(shared: &dyn SharedData) -> bool {
    if shared.get(MADE).is_some() {
        return true;
    }
    let slots = (0..SHARED_TOKEN_SLOTS).map(Slot::Token).chain((0..SHARED_KEY_SLOTS).map(Slot::Keys));
    for name in slots.chain((0..SHARED_PROOF_SLOTS).map(Slot::Proofs)).map(Slot::name) {
        if shared.get(&name).is_none() && !shared.set(&name, VACANT, 0) {
            return false;
        }
    }
    // A host may take what it does not keep.
    shared.set(MADE, VACANT, 0) && shared.get(MADE).is_some()
}
