//! The messages of the storage calls (spec section 15): what only they have.
//!
//! Each file is one message or one kind of header, parse and print side by side. Keys are percent-encoded in answers when the
//! client asked for `encoding-type=url`, which is the only way in which XML carries every key.

mod byte_range;
mod conditions;
mod copy_object;
mod delete_objects;
mod list_buckets;
mod list_objects;
mod multipart;
mod object_headers;

use hashlane_job::Timestamp;
use percent_encoding::{AsciiSet, utf8_percent_encode};

pub use byte_range::{ByteRange, RangeAnswer};
pub use conditions::{Conditions, Verdict};
pub use copy_object::{CopySource, MetadataDirective, print_copied, print_part_copied};
pub use delete_objects::{DeleteRefusal, DeleteRequest, KEYS_MAX, print_deleted};
pub use list_buckets::{BucketEntry, print_buckets};
pub use list_objects::{ListObjectsQuery, ObjectEntry};
pub use multipart::{
    CompletedPart, ListPartsQuery, ListUploadsQuery, PartEntry, UploadEntry, parse_complete, print_completed,
    print_initiated,
};
pub use object_headers::{
    GivenHeaders, KEY_BYTES_MAX, METADATA_BYTES_MAX, check_key, content_md5, http_time, response_overrides,
};

use crate::query::VALUE;
use crate::{Query, TimeOffset, WireError};

/// What stays as it is in an encoded key: slashes too, so that people can read it.
const KEY: &AsciiSet = &VALUE.remove(b'/');

/// How keys are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encoding {
    #[default]
    Plain,
    Url,
}

impl Encoding {
    /// Reads `encoding-type`.
    fn parse(query: &Query) -> Result<Encoding, WireError> {
        match query.value("encoding-type") {
            None => Ok(Encoding::Plain),
            Some("url") => Ok(Encoding::Url),
            Some(_) => Err(WireError::argument("encoding-type must be url")),
        }
    }

    fn print(self, key: &str) -> String {
        match self {
            Encoding::Plain => key.to_owned(),
            Encoding::Url => utf8_percent_encode(key, KEY).to_string(),
        }
    }
}

/// A count of entries: 0 to 1000; more is taken for 1000, as the original does.
fn entries_max(query: &Query, name: &str) -> Result<usize, WireError> {
    const ENTRIES_MAX: usize = 1000;
    match query.value(name) {
        None => Ok(ENTRIES_MAX),
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(text.parse().unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX))
        }
        Some(_) => Err(WireError::argument(format!("{name} must be a whole number"))),
    }
}

/// `2023-11-14T22:13:20.000Z`.
fn iso_time(time: Timestamp) -> String {
    let text = TimeOffset::UTC.print(time);
    let seconds = text.strip_suffix("+0000").unwrap_or(&text);
    format!("{seconds}.{:03}Z", time.unix_millis().rem_euclid(1000))
}

/// `true` or `false`, in the lower case that SDKs compare with.
const fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_when_that_was_asked_for() {
        let query = Query::parse("encoding-type=url").expect("a query");
        assert_eq!(Encoding::parse(&query).expect("known").print("a b+é/%\u{1}"), "a%20b%2B%C3%A9/%25%01");
        assert_eq!(Encoding::default().print("a b"), "a b");
        assert!(Encoding::parse(&Query::parse("encoding-type=xml").expect("a query")).is_err());
    }

    #[test]
    fn times_of_listings_are_utc_with_milliseconds() {
        assert_eq!(iso_time(Timestamp::from_unix_millis(1_700_000_000_007)), "2023-11-14T22:13:20.007Z");
    }

    #[test]
    fn counts_are_bounded() {
        let count = |query: &str| entries_max(&Query::parse(query).expect("a query"), "max-keys").ok();
        for (query, expected) in [
            ("", Some(1000)),
            ("max-keys=", Some(1000)),
            ("max-keys=0", Some(0)),
            ("max-keys=10", Some(10)),
            ("max-keys=99999999999999999999999", Some(1000)),
            ("max-keys=-1", None),
            ("max-keys=%2B1", None),
            ("max-keys=x", None),
        ] {
            assert_eq!(count(query), expected, "{query}");
        }
    }
}
