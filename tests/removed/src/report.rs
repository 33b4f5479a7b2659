//! What is written down of each check.

use std::collections::{BTreeMap, BTreeSet};

use actgate_removed_finder::checks::NO_VALUE;
use actgate_removed_finder::site::Site;
use serde::{Deserialize, Serialize};

use crate::trial::Tried;

/// What a check that ends a loop is needed for.
const NO_END: &str = "without it a request is tried again and again, for ever";

/// What stands in for a missing value does no better than none.
const REFUSED_TOO: &str =
    "what stands in for the value, an empty one or an absent one, is refused alike by what follows";

/// How many vectors are named; the rest is a number.
const NAMED_MAX: usize = 10;

/// Why no vector misses a check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excuse {
    /// What the path of the source file begins with.
    pub file: String,
    /// The function; all of the file where it is left out.
    pub function: Option<String>,
    /// A part of the check's text; all of the function where it is left out.
    pub check: Option<String>,
    /// The reason.
    pub why: String,
}

impl Excuse {
    fn is_of(&self, site: &Site) -> bool {
        let place = site.file.starts_with(&self.file);
        place
            && self.function.as_ref().is_none_or(|function| *function == site.function)
            && self.check.as_ref().is_none_or(|check| site.check.contains(check))
    }
}

/// One check, and one code that vectors want of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    file: String,
    function: String,
    check: String,
    /// Absent where no vector fails without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// How many vectors fail without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<usize>,
    /// How many vectors it refuses, where it cannot be taken out; without a code, where another check has the last word on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vectors: Vec<String>,
    /// Why it cannot be taken out, or why no vector misses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The entries of all checks, and what is wrong with them.
pub fn entries(sites: &[Site], tried: &BTreeMap<u32, Tried>, excuses: &[Excuse]) -> (Vec<Entry>, Vec<String>) {
    let (mut entries, mut open) = (Vec::new(), Vec::new());
    let mut used = BTreeSet::new();
    let nothing = Tried::default();
    for site in sites {
        let tried = tried.get(&site.number).unwrap_or(&nothing);
        let fixed = site.why_not.as_deref();
        let refused_too = site.stands_in && tried.failed.is_empty() && !tried.reached.is_empty();
        let fixed = fixed
            .or(tried.needed.then_some(NO_VALUE))
            .or(tried.endless.then_some(NO_END))
            .or(refused_too.then_some(REFUSED_TOO));
        let fixed = fixed.map(str::to_owned);
        // What another check refused is that check's.
        if site.translates && tried.failed.is_empty() {
            continue;
        }
        let seen = if fixed.is_some() { &tried.made } else { &tried.failed };
        for (code, vectors) in seen {
            let count = Some(vectors.len());
            let (failed, refused) = if fixed.is_some() { (None, count) } else { (count, None) };
            let vectors = vectors.iter().take(NAMED_MAX).cloned().collect();
            entries.push(Entry {
                code: Some(code.clone()),
                failed,
                refused,
                vectors,
                why: fixed.clone(),
                ..blank(site)
            });
        }
        if !seen.is_empty() {
            continue;
        }
        if fixed.is_some() && !tried.reached.is_empty() {
            let vectors = tried.reached.iter().take(NAMED_MAX).cloned().collect();
            entries.push(Entry { refused: Some(tried.reached.len()), vectors, why: fixed, ..blank(site) });
            continue;
        }
        let excuse = excuses.iter().enumerate().find(|(_, excuse)| excuse.is_of(site));
        if let Some((at, excuse)) = excuse {
            used.insert(at);
            entries.push(Entry { why: Some(excuse.why.clone()), ..blank(site) });
        } else {
            let reached = tried.reached.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let how = match tried.reached.len() {
                0 => "no vector reaches".to_owned(),
                count => format!("none of {count} vectors ({reached}) misses"),
            };
            open.push(format!("{how}: {} {}: {}", site.file, site.function, site.check));
        }
    }
    let idle = excuses.iter().enumerate().filter(|(at, _)| !used.contains(at));
    open.extend(idle.map(|(_, excuse)| format!("excuses nothing: {excuse:?}")));
    entries.dedup();
    (entries, open)
}

fn blank(site: &Site) -> Entry {
    let (file, function, check) = (site.file.clone(), site.function.clone(), site.check.clone());
    Entry { file, function, check, code: None, failed: None, refused: None, vectors: Vec::new(), why: None }
}

/// A list with an entry on each line.
///
/// # Errors
///
/// Never: an entry is plain JSON.
pub fn lines(entries: &[Entry]) -> Result<String, serde_json::Error> {
    let lines: Result<Vec<String>, _> = entries.iter().map(serde_json::to_string).collect();
    Ok(format!("[\n  {}\n]\n", lines?.join(",\n  ")))
}

/// The figures.
pub fn summary(entries: &[Entry]) -> String {
    let pairs = entries.iter().filter(|entry| entry.failed.is_some()).count();
    let checks = |which: &dyn Fn(&Entry) -> bool| {
        let places =
            entries.iter().filter(|entry| which(entry)).map(|entry| (&entry.file, &entry.function, &entry.check));
        places.collect::<BTreeSet<_>>().len()
    };
    let codes: BTreeSet<&String> =
        entries.iter().filter(|entry| entry.failed.is_some()).filter_map(|entry| entry.code.as_ref()).collect();
    format!(
        "{} checks missed by vectors ({pairs} pairs of check and code, {} codes), {} that cannot be taken out, {} excused",
        checks(&|entry| entry.failed.is_some()),
        codes.len(),
        checks(&|entry| entry.refused.is_some()),
        checks(&|entry| entry.vectors.is_empty()),
    )
}
