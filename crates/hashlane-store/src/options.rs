//! How a store is opened: its clocks, and the bounds of queues that it makes itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::Clock;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// What the times of jobs come from that clients see.
    pub wall: Arc<dyn Clock>,
    /// What leases and retries are measured by. It never jumps while the process lives.
    pub steady: Arc<dyn Clock>,
    /// For queues made from now on.
    pub queue_defaults: QueueDefaults,
    /// For how long after a submit a repeat of it is the same job; zero: never.
    pub submit_twice_window: Duration,
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions").field("queue_defaults", &self.queue_defaults).finish_non_exhaustive()
    }
}

/// Bounds of a new queue (`[queue]` of the configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDefaults {
    /// How many jobs may wait.
    pub jobs_waiting_max: u64,
    /// How many may run at once.
    pub jobs_running_max: u64,
}
