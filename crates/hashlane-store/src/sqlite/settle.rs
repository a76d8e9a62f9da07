//! Settle: a worker says how its lease ended, and the job moves on.
//!
//! Result, final state and the callback that becomes due are one transaction: there is no event to lose between them. The
//! callback's target is resolved here, with what the queue says at this moment, and stored.

use hashlane_job::{
    CallbackTarget, Event, FileFacts, JobError, JobState, LeaseToken, Notify, Outcome, Stage, Timestamp,
};
use hashlane_lanes::Algorithm;
use rusqlite::{OptionalExtension, Row};

use super::checksum::result_checksum;
use super::job_row::{read_callback, stage_from_word};
use super::tally::{Place, QueueKey};
use super::writer::moved;
use super::{Writer, address};
use crate::batch::{Fault, Verb};
use crate::{Settled, StoreError};

/// Ends a lease with an outcome.
pub(super) struct Settle {
    pub(super) token: LeaseToken,
    pub(super) outcome: Outcome,
}

/// A lease that is still held.
struct Held {
    token: LeaseToken,
    key: QueueKey,
    stage: Stage,
    /// When the job was first claimed; its creation where that is not known.
    started: Timestamp,
    progress: u8,
    attempts: u32,
}

impl Verb<Writer> for Settle {
    type Answer = Settled;

    fn apply(&self, writer: &mut Writer) -> Result<Settled, Fault> {
        let Some(held) = find(writer, self.token)? else { return Ok(Settled::Lost) };
        if let Some(stage) = self.outcome.stage().filter(|stage| *stage != held.stage) {
            return Err(StoreError::corrupt(format!(
                "the lease of job {} on stage {} cannot end with an outcome of stage {}",
                self.token.job,
                held.stage.word(),
                stage.word()
            ))
            .into());
        }
        match &self.outcome {
            Outcome::Hashed(facts) => held.end(writer, &Ok(facts))?,
            Outcome::Failed(error) => held.end(writer, &Err(error))?,
            Outcome::Again { delay, error } => {
                moved(JobState::Running, Event::Release)?;
                let due = writer.steady_now().plus(*delay).unix_millis();
                let mut statement = writer.connection.prepare_cached(include_str!("settle_again.sql"))?;
                statement.execute((held.id(), due, error.code.word(), &error.message))?;
                drop(statement);
                held.move_to(writer, Place::Delayed);
            }
            Outcome::GivenBack => held.give_back(writer)?,
            Outcome::DeliverAgain { delay, said } => {
                let due = writer.steady_now().plus(*delay).unix_millis();
                let ended = writer.wall_now(held.started).unix_millis();
                let mut statement = writer.connection.prepare_cached(include_str!("settle_deliver_again.sql"))?;
                statement.execute((held.id(), due, said, ended))?;
                drop(statement);
                writer.wake(Stage::Deliver);
            }
            Outcome::Delivered { said } => held.end_delivery(writer, "delivered", said)?,
            Outcome::DeliveryFailed { said } => held.end_delivery(writer, "failed", said)?,
        }
        Ok(Settled::Stored)
    }
}

fn find(writer: &Writer, token: LeaseToken) -> Result<Option<Held>, Fault> {
    let read = |row: &Row<'_>| {
        let stage = stage_from_word(row.get_ref(2)?.as_str()?).unwrap_or(Stage::Hash);
        Ok(Held {
            token,
            key: QueueKey { bucket: row.get(0)?, queue: row.get(1)? },
            stage,
            started: row.get::<_, Option<i64>>(3)?.map_or(token.job.created(), Timestamp::from_unix_millis),
            progress: row.get(4)?,
            attempts: row.get(5)?,
        })
    };
    let mut statement = writer.connection.prepare_cached(include_str!("settle_held.sql"))?;
    Ok(statement.query_row((token.job.to_bytes(), token.secret.cast_signed()), read).optional()?)
}

impl Held {
    fn id(&self) -> [u8; 16] {
        self.token.job.to_bytes()
    }

    /// The end of the job; its live row stays for the callback or leaves.
    fn end(&self, writer: &mut Writer, result: &Result<&FileFacts, &JobError>) -> Result<(), Fault> {
        let (state, place) = match result {
            Ok(_) => (moved(JobState::Running, Event::Succeed)?, Place::Succeeded),
            Err(_) => (moved(JobState::Running, Event::Fail)?, Place::Failed),
        };
        let request = self.request(writer)?;
        let digest = match result {
            Ok(facts) => Some(self.digest_of(facts, request.algorithm)?),
            Err(_) => None,
        };
        let size = result.ok().map(|facts| i64::try_from(facts.size_bytes).unwrap_or(i64::MAX));
        let ended = writer.wall_now(self.started);
        let mut statement = writer.connection.prepare_cached(include_str!("settle_end.sql"))?;
        let changed = statement.execute(rusqlite::params![
            self.key.bucket,
            self.id(),
            state.word(),
            if result.is_ok() { 100 } else { self.progress },
            self.started.unix_millis(),
            ended.unix_millis(),
            size,
            result.ok().map(|facts| &facts.etag),
            result.ok().map(|facts| facts.modified.unix_millis()),
            digest,
            result.ok().map(|facts| result_checksum(self.token.job, &request.key, request.algorithm, facts)),
            result.err().map(|error| error.code.word()),
            result.err().map(|error| &error.message),
            request.target.as_ref().map(|target| address::print(&target.address)),
            request.target.as_ref().map(|target| address::print_format(target.format)),
        ])?;
        drop(statement);
        self.one_row(changed)?;
        if request.target.is_some() {
            let now = writer.steady_now().unix_millis();
            writer.connection.prepare_cached(include_str!("settle_callback.sql"))?.execute((self.id(), now))?;
            writer.tally.enter(self.key, Place::Delivering);
            writer.wake(Stage::Deliver);
        } else {
            writer.connection.prepare_cached(include_str!("settle_leave.sql"))?.execute([self.id()])?;
        }
        self.move_to(writer, place);
        Ok(())
    }

    fn give_back(&self, writer: &mut Writer) -> Result<(), Fault> {
        if self.stage == Stage::Hash {
            moved(JobState::Running, Event::Release)?;
        }
        let now = writer.steady_now().unix_millis();
        writer.connection.prepare_cached(include_str!("settle_given_back.sql"))?.execute((self.id(), now))?;
        match self.stage {
            Stage::Hash => self.move_to(writer, Place::Ready),
            Stage::Deliver => writer.wake(Stage::Deliver),
        }
        Ok(())
    }

    fn end_delivery(&self, writer: &mut Writer, state: &str, said: &str) -> Result<(), Fault> {
        let ended = writer.wall_now(self.started).unix_millis();
        let mut statement = writer.connection.prepare_cached(include_str!("settle_delivery.sql"))?;
        let attempts = self.attempts + 1;
        let changed = statement.execute((self.key.bucket, self.id(), state, attempts, said, ended))?;
        drop(statement);
        self.one_row(changed)?;
        writer.connection.prepare_cached(include_str!("settle_leave.sql"))?.execute([self.id()])?;
        writer.tally.leave(self.key, Place::Delivering);
        Ok(())
    }

    /// The hash lease is no more: someone else may run, and what is delayed has a new earliest time.
    fn move_to(&self, writer: &mut Writer, place: Place) {
        writer.wake_if_held_back(self.key);
        writer.tally.step(self.key, Place::Leased, place);
        if matches!(place, Place::Ready | Place::Delayed) {
            writer.wake(Stage::Hash);
        }
    }

    fn request(&self, writer: &Writer) -> Result<Request, Fault> {
        let no_notify = Notify::default();
        // The queues of a closed service are gone, and so is what they said.
        let queue = writer.directory.queue(self.key.queue).filter(|entry| entry.open);
        let notify = queue.map_or(&no_notify, |entry| &entry.queue.notify);
        let mut statement = writer.connection.prepare_cached(include_str!("settle_request.sql"))?;
        let request = statement
            .query_row((self.key.bucket, self.id()), |row| {
                let algorithm = Algorithm::from_name(row.get_ref(1)?.as_str()?);
                let callback = read_callback(row.get_ref(2)?.as_str_or_null()?, row.get_ref(3)?.as_str_or_null()?);
                let key: String = row.get(0)?;
                Ok(algorithm.zip(callback).map(|(algorithm, callback)| Request {
                    key,
                    algorithm,
                    target: callback.resolve(notify),
                }))
            })
            .optional()?;
        let damaged = || StoreError::corrupt(format!("job {} is damaged in the store: its request", self.token.job));
        Ok(request.flatten().ok_or_else(damaged)?)
    }

    fn digest_of<'a>(&self, facts: &'a FileFacts, algorithm: Algorithm) -> Result<&'a [u8], StoreError> {
        match facts.digests.as_slice() {
            [digest] if digest.algorithm() == algorithm => Ok(digest.as_bytes()),
            _ => Err(StoreError::corrupt(format!(
                "the result of job {} is not exactly its one {algorithm} digest",
                self.token.job
            ))),
        }
    }

    fn one_row(&self, changed: usize) -> Result<(), StoreError> {
        if changed == 1 {
            return Ok(());
        }
        Err(StoreError::corrupt(format!(
            "job {} is damaged in the store: its rows contradict each other",
            self.token.job
        )))
    }
}

/// What the end of a job depends on.
struct Request {
    key: String,
    algorithm: Algorithm,
    target: Option<CallbackTarget>,
}
