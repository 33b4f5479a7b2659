//! What a request is for: one tool, one method, and the scopes that takes.
//!
//! An [`Operation`] exists only for what the resource maps; everything else is refused by default.

use core::ops::Range;

use crate::a2a::tasks::Handout;
use crate::bound::Holder;
use crate::config::{Needs, ScopeSet};
use crate::mcp::listing::Listing;
use crate::rejection::Rejection;

/// A mapped operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// For records: the tool's or the method's name.
    pub(crate) label: String,
    /// What the exchanged token must carry, and no more.
    pub(crate) scopes: ScopeSet,
    /// How often one exchanged token may be used again; `None` for as long as it lives.
    pub(crate) reuse_max: Option<u32>,
    /// What must change in the request, besides its credential.
    pub(crate) edit: RequestEdit,
    /// Where its answer is a list: what of it may be shown.
    pub(crate) lists: Option<Listing>,
    /// Where tasks are bound: which of them its answer gives out.
    pub(crate) tasks: Option<Box<Handout>>,
    /// Whom a session that begins or goes on with it serves, where the resource binds them.
    pub(crate) holder: Option<Holder>,
}

impl Operation {
    /// An operation that needs `scopes` and changes nothing.
    pub(crate) fn new(label: &str, scopes: ScopeSet) -> Self {
        Self {
            label: label.to_owned(),
            scopes,
            reuse_max: None,
            edit: RequestEdit::default(),
            lists: None,
            tasks: None,
            holder: None,
        }
    }

    /// An operation whose needs were checked.
    pub(crate) fn of(label: &str, needs: &Needs) -> Self {
        Self { reuse_max: needs.reuse_max, ..Self::new(label, needs.scopes.clone()) }
    }

    /// An operation that may do what any of these stands for, all of whose needs were checked; `None` for nothing at all.
    pub(crate) fn of_all(label: &str, all: &[&Needs]) -> Option<Self> {
        let (first, others) = all.split_first()?;
        let scopes = others.iter().fold(first.scopes.clone(), |scopes, needs| scopes.union(&needs.scopes));
        let reuse_max = all.iter().filter_map(|needs| needs.reuse_max).min();
        Some(Self { reuse_max, ..Self::new(label, scopes) })
    }
}

impl Operation {
    /// Says that the answer may be a list, of which only so much is to be shown.
    pub(crate) fn listing(&mut self, listing: Listing) {
        self.lists = Some(listing);
        self.edit.ask_for_plain();
    }

    /// Says that the answer gives out tasks, of which only these are to be bound.
    pub(crate) fn hands_out(&mut self, handout: Handout) {
        self.tasks = Some(Box::new(handout));
        self.edit.ask_for_plain();
    }
}

/// Changes to a request that follow from what it calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestEdit {
    pub(crate) remove: Vec<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<BodyEdit>,
}

impl RequestEdit {
    /// What is encoded could not be read.
    pub(crate) fn ask_for_plain(&mut self) {
        const PLAIN: (&str, &str) = ("accept-encoding", "identity");
        if !self.headers.iter().any(|(name, _)| *name == PLAIN.0) {
            self.headers.push((PLAIN.0, PLAIN.1.to_owned()));
        }
    }

    /// Whoever gets what they ask for in parts (RFC 9110 §14) puts together what no part holds.
    pub(crate) fn ask_for_all(&mut self) {
        self.remove.extend(["range", "if-range"]);
    }

    /// For a body that may be edited when its headers, and with them its length, are gone.
    pub(crate) fn forget_length(&mut self) {
        self.remove.push("content-length");
    }
}

/// A body whose beginning is replaced; the rest goes on as it was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyEdit {
    /// How many bytes of the body are replaced.
    pub take: usize,
    /// What takes their place.
    pub put: Vec<u8>,
}

impl BodyEdit {
    /// Puts `new` in place of the text value at `at` in `body`.
    ///
    /// # Errors
    ///
    /// None that can be, where `at` is a range of `body`.
    pub(crate) fn text_at(body: &str, at: Range<usize>, new: &str) -> Result<Self, Rejection> {
        Self::texts_at(body, vec![(at, new.to_owned())])?.ok_or(Rejection::Internal("an edit of nothing"))
    }

    /// Puts each text in place of the text value at its place in `body`; `None` where there is none. No two places overlap.
    ///
    /// # Errors
    ///
    /// As [`Self::text_at`].
    pub(crate) fn texts_at(body: &str, mut edits: Vec<(Range<usize>, String)>) -> Result<Option<Self>, Rejection> {
        const WHERE: Rejection = Rejection::Internal("an edit outside the body");
        edits.sort_unstable_by_key(|(at, _)| at.start);
        let (mut take, mut put) = (0, Vec::new());
        for (at, new) in &edits {
            put.extend_from_slice(body.get(take..at.start).ok_or(WHERE)?.as_bytes());
            put.extend_from_slice(serde_json::Value::from(new.as_str()).to_string().as_bytes());
            take = at.end;
        }
        if take > body.len() {
            return Err(WHERE);
        }
        Ok((!edits.is_empty()).then_some(Self { take, put }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_the_one_text_and_nothing_else() {
        let body = r#"{"name":"outer","x":"é"}"#;
        let edit = BodyEdit::text_at(body, 8..15, "in\"ner").unwrap();
        let edited = [edit.put.as_slice(), body.as_bytes().get(edit.take..).unwrap()].concat();
        assert_eq!(String::from_utf8(edited).unwrap(), r#"{"name":"in\"ner","x":"é"}"#);
        assert!(BodyEdit::text_at(body, 8..999, "x").is_err());
        let edit = BodyEdit::texts_at(body, vec![(20..24, "b".to_owned()), (8..15, "a".to_owned())]).unwrap().unwrap();
        let edited = [edit.put.as_slice(), body.as_bytes().get(edit.take..).unwrap()].concat();
        assert_eq!(String::from_utf8(edited).unwrap(), r#"{"name":"a","x":"b"}"#);
        assert_eq!(BodyEdit::texts_at(body, Vec::new()), Ok(None));
    }
}
