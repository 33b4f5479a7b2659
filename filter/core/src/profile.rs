//! Entity profiles: what kind of entity a subject, a client or an actor is.
//!
//! draft-mora-oauth-entity-profiles: one string holding a space-delimited list, compared case-insensitively,
//! order without meaning, duplicates ignored.
//! A value nobody has heard of is kept, not refused: it fits no accepted set and so takes the restrictive branch.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::limits::{PROFILE_BYTES_MAX, PROFILES_MAX};

/// The word of configuration for an entity without a profile.
pub const UNCLASSIFIED: &str = "unclassified";

/// A non-empty set of entity profiles. Copies are shared.
///
/// Invariant: every member is lower case and made of letters, digits, `-`, `_` and `.`;
/// at most [`PROFILES_MAX`] of them, each at most [`PROFILE_BYTES_MAX`] long.
#[derive(Clone, PartialEq, Eq)]
pub struct Profiles(Arc<BTreeSet<String>>);

impl Profiles {
    /// Reads the space-delimited form in which claims carry it.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for an empty list, a character outside the grammar, or a bound exceeded.
    pub fn parse(list: &str) -> Result<Self, ProfileError> {
        Self::new(list.split(' '))
    }

    /// The set of those profiles.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for an empty list, a character outside the grammar, or a bound exceeded.
    pub fn new<'a>(profiles: impl IntoIterator<Item = &'a str>) -> Result<Self, ProfileError> {
        let mut set = BTreeSet::new();
        for profile in profiles {
            if profile.is_empty() {
                return Err(ProfileError::Empty);
            }
            if profile.len() > PROFILE_BYTES_MAX {
                return Err(ProfileError::TooLong);
            }
            if !profile.bytes().all(is_profile_byte) {
                return Err(ProfileError::Character);
            }
            set.insert(profile.to_ascii_lowercase());
            if set.len() > PROFILES_MAX {
                return Err(ProfileError::TooMany);
            }
        }
        if set.is_empty() { Err(ProfileError::Empty) } else { Ok(Self(Arc::new(set))) }
    }

    /// What an entity is that does not say what it is.
    ///
    /// draft-mora-oauth-entity-profiles: an absent value is unclassified and takes the most restrictive policy,
    /// so it is accepted only where the configuration lists this very word.
    #[must_use]
    pub fn unclassified() -> Self {
        Self(Arc::new(BTreeSet::from([UNCLASSIFIED.to_owned()])))
    }

    /// Whether `profile` is in the set, in whatever case it is written.
    #[must_use]
    pub fn contains(&self, profile: &str) -> bool {
        if profile.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.0.contains(&profile.to_ascii_lowercase());
        }
        self.0.contains(profile)
    }

    /// Whether every profile of this set is in `accepted`: several values take the most restrictive policy.
    #[must_use]
    pub fn all_in(&self, accepted: &Self) -> bool {
        self.0.is_subset(&accepted.0)
    }

    /// The profiles in lower case, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a list of profiles was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// Something other than letters, digits, `-`, `_` and `.`.
    Character,
    /// No profile, or two spaces in a row.
    Empty,
    /// One profile is longer than [`PROFILE_BYTES_MAX`].
    TooLong,
    /// More than [`PROFILES_MAX`].
    TooMany,
}

/// `1*(ALPHA / DIGIT / "-" / "_" / ".")`.
fn is_profile_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sets_without_case() {
        let list = Profiles::parse("AI_Agent service ai_agent").unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), ["ai_agent", "service"]);
        assert_eq!(list, Profiles::parse("service ai_agent").unwrap());
        assert!(list.contains("AI_AGENT") && !list.contains("user"));
    }

    #[test]
    fn every_value_must_be_accepted() {
        let accepted = Profiles::parse("ai_agent service").unwrap();
        assert!(Profiles::parse("service").unwrap().all_in(&accepted));
        assert!(!Profiles::parse("service x.example").unwrap().all_in(&accepted));
    }

    #[test]
    fn other_lists_are_refused() {
        for (list, want) in [
            ("", ProfileError::Empty),
            (" ", ProfileError::Empty),
            ("user  service", ProfileError::Empty),
            ("user ", ProfileError::Empty),
            ("user,service", ProfileError::Character),
            ("us\u{e9}r", ProfileError::Character),
            ("user\tservice", ProfileError::Character),
            ("[\"user\"]", ProfileError::Character),
        ] {
            assert_eq!(Profiles::parse(list), Err(want), "{list:?}");
        }
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        let longest = "x".repeat(PROFILE_BYTES_MAX);
        assert!(Profiles::parse(&longest).is_ok());
        assert_eq!(Profiles::parse(&format!("{longest}x")), Err(ProfileError::TooLong));
        let many = |count: usize| (0..count).map(|at| format!("p{at}")).collect::<Vec<_>>().join(" ");
        assert!(Profiles::parse(&many(PROFILES_MAX)).is_ok());
        assert_eq!(Profiles::parse(&many(PROFILES_MAX + 1)), Err(ProfileError::TooMany));
    }
}
