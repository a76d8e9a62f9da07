//! What the verbs on one job answer: submit, claim, renew, settle and cancel.
//!
//! Losing a lease is an answer, not an error: it happens whenever a client cancels or a worker is late.

use std::time::Duration;

use hashlane_job::{Checkpoint, Lease, LeaseToken};

/// What a claim brought.
#[derive(Debug)]
pub struct Claimed {
    /// At most as many as asked for.
    pub leases: Vec<Lease>,
    /// How long until the next row of this stage is due: zero when as many were taken as asked for, `None` when none is
    /// known. Rows that wait for a paused queue or for a running job to end are not counted; what sets them free wakes
    /// the stage.
    pub next_due: Option<Duration>,
}

/// A lease to be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// Which.
    pub token: LeaseToken,
    /// Percent of the object read. The store keeps the largest it was told, and never 100 before the job succeeded.
    pub progress: u8,
    /// Where the next holder of the lease may go on; none leaves what was stored before.
    pub checkpoint: Option<Checkpoint>,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease runs on.
    Kept,
    /// It was lost: stop working.
    Lost,
}

/// What became of a settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Stored.
    Stored,
    /// The lease was lost before: nothing was changed.
    Lost,
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// Cancelled now, or it was before.
    Done,
    /// It had ended otherwise.
    AlreadyEnded,
    /// No such job in this bucket.
    NotFound,
}
