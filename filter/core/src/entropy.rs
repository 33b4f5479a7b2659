//! Identifiers that stay unpredictable when the host's randomness fails in the middle of things.
//!
//! A transaction id or the `jti` of a client assertion must neither repeat nor be guessed; sixteen zero bytes would be both.
//! So fresh bytes are mixed into a secret state from time to time, and what is drawn is made of it: a source that falls silent later leaves
//! every draw as secret as the seed.
//! There is no seed without randomness: whoever has none draws nothing at all.

use crate::digest::sha256;

/// How many digests are drawn from one state, two draws each: a host takes as long for sixteen random bytes as for anything else it is asked.
const DIGESTS_OF_ONE_STATE: u8 = 16;

/// A secret state that is drawn from. Its `Debug` form shows nothing of it.
pub struct Entropy {
    state: [u8; 32],
    /// Digests that were made of this state; more than there may be where fresh bytes are due.
    made: u8,
    /// The second half of the last digest, until it is drawn.
    half: Option<[u8; 16]>,
}

impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy([redacted])")
    }
}

impl Entropy {
    /// Begins with two draws from the host's secure source.
    #[must_use]
    pub fn seeded(one: [u8; 16], other: [u8; 16]) -> Self {
        Self { state: sha256(&[one, other].concat()), made: DIGESTS_OF_ONE_STATE, half: None }
    }

    /// Sixteen bytes. Where fresh ones are due, whatever `fresh` has is mixed in first.
    pub fn draw(&mut self, fresh: impl FnOnce() -> Option<[u8; 16]>) -> [u8; 16] {
        if let Some(half) = self.half.take() {
            return half;
        }
        if self.made >= DIGESTS_OF_ONE_STATE {
            self.state = labelled(*b"state", &self.state, fresh().unwrap_or_default());
            self.made = 0;
        }
        self.made = self.made.saturating_add(1);
        let mut number = [0; 16];
        if let Some(last) = number.last_mut() {
            *last = self.made;
        }
        let digest = labelled(*b"drawn", &self.state, number);
        let (halves, _) = digest.as_chunks::<16>();
        self.half = halves.last().copied();
        halves.first().copied().unwrap_or_default()
    }
}

/// One-way, and under different labels: what is drawn tells nothing of the state, nor a state of the one before.
fn labelled(label: [u8; 5], state: &[u8; 32], more: [u8; 16]) -> [u8; 32] {
    let mut input = [0; 53];
    let parts = label.iter().chain(state).chain(&more);
    input.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
    sha256(&input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_silent_source_repeats_nothing() {
        let mut entropy = Entropy::seeded([1; 16], [2; 16]);
        let drawn: BTreeSet<[u8; 16]> = (0..1000).map(|_| entropy.draw(|| None)).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(!drawn.contains(&[0; 16]));
    }

    #[test]
    fn draws_depend_on_the_seed_and_on_what_is_fresh() {
        let draw = |seed, fresh| Entropy::seeded([seed; 16], [0; 16]).draw(|| fresh);
        assert_ne!(draw(1, None), draw(2, None));
        assert_ne!(draw(1, Some([1; 16])), draw(1, Some([2; 16])));
        assert_ne!(draw(1, Some([1; 16])), [1; 16]);
    }

    #[test]
    fn fresh_bytes_are_asked_for_once_in_so_many_draws_and_count_from_then_on() {
        let per_state = usize::from(DIGESTS_OF_ONE_STATE) * 2;
        let drawn = |fresh: u8| {
            let (mut entropy, mut asked) = (Entropy::seeded([1; 16], [2; 16]), Vec::new());
            let drawn: Vec<[u8; 16]> = (0..2 * per_state)
                .map(|at| {
                    entropy.draw(|| {
                        asked.push(at);
                        Some(if at == 0 { [9; 16] } else { [fresh; 16] })
                    })
                })
                .collect();
            (drawn, asked)
        };
        let ((one, asked), (other, _)) = (drawn(3), drawn(4));
        assert_eq!(asked, [0, per_state]);
        assert_eq!(one.get(..per_state), other.get(..per_state));
        assert!(one.iter().zip(&other).skip(per_state).all(|(one, other)| one != other));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Entropy::seeded([1; 16], [2; 16])), "Entropy([redacted])");
    }
}
