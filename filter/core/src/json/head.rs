//! Where the members stand that a message is decided by, found in the one pass in which it is checked. Nothing is built, and nothing copied.

use core::ops::Range;

use super::JsonError;
use super::reader::{Quoted, Reader};
use super::wanted::{Found, Wanted};
use crate::limits::{JSON_DEPTH_CEILING, JSON_MEMBERS_MAX};

/// Room for the names that are open at once in a message of the usual form.
const NAMES: usize = 16;

/// What there is of a member that is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where its value stands.
    pub(crate) at: Option<Range<usize>>,
    /// Some reader takes another member for it.
    pub(crate) is_contested: bool,
}

/// The members that are looked for in an object.
pub(crate) trait Head {
    /// All names that [`Self::place`] knows but that of the prototype; a name is known however it is written.
    fn names(&self) -> &'static Wanted;

    /// The place of the member that has exactly this name, or of what misleads by it.
    fn place(&mut self, name: &str) -> Option<&mut Place>;

    /// What is looked for in that member, where it is an object.
    fn inside(&mut self, name: &str) -> Option<&mut dyn Head>;
}

/// Reads one document as strictly as [`super::parse`], and says how many members it has; none where it is no object.
pub(crate) fn read_head(text: &str, depth_max: usize, head: &mut dyn Head) -> Result<Option<usize>, JsonError> {
    let depth_max = depth_max.min(JSON_DEPTH_CEILING);
    let mut reader = Reader::new(text, JSON_MEMBERS_MAX);
    reader.names.reserve(NAMES);
    let members = if reader.next() == b'{' {
        Some(reader.head(depth_max, head)?)
    } else {
        reader.pass(depth_max)?;
        None
    };
    reader.end().map(|()| members)
}

impl Reader<'_> {
    /// Reads the object that comes next, and says how many members it has.
    fn head(&mut self, depth_left: usize, head: &mut dyn Head) -> Result<usize, JsonError> {
        let depth_left = depth_left.checked_sub(1).ok_or(JsonError::TooDeep)?;
        self.step();
        let outer = self.names.len();
        let read = self.head_members(depth_left, head);
        let members = self.names.len().saturating_sub(outer);
        if self.told_apart(outer) { read.map(|()| members) } else { Err(JsonError::DuplicateName) }
    }

    fn head_members(&mut self, depth_left: usize, head: &mut dyn Head) -> Result<(), JsonError> {
        let mut first = true;
        while let Some(name) = self.name(&mut first)? {
            self.colon()?;
            let starts = self.next();
            let start = self.at;
            match find(name, head) {
                None => self.pass(depth_left)?,
                Some(name) => {
                    match head.inside(name) {
                        Some(inside) if starts == b'{' => self.head(depth_left, inside).map(|_| ())?,
                        Some(_) | None => self.pass(depth_left)?,
                    }
                    if let Some(place) = head.place(name) {
                        place.at = Some(start..self.at);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The name that is looked for, if it is that; and notes whom it misleads.
fn find<'t>(name: Quoted<'t>, head: &mut dyn Head) -> Option<&'t str> {
    // None that is looked for has a letter that must be escaped.
    if head.place(name.0).is_some() {
        return Some(name.0);
    }
    match head.names().find_written(name) {
        Found::Wanted(member) => Some(&member.name),
        Found::LookAlike(member) => contest(head.place(&member.name)),
        Found::Misleading(name) => contest(head.place(name)),
        Found::Noticed(_) | Found::Other => None,
    }
}

fn contest<'t>(place: Option<&mut Place>) -> Option<&'t str> {
    if let Some(place) = place {
        place.is_contested = true;
    }
    None
}
