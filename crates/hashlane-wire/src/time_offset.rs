//! Times of jobs on the wire (spec section 1).
//!
//! Only fixed offsets: a zone with summer time would show two jobs of one hour in the wrong order.

use hashlane_job::Timestamp;
use jiff::tz::Offset;

/// The offset of job times from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOffset {
    /// Minutes east of UTC.
    pub minutes: i16,
}

impl Default for TimeOffset {
    /// `+0800`, which the original uses everywhere.
    fn default() -> TimeOffset {
        TimeOffset { minutes: 8 * 60 }
    }
}

impl TimeOffset {
    /// `+0000`, the offset of LastModified.
    pub const UTC: TimeOffset = TimeOffset { minutes: 0 };

    /// The largest offset, in minutes, on either side.
    const MINUTES_MAX: i16 = 14 * 60;

    /// Parses `+08:00` or `+0800`; at most 14 hours on either side.
    pub fn parse(text: &str) -> Option<TimeOffset> {
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let digits = digits.replacen(':', "", usize::from(digits.as_bytes().get(2) == Some(&b':')));
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i16, i16) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= Self::MINUTES_MAX).then_some(TimeOffset { minutes: sign * total })
    }

    /// Reads a time with its offset, as [`TimeOffset::print`] writes it; the offset also as `+08:00` or `Z`, and with a space
    /// for its plus, which is what becomes of one that a client did not percent-encode. `None` for everything else.
    pub fn read(text: &str) -> Option<Timestamp> {
        let (local, offset) = text.split_at_checked("YYYY-MM-DDTHH:MM:SS".len())?;
        let offset = match offset.strip_prefix(' ') {
            _ if offset == "Z" => TimeOffset::UTC,
            Some(digits) => TimeOffset::parse(&format!("+{digits}"))?,
            None => TimeOffset::parse(offset)?,
        };
        let places = local.bytes().zip(b"0000-00-00T00:00:00".iter());
        if !places.clone().all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == *like }) {
            return None;
        }
        // A leap second, which the parser takes, is no time of a job.
        let at: jiff::civil::DateTime = local.parse().ok().filter(|_| !local.ends_with("60"))?;
        let utc = jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?.as_second();
        Some(Timestamp::from_unix_seconds(utc - i64::from(offset.minutes) * 60))
    }

    /// `YYYY-MM-DDTHH:MM:SS+0800`. Times outside of the years 0 to 9999 are moved to the nearest of them.
    pub fn print(self, time: Timestamp) -> String {
        let minutes = self.minutes.clamp(-Self::MINUTES_MAX, Self::MINUTES_MAX);
        // 0000-01-02 and 9999-12-30, so that no offset leaves the years of four digits.
        let seconds = time.unix_seconds().clamp(-62_167_132_800, 253_402_128_000);
        let offset = Offset::from_seconds(i32::from(minutes) * 60).expect("14 hours are within jiff's 25");
        let utc = jiff::Timestamp::from_second(seconds).expect("the years 0 to 9999 are within jiff's range");
        let at = offset.to_datetime(utc);
        let sign = if minutes < 0 { '-' } else { '+' };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            minutes.abs() / 60,
            minutes.abs() % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_creation_time_is_printed_as_documented() {
        let time = Timestamp::from_unix_seconds(1_658_128_603);
        assert_eq!(TimeOffset::default().print(time), "2022-07-18T15:16:43+0800");
        assert_eq!(TimeOffset::UTC.print(time), "2022-07-18T07:16:43+0000");
        assert_eq!(TimeOffset { minutes: -210 }.print(time), "2022-07-18T03:46:43-0330");
    }

    #[test]
    fn a_printed_time_is_read_again() {
        for seconds in [0, -1, 1_658_128_603, 253_402_128_000 - 1] {
            let time = Timestamp::from_unix_seconds(seconds);
            for minutes in [0, 480, -210, 840, -840] {
                assert_eq!(TimeOffset::read(&TimeOffset { minutes }.print(time)), Some(time));
            }
        }
        let time = Some(Timestamp::from_unix_seconds(1_658_128_603));
        for text in ["2022-07-18T15:16:43+08:00", "2022-07-18T15:16:43 0800", "2022-07-18T07:16:43Z"] {
            assert_eq!(TimeOffset::read(text), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_of_the_wire_is_not_read() {
        for text in [
            "",
            "-",
            "2022-07-18",
            "2022-07-18T15:16:43",
            "2022-07-18 15:16:43+0800",
            "2022-07-18T15:16:43.5+0800",
            "2022-07-18T15:16:60+0800",
            "2022-07-18T24:00:00+0800",
            "2022-02-30T00:00:00+0800",
            "2022-07-18T15:16:43+08",
            "2022-07-18T15:16:43  0800",
            "+022-07-18T15:16:43+0800",
            "2022-07-18T15:16:4é+0800",
        ] {
            assert_eq!(TimeOffset::read(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_are_dropped() {
        assert_eq!(TimeOffset::UTC.print(Timestamp::from_unix_millis(999)), "1970-01-01T00:00:00+0000");
        assert_eq!(TimeOffset::UTC.print(Timestamp::from_unix_millis(-1)), "1969-12-31T23:59:59+0000");
    }

    #[test]
    fn every_time_has_the_documented_length() {
        for millis in [i64::MIN, i64::MAX, 0] {
            for minutes in [i16::MIN, i16::MAX, 0] {
                assert_eq!(TimeOffset { minutes }.print(Timestamp::from_unix_millis(millis)).len(), 24);
            }
        }
    }

    #[test]
    fn offsets_are_read_with_and_without_a_colon() {
        for (text, expected) in [
            ("+08:00", Some(480)),
            ("+0800", Some(480)),
            ("-0330", Some(-210)),
            ("+00:00", Some(0)),
            ("+14:00", Some(840)),
            ("+14:01", None),
            ("+0860", None),
            ("0800", None),
            ("+8:00", None),
            ("+08:0", None),
            ("+0:800", None),
            ("+é80", None),
            ("", None),
            ("Z", None),
        ] {
            assert_eq!(TimeOffset::parse(text).map(|offset| offset.minutes), expected, "{text}");
        }
    }
}
