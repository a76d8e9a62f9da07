//! A job: what was asked, and how far it is.

use hashlane_lanes::Algorithm;

use crate::{
    BucketName, CallbackRequest, CallbackTarget, Delivery, FileFacts, JobError, JobId, JobState, ObjectRef, QueueId,
    Timestamp,
};

/// What a client asked for; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The identifier, which carries the creation time.
    pub id: JobId,
    /// The object to hash.
    pub object: ObjectRef,
    /// The queue it waits in. It exists and belongs to the object's bucket: the store refuses the job otherwise.
    pub queue: QueueId,
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// The algorithm's name as the client wrote it, for the echo.
    pub algorithm_as_given: String,
    /// Whether the digest is to be stored as metadata of the object.
    pub add_to_header: bool,
    /// Passed through: printable ASCII, at most 1,024 characters.
    pub user_data: Option<String>,
    /// 0, 1 or 2; the larger is taken first within a queue.
    pub level: u8,
    /// The client wants the object to be read for this very job: no result of an earlier job and no reading of another one
    /// stands for it (`x-ci-fresh: true`).
    pub fresh: bool,
    /// The access key that asked for it, of which the permission is checked again before the object is read; `None` of jobs that were
    /// submitted before this was kept.
    pub submitter: Option<String>,
    /// The callback as the job states it.
    pub callback: CallbackRequest,
}

impl NewJob {
    /// When it was created.
    pub fn created(&self) -> Timestamp {
        self.id.created()
    }

    /// The bucket of its object.
    pub fn bucket(&self) -> &BucketName {
        &self.object.bucket
    }
}

/// A job as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What was asked.
    pub request: NewJob,
    /// Where it stands.
    pub state: JobState,
    /// Whether its queue is paused, which only matters, and is only shown, while it waits.
    pub queue_paused: bool,
    /// Percent of the object read, 0 to 100; 100 only when it succeeded.
    pub progress: u8,
    /// When it was first claimed.
    pub started: Option<Timestamp>,
    /// When it ended; set if and only if the state is final.
    pub ended: Option<Timestamp>,
    /// The result; set if and only if it succeeded.
    pub facts: Option<FileFacts>,
    /// The reason; set if and only if it failed. While it waits for another attempt: why the last one ended.
    pub error: Option<JobError>,
    /// Where its callback goes; frozen at the end of the job.
    pub target: Option<CallbackTarget>,
    /// What became of its callback.
    pub delivery: Delivery,
}
