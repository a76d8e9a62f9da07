//! The state machine of a job: one function allows every move.

use std::fmt;

/// Where a job stands. The wire has its own words for these, and shows `Waiting` as paused while the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobState {
    /// Accepted; a worker will take it.
    Waiting,
    /// A worker holds its lease.
    Running,
    /// Ended with a digest.
    Succeeded,
    /// Ended with a reason.
    Failed,
    /// Ended by the client.
    Cancelled,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker takes it. By: the store's claim.
    Claim,
    /// The lease ends without a result: the worker gave it back, failed for now, or fell silent. By: the worker's
    /// settle, or the store when the lease lapses.
    Release,
    /// The worker stored a digest. By: the worker's settle.
    Succeed,
    /// The worker found that no attempt can help. By: the worker's settle.
    Fail,
    /// The client cancelled it, or closed the service. By: the store's cancel.
    Cancel,
}

/// A move that the state machine does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAllowed {
    /// The state it was in.
    pub from: JobState,
    /// What should have happened.
    pub event: Event,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a job that is {} cannot take the event {:?}", self.from.word(), self.event)
    }
}

impl std::error::Error for NotAllowed {}

/// The state after an event, or the refusal. This table is the only place that knows the moves; docs/states.md shows it.
pub const fn advance(from: JobState, event: Event) -> Result<JobState, NotAllowed> {
    use Event::{Cancel, Claim, Fail, Release, Succeed};
    use JobState::{Cancelled, Failed, Running, Succeeded, Waiting};
    match (from, event) {
        (Waiting, Claim) => Ok(Running),
        (Running, Release) => Ok(Waiting),
        (Running, Succeed) => Ok(Succeeded),
        (Running, Fail) => Ok(Failed),
        // Cancelling twice is no error (spec section 6); cancelling what has ended otherwise is.
        (Waiting | Running | Cancelled, Cancel) => Ok(Cancelled),
        (Waiting, Release | Succeed | Fail)
        | (Running, Claim)
        | (Succeeded | Failed, Claim | Release | Succeed | Fail | Cancel)
        | (Cancelled, Claim | Release | Succeed | Fail) => Err(NotAllowed { from, event }),
    }
}

impl JobState {
    /// Every state.
    pub const ALL: [JobState; 5] =
        [JobState::Waiting, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];

    /// The plain word, as stored.
    pub const fn word(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<JobState> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing can happen to the job any more.
    pub const fn is_final(self) -> bool {
        match self {
            JobState::Waiting | JobState::Running => false,
            JobState::Succeeded | JobState::Failed | JobState::Cancelled => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 5] = [Event::Claim, Event::Release, Event::Succeed, Event::Fail, Event::Cancel];

    #[test]
    fn no_event_leads_out_of_a_final_state() {
        for state in JobState::ALL.into_iter().filter(|state| state.is_final()) {
            for event in EVENTS {
                assert!(advance(state, event).is_err() || advance(state, event) == Ok(state), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn every_state_can_be_reached_and_every_open_job_can_end() {
        let mut reached = vec![JobState::Waiting];
        while let Some(next) = reached
            .iter()
            .flat_map(|state| EVENTS.map(|event| advance(*state, event)))
            .filter_map(Result::ok)
            .find(|state| !reached.contains(state))
        {
            reached.push(next);
        }
        assert_eq!(reached.len(), JobState::ALL.len());
        for state in [JobState::Waiting, JobState::Running] {
            assert_eq!(advance(state, Event::Cancel), Ok(JobState::Cancelled));
        }
    }

    #[test]
    fn words_round_trip() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_word(state.word()), Some(state));
        }
    }
}
