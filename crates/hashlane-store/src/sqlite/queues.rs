//! Queues and services: the changes. What they are is read from the published directory, without asking the database.

use std::sync::Arc;

use hashlane_job::{BucketName, JobId, Notify, Queue, QueueId, Service, Stage, Timestamp};
use rusqlite::Connection;

use super::cancel::cancel;
use super::directory::QueueEntry;
use super::tally::QueueKey;
use super::{Writer, address};
use crate::batch::{Fault, Verb};
use crate::{QueueChange, StoreError, StoreErrorKind};

/// How many jobs one step of closing a service cancels.
const CANCELS_PER_STEP: i64 = 500;

/// Creates or replaces a queue.
pub(super) struct PutQueue(pub(super) Queue);

impl Verb<Writer> for PutQueue {
    type Answer = ();

    fn apply(&self, writer: &mut Writer) -> Result<(), Fault> {
        let PutQueue(queue) = self;
        let refuse = |why: &str| StoreError::new(StoreErrorKind::Refused, format!("queue {}: {why}", queue.id));
        let bucket = writer.directory.bucket(&queue.bucket).filter(|bucket| bucket.service_created.is_some());
        let bucket = bucket.ok_or_else(|| refuse("the service of its bucket is not open"))?.number;
        let (number, created) = match writer.directory.queue_by_id(queue.id) {
            None => (writer.directory.next_queue_number(), queue.created),
            Some(entry) if entry.bucket == bucket && entry.open => (entry.number, entry.queue.created),
            Some(_) => return Err(refuse("the id belongs to another bucket or to a closed service").into()),
        };
        // A queue is as old as its first row.
        let queue = Queue { created, ..queue.clone() };
        store_queue(writer, QueueEntry { number, bucket, open: true, queue })?;
        writer.wake(Stage::Hash);
        Ok(())
    }
}

/// Makes a queue with the defaults but for what is said; `None` when the bucket's service is not open.
pub(super) struct CreateQueue {
    pub(super) bucket: BucketName,
    pub(super) settings: QueueChange,
}

impl Verb<Writer> for CreateQueue {
    type Answer = Option<Queue>;

    fn apply(&self, writer: &mut Writer) -> Result<Option<Queue>, Fault> {
        let open = writer.directory.bucket(&self.bucket).filter(|bucket| bucket.service_created.is_some());
        let Some(number) = open.map(|bucket| bucket.number) else { return Ok(None) };
        let now = writer.options.wall.now();
        let queue = self.settings.clone().apply(new_queue(writer, &self.bucket, now), now);
        store_new_queue(writer, number, queue.clone())?;
        Ok(Some(queue))
    }
}

/// Changes a queue of a bucket; gives it as it is then, `None` when the bucket has no such queue.
pub(super) struct ChangeQueue {
    pub(super) bucket: BucketName,
    pub(super) id: QueueId,
    pub(super) change: QueueChange,
}

impl Verb<Writer> for ChangeQueue {
    type Answer = Option<Queue>;

    fn apply(&self, writer: &mut Writer) -> Result<Option<Queue>, Fault> {
        let entry =
            writer.directory.queue_by_id(self.id).filter(|entry| entry.open && entry.queue.bucket == self.bucket);
        let Some(QueueEntry { number, bucket, queue, .. }) = entry.cloned() else { return Ok(None) };
        let queue = self.change.clone().apply(queue.clone(), writer.wall_now(queue.created));
        store_queue(writer, QueueEntry { number, bucket, open: true, queue: queue.clone() })?;
        writer.wake(Stage::Hash);
        Ok(Some(queue))
    }
}

/// Opens the service of a bucket and makes its first queue; gives what exists when it is open.
pub(super) struct OpenService(pub(super) BucketName);

impl Verb<Writer> for OpenService {
    type Answer = Service;

    fn apply(&self, writer: &mut Writer) -> Result<Service, Fault> {
        let OpenService(bucket) = self;
        if let Some(service) = writer.directory.service(bucket) {
            return Ok(service);
        }
        let known = writer.directory.bucket(bucket).map(|entry| entry.number);
        let number = known.unwrap_or_else(|| writer.directory.next_bucket_number());
        let now = writer.options.wall.now();
        store_service(writer, number, bucket, Some(now))?;
        let queue = new_queue(writer, bucket, now);
        store_new_queue(writer, number, queue)?;
        Ok(Service { bucket: bucket.clone(), created: now })
    }
}

/// Closes the service of a bucket: no job is accepted from now on, and its queues are gone. Says which queues
/// these were, for [`CancelWaiting`]; `None` when it was not open.
pub(super) struct CloseService(pub(super) BucketName);

impl Verb<Writer> for CloseService {
    type Answer = Option<Vec<QueueKey>>;

    fn apply(&self, writer: &mut Writer) -> Result<Self::Answer, Fault> {
        let CloseService(bucket) = self;
        let Some(number) = writer.directory.bucket(bucket).filter(|entry| entry.service_created.is_some()) else {
            return Ok(None);
        };
        let number = number.number;
        store_service(writer, number, bucket, None)?;
        let open: Vec<QueueEntry> = writer.directory.queues_of(bucket).filter(|entry| entry.open).cloned().collect();
        let keys = open.iter().map(|entry| QueueKey { bucket: number, queue: entry.number }).collect();
        for mut entry in open {
            entry.open = false;
            // What runs must be able to finish, also when it has to be run again.
            entry.queue.paused = false;
            store_queue(writer, entry)?;
        }
        Ok(Some(keys))
    }
}

/// Cancels some of the jobs that wait in a closed queue; says whether there may be more.
pub(super) struct CancelWaiting(pub(super) QueueKey);

impl Verb<Writer> for CancelWaiting {
    type Answer = bool;

    fn apply(&self, writer: &mut Writer) -> Result<bool, Fault> {
        let CancelWaiting(key) = self;
        let ids = waiting(&writer.connection, *key)?;
        let more = ids.len() == CANCELS_PER_STEP as usize;
        for id in ids {
            cancel(writer, key.bucket, id)?;
        }
        Ok(more)
    }
}

fn waiting(connection: &Connection, key: QueueKey) -> Result<Vec<JobId>, Fault> {
    let mut statement = connection.prepare_cached(include_str!("close_waiting.sql"))?;
    let rows = statement.query_map((key.queue, CANCELS_PER_STEP), |row| row.get(0).map(JobId::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn store_service(
    writer: &mut Writer,
    number: i64,
    bucket: &BucketName,
    created: Option<Timestamp>,
) -> Result<(), Fault> {
    let mut statement = writer.connection.prepare_cached(include_str!("put_bucket.sql"))?;
    statement.execute((number, bucket.as_str(), created.map(Timestamp::unix_millis)))?;
    drop(statement);
    Arc::make_mut(&mut writer.directory).put_bucket(number, bucket, created);
    Ok(())
}

fn new_queue(writer: &Writer, bucket: &BucketName, now: Timestamp) -> Queue {
    Queue {
        id: QueueId::random(),
        bucket: bucket.clone(),
        name: Queue::FIRST_NAME.into(),
        paused: false,
        notify: Notify::default(),
        jobs_waiting_max: writer.options.queue_defaults.jobs_waiting_max,
        jobs_running_max: writer.options.queue_defaults.jobs_running_max,
        created: now,
        updated: now,
    }
}

fn store_new_queue(writer: &mut Writer, bucket: i64, queue: Queue) -> Result<(), Fault> {
    let number = writer.directory.next_queue_number();
    store_queue(writer, QueueEntry { number, bucket, open: true, queue })
}

fn store_queue(writer: &mut Writer, entry: QueueEntry) -> Result<(), Fault> {
    let queue = &entry.queue;
    let count = |bound: u64| i64::try_from(bound).unwrap_or(i64::MAX);
    let mut statement = writer.connection.prepare_cached(include_str!("put_queue.sql"))?;
    statement.execute((
        entry.number,
        queue.id.to_string(),
        entry.bucket,
        queue.created.unix_millis(),
        entry.open,
        &queue.name,
        queue.paused,
        count(queue.jobs_waiting_max),
        count(queue.jobs_running_max),
        queue.notify.on,
        queue.notify.on_task_finish,
        queue.notify.on_workflow_finish,
        address::print_format(queue.notify.format),
        queue.notify.address.as_ref().map(address::print),
        queue.updated.unix_millis(),
    ))?;
    drop(statement);
    Arc::make_mut(&mut writer.directory).put_queue(entry);
    Ok(())
}
