//! `GET /` of the service: the buckets that a key may see.

use hashlane_job::Timestamp;

use super::iso_time;
use crate::xml::Writer;

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its full name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// When it was made, as far as that is known.
    pub created: Timestamp,
}

/// The answer. `owner`: whoever asks; nobody else is known.
pub fn print_buckets(buckets: &[BucketEntry], owner: &str) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("ListAllMyBucketsResult");
    out.open("Owner");
    out.leaf("ID", owner);
    out.leaf("DisplayName", owner);
    out.close("Owner");
    out.open("Buckets");
    for bucket in buckets {
        out.open("Bucket");
        out.leaf("Name", &bucket.name);
        out.leaf("Location", &bucket.region);
        out.leaf("CreationDate", &iso_time(bucket.created));
        out.leaf("BucketType", "cos");
        out.close("Bucket");
    }
    out.close("Buckets");
    out.leaf("IsTruncated", "false");
    out.close("ListAllMyBucketsResult");
    out.finish()
}
