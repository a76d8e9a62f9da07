//! Prune: jobs that ended long ago leave, in steps that disturb nobody.

use hashlane_job::{JobId, JobState, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::tally::{Place, QueueKey};
use super::{Writer, space};
use crate::batch::{Fault, Verb};

/// Deletes at most `limit` jobs that ended before `before` and whose callback is settled.
pub(super) struct Prune {
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl Verb<Writer> for Prune {
    type Answer = usize;

    fn apply(&self, writer: &mut Writer) -> Result<usize, Fault> {
        let mut pruned = 0;
        let keys: Vec<QueueKey> =
            writer.directory.all_queues().map(|entry| QueueKey { bucket: entry.bucket, queue: entry.number }).collect();
        for key in keys {
            for (state, place) in [
                (JobState::Succeeded, Place::Succeeded),
                (JobState::Failed, Place::Failed),
                (JobState::Cancelled, Place::Cancelled),
            ] {
                for id in self.ended(&writer.connection, key, state, self.limit - pruned)? {
                    let mut statement = writer.connection.prepare_cached(include_str!("prune_job.sql"))?;
                    let undelivered = statement.query_row((key.bucket, id.to_bytes()), |row| row.get(0)).optional()?;
                    drop(statement);
                    pruned += usize::from(undelivered.is_some());
                    writer.tally.leave(key, place);
                    if undelivered == Some(true) {
                        writer.tally.leave(key, Place::Undelivered);
                    }
                }
            }
        }
        if pruned > 0 {
            hashlane_job::failpoint::reach("prune");
            // Beside others only what is much; the rest when nobody calls.
            space::give_back(&writer.connection, space::SPARE_BUSY)?;
        }
        Ok(pruned)
    }
}

impl Prune {
    fn ended(
        &self,
        connection: &Connection,
        key: QueueKey,
        state: JobState,
        limit: usize,
    ) -> Result<Vec<JobId>, Fault> {
        let mut statement = connection.prepare_cached(include_str!("prune.sql"))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let created_before = JobId::lower_bound(self.before).to_bytes();
        let parameters = (key.queue, state.word(), created_before, self.before.unix_millis(), limit);
        let rows = statement.query_map(parameters, |row| row.get(0).map(JobId::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
