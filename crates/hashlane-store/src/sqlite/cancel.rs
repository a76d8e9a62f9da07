//! Cancel: the client ends a job; whoever works on it loses the lease. No callback.

use hashlane_job::{BucketName, Event, JobId, JobState, Stage, Timestamp, advance};
use rusqlite::OptionalExtension;

use super::Writer;
use super::tally::{Place, QueueKey};
use crate::batch::{Fault, Verb};
use crate::{Cancelled, StoreError};

/// Cancels a waiting or running job of a bucket.
pub(super) struct Cancel {
    pub(super) bucket: BucketName,
    pub(super) id: JobId,
}

struct Found {
    ended: Option<JobState>,
    queue: i64,
    place: Place,
    started: Option<Timestamp>,
    progress: u8,
}

impl Verb<Writer> for Cancel {
    type Answer = Cancelled;

    fn apply(&self, writer: &mut Writer) -> Result<Cancelled, Fault> {
        let Some(bucket) = writer.directory.bucket(&self.bucket).map(|bucket| bucket.number) else {
            return Ok(Cancelled::NotFound);
        };
        cancel(writer, bucket, self.id)
    }
}

pub(super) fn cancel(writer: &mut Writer, bucket: i64, id: JobId) -> Result<Cancelled, Fault> {
    let Some(found) = find(writer, bucket, id)? else { return Ok(Cancelled::NotFound) };
    let from = match (found.ended, found.place) {
        (Some(ended), _) => ended,
        (None, Place::Leased) => JobState::Running,
        (None, _) => JobState::Waiting,
    };
    if advance(from, Event::Cancel).is_err() {
        return Ok(Cancelled::AlreadyEnded);
    }
    if from == JobState::Cancelled {
        return Ok(Cancelled::Done);
    }
    let ended = writer.wall_now(found.started.unwrap_or(id.created())).unix_millis();
    let mut statement = writer.connection.prepare_cached(include_str!("cancel.sql"))?;
    let started = found.started.map(Timestamp::unix_millis);
    let changed = statement.execute((bucket, id.to_bytes(), found.progress, started, ended))?;
    drop(statement);
    if changed != 1 {
        return Err(StoreError::corrupt(format!("job {id} is damaged in the store: it is open and it is not")).into());
    }
    writer.connection.prepare_cached(include_str!("settle_leave.sql"))?.execute([id.to_bytes()])?;
    let key = QueueKey { bucket, queue: found.queue };
    writer.end_trial(id);
    if found.place == Place::Leased {
        writer.wake_if_held_back(key);
    }
    writer.tally.step(key, found.place, Place::Cancelled);
    Ok(Cancelled::Done)
}

fn find(writer: &Writer, bucket: i64, id: JobId) -> Result<Option<Found>, Fault> {
    let mut statement = writer.connection.prepare_cached(include_str!("cancel_find.sql"))?;
    let found = statement
        .query_row((bucket, id.to_bytes()), |row| {
            let due: Option<i64> = row.get(3)?;
            let place = match (row.get_ref(2)?.as_str_or_null()?, due, row.get(4)?) {
                (Some(stage), ..) if stage == Stage::Deliver.word() => Place::Delivering,
                (_, _, true) => Place::Leased,
                (_, Some(_), false) => Place::Delayed,
                (_, None, false) => Place::Ready,
            };
            Ok(Found {
                ended: JobState::from_word(row.get_ref(0)?.as_str()?),
                queue: row.get(1)?,
                place,
                started: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_unix_millis),
                progress: row.get::<_, Option<u8>>(6)?.unwrap_or(0),
            })
        })
        .optional()?;
    Ok(found)
}
