//! Counters under `actgate.`, defined on first use and kept.
//!
//! Every part of a name is a configured name or a word of ours, so a caller cannot make new ones; the host never frees any.

use std::collections::BTreeMap;

use crate::host;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By their parts, with a zero byte between.
    counters: BTreeMap<String, u32>,
}

impl Metrics {
    /// Counts one under the name made of `parts`.
    pub(crate) fn count(&mut self, parts: &[&str]) {
        self.count_by(parts, 1);
    }

    /// Counts so many under the name made of `parts`.
    pub(crate) fn count_by(&mut self, parts: &[&str], many: usize) {
        // Parts hold no zero byte: they are configured names, whose letters are known, and words of ours.
        let parts = parts.join("\0");
        let id = match self.counters.get(&parts) {
            Some(id) => *id,
            None => {
                let Ok(id) = host::define_counter(&name(&parts)) else {
                    return;
                };
                self.counters.insert(parts, id);
                id
            }
        };
        // A metric that the host refuses changes no decision.
        let _ = host::increment(id, i64::try_from(many).unwrap_or(i64::MAX));
    }
}

/// Dots separate parts, so a dot within a part becomes an underscore, as does everything a stats sink could misread.
fn name(parts: &str) -> String {
    let mut name = "actgate".to_owned();
    for part in parts.split('\0') {
        name.push('.');
        name.extend(part.chars().map(
            |letter| {
                if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }
            },
        ));
    }
    name
}
