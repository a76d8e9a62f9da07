//! Multipart uploads: the answer to their beginning, the lists of parts and uploads, and their completion.

use hashlane_job::Timestamp;

use super::{Encoding, entries_max, iso_time, word};
use crate::xml::{self, Writer};
use crate::{ErrorCode, Query, WireError};

/// The answer to `POST /<key>?uploads`.
pub fn print_initiated(bucket: &str, key: &str, upload_id: &str) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("InitiateMultipartUploadResult");
    out.leaf("Bucket", bucket);
    out.leaf("Key", key);
    out.leaf("UploadId", upload_id);
    out.close("InitiateMultipartUploadResult");
    out.finish()
}

/// A part as the client names it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: u32,
    /// Its ETag as given.
    pub etag: String,
}

/// Reads the body of `POST /<key>?uploadId`.
///
/// # Errors
/// `InvalidContent` for what is not a `CompleteMultipartUpload`; `InvalidPart` for a part without number or ETag.
pub fn parse_complete(body: &[u8]) -> Result<Vec<CompletedPart>, WireError> {
    let root = xml::parse(body, xml::Limits::STORAGE)?;
    if root.name() != "CompleteMultipartUpload" {
        return Err(WireError::content("the root of the XML must be CompleteMultipartUpload"));
    }
    let invalid = || WireError::new(ErrorCode::InvalidPart, "each Part needs a PartNumber and an ETag");
    root.children_named("Part")
        .map(|part| {
            let number = part.word_of("PartNumber")?.and_then(|word| word.parse().ok()).ok_or_else(invalid)?;
            let etag = part.word_of("ETag")?.ok_or_else(invalid)?.to_owned();
            Ok(CompletedPart { number, etag })
        })
        .collect()
}

/// The answer to the completion. `etag` with its quotes.
pub fn print_completed(location: &str, bucket: &str, key: &str, etag: &str) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("CompleteMultipartUploadResult");
    out.leaf("Location", location);
    out.leaf("Bucket", bucket);
    out.leaf("Key", key);
    out.leaf("ETag", etag);
    out.close("CompleteMultipartUploadResult");
    out.finish()
}

/// What `GET /<key>?uploadId` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPartsQuery {
    /// `uploadId`.
    pub upload_id: String,
    /// `part-number-marker`.
    pub after: u32,
    /// `max-parts`.
    pub entries_max: usize,
    encoding: Encoding,
}

/// One part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartEntry<'a> {
    /// Its number.
    pub number: u32,
    /// When it was stored.
    pub modified: Timestamp,
    /// With its quotes.
    pub etag: &'a str,
    /// Its length.
    pub size_bytes: u64,
}

impl ListPartsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` for a number that is none.
    pub fn parse(query: &Query) -> Result<ListPartsQuery, WireError> {
        let after = match query.value("part-number-marker") {
            None => 0,
            Some(text) => text.parse().map_err(|_| WireError::argument("part-number-marker must be a whole number"))?,
        };
        Ok(ListPartsQuery {
            upload_id: query.value("uploadId").unwrap_or_default().to_owned(),
            after,
            entries_max: entries_max(query, "max-parts")?,
            encoding: Encoding::parse(query)?,
        })
    }

    /// The list.
    pub fn print(&self, bucket: &str, key: &str, parts: &[PartEntry<'_>], is_truncated: bool) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("ListPartsResult");
        out.leaf("Bucket", bucket);
        if self.encoding == Encoding::Url {
            out.leaf("EncodingType", "url");
        }
        out.leaf("Key", &self.encoding.print(key));
        out.leaf("UploadId", &self.upload_id);
        out.leaf("StorageClass", "STANDARD");
        out.leaf("PartNumberMarker", &self.after.to_string());
        if let Some(last) = parts.last().filter(|_| is_truncated) {
            out.leaf("NextPartNumberMarker", &last.number.to_string());
        }
        out.leaf("MaxParts", &self.entries_max.to_string());
        out.leaf("IsTruncated", word(is_truncated));
        for part in parts {
            out.open("Part");
            out.leaf("PartNumber", &part.number.to_string());
            out.leaf("LastModified", &iso_time(part.modified));
            out.leaf("ETag", part.etag);
            out.leaf("Size", &part.size_bytes.to_string());
            out.close("Part");
        }
        out.close("ListPartsResult");
        out.finish()
    }
}

/// What `GET /?uploads` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUploadsQuery {
    /// `prefix`.
    pub prefix: String,
    /// `delimiter`.
    pub delimiter: String,
    /// `key-marker`.
    pub key_marker: String,
    /// `upload-id-marker`.
    pub upload_id_marker: String,
    /// `max-uploads`.
    pub entries_max: usize,
    encoding: Encoding,
}

/// One upload of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEntry<'a> {
    /// The key of the object to be.
    pub key: &'a str,
    /// Its name.
    pub upload_id: &'a str,
    /// When it began.
    pub initiated: Timestamp,
}

impl ListUploadsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` for a count that is no number, and an unknown encoding.
    pub fn parse(query: &Query) -> Result<ListUploadsQuery, WireError> {
        let text = |name| query.value(name).unwrap_or_default().to_owned();
        Ok(ListUploadsQuery {
            prefix: text("prefix"),
            delimiter: text("delimiter"),
            key_marker: text("key-marker"),
            upload_id_marker: text("upload-id-marker"),
            entries_max: entries_max(query, "max-uploads")?,
            encoding: Encoding::parse(query)?,
        })
    }

    /// The list. `next`: key and id after which the next page begins.
    pub fn print(
        &self,
        bucket: &str,
        uploads: &[UploadEntry<'_>],
        prefixes: &[String],
        next: Option<(&str, &str)>,
    ) -> Vec<u8> {
        let encode = |key: &str| self.encoding.print(key);
        let mut out = Writer::new();
        out.open("ListMultipartUploadsResult");
        out.leaf("Bucket", bucket);
        if self.encoding == Encoding::Url {
            out.leaf("EncodingType", "url");
        }
        out.leaf("KeyMarker", &encode(&self.key_marker));
        out.leaf("UploadIdMarker", &self.upload_id_marker);
        if let Some((key, id)) = next {
            out.leaf("NextKeyMarker", &encode(key));
            out.leaf("NextUploadIdMarker", id);
        }
        out.leaf("MaxUploads", &self.entries_max.to_string());
        out.leaf("IsTruncated", word(next.is_some()));
        out.leaf("Prefix", &encode(&self.prefix));
        out.leaf("Delimiter", &encode(&self.delimiter));
        for upload in uploads {
            out.open("Upload");
            out.leaf("Key", &encode(upload.key));
            out.leaf("UploadId", upload.upload_id);
            out.leaf("StorageClass", "STANDARD");
            out.leaf("Initiated", &iso_time(upload.initiated));
            out.close("Upload");
        }
        for prefix in prefixes {
            out.open("CommonPrefixes");
            out.leaf("Prefix", &encode(prefix));
            out.close("CommonPrefixes");
        }
        out.close("ListMultipartUploadsResult");
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_completion_are_read_in_order() {
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                    <ETag>&quot;c3&quot;</ETag></Part><Part><ETag>7a</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>";
        let parts = parse_complete(body.as_bytes()).expect("they are read");
        let part = |number, etag: &str| CompletedPart { number, etag: etag.into() };
        assert_eq!(parts, [part(1, "\"c3\""), part(2, "7a")]);
        for body in [
            "",
            "<Delete/>",
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
            "<CompleteMultipartUpload><Part><ETag>a</ETag></Part></CompleteMultipartUpload>",
            "<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
        ] {
            assert!(parse_complete(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn ten_thousand_parts_fit_in_a_completion_and_not_much_more() {
        let body = |count: usize| {
            let part =
                "<Part><PartNumber>10000</PartNumber><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></Part>";
            format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", part.repeat(count)).into_bytes()
        };
        assert!(body(10_000).len() < 2 << 20);
        assert_eq!(parse_complete(&body(10_000)).map(|parts| parts.len()), Ok(10_000));
        assert!(parse_complete(&body(13_334)).is_err());
    }
}
