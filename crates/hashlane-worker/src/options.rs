//! The settings of the worker.

use std::time::Duration;

use hashlane_job::{DELIVERY_DELAYS, HashRetry};
use hashlane_wire::TimeOffset;

use crate::Permission;

/// How the loops work.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Length of a lease: how long a job waits for another worker when this one falls silent.
    pub lease: Duration,
    /// Callbacks in flight at once, over all receivers that answer quickly; three times as many more may wait for slow ones. A
    /// single receiver gets at most four of them.
    pub deliveries_max: usize,
    /// Attempts at a callback.
    pub delivery_attempts_max: u32,
    /// The pauses before each attempt (spec section 9), the first of them unused; a setting so that tests and impatient
    /// operators can shorten it.
    pub delivery_delays: Vec<Duration>,
    /// How long finished jobs are kept.
    pub retention: Duration,
    /// The offset of job times in callback bodies.
    pub time_offset: TimeOffset,
    /// Whether JobsDetail of JSON callback bodies is an array of one object instead of the object (spec section 9).
    pub callback_json_array: bool,
    /// Whether a job may still be done when its turn comes.
    pub permission: Permission,
    /// Whether a job may be answered with the result of an earlier job that read the same version of the object.
    pub cache_results: bool,
    /// How often and for how long an object is tried again that fails to be read for a temporary reason.
    pub retry: HashRetry,
    /// How long a stop waits for running jobs before it gives them back.
    pub grace: Duration,
}

impl Default for WorkerOptions {
    /// The values of the spec. The 256 deliveries and the 768 slow ones are sockets and small buffers, some MiB when all are in
    /// use; they let some hundred dead receivers hang at once before a healthy one has to wait. The grace ends before the 30 s after which
    /// service managers kill.
    fn default() -> WorkerOptions {
        WorkerOptions {
            lease: Duration::from_secs(30),
            deliveries_max: 256,
            delivery_attempts_max: 10,
            delivery_delays: DELIVERY_DELAYS.to_vec(),
            retention: Duration::from_secs(30 * 24 * 3600),
            time_offset: TimeOffset::default(),
            callback_json_array: false,
            permission: Permission::default(),
            cache_results: false,
            retry: HashRetry::default(),
            grace: Duration::from_secs(25),
        }
    }
}
