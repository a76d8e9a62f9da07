//! Stored objects to digests.
//!
//! [`Engine`] reads objects of its buckets and hashes them in lanes, many at once; it also stores, lists and deletes them for
//! the storage calls (`storage.rs`). Local files are read by the hashing
//! threads themselves (`local.rs`), everything else comes through OpenDAL (`objects.rs`) and a bounded channel; the
//! threads and why they cannot block each other are told in `pool.rs`; the storage schemes are one table in `schemes.rs`.
//!
//! [`Sums`] hashes files and folders of the machine itself, in order, through the same lanes (`sum.rs`).
//!
//! It promises that a digest, size, ETag and modified time all belong to one version of the object, or that there is an
//! error: never a wrong digest. It knows no jobs beyond their nouns, no store, no message format and no callbacks.

mod bucket;
mod budget;
mod checkpoint;
mod engine;
mod error;
mod etag;
mod hashed;
mod identity;
mod local;
mod objects;
mod pool;
mod progress;
mod reading;
mod readings;
mod schemes;
mod storage;
mod sum;

pub use bucket::BucketConfig;
pub use engine::{Engine, EngineOptions, Joined};
pub use error::EngineError;
pub use hashed::{HashRequest, Hashed, Identified};
pub use progress::{Meter, ReadProgress};
pub use schemes::folder_url;
pub use storage::{
    Attributes, Ending, ListPage, ListRequest, ListUploadsRequest, ListedObject, ObjectHead, ObjectStream, OpenObject,
    PART_NUMBER_MAX, PartChoice, PartsPage, PendingUpload, Precondition, StorageError, StorageFault, Stored,
    StoredPart, Upload, UploadsPage,
};
pub use sum::{Intake, SumError, SumOptions, SumProgress, SumTotal, Summed, Sums};
