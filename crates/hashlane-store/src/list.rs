//! Lists of jobs: what is asked for, and one page of the answer (spec section 6).

use hashlane_job::{BucketName, Job, JobId, JobState, QueueId, Timestamp};

/// What a page of a list holds.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Only this bucket's jobs.
    pub bucket: BucketName,
    /// Only this queue's.
    pub queue: Option<QueueId>,
    /// Only jobs in one of these states, as the wire shows them; empty is all.
    pub states: Vec<ListState>,
    /// Newest first when true.
    pub newest_first: bool,
    /// Created at or after, to the millisecond.
    pub created_from: Option<Timestamp>,
    /// Created at or before, to the millisecond.
    pub created_to: Option<Timestamp>,
    /// Continue after this job, which need not exist any more.
    pub after: Option<JobId>,
    /// At most so many.
    pub limit: usize,
}

/// A state in a list query: paused is waiting in a paused queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListState {
    /// In the given state; `Waiting` means waiting in an active queue.
    Is(JobState),
    /// Waiting in a paused queue.
    Paused,
}

/// One page, in order of creation. All of its jobs are seen at one point in time.
#[derive(Debug)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// What to continue after; `None` on the last page.
    pub next_after: Option<JobId>,
}
