//! Routes by method and path template, and the one that a request is for.
//!
//! Of those that match, the most specific decides; a configuration in which two could claim one path never loads.

use super::template::{Case, Template};
use crate::path_tree::PathTree;

/// What has a method and a path.
pub(crate) trait Route {
    fn method(&self) -> &str;
    fn path(&self) -> &Template;
}

/// Routes, found by path however many there are.
#[derive(Clone, Debug)]
pub(crate) struct Table<R> {
    routes: Vec<R>,
    tree: PathTree,
}

/// The most specific route of a method and a path.
#[derive(Debug)]
pub(crate) struct Found<'t, R> {
    /// In the case written.
    pub(crate) exact: Option<&'t R>,
    /// To a server that does not tell cases apart.
    pub(crate) folded: Option<&'t R>,
}

impl<R: Route> Table<R> {
    pub(crate) fn new(routes: Vec<R>) -> Self {
        let mut tree = PathTree::default();
        for (number, route) in routes.iter().enumerate() {
            tree.insert(route.path(), number);
        }
        Self { routes, tree }
    }

    /// The most specific route: no two that load match one path with neither of them beating the other.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found<'_, R> {
        let mut found = Found { exact: None, folded: None };
        self.each(path, &mut |route| {
            if route.method() != method {
                return;
            }
            prefer(&mut found.folded, route);
            if route.path().matches(path, Case::Exact) {
                prefer(&mut found.exact, route);
            }
        });
        found
    }

    /// The methods of the routes that match the path exactly and may be told, for `Allow`; empty for none.
    pub(crate) fn methods(&self, path: &str, may_be_told: impl Fn(&R) -> bool) -> String {
        let mut methods = Vec::new();
        self.each(path, &mut |route| {
            if may_be_told(route) && route.path().matches(path, Case::Exact) {
                methods.push(route.method());
            }
        });
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }

    fn each<'t>(&'t self, path: &str, found: &mut dyn FnMut(&'t R)) {
        self.tree.templates(path, &mut |number| self.routes.get(number).into_iter().for_each(&mut *found));
    }
}

fn prefer<'t, R: Route>(best: &mut Option<&'t R>, other: &'t R) {
    if best.is_none_or(|best| other.path().beats(best.path())) {
        *best = Some(other);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Named(&'static str, Template);

    impl Route for Named {
        fn method(&self) -> &str {
            self.0
        }

        fn path(&self) -> &Template {
            &self.1
        }
    }

    const METHODS: [&str; 2] = ["GET", "POST"];

    fn template() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(&["a", "A", "b", "a:v", "{}", "{}", "{}:v", "{}:w:v", ""]);
        prop::collection::vec(segment, 1..4).prop_map(|segments| {
            let numbered = segments.iter().enumerate().map(|(at, text)| text.replace("{}", &format!("{{p{at}}}")));
            numbered.map(|segment| format!("/{segment}")).collect()
        })
    }

    /// What loads: no two of one method that could claim one path.
    fn loaded(written: Vec<(&'static str, String)>) -> Vec<Named> {
        let mut routes: Vec<Named> = Vec::new();
        for (method, path) in written {
            let Some(path) = Template::parse(&path) else { continue };
            if !routes.iter().any(|other| other.0 == method && other.1.conflicts_with(&path)) {
                routes.push(Named(method, path));
            }
        }
        routes
    }

    /// One after the other.
    fn most_specific<'r>(routes: &'r [Named], method: &str, path: &str, case: Case) -> Option<&'r Named> {
        let matching = routes.iter().filter(|route| route.0 == method && route.1.matches(path, case));
        matching.reduce(|best, other| if other.1.beats(&best.1) { other } else { best })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_looking_through_all_finds(
            written in prop::collection::vec((prop::sample::select(&METHODS), template()), 0..60),
            path in "(/(a|A|b|a:v|A:V|c|c:v|c:w:v|:v|)){1,4}",
        ) {
            let routes = loaded(written);
            let table = Table::new(routes.clone());
            for method in METHODS {
                let found = table.find(method, &path);
                prop_assert_eq!(found.exact, most_specific(&routes, method, &path, Case::Exact), "{}", path);
                prop_assert_eq!(found.folded, most_specific(&routes, method, &path, Case::Folded), "{}", path);
            }
            let matches = |method: &&str| most_specific(&routes, method, &path, Case::Exact).is_some();
            let methods: Vec<&str> = METHODS.into_iter().filter(matches).collect();
            prop_assert_eq!(table.methods(&path, |_| true), methods.join(", "));
            prop_assert_eq!(table.methods(&path, |_| false), "");
        }
    }
}
