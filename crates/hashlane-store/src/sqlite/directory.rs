//! The buckets and queues in memory: few, asked for with every call, and changed only by the writer.
//!
//! The writer holds the true one and publishes a copy after each commit that changed it; readers never ask the database for
//! queues. Queues of closed services stay in it, because their jobs still run, and still show their id.

use std::collections::{BTreeMap, HashMap};

use hashlane_job::{BucketName, Notify, Queue, QueueId, Service, Timestamp};
use rusqlite::Connection;

use super::address;
use crate::StoreError;

/// Every bucket and queue that the store knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    buckets: HashMap<BucketName, BucketEntry>,
    names: BTreeMap<i64, BucketName>,
    queues: BTreeMap<i64, QueueEntry>,
    numbers: HashMap<QueueId, i64>,
}

/// A bucket that ever had a service.
#[derive(Debug, Clone)]
pub(super) struct BucketEntry {
    pub(super) number: i64,
    /// When its service was opened; `None` while it is closed.
    pub(super) service_created: Option<Timestamp>,
    /// Its queues, oldest first, closed ones included.
    pub(super) queues: Vec<i64>,
}

/// A queue.
#[derive(Debug, Clone)]
pub(super) struct QueueEntry {
    pub(super) number: i64,
    /// The number of its bucket.
    pub(super) bucket: i64,
    /// False when its service was closed.
    pub(super) open: bool,
    pub(super) queue: Queue,
}

impl Directory {
    pub(super) fn load(connection: &Connection) -> Result<Directory, StoreError> {
        let mut directory = Directory::default();
        let mut statement =
            connection.prepare("select number, name, service_created_ms from bucket order by number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            let name = BucketName::parse(&name)
                .ok_or_else(|| StoreError::corrupt(format!("the store holds a bucket named {name:?}")))?;
            directory.put_bucket(row.get(0)?, &name, row.get::<_, Option<i64>>(2)?.map(Timestamp::from_unix_millis));
        }
        let mut statement = connection.prepare("select * from queue order by number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get("id")?;
            let entry = directory
                .read_queue(row)?
                .ok_or_else(|| StoreError::corrupt(format!("the store's row of queue {id:?} cannot be read")))?;
            directory.put_queue(entry);
        }
        Ok(directory)
    }

    fn read_queue(&self, row: &rusqlite::Row<'_>) -> Result<Option<QueueEntry>, StoreError> {
        let bucket: i64 = row.get("bucket")?;
        let id = QueueId::parse(&row.get::<_, String>("id")?);
        let format = address::parse_format(&row.get::<_, String>("notify_format")?);
        let address = match row.get::<_, Option<String>>("notify_address")? {
            None => Some(None),
            Some(text) => address::parse(&text).map(Some),
        };
        let (Some(id), Some(name), Some(format), Some(address)) = (id, self.names.get(&bucket), format, address) else {
            return Ok(None);
        };
        let time = |column: &str| row.get(column).map(Timestamp::from_unix_millis);
        let count = |column: &str| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(Some(QueueEntry {
            number: row.get("number")?,
            bucket,
            open: row.get("open")?,
            queue: Queue {
                id,
                bucket: name.clone(),
                name: row.get("name")?,
                paused: row.get("paused")?,
                notify: Notify {
                    on: row.get("notify_on")?,
                    on_task_finish: row.get("notify_task_finish")?,
                    on_workflow_finish: row.get("notify_workflow_finish")?,
                    format,
                    address,
                },
                jobs_waiting_max: count("waiting_max")?,
                jobs_running_max: count("running_max")?,
                created: time("created_ms")?,
                updated: time("updated_ms")?,
            },
        }))
    }

    pub(super) fn put_bucket(&mut self, number: i64, name: &BucketName, service_created: Option<Timestamp>) {
        self.names.insert(number, name.clone());
        self.buckets
            .entry(name.clone())
            .or_insert_with(|| BucketEntry { number, service_created, queues: Vec::new() })
            .service_created = service_created;
    }

    pub(super) fn put_queue(&mut self, entry: QueueEntry) {
        let number = entry.number;
        if self.numbers.insert(entry.queue.id, number).is_none()
            && let Some(bucket) = self.buckets.get_mut(&entry.queue.bucket)
        {
            bucket.queues.push(number);
        }
        self.queues.insert(number, entry);
    }

    pub(super) fn bucket(&self, name: &BucketName) -> Option<&BucketEntry> {
        self.buckets.get(name)
    }

    /// Every bucket that ever had a service, with its number.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (&BucketName, i64)> {
        self.buckets.iter().map(|(name, entry)| (name, entry.number))
    }

    pub(super) fn bucket_name(&self, number: i64) -> Option<&BucketName> {
        self.names.get(&number)
    }

    pub(super) fn next_bucket_number(&self) -> i64 {
        self.names.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    pub(super) fn queue(&self, number: i64) -> Option<&QueueEntry> {
        self.queues.get(&number)
    }

    pub(super) fn queue_by_id(&self, id: QueueId) -> Option<&QueueEntry> {
        self.numbers.get(&id).and_then(|number| self.queues.get(number))
    }

    pub(super) fn next_queue_number(&self) -> i64 {
        self.queues.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    /// Every queue, in the order in which they were made.
    pub(super) fn all_queues(&self) -> impl Iterator<Item = &QueueEntry> {
        self.queues.values()
    }

    /// A bucket's queues, oldest first, closed ones included.
    pub(super) fn queues_of(&self, bucket: &BucketName) -> impl Iterator<Item = &QueueEntry> {
        let numbers = self.bucket(bucket).map_or(&[][..], |entry| &entry.queues);
        numbers.iter().filter_map(|number| self.queues.get(number))
    }

    /// The open service of a bucket.
    pub(super) fn service(&self, bucket: &BucketName) -> Option<Service> {
        let created = self.bucket(bucket)?.service_created?;
        Some(Service { bucket: bucket.clone(), created })
    }

    /// All open services, by bucket name.
    pub(super) fn services(&self) -> Vec<Service> {
        let mut services: Vec<Service> = self.buckets.keys().filter_map(|name| self.service(name)).collect();
        services.sort_by(|left, right| left.bucket.cmp(&right.bucket));
        services
    }
}
