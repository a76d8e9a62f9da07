//! Leases: the right to work on a job for a while, and what a worker says at the end.

use std::time::Duration;

use crate::{Checkpoint, FileFacts, Job, JobError, JobId, ObjectVersion, Reply};

/// What is to be done with a live job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Hash its object.
    Hash,
    /// Deliver its callback.
    Deliver,
}

impl Stage {
    /// The plain word, as stored.
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Hash => "hash",
            Stage::Deliver => "deliver",
        }
    }
}

/// The proof of a lease. Only the holder of the latest token of a job can renew or settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    /// The job.
    pub job: JobId,
    /// A number that no other claim of this job ever gets.
    pub secret: u64,
}

/// The right to work on one stage of a job until the lease lapses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The proof.
    pub token: LeaseToken,
    /// The stage.
    pub stage: Stage,
    /// The number of this attempt at this stage, from 1. A given-back attempt is not counted.
    pub attempt: u32,
    /// How long ago the first attempt at hashing failed; zero when none has failed.
    pub failing_for: Duration,
    /// Where an earlier holder was, when the object is large.
    pub checkpoint: Option<Checkpoint>,
    /// A process died that worked on the job, which has shown no progress since: its first checkpoints are wanted early,
    /// since they prove that it does not kill who works on it.
    pub is_suspect: bool,
    /// The job as it was when it was claimed.
    pub job: Job,
}

/// What a worker says of a lease at its end. Exactly one of these is settled for every lease that is not lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The object was hashed; the job succeeds.
    Hashed {
        /// What was learnt of it.
        facts: FileFacts,
        /// The version that the facts are of, when later jobs may be answered with them as long as the object is that version.
        version: Option<ObjectVersion>,
    },
    /// The job fails for good.
    Failed(JobError),
    /// The attempt failed; take it again after the delay.
    Again {
        /// From now.
        delay: Duration,
        /// Why.
        error: JobError,
    },
    /// The worker stops: the job is due at once and the attempt is not counted. Either stage.
    GivenBack,
    /// The receiver took the callback.
    Delivered(Reply),
    /// The callback was not taken; send it again after the delay.
    DeliverAgain {
        /// From now.
        delay: Duration,
        /// What came back.
        reply: Reply,
    },
    /// The callback is given up.
    DeliveryFailed(Reply),
    /// The callback was not sent, because its receiver does not answer; it is due after the delay and no attempt is spent.
    Postponed {
        /// From now; the store may add half a second.
        delay: Duration,
        /// Why, for the record.
        said: String,
    },
}

impl Outcome {
    /// The stage that this outcome can end; `None` when it can end either.
    pub const fn stage(&self) -> Option<Stage> {
        match self {
            Outcome::Hashed { .. } | Outcome::Failed(_) | Outcome::Again { .. } => Some(Stage::Hash),
            Outcome::Delivered(_)
            | Outcome::DeliverAgain { .. }
            | Outcome::DeliveryFailed(_)
            | Outcome::Postponed { .. } => Some(Stage::Deliver),
            Outcome::GivenBack => None,
        }
    }
}
