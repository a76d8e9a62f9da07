//! Settle: a worker says how its lease ended, and the job moves on.
//!
//! Result, final state and the callback that becomes due are one transaction: there is no event to lose between them. The
//! callback's target is resolved here, with what the queue says at this moment, and stored. How an attempt at the callback
//! ended joins the job's delivery record in the transaction that settles it.

use std::time::Duration;

use hashlane_job::{
    Attempt, AttemptOutcome, CallbackTarget, Event, FailureCode, FileFacts, JobError, JobState, LeaseToken, Notify,
    NotifyAddress, ObjectVersion, Outcome, Reply, Stage, Timestamp,
};
use hashlane_lanes::Algorithm;
use rusqlite::{OptionalExtension, Row};

use super::checksum::result_checksum;
use super::delivery_record::read_last;
use super::job_row::{read_callback, stage_from_word};
use super::recall::VersionPrint;
use super::tally::{Place, QueueKey};
use super::writer::moved;
use super::{Writer, address, attempt_log};
use crate::batch::{Fault, Verb};
use crate::{Settled, StoreError};

/// Postponed callbacks become due in bunches, so that a backlog that cannot be sent is looked at with one claim for many.
const POSTPONED_GRID_MS: i64 = 500;

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
    /// Whether there is anything in its delivery record.
    has_past: bool,
    /// A process died that held it, and it has shown no progress since.
    is_suspect: bool,
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
        if held.is_suspect {
            match self.outcome {
                // The worker stops; what would have become of it is not known.
                Outcome::GivenBack => writer.end_trial(self.token.job),
                _ => writer.clear_suspicion(self.token.job)?,
            }
        }
        match &self.outcome {
            Outcome::Hashed { facts, version } => held.end(writer, &Ok(facts), version.as_ref())?,
            Outcome::Failed(error) => held.end(writer, &Err(error), None)?,
            Outcome::Again { delay, error } => {
                moved(JobState::Running, Event::Release)?;
                let now = writer.steady_now();
                let due = now.plus(*delay).unix_millis();
                let mut statement = writer.connection.prepare_cached(include_str!("settle_again.sql"))?;
                statement.execute((held.id(), due, error.code.word(), &error.message, now.unix_millis()))?;
                drop(statement);
                held.move_to(writer, Place::Delayed);
            }
            Outcome::GivenBack => held.give_back(writer)?,
            Outcome::DeliverAgain { delay, reply } => {
                let due = writer.steady_now().plus(*delay).unix_millis();
                let ended = writer.wall_now(held.started).unix_millis();
                let log = attempt_log::print(&held.past(writer)?.whole());
                let mut statement = writer.connection.prepare_cached(include_str!("settle_deliver_again.sql"))?;
                statement.execute((held.id(), due, &reply.said, ended, reply.status, took_ms(reply), log))?;
                drop(statement);
                writer.wake(Stage::Deliver);
            }
            // Nobody is woken: who postpones comes again by himself.
            Outcome::Postponed { delay, said } => {
                let due = postponed_until(writer, *delay);
                let mut past = held.past(writer)?;
                attempt_log::add_postponed(&mut past.log, held.postponed(writer, said));
                let mut statement = writer.connection.prepare_cached(include_str!("settle_postponed.sql"))?;
                statement.execute((held.id(), due, attempt_log::print(&past.log)))?;
            }
            Outcome::Delivered(reply) => held.end_delivery(writer, "delivered", reply)?,
            Outcome::DeliveryFailed(reply) => {
                held.end_delivery(writer, "failed", reply)?;
                writer.tally.enter(held.key, Place::Undelivered);
            }
        }
        Ok(Settled::Stored)
    }
}

/// Ends a job in whose hands too many processes died. Its lease is the one of the last of them.
pub(super) fn fail_deadly(writer: &mut Writer, token: LeaseToken, deaths: u32) -> Result<(), Fault> {
    let Some(held) = find(writer, token)? else { return Ok(()) };
    writer.clear_suspicion(token.job)?;
    let said = format!("the server died {deaths} times while it worked on this job and on no other");
    held.end(writer, &Err(&JobError::permanent(FailureCode::Internal, said)), None)
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
            has_past: row.get(6)?,
            is_suspect: row.get(7)?,
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
    fn end(
        &self,
        writer: &mut Writer,
        result: &Result<&FileFacts, &JobError>,
        version: Option<&ObjectVersion>,
    ) -> Result<(), Fault> {
        let (state, place) = match result {
            Ok(_) => (moved(JobState::Running, Event::Succeed)?, Place::Succeeded),
            Err(_) => (moved(JobState::Running, Event::Fail)?, Place::Failed),
        };
        let request = self.request(writer)?;
        let digest = match result {
            Ok(facts) => Some(self.digest_of(facts, request.algorithm)?),
            Err(_) => None,
        };
        let bucket = writer.directory.bucket_name(self.key.bucket).filter(|_| version.is_some());
        let print = bucket
            .zip(version)
            .map(|(bucket, version)| VersionPrint::of(bucket.as_str(), &request.key, request.algorithm, version));
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
            print.as_ref().map(VersionPrint::as_bytes),
        ])?;
        drop(statement);
        self.one_row(changed)?;
        if let Some(target) = &request.target {
            self.make_callback_due(writer, target)?;
        } else {
            writer.connection.prepare_cached(include_str!("settle_leave.sql"))?.execute([self.id()])?;
        }
        self.move_to(writer, place);
        Ok(())
    }

    /// The callback of the ended job becomes due: now, or later when its receiver is known not to answer.
    fn make_callback_due(&self, writer: &mut Writer, target: &CallbackTarget) -> Result<(), Fault> {
        let now = writer.steady_now();
        let hold = writer.published.held_back().of(target, now);
        let (due, log) = match &hold {
            None => (now.unix_millis(), None),
            Some(hold) => {
                let postponed = Attempt { number: 1, ..self.postponed(writer, &hold.said) };
                (postponed_until(writer, hold.delay), attempt_log::print(&[postponed]))
            }
        };
        writer.connection.prepare_cached(include_str!("settle_callback.sql"))?.execute((self.id(), due, log))?;
        writer.tally.enter(self.key, Place::Delivering);
        if hold.is_none() {
            writer.wake(Stage::Deliver);
        } else {
            // As the worker counts those that it postpones itself.
            let kind = match target.address {
                NotifyAddress::Url(_) => "url",
                NotifyAddress::Mq(_) => "tdmq",
            };
            metrics::counter!("hashlane_callbacks_total", "kind" => kind, "outcome" => "postponed").increment(1);
        }
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
            // A callback is given back because there is no room for it, and who gave it back comes again by himself.
            Stage::Deliver => {}
        }
        Ok(())
    }

    fn end_delivery(&self, writer: &mut Writer, state: &str, reply: &Reply) -> Result<(), Fault> {
        let ended = writer.wall_now(self.started).unix_millis();
        let log = attempt_log::print(&self.past(writer)?.whole());
        let mut statement = writer.connection.prepare_cached(include_str!("settle_delivery.sql"))?;
        let attempts = self.attempts + 1;
        let changed = statement.execute(rusqlite::params![
            self.key.bucket,
            self.id(),
            state,
            attempts,
            reply.said,
            ended,
            reply.status,
            took_ms(reply),
            log,
        ])?;
        drop(statement);
        self.one_row(changed)?;
        writer.connection.prepare_cached(include_str!("settle_leave.sql"))?.execute([self.id()])?;
        writer.tally.leave(self.key, Place::Delivering);
        Ok(())
    }

    /// What is recorded of the callback so far. A callback that is sent for the first time costs no statement.
    fn past(&self, writer: &Writer) -> Result<Past, Fault> {
        if !self.has_past {
            return Ok(Past { last: None, log: Vec::new() });
        }
        let mut statement = writer.connection.prepare_cached(include_str!("settle_past.sql"))?;
        Ok(statement.query_row([self.id()], |row| {
            let log = row.get_ref(5)?.as_str_or_null()?.map(attempt_log::parse).unwrap_or_default();
            Ok(Past { last: read_last(row, 0, AttemptOutcome::Retried)?, log })
        })?)
    }

    fn postponed(&self, writer: &Writer, said: &str) -> Attempt {
        Attempt {
            number: self.attempts + 1,
            outcome: AttemptOutcome::Postponed,
            ended: writer.wall_now(self.started),
            took: None,
            status: None,
            said: said.to_owned(),
        }
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

/// The delivery record of a callback before this settle.
struct Past {
    /// The last attempt.
    last: Option<Attempt>,
    /// What was before it, and the postponements since.
    log: Vec<Attempt>,
}

impl Past {
    /// All of it: another attempt follows.
    fn whole(mut self) -> Vec<Attempt> {
        if let Some(last) = self.last {
            attempt_log::add_attempt(&mut self.log, last);
        }
        self.log
    }
}

/// When a callback is due that is postponed now.
fn postponed_until(writer: &Writer, delay: Duration) -> i64 {
    let due = writer.steady_now().plus(delay).unix_millis();
    due - due.rem_euclid(POSTPONED_GRID_MS) + POSTPONED_GRID_MS
}

fn took_ms(reply: &Reply) -> i64 {
    i64::try_from(reply.took.as_millis()).unwrap_or(i64::MAX)
}

/// What the end of a job depends on.
struct Request {
    key: String,
    algorithm: Algorithm,
    target: Option<CallbackTarget>,
}
