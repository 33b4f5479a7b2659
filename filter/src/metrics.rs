//! Counters under `actgate.`, defined on first use and kept.
//!
//! Every part of a name is a configured name or a word of ours, so a caller cannot make new ones; the host never frees any.

use std::collections::BTreeMap;

use crate::host;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By their parts, with a zero byte between.
    counters: BTreeMap<String, u32>,
    /// The one that was counted last, which is likely to be the next.
    last: Option<(String, u32)>,
}

impl Metrics {
    /// Counts one under the name made of `parts`.
    pub(crate) fn count(&mut self, parts: &[&str]) {
        self.count_by(parts, 1);
    }

    /// Counts so many under the name made of `parts`.
    pub(crate) fn count_by(&mut self, parts: &[&str], many: usize) {
        let id = match &self.last {
            Some((joined, id)) if are(parts, joined) => *id,
            Some(_) | None => {
                let Some(id) = self.find(parts.join("\0")) else {
                    return;
                };
                id
            }
        };
        // A metric that the host refuses changes no decision.
        let _ = host::increment(id, i64::try_from(many).unwrap_or(i64::MAX));
    }

    /// The counter of those parts, defined where it was not; `None` where the host has no room for it.
    fn find(&mut self, parts: String) -> Option<u32> {
        let id = match self.counters.get(&parts) {
            Some(id) => *id,
            None => {
                let id = host::define_counter(&name(&parts)).ok()?;
                self.counters.insert(parts.clone(), id);
                id
            }
        };
        self.last = Some((parts, id));
        Some(id)
    }
}

/// Whether `joined` is those parts. They hold no zero byte: they are configured names, whose letters are known, and words of ours.
fn are(parts: &[&str], joined: &str) -> bool {
    let mut rest = Some(joined);
    for (at, part) in parts.iter().enumerate() {
        let next = if at == 0 { rest } else { rest.and_then(|rest| rest.strip_prefix('\0')) };
        rest = next.and_then(|next| next.strip_prefix(*part));
    }
    rest == Some("")
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
