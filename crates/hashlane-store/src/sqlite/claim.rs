//! Claim: due rows become leases.
//!
//! Hashing takes ready rows, queue by queue in turns; what was delayed or leased becomes ready first, when its time has come.
//! Delivering takes rows by when they became due (`claim_deliver.rs`), from any queue: a paused queue pauses its jobs,
//! not their callbacks.

use std::time::Duration;

use hashlane_job::{Event, JobId, JobState, Lease, Stage, Timestamp};
use rusqlite::{OptionalExtension, Row};

use super::Writer;
use super::claim_deliver::due_callbacks;
use super::job_row::{Live, read_live_job};
use super::tally::{Place, QueueKey};
use super::turns::Candidate;
use super::writer::moved;
use crate::batch::{Fault, FaultClass, Verb};
use crate::{Claimed, StoreError, StoreErrorKind};

/// How many delayed or lapsed rows one claim makes ready; the rest follows with the next claim, which is due at once then.
const DUE_MAX: i64 = 1_000;
/// How long a row is put off whose job cannot be read.
const DAMAGED_PAUSE: Duration = Duration::from_secs(3_600);

/// Takes at most `slots` due rows of a stage.
pub(super) struct Claim {
    pub(super) stage: Stage,
    pub(super) slots: usize,
    pub(super) lease: Duration,
}

/// A live row that may be leased.
pub(super) struct Due {
    pub(super) id: JobId,
    key: QueueKey,
    leased: bool,
}

impl Verb<Writer> for Claim {
    type Answer = Claimed;

    fn apply(&self, writer: &mut Writer) -> Result<Claimed, Fault> {
        let now = writer.steady_now();
        if self.stage == Stage::Hash {
            make_ready(writer, now)?;
        }
        // While a suspect is tried, nobody else may be given work: whose death it is must be certain.
        if let Some(rest) = writer.trials.running(now) {
            return Ok(Claimed { leases: Vec::new(), next_due: Some(rest) });
        }
        let due = match self.stage {
            Stage::Hash => {
                if let Some(trial) = self.next_trial(writer, now)? {
                    return Ok(trial);
                }
                ready_in_turn(writer, self.slots)?
            }
            Stage::Deliver => {
                if let Some(rest) = writer.trials.pending(now) {
                    return Ok(Claimed { leases: Vec::new(), next_due: Some(rest) });
                }
                due_callbacks(writer, now, self.slots)?
            }
        };
        let mut leases = Vec::with_capacity(due.len());
        let full = self.slots > 0 && due.len() == self.slots;
        for row in due {
            leases.extend(self.lease_row(writer, &row, now)?);
        }
        let next_due = if full { Some(Duration::ZERO) } else { next_due(writer, self.stage, now)? };
        Ok(Claimed { leases, next_due })
    }
}

impl Claim {
    /// The lease of the next suspect that may run; `None` when there is none. Nothing else is leased then, since this process
    /// gives out nothing before, but for suspects that have shown progress.
    fn next_trial(&self, writer: &mut Writer, now: Timestamp) -> Result<Option<Claimed>, Fault> {
        if self.slots == 0 || writer.trials.pending(now).is_none() {
            return Ok(None);
        }
        while let Some(suspect) = writer.trials.next() {
            let mut statement = writer.connection.prepare_cached(include_str!("claim_suspect.sql"))?;
            let read = |row: &Row<'_>| Ok(QueueKey { bucket: row.get(0)?, queue: row.get(1)? });
            let key = statement.query_row([suspect.id.to_bytes()], read).optional()?;
            drop(statement);
            // Who was cancelled meanwhile, or waits for a paused queue, has no trial.
            let Some(key) = key.filter(|key| may_run(writer, *key)) else { continue };
            writer.connection.prepare_cached(include_str!("claim_trial.sql"))?.execute([suspect.id.to_bytes()])?;
            if let Some(lease) = self.lease_row(writer, &Due { id: suspect.id, key, leased: false }, now)? {
                writer.trials.begin(suspect, now);
                return Ok(Some(Claimed { leases: vec![lease], next_due: Some(suspect.time()) }));
            }
        }
        // The callbacks have waited for the trials.
        writer.wake(Stage::Deliver);
        Ok(None)
    }

    /// `None` when the job is damaged and was put off.
    fn lease_row(&self, writer: &mut Writer, row: &Due, now: Timestamp) -> Result<Option<Lease>, Fault> {
        let token = writer.new_token(row.id);
        let started = match self.stage {
            // The job's creation is the earliest that a shown time may be.
            Stage::Hash => Some(writer.wall_now(row.id.created()).unix_millis()),
            Stage::Deliver => None,
        };
        let mut statement = writer.connection.prepare_cached(include_str!("claim_lease.sql"))?;
        let lapses = now.plus(self.lease);
        let parameters = (row.id.to_bytes(), token.secret.cast_signed(), lapses.unix_millis(), started);
        statement.execute(parameters)?;
        drop(statement);
        if self.stage == Stage::Hash {
            moved(JobState::Waiting, Event::Claim).map_err(group)?;
            writer.tally.step(row.key, Place::Ready, Place::Leased);
        }
        match read_whole(writer, row, now) {
            Ok(Live { job, attempts, checkpoint, is_suspect, failing }) => {
                let failing_for = failing.map_or(Duration::ZERO, |failing| now.since(failing));
                let attempt = attempts + 1;
                Ok(Some(Lease { token, stage: self.stage, attempt, failing_for, checkpoint, is_suspect, job }))
            }
            Err(error) if matches!(error.kind, StoreErrorKind::Corrupt | StoreErrorKind::DamagedJob(_)) => {
                tracing::error!(job = %row.id, error = %error, "a job cannot be worked on and is put off");
                let mut statement = writer.connection.prepare_cached(include_str!("claim_defer.sql"))?;
                statement.execute((row.id.to_bytes(), now.plus(DAMAGED_PAUSE).unix_millis()))?;
                drop(statement);
                if self.stage == Stage::Hash {
                    writer.tally.step(row.key, Place::Leased, Place::Delayed);
                }
                Ok(None)
            }
            Err(error) => Err(group(error)),
        }
    }
}

/// The job with what its live row says.
fn read_whole(writer: &Writer, row: &Due, now: Timestamp) -> Result<Live, StoreError> {
    let missing = || StoreError::damaged(row.id, "row");
    let bucket = writer.directory.bucket_name(row.key.bucket).ok_or_else(missing)?;
    read_live_job(&writer.connection, bucket, row.key.bucket, row.id, now)?.ok_or_else(missing)
}

/// After a write, what is damaged cannot fail alone any more.
fn group(error: StoreError) -> Fault {
    Fault::Group { error, class: FaultClass::Rule }
}

pub(super) fn limit(slots: usize) -> i64 {
    i64::try_from(slots).unwrap_or(i64::MAX)
}

pub(super) fn due_rows(writer: &Writer, stage: Stage, now: Timestamp, limit: i64) -> Result<Vec<Due>, Fault> {
    let mut statement = writer.connection.prepare_cached(include_str!("claim_due.sql"))?;
    let rows = statement.query_map((stage.word(), now.unix_millis(), limit), read_due)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn read_due(row: &Row<'_>) -> Result<Due, rusqlite::Error> {
    Ok(Due {
        id: JobId::from_bytes(row.get(0)?),
        key: QueueKey { bucket: row.get(1)?, queue: row.get(2)? },
        leased: row.get(3)?,
    })
}

/// Delayed and lapsed rows whose time has come are ready again. Their attempts were counted when they ended; one that never
/// said how it ended, because its worker fell silent, is not counted.
fn make_ready(writer: &mut Writer, now: Timestamp) -> Result<(), Fault> {
    for row in due_rows(writer, Stage::Hash, now, DUE_MAX)? {
        writer.connection.prepare_cached(include_str!("claim_ready.sql"))?.execute([row.id.to_bytes()])?;
        let from = if row.leased {
            moved(JobState::Running, Event::Release).map_err(group)?;
            writer.end_trial(row.id);
            Place::Leased
        } else {
            Place::Delayed
        };
        writer.tally.step(row.key, from, Place::Ready);
    }
    Ok(())
}

fn may_run(writer: &Writer, key: QueueKey) -> bool {
    let running = writer.tally.queue(key).leased;
    writer.directory.queue(key.queue).is_some_and(|it| !it.queue.paused && running < it.queue.jobs_running_max)
}

fn ready_in_turn(writer: &mut Writer, slots: usize) -> Result<Vec<Due>, Fault> {
    let mut candidates = Vec::new();
    for (key, load) in writer.tally.ready() {
        let Some(entry) = writer.directory.queue(key.queue) else { continue };
        let free = entry.queue.jobs_running_max.saturating_sub(load.leased);
        let room = usize::try_from(load.ready.min(free)).unwrap_or(usize::MAX);
        if !entry.queue.paused && room > 0 {
            candidates.push(Candidate { key, room });
        }
    }
    let mut due = Vec::new();
    for (key, jobs) in writer.turns.share(&candidates, slots) {
        let mut statement = writer.connection.prepare_cached(include_str!("claim.sql"))?;
        let rows = statement.query_map((key.queue, limit(jobs)), |row| row.get(0).map(JobId::from_bytes))?;
        for id in rows {
            due.push(Due { id: id?, key, leased: false });
        }
    }
    Ok(due)
}

fn next_due(writer: &Writer, stage: Stage, now: Timestamp) -> Result<Option<Duration>, Fault> {
    let mut statement = writer.connection.prepare_cached(include_str!("claim_next.sql"))?;
    let due: Option<i64> = statement.query_row([stage.word()], |row| row.get(0)).optional()?;
    Ok(due.map(|due| Timestamp::from_unix_millis(due).since(now)))
}
