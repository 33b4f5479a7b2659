//! Figures by key, with their targets, as a table and as flat JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

/// The middle and the ends of what several rounds gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Self { least: at(0), median: at(sorted.len() / 2), most: at(sorted.len().saturating_sub(1)) }
    }

    /// A figure that was measured once.
    pub(crate) fn single(figure: f64) -> Self {
        Self::of(&[figure])
    }

    pub(crate) fn line(self, places: usize) -> String {
        format!("{:.places$} ({:.places$} to {:.places$})", self.median, self.least, self.most)
    }
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Held by another file; printed for the record.
    Golden,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(String, Spread, Target)>,
}

impl Report {
    pub(crate) fn add(&mut self, key: &str, spread: Spread, target: Target) {
        self.rows.push((key.to_owned(), spread, target));
    }

    /// Prints the table and writes the file: each key's median, and beside it `KEY_min` and `KEY_max`.
    pub(crate) fn finish(&self, file: &Path) {
        let mut flat = Map::new();
        println!("\n{:<32} {:>10} {:>10} {:>10}  target", "key", "median", "least", "most");
        for (key, spread, target) in &self.rows {
            let (wanted, met) = match target {
                Target::AtLeast(bound) => (format!("≥ {bound}"), spread.median >= *bound),
                Target::AtMost(bound) => (format!("≤ {bound}"), spread.median <= *bound),
                Target::Golden => ("golden".to_owned(), true),
            };
            let verdict = if met { "" } else { "   missed" };
            println!(
                "{key:<32} {:>10.3} {:>10.3} {:>10.3}  {wanted}{verdict}",
                spread.median, spread.least, spread.most
            );
            flat.insert(key.clone(), json!(spread.median));
            flat.insert(format!("{key}_min"), json!(spread.least));
            flat.insert(format!("{key}_max"), json!(spread.most));
        }
        let text = serde_json::to_string_pretty(&Value::Object(flat)).expect("JSON");
        std::fs::write(file, text + "\n").expect("a file for the report");
        println!("\nwritten to {}", file.display());
    }
}
