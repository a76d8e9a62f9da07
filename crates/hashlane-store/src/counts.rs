//! How many jobs are in each state.

/// How many jobs are in each state, as of the last commit. Ended ones count since the store was made, less the pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting in active queues.
    pub waiting: u64,
    /// Waiting in paused queues.
    pub paused: u64,
    /// Running. A lapsed lease counts until it is taken over.
    pub running: u64,
    /// Succeeded.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Callbacks to be delivered, now or later.
    pub deliveries_due: u64,
    /// Callbacks that were given up and can be replayed.
    pub deliveries_failed: u64,
}
