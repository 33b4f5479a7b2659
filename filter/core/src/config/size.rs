//! Sizes as people write them: a whole number and a unit, `64KiB`, `1MiB`.

use crate::config::error::{ConfigError, Path};
use crate::limits::{BODY_BYTES_MAX, BODY_BYTES_MIN};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Reads a bound on request bodies.
pub(super) fn body_bytes_max(path: &Path<'_>, value: &str) -> Result<usize, ConfigError> {
    parse(value).filter(|bytes| (BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(bytes)).ok_or_else(|| {
        path.found(
            value,
            "a size from \"1KiB\" to \"16MiB\", such as \"64KiB\"",
            "every request in flight may hold this much of the filter's memory",
        )
    })
}

/// Digits and a unit; no sign, no fraction, no space, no number too large to count.
fn parse(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_bytes = match unit {
        "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(unit_bytes)
}

const _: () = assert!(BODY_BYTES_MIN == KIB && BODY_BYTES_MAX == 16 * MIB);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, want) in [
            ("1B", Some(1)),
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1_048_576)),
            ("", None),
            ("1024", None),
            ("1KB", None),
            ("1kib", None),
            ("1 KiB", None),
            ("1.5MiB", None),
            ("-1KiB", None),
            ("1GiB", None),
            ("99999999999999999999MiB", None),
            ("18446744073709551615MiB", None),
        ] {
            assert_eq!(parse(text), want, "{text:?}");
        }
    }
}
