//! Buckets, objects, and the facts learnt of an object while it was read.

use std::fmt;
use std::sync::Arc;

use hashlane_lanes::Digest;

use crate::Timestamp;

/// The name of a bucket: `<name>-<appid>`, both parts of the DNS alphabet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Arc<str>);

impl BucketName {
    /// The name, when it has the documented shape: 1 to 50 of `[a-z0-9-]`, a dash, and 1 to 20 digits of appid.
    /// `None` otherwise.
    pub fn parse(text: &str) -> Option<BucketName> {
        let (name, appid) = text.rsplit_once('-')?;
        let name_fits =
            (1..=50).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let appid_fits = (1..=20).contains(&appid.len()) && appid.bytes().all(|byte| byte.is_ascii_digit());
        (name_fits && appid_fits).then(|| BucketName(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One object: its bucket and its key, taken literally.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: BucketName,
    /// The key, 1 to 850 bytes of UTF-8.
    pub key: String,
}

/// One version of an object, in words that the engine makes: as long as an object gives the same words, it has the same content, as far
/// as its storage can tell versions apart. To all others they are words to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectVersion(String);

impl ObjectVersion {
    /// The version of these words.
    pub fn from_words(words: String) -> ObjectVersion {
        ObjectVersion(words)
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was learnt of one version of an object: everything in here belongs to the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The digests, in the order in which they were asked for.
    pub digests: Vec<Digest>,
    /// The length of the object.
    pub size_bytes: u64,
    /// The object's ETag **with** its double quotes.
    pub etag: String,
    /// When the object was last modified.
    pub modified: Timestamp,
}
