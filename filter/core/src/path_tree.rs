//! Paths and templates in a tree, segment by segment, so that those that a path may belong to are found however many others there are.
//!
//! Case tells nothing apart here, and more may be found than belongs to a path: whoever asks looks at each. None that does is left out.
//! A search looks at no more than the nodes of the tree, whatever the path.

use core::cmp::Ordering;

use crate::rest::template::{Step, Template};

/// Numbers by path or template.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTree(Node);

/// What stands after the same segments.
#[derive(Clone, Debug, Default)]
struct Node {
    /// By segment in lower case, in the order of [`compare`].
    literals: Vec<(String, Self)>,
    /// By what a segment must end in, in lower case.
    parameters: Vec<(String, Self)>,
    /// What ends here.
    here: Vec<usize>,
}

impl PathTree {
    /// Adds a template of whole paths.
    pub(crate) fn insert(&mut self, template: &Template, number: usize) {
        template.steps().fold(&mut self.0, Node::enter).here.push(number);
    }

    /// Adds the beginning of a path, which is `/` or ends without one.
    pub(crate) fn insert_prefix(&mut self, prefix: &str, number: usize) {
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        segments.map(Step::Literal).fold(&mut self.0, Node::enter).here.push(number);
    }

    /// The templates that `path` may be one of.
    pub(crate) fn templates(&self, path: &str, found: &mut dyn FnMut(usize)) {
        if let Some(rest) = path.strip_prefix('/') {
            self.0.templates(Some(rest), found);
        }
    }

    /// The beginnings that `path` may have, the shortest first.
    pub(crate) fn beginnings(&self, path: &str, found: &mut dyn FnMut(usize)) {
        let mut rest = path.strip_prefix('/');
        let mut node = Some(&self.0);
        while let Some(here) = node {
            here.here.iter().copied().for_each(&mut *found);
            node = rest.and_then(|path| {
                let (segment, after) = first(path);
                rest = after;
                here.literal(segment)
            });
        }
    }
}

/// The first segment of a path, and what comes after its slash.
fn first(path: &str) -> (&str, Option<&str>) {
    let end = path.bytes().position(|byte| byte == b'/').unwrap_or(path.len());
    let (segment, rest) = path.split_at_checked(end).unwrap_or((path, ""));
    (segment, rest.get(1..))
}

/// The shorter first, and case tells nothing apart.
fn compare(literal: &str, segment: &str) -> Ordering {
    let folded = segment.bytes().map(|byte| byte.to_ascii_lowercase());
    literal.len().cmp(&segment.len()).then_with(|| literal.bytes().cmp(folded))
}

impl Node {
    #[expect(clippy::indexing_slicing, reason = "found or inserted there")]
    fn enter(&mut self, step: Step<'_>) -> &mut Self {
        let (nodes, text, place) = match step {
            Step::Literal(text) => {
                let place = self.literals.binary_search_by(|(literal, _)| compare(literal, text));
                (&mut self.literals, text, place)
            }
            Step::Parameter { verb } => {
                let known = self.parameters.iter().position(|(known, _)| compare(known, verb).is_eq());
                let place = known.ok_or(self.parameters.len());
                (&mut self.parameters, verb, place)
            }
        };
        let at = place.unwrap_or_else(|at| {
            nodes.insert(at, (text.to_ascii_lowercase(), Self::default()));
            at
        });
        &mut nodes[at].1
    }

    fn literal(&self, segment: &str) -> Option<&Self> {
        let at = self.literals.binary_search_by(|(literal, _)| compare(literal, segment)).ok()?;
        self.literals.get(at).map(|(_, node)| node)
    }

    fn templates(&self, rest: Option<&str>, found: &mut dyn FnMut(usize)) {
        let Some(rest) = rest else {
            self.here.iter().copied().for_each(found);
            return;
        };
        let (segment, after) = first(rest);
        if let Some(node) = self.literal(segment) {
            node.templates(after, found);
        }
        for (verb, node) in &self.parameters {
            let value = segment.len().checked_sub(verb.len()).and_then(|end| segment.split_at_checked(end));
            if value.is_some_and(|(value, end)| !value.is_empty() && end.eq_ignore_ascii_case(verb)) {
                node.templates(after, found);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::PathPrefix;
    use crate::rest::template::Case;

    fn joined(segments: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
        let segments = prop::collection::vec(prop::sample::select(segments), 0..most);
        (segments, any::<bool>()).prop_map(|(segments, slash)| {
            let slash = if slash || segments.is_empty() { "/" } else { "" };
            segments.iter().map(|segment| format!("/{segment}")).collect::<String>() + slash
        })
    }

    const PATH: [&str; 12] = ["a", "A", "b", "ab", "Ab", "aB", "a:v", "A:V", "b:w", ":v", "v", "a:w:v"];

    fn template() -> impl Strategy<Value = Option<Template>> {
        const SEGMENTS: [&str; 10] = ["a", "A", "b", "aB", "a:v", "{x}", "{x}", "{x}:v", "{x}:V", "{x}:w:v"];
        // Each parameter has a name of its own.
        joined(&SEGMENTS, 4).prop_map(|text| {
            let mut numbers = 0..;
            let named = text.split('x').map(str::to_owned);
            let text = named.reduce(|text, rest| format!("{text}x{}{rest}", numbers.next().unwrap_or(0)));
            Template::parse(&text.unwrap())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_template_that_matches_is_found_and_no_other(
            templates in prop::collection::vec(template(), 0..40),
            path in joined(&PATH, 4),
        ) {
            let templates: Vec<Template> = templates.into_iter().flatten().collect();
            let mut tree = PathTree::default();
            templates.iter().enumerate().for_each(|(at, template)| tree.insert(template, at));
            let mut found = Vec::new();
            tree.templates(&path, &mut |at| found.push(at));
            found.sort_unstable();
            let matching = templates.iter().enumerate().filter(|(_, template)| template.matches(&path, Case::Folded));
            prop_assert_eq!(found, matching.map(|(at, _)| at).collect::<Vec<_>>(), "{}", path);
        }

        #[test]
        fn every_beginning_is_found_and_no_other_the_shortest_first(
            prefixes in prop::collection::vec(joined(&PATH, 4), 0..40),
            path in joined(&PATH, 4),
        ) {
            let prefixes: Vec<PathPrefix> = prefixes.iter().filter_map(|prefix| PathPrefix::parse(prefix)).collect();
            let mut tree = PathTree::default();
            prefixes.iter().enumerate().for_each(|(at, prefix)| tree.insert_prefix(prefix.as_str(), at));
            let mut found = Vec::new();
            tree.beginnings(&path, &mut |at| found.push(at));
            let length = |at: &usize| prefixes.get(*at).map(|prefix| prefix.as_str().len());
            prop_assert!(found.is_sorted_by_key(length), "{}", path);
            found.sort_unstable();
            let matching = prefixes.iter().enumerate().filter(|(_, prefix)| prefix.matches_in_any_case(&path));
            prop_assert_eq!(found, matching.map(|(at, _)| at).collect::<Vec<_>>(), "{}", path);
        }
    }
}
