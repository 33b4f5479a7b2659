//! Policies by name, or by the beginning of a name: `query`, `read_*`, `*`.
//!
//! The name itself goes before every pattern, and a longer pattern before a shorter one, so there is never a choice.
//! A name that only a pattern allows must be one that every server reads alike, and like nothing that has a policy of its own:
//! `Delete` is not allowed by `*` where `delete` is listed, nor `file:///a/../b` by `file:///a/*`. A URI must be normal besides (`uri`).

use std::collections::{BTreeMap, BTreeSet};

use crate::config::uri;
use crate::spelling::folded;
use crate::value_rules::stays_inside;

/// What the names are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Names {
    /// Words, which servers compare.
    #[default]
    Words,
    /// URIs, which servers normalise.
    Uris,
}

impl Names {
    /// One text for all spellings that some server takes for one name.
    fn spelling(self, name: &str) -> String {
        match self {
            Self::Words => folded(name),
            Self::Uris => uri::spelling(name),
        }
    }

    /// Whether no server could read another name out of it.
    fn are_plain(self, name: &str) -> bool {
        is_plain(name) && (self == Self::Words || uri::is_normal(name))
    }
}

/// Policies by name or pattern.
#[derive(Clone, Debug)]
pub struct Patterns<T> {
    names: Names,
    exact: BTreeMap<String, T>,
    /// Spellings of the names of `exact`, without a slash at the end.
    spellings: BTreeSet<String>,
    /// Longest first.
    prefixes: Vec<Prefix<T>>,
}

#[derive(Clone, Debug)]
struct Prefix<T> {
    text: String,
    spelling: String,
    policy: T,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self { names: Names::default(), exact: BTreeMap::new(), spellings: BTreeSet::new(), prefixes: Vec::new() }
    }
}

impl<T> Patterns<T> {
    /// Sorts names from patterns; a `*` anywhere but at the end is the caller's to refuse.
    pub(super) fn new(names: Names, entries: Vec<(String, T)>) -> Self {
        let mut patterns = Self { names, ..Self::default() };
        for (name, policy) in entries {
            match name.strip_suffix('*') {
                Some(text) => {
                    patterns.prefixes.push(Prefix { text: text.to_owned(), spelling: names.spelling(text), policy });
                }
                None => {
                    patterns.spellings.insert(without_last_slash(&names.spelling(&name)).to_owned());
                    patterns.exact.insert(name, policy);
                }
            }
        }
        patterns.prefixes.sort_by_key(|prefix| core::cmp::Reverse(prefix.text.len()));
        patterns
    }

    /// The policy of `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&T> {
        if let Some(policy) = self.exact.get(name) {
            return Some(policy);
        }
        let at = self.prefixes.iter().position(|prefix| name.starts_with(&prefix.text))?;
        let spelling = self.names.spelling(name);
        let other = self.prefixes.iter().take(at).any(|prefix| spelling.starts_with(&prefix.spelling));
        if other || self.spellings.contains(without_last_slash(&spelling)) || !self.names.are_plain(name) {
            return None;
        }
        self.prefixes.get(at).map(|prefix| &prefix.policy)
    }

    /// The policy of `name` where it is listed itself.
    #[must_use]
    pub fn listed(&self, name: &str) -> Option<&T> {
        self.exact.get(name)
    }

    /// The policies of whatever a URI template may expand to: `{` ends what is known of it (RFC 6570 §2.2).
    #[must_use]
    pub fn covering(&self, template: &str) -> Vec<&T> {
        let Some((literal, _)) = template.split_once('{') else {
            return self.find(template).into_iter().collect();
        };
        let exact = self.exact.iter().filter(|(name, _)| name.starts_with(literal)).map(|(_, policy)| policy);
        let overlaps = |prefix: &&Prefix<T>| literal.starts_with(&prefix.text) || prefix.text.starts_with(literal);
        exact.chain(self.prefixes.iter().filter(overlaps).map(|prefix| &prefix.policy)).collect()
    }

    /// The policies of everything that a URI template may expand to, where all of it lies within one pattern; else none.
    ///
    /// [`Self::covering`] asks what a template may mean; this, what it must not get past.
    #[must_use]
    pub fn enclosing(&self, template: &str) -> Vec<&T> {
        let Some((literal, _)) = template.split_once('{') else {
            return self.find(template).into_iter().collect();
        };
        let Some(at) = self.prefixes.iter().position(|prefix| literal.starts_with(&prefix.text)) else {
            return Vec::new();
        };
        let spelling = self.names.spelling(literal);
        let other = self.prefixes.iter().take(at).any(|prefix| spelling.starts_with(&prefix.spelling));
        if other || !self.names.are_plain(literal) {
            return Vec::new();
        }
        let listed = self.exact.iter().filter(|(name, _)| self.names.spelling(name).starts_with(&spelling));
        let names = listed.map(|(_, policy)| policy);
        let others = self.prefixes.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, prefix)| prefix);
        let narrower = others.filter(|prefix| prefix.spelling.starts_with(&spelling));
        self.prefixes.get(at).into_iter().chain(narrower).map(|prefix| &prefix.policy).chain(names).collect()
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }
}

/// A slash at the end is nothing to some servers.
fn without_last_slash(spelling: &str) -> &str {
    spelling.trim_end_matches('/')
}

/// Whether no server could read another name out of it: no dot segments, no escape of what needs none (RFC 3986 §6.2.2.2).
fn is_plain(name: &str) -> bool {
    let needless = |escape: &str| {
        let digits = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        digits.is_none_or(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    stays_inside(name) && !name.split('%').skip(1).any(needless)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(names: &[&'static str]) -> Patterns<&'static str> {
        let kind = if names.iter().any(|name| name.contains(':')) { Names::Uris } else { Names::Words };
        Patterns::new(kind, names.iter().map(|name| ((*name).to_owned(), *name)).collect())
    }

    fn check(names: &[&'static str], name: &str, want: Option<&str>) {
        assert_eq!(patterns(names).find(name).copied(), want, "{name} in {names:?}");
    }

    #[test]
    fn the_most_specific_policy_is_the_one() {
        let all = ["*", "read_*", "read_all_*", "read_me"];
        check(&all, "read_me", Some("read_me"));
        check(&all, "read_you", Some("read_*"));
        check(&all, "read_all_x", Some("read_all_*"));
        check(&all, "read_", Some("read_*"));
        check(&all, "write", Some("*"));
        check(&["read_*"], "write", None);
        check(&[], "write", None);
    }

    #[test]
    fn another_spelling_does_not_escape_a_policy() {
        let all = ["*", "admin_*", "delete"];
        for name in ["Delete", "DELETE", "Admin_x", "ADMIN_", "delete%", "de%6cete", "a/../delete", "./delete"] {
            check(&all, name, None);
        }
        check(&all, "deleted", Some("*"));
        check(&["file:///*", "file:///k*"], "file:///\u{212a}x", None);
        check(&["file:///public/*"], "file:///public/../etc", None);
        check(&["file:///public/*"], "file:///public/a%20b", Some("file:///public/*"));
        check(&["file:///public/*"], "file:///public/%61", None);
        check(&["file:///public/*"], "FILE:///public/a", None);
        let secret = ["file:///public/*", "file:///public/secret", "file:///public/my note", "file:///public/\u{e9}"];
        for name in [
            "file:///public/secret ",
            "file:///public/secret/",
            "file:///public//secret",
            "file:///public/secret#x",
            "file:///public/my%20note",
            "file:///public/%C3%A9",
            "file:///public/%c3%a9",
        ] {
            check(&secret, name, None);
        }
        let inner = ["file:///pub/*", "file:///pub/in/*"];
        check(&inner, "file:///pub/inner", Some("file:///pub/*"));
        check(&inner, "file:///pub/IN/x", None);
        check(&secret, "file:///public/my note", Some("file:///public/my note"));
        check(&secret, "file:///public/my%20notes", Some("file:///public/*"));
        let hosts = ["*", "file:///secret", "https://h/x"];
        for name in ["file:/secret", "file://localhost/secret", "https://h:443/x", "https:h/x", "https://H/x"] {
            check(&hosts, name, None);
        }
    }

    #[test]
    fn a_template_lies_within_one_pattern_and_answers_for_what_is_narrower() {
        let all = ["file:///pub/*", "file:///pub/in/*", "file:///pub/secret", "file:///pub/In/K", "db://one"];
        let check = |template: &str, want: &[&str]| {
            let got: Vec<&str> = patterns(&all).enclosing(template).into_iter().copied().collect();
            assert_eq!(got, want, "{template}");
        };
        check("file:///pub/{+path}", &["file:///pub/*", "file:///pub/in/*", "file:///pub/In/K", "file:///pub/secret"]);
        check("file:///pub/s{x}", &["file:///pub/*", "file:///pub/secret"]);
        check("file:///pub/in/{x}", &["file:///pub/in/*", "file:///pub/In/K"]);
        check("file:///pub/secret", &["file:///pub/secret"]);
        check("file:///pub/z{x}", &["file:///pub/*"]);
        for outside in ["file:///{+path}", "{+uri}", "file:///pu{x}", "db://one{x}", "db://{x}", "FILE:///pub/{x}"] {
            check(outside, &[]);
        }
        for unclear in
            ["file:///pub/../{x}", "file:///pub/.{x}", "file:///pub/%7{x}", "file:///pub/%61{x}", "file:///pub/IN/{x}"]
        {
            check(unclear, &[]);
        }
    }
}
