//! What is wrong with a configuration, said so that it can be put right.
//!
//! A message has four parts: the member, what was found there, what is wanted, and why or how.
//! What was found is quoted only where it cannot be a secret: names, words, URLs, durations; never keys or environment values.

use core::fmt;

use crate::limits::CONFIG_FOUND_CHARS_MAX;

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    found: String,
    want: String,
    advice: String,
}

impl ConfigError {
    /// The member it is about, such as `resources[0].accept.audience`; empty for the document itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "configuration" } else { &self.path };
        write!(f, "{path}: {}; want {}: {}", self.found, self.want, self.advice)
    }
}

impl core::error::Error for ConfigError {}

/// A member's place in the document. Costs nothing until it is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The document itself.
    Root,
    /// A member with a name of ours.
    Field(&'a Self, &'a str),
    /// A member with a name of the author's.
    Key(&'a Self, &'a str),
    /// An element of an array.
    Index(&'a Self, usize),
}

impl<'a> Path<'a> {
    /// The member of that name in this object.
    pub(crate) const fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    /// The entry of that name in this map.
    pub(crate) const fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    /// The element at that place in this array.
    pub(crate) const fn index(&'a self, at: usize) -> Self {
        Self::Index(self, at)
    }

    /// Nothing is there.
    pub(crate) fn missing(&self, want: impl Into<String>, advice: impl Into<String>) -> ConfigError {
        self.wrong("missing", want, advice)
    }

    /// Something is there that may be quoted.
    pub(crate) fn found(&self, found: &str, want: impl Into<String>, advice: impl Into<String>) -> ConfigError {
        self.wrong(format!("found {}", quoted(found)), want, advice)
    }

    /// Something is there that is described rather than quoted.
    pub(crate) fn wrong(
        &self,
        found: impl Into<String>,
        want: impl Into<String>,
        advice: impl Into<String>,
    ) -> ConfigError {
        ConfigError { path: self.to_string(), found: found.into(), want: want.into(), advice: advice.into() }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Key(Self::Root, name) if is_plain_key(name) => f.write_str(name),
            Self::Key(parent, name) if is_plain_key(name) => write!(f, "{parent}.{name}"),
            Self::Key(parent, name) => write!(f, "{parent}[{}]", quoted(name)),
            Self::Index(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

/// Whether a name reads as one after a dot.
fn is_plain_key(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
    !name.is_empty() && name.len() <= CONFIG_FOUND_CHARS_MAX && name.bytes().all(plain)
}

/// `text` as a JSON-like string on one line, cut where it is longer than anyone reads.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(CONFIG_FOUND_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// `words` as alternatives: `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
pub(crate) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_the_document() {
        let (root, id) = (Path::Root, "wlp1");
        let agents = root.field("agents");
        assert_eq!(agents.key(id).field("name").to_string(), "agents.wlp1.name");
        assert_eq!(agents.key("a.b").field("name").to_string(), "agents[\"a.b\"].name");
        assert_eq!(agents.key("").to_string(), "agents[\"\"]");
        let resources = root.field("resources");
        assert_eq!(resources.index(3).field("accept").to_string(), "resources[3].accept");
        assert_eq!(root.missing("a", "b").to_string(), "configuration: missing; want a: b");
    }

    #[test]
    fn quotes_stay_on_one_line_and_end() {
        assert_eq!(quoted("a\n\"b\"\u{1b}"), "\"a\\n\\\"b\\\"\\u{1b}\"");
        let longest = "x".repeat(CONFIG_FOUND_CHARS_MAX);
        assert_eq!(quoted(&longest), format!("\"{longest}\""));
        assert_eq!(quoted(&format!("{longest}y")), format!("\"{longest}…\""));
    }

    #[test]
    fn alternatives_read_like_a_sentence() {
        assert_eq!(alternatives([]), "nothing");
        assert_eq!(alternatives(["a"]), "\"a\"");
        assert_eq!(alternatives(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
