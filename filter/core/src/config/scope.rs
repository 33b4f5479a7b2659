//! OAuth scopes: sets of them, and the patterns that forbid them.
//!
//! Scopes are compared exactly: RFC 6749 §3.3 calls them "case-sensitive strings".
//! A pattern can only forbid; nothing in configuration grants by pattern.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::limits::{SCOPE_BYTES_MAX, SCOPES_MAX};

/// A set of scopes, possibly empty. Copies are shared.
///
/// Invariant: every member is an RFC 6749 §3.3 `scope-token`; at most [`SCOPES_MAX`] of them.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopeSet(Arc<BTreeSet<String>>);

impl ScopeSet {
    /// The set of those scopes.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for a scope outside the grammar, or a bound exceeded.
    pub fn new<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut set = BTreeSet::new();
        for scope in scopes {
            check_token(scope)?;
            set.insert(scope.to_owned());
            if set.len() > SCOPES_MAX {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(Self(Arc::new(set)))
    }

    /// Reads the space-delimited `scope` of a token or a token response; an empty string is the empty set.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for a scope outside the grammar, or a bound exceeded.
    pub fn parse(scope: &str) -> Result<Self, ScopeError> {
        if scope.is_empty() {
            return Ok(Self::default());
        }
        Self::new(scope.split(' '))
    }

    /// The `scope` parameter of a token request: the members in alphabetical order, one space between.
    #[must_use]
    pub fn to_parameter(&self) -> String {
        self.iter().collect::<Vec<_>>().join(" ")
    }

    /// Whether exactly that scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(Arc::new(self.0.intersection(&other.0).cloned().collect()))
    }

    /// The scopes that are in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(Arc::new(self.0.union(&other.0).cloned().collect()))
    }

    /// Whether there is no scope in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A scope, or with a trailing `*` every scope that begins like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopePattern {
    text: String,
    prefix: bool,
}

impl ScopePattern {
    /// Reads a pattern; `*` means something at the end only, and is refused anywhere else.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] for a pattern outside the grammar.
    pub fn parse(pattern: &str) -> Result<Self, ScopeError> {
        check_token(pattern)?;
        let (text, prefix) = pattern.strip_suffix('*').map_or((pattern, false), |text| (text, true));
        if text.contains('*') {
            return Err(ScopeError::Wildcard);
        }
        Ok(Self { text: text.to_owned(), prefix })
    }

    /// Whether `scope` is one that the pattern names.
    #[must_use]
    pub fn matches(&self, scope: &str) -> bool {
        if self.prefix { scope.starts_with(&self.text) } else { scope == self.text }
    }
}

impl fmt::Display for ScopePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.prefix { "*" } else { "" })
    }
}

/// Why a scope or a pattern was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeError {
    /// Outside `1*( %x21 / %x23-5B / %x5D-7E )`.
    Character,
    /// An empty scope, or two spaces in a row.
    Empty,
    /// One scope is longer than [`SCOPE_BYTES_MAX`].
    TooLong,
    /// More than [`SCOPES_MAX`].
    TooMany,
    /// A `*` that is not the last character.
    Wildcard,
}

/// RFC 6749 §3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn check_token(scope: &str) -> Result<(), ScopeError> {
    if scope.is_empty() {
        return Err(ScopeError::Empty);
    }
    if scope.len() > SCOPE_BYTES_MAX {
        return Err(ScopeError::TooLong);
    }
    if scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
        Ok(())
    } else {
        Err(ScopeError::Character)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_reads_back() {
        let scopes = ScopeSet::parse("b a a:x").unwrap();
        assert_eq!(scopes.to_parameter(), "a a:x b");
        assert_eq!(ScopeSet::parse("").unwrap(), ScopeSet::default());
        assert!(!scopes.contains("A") && scopes.contains("a:x"));
    }

    #[test]
    fn other_scopes_are_refused() {
        for (scope, want) in [
            (" ", ScopeError::Empty),
            ("a  b", ScopeError::Empty),
            ("a\tb", ScopeError::Character),
            ("a\"b", ScopeError::Character),
            ("a\\b", ScopeError::Character),
            ("\u{e9}", ScopeError::Character),
            ("a\u{7f}", ScopeError::Character),
        ] {
            assert_eq!(ScopeSet::parse(scope), Err(want), "{scope:?}");
        }
    }

    #[test]
    fn bounds_hold_at_and_one_past() {
        let longest = "x".repeat(SCOPE_BYTES_MAX);
        assert!(ScopeSet::parse(&longest).is_ok());
        assert_eq!(ScopeSet::parse(&format!("{longest}x")), Err(ScopeError::TooLong));
        let many = |count: usize| (0..count).map(|at| format!("s{at}")).collect::<Vec<_>>().join(" ");
        assert_eq!(ScopeSet::parse(&many(SCOPES_MAX)).unwrap().len(), SCOPES_MAX);
        assert_eq!(ScopeSet::parse(&many(SCOPES_MAX + 1)), Err(ScopeError::TooMany));
    }

    #[test]
    fn a_star_means_something_at_the_end_only() {
        let family = ScopePattern::parse("Aurora-DB:*").unwrap();
        assert!(family.matches("Aurora-DB:read") && family.matches("Aurora-DB:"));
        assert!(!family.matches("Aurora-DB") && !family.matches("aurora-db:read"));
        let one = ScopePattern::parse("a").unwrap();
        assert!(one.matches("a") && !one.matches("ab"));
        assert!(ScopePattern::parse("*").unwrap().matches("anything"));
        for pattern in ["*a", "a*b", "a**"] {
            assert_eq!(ScopePattern::parse(pattern), Err(ScopeError::Wildcard), "{pattern}");
        }
        assert_eq!(ScopePattern::parse(""), Err(ScopeError::Empty));
        assert_eq!(family.to_string(), "Aurora-DB:*");
    }
}
