//! List: a page of a bucket's jobs.
//!
//! A page is chosen as ids first, then read. Without filters the primary key is the list. With filters there are several
//! sorted streams, one per queue and per kind of row, each served by an index and each asked for one page; the page is what
//! is first among them. No stream reads rows of another state or queue, so a filter costs the same in a store of ten
//! million other jobs.

use std::sync::Arc;

use hashlane_job::{JobId, JobState, Timestamp};
use rusqlite::{Connection, ToSql};

use super::job_row::read_job;
use super::{Published, Readers};
use crate::{JobPage, ListQuery, ListState, StoreError, StoreErrorKind};

/// The levels of a job (spec section 5).
const LEVELS: [u8; 3] = [0, 1, 2];

/// A queue whose jobs are listed.
struct Listed {
    number: i64,
    paused: bool,
}

/// Ids of a page: `from` inclusive, `to` exclusive.
struct Range {
    from: u128,
    to: u128,
    newest_first: bool,
    limit: usize,
}

pub(super) async fn list(
    readers: &Arc<Readers>,
    published: &Published,
    query: ListQuery,
    now: Timestamp,
) -> Result<JobPage, StoreError> {
    let empty = JobPage { jobs: Vec::new(), next_after: None };
    let directory = published.directory();
    let Some(bucket) = directory.bucket(&query.bucket).map(|entry| entry.number) else { return Ok(empty) };
    let wanted = |id| query.queue.is_none_or(|queue| queue == id);
    let queues: Vec<Listed> = directory
        .queues_of(&query.bucket)
        .filter(|entry| wanted(entry.queue.id))
        .map(|entry| Listed { number: entry.number, paused: entry.queue.paused })
        .collect();
    if query.limit == 0 || queues.is_empty() {
        return Ok(empty);
    }
    readers
        .read(move |connection| {
            let transaction = connection.transaction()?;
            let mut ids = page_ids(&transaction, &query, bucket, &queues, now)?;
            let more = ids.len() > query.limit;
            ids.truncate(query.limit);
            let next_after = ids.last().copied().filter(|_| more);
            let jobs = ids.iter().filter_map(|id| read_job(&transaction, &query.bucket, bucket, *id, now).transpose());
            // A damaged job must not hide the others for ever: it is told when it is asked for.
            let jobs = jobs.filter(|job| match job {
                Err(error) if matches!(error.kind, StoreErrorKind::DamagedJob(_)) => {
                    tracing::error!(error = %error, "a job is left out of a list");
                    false
                }
                _ => true,
            });
            Ok(JobPage { jobs: jobs.collect::<Result<_, _>>()?, next_after })
        })
        .await
}

/// The ids of the page in order, and one more when there is a next page.
fn page_ids(
    connection: &Connection,
    query: &ListQuery,
    bucket: i64,
    queues: &[Listed],
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    let range = Range::of(query);
    let mut ids = Vec::new();
    if query.states.is_empty() && query.queue.is_none() {
        let sql = (include_str!("list_all_asc.sql"), include_str!("list_all_desc.sql"));
        range.stream(connection, sql, bucket, None, &mut ids)?;
        return Ok(ids);
    }
    let wants = |state: ListState| query.states.is_empty() || query.states.contains(&state);
    for queue in queues {
        for state in [JobState::Succeeded, JobState::Failed, JobState::Cancelled] {
            if wants(ListState::Is(state)) {
                let sql = (include_str!("list_ended_asc.sql"), include_str!("list_ended_desc.sql"));
                range.stream(connection, sql, queue.number, Some(&state.word()), &mut ids)?;
            }
        }
        if wants(waiting_in(queue)) {
            for level in &LEVELS {
                let sql = (include_str!("list_ready_asc.sql"), include_str!("list_ready_desc.sql"));
                range.stream(connection, sql, queue.number, Some(level), &mut ids)?;
            }
        }
    }
    if queues.iter().any(|queue| wants(waiting_in(queue))) || wants(ListState::Is(JobState::Running)) {
        let mut statement = connection.prepare_cached(include_str!("list_held.sql"))?;
        let mut rows = statement.query([now.unix_millis()])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(1)?;
            let Some(queue) = queues.iter().find(|queue| queue.number == number) else { continue };
            let state = if row.get(2)? { ListState::Is(JobState::Running) } else { waiting_in(queue) };
            let id = row.get(0)?;
            if wants(state) && (range.from..range.to).contains(&u128::from_be_bytes(id)) {
                ids.push(JobId::from_bytes(id));
            }
        }
    }
    ids.sort_unstable();
    if query.newest_first {
        ids.reverse();
    }
    ids.truncate(range.limit);
    Ok(ids)
}

fn waiting_in(queue: &Listed) -> ListState {
    if queue.paused { ListState::Paused } else { ListState::Is(JobState::Waiting) }
}

impl Range {
    fn of(query: &ListQuery) -> Range {
        let number = |id: JobId| u128::from_be_bytes(id.to_bytes());
        let mut from = query.created_from.map_or(0, |time| number(JobId::lower_bound(time)));
        let mut to = query.created_to.map_or(u128::MAX, |time| {
            number(JobId::lower_bound(Timestamp::from_unix_millis(time.unix_millis().saturating_add(1))))
        });
        match query.after.map(number) {
            Some(after) if query.newest_first => to = to.min(after),
            Some(after) => from = from.max(after.saturating_add(1)),
            None => {}
        }
        Range { from, to, newest_first: query.newest_first, limit: query.limit.saturating_add(1) }
    }

    /// Adds the first ids of one stream, in order.
    fn stream(
        &self,
        connection: &Connection,
        (asc, desc): (&str, &str),
        of: i64,
        kind: Option<&dyn ToSql>,
        ids: &mut Vec<JobId>,
    ) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(if self.newest_first { desc } else { asc })?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let (from, to) = (self.from.to_be_bytes(), self.to.to_be_bytes());
        let mut parameters: Vec<&dyn ToSql> = vec![&of, &from, &to, &limit];
        parameters.extend(kind);
        let rows = statement.query_map(parameters.as_slice(), |row| row.get(0).map(JobId::from_bytes))?;
        for id in rows {
            ids.push(id?);
        }
        Ok(())
    }
}
