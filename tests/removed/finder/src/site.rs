//! One check, and where it stands.

use serde::{Deserialize, Serialize};

/// A place that refuses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    /// What the switch knows it by.
    pub number: u32,
    /// Its source file, from the project's root.
    pub file: String,
    /// The function it stands in, after its type where it has one.
    pub function: String,
    /// Its text, each run of white space one space.
    pub check: String,
    /// True where something stands in for what is missing, and may be refused itself.
    #[serde(default)]
    pub stands_in: bool,
    /// Why it cannot be taken out.
    pub why_not: Option<String>,
    /// True where it only says otherwise what another check refused already.
    #[serde(default)]
    pub translates: bool,
}

/// A text with each run of white space as one space.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
