//! The `Range` of a request (RFC 9110, section 14), one range of bytes.
//!
//! A header that is not such a range is ignored, as the RFC asks: then the answer is the whole object. That holds for several
//! ranges too, for which no SDK asks.

use std::ops::Range;

/// A range as the client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=5-9`, `bytes=5-`: from the first to the last byte, both included.
    From {
        /// The offset of the first.
        first: u64,
        /// The offset of the last, if one is given.
        last: Option<u64>,
    },
    /// `bytes=-5`: so many at the end.
    Last(u64),
}

/// What a range is of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeAnswer {
    /// 206 with these bytes.
    Partial(Range<u64>),
    /// 416: no byte of the object is in it.
    Unsatisfiable,
}

impl ByteRange {
    /// Reads a header; `None` for one that is to be ignored.
    pub fn parse(header: &str) -> Option<ByteRange> {
        let (unit, range) = header.split_once('=')?;
        let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
        if !unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes") {
            return None;
        }
        if first.is_empty() {
            return Some(ByteRange::Last(offset(last)?));
        }
        let first = offset(first)?;
        let last = if last.is_empty() { None } else { Some(offset(last)?) };
        last.is_none_or(|last| first <= last).then_some(ByteRange::From { first, last })
    }

    /// What the range is of an object of that length.
    pub fn of(self, size_bytes: u64) -> RangeAnswer {
        let range = match self {
            ByteRange::From { first, last } => {
                first..last.map_or(size_bytes, |last| last.saturating_add(1)).min(size_bytes)
            }
            ByteRange::Last(bytes) => size_bytes.saturating_sub(bytes)..size_bytes,
        };
        if range.is_empty() { RangeAnswer::Unsatisfiable } else { RangeAnswer::Partial(range) }
    }
}

/// Digits only. A number that is too large is as good as the largest.
fn offset(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_cut_to_the_object() {
        use RangeAnswer::{Partial, Unsatisfiable};
        for (header, size_bytes, expected) in [
            ("bytes=0-1", 10, Partial(0..2)),
            ("bytes=0-", 10, Partial(0..10)),
            ("bytes=9-9", 10, Partial(9..10)),
            ("bytes=5-100", 10, Partial(5..10)),
            ("Bytes = 5-6", 10, Partial(5..7)),
            ("bytes=-3", 10, Partial(7..10)),
            ("bytes=-30", 10, Partial(0..10)),
            ("bytes=0-99999999999999999999999", 10, Partial(0..10)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-1", 0, Unsatisfiable),
            ("bytes=99999999999999999999999-", u64::MAX, Unsatisfiable),
        ] {
            let range = ByteRange::parse(header).unwrap_or_else(|| panic!("{header}"));
            assert_eq!(range.of(size_bytes), expected, "{header} of {size_bytes}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=1-0",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "0-1",
        ] {
            assert_eq!(ByteRange::parse(header), None, "{header}");
        }
    }
}
