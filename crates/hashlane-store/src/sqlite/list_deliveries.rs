//! Lists of deliveries: due ones from the live rows, failed ones from an index of their own, delivered ones by passing over
//! a bounded stretch of jobs for each page. None of them reads more of the store than about what it shows.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{DeliveryState, JobId, Timestamp};
use rusqlite::Connection;

use super::directory::Directory;
use super::job_row::read_job;
use super::{Published, Readers};
use crate::delivery_list::DeliveryCursor;
use crate::{DeliveryPage, DeliveryQuery, ListedDelivery, StoreError};

/// How many jobs a page of delivered callbacks looks at, over all buckets: some milliseconds. What is further away comes with
/// the next page.
const STRETCH_MAX: usize = 10_000;

/// A delivery that was found.
struct Found {
    bucket: i64,
    cursor: DeliveryCursor,
    due_in: Option<Duration>,
}

pub(super) async fn list_deliveries(
    readers: &Arc<Readers>,
    published: &Published,
    query: DeliveryQuery,
    now: Timestamp,
) -> Result<DeliveryPage, StoreError> {
    let directory = published.directory();
    let bucket = query.bucket.as_ref().map(|name| directory.bucket(name).map(|entry| entry.number));
    if query.limit == 0 || bucket == Some(None) {
        return Ok(DeliveryPage { deliveries: Vec::new(), next_after: None });
    }
    let search = Search { bucket: bucket.flatten(), range: id_range(&query), now, query };
    readers
        .read(move |connection| {
            let transaction = connection.transaction()?;
            let (found, next_after) = search.page(&transaction, &directory)?;
            let mut deliveries = Vec::with_capacity(found.len());
            for Found { bucket, cursor, due_in } in found {
                let Some(name) = directory.bucket_name(bucket) else { continue };
                let job = read_job(&transaction, name, bucket, cursor.job, now)?;
                deliveries.extend(job.map(|job| ListedDelivery { job, due_in }));
            }
            Ok(DeliveryPage { deliveries, next_after })
        })
        .await
}

/// The ids of jobs created in the query's time: `from` inclusive, `to` exclusive.
fn id_range(query: &DeliveryQuery) -> ([u8; 16], [u8; 16]) {
    let from = query.created_from.map_or([0; 16], |time| JobId::lower_bound(time).to_bytes());
    let to = query.created_to.map_or([u8::MAX; 16], |time| {
        JobId::lower_bound(Timestamp::from_unix_millis(time.unix_millis().saturating_add(1))).to_bytes()
    });
    (from, to)
}

struct Search {
    query: DeliveryQuery,
    bucket: Option<i64>,
    range: ([u8; 16], [u8; 16]),
    now: Timestamp,
}

impl Search {
    /// What is found, and what to continue after when there may be more.
    fn page(
        &self,
        connection: &Connection,
        directory: &Directory,
    ) -> Result<(Vec<Found>, Option<DeliveryCursor>), StoreError> {
        let (mut found, horizon) = match self.query.state {
            DeliveryState::None => (Vec::new(), None),
            DeliveryState::Due => (self.due(connection)?, None),
            DeliveryState::Failed => (self.failed(connection)?, None),
            DeliveryState::Delivered => self.delivered(connection, directory)?,
        };
        let more = found.len() > self.query.limit;
        found.truncate(self.query.limit);
        let last = found.last().map(|found| found.cursor).filter(|_| more);
        Ok((found, last.or(horizon)))
    }

    /// One more than the page holds, to know whether there is another.
    fn rows(&self) -> i64 {
        i64::try_from(self.query.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }

    /// The end of the range in lists with the newest first.
    fn before(&self) -> [u8; 16] {
        self.query.after.map_or(self.range.1, |after| after.job.to_bytes().min(self.range.1))
    }

    fn failed(&self, connection: &Connection) -> Result<Vec<Found>, StoreError> {
        let mut statement = connection.prepare_cached(include_str!("list_deliveries_failed.sql"))?;
        let rows = statement.query_map((self.range.0, self.before(), self.bucket, self.rows()), |row| {
            let cursor = DeliveryCursor { due_ms: 0, job: JobId::from_bytes(row.get(0)?) };
            Ok(Found { bucket: row.get(1)?, cursor, due_in: None })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn due(&self, connection: &Connection) -> Result<Vec<Found>, StoreError> {
        let (after_ms, after_id) = self.query.after.map_or((i64::MIN, [0; 16]), |it| (it.due_ms, it.job.to_bytes()));
        let (from, to) = self.range;
        let mut statement = connection.prepare_cached(include_str!("list_deliveries_due.sql"))?;
        let parameters = (from, to, self.bucket, self.rows(), after_ms, after_id, self.now.unix_millis());
        let rows = statement.query_map(parameters, |row| {
            let due = Timestamp::from_unix_millis(row.get(2)?);
            let being_sent: bool = row.get(3)?;
            let cursor = DeliveryCursor { due_ms: due.unix_millis(), job: JobId::from_bytes(row.get(0)?) };
            Ok(Found { bucket: row.get(1)?, cursor, due_in: (!being_sent).then(|| due.since(self.now)) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The delivered ones of a stretch of each bucket. Where a stretch ends before the page is full, nothing older than its
    /// end may be shown yet: that is the horizon, where the next page begins.
    fn delivered(
        &self,
        connection: &Connection,
        directory: &Directory,
    ) -> Result<(Vec<Found>, Option<DeliveryCursor>), StoreError> {
        let mut buckets: Vec<i64> = directory.all_queues().map(|entry| entry.bucket).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets.retain(|number| self.bucket.is_none_or(|only| only == *number));
        let stretch = (STRETCH_MAX / buckets.len().max(1)).max(100);
        let mut statement = connection.prepare_cached(include_str!("list_deliveries_delivered.sql"))?;
        let mut found = Vec::new();
        let mut horizon: Option<JobId> = None;
        for bucket in buckets {
            let limit = i64::try_from(stretch).unwrap_or(i64::MAX);
            let rows = statement.query_map((bucket, self.range.0, self.before(), limit), |row| {
                Ok((JobId::from_bytes(row.get(0)?), row.get::<_, bool>(1)?))
            })?;
            let (mut passed, mut last, before) = (0, None, found.len());
            for row in rows {
                let (job, delivered) = row?;
                (passed, last) = (passed + 1, Some(job));
                if delivered {
                    found.push(Found { bucket, cursor: DeliveryCursor { due_ms: 0, job }, due_in: None });
                }
                if found.len() - before > self.query.limit {
                    break;
                }
            }
            if passed == stretch {
                horizon = horizon.max(last);
            }
        }
        found.sort_unstable_by_key(|found| std::cmp::Reverse(found.cursor.job));
        found.retain(|found| horizon.is_none_or(|horizon| found.cursor.job >= horizon));
        Ok((found, horizon.map(|job| DeliveryCursor { due_ms: 0, job })))
    }
}
