//! DPoP proofs that any worker has seen used (RFC 9449 §11.1).
//!
//! A proof is noted in the slot of its digest before the request that it came with goes on; of two workers that note one at once,
//! the second sees the first. It stays until its `iat` alone would refuse it where it was used, under a changed configuration too; one with a longer `max_age`
//! may take it again once it is forgotten.
//! A full slot refuses, as a full memory of the worker does, and one agent fills a quarter of one at most.
//! A slot that is gone or does not open knows nothing: then each worker's own memory is all there is.

use crate::digest::sha256;
use crate::dpop::{DpopError, ProvenKey};
use crate::limits::{SHARED_PROOFS_PER_AGENT_MAX, SHARED_PROOFS_PER_SLOT_MAX, SHARED_WRITES_MAX};
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::sharing::slot::Slot;
use crate::sharing::{Looked, Sharing};
use crate::time::UnixSeconds;

/// Of 32 bytes of a digest, what tells two proofs apart; half a digest is still out of reach.
const PROOF_BYTES: usize = 16;

/// Of the digest of an agent's identifier, what tells two apart that share a slot. Two that are taken for one share a bound, no more.
const AGENT_BYTES: usize = 8;

/// One used proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    proof: [u8; PROOF_BYTES],
    agent: [u8; AGENT_BYTES],
    /// The last second in which it could be used.
    ends: UnixSeconds,
}

impl Used {
    fn new(agent: &str, proof: &ProvenKey) -> Option<Self> {
        let (proof_start, _) = proof.seen.split_first_chunk()?;
        let digest = sha256(agent.as_bytes());
        let (agent, _) = digest.split_first_chunk()?;
        Some(Self { proof: *proof_start, agent: *agent, ends: proof.ends })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.proof);
        bytes.extend(self.agent);
        bytes.extend(self.ends.get().to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (proof, bytes) = bytes.split_first_chunk()?;
        let (agent, bytes) = bytes.split_first_chunk()?;
        let (ends, bytes) = bytes.split_first_chunk()?;
        let ends = UnixSeconds::new(u64::from_be_bytes(*ends));
        Some((Self { proof: *proof, agent: *agent, ends }, bytes))
    }
}

fn encode(all: &[Used]) -> Vec<u8> {
    let mut bytes = Vec::new();
    all.iter().for_each(|used| used.encode(&mut bytes));
    bytes
}

/// All used proofs of a slot; `None` where the bytes are no list of them.
fn decode(mut bytes: &[u8]) -> Option<Vec<Used>> {
    let mut all = Vec::new();
    while !bytes.is_empty() && all.len() < SHARED_PROOFS_PER_SLOT_MAX {
        let (used, rest) = Used::decode(bytes)?;
        all.push(used);
        bytes = rest;
    }
    bytes.is_empty().then_some(all)
}

/// Adds one, without what could not be used again anyway.
fn add(mut all: Vec<Used>, used: Used, now: UnixSeconds) -> Result<Vec<Used>, Rejection> {
    all.retain(|other| other.ends >= now);
    if all.iter().any(|other| other.proof == used.proof) {
        return Err(Rejection::Dpop(DpopError::Replayed));
    }
    let of_agent = all.iter().filter(|other| other.agent == used.agent).count();
    if of_agent >= SHARED_PROOFS_PER_AGENT_MAX || all.len() >= SHARED_PROOFS_PER_SLOT_MAX {
        return Err(Rejection::Overloaded);
    }
    all.push(used);
    Ok(all)
}

impl Sharing {
    /// Marks a proof of `agent` as used, for all workers.
    ///
    /// # Errors
    ///
    /// [`DpopError::Replayed`] where another worker saw it, [`Rejection::Overloaded`] where it could not be noted.
    pub(crate) fn take_proof(
        &mut self,
        agent: &str,
        proof: &ProvenKey,
        ambient: &mut Ambient<'_>,
    ) -> Result<(), Rejection> {
        if !self.is_open() {
            return Ok(());
        }
        let slot = Slot::of_proof(&proof.seen);
        let used = Used::new(agent, proof).ok_or(Rejection::Internal("a digest is shorter than itself"))?;
        for _ in 0..SHARED_WRITES_MAX {
            let Some(found) = self.get(slot, ambient.shared) else {
                return Ok(());
            };
            let known = self.open_slot(slot, &found, decode).unwrap_or_default();
            let all = encode(&add(known, used, ambient.now)?);
            if self.seal_slot(slot, found.version, &all, ambient) {
                return Ok(());
            }
            self.tally(slot, Looked::Lost);
        }
        Err(Rejection::Overloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DPOP_PROOFS_PER_AGENT_MAX, SHARED_PROOF_SLOTS};

    const NOW: UnixSeconds = UnixSeconds::new(1000);

    fn used(agent: u8, number: usize, ends: u64) -> Used {
        let mut proof = [0; PROOF_BYTES];
        proof.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        Used { proof, agent: [agent; AGENT_BYTES], ends: UnixSeconds::new(ends) }
    }

    fn full_of(agent: u8, count: usize) -> Vec<Used> {
        (0..count).map(|number| used(agent, number, 1000)).collect()
    }

    #[test]
    fn a_slot_comes_back_as_it_was_up_to_its_largest() {
        for count in [0, 1, SHARED_PROOFS_PER_SLOT_MAX] {
            let all = full_of(7, count);
            assert_eq!(decode(&encode(&all)), Some(all));
        }
        assert_eq!(decode(&encode(&full_of(7, SHARED_PROOFS_PER_SLOT_MAX + 1))), None);
        assert_eq!(decode(&[1, 2, 3]), None);
    }

    #[test]
    fn a_proof_is_there_until_its_last_second() {
        let all = add(Vec::new(), used(1, 1, 1000), NOW);
        assert_eq!(all.as_ref().map(Vec::len), Ok(1));
        let all = all.unwrap_or_default();
        let replayed = Err(Rejection::Dpop(DpopError::Replayed));
        assert_eq!(add(all.clone(), used(1, 1, 1000), NOW), replayed);
        assert_eq!(add(all.clone(), used(2, 1, 1000), NOW), replayed, "whoever brings it");
        assert_eq!(add(all.clone(), used(1, 2, 1000), NOW).map(|all| all.len()), Ok(2));
        assert_eq!(add(all, used(1, 2, 1002), UnixSeconds::new(1001)).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn a_full_slot_refuses_and_one_agent_leaves_most_of_it() {
        let mine = full_of(1, SHARED_PROOFS_PER_AGENT_MAX);
        assert!(add(full_of(1, SHARED_PROOFS_PER_AGENT_MAX - 1), used(1, 9999, 1000), NOW).is_ok());
        assert_eq!(add(mine.clone(), used(1, 9999, 1000), NOW), Err(Rejection::Overloaded));
        assert!(add(mine.clone(), used(2, 9999, 1000), NOW).is_ok());
        let others = (0..SHARED_PROOFS_PER_SLOT_MAX - SHARED_PROOFS_PER_AGENT_MAX)
            .map(|number| used(if number % 2 == 0 { 2 } else { 3 }, 1000 + number, 1000));
        let full: Vec<Used> = mine.into_iter().chain(others).collect();
        assert_eq!(add(full.clone(), used(4, 9999, 1000), NOW), Err(Rejection::Overloaded));
        assert!(add(full, used(4, 9999, 1001), UnixSeconds::new(1001)).is_ok(), "what ended makes room");
    }

    #[test]
    fn what_one_worker_remembers_of_an_agent_spreads_over_the_slots() {
        let mut held = std::collections::BTreeMap::<String, usize>::new();
        for number in 0..DPOP_PROOFS_PER_AGENT_MAX * 2 {
            *held.entry(Slot::of_proof(&sha256(&number.to_be_bytes())).name()).or_default() += 1;
        }
        assert_eq!(u32::try_from(held.len()), Ok(SHARED_PROOF_SLOTS));
        assert!(held.values().all(|count| *count < SHARED_PROOFS_PER_AGENT_MAX), "{held:?}");
    }
}
