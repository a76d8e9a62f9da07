//! The embedded backend: one SQLite file, one process.
//!
//! Each verb is a file here, and its SQL a file beside it. What writes goes through the one [`Writer`] in joined commits; what
//! reads goes through [`Readers`]; what is few and asked for all the time (queues, services, counts) is answered from
//! [`Published`] memory. docs/store.md describes the tables.

mod address;
mod attempt_log;
mod backup;
mod cancel;
mod check;
mod checksum;
mod claim;
mod claim_deliver;
mod connection;
mod delivery_record;
mod directory;
mod fault;
mod get;
mod held_back;
mod job_row;
mod list;
mod list_deliveries;
mod overdue;
mod ping;
mod prune;
mod published;
mod queues;
mod readers;
mod recall;
mod recent;
mod renew;
mod replay;
mod schema;
mod settle;
mod space;
mod submit;
mod tally;
mod trials;
mod turns;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{
    BucketName, Clock, DeliveryState, FileFacts, Job, JobId, LeaseToken, NewJob, ObjectRef, ObjectVersion, Outcome,
    Queue, QueueId, Service, Stage, Timestamp,
};
use hashlane_lanes::Algorithm;
use tokio::sync::futures::OwnedNotified;

use self::published::Published;
use self::readers::Readers;
use self::writer::Writer;
use crate::batch::Batch;
use crate::{
    Cancelled, Checked, Claimed, Counts, DeliveryPage, DeliveryQuery, DeliveryRecord, HoldBack, JobPage, ListQuery,
    QueueChange, Renewal, Renewed, Replayed, Settled, StoreError, StoreOptions, SubmitError,
};

/// A store in one SQLite file.
pub(crate) struct Sqlite {
    writer: Arc<Batch<Writer>>,
    readers: Arc<Readers>,
    published: Arc<Published>,
    steady: Arc<dyn Clock>,
}

impl Sqlite {
    pub(crate) async fn open(path: PathBuf, options: StoreOptions) -> Result<Sqlite, StoreError> {
        blocking(move || {
            let published = Arc::new(Published::default());
            let steady = options.steady.clone();
            let writer = Writer::open(&path, options, published.clone())?;
            Ok(Sqlite { writer: Arc::new(Batch::start(writer)?), readers: Readers::new(path), published, steady })
        })
        .await
    }

    pub(crate) async fn migrate(path: PathBuf) -> Result<(u32, u32), StoreError> {
        blocking(move || {
            let _lock = connection::StoreLock::take(&path)?;
            schema::migrate(&mut connection::open_writer(&path)?)
                .map_err(|error| StoreError { message: format!("{}: {}", path.display(), error.message), ..error })
        })
        .await
    }

    pub(crate) async fn backup(path: PathBuf, to: PathBuf) -> Result<(), StoreError> {
        blocking(move || backup::backup(&path, &to)).await
    }

    pub(crate) async fn check(
        path: PathBuf,
        mut problem: impl FnMut(&str) + Send + 'static,
    ) -> Result<Checked, StoreError> {
        blocking(move || check::check(&path, &mut problem)).await
    }

    pub(crate) fn all_full(&self, bucket: &BucketName) -> bool {
        self.published.all_full(bucket)
    }

    pub(crate) async fn submit(&self, job: NewJob) -> Result<(), SubmitError> {
        // Those that are refused must not wait in line with those that can be done.
        if self.published.is_full(job.queue) {
            return Err(SubmitError::QueueFull);
        }
        self.writer.run(submit::Submit { job, repeat: false }).await?.map(|_| ())
    }

    pub(crate) async fn submit_once(&self, job: NewJob) -> Result<JobId, SubmitError> {
        self.writer.run(submit::Submit { job, repeat: true }).await?
    }

    pub(crate) async fn get(&self, bucket: &BucketName, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        get::get(&self.readers, &self.published, bucket, ids, self.steady.now()).await
    }

    pub(crate) async fn list(&self, query: ListQuery) -> Result<JobPage, StoreError> {
        list::list(&self.readers, &self.published, query, self.steady.now()).await
    }

    pub(crate) async fn cancel(&self, bucket: &BucketName, id: JobId) -> Result<Cancelled, StoreError> {
        self.writer.run(cancel::Cancel { bucket: bucket.clone(), id }).await
    }

    pub(crate) async fn claim(&self, stage: Stage, slots: usize, lease: Duration) -> Result<Claimed, StoreError> {
        self.writer.run(claim::Claim { stage, slots, lease }).await
    }

    pub(crate) async fn renew(&self, renewals: Vec<Renewal>, lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        self.writer.run(renew::Renew { renewals, lease }).await
    }

    pub(crate) async fn settle(&self, token: LeaseToken, outcome: Outcome) -> Result<Settled, StoreError> {
        self.writer.run(settle::Settle { token, outcome }).await
    }

    pub(crate) async fn recall(
        &self,
        object: &ObjectRef,
        algorithm: Algorithm,
        version: &ObjectVersion,
    ) -> Result<Option<FileFacts>, StoreError> {
        recall::recall(&self.readers, &self.published, object, algorithm, version).await
    }

    pub(crate) fn hold_back(&self, receiver: &str, hold: Option<HoldBack>) {
        self.published.held_back().set(receiver, hold, self.steady.now());
    }

    pub(crate) async fn delivery_record(
        &self,
        bucket: &BucketName,
        id: JobId,
    ) -> Result<Option<DeliveryRecord>, StoreError> {
        delivery_record::delivery_record(&self.readers, &self.published, bucket, id, self.steady.now()).await
    }

    pub(crate) async fn list_deliveries(&self, query: DeliveryQuery) -> Result<DeliveryPage, StoreError> {
        list_deliveries::list_deliveries(&self.readers, &self.published, query, self.steady.now()).await
    }

    pub(crate) async fn replay(
        &self,
        jobs: Vec<(BucketName, JobId)>,
        only: Option<DeliveryState>,
    ) -> Result<Vec<Replayed>, StoreError> {
        self.writer.run(replay::Replay { jobs, only }).await
    }

    pub(crate) fn counts(&self) -> Counts {
        self.published.counts()
    }

    pub(crate) async fn overdue(&self, longer_than: Duration) -> Result<u64, StoreError> {
        let longer_ms = i64::try_from(longer_than.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_unix_millis(self.steady.now().unix_millis().saturating_sub(longer_ms));
        overdue::overdue(&self.readers, before).await
    }

    pub(crate) async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.run(prune::Prune { before, limit }).await
    }

    pub(crate) fn woken(&self, stage: Stage) -> OwnedNotified {
        self.published.woken(stage)
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.writer.run(ping::Ping).await
    }

    pub(crate) fn queues(&self, bucket: &BucketName) -> Vec<Queue> {
        let directory = self.published.directory();
        directory.queues_of(bucket).filter(|entry| entry.open).map(|entry| entry.queue.clone()).collect()
    }

    pub(crate) async fn put_queue(&self, queue: Queue) -> Result<(), StoreError> {
        self.writer.run(queues::PutQueue(queue)).await
    }

    pub(crate) async fn create_queue(
        &self,
        bucket: &BucketName,
        settings: QueueChange,
    ) -> Result<Option<Queue>, StoreError> {
        self.writer.run(queues::CreateQueue { bucket: bucket.clone(), settings }).await
    }

    pub(crate) async fn change_queue(
        &self,
        bucket: &BucketName,
        id: QueueId,
        change: QueueChange,
    ) -> Result<Option<Queue>, StoreError> {
        self.writer.run(queues::ChangeQueue { bucket: bucket.clone(), id, change }).await
    }

    pub(crate) fn services(&self) -> Vec<Service> {
        self.published.directory().services()
    }

    pub(crate) async fn open_service(&self, bucket: &BucketName) -> Result<Service, StoreError> {
        self.writer.run(queues::OpenService(bucket.clone())).await
    }

    /// Cancels what waits step by step, in a task of its own: the caller may stop waiting, the closing goes on.
    pub(crate) async fn close_service(&self, bucket: &BucketName) -> Result<bool, StoreError> {
        let (writer, bucket) = (self.writer.clone(), bucket.clone());
        let closing = tokio::spawn(async move {
            let Some(keys) = writer.run(queues::CloseService(bucket)).await? else { return Ok(false) };
            for key in keys {
                while writer.run(queues::CancelWaiting(key)).await? {}
            }
            Ok(true)
        });
        closing
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("the closing was cut off by the end of the program")))
    }

    pub(crate) async fn close(&self) {
        let writer = self.writer.clone();
        let readers = self.readers.clone();
        let closed = blocking(move || {
            readers.close();
            writer.close();
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::warn!(error = %error, "the store was not closed in order");
        }
    }
}

/// Dropping the last handle without closing commits what waits, as closing does.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.readers.close();
        self.writer.close();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::task::spawn_blocking(work);
    task.await
        .unwrap_or_else(|_| Err(StoreError::unavailable("the store's work was cut off by the end of the program")))
}
