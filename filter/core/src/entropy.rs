//! Identifiers that stay unpredictable when the host's randomness fails in the middle of things.
//!
//! A transaction id or the `jti` of a client assertion must neither repeat nor be guessed; sixteen zero bytes would be both.
//! So fresh bytes are mixed into a secret state and drawn from it: a source that falls silent later leaves every draw as secret as the seed.
//! There is no seed without randomness: whoever has none draws nothing at all.

use crate::digest::sha256;

/// A secret state that is drawn from. Its `Debug` form shows nothing of it.
pub struct Entropy {
    state: [u8; 32],
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
        Self { state: sha256(&[one, other].concat()) }
    }

    /// Sixteen bytes, with whatever fresh ones there are mixed in.
    pub fn draw(&mut self, fresh: Option<[u8; 16]>) -> [u8; 16] {
        let fresh = fresh.unwrap_or_default();
        // One-way, and two different labels: a draw tells nothing of the state before or after it.
        let mixed = sha256(&[b"state".as_slice(), &self.state, &fresh].concat());
        self.state = mixed;
        let [drawn @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            sha256(&[b"drawn".as_slice(), &self.state].concat());
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_silent_source_repeats_nothing() {
        let mut entropy = Entropy::seeded([1; 16], [2; 16]);
        let drawn: BTreeSet<[u8; 16]> = (0..1000).map(|_| entropy.draw(None)).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(!drawn.contains(&[0; 16]));
    }

    #[test]
    fn draws_depend_on_the_seed_and_on_what_is_fresh() {
        let draw = |seed, fresh| Entropy::seeded([seed; 16], [0; 16]).draw(fresh);
        assert_ne!(draw(1, None), draw(2, None));
        assert_ne!(draw(1, Some([1; 16])), draw(1, Some([2; 16])));
        assert_ne!(draw(1, Some([1; 16])), [1; 16]);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Entropy::seeded([1; 16], [2; 16])), "Entropy([redacted])");
    }
}
