//! One attempt at a callback: when, what came of it, and what the receiver said.
//!
//! The last [`ATTEMPTS_KEPT_MAX`] of a job are kept with it, as its delivery record. What a receiver sent as a body is never
//! part of it.

use std::time::Duration;

use crate::{JobId, Timestamp};

/// So many entries of a delivery record are kept, the latest: the ten attempts of the schedule, some replays, and the
/// postponements between them.
pub const ATTEMPTS_KEPT_MAX: usize = 50;

/// What came back of an attempt at a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the receiver said, `200 OK`, or what went wrong.
    pub said: String,
    /// The HTTP status, when there was an answer over HTTP.
    pub status: Option<u16>,
    /// How long the attempt lasted.
    pub took: Duration,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The receiver took it.
    Delivered,
    /// It did not, and the callback is sent again.
    Retried,
    /// It did not, and the callback is given up.
    Failed,
    /// Nothing was sent and no attempt spent: the receiver did not answer others.
    Postponed,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [AttemptOutcome; 4] =
        [AttemptOutcome::Delivered, AttemptOutcome::Retried, AttemptOutcome::Failed, AttemptOutcome::Postponed];

    /// The plain word, as stored, counted and shown.
    pub const fn word(self) -> &'static str {
        match self {
            AttemptOutcome::Delivered => "delivered",
            AttemptOutcome::Retried => "retried",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::Postponed => "postponed",
        }
    }

    /// The outcome of that word.
    pub fn from_word(word: &str) -> Option<AttemptOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// An entry of a delivery record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1, and from 1 again after a replay. A postponed attempt has the number of the one that was not made.
    pub number: u32,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// When it ended.
    pub ended: Timestamp,
    /// How long it lasted; `None` when nothing was sent, or when a version wrote it that did not record it.
    pub took: Option<Duration>,
    /// The HTTP status, when there was an answer over HTTP.
    pub status: Option<u16>,
    /// What the receiver said, or what went wrong.
    pub said: String,
}

/// The name of the event that a job raises at its end. A job raises one in its life, so that the name stays the same over
/// retries, replays and restarts, and a receiver can drop duplicates by it (failure rules A11, D8).
pub fn event_id(job: JobId) -> String {
    format!("evt-{job}")
}
