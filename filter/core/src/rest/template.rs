//! Path templates as OpenAPI writes them: `/incidents/{id}/notes`, and with a verb at the end of a parameter, `/tasks/{id}:cancel`.
//!
//! A template matches whole segments, in the case written, of a path that has one reading only; nothing is decoded.
//! Of two templates that match one path, the more specific one decides; `Template::conflicts_with` says where there would be none,
//! so that a configuration in which two templates could claim one path never loads.

use crate::routing::is_plain;

/// A template, its segments in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// One segment. The order of the kinds is the order of their specificity.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{name}` with what must follow it within the segment, beginning with `:`; empty for nothing.
    Parameter {
        name: String,
        verb: String,
    },
}

/// Whether letters that differ in case are the same, as they are to some servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Exact,
    Folded,
}

/// What a segment must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'t> {
    Literal(&'t str),
    /// Anything with something before this; empty for nothing.
    Parameter {
        verb: &'t str,
    },
}

impl Template {
    /// Reads a template; `None` where it is not whole segments, each plain or one parameter, with every parameter once.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments: Vec<Segment> = text.strip_prefix('/')?.split('/').map(Segment::parse).collect::<Option<_>>()?;
        let last = segments.len().checked_sub(1)?;
        // An empty segment is a slash at the end, or the root.
        let inner_is_empty = segments.iter().take(last).any(|segment| *segment == Segment::Literal(String::new()));
        let template = Self { text: text.to_owned(), segments };
        let names: Vec<&str> = template.parameters().collect();
        let twice = names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|other| other == name));
        (!inner_is_empty && !twice).then_some(template)
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many segments it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Never true: the root has one segment, an empty one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The names of its parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, .. } => Some(name.as_str()),
        })
    }

    /// Its segments, as far as they tell paths apart.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.segments.iter().map(|segment| match segment {
            Segment::Literal(literal) => Step::Literal(literal),
            Segment::Parameter { verb, .. } => Step::Parameter { verb },
        })
    }

    /// Whether `path`, which begins with `/`, is one of it.
    pub(crate) fn matches(&self, path: &str, case: Case) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut found = path.split('/');
        self.segments.iter().all(|segment| found.next().is_some_and(|found| segment.takes(found, case)))
            && found.next().is_none()
    }

    /// The values of its parameters in a path that it matches exactly, by name.
    pub(crate) fn values<'p>(&self, path: &'p str) -> impl Iterator<Item = (&str, &'p str)> {
        let found = path.strip_prefix('/').unwrap_or_default().split('/');
        self.segments.iter().zip(found).filter_map(|(segment, found)| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, verb } => Some((name.as_str(), without_suffix(found, verb, Case::Exact)?)),
        })
    }

    /// Whether it decides where both match: no less specific in any segment, and more so in one.
    pub(crate) fn beats(&self, other: &Self) -> bool {
        let mut pairs = self.segments.iter().zip(&other.segments);
        let no_less = pairs.clone().all(|(ours, theirs)| ours.rank() <= theirs.rank());
        no_less && pairs.any(|(ours, theirs)| ours.rank() < theirs.rank())
    }

    /// Whether some path could be read as both, with neither of them deciding.
    ///
    /// Case and a slash at the end tell nothing apart here, because some servers do not tell them apart either.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.without_last_slash(), other.without_last_slash());
        let overlap =
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| ours.may_equal(theirs));
        overlap && (self.len() != other.len() || !(self.beats(other) || other.beats(self)))
    }

    fn without_last_slash(&self) -> &[Segment] {
        match self.segments.split_last() {
            Some((Segment::Literal(last), rest)) if last.is_empty() && !rest.is_empty() => rest,
            Some(_) | None => &self.segments,
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let Some(parameter) = text.strip_prefix('{') else {
            let plain = text.bytes().all(is_plain) && text != "." && text != "..";
            return plain.then(|| Self::Literal(text.to_owned()));
        };
        let (name, verb) = parameter.split_once('}')?;
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let verb_is_plain = verb.is_empty() || (verb.len() > 1 && verb.starts_with(':') && verb.bytes().all(is_plain));
        (named && verb_is_plain).then(|| Self::Parameter { name: name.to_owned(), verb: verb.to_owned() })
    }

    fn takes(&self, found: &str, case: Case) -> bool {
        match self {
            Self::Literal(literal) => same(literal, found, case),
            Self::Parameter { verb, .. } => without_suffix(found, verb, case).is_some_and(|value| !value.is_empty()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter { verb, .. } if !verb.is_empty() => 1,
            Self::Parameter { .. } => 2,
        }
    }

    fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => same(one, other, Case::Folded),
            (Self::Literal(literal), Self::Parameter { verb, .. })
            | (Self::Parameter { verb, .. }, Self::Literal(literal)) => {
                without_suffix(literal, verb, Case::Folded).is_some_and(|value| !value.is_empty())
            }
            (Self::Parameter { verb: one, .. }, Self::Parameter { verb: other, .. }) => {
                without_suffix(one, other, Case::Folded).is_some() || without_suffix(other, one, Case::Folded).is_some()
            }
        }
    }
}

fn same(one: &str, other: &str, case: Case) -> bool {
    match case {
        Case::Exact => one == other,
        Case::Folded => one.eq_ignore_ascii_case(other),
    }
}

fn without_suffix<'t>(text: &'t str, suffix: &str, case: Case) -> Option<&'t str> {
    let (value, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    same(end, suffix, case).then_some(value)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn whole_segments_match_in_the_case_written() {
        let values = |text: &str, path: &str| {
            let template = template(text);
            template.matches(path, Case::Exact).then(|| {
                template.values(path).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            })
        };
        for (text, path, want) in [
            ("/", "/", Some("")),
            ("/a", "/a", Some("")),
            ("/a", "/a/", None),
            ("/a/", "/a/", Some("")),
            ("/a", "/A", None),
            ("/a", "/a/b", None),
            ("/a/{id}", "/a/5", Some("id=5")),
            ("/a/{id}", "/a/", None),
            ("/a/{id}", "/a/5/6", None),
            ("/a/{id}/b/{other}", "/a/5/b/x:y", Some("id=5 other=x:y")),
            ("/t/{id}:cancel", "/t/5:cancel", Some("id=5")),
            ("/t/{id}:cancel", "/t/:cancel", None),
            ("/t/{id}:cancel", "/t/5:Cancel", None),
            ("/t/{id}:cancel", "/t/5", None),
            ("/t/{id}", "/t/5:cancel", Some("id=5:cancel")),
        ] {
            assert_eq!(values(text, path).as_deref(), want, "{text} {path}");
        }
        assert!(template("/t/{id}:cancel").matches("/T/5:CANCEL", Case::Folded));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "",
            "a",
            "//",
            "/a//b",
            "/a/{}",
            "/a/{b",
            "/a/b}",
            "/a/x{b}",
            "/a/{b}x",
            "/a/{b}:",
            "/a/{b}:c/d;e",
            "/{a}{b}",
            "/a/{b}/{b}",
            "/a/..",
            "/./a",
            "/a%20b",
            "/a?b",
            "/{a b}",
            "/\u{e9}",
        ] {
            assert_eq!(Template::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn of_two_that_overlap_one_decides_or_they_conflict() {
        for (one, other, beats, conflict) in [
            ("/a/b", "/a/{x}", true, false),
            ("/a/{x}:v", "/a/{x}", true, false),
            ("/a/b:v", "/a/{x}:v", true, false),
            ("/{x}/b", "/a/{x}", false, true),
            ("/a/{x}", "/a/{y}", false, true),
            ("/a/b", "/A/B", false, true),
            ("/a/{x}", "/A/{x}", false, true),
            ("/a", "/a/", false, true),
            ("/a/{x}", "/a/{x}/", false, true),
            ("/a/{x}", "/b/{x}", false, false),
            ("/a/{x}:v", "/a/{x}:w", false, false),
            ("/a/{x}:w:v", "/a/{x}:v", false, true),
            ("/a/b", "/a/b/c", false, false),
            ("/", "/{x}", true, false),
        ] {
            let (one, other) = (template(one), template(other));
            assert_eq!(one.beats(&other) && one.len() == other.len(), beats, "{one:?} {other:?}");
            assert!(!other.beats(&one), "{one:?} {other:?}");
            assert_eq!(one.conflicts_with(&other), conflict, "{one:?} {other:?}");
            assert_eq!(other.conflicts_with(&one), conflict, "{one:?} {other:?}");
        }
    }
}
