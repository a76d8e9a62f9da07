//! A change of a queue: what is to be different, and nothing else.

use hashlane_job::{Notify, Queue, Timestamp};

/// What of a queue is to change, or of a new one to be other than the default; `None` stays as it is. It is applied to the queue as it then stands, so that two changes at
/// the same time never undo each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueChange {
    /// The name.
    pub name: Option<String>,
    /// Whether its jobs wait until it is active again.
    pub paused: Option<bool>,
    /// Where callbacks go, as a whole.
    pub notify: Option<Notify>,
    /// How many jobs may wait.
    pub jobs_waiting_max: Option<u64>,
    /// How many jobs may run at once.
    pub jobs_running_max: Option<u64>,
}

impl QueueChange {
    /// The queue after the change, made at `now`.
    pub(crate) fn apply(self, queue: Queue, now: Timestamp) -> Queue {
        Queue {
            name: self.name.unwrap_or(queue.name),
            paused: self.paused.unwrap_or(queue.paused),
            notify: self.notify.unwrap_or(queue.notify),
            jobs_waiting_max: self.jobs_waiting_max.unwrap_or(queue.jobs_waiting_max),
            jobs_running_max: self.jobs_running_max.unwrap_or(queue.jobs_running_max),
            updated: now,
            ..queue
        }
    }
}
