//! Synchronous hashes: `GET /<object>?ci-process=filehash&type=...`, its query and its answer (spec section 10).
//!
//! Promised: as in answers with jobs, one digest element, no attribute, no namespace. Here `Input` names its bucket `Bucket`,
//! not `BucketId`: the documents and SDKs agree on that.

use hashlane_job::{BucketName, FileFacts};
use hashlane_lanes::Algorithm;

use crate::digest_type::digest_element;
use crate::xml::Writer;
use crate::{Query, TimeOffset, WireError, wire_algorithm};

/// What the query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncHashQuery {
    /// `type`, in any letter case.
    pub algorithm: Algorithm,
    /// `addtoheader`, false when it is absent or empty.
    pub add_to_header: bool,
}

impl SyncHashQuery {
    /// Reads the query of a request that was routed here.
    ///
    /// # Errors
    /// `InvalidArgument` when `type` is absent or none of the three, or `addtoheader` is neither true nor false; `InvalidURI`
    /// when the query is not UTF-8 once decoded.
    pub fn parse(query: &str) -> Result<SyncHashQuery, WireError> {
        let query = Query::parse(query)?;
        let algorithm = query.value("type").and_then(wire_algorithm);
        let algorithm = algorithm.ok_or_else(|| WireError::argument("type must be md5, sha1 or sha256"))?;
        let add_to_header = match query.value("addtoheader") {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(WireError::argument("addtoheader must be true or false")),
        };
        Ok(SyncHashQuery { algorithm, add_to_header })
    }
}

/// The answer. `region` is the bucket's.
pub fn print(bucket: &BucketName, key: &str, region: &str, facts: &FileFacts) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("Response");
    out.open("FileHashCodeResult");
    for digest in &facts.digests {
        if let Some(element) = digest_element(digest.algorithm()) {
            out.leaf(element, &digest.to_string());
        }
    }
    out.leaf("FileSize", &facts.size_bytes.to_string());
    out.leaf("LastModified", &TimeOffset::UTC.print(facts.modified));
    out.leaf("Etag", &facts.etag);
    out.close("FileHashCodeResult");
    out.open("Input");
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Object", key);
    out.leaf("Region", region);
    out.close("Input");
    out.close("Response");
    out.finish()
}

#[cfg(test)]
mod tests {
    use hashlane_job::Timestamp;
    use hashlane_lanes::Digest;

    use super::*;
    use crate::ErrorCode;

    /// Rules W10.3, W10.4.
    #[test]
    fn the_type_is_taken_in_any_case_and_an_empty_addtoheader_is_its_default() {
        for (query, algorithm, add_to_header) in [
            ("ci-process=filehash&type=md5", Algorithm::Md5, false),
            ("ci-process=filehash&type=SHA1&addtoheader=", Algorithm::Sha1, false),
            ("TYPE=Sha256&AddToHeader=TRUE", Algorithm::Sha256, true),
            ("type=&type=md5&addtoheader=false", Algorithm::Md5, false),
        ] {
            assert_eq!(SyncHashQuery::parse(query), Ok(SyncHashQuery { algorithm, add_to_header }), "{query}");
        }
    }

    /// Rule W10.4.
    #[test]
    fn another_type_or_a_word_that_is_neither_true_nor_false_is_refused() {
        for query in [
            "",
            "type=",
            "type=md6",
            "type=md5,sha1",
            "type=sha512",
            "type=md5&addtoheader=1",
            "type=md5&addtoheader=maybe",
        ] {
            let refused = SyncHashQuery::parse(query).map_err(|error| error.code);
            assert_eq!(refused, Err(ErrorCode::InvalidArgument), "{query}");
        }
    }

    /// Rules W10.5, W16.4.
    #[test]
    fn the_answer_names_its_bucket_bucket() {
        let digest = Digest::from_bytes(Algorithm::Md5, &[0xab; 16]).expect("16 bytes");
        let facts = FileFacts {
            digests: vec![digest],
            size_bytes: 3,
            etag: "\"e\"".into(),
            modified: Timestamp::from_unix_seconds(0),
        };
        let bucket = BucketName::parse("demo-1250000000").expect("a name");
        let text = String::from_utf8(print(&bucket, "a<b", "local", &facts)).expect("UTF-8");
        let expected = format!(
            "<?xml version='1.0' encoding='utf-8' ?>\n<Response><FileHashCodeResult><MD5>{}</MD5><FileSize>3</FileSize>\
             <LastModified>1970-01-01T00:00:00+0000</LastModified><Etag>\"e\"</Etag></FileHashCodeResult>\
             <Input><Bucket>demo-1250000000</Bucket><Object>a&lt;b</Object><Region>local</Region></Input></Response>",
            "ab".repeat(16)
        );
        assert_eq!(text, expected);
    }
}
