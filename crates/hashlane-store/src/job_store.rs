//! The job store: what can happen to a job, a queue or a service, whatever keeps them.
//!
//! Every verb is scoped to one bucket or follows a lease. There is no verb that changes a state directly: a job moves only as
//! the state machine of `hashlane-job` allows. The backend behind it is private, so that a second one is a folder and an arm.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{
    BucketName, DeliveryState, FileFacts, Job, JobId, LeaseToken, NewJob, ObjectRef, ObjectVersion, Outcome, Queue,
    QueueId, Service, Stage, Timestamp,
};
use hashlane_lanes::Algorithm;
use tokio::sync::futures::OwnedNotified;

use crate::sqlite::Sqlite;
use crate::{
    Cancelled, Checked, Claimed, Counts, DeliveryPage, DeliveryQuery, DeliveryRecord, HoldBack, JobPage, ListQuery,
    QueueChange, Renewal, Renewed, Replayed, Settled, StoreError, StoreErrorKind, StoreOptions, SubmitError,
};

/// The job store: cheap to clone, shared by server and worker.
///
/// A verb that changes something is durable when it answers. Dropping its future does not undo it: in particular the leases
/// of a claim nobody waits for run until they lapse.
#[derive(Clone)]
pub struct JobStore {
    backend: Arc<Backend>,
}

/// What keeps the jobs. Another one is a folder beside `sqlite`, an arm in each `match` and a row in [`JobStore::open`].
enum Backend {
    Sqlite(Sqlite),
}

impl fmt::Debug for JobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = match *self.backend {
            Backend::Sqlite(_) => "sqlite",
        };
        f.debug_struct("JobStore").field("backend", &backend).finish()
    }
}

impl JobStore {
    /// Opens or creates the store at `url` (`sqlite:PATH`, in an existing folder) and migrates it. Leases of processes that
    /// held it before are released, their attempts not counted.
    ///
    /// # Errors
    /// [`StoreErrorKind::InUse`] while another process holds it, [`StoreErrorKind::TooNew`] when a newer version wrote it,
    /// [`StoreErrorKind::Refused`] when the URL names no store that we know.
    pub async fn open(url: &str, options: StoreOptions) -> Result<JobStore, StoreError> {
        let backend = Backend::Sqlite(Sqlite::open(sqlite_path(url)?, options).await?);
        Ok(JobStore { backend: Arc::new(backend) })
    }

    /// Brings the schema up to date and says from and to which version; from 0 when it was made new.
    ///
    /// # Errors
    /// As [`JobStore::open`].
    pub async fn migrate(url: &str) -> Result<(u32, u32), StoreError> {
        Sqlite::migrate(sqlite_path(url)?).await
    }

    /// Copies the store to the new file `to`, also while a process uses it. The copy holds all that was committed before the
    /// call and opens as a store; it is durable when this answers. A failure leaves no file.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] when `to` exists or the URL names no store of this version, otherwise what failed.
    pub async fn backup(url: &str, to: PathBuf) -> Result<(), StoreError> {
        Sqlite::backup(sqlite_path(url)?, to).await
    }

    /// Reads the whole store, also while a process uses it, and gives each problem it finds to `problem`, one line for people.
    /// It changes nothing.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] when the URL names no store of this version, otherwise why it cannot be read. Damage is
    /// no error but a problem.
    pub async fn check(url: &str, problem: impl FnMut(&str) + Send + 'static) -> Result<Checked, StoreError> {
        Sqlite::check(sqlite_path(url)?, problem).await
    }

    /// Stores a job durably; joined with other callers' into one commit.
    ///
    /// # Errors
    /// When it returns an error other than [`SubmitError::Store`], nothing was written.
    pub async fn submit(&self, job: NewJob) -> Result<(), SubmitError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.submit(job).await,
        }
    }

    /// Whether every queue of a bucket was full at the last commit, so that no job would be accepted; known without waiting. What
    /// repeats an earlier submit may still be answered by [`JobStore::submit_once`].
    pub fn all_full(&self, bucket: &BucketName) -> bool {
        match &*self.backend {
            Backend::Sqlite(store) => store.all_full(bucket),
        }
    }

    /// As [`JobStore::submit`] for a request that says of itself that it is a repeat: when the same was asked by the same
    /// access key within the window of [`StoreOptions::submit_twice_window`], that job stands for it and nothing is stored.
    /// Gives the id of the job that there is.
    ///
    /// # Errors
    /// As [`JobStore::submit`].
    pub async fn submit_once(&self, job: NewJob) -> Result<JobId, SubmitError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.submit_once(job).await,
        }
    }

    /// The jobs of these ids in this bucket; the missing ones are left out; order as asked.
    ///
    /// # Errors
    /// [`StoreErrorKind::DamagedJob`] when one of them is damaged on the disk; ask for the others without it.
    pub async fn get(&self, bucket: &BucketName, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.get(bucket, ids).await,
        }
    }

    /// A page of jobs. One that is damaged on the disk is left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, query: ListQuery) -> Result<JobPage, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.list(query).await,
        }
    }

    /// Cancels a waiting or running job; who works on it loses the lease. No callback is sent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel(&self, bucket: &BucketName, id: JobId) -> Result<Cancelled, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.cancel(bucket, id).await,
        }
    }

    /// Takes at most `slots` due rows of a stage, each for `lease`. To hash, buckets take turns; within a queue the higher
    /// level comes first, then the older job. To deliver, what became due first comes first; when more is due than is asked
    /// for, the second half is what became due last.
    ///
    /// # Errors
    /// When the store fails; then nothing was taken.
    pub async fn claim(&self, stage: Stage, slots: usize, lease: Duration) -> Result<Claimed, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.claim(stage, slots, lease).await,
        }
    }

    /// Extends leases to `lease` from now; one answer for each.
    ///
    /// # Errors
    /// When the store fails; the leases then run as before.
    pub async fn renew(&self, renewals: Vec<Renewal>, lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.renew(renewals, lease).await,
        }
    }

    /// Ends a lease with an outcome; the result, the final state and the due callback are one transaction. A lease that has
    /// lapsed but that nobody took over is still good.
    ///
    /// # Errors
    /// [`StoreErrorKind::Corrupt`] for an outcome of the wrong stage, or for facts that are not exactly the one digest that
    /// was asked for: a bug of the caller, nothing was changed.
    pub async fn settle(&self, token: LeaseToken, outcome: Outcome) -> Result<Settled, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.settle(token, outcome).await,
        }
    }

    /// The result of the newest job that was settled with this version of this object and this algorithm, as long as that job is
    /// kept. It is as old as that job: whether it may stand for another reading is for the caller to know.
    ///
    /// # Errors
    /// [`StoreErrorKind::DamagedJob`] when the result is damaged on the disk, otherwise when the store fails.
    pub async fn recall(
        &self,
        object: &ObjectRef,
        algorithm: Algorithm,
        version: &ObjectVersion,
    ) -> Result<Option<FileFacts>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.recall(object, algorithm, version).await,
        }
    }

    /// Says what becomes of callbacks to a receiver ([`hashlane_job::CallbackTarget::receiver`]) when their jobs end: held back,
    /// or with `None` due at once, as is the rule. It is not durable and concerns only this process.
    pub fn hold_back(&self, receiver: &str, hold: Option<HoldBack>) {
        match &*self.backend {
            Backend::Sqlite(store) => store.hold_back(receiver, hold),
        }
    }

    /// What is known of the callback of a job of this bucket; `None` when there is no such job.
    ///
    /// # Errors
    /// As [`JobStore::get`].
    pub async fn delivery_record(&self, bucket: &BucketName, id: JobId) -> Result<Option<DeliveryRecord>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.delivery_record(bucket, id).await,
        }
    }

    /// A page of deliveries.
    ///
    /// # Errors
    /// As [`JobStore::get`].
    pub async fn list_deliveries(&self, query: DeliveryQuery) -> Result<DeliveryPage, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.list_deliveries(query).await,
        }
    }

    /// Makes the callbacks of ended jobs due again, each with its event id and frozen target, its attempts beginning anew;
    /// one answer for each, all in one transaction. With `only`, callbacks in another state are left alone.
    ///
    /// # Errors
    /// When the store fails; then nothing was changed.
    pub async fn replay(
        &self,
        jobs: Vec<(BucketName, JobId)>,
        only: Option<DeliveryState>,
    ) -> Result<Vec<Replayed>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.replay(jobs, only).await,
        }
    }

    /// Counts by state, as of the last commit.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => Ok(store.counts()),
        }
    }

    /// How many leases lapsed longer ago than this and were not taken up: none, while anybody claims.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overdue(&self, longer_than: Duration) -> Result<u64, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.overdue(longer_than).await,
        }
    }

    /// Deletes at most `limit` jobs that ended before `before` and whose callback is settled; says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.prune(before, limit).await,
        }
    }

    /// Completes when rows of the stage may have become due since this future was made: make it before claiming.
    pub fn woken(&self, stage: Stage) -> OwnedNotified {
        match &*self.backend {
            Backend::Sqlite(store) => store.woken(stage),
        }
    }

    /// Proves that the store can write (for `/readyz`).
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.ping().await,
        }
    }

    /// All queues of a bucket, oldest first; none while its service is closed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn queues(&self, bucket: &BucketName) -> Result<Vec<Queue>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => Ok(store.queues(bucket)),
        }
    }

    /// Creates or replaces a queue; its bucket's service must be open. The creation time of an existing queue stays. Pausing
    /// and reactivating wakes the workers.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] when the service is closed or the id belongs to another bucket.
    pub async fn put_queue(&self, queue: Queue) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.put_queue(queue).await,
        }
    }

    /// Makes a queue with a new id; what `settings` leaves out is as in a bucket's first queue. `None` when the bucket's service
    /// is not open.
    ///
    /// # Errors
    /// When the store fails; then nothing was made.
    pub async fn create_queue(&self, bucket: &BucketName, settings: QueueChange) -> Result<Option<Queue>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.create_queue(bucket, settings).await,
        }
    }

    /// Changes a queue of a bucket and gives it as it is then; `None` when the bucket has no such queue, or its service is
    /// closed. Pausing and reactivating wakes the workers.
    ///
    /// # Errors
    /// When the store fails; then nothing was changed.
    pub async fn change_queue(
        &self,
        bucket: &BucketName,
        id: QueueId,
        change: QueueChange,
    ) -> Result<Option<Queue>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.change_queue(bucket, id, change).await,
        }
    }

    /// The open services, by bucket name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn services(&self) -> Result<Vec<Service>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => Ok(store.services()),
        }
    }

    /// Opens the service of a bucket and makes its first queue; opening twice gives what exists.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_service(&self, bucket: &BucketName) -> Result<Service, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.open_service(bucket).await,
        }
    }

    /// Closes it: waiting jobs are cancelled, running ones finish, the queues go. False when it was not open. The service is
    /// closed by the first commit; waiting jobs are cancelled in steps, and those that are claimed meanwhile finish.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_service(&self, bucket: &BucketName) -> Result<bool, StoreError> {
        match &*self.backend {
            Backend::Sqlite(store) => store.close_service(bucket).await,
        }
    }

    /// Stops the writer after what waits is committed, and lets go of the files. Other handles of this store get
    /// [`StoreErrorKind::Unavailable`] from then on.
    pub async fn close(self) {
        match &*self.backend {
            Backend::Sqlite(store) => store.close().await,
        }
    }
}

fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(StoreError::new(StoreErrorKind::Refused, "the store URL is not of the form sqlite:PATH")),
    }
}
