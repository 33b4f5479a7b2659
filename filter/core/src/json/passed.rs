//! What no one looks at: checked where it stands as strictly as the rest, with nothing built of it and nothing copied.

use core::num::NonZeroUsize;

use super::JsonError;
use super::distinct::{Name, are_distinct};
use super::reader::Reader;
use super::scalar::{byte, past_number, past_space, past_text, past_word};

/// Where something ends, which is not where the text begins. None where it is faulty: syntax, unless the reader says more.
pub(super) type End = Option<NonZeroUsize>;

impl Reader<'_> {
    /// Passes the value that comes next.
    pub(super) fn pass(&mut self, depth_left: usize) -> Result<(), JsonError> {
        self.at = self.past_value(self.text.as_bytes(), self.at, depth_left).ok_or(self.fault)?.get();
        Ok(())
    }

    fn past_value(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let at = past_space(bytes, at);
        match byte(bytes, at) {
            b'-' | b'0'..=b'9' => past_number(bytes, at),
            b'"' => past_text(bytes, at),
            b'[' => self.past_array(bytes, at, depth_left),
            b'{' => self.past_object(bytes, at, depth_left),
            b't' => past_word(bytes, at, b"true"),
            b'f' => past_word(bytes, at, b"false"),
            b'n' => past_word(bytes, at, b"null"),
            _ => None,
        }
    }

    fn past_array(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail(JsonError::TooDeep);
        };
        let mut at = past_space(bytes, at.wrapping_add(1));
        if byte(bytes, at) == b']' {
            return NonZeroUsize::new(at.wrapping_add(1));
        }
        loop {
            let end = self.past_value(bytes, at, depth_left)?.get();
            let end = past_space(bytes, end);
            at = end.wrapping_add(1);
            match byte(bytes, end) {
                b',' => {}
                b']' => return NonZeroUsize::new(at),
                _ => return None,
            }
        }
    }

    fn past_object(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail(JsonError::TooDeep);
        };
        let at = past_space(bytes, at.wrapping_add(1));
        if byte(bytes, at) == b'}' {
            return NonZeroUsize::new(at.wrapping_add(1));
        }
        let outer = self.names.len();
        let end = self.past_members(bytes, at, depth_left);
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

    fn past_members(&mut self, bytes: &[u8], at: usize, depth_left: usize) -> End {
        let mut at = at;
        loop {
            if byte(bytes, at) != b'"' {
                return None;
            }
            let end = past_text(bytes, at)?.get();
            let Some(members_left) = self.members_left.checked_sub(1) else {
                return self.fail(JsonError::TooMany);
            };
            self.members_left = members_left;
            self.names.push(Name::at(at));
            let colon = past_space(bytes, end);
            if byte(bytes, colon) != b':' {
                return None;
            }
            let end = self.past_value(bytes, colon.wrapping_add(1), depth_left)?.get();
            let end = past_space(bytes, end);
            at = end.wrapping_add(1);
            match byte(bytes, end) {
                b',' => at = past_space(bytes, at),
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
