//! A secret that goes upstream in place of the caller's credential, and comes back to nobody.
//!
//! It is known again in every answer, in headers, trailers and bodies: the secret itself, and its encoding for Basic where it is sent so.
//! How it is looked for, and what is not found, is `echo`'s.

use crate::redacted::Redacted;

/// What is injected, and what it is known again by.
#[derive(Debug)]
pub struct Injection {
    header: String,
    value: Redacted<String>,
    traces: Vec<Redacted<String>>,
}

impl Injection {
    /// `value` in `header`; any of `traces` in an answer gives it away. Made when the configuration is loaded.
    pub(crate) fn new(header: String, value: Redacted<String>, traces: Vec<Redacted<String>>) -> Self {
        Self { header, value, traces }
    }

    /// The header, its name in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    pub(crate) const fn value(&self) -> &Redacted<String> {
        &self.value
    }

    /// What it is known again by.
    pub(crate) fn traces(&self) -> &[Redacted<String>] {
        &self.traces
    }
}
