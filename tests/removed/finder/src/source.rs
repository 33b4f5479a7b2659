//! One source file: its text, the checks found in it, and the changes that let them be taken out.

use std::ops::Range;

use proc_macro2::Span;

use crate::edits::Edits;
use crate::site::{Site, squeezed};

/// A file that is being changed.
#[derive(Debug)]
pub struct Source {
    /// From the project's root.
    pub file: String,
    /// As it stands.
    pub text: String,
    /// The changes.
    pub edits: Edits,
    /// The checks, each with where it begins.
    pub sites: Vec<(usize, Site)>,
}

impl Source {
    /// A file in which nothing was looked for yet.
    pub fn new(file: String, text: String) -> Self {
        Self { file, text, edits: Edits::default(), sites: Vec::new() }
    }

    /// The text of a place.
    pub fn quote(&self, range: &Range<usize>) -> String {
        squeezed(&self.text[range.clone()])
    }

    /// Notes a check that can be taken out by `number`.
    pub fn found(&mut self, number: u32, function: &str, range: &Range<usize>) {
        self.note(number, function, range, None);
    }

    /// Notes a check that cannot, but that still says when it refuses.
    pub fn found_fixed(&mut self, number: u32, function: &str, range: &Range<usize>, why: &str) {
        self.note(number, function, range, Some(why.to_owned()));
    }

    /// Says of the check noted last that something stands in for what it misses.
    pub fn stands_in(&mut self) {
        if let Some((_, site)) = self.sites.last_mut() {
            site.stands_in = true;
        }
    }

    /// Says of the check noted last that it only translates the refusal of another.
    pub fn translates(&mut self) {
        if let Some((_, site)) = self.sites.last_mut() {
            site.translates = true;
        }
    }

    fn note(&mut self, number: u32, function: &str, range: &Range<usize>, why_not: Option<String>) {
        let check = self.quote(range);
        let (file, function) = (self.file.clone(), function.to_owned());
        self.sites
            .push((range.start, Site { number, file, function, check, stands_in: false, why_not, translates: false }));
    }
}

/// Where in its file something stands.
pub fn range(span: Span) -> Range<usize> {
    span.byte_range()
}
