//! Replay: callbacks that are settled become due again, with the same event id and the body as stored.

use hashlane_job::{BucketName, DeliveryState, JobId, JobState, Stage};
use rusqlite::OptionalExtension;

use super::delivery_record::{last_outcome, read_last};
use super::tally::{Place, QueueKey};
use super::{Writer, attempt_log};
use crate::batch::{Fault, FaultClass, Verb};
use crate::{Replayed, StoreError};

/// Makes the callbacks of these jobs due now; those in another state than `only` are left alone.
pub(super) struct Replay {
    pub(super) jobs: Vec<(BucketName, JobId)>,
    pub(super) only: Option<DeliveryState>,
}

struct Found {
    key: QueueKey,
    level: u8,
    ended: bool,
    state: DeliveryState,
    log: Option<String>,
}

impl Verb<Writer> for Replay {
    type Answer = Vec<Replayed>;

    fn apply(&self, writer: &mut Writer) -> Result<Vec<Replayed>, Fault> {
        // The first of them may have written before a later one fails.
        let whole = |fault| match fault {
            Fault::Alone(error) => Fault::Group { error, class: FaultClass::Rule },
            fault => fault,
        };
        self.jobs.iter().map(|(bucket, id)| self.replay(writer, bucket, *id).map_err(whole)).collect()
    }
}

impl Replay {
    fn replay(&self, writer: &mut Writer, bucket: &BucketName, id: JobId) -> Result<Replayed, Fault> {
        let Some(found) = find(writer, bucket, id)? else { return Ok(Replayed::NotFound) };
        match found.state {
            _ if !found.ended => return Ok(Replayed::NotEnded),
            DeliveryState::None => return Ok(Replayed::NoCallback),
            DeliveryState::Due => return Ok(Replayed::AlreadyDue),
            state if self.only.is_some_and(|only| only != state) => return Ok(Replayed::OtherState),
            DeliveryState::Delivered | DeliveryState::Failed => {}
        }
        let mut statement = writer.connection.prepare_cached(include_str!("replay.sql"))?;
        let changed = statement.execute((found.key.bucket, id.to_bytes()))?;
        drop(statement);
        if changed != 1 {
            return Err(StoreError::corrupt(format!("job {id} is damaged in the store: its callback")).into());
        }
        let now = writer.steady_now().unix_millis();
        let mut statement = writer.connection.prepare_cached(include_str!("replay_live.sql"))?;
        statement.execute((id.to_bytes(), found.key.bucket, found.key.queue, found.level, now, found.log))?;
        drop(statement);
        if found.state == DeliveryState::Failed {
            writer.tally.leave(found.key, Place::Undelivered);
        }
        writer.tally.enter(found.key, Place::Delivering);
        writer.wake(Stage::Deliver);
        Ok(Replayed::Due)
    }
}

fn find(writer: &Writer, bucket: &BucketName, id: JobId) -> Result<Option<Found>, Fault> {
    let Some(bucket) = writer.directory.bucket(bucket).map(|bucket| bucket.number) else { return Ok(None) };
    let mut statement = writer.connection.prepare_cached(include_str!("replay_find.sql"))?;
    let found = statement.query_row((bucket, id.to_bytes()), |row| {
        let state = row.get_ref(3)?.as_str_or_null()?.and_then(DeliveryState::from_word).unwrap_or_default();
        let mut attempts = row.get_ref(9)?.as_str_or_null()?.map(attempt_log::parse).unwrap_or_default();
        if let Some(last) = read_last(row, 4, last_outcome(state))? {
            attempt_log::add_attempt(&mut attempts, last);
        }
        Ok(Found {
            key: QueueKey { bucket, queue: row.get(0)? },
            level: row.get(1)?,
            ended: JobState::from_word(row.get_ref(2)?.as_str()?).is_some(),
            state,
            log: attempt_log::print(&attempts),
        })
    });
    Ok(found.optional()?)
}
