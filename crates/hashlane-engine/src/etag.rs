//! ETags of objects whose storage gives none: made from what identifies the version.
//!
//! It promises that an ETag stands in double quotes, stays the same as long as the version does, and differs for another
//! version. For a local file that came through us the ETag of the upload is kept beside the file, together with the size
//! and modified time it belongs to, so that it dies with the content. An ETag is never taken for an MD5.

use hashlane_job::Timestamp;
use hashlane_lanes::{Algorithm, Digest, Hasher};

use crate::identity::Identity;

/// The extended attribute of a local file that keeps the ETag of its upload.
pub(crate) const XATTR: &str = "user.hashlane.etag";

/// No stored form is longer: two numbers of 20 digits, nanoseconds, and an ETag of up to 64 characters.
pub(crate) const STORED_BYTES_MAX: usize = 160;

/// The ETag of a local file that has none stored: 32 hex digits of a hash of its identity, and `-0`, which no upload has.
pub(crate) fn of_identity(identity: &Identity) -> String {
    let Identity { device, inode, size_bytes, modified_seconds, modified_nanos } = identity;
    synthesised(&format!("{device} {inode} {size_bytes} {modified_seconds} {modified_nanos}"))
}

/// The ETag of an object whose store tells no ETag but a modified time.
pub(crate) fn of_version(key: &str, size_bytes: u64, modified: Timestamp) -> String {
    synthesised(&format!("{size_bytes} {} {key}", modified.unix_millis()))
}

/// The ETag of a simple upload: the MD5 of the content.
pub(crate) fn of_content(md5: &Digest) -> String {
    format!("\"{md5}\"")
}

/// The ETag in double quotes, with those it has or with new ones.
pub(crate) fn quoted(etag: &str) -> String {
    if etag.ends_with('"') { etag.to_owned() } else { format!("\"{etag}\"") }
}

fn synthesised(identity: &str) -> String {
    format!("\"{}-0\"", Hasher::digest(Algorithm::Md5, identity.as_bytes()))
}

/// What is stored beside a file: size, modified time, and the ETag without its quotes.
pub(crate) fn stored_form(etag: &str, identity: &Identity) -> String {
    format!("{} {}", version_form(identity), etag.trim_matches('"'))
}

/// The ETag that a stored form tells, with its quotes; `None` when it belongs to another version of the file, or is not
/// of our making: whoever may write the file may write its attributes.
pub(crate) fn from_stored(stored: &[u8], identity: &Identity) -> Option<String> {
    let etag = std::str::from_utf8(stored).ok()?.strip_prefix(&version_form(identity))?.strip_prefix(' ')?;
    let plain = (1..=64).contains(&etag.len()) && etag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| format!("\"{etag}\""))
}

fn version_form(identity: &Identity) -> String {
    format!("{} {}.{:09}", identity.size_bytes, identity.modified_seconds, identity.modified_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity =
        Identity { device: 1, inode: 2, size_bytes: 3, modified_seconds: 1_700_000_000, modified_nanos: 5 };

    /// Failure rule B3.
    #[test]
    fn a_synthesised_etag_is_stable_quoted_and_marked() {
        let etag = of_identity(&IDENTITY);
        assert_eq!(etag, of_identity(&IDENTITY));
        assert_eq!(etag.len(), 2 + 32 + 2);
        assert!(etag.starts_with('"') && etag.ends_with("-0\""));
        for other in [
            Identity { device: 2, ..IDENTITY },
            Identity { inode: 3, ..IDENTITY },
            Identity { size_bytes: 4, ..IDENTITY },
            Identity { modified_seconds: 1, ..IDENTITY },
            Identity { modified_nanos: 6, ..IDENTITY },
        ] {
            assert_ne!(of_identity(&other), etag, "{other:?}");
        }
    }

    /// Failure rule B3.
    #[test]
    fn a_stored_etag_is_that_of_its_version_only() {
        let stored = stored_form("\"0123abcd-7\"", &IDENTITY);
        assert_eq!(stored, "3 1700000000.000000005 0123abcd-7");
        assert_eq!(from_stored(stored.as_bytes(), &IDENTITY).as_deref(), Some("\"0123abcd-7\""));
        // The same content moved to another inode keeps its ETag.
        assert!(from_stored(stored.as_bytes(), &Identity { inode: 9, ..IDENTITY }).is_some());
        assert_eq!(from_stored(stored.as_bytes(), &Identity { size_bytes: 4, ..IDENTITY }), None);
        assert_eq!(from_stored(stored.as_bytes(), &Identity { modified_nanos: 6, ..IDENTITY }), None);
    }

    #[test]
    fn a_stored_etag_of_another_making_is_ignored() {
        for stored in [
            "",
            "3",
            "3 1700000000.000000005",
            "3 1700000000.000000005 ",
            "3 1700000000.000000005 a\r\nb",
            "3 1700000000.000000005 \"a\"",
            "33 1700000000.000000005 a",
            "3 1700000000.0000000050 a",
        ] {
            assert_eq!(from_stored(stored.as_bytes(), &IDENTITY), None, "{stored:?}");
        }
        assert_eq!(from_stored(b"3 1700000000.000000005 \xff", &IDENTITY), None);
    }

    #[test]
    fn quotes_are_added_once() {
        assert_eq!(quoted("abc"), "\"abc\"");
        assert_eq!(quoted("\"abc\""), "\"abc\"");
        assert_eq!(quoted("W/\"abc\""), "W/\"abc\"");
    }
}
