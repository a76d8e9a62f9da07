//! Errors of the store: what a caller can do, and one line for the log.
//!
//! The message may name files of the server: it is for the log and the operator, never for a client.

use std::fmt;

use hashlane_job::JobId;

/// Why the store could not do it. Displays as one lower-case line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What a caller can do.
    pub kind: StoreErrorKind,
    /// What failed, and on what.
    pub message: String,
}

/// What a caller can do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Too many callers wait (the writer's channel is full): answer 503 and let them try later.
    Busy,
    /// Disk full or failing, database unreachable, store closed: 503 too; the store recovers by itself. Whether a
    /// change was made is not known after a failing disk; after a full one it was not.
    Unavailable,
    /// Another process holds this store.
    InUse,
    /// Written by a newer version.
    TooNew,
    /// The record of this job is damaged: it is never told, and no other job is affected.
    DamagedJob(JobId),
    /// The store's files are damaged, or a bug. Only what was asked for is affected.
    Corrupt,
    /// What was asked contradicts what is stored, or the URL names no store we know: asking again does not help.
    Refused,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
        StoreError { kind, message: message.into() }
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, message)
    }

    pub(crate) fn damaged(job: JobId, what: &str) -> StoreError {
        let message = format!("job {job} is damaged in the store: its {what} is not what was written");
        StoreError::new(StoreErrorKind::DamagedJob(job), message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> StoreError {
        StoreError::new(StoreErrorKind::Unavailable, message)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

/// Why a job was not accepted. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue does not exist in the job's bucket.
    QueueNotFound,
    /// The bucket's service is not open.
    ServiceClosed,
    /// `jobs_waiting_max` jobs wait already.
    QueueFull,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::QueueNotFound => f.write_str("the bucket has no such queue"),
            SubmitError::ServiceClosed => f.write_str("the bucket's service is not open"),
            SubmitError::QueueFull => f.write_str("as many jobs wait in the queue as may"),
            SubmitError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SubmitError {}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> SubmitError {
        SubmitError::Store(error)
    }
}
