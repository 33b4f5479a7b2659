//! What the demo holds true, counted, and how it ends when something is not.

use std::fmt;

use serde_json::Value;

/// Why the demo does not end well.
#[derive(Debug)]
pub enum Failure {
    /// Something could not be started or asked.
    Setup(String),
    /// A check did not hold.
    Check {
        /// What was checked.
        what: String,
        /// What should have been.
        expected: String,
        /// What was.
        found: String,
    },
    /// Something misbehaved, and every check held all the same.
    Unnoticed(String),
}

impl Failure {
    pub(super) fn setup(reason: impl ToString) -> Self {
        Self::Setup(reason.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(reason) => write!(f, "the demo cannot run: {reason}"),
            Self::Check { what, expected, found } => write!(f, "{what}: expected {expected}, found {found}"),
            Self::Unnoticed(what) => write!(f, "{what} was not noticed"),
        }
    }
}

impl std::error::Error for Failure {}

/// The checks that held so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    held: usize,
}

impl Checks {
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Both are the same.
    pub(super) fn same(&mut self, what: &str, found: &Value, expected: &Value) -> Result<(), Failure> {
        if found == expected {
            self.held += 1;
            return Ok(());
        }
        Err(Failure::Check { what: what.to_owned(), expected: plain(expected), found: plain(found) })
    }

    /// It is there.
    pub(super) fn some<T>(&mut self, what: &str, found: Option<T>) -> Result<T, Failure> {
        let missing = || Failure::Check { what: what.to_owned(), expected: "one".to_owned(), found: "none".to_owned() };
        let found = found.ok_or_else(missing)?;
        self.held += 1;
        Ok(found)
    }
}

/// Text without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
