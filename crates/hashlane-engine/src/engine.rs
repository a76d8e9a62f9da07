//! The engine: stored objects in, facts out.
//!
//! It promises that the facts of an object all belong to one version of it, that object bytes in memory stay within the
//! budget, and that dropping a future stops its work within a chunk. It leaves out when to try again and what to tell
//! clients beyond the [`JobError`]: the worker decides both.

mod identify;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use hashlane_job::{BucketName, FailureCode, JobError, ObjectRef};
use hashlane_lanes::{Digest, Platform};
use tokio::task::spawn_blocking;

use crate::bucket::{BucketConfig, Buckets};
use crate::budget::Budget;
use crate::error::EngineError;
use crate::hashed::{HashRequest, Hashed, Hold};
use crate::pool::{self, Pool};
use crate::reading::{Answer, Membership, Reading, Work};
use crate::readings::Readings;
use crate::schemes::Storage;
use crate::storage::Attributes;

/// The counter of jobs that joined the reading of another.
const JOINED: &str = "hashlane_reads_joined_total";

/// The engine: cheap to clone. The threads stop when the last clone is dropped, or by [`Engine::stop`].
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    buckets: Buckets,
    readings: Arc<Readings>,
    object_bytes_max: Option<u64>,
    checkpoint_bytes: u64,
}

/// On which terms an object is hashed.
#[derive(Clone, Copy)]
struct Terms {
    /// Somebody waits for it.
    awaited: bool,
    /// An object of this length or more is refused.
    object_bytes_max: Option<u64>,
}

/// Bounds of the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads that hash; 0 = one per core.
    pub hash_threads: usize,
    /// Bytes of object data in flight, whatever the number and size of the objects.
    pub memory_bytes: u64,
    /// Objects of this size or more are refused.
    pub object_bytes_max: Option<u64>,
    /// How many bytes of an object lie between two checkpoints of a job.
    pub checkpoint_bytes: u64,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions { hash_threads: 0, memory_bytes: 48 << 20, object_bytes_max: None, checkpoint_bytes: 256 << 20 }
    }
}

impl Engine {
    /// Opens every bucket and starts the threads, on the best platform of the CPU.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::start_on`].
    pub fn start(options: EngineOptions, buckets: Vec<BucketConfig>) -> Result<Engine, EngineError> {
        Engine::start_on(Platform::detect(), options, buckets)
    }

    /// Opens every bucket and starts the threads, on a platform that the operator chose.
    ///
    /// # Errors
    ///
    /// When a bucket cannot be opened (the message names it, says why and what to do), when two have one name, when the
    /// memory holds nothing, and when threads cannot be started.
    pub fn start_on(
        platform: Platform,
        options: EngineOptions,
        buckets: Vec<BucketConfig>,
    ) -> Result<Engine, EngineError> {
        let threads = match options.hash_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let buckets = Buckets::open(buckets)?;
        let budget = Budget::deal(options.memory_bytes, threads)?;
        metrics::describe_counter!(pool::HASHED_BYTES, metrics::Unit::Bytes, "Bytes hashed, by algorithm.");
        metrics::describe_counter!(JOINED, "Jobs that joined the reading of the same object by another job.");
        metrics::counter!(JOINED).increment(0);
        metrics::describe_gauge!(pool::LANES_BUSY, "Objects that are being hashed now.");
        // So that it is there before the first object, however short that one stays.
        metrics::gauge!(pool::LANES_BUSY).increment(0.0);
        let pool = Pool::start(budget, platform)
            .map_err(|error| EngineError::new(format!("the hashing threads cannot be started: {error}")))?;
        tracing::debug!(%platform, ?budget, "engine started");
        let EngineOptions { object_bytes_max, checkpoint_bytes, .. } = options;
        Ok(Engine {
            inner: Arc::new(Inner { pool, buckets, readings: Arc::default(), object_bytes_max, checkpoint_bytes }),
        })
    }

    /// Hashes one object by a reading of its own. Dropping the future stops the reading within a chunk and frees the slot.
    ///
    /// # Errors
    ///
    /// [`FailureCode::NotFound`], [`FailureCode::Denied`] for names and kinds that are refused, [`FailureCode::TooLarge`],
    /// [`FailureCode::Unreadable`] and [`FailureCode::Changed`] (may be retried) when reading failed or the object changed,
    /// [`FailureCode::Internal`] for a panic, a stopped engine, or no algorithm.
    pub async fn hash(&self, request: HashRequest) -> Result<Hashed, JobError> {
        self.read_alone(self.job_terms(), request).await
    }

    /// Joins a reading of the object that is under way, or begins one that others can join. Here and now: jobs that join before
    /// the first of them is waited for are sure to share. What the reading must prove to those who come late is told at the
    /// head of `reading.rs`.
    pub fn join(&self, request: HashRequest) -> Joined {
        let membership = self.join_reading(&request, true);
        if membership.is_shared() {
            metrics::counter!(JOINED).increment(1);
        }
        Joined { engine: self.clone(), request, membership }
    }

    /// Hashes one object that somebody waits for: in a slot that jobs never take, and before them. An object of
    /// `object_bytes_max` bytes or more is refused; the engine's own bound is for jobs.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::hash`].
    pub async fn hash_awaited(&self, request: HashRequest, object_bytes_max: Option<u64>) -> Result<Hashed, JobError> {
        self.read_alone(Terms { awaited: true, object_bytes_max }, request).await
    }

    async fn read_alone(&self, terms: Terms, request: HashRequest) -> Result<Hashed, JobError> {
        if request.algorithms.is_empty() {
            return Err(no_algorithm());
        }
        let membership = self.inner.readings.alone(&request, |reading| self.work(terms, reading));
        match membership.await {
            Answer::Done(result) => result?.hashed(&request.algorithms),
            // Only late members are told so, and who is alone is not late.
            Answer::Anew => Err(JobError::temporary(FailureCode::Internal, "the reading was given up")),
        }
    }

    fn join_reading(&self, request: &HashRequest, may_be_late: bool) -> Membership {
        let begin = |reading: &Arc<Reading>| self.work(self.job_terms(), reading);
        self.inner.readings.join(request, may_be_late, begin)
    }

    fn work(&self, terms: Terms, reading: &Arc<Reading>) -> Work {
        Box::pin(self.inner.clone().read(terms, reading.clone()))
    }

    fn job_terms(&self) -> Terms {
        Terms { awaited: false, object_bytes_max: self.inner.object_bytes_max }
    }

    /// Stores the digest as user metadata `x-cos-meta-<algorithm>` of the very version that was hashed.
    ///
    /// # Errors
    ///
    /// [`FailureCode::HeaderDenied`] when the storage keeps no metadata or does not let us write it, with the reason;
    /// [`FailureCode::Changed`] when the object is not the version that was hashed any more.
    pub async fn add_to_header(&self, object: &ObjectRef, hashed: &Hashed, digest: Digest) -> Result<(), JobError> {
        match (&hashed.hold, self.inner.storage(&object.bucket)?) {
            (Hold::File(file), Storage::Folder(_)) => {
                let file = file.clone();
                let written = spawn_blocking(move || file.write_header(&digest)).await;
                written.unwrap_or_else(|_| Err(JobError::permanent(FailureCode::Internal, "storing the digest failed")))
            }
            (Hold::Marker(marker), Storage::Folder(_)) => {
                let marker = marker.clone();
                let written = spawn_blocking(move || marker.write_header(&digest)).await;
                written.unwrap_or_else(|_| Err(JobError::permanent(FailureCode::Internal, "storing the digest failed")))
            }
            (Hold::Object(version), Storage::Objects(objects)) if version.generation.is_some() => {
                let generation = version.generation.unwrap_or_default();
                objects.add_metadata(&object.key, generation, &digest).await
            }
            _ => Err(JobError::permanent(
                FailureCode::HeaderDenied,
                "the digest could not be stored: the storage of the bucket cannot change the metadata of an object",
            )),
        }
    }

    /// How many objects can be hashed at once: claim no more than this. More calls of [`Engine::hash`] wait in a queue.
    pub fn slots(&self) -> usize {
        self.inner.pool.slots()
    }

    /// How many objects can be hashed at once by [`Engine::hash_awaited`], beside those of [`Engine::slots`]. More calls
    /// wait in a queue. Zero when the memory holds one slot only, which all then share.
    pub fn awaited_slots(&self) -> usize {
        self.inner.pool.awaited_slots()
    }

    /// The buckets.
    pub fn buckets(&self) -> &[BucketConfig] {
        self.inner.buckets.configs()
    }

    /// Whether a bucket's storage answers; for `/readyz`.
    ///
    /// # Errors
    ///
    /// When the bucket is not configured, or its storage does not answer; the message names the bucket.
    pub async fn probe(&self, bucket: &BucketName) -> Result<(), EngineError> {
        let probed = match self.inner.buckets.storage(bucket) {
            None => Err(EngineError::new("it is not configured")),
            Some(Storage::Objects(objects)) => objects.probe().await,
            Some(Storage::Folder(folder)) => {
                let folder = folder.clone();
                blocking(move || folder.probe()).await
            }
        };
        probed.map_err(|error| of_bucket(bucket, &error))
    }

    /// Stores a small object for whoever runs the server: the demo, tests. Clients come through [`Engine::begin_upload`].
    ///
    /// # Errors
    ///
    /// When the key cannot name an object of this bucket, or writing fails; the message names the bucket.
    pub async fn put(&self, object: &ObjectRef, body: Bytes) -> Result<(), EngineError> {
        match self.put_object(object, body, Attributes::default()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(of_bucket(&object.bucket, &EngineError::new(error.message))),
        }
    }

    /// Stops the threads and waits for them. Objects that are being hashed, by any clone, fail for now.
    pub async fn stop(self) {
        // A thread ends within one step, but a disk may hold it up.
        let inner = self.inner;
        if spawn_blocking(move || inner.pool.join()).await.is_err() {
            tracing::error!("stopping the hashing threads failed");
        }
    }

    /// The storage of a bucket, for the storage calls.
    pub(crate) fn open_storage(&self, bucket: &BucketName) -> Option<&Storage> {
        self.inner.buckets.storage(bucket)
    }
}

impl Inner {
    fn storage(&self, bucket: &BucketName) -> Result<&Storage, JobError> {
        let missing = || JobError::permanent(FailureCode::NotFound, "the bucket is not configured on this server");
        self.buckets.storage(bucket).ok_or_else(missing)
    }
}

/// A job that joined a reading, see [`Engine::join`]. Dropping it leaves the reading, which ends within a chunk when nobody is
/// left and otherwise goes on for the others.
#[must_use = "it is waited for with `Joined::hashed`"]
pub struct Joined {
    engine: Engine,
    request: HashRequest,
    membership: Membership,
}

impl Joined {
    /// Whether another job began the reading, so that this one takes no slot of the engine.
    pub fn is_shared(&self) -> bool {
        self.membership.is_shared()
    }

    /// What came of it, as from [`Engine::hash`].
    ///
    /// # Errors
    ///
    /// Those of [`Engine::hash`].
    pub async fn hashed(self) -> Result<Hashed, JobError> {
        let Joined { engine, request, membership } = self;
        if request.algorithms.is_empty() {
            return Err(no_algorithm());
        }
        let answer = match membership.await {
            // The object may have changed, or the reading failed, before the job came. The next reading is one that it is not
            // late for, so that this is the last time.
            Answer::Anew if !request.progress.is_leaving() => engine.join_reading(&request, false).await,
            answer => answer,
        };
        match answer {
            Answer::Done(result) => result?.hashed(&request.algorithms),
            Answer::Anew => Err(pool::stopping()),
        }
    }
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined").field("request", &self.request).finish_non_exhaustive()
    }
}

fn no_algorithm() -> JobError {
    JobError::permanent(FailureCode::Internal, "no algorithm was asked for")
}

fn of_bucket(bucket: &BucketName, error: &EngineError) -> EngineError {
    EngineError::new(format!("bucket {bucket}: {error}"))
}

/// Runs system calls that may wait for a disk where waiting harms nobody.
async fn blocking<T: Send + 'static>(
    calls: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    spawn_blocking(calls).await.unwrap_or_else(|_| Err(EngineError::new("a blocking task ended by a panic")))
}
