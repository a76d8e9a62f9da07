//! Copies: where from, what becomes of the metadata, and the answer.

use hashlane_job::Timestamp;
use percent_encoding::percent_decode_str;

use super::iso_time;
use crate::xml::Writer;
use crate::{Query, RequestHead, WireError};

/// `x-cos-copy-source`: `<bucket>.cos.<region>.<domain>/<key>` or `/<bucket>/<key>`, percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// As a Host, of which [`crate::address`] says which bucket it names; or a bucket's name.
    pub host: String,
    /// The decoded key.
    pub key: String,
}

/// `x-cos-metadata-directive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataDirective {
    /// The copy has the metadata of its source.
    Copy,
    /// The copy has the metadata of the request.
    Replaced,
}

impl CopySource {
    /// Reads the header.
    ///
    /// # Errors
    /// `InvalidArgument` when it names no object, or a version of one, in whichever of its parameters; `InvalidURI` when those
    /// are not UTF-8.
    pub fn parse(header: &str) -> Result<CopySource, WireError> {
        let malformed = || WireError::argument("x-cos-copy-source must be <host>/<key>, percent-encoded");
        let (path, query) = header.split_once('?').unwrap_or((header, ""));
        let (host, key) = path.strip_prefix('/').unwrap_or(path).split_once('/').ok_or_else(malformed)?;
        if host.is_empty() || key.is_empty() {
            return Err(malformed());
        }
        if Query::parse(query)?.value("versionId").is_some() {
            return Err(WireError::argument("objects have no versions here; leave versionId out of x-cos-copy-source"));
        }
        let key = percent_decode_str(key).decode_utf8().map_err(|_| malformed())?.into_owned();
        Ok(CopySource { host: host.to_owned(), key })
    }
}

impl MetadataDirective {
    /// Reads the header; absent is `Copy`.
    ///
    /// # Errors
    /// `InvalidArgument` for anything but the two words.
    pub fn of(head: &RequestHead<'_>) -> Result<MetadataDirective, WireError> {
        match head.header("x-cos-metadata-directive").as_deref() {
            None | Some("") => Ok(MetadataDirective::Copy),
            Some(word) if word.eq_ignore_ascii_case("copy") => Ok(MetadataDirective::Copy),
            // The original's word, and the one that everybody expects.
            Some(word) if word.eq_ignore_ascii_case("replaced") || word.eq_ignore_ascii_case("replace") => {
                Ok(MetadataDirective::Replaced)
            }
            Some(_) => Err(WireError::argument("x-cos-metadata-directive must be Copy or Replaced")),
        }
    }
}

/// The answer to a copy. `etag` with its quotes.
pub fn print_copied(etag: &str, crc64: u64, modified: Timestamp) -> Vec<u8> {
    print("CopyObjectResult", etag, crc64, modified)
}

/// The answer to a copy that became a part. `etag` with its quotes.
pub fn print_part_copied(etag: &str, crc64: u64, modified: Timestamp) -> Vec<u8> {
    print("CopyPartResult", etag, crc64, modified)
}

fn print(root: &str, etag: &str, crc64: u64, modified: Timestamp) -> Vec<u8> {
    let mut out = Writer::new();
    out.open(root);
    out.leaf("ETag", etag);
    out.leaf("CRC64", &crc64.to_string());
    out.leaf("LastModified", &iso_time(modified));
    out.close(root);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_host_and_an_encoded_key() {
        let host = "demo-1250000000.cos.ap-chongqing.myqcloud.com";
        for (key, expected) in [
            ("%C3%A9%20a.txt", "é a.txt"),
            ("a/b+c", "a/b+c"),
            ("a?versionId=", "a"),
            ("/a", "/a"),
            ("a%3Fb", "a?b"),
            ("a?x=1&versionId", "a"),
        ] {
            for slash in ["", "/"] {
                let source = CopySource::parse(&format!("{slash}{host}/{key}")).expect(key);
                assert_eq!((source.host.as_str(), source.key.as_str()), (host, expected));
            }
        }
        for header in [
            "",
            "/",
            "host",
            "host/",
            "//a",
            "host/%ff",
            "host/a?versionId=1",
            "host/a?x=y&versionId=1",
            "host/a?versionId=&versionid=1",
            "host/a?version%49d=1",
            "host/a?%ff",
        ] {
            assert!(CopySource::parse(header).is_err(), "{header}");
        }
    }
}
