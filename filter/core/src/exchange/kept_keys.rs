//! The exchange keys that one delegation led to last, so that a request like the one before hashes nothing.
//!
//! They are kept in the delegation itself, and nothing of a delegation changes after it was made. So whose token it is, who acts and who
//! is on the line need no comparison: what another delegation led to is not here. Everything else that goes into a key is compared, whole.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Mutex;

use crate::config::ScopeSet;
use crate::exchange::request::ExchangeKey;
use crate::limits::{EXCHANGE_KEY_SCOPES_KEPT_MAX, EXCHANGE_KEYS_KEPT_MAX};

/// What a key depends on beside the delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The digest of the configuration document.
    pub(super) generation: [u8; 32],
    /// The digest of what tells two exchanges apart.
    pub(super) exchange: [u8; 32],
    pub(super) scopes: ScopeSet,
}

/// The latest keys of one delegation, oldest forgotten first.
#[derive(Default)]
pub(crate) struct KeptKeys(Mutex<VecDeque<(Asked, ExchangeKey)>>);

impl fmt::Debug for KeptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptKeys")
    }
}

impl KeptKeys {
    /// The key of exactly this, or what `make` says it is.
    pub(super) fn get_or_make(&self, asked: &Asked, make: impl FnOnce() -> ExchangeKey) -> ExchangeKey {
        let Ok(mut kept) = self.0.lock() else {
            return make();
        };
        if let Some((_, key)) = kept.iter().find(|(before, _)| before == asked) {
            return *key;
        }
        let key = make();
        if asked.scopes.iter().count() > EXCHANGE_KEY_SCOPES_KEPT_MAX {
            return key;
        }
        if kept.len() >= EXCHANGE_KEYS_KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((asked.clone(), key));
        key
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// Whether the key of `asked` is made anew, and not found.
    fn is_made(kept: &KeptKeys, asked: &Asked, key: u8) -> bool {
        let made = Cell::new(false);
        let got = kept.get_or_make(asked, || {
            made.set(true);
            ExchangeKey([key; 32])
        });
        assert_eq!(got, ExchangeKey([key; 32]), "another's key");
        made.get()
    }

    fn asked(generation: u8, exchange: u8, scopes: &str) -> Asked {
        let scopes = ScopeSet::parse(scopes).unwrap();
        Asked { generation: [generation; 32], exchange: [exchange; 32], scopes }
    }

    #[test]
    fn a_key_is_found_by_all_that_made_it_and_by_nothing_less() {
        let kept = KeptKeys::default();
        for (at, other) in [asked(1, 1, "a"), asked(2, 1, "a"), asked(1, 2, "a"), asked(1, 1, "b"), asked(1, 1, "a b")]
            .iter()
            .enumerate()
        {
            let key = u8::try_from(at).unwrap();
            assert!(is_made(&kept, other, key), "{other:?}");
            assert!(!is_made(&kept, &other.clone(), key), "{other:?}");
        }
        assert!(!is_made(&kept, &asked(1, 1, "a"), 0), "equal scopes of another list");
    }

    #[test]
    fn scopes_are_kept_at_the_bound_and_not_one_past() {
        let kept = KeptKeys::default();
        let scopes: Vec<String> = (0..=EXCHANGE_KEY_SCOPES_KEPT_MAX).map(|number| format!("s{number}")).collect();
        let (_, fewer) = scopes.split_first().unwrap();
        let (few, many) = (asked(1, 1, &fewer.join(" ")), asked(1, 1, &scopes.join(" ")));
        assert_eq!((is_made(&kept, &few, 0), is_made(&kept, &few, 0)), (true, false));
        assert_eq!((is_made(&kept, &many, 1), is_made(&kept, &many, 1)), (true, true));
    }

    #[test]
    fn memory_holds_at_the_bound_and_forgets_one_past() {
        let kept = KeptKeys::default();
        let bound = u8::try_from(EXCHANGE_KEYS_KEPT_MAX).unwrap();
        for number in 0..bound {
            assert!(is_made(&kept, &asked(number, 0, ""), number));
        }
        assert!(!is_made(&kept, &asked(0, 0, ""), 0));
        assert!(is_made(&kept, &asked(bound, 0, ""), bound));
        assert_eq!(kept.0.lock().unwrap().len(), EXCHANGE_KEYS_KEPT_MAX);
        assert!(is_made(&kept, &asked(0, 0, ""), 0));
    }
}
