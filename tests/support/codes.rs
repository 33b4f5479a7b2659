//! Every code that a refusal can have, read from the sources: those of other crates' enums cannot be listed at run time.

use std::collections::BTreeSet;

use crate::document::read;

/// The table of refusals.
const TABLE: &str = "rejection/table.rs";

/// Where that, or a `code`, says words.
const SOURCES: [&str; 7] = [
    TABLE,
    "jwt.rs",
    "jwt/claims.rs",
    "delegation/actor_token.rs",
    "delegation/binding.rs",
    "dpop/proof.rs",
    "exchange/lineage.rs",
];

/// All of them.
///
/// # Panics
///
/// If a source that should have some has none.
pub fn refusals() -> BTreeSet<String> {
    SOURCES.into_iter().flat_map(codes_of).collect()
}

/// The words that the arms of a source answer, by themselves or as the first of a row.
fn codes_of(source: &str) -> BTreeSet<String> {
    let text = of_core(source);
    let answers =
        text.lines().filter_map(|line| line.split_once("=> ")?.1.trim_start_matches("Row(").strip_prefix('"'));
    let codes: BTreeSet<String> = answers.filter_map(|answer| answer.split('"').next()).map(str::to_owned).collect();
    assert!(!codes.is_empty(), "no code found in {source}");
    codes
}

/// Those that have a row to themselves, and the HTTP status in it.
///
/// # Panics
///
/// If there are few.
pub fn statuses() -> Vec<(String, String)> {
    let text = of_core(TABLE);
    let rows = text.lines().filter_map(|line| line.split_once("=> Row(\"")?.1.split_once("\", "));
    let statuses: Vec<_> =
        rows.filter_map(|(code, rest)| Some((code.to_owned(), rest.split_once(',')?.0.to_owned()))).collect();
    assert!(statuses.len() > 90, "{statuses:?}");
    statuses
}

fn of_core(source: &str) -> String {
    read(&format!("filter/core/src/{source}"))
}
