//! Days as configuration writes them, for what must not depend on the day it is run.

use actgate::dev::issuer::http::UnixSeconds;

/// 2026-11-24, the day of the vectors, in days since the epoch.
const OF_VECTORS: u64 = 20_781;

/// A day so many days from now, `YYYY-MM-DD`.
pub fn from_now(days: u64) -> String {
    written(UnixSeconds::from_system_clock().0 / 86_400 + days)
}

/// A day that a vector names, as far from today as it is from the day of the vectors; none where `text` is no day.
pub fn of_vector(text: &str) -> Option<String> {
    if text.len() != 10 {
        return None;
    }
    let named = (OF_VECTORS.saturating_sub(365)..OF_VECTORS + 365).find(|day| written(*day) == text)?;
    Some(written((UnixSeconds::from_system_clock().0 / 86_400 + named).saturating_sub(OF_VECTORS)))
}

fn written(mut left: u64) -> String {
    let mut year = 1970;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for days in months {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_calendars_say() {
        for (day, text) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (OF_VECTORS, "2026-11-24")] {
            assert_eq!(written(day), text);
        }
        assert_eq!(of_vector("2026-11-24"), Some(from_now(0)));
        assert_eq!(of_vector("no day"), None);
    }
}
