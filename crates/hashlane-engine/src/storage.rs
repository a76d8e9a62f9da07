//! Objects as clients of the storage calls see them: what is told of one, what is kept with one, and what can go wrong.
//!
//! It promises the same nouns for every scheme. An upload is atomic: a reader sees the old object or the new one, and an
//! upload that is dropped leaves nothing. Bytes pass in bounded memory. What is left out on purpose: HTTP, conditions and
//! ranges as clients write them, and what a key of access may do; the server knows those.

mod calls;
mod claims;
mod list;
mod multipart;
mod precondition;
mod read;
mod upload;

use std::collections::BTreeMap;
use std::fmt;

use hashlane_job::{FailureCode, JobError, Timestamp};

pub(crate) use claims::Claims;
pub use list::{ListPage, ListRequest, ListedObject};
pub(crate) use list::{Pager, Turn};
pub use multipart::{
    ListUploadsRequest, PART_NUMBER_MAX, PartChoice, PartsPage, PendingUpload, StoredPart, UploadsPage,
};
pub(crate) use multipart::{invalid_part, is_id, no_such_upload};
pub use precondition::Precondition;
pub(crate) use precondition::Terms;
pub use read::{ObjectStream, OpenObject};
pub(crate) use upload::Target;
pub use upload::{Ending, Stored, Upload};

/// The folder of uploads on their way, in every bucket. No key can name it or anything in it, and no listing shows it.
pub(crate) const UPLOADS: &str = ".hashlane-uploads";

/// What a client gave with an object and gets back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Standard headers, `content-type` among them, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// User metadata by lower-case name, without its `x-cos-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// What is told of one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// The length.
    pub size_bytes: u64,
    /// With its double quotes; that of a job's result for the same version.
    pub etag: String,
    /// When it was last modified.
    pub modified: Timestamp,
    /// CRC-64/XZ of the content, of objects that came through us.
    pub crc64: Option<u64>,
    /// What was given with it.
    pub attributes: Attributes,
}

/// What kind of thing went wrong with a storage call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// There is no such bucket.
    NoSuchBucket,
    /// There is no such object.
    NotFound,
    /// The key cannot name an object of this bucket's storage.
    InvalidKey,
    /// The key is in the way of another object: a folder cannot be a file at the same time.
    Conflict,
    /// The object exists, and it was asked that it be not replaced.
    Exists,
    /// A precondition of the call does not hold; nothing was changed.
    PreconditionFailed,
    /// The body is not the one that Content-MD5 tells of.
    DigestMismatch,
    /// What was given with the object does not fit beside it.
    AttributesTooLarge,
    /// There is no such multipart upload for this key.
    NoSuchUpload,
    /// A part is missing, or is not the one with that ETag.
    InvalidPart,
    /// Parts are not in ascending order.
    InvalidPartOrder,
    /// The server may not.
    Denied,
    /// The storage is full.
    Full,
    /// The storage of the bucket cannot do that.
    Unsupported,
    /// The object is another one by now, or was changed while it was read; the call can be made again.
    Changed,
    /// The storage does not answer, or fails.
    Unavailable,
}

/// Why a storage call was not done. The message is for clients: it names no path of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageError {
    /// What kind of thing went wrong.
    pub fault: StorageFault,
    /// One lower-case line.
    pub message: String,
}

impl StorageError {
    pub(crate) fn new(fault: StorageFault, message: impl Into<String>) -> StorageError {
        StorageError { fault, message: message.into() }
    }

    pub(crate) fn not_found() -> StorageError {
        StorageError::new(StorageFault::NotFound, "the object does not exist")
    }

    pub(crate) fn changed() -> StorageError {
        StorageError::new(StorageFault::Changed, "the object changed while it was read")
    }

    /// A task that ended by a panic, or a lock that nobody can hold any more.
    pub(crate) fn panicked() -> StorageError {
        StorageError::new(StorageFault::Unavailable, "the storage call failed inside the server")
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StorageError {}

impl From<JobError> for StorageError {
    /// Opening an object for a job and for a client fails for the same reasons.
    fn from(error: JobError) -> StorageError {
        let fault = match error.code {
            FailureCode::NotFound => StorageFault::NotFound,
            FailureCode::Denied => StorageFault::Denied,
            _ => StorageFault::Unavailable,
        };
        StorageError::new(fault, error.message)
    }
}
