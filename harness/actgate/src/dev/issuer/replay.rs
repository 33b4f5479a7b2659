//! Remembering what was used, for as long as it could be used again.
//!
//! Guaranteed: within its lifetime a name is "first" once.
//! Absent on purpose: a bound on the number of names; a development server ends with its run.

use std::collections::BTreeMap;

use super::http::UnixSeconds;

/// Names with the instant after which they need not be remembered.
#[derive(Debug, Default)]
pub(crate) struct Replays(BTreeMap<String, UnixSeconds>);

impl Replays {
    /// Whether `name` was not used before; it is used from here on.
    pub(crate) fn first_use(&mut self, now: UnixSeconds, name: &str, expires: UnixSeconds) -> bool {
        self.0.retain(|_, until| *until >= now);
        self.0.insert(name.to_owned(), expires).is_none()
    }
}
