//! Sizes, durations and counts as people write them: `48MiB`, `30s`, `unlimited`.
//!
//! Promises: no rounding, no overflow, no unit guessed. Every refusal shows how to write it.

use std::time::Duration;

const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const DURATION_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The longest duration that is accepted, a year: more is a slip of the hand, and sums of two stay far from any overflow.
const DURATION_MS_MAX: u64 = 366 * 86_400_000;

/// A number of bytes: `128KiB`, `50 GiB`, `1000`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    with_unit(text, &SIZE_UNITS, Some(1)).ok_or_else(|| format!("{text:?} is not a size: write it like 48MiB or 2GB"))
}

/// A number of bytes above zero.
pub(crate) fn size_some(text: &str) -> Result<u64, String> {
    size(text).and_then(|bytes| if bytes > 0 { Ok(bytes) } else { Err("it must be more than 0 bytes".into()) })
}

/// A number of bytes, or `unlimited`.
pub(crate) fn size_or_unlimited(text: &str) -> Result<Option<u64>, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(None);
    }
    size_some(text).map(Some).map_err(|why| format!("{why}, or `unlimited`"))
}

/// A duration: `500ms`, `30s`, `5m`, `2h`, `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_of_zero = (text.trim() == "0").then_some(1);
    match with_unit(text, &DURATION_UNITS, unit_of_zero) {
        Some(ms) if ms <= DURATION_MS_MAX => Ok(Duration::from_millis(ms)),
        Some(_) => Err(format!("{text:?} is longer than a year")),
        None => Err(format!("{text:?} is not a duration: write it like 500ms, 30s, 5m, 2h or 30d")),
    }
}

/// A duration of at least a second.
pub(crate) fn duration_some(text: &str) -> Result<Duration, String> {
    duration(text)
        .and_then(|it| if it >= Duration::from_secs(1) { Ok(it) } else { Err("it must be 1s or more".into()) })
}

/// A whole number, at least `MIN` and at most `MAX`.
pub(crate) fn count<const MIN: u64, const MAX: u64>(text: &str) -> Result<u64, String> {
    let counted = text.parse::<u64>().ok().filter(|count| (MIN..=MAX).contains(count));
    counted.ok_or_else(|| format!("{text} is not a whole number from {MIN} to {MAX}"))
}

/// `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither true nor false"))
}

/// Digits and a unit, in any case that is not ambiguous; without a unit only when `unit_default` says what it is.
fn with_unit(text: &str, units: &[(&str, u64)], unit_default: Option<u64>) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim();
    let factor =
        if unit.is_empty() { unit_default? } else { units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1 };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_in_both_families_of_units() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("128KiB", Some(131_072)),
            ("48 MiB", Some(48 << 20)),
            ("2gb", Some(2_000_000_000)),
            ("17b", Some(17)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("20000000TiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("MiB", None),
            ("", None),
            ("5 parsecs", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text:?}");
        }
        assert_eq!(size_or_unlimited("unlimited"), Ok(None));
        assert!(size_or_unlimited("endless").is_err());
        assert!(size_some("0B").is_err());
    }

    #[test]
    fn durations_need_a_unit_unless_they_are_zero() {
        for (text, ms) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("30d", Some(30 * 86_400_000)),
            ("30", None),
            ("367d", None),
            ("1y", None),
            ("s", None),
        ] {
            assert_eq!(duration(text).ok(), ms.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn counts_keep_their_bounds() {
        assert_eq!(count::<1, 10>("10"), Ok(10));
        for text in ["0", "11", "-1", "x", ""] {
            assert!(count::<1, 10>(text).is_err(), "{text}");
        }
    }
}
