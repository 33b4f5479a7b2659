//! Names that some parser takes for one another: in another case, and with or without joints.
//!
//! Compared letter by letter, as far as the first that differs; nothing is copied. Absent: what parsers do to a name beyond its spelling.

use core::char::{ToLowercase, ToUppercase};

/// Letters in one case.
///
/// Not ASCII alone: Go's `encoding/json` folds U+017F to `s` and U+212A to `k`, so `paramſ` is `params` to it; and Java's `equalsIgnoreCase` U+0130 to `i`.
struct InOneCase<L> {
    letters: L,
    /// What is left of a letter that several stand for.
    rest: Option<Folded>,
}

type Folded = core::iter::FlatMap<ToUppercase, ToLowercase, fn(char) -> ToLowercase>;

impl<L: Iterator<Item = char>> Iterator for InOneCase<L> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if let Some(letter) = self.rest.as_mut().and_then(Iterator::next) {
            return Some(letter);
        }
        match self.letters.next()? {
            '\u{130}' => Some('i'),
            // The same letter, without looking it up: names are ASCII in all but attacks.
            letter if letter.is_ascii() => Some(letter.to_ascii_lowercase()),
            letter => self.rest.insert(letter.to_uppercase().flat_map(char::to_lowercase)).next(),
        }
    }
}

/// The letters of a name in one case, with its joints.
pub(crate) fn in_one_case(letters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    InOneCase { letters, rest: None }
}

/// Whether a letter has nothing of ASCII for its first in one case. True only where it has; looking it up takes longer than this.
pub(crate) const fn begins_beyond_ascii(letter: char) -> bool {
    !letter.is_ascii()
        && !matches!(
            letter,
            // `ß`, dotted and dotless `i`, the long `s`, letters with a mark that no capital has, the Kelvin sign, ligatures.
            '\u{df}' | '\u{130}' | '\u{131}' | '\u{17f}' | '\u{1f0}' | '\u{1e96}'..='\u{1e9a}' | '\u{212a}' | '\u{fb00}'..='\u{fb06}'
        )
}

/// The letters of a name as all readers of it have them in common, in one case and without joints.
///
/// `taskId` and `task_id` are one name to readers of protobuf's JSON, and to models whose fields have an alias in another style.
pub(crate) fn letters(name: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    in_one_case(name.filter(|letter| !matches!(letter, '_' | '-')))
}

/// One text for all spellings that differ in case only, for names that no parser joins or parts.
pub(crate) fn folded(name: &str) -> String {
    in_one_case(name.chars()).collect()
}

/// The member that leads JavaScript to another object: what is in it is found by whoever looks for a member that is not there.
pub(crate) const PROTOTYPE: &str = "__proto__";

/// Whether some parser takes the two for the same name.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    letters(one.chars()).eq(letters(other.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_in_every_spelling_that_some_parser_folds() {
        for (one, other, want) in [
            ("params", "PARAMS", true),
            ("params", "param\u{17f}", true),
            ("task", "tas\u{212a}", true),
            ("id", "\u{130}d", true),
            ("params", "param", false),
            ("param", "params", false),
            ("\u{e9}", "\u{c9}", true),
            ("\u{df}", "SS", true),
            ("approved_by", "approvedBy", true),
            ("approved_by", "Approved-By", true),
            ("approved_by", "approvedBye", false),
            ("a", "_a_", true),
        ] {
            assert_eq!(alike(one, other), want, "{one} {other}");
        }
    }

    #[test]
    fn what_begins_beyond_ascii_does_so_in_one_case() {
        for letter in '\0'..=char::MAX {
            let first = in_one_case(core::iter::once(letter)).next();
            let beyond = first.is_some_and(|first| !first.is_ascii());
            assert_eq!(begins_beyond_ascii(letter), beyond, "{letter:?}");
        }
    }

    #[test]
    fn a_folded_text_keeps_its_joints() {
        assert_eq!(folded("Read_ME-\u{212a}\u{130}"), "read_me-ki");
        assert_ne!(folded("read_me"), folded("readMe"));
    }
}
