//! Changes of one source text, collected in any order and made at once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

/// Where a text is put in: by offset, what closes before what opens, and what is inside closer to the source than what is around it.
type Place = (usize, bool, Reverse<usize>, i64);

/// What is put in and taken out.
#[derive(Debug, Default)]
pub struct Edits {
    put: BTreeMap<Place, String>,
    cut: Vec<Range<usize>>,
    made: i64,
}

impl Edits {
    /// Puts texts around a range; of two around the same range the first one is the outer one.
    pub fn around(&mut self, range: &Range<usize>, before: impl Into<String>, after: impl Into<String>) {
        self.made += 1;
        self.put.insert((range.start, true, Reverse(range.end), self.made), before.into());
        self.put.insert((range.end, false, Reverse(range.start), -self.made), after.into());
    }

    /// Takes a range out.
    pub fn cut(&mut self, range: Range<usize>) {
        self.cut.push(range);
    }

    /// The changed text.
    pub fn apply(mut self, source: &str) -> String {
        self.cut.sort_by_key(|range| range.start);
        let mut cuts = self.cut.into_iter().peekable();
        let mut out = String::with_capacity(source.len() * 2);
        let mut at = 0;
        let ends = (source.len(), true, Reverse(0), i64::MAX);
        let puts = self.put.into_iter().chain([(ends, String::new())]);
        for ((offset, ..), text) in puts {
            while let Some(cut) = cuts.next_if(|cut| cut.start < offset) {
                out.push_str(&source[at..cut.start.max(at)]);
                at = at.max(cut.end);
            }
            out.push_str(&source[at.min(offset)..offset]);
            at = at.max(offset);
            out.push_str(&text);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_encloses_begins_before_and_ends_after() {
        let source = "if a || b { c }";
        let mut edits = Edits::default();
        edits.around(&(3..9), "f(", ")");
        edits.around(&(3..4), "g(", ")");
        edits.around(&(8..9), "h(", ")");
        edits.cut(12..13);
        edits.around(&(12..13), "", "d");
        assert_eq!(edits.apply(source), "if f(g(a) || h(b)) { d }");
    }
}
