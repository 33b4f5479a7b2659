//! Durations as people write them: a whole number and a unit, `500ms`, `2s`, `10m`, `1h`.

use core::ops::RangeInclusive;

use crate::config::error::{ConfigError, Path};
use crate::time::{Millis, Seconds};

const MILLIS_PER_SECOND: u64 = 1000;

/// Reads a duration in whole seconds.
pub(super) fn seconds(
    path: &Path<'_>,
    value: &str,
    range: RangeInclusive<u64>,
    advice: &str,
) -> Result<Seconds, ConfigError> {
    parse_millis(value)
        .filter(|millis| millis.is_multiple_of(MILLIS_PER_SECOND))
        .and_then(|millis| millis.checked_div(MILLIS_PER_SECOND))
        .filter(|seconds| range.contains(seconds))
        .map(Seconds::new)
        .ok_or_else(|| {
            let (min, max) = (written(*range.start()), written(*range.end()));
            path.found(value, format!("whole seconds from \"{min}\" to \"{max}\", such as \"30s\""), advice)
        })
}

/// Reads a timeout: never zero, which Envoy takes for "none".
pub(super) fn timeout(path: &Path<'_>, value: &str, max: Millis) -> Result<Millis, ConfigError> {
    parse_millis(value)
        .and_then(|millis| u32::try_from(millis).ok())
        .filter(|millis| (1..=max.get()).contains(millis))
        .map(Millis::new)
        .ok_or_else(|| {
            path.found(
                value,
                format!("a duration from \"1ms\" to \"{}ms\", such as \"2s\"", max.get()),
                "Envoy takes 0 for no timeout, and a request cannot wait for ever",
            )
        })
}

/// A number of seconds in the largest unit that divides it.
fn written(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        hours if hours.is_multiple_of(3600) => format!("{}h", hours.wrapping_div(3600)),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes.wrapping_div(60)),
        seconds => format!("{seconds}s"),
    }
}

/// Digits and a unit; no sign, no fraction, no space, no number too large to count.
fn parse_millis(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_millis = match unit {
        "ms" => 1,
        "s" => MILLIS_PER_SECOND,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, want) in [
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("10m", Some(600_000)),
            ("1h", Some(3_600_000)),
            ("0s", Some(0)),
            ("007s", Some(7000)),
            ("", None),
            ("s", None),
            ("5", None),
            ("5 s", None),
            (" 5s", None),
            ("-5s", None),
            ("+5s", None),
            ("1.5s", None),
            ("5S", None),
            ("1d", None),
            ("1h30m", None),
            ("\u{0665}s", None),
            ("18446744073709551615ms", Some(u64::MAX)),
            ("18446744073709551616ms", None),
            ("18446744073709551615s", None),
        ] {
            assert_eq!(parse_millis(text), want, "{text:?}");
        }
    }

    #[test]
    fn bounds_are_written_as_people_write_them() {
        for (seconds, want) in [(0, "0s"), (90, "90s"), (300, "5m"), (86400, "24h")] {
            assert_eq!(written(seconds), want);
        }
    }
}
