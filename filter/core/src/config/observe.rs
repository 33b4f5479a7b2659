//! Observing: a resource, or some of its rules, that refuses nothing until a day that the document names.
//!
//! [`Observing`] says that this is so at this moment, and only [`Observe::of_everything`] makes one;
//! without a load that knew the time ([`crate::config::Config::loaded_at`]) there is none, and neither is there from the named day on.

use std::collections::BTreeSet;

use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::{raw, text};
use crate::limits::{NUMERIC_DATE_SECONDS_MAX, OBSERVE_DAYS_MAX};
use crate::time::{Seconds, UnixSeconds};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// What refuses nothing, and until when.
#[derive(Clone, Debug)]
pub struct Observe {
    /// The first day on which it refuses, as written.
    day: String,
    /// The beginning of that day in UTC.
    until: UnixSeconds,
    /// Which rules; `None` for everything the resource checks.
    rules: Option<BTreeSet<Rule>>,
    /// Whether the document was loaded by somebody who knew the time and found the day near enough.
    armed: bool,
}

/// A rule that can be observed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// `accept.delegation.actor_issuer`
    ActorIssuer,
    /// `accept.delegation.current_actors`
    CurrentActors,
    /// `accept.delegation.pairs`
    Pairs,
    /// `accept.delegation.client`
    Client,
    /// `accept.authentication`
    Authentication,
    /// `accept.claims`
    Claims,
    /// `accept.entitlements`
    Entitlements,
    /// `agents.*.ceiling`, at this resource
    Ceiling,
    /// `subjects` of tools, prompts, MCP resources and REST operations
    Subjects,
    /// `actors` of the same
    Actors,
    /// `arguments` of tools and prompts; rules on path, query and body of REST operations
    Arguments,
}

/// What is none of these cannot be observed by itself: the credential, the chain's form, the caller's proof, what is registered, what is mapped,
/// demands, and the form of a message, upon which all the others rest.
const RULES: [(&str, Rule); 11] = [
    ("actor_issuer", Rule::ActorIssuer),
    ("current_actors", Rule::CurrentActors),
    ("pairs", Rule::Pairs),
    ("client", Rule::Client),
    ("authentication", Rule::Authentication),
    ("claims", Rule::Claims),
    ("entitlements", Rule::Entitlements),
    ("ceiling", Rule::Ceiling),
    ("subjects", Rule::Subjects),
    ("actors", Rule::Actors),
    ("arguments", Rule::Arguments),
];

/// Says that nothing is refused here and now.
#[derive(Clone, Debug)]
pub struct Observing {
    day: String,
    until: UnixSeconds,
}

impl Observing {
    /// The first day on which the resource refuses.
    #[must_use]
    pub fn day(&self) -> &str {
        &self.day
    }

    /// Whether it still holds at `now`.
    #[must_use]
    pub fn holds(&self, now: UnixSeconds) -> bool {
        now < self.until
    }
}

impl Observe {
    /// Whether the whole resource refuses nothing at `now`.
    #[must_use]
    pub fn of_everything(&self, now: UnixSeconds) -> Option<Observing> {
        let observing = Observing { day: self.day.clone(), until: self.until };
        (self.armed && self.rules.is_none() && observing.holds(now)).then_some(observing)
    }

    /// The rules that refuse nothing at `now`.
    #[must_use]
    pub fn of_rules(&self, now: UnixSeconds) -> BTreeSet<Rule> {
        match &self.rules {
            Some(rules) if self.armed && now < self.until => rules.clone(),
            Some(_) | None => BTreeSet::new(),
        }
    }

    /// Puts it in force for those loaded at `now`, with what the operator must know.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a day further away than [`OBSERVE_DAYS_MAX`].
    pub(super) fn arm(&mut self, path: &Path<'_>, now: UnixSeconds) -> Result<String, ConfigError> {
        let longest = Seconds::new(OBSERVE_DAYS_MAX.saturating_mul(SECONDS_PER_DAY));
        if self.until > now.saturating_add(longest) {
            return Err(path.field("until").found(
                &self.day,
                format!("a day at most {OBSERVE_DAYS_MAX} days from now"),
                "what is observed protects nothing",
            ));
        }
        self.armed = true;
        let day = &self.day;
        Ok(if now >= self.until {
            format!("{path}: over since {day}, everything is enforced: remove it")
        } else {
            match &self.rules {
                None => format!(
                    "{path}: NOTHING IS REFUSED here until {day}: every request goes on with the caller's own credential"
                ),
                Some(rules) => {
                    let words = RULES.iter().filter(|(_, rule)| rules.contains(rule)).map(|(word, _)| *word);
                    let words = words.collect::<Vec<_>>().join(", ");
                    format!("{path}: the rules {words} REFUSE NOTHING until {day}")
                }
            }
        })
    }
}

/// Reads what a resource observes.
pub(super) fn check(path: &Path<'_>, raw: &raw::Observe) -> Result<Observe, ConfigError> {
    const WANT: &str = "a day such as \"2026-12-31\"";
    const ADVICE: &str = "the first day, in UTC, on which everything is enforced";
    let until_path = path.field("until");
    let day = raw.until.as_deref().ok_or_else(|| until_path.missing(WANT, ADVICE))?;
    let until = start_of(day).ok_or_else(|| until_path.found(day, WANT, ADVICE))?;
    let rules = raw.rules.as_deref().map(|words| check_rules(&path.field("rules"), words)).transpose()?;
    Ok(Observe { day: day.to_owned(), until, rules, armed: false })
}

fn check_rules(path: &Path<'_>, words: &[String]) -> Result<BTreeSet<Rule>, ConfigError> {
    const ADVICE: &str = "which rules refuse nothing yet; without this member the whole resource does not";
    if words.is_empty() {
        return Err(path.wrong("empty", alternatives(RULES.iter().map(|(word, _)| *word)), ADVICE));
    }
    text::at_most(path, words.len(), RULES.len(), "rules")?;
    let mut seen = BTreeSet::new();
    words
        .iter()
        .enumerate()
        .map(|(at, word)| {
            let path = path.index(at);
            text::once(&path, word, &mut seen)?;
            text::word(&path, Some(word), None, &RULES, ADVICE)
        })
        .collect()
}

/// The beginning of a day in UTC, written `YYYY-MM-DD` (RFC 3339 `full-date`).
fn start_of(day: &str) -> Option<UnixSeconds> {
    let mut parts = day.split('-');
    let (year, month, date) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() || year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    if date < 1 || date > days_of(year, month) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
    let days = years.checked_add(months)?.checked_add(date)?.checked_sub(1)?;
    let seconds = days.checked_mul(SECONDS_PER_DAY)?;
    (seconds <= NUMERIC_DATE_SECONDS_MAX).then(|| UnixSeconds::new(seconds))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_other_calendars_say() {
        for (day, want) in [
            ("1970-01-01", 0),
            ("1970-12-31", 31_449_600),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-24", 1_795_478_400),
            ("2100-03-01", 4_107_542_400),
            ("9999-12-31", 253_402_214_400),
        ] {
            assert_eq!(start_of(day), Some(UnixSeconds::new(want)), "{day}");
        }
    }

    #[test]
    fn no_other_text_is_a_day() {
        for day in [
            "",
            "2026",
            "2026-12",
            "2026-12-31-",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-12-00",
            "26-12-31",
            "2026-1-01",
            "2026-12-1",
            "+026-12-31",
            "2026-12-31T00:00:00Z",
            "1969-12-31",
            "2026/12/31",
            " 2026-12-31",
        ] {
            assert_eq!(start_of(day), None, "{day:?}");
        }
    }

    fn observe(armed: bool, rules: Option<BTreeSet<Rule>>) -> Observe {
        Observe { day: "1970-01-11".to_owned(), until: start_of("1970-01-11").unwrap(), rules, armed }
    }

    #[test]
    fn it_ends_by_itself_and_does_not_begin_without_a_load_that_knew_the_time() {
        let (last, first) = (UnixSeconds::new(863_999), UnixSeconds::new(864_000));
        assert!(observe(true, None).of_everything(last).is_some());
        assert!(observe(true, None).of_everything(first).is_none());
        assert!(observe(false, None).of_everything(last).is_none());
        let observing = observe(true, None).of_everything(last).unwrap();
        assert!(observing.holds(last) && !observing.holds(first));
        let pairs = || Some(BTreeSet::from([Rule::Pairs]));
        assert!(observe(true, pairs()).of_everything(last).is_none());
        assert!(observe(true, pairs()).of_rules(last).contains(&Rule::Pairs));
        assert!(observe(true, pairs()).of_rules(first).is_empty() && observe(false, pairs()).of_rules(last).is_empty());
        assert!(observe(true, None).of_rules(last).is_empty());
    }

    #[test]
    fn the_day_is_near_at_the_bound_and_not_one_second_past() {
        let bound = OBSERVE_DAYS_MAX * SECONDS_PER_DAY;
        let until = start_of("2026-12-31").unwrap();
        let mut near = Observe { day: "2026-12-31".to_owned(), until, rules: None, armed: false };
        let path = Path::Root;
        assert!(near.arm(&path.field("observe"), UnixSeconds::new(until.get() - bound - 1)).is_err() && !near.armed);
        assert!(near.arm(&path.field("observe"), UnixSeconds::new(until.get() - bound)).is_ok() && near.armed);
    }
}
