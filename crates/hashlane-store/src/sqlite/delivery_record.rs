//! The delivery record of one job, from its row or, while the callback is due, from its live row.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{ATTEMPTS_KEPT_MAX, Attempt, AttemptOutcome, BucketName, DeliveryState, JobId, Stage, Timestamp};
use rusqlite::{Connection, Row};

use super::job_row::read_job;
use super::{Published, Readers, attempt_log};
use crate::{DeliveryRecord, StoreError};

/// The record; `None` when the bucket has no such job.
pub(super) async fn delivery_record(
    readers: &Arc<Readers>,
    published: &Published,
    bucket: &BucketName,
    id: JobId,
    now: Timestamp,
) -> Result<Option<DeliveryRecord>, StoreError> {
    let Some(number) = published.directory().bucket(bucket).map(|entry| entry.number) else { return Ok(None) };
    let bucket = bucket.clone();
    readers
        .read(move |connection| {
            let transaction = connection.transaction()?;
            let Some(job) = read_job(&transaction, &bucket, number, id, now)? else { return Ok(None) };
            let (attempts, due_in) = read_attempts(&transaction, number, id, now)?;
            Ok(Some(DeliveryRecord { job, due_in, attempts }))
        })
        .await
}

fn read_attempts(
    connection: &Connection,
    bucket: i64,
    id: JobId,
    now: Timestamp,
) -> Result<(Vec<Attempt>, Option<Duration>), StoreError> {
    let mut statement = connection.prepare_cached(include_str!("delivery_record.sql"))?;
    let read = statement.query_row((bucket, id.to_bytes()), |row| {
        let state = row.get_ref(0)?.as_str_or_null()?.and_then(DeliveryState::from_word).unwrap_or_default();
        let (first, due_in) = match row.get_ref(7)?.as_str_or_null()? {
            Some(stage) if stage == Stage::Deliver.word() => {
                let due = Timestamp::from_unix_millis(row.get(14)?);
                let being_sent = row.get(15)? && due > now;
                (8, (!being_sent).then(|| due.since(now)))
            }
            _ => (1, None),
        };
        let mut attempts = row.get_ref(first + 5)?.as_str_or_null()?.map(attempt_log::parse).unwrap_or_default();
        if let Some(last) = read_last(row, first, last_outcome(state))? {
            attempt_log::add_attempt(&mut attempts, last);
        }
        attempts.drain(..attempts.len().saturating_sub(ATTEMPTS_KEPT_MAX));
        Ok((attempts, due_in))
    });
    Ok(read?)
}

/// What the last attempt came to, by the state in which it left the callback.
pub(super) fn last_outcome(state: DeliveryState) -> AttemptOutcome {
    match state {
        DeliveryState::Delivered => AttemptOutcome::Delivered,
        DeliveryState::Failed => AttemptOutcome::Failed,
        DeliveryState::Due | DeliveryState::None => AttemptOutcome::Retried,
    }
}

/// The last attempt, from the five columns at `first`: number, said, ended, status, took. `None` when none was made.
pub(super) fn read_last(
    row: &Row<'_>,
    first: usize,
    outcome: AttemptOutcome,
) -> Result<Option<Attempt>, rusqlite::Error> {
    let Some(ended) = row.get::<_, Option<i64>>(first + 2)? else { return Ok(None) };
    Ok(Some(Attempt {
        number: row.get(first)?,
        outcome,
        ended: Timestamp::from_unix_millis(ended),
        took: row.get::<_, Option<i64>>(first + 4)?.map(|took| Duration::from_millis(took.unsigned_abs())),
        status: row.get(first + 3)?,
        said: row.get(first + 1)?,
    }))
}
