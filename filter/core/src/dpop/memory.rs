//! Proofs that were used here, so that none is used twice (RFC 9449 §11.1).
//!
//! A proof is remembered until its `iat` alone would refuse it, so forgetting lets nothing in.
//! A full memory refuses further proofs of that agent, and one agent cannot fill what another needs, nor one key what the agent's others need:
//! no proof is ever forgotten early.
//! The memory is one worker's: without shared data the same proof may pass once on each, as long as its `iat` lets it; a nonce shortens that.

use std::collections::{BTreeMap, BTreeSet};

use crate::dpop::{DpopError, ProvenKey};
use crate::limits::{DPOP_PROOFS_MAX, DPOP_PROOFS_PER_AGENT_MAX, DPOP_PROOFS_PER_KEY_MAX};
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// The proofs of one agent.
#[derive(Debug, Default)]
struct Used {
    known: BTreeSet<[u8; 32]>,
    /// With the key that made it.
    by_end: BTreeSet<(UnixSeconds, [u8; 32], [u8; 32])>,
    /// How many of each key are known.
    by_key: BTreeMap<[u8; 32], usize>,
}

impl Used {
    /// Forgets what could not be used again anyway; says how many were forgotten.
    fn prune(&mut self, now: UnixSeconds) -> usize {
        let before = self.known.len();
        while let Some(oldest) = self.by_end.first().copied().filter(|(ends, ..)| *ends < now) {
            let (_, proof, key) = oldest;
            self.by_end.remove(&oldest);
            self.known.remove(&proof);
            let left = self.by_key.remove(&key).unwrap_or_default().saturating_sub(1);
            if left > 0 {
                self.by_key.insert(key, left);
            }
        }
        before.saturating_sub(self.known.len())
    }
}

/// The used proofs of one worker.
#[derive(Debug, Default)]
pub(crate) struct UsedProofs {
    agents: BTreeMap<String, Used>,
    held: usize,
}

impl UsedProofs {
    /// Marks a proof of `agent` as used.
    ///
    /// # Errors
    ///
    /// [`DpopError::Replayed`] where it was used already, [`Rejection::Overloaded`] where it could not be remembered.
    pub(crate) fn take(&mut self, agent: &str, proof: &ProvenKey, now: UnixSeconds) -> Result<(), Rejection> {
        let used = self.agents.entry(agent.to_owned()).or_default();
        self.held = self.held.saturating_sub(used.prune(now));
        if used.known.contains(&proof.seen) {
            return Err(Rejection::Dpop(DpopError::Replayed));
        }
        let of_key = used.by_key.get(proof.thumbprint()).copied().unwrap_or_default();
        if of_key >= DPOP_PROOFS_PER_KEY_MAX
            || used.known.len() >= DPOP_PROOFS_PER_AGENT_MAX
            || self.held >= DPOP_PROOFS_MAX
        {
            return Err(Rejection::Overloaded);
        }
        used.known.insert(proof.seen);
        used.by_end.insert((proof.ends, proof.seen, *proof.thumbprint()));
        used.by_key.insert(*proof.thumbprint(), of_key.saturating_add(1));
        self.held = self.held.saturating_add(1);
        Ok(())
    }

    /// Forgets what could not be used again anyway.
    pub(crate) fn prune(&mut self, now: UnixSeconds) {
        for used in self.agents.values_mut() {
            self.held = self.held.saturating_sub(used.prune(now));
        }
        self.agents.retain(|_, used| !used.known.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    /// Two keys take turns, so that neither comes to its bound first.
    fn proof(number: usize, ends: u64) -> ProvenKey {
        proof_by(u8::from(number.is_multiple_of(2)), number, ends)
    }

    fn proof_by(key: u8, number: usize, ends: u64) -> ProvenKey {
        ProvenKey::for_test([key; 32], sha256(&number.to_be_bytes()), UnixSeconds::new(ends))
    }

    const REPLAYED: Result<(), Rejection> = Err(Rejection::Dpop(DpopError::Replayed));

    #[test]
    fn a_proof_is_used_once_until_its_end() {
        let mut used = UsedProofs::default();
        let at = UnixSeconds::new;
        assert_eq!(used.take("a", &proof(1, 100), at(50)), Ok(()));
        assert_eq!(used.take("a", &proof(1, 100), at(50)), REPLAYED);
        assert_eq!(used.take("a", &proof(1, 100), at(100)), REPLAYED);
        assert_eq!(used.take("b", &proof(2, 100), at(50)), Ok(()));
        used.prune(at(100));
        assert_eq!(used.held, 2);
        used.prune(at(101));
        assert_eq!((used.held, used.agents.len()), (0, 0));
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let mut used = UsedProofs::default();
        let now = UnixSeconds::new(50);
        for number in 0..DPOP_PROOFS_PER_AGENT_MAX {
            assert_eq!(used.take("a", &proof(number, 100), now), Ok(()));
        }
        assert_eq!(used.take("a", &proof(DPOP_PROOFS_PER_AGENT_MAX, 100), now), Err(Rejection::Overloaded));
        assert_eq!(used.take("a", &proof(0, 100), now), REPLAYED);
        // One agent's flood is not another's.
        assert_eq!(used.take("b", &proof(0, 100), now), Ok(()));
        assert_eq!(used.take("a", &proof(DPOP_PROOFS_PER_AGENT_MAX, 200), UnixSeconds::new(101)), Ok(()));
    }

    #[test]
    fn one_key_leaves_room_to_the_others_of_its_agent() {
        let mut used = UsedProofs::default();
        let now = UnixSeconds::new(50);
        for number in 0..DPOP_PROOFS_PER_KEY_MAX {
            assert_eq!(used.take("a", &proof_by(1, number, 100), now), Ok(()));
        }
        let next = DPOP_PROOFS_PER_KEY_MAX;
        assert_eq!(used.take("a", &proof_by(1, next, 100), now), Err(Rejection::Overloaded));
        assert_eq!(used.take("a", &proof_by(2, next, 100), now), Ok(()));
        // What ends makes room again.
        let later = UnixSeconds::new(101);
        assert_eq!(used.take("a", &proof_by(1, next, 200), later), Ok(()));
        assert_eq!(used.agents.get("a").map(|used| used.by_key.len()), Some(1));
    }

    #[test]
    fn the_memory_of_all_agents_is_bounded() {
        let mut used = UsedProofs::default();
        let now = UnixSeconds::new(50);
        let take = |used: &mut UsedProofs, number: usize| {
            let agent = number.checked_div(DPOP_PROOFS_PER_AGENT_MAX).unwrap_or_default().to_string();
            used.take(&agent, &proof(number, 100), now)
        };
        for number in 0..DPOP_PROOFS_MAX {
            assert_eq!(take(&mut used, number), Ok(()), "{number}");
        }
        assert_eq!(take(&mut used, DPOP_PROOFS_MAX), Err(Rejection::Overloaded));
    }
}
