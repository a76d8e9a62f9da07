//! `GET /` of a bucket: the query and the page (V1: prefix, delimiter, marker, max-keys, encoding-type).

use hashlane_job::Timestamp;

use super::{Encoding, entries_max, iso_time, word};
use crate::xml::Writer;
use crate::{Query, WireError};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectsQuery {
    /// `prefix`.
    pub prefix: String,
    /// `delimiter`, empty for none.
    pub delimiter: String,
    /// `marker`, empty for the beginning.
    pub marker: String,
    /// `max-keys`, 0 to 1000.
    pub entries_max: usize,
    encoding: Encoding,
}

/// One object of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEntry<'a> {
    /// Its key.
    pub key: &'a str,
    /// When it was last modified.
    pub modified: Timestamp,
    /// With its quotes.
    pub etag: &'a str,
    /// Its length.
    pub size_bytes: u64,
}

impl ListObjectsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` for a count that is no number, and an unknown encoding.
    pub fn parse(query: &Query) -> Result<ListObjectsQuery, WireError> {
        let text = |name| query.value(name).unwrap_or_default().to_owned();
        Ok(ListObjectsQuery {
            prefix: text("prefix"),
            delimiter: text("delimiter"),
            marker: text("marker"),
            entries_max: entries_max(query, "max-keys")?,
            encoding: Encoding::parse(query)?,
        })
    }

    /// The page.
    pub fn print(
        &self,
        bucket: &str,
        objects: &[ObjectEntry<'_>],
        prefixes: &[String],
        next_marker: Option<&str>,
    ) -> Vec<u8> {
        let encode = |key: &str| self.encoding.print(key);
        let mut out = Writer::new();
        out.open("ListBucketResult");
        out.leaf("Name", bucket);
        if self.encoding == Encoding::Url {
            out.leaf("EncodingType", "url");
        }
        out.leaf("Prefix", &encode(&self.prefix));
        out.leaf("Marker", &encode(&self.marker));
        out.leaf("MaxKeys", &self.entries_max.to_string());
        if !self.delimiter.is_empty() {
            out.leaf("Delimiter", &encode(&self.delimiter));
        }
        out.leaf("IsTruncated", word(next_marker.is_some()));
        if let Some(next) = next_marker {
            out.leaf("NextMarker", &encode(next));
        }
        for object in objects {
            out.open("Contents");
            out.leaf("Key", &encode(object.key));
            out.leaf("LastModified", &iso_time(object.modified));
            out.leaf("ETag", object.etag);
            out.leaf("Size", &object.size_bytes.to_string());
            out.leaf("StorageClass", "STANDARD");
            out.close("Contents");
        }
        for prefix in prefixes {
            out.open("CommonPrefixes");
            out.leaf("Prefix", &encode(prefix));
            out.close("CommonPrefixes");
        }
        out.close("ListBucketResult");
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_the_python_sdk_decodes() {
        let query =
            Query::parse("prefix=di+r%2F&delimiter=%2F&marker=m&max-keys=10&encoding-type=url").expect("a query");
        let query = ListObjectsQuery::parse(&query).expect("it fits");
        let object = ObjectEntry { key: "di r/a&b", modified: Timestamp::default(), etag: "\"e\"", size_bytes: 3 };
        let page = query.print("demo-1", &[object], &["di r/x/".into()], Some("di r/x/"));
        assert_eq!(
            String::from_utf8(page).expect("text"),
            "<?xml version='1.0' encoding='utf-8' ?>\n<ListBucketResult><Name>demo-1</Name><EncodingType>url</EncodingType>\
             <Prefix>di%20r/</Prefix><Marker>m</Marker><MaxKeys>10</MaxKeys><Delimiter>/</Delimiter>\
             <IsTruncated>true</IsTruncated><NextMarker>di%20r/x/</NextMarker><Contents><Key>di%20r/a%26b</Key>\
             <LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>\"e\"</ETag><Size>3</Size>\
             <StorageClass>STANDARD</StorageClass></Contents><CommonPrefixes><Prefix>di%20r/x/</Prefix></CommonPrefixes>\
             </ListBucketResult>"
        );
    }
}
