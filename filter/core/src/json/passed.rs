//! What no one looks at: checked where it stands as strictly as the rest, with nothing built of it and nothing copied.

use core::num::NonZeroUsize;

use super::JsonError;
use super::distinct::{Name, are_distinct};
use super::reader::Reader;
use super::scalar::{next, past_scalar, past_text};

/// Where something ends, which is not where the text begins. None where it is faulty: syntax, unless the reader says more.
pub(super) type End = Option<NonZeroUsize>;

impl Reader<'_> {
    /// Passes the value that comes next.
    pub(super) fn pass(&mut self, depth_left: usize) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        self.at = self.past_value(bytes, next(bytes, self.at), depth_left).ok_or(self.fault)?.get();
        Ok(())
    }

    /// The end of the value that begins there with that byte.
    #[expect(clippy::inline_always, reason = "the module is built for size, and this runs for each value")]
    #[inline(always)]
    fn past_value(&mut self, bytes: &[u8], (at, first): (usize, u8), depth_left: usize) -> End {
        match first {
            b'[' => self.past_array(bytes, at, depth_left),
            b'{' => self.past_object(bytes, at, depth_left),
            _ => past_scalar(bytes, at, first),
        }
    }

    fn past_array(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail(JsonError::TooDeep);
        };
        let mut value = next(bytes, at.wrapping_add(1));
        if value.1 == b']' {
            return NonZeroUsize::new(value.0.wrapping_add(1));
        }
        loop {
            let end = self.past_value(bytes, value, depth_left)?.get();
            let (end, after) = next(bytes, end);
            let at = end.wrapping_add(1);
            match after {
                b',' => value = next(bytes, at),
                b']' => return NonZeroUsize::new(at),
                _ => return None,
            }
        }
    }

    fn past_object(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail(JsonError::TooDeep);
        };
        let (at, first) = next(bytes, at.wrapping_add(1));
        if first == b'}' {
            return NonZeroUsize::new(at.wrapping_add(1));
        }
        let outer = self.names.len();
        let end = self.past_members(bytes, (at, first), depth_left);
        if self.told_apart(outer) { end } else { self.fail(JsonError::DuplicateName) }
    }

    /// Forgets the names of the innermost object, which begin at `outer`, and says whether no two of them are the same.
    ///
    /// Whatever came after a name that was there before, that was the first fault.
    pub(super) fn told_apart(&mut self, outer: usize) -> bool {
        let distinct = are_distinct(self.text, self.names.get_mut(outer..).unwrap_or_default());
        self.names.truncate(outer);
        distinct
    }

    fn past_members(&mut self, bytes: &[u8], name: (usize, u8), depth_left: usize) -> End {
        let mut name = name;
        loop {
            let (at, b'"') = name else {
                return None;
            };
            let end = past_text(bytes, at)?.get();
            let Some(members_left) = self.members_left.checked_sub(1) else {
                return self.fail(JsonError::TooMany);
            };
            self.members_left = members_left;
            self.names.push(Name::at(at));
            let (colon, b':') = next(bytes, end) else {
                return None;
            };
            let end = self.past_value(bytes, next(bytes, colon.wrapping_add(1)), depth_left)?.get();
            let (end, after) = next(bytes, end);
            let at = end.wrapping_add(1);
            match after {
                b',' => name = next(bytes, at),
                b'}' => return NonZeroUsize::new(at),
                _ => return None,
            }
        }
    }

    fn fail(&mut self, fault: JsonError) -> End {
        self.fault = fault;
        None
    }
}
