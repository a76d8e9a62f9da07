//! The byte range parser, and the readers of the header values around it: conditions, copy sources, digests. A range is what
//! a plain reading of RFC 9110 says, and never one outside of the object.
#![no_main]

use hashlane_fuzz::{bounded, reading};
use hashlane_job::Timestamp;
use hashlane_wire::RequestHead;
use hashlane_wire::storage::{
    ByteRange, Conditions, CopySource, GivenHeaders, METADATA_BYTES_MAX, MetadataDirective, RangeAnswer, Verdict,
    content_md5,
};
use libfuzzer_sys::fuzz_target;

const ETAG: &str = "\"e\"";
/// Sun, 06 Nov 1994 08:49:37 GMT, and a half.
const MODIFIED: Timestamp = Timestamp::from_unix_millis(784_111_777_500);

fuzz_target!(|value: &[u8]| {
    let text = String::from_utf8_lossy(value);
    ranges(&text);
    copy_sources(&text);
    headers(value);
});

fn ranges(text: &str) {
    let range = bounded(text.len(), || ByteRange::parse(text));
    let expected = plain_range(text);
    assert_eq!(range.is_some(), expected.is_some(), "{text:?} is read as {range:?}, not {expected:?}");
    let (Some(range), Some((first, last))) = (range, expected) else { return };
    let mut sizes = vec![0, 1, 2, 10, u64::MAX - 1, u64::MAX];
    sizes.extend([first, last].into_iter().flatten().flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)]));
    for size in sizes {
        // In numbers that cannot overflow.
        let bytes = u128::from(size);
        let (begin, end) = match (first.map(u128::from), last.map(u128::from)) {
            (Some(first), last) => (first, last.map_or(bytes, |last| bytes.min(last + 1))),
            (None, count) => (bytes.saturating_sub(count.unwrap_or(0)), bytes),
        };
        match range.of(size) {
            RangeAnswer::Partial(part) => {
                assert!(part.start < part.end && part.end <= size, "{text:?} is outside of {size} bytes");
                assert_eq!((u128::from(part.start), u128::from(part.end)), (begin, end), "{text:?} of {size}");
            }
            RangeAnswer::Unsatisfiable => assert!(begin >= end, "{text:?} of {size}"),
        }
    }
}

/// `bytes=first-last`, either missing but not both; blanks around unit and range are let through. Numbers too large for an
/// object are as good as the largest.
fn plain_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let blank = |character| matches!(character, ' ' | '\t');
    let equals = text.find('=')?;
    let (unit, range) = (text[..equals].trim_matches(blank), text[equals + 1..].trim_matches(blank));
    let number = |digits: &str| -> Option<Option<u64>> {
        if digits.is_empty() {
            return Some(None);
        }
        let mut value: u64 = 0;
        for byte in digits.bytes() {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            value = value.saturating_mul(10).saturating_add(digit.into());
        }
        Some(Some(value))
    };
    let dash = range.find('-')?;
    let (first, last) = (number(&range[..dash])?, number(&range[dash + 1..])?);
    let in_order = match (first, last) {
        (None, None) => false,
        (Some(first), Some(last)) => first <= last,
        _ => true,
    };
    (unit.eq_ignore_ascii_case("bytes") && in_order).then_some((first, last))
}

fn copy_sources(text: &str) {
    let Ok(source) = bounded(text.len(), || CopySource::parse(text)) else { return };
    assert!(!source.key.is_empty() && !source.host.is_empty() && !source.host.contains('/'));
    let printed = format!("{}/{}", source.host, reading::percent_encoded(source.key.as_bytes()));
    assert_eq!(CopySource::parse(&printed), Ok(source));
}

fn headers(value: &[u8]) {
    let head = |name| RequestHead { method: "GET", path: "/a", query: "", headers: vec![(name, value)] };
    let verdict = |name| bounded(value.len(), || Conditions::of(&head(name)).check(ETAG, MODIFIED));

    let (matches, none_matches) = (verdict("If-Match"), verdict("If-None-Match"));
    assert!(matches != Verdict::NotModified && none_matches != Verdict::Failed);
    assert!(matches == Verdict::Failed || none_matches == Verdict::NotModified, "what is the same is alike");
    let (since, until) = (verdict("If-Modified-Since"), verdict("If-Unmodified-Since"));
    assert!(since != Verdict::Failed && until != Verdict::NotModified);
    assert!(since == Verdict::Met || until == Verdict::Met, "neither modified nor unmodified");
    let of_copy = Conditions::of_copy_source(&head("x-cos-copy-source-If-Match")).check(ETAG, MODIFIED);
    assert_eq!(of_copy, matches);
    let _ = Conditions::of(&head("If-Range")).allow_range(ETAG, MODIFIED);

    let _ = MetadataDirective::of(&head("x-cos-metadata-directive"));
    let _ = content_md5(&head("Content-MD5"));
    if let Ok(given) = bounded(value.len(), || GivenHeaders::of(&head("x-cos-meta-a"))) {
        assert!(given.metadata.values().map(String::len).sum::<usize>() <= METADATA_BYTES_MAX);
    }
}
