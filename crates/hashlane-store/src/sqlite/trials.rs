//! Trials: the jobs that a process died with are run again one at a time, so that the one that kills is known and no other
//! suffers for it (failure rule A9).
//!
//! A suspect runs alone until it shows progress, a checkpoint or an end, which takes milliseconds. What takes longer has a
//! bound, since nobody else works meanwhile, and so have all trials of one opening together; whoever had none is run beside
//! the others and, should the process die again, comes first the next time.

use std::collections::VecDeque;
use std::time::Duration;

use hashlane_job::{JobId, Timestamp};
use rusqlite::Connection;

use crate::StoreError;

/// How many processes may die with a job alone in their hands.
pub(super) const DEATHS_MAX: u32 = 3;
/// How long a first trial may take. A local object shows progress within milliseconds; this is for storages that are slow.
const TRIAL_TIME: Duration = Duration::from_secs(5);
/// Each further trial of a job may take twice the time of the one before, up to this: a job that kills only after a long
/// time must be caught alone at last.
const TRIAL_TIME_MAX: Duration = Duration::from_secs(300);
/// No trial begins later than this after the opening: other jobs have waited long enough.
const TRIALS_TIME: Duration = Duration::from_secs(10);

/// The suspects of this opening.
#[derive(Debug)]
pub(super) struct Trials {
    state: State,
    /// As of the last commit, when it has changed since.
    committed: Option<State>,
    /// When other jobs have waited long enough.
    end: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct State {
    waiting: VecDeque<Suspect>,
    running: Option<Running>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect {
    pub(super) id: JobId,
    trials: u32,
}

impl Suspect {
    /// How long its next trial may take.
    pub(super) fn time(self) -> Duration {
        TRIAL_TIME.saturating_mul(1 << self.trials.min(16)).min(TRIAL_TIME_MAX)
    }
}

#[derive(Debug, Clone, Copy)]
struct Running {
    id: JobId,
    until: Timestamp,
}

impl Trials {
    /// Reads who is suspect; `now` is the time of the opening.
    pub(super) fn load(connection: &Connection, now: Timestamp) -> Result<Trials, StoreError> {
        let mut statement = connection.prepare(include_str!("open_trials.sql"))?;
        let rows =
            statement.query_map([], |row| Ok(Suspect { id: JobId::from_bytes(row.get(0)?), trials: row.get(1)? }))?;
        let waiting = rows.collect::<Result<_, _>>()?;
        let state = State { waiting, running: None };
        Ok(Trials { state, committed: None, end: now.plus(TRIALS_TIME) })
    }

    /// How many wait for their trial.
    pub(super) fn waiting(&self) -> usize {
        self.state.waiting.len()
    }

    /// How long nobody but the suspect that is running may be given work; `None` when none is running.
    pub(super) fn running(&mut self, now: Timestamp) -> Option<Duration> {
        let rest = self.state.running?.until.since(now);
        if rest.is_zero() {
            self.change().running = None;
            return None;
        }
        Some(rest)
    }

    /// How long suspects may still wait for their trial; `None` when none does.
    pub(super) fn pending(&mut self, now: Timestamp) -> Option<Duration> {
        if self.state.waiting.is_empty() {
            return None;
        }
        let rest = self.end.since(now);
        if rest.is_zero() {
            tracing::warn!(
                jobs = self.waiting(),
                "jobs that a process died with are run beside others, there was no time for more"
            );
            self.change().waiting.clear();
            return None;
        }
        Some(rest)
    }

    /// The next one to be tried.
    pub(super) fn next(&mut self) -> Option<Suspect> {
        if self.state.waiting.is_empty() { None } else { self.change().waiting.pop_front() }
    }

    /// Its trial has begun.
    pub(super) fn begin(&mut self, suspect: Suspect, now: Timestamp) {
        self.change().running = Some(Running { id: suspect.id, until: now.plus(suspect.time()) });
    }

    /// The job has shown progress or is not worked on any more; whether that ended a trial.
    pub(super) fn over(&mut self, id: JobId) -> bool {
        let is_over = self.state.running.is_some_and(|running| running.id == id);
        if is_over {
            self.change().running = None;
        }
        is_over
    }

    pub(super) fn commit(&mut self) {
        self.committed = None;
    }

    pub(super) fn rollback(&mut self) {
        if let Some(committed) = self.committed.take() {
            self.state = committed;
        }
    }

    fn change(&mut self) -> &mut State {
        if self.committed.is_none() {
            self.committed = Some(self.state.clone());
        }
        &mut self.state
    }
}
