//! The bounds on what workers share.

use super::{FLIGHT_SECONDS_MAX, JWKS_BYTES_MAX, TOKEN_BYTES_MAX};

/// Slots for exchanged tokens in shared data: twice what a busy proxy has in use, so that few meet.
pub const SHARED_TOKEN_SLOTS: u32 = 1024;

/// Slots for key sets in shared data: two configurations with the most servers.
pub const SHARED_KEY_SLOTS: u32 = 64;

/// Slots for used DPoP proofs in shared data: so many that two workers hardly ever write to one at once.
pub const SHARED_PROOF_SLOTS: u32 = 1024;

/// Most used proofs in one slot: four times what one worker remembers in all of them, or 8 KiB in each.
pub const SHARED_PROOFS_PER_SLOT_MAX: usize = 256;

/// Most of them of one agent: four workers' [`DPOP_PROOFS_PER_AGENT_MAX`](super::DPOP_PROOFS_PER_AGENT_MAX) in all slots, and three quarters of each are left to others.
pub const SHARED_PROOFS_PER_AGENT_MAX: usize = 64;

/// Longest exchanged token in bytes that is shared, which bounds what all slots of the proxy take to 16 MiB.
pub const SHARED_TOKEN_BYTES_MAX: usize = TOKEN_BYTES_MAX;

/// Longest key set in bytes that is shared; again 16 MiB in all slots.
pub const SHARED_KEY_SET_BYTES_MAX: usize = JWKS_BYTES_MAX;

/// How long other workers leave an exchange or a fetch to the one that began it, in seconds: a call at the default time-out, twice and a bit.
/// Should it have died, they wait no longer than that.
pub const SHARED_LEASE_SECONDS: u64 = 5;

/// How often a write to shared data is tried that another worker was faster with.
pub const SHARED_WRITES_MAX: u32 = 3;

/// Most flights that look in one tick whether another worker is done: each costs a microsecond.
pub const SHARED_LOOKS_PER_TICK_MAX: usize = 64;

/// Shortest secret in bytes that records are sealed with: 128 bits in hexadecimal.
pub const SHARING_SECRET_BYTES_MIN: usize = 32;

const _: () = {
    assert!(SHARED_LEASE_SECONDS < FLIGHT_SECONDS_MAX);
    assert!(SHARED_PROOFS_PER_AGENT_MAX * 4 <= SHARED_PROOFS_PER_SLOT_MAX);
};
