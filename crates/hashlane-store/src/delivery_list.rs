//! Deliveries as an operator looks at them: lists by state, the record of one job, and what became of a replay.

use std::fmt;
use std::time::Duration;

use hashlane_job::{Attempt, BucketName, DeliveryState, Job, JobId, Timestamp};

/// What a page of a list of deliveries holds.
#[derive(Debug, Clone)]
pub struct DeliveryQuery {
    /// Callbacks in this state. None are listed for [`DeliveryState::None`].
    pub state: DeliveryState,
    /// Only this bucket's; all buckets' otherwise.
    pub bucket: Option<BucketName>,
    /// Only of jobs created at or after, to the millisecond.
    pub created_from: Option<Timestamp>,
    /// Only of jobs created at or before, to the millisecond.
    pub created_to: Option<Timestamp>,
    /// Continue after this delivery, which need not exist any more.
    pub after: Option<DeliveryCursor>,
    /// At most so many.
    pub limit: usize,
}

/// A place in a list of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// When the callback is due on the store's clock; zero in lists that are not in order of that.
    pub(crate) due_ms: i64,
    /// The job.
    pub(crate) job: JobId,
}

impl DeliveryCursor {
    /// Reads what was printed.
    pub fn parse(text: &str) -> Option<DeliveryCursor> {
        let (due_ms, job) = text.split_once('.')?;
        Some(DeliveryCursor { due_ms: due_ms.parse().ok()?, job: JobId::parse(job)? })
    }
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.due_ms, self.job)
    }
}

/// One page. Due callbacks come in the order in which they become due, others with the newest job first.
#[derive(Debug)]
pub struct DeliveryPage {
    /// The deliveries; there may be fewer than asked for although more follow.
    pub deliveries: Vec<ListedDelivery>,
    /// What to continue after; `None` on the last page.
    pub next_after: Option<DeliveryCursor>,
}

/// A delivery in a list.
#[derive(Debug, Clone)]
pub struct ListedDelivery {
    /// The job, with the state of its delivery.
    pub job: Job,
    /// How long until it is sent; `None` when it is not due, or is being sent now.
    pub due_in: Option<Duration>,
}

/// Everything that is known of the callback of one job.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The job, with the state of its delivery.
    pub job: Job,
    /// How long until it is sent; `None` when it is not due, or is being sent now.
    pub due_in: Option<Duration>,
    /// Its attempts, the oldest first; at most [`hashlane_job::ATTEMPTS_KEPT_MAX`], the latest.
    pub attempts: Vec<Attempt>,
}

/// What became of the replay of a job's callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is due now, and its attempts begin anew.
    Due,
    /// It was due already: nothing was changed.
    AlreadyDue,
    /// Its delivery is in another state than was asked for: nothing was changed.
    OtherState,
    /// The job has not ended.
    NotEnded,
    /// The job has no callback: none was asked for, or it was cancelled.
    NoCallback,
    /// No such job in this bucket.
    NotFound,
}
