//! The engine: stored objects in, facts out.
//!
//! It promises that the facts of an object all belong to one version of it, that object bytes in memory stay within the
//! budget, and that dropping a future stops its work within a chunk. It leaves out when to try again and what to tell
//! clients beyond the [`JobError`]: the worker decides both.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashlane_job::{BucketName, FailureCode, FileFacts, JobError, ObjectRef};
use hashlane_lanes::{Algorithm, Digest, Hasher, Platform, State};
use tokio::task::spawn_blocking;

use crate::bucket::{BucketConfig, Buckets};
use crate::budget::Budget;
use crate::checkpoint::{Checkpoints, first_bytes};
use crate::error::EngineError;
use crate::etag;
use crate::hashed::{HashRequest, Hashed, Hold};
use crate::local::Folder;
use crate::objects::{self, Objects, Version};
use crate::pool::{self, Course, Feeder, Input, Message, Pool, Read, Unread, check_size};
use crate::schemes::Storage;
use crate::storage::Attributes;

/// How often a file is opened again that was modified this very moment. A kernel's tick is over after 10 ms; a file system
/// that keeps whole seconds needs up to one.
const FRESH_ATTEMPTS: usize = 600;
/// The pause between two of these.
const FRESH_PAUSE: Duration = Duration::from_millis(2);

/// The engine: cheap to clone. The threads stop when the last clone is dropped, or by [`Engine::stop`].
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    buckets: Buckets,
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
        metrics::describe_gauge!(pool::LANES_BUSY, "Objects that are being hashed now.");
        // So that it is there before the first object, however short that one stays.
        metrics::gauge!(pool::LANES_BUSY).increment(0.0);
        let pool = Pool::start(budget, platform)
            .map_err(|error| EngineError::new(format!("the hashing threads cannot be started: {error}")))?;
        tracing::debug!(%platform, ?budget, "engine started");
        let EngineOptions { object_bytes_max, checkpoint_bytes, .. } = options;
        Ok(Engine { inner: Arc::new(Inner { pool, buckets, object_bytes_max, checkpoint_bytes }) })
    }

    /// Hashes one object. Dropping the future stops the reading within a chunk and frees the slot.
    ///
    /// # Errors
    ///
    /// [`FailureCode::NotFound`], [`FailureCode::Denied`] for names and kinds that are refused, [`FailureCode::TooLarge`],
    /// [`FailureCode::Unreadable`] and [`FailureCode::Changed`] (may be retried) when reading failed or the object changed,
    /// [`FailureCode::Internal`] for a panic, a stopped engine, or no algorithm.
    pub async fn hash(&self, request: HashRequest) -> Result<Hashed, JobError> {
        let terms = Terms { awaited: false, object_bytes_max: self.inner.object_bytes_max };
        self.hash_on(terms, request).await
    }

    /// Hashes one object that somebody waits for: in a slot that jobs never take, and before them. An object of
    /// `object_bytes_max` bytes or more is refused; the engine's own bound is for jobs.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::hash`].
    pub async fn hash_awaited(&self, request: HashRequest, object_bytes_max: Option<u64>) -> Result<Hashed, JobError> {
        self.hash_on(Terms { awaited: true, object_bytes_max }, request).await
    }

    async fn hash_on(&self, terms: Terms, request: HashRequest) -> Result<Hashed, JobError> {
        if request.algorithms.is_empty() {
            return Err(JobError::permanent(FailureCode::Internal, "no algorithm was asked for"));
        }
        match self.storage(&request.object.bucket)? {
            Storage::Folder(folder) => self.hash_file(folder, terms, &request).await,
            Storage::Objects(objects) => self.hash_object(objects, terms, &request).await,
        }
    }

    /// Stores the digest as user metadata `x-cos-meta-<algorithm>` of the very version that was hashed.
    ///
    /// # Errors
    ///
    /// [`FailureCode::HeaderDenied`] when the storage keeps no metadata or does not let us write it, with the reason;
    /// [`FailureCode::Changed`] when the object is not the version that was hashed any more.
    pub async fn add_to_header(&self, object: &ObjectRef, hashed: &Hashed, digest: Digest) -> Result<(), JobError> {
        match (&hashed.hold, self.storage(&object.bucket)?) {
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
            (Hold::Object { generation: Some(generation) }, Storage::Objects(objects)) => {
                objects.add_metadata(&object.key, *generation, &digest).await
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

    fn storage(&self, bucket: &BucketName) -> Result<&Storage, JobError> {
        let missing = || JobError::permanent(FailureCode::NotFound, "the bucket is not configured on this server");
        self.inner.buckets.storage(bucket).ok_or_else(missing)
    }

    async fn hash_file(&self, folder: &Arc<Folder>, terms: Terms, request: &HashRequest) -> Result<Hashed, JobError> {
        if request.object.key.ends_with('/') {
            return hash_marker(folder, request).await;
        }
        let algorithms = without_repeats(&request.algorithms);
        for _ in 0..FRESH_ATTEMPTS {
            let message = Message {
                algorithms: algorithms.clone(),
                input: Input::File { folder: folder.clone(), key: request.object.key.clone() },
                bytes_max: terms.object_bytes_max,
                course: self.file_course(terms, request),
                progress: request.progress.clone(),
            };
            let seat = self.inner.pool.seat(terms.awaited).await?;
            let read = match self.inner.pool.submit(message, seat)?.read().await {
                Ok(read) => read,
                Err(Unread::Failed(error)) => return Err(error),
                Err(Unread::TooFresh) => {
                    tokio::time::sleep(FRESH_PAUSE).await;
                    continue;
                }
            };
            let digests = in_order(&request.algorithms, &read)?;
            let Some(file) = read.file else { break };
            let facts = FileFacts {
                digests,
                size_bytes: read.message_bytes,
                etag: file.etag(),
                modified: file.identity().modified(),
            };
            return Ok(Hashed { facts, hold: Hold::File(Arc::new(file)) });
        }
        Err(JobError::temporary(FailureCode::Changed, "the object is being written all the time"))
    }

    /// How a file is gone on with. Who waits for a digest begins anew: there is no lease to keep a checkpoint.
    fn file_course(&self, terms: Terms, request: &HashRequest) -> Course {
        if terms.awaited {
            return Course::Whole;
        }
        Course::File {
            object: request.object.clone(),
            checkpoint: request.checkpoint.clone(),
            every_bytes: self.inner.checkpoint_bytes,
        }
    }

    /// How an object of a store is gone on with, and how many of its bytes need not be read.
    fn object_course(
        &self,
        terms: Terms,
        request: &HashRequest,
        version: &Version,
        algorithms: &[Algorithm],
    ) -> (Course, u64) {
        let every_bytes = self.inner.checkpoint_bytes;
        let early = request.progress.is_early();
        let first_bytes = first_bytes(every_bytes, early);
        let words = version.words().filter(|_| !terms.awaited && version.size_bytes > first_bytes);
        let Some(words) = words else { return (Course::Whole, 0) };
        let checkpoints = Checkpoints::new(request.object.clone(), words, every_bytes);
        let checkpoints = if early { checkpoints.early() } else { checkpoints };
        let state = request.checkpoint.as_ref().and_then(|checkpoint| checkpoints.open(checkpoint, algorithms));
        let state = state.filter(|state| state.message_bytes() <= version.size_bytes);
        let begin = state.as_ref().map_or(0, State::message_bytes);
        if begin > 0 {
            tracing::info!(key = request.object.key, begin, "hashing goes on in the middle of the object");
        }
        (Course::Object { checkpoints, state }, begin)
    }

    async fn hash_object(&self, objects: &Objects, terms: Terms, request: &HashRequest) -> Result<Hashed, JobError> {
        let key = &request.object.key;
        // Before anything is asked of the storage: see the head of pool.rs.
        let seat = self.inner.pool.seat(terms.awaited).await?;
        let version = objects.stat(key).await?;
        check_size(version.size_bytes, terms.object_bytes_max)?;

        let mut algorithms = without_repeats(&request.algorithms);
        // Nothing but the content identifies such an object, so its ETag is that of an upload: the MD5.
        let etag_of_content = version.etag.is_none() && !version.tells_modified;
        if etag_of_content && !algorithms.contains(&Algorithm::Md5) {
            algorithms.push(Algorithm::Md5);
        }

        let (course, begin) = self.object_course(terms, request, &version, &algorithms);
        request.progress.begin(begin, version.size_bytes);
        let (feeder, input) = Feeder::new(self.inner.pool.thread(&seat));
        let message = Message { algorithms, input, bytes_max: None, course, progress: request.progress.clone() };
        let ticket = self.inner.pool.submit(message, seat)?;
        let mut reader = objects.read(key, &version, begin, self.inner.pool.piece_bytes()).await?;
        while let Some(buffer) = reader.next().await? {
            if !feeder.feed(buffer).await {
                break;
            }
        }
        feeder.end().await;
        let read = match ticket.read().await {
            Ok(read) => read,
            Err(Unread::Failed(error)) => return Err(error),
            Err(Unread::TooFresh) => return Err(objects::changed()),
        };
        if read.message_bytes != version.size_bytes || objects.stat(key).await? != version {
            return Err(objects::changed());
        }
        let etag = match &version.etag {
            Some(etag) => etag::quoted(etag),
            None if etag_of_content => etag::of_content(&digest_of(&read, Algorithm::Md5)?),
            None => etag::of_version(key, version.size_bytes, version.modified),
        };
        let digests = in_order(&request.algorithms, &read)?;
        let facts = FileFacts { digests, size_bytes: read.message_bytes, etag, modified: version.modified };
        Ok(Hashed { facts, hold: Hold::Object { generation: version.generation } })
    }
}

/// The marker of a folder: an object without content, so that there is nothing to read.
async fn hash_marker(folder: &Arc<Folder>, request: &HashRequest) -> Result<Hashed, JobError> {
    let (folder, key) = (folder.clone(), request.object.key.clone());
    let opened = spawn_blocking(move || folder.open_marker_of(&key)).await;
    let failed = |_| Err(JobError::permanent(FailureCode::Internal, "opening the object failed"));
    let marker = opened.unwrap_or_else(failed)?;
    let digests = request.algorithms.iter().map(|algorithm| Hasher::digest(*algorithm, b"")).collect();
    let facts = FileFacts { digests, size_bytes: 0, etag: marker.head.etag.clone(), modified: marker.head.modified };
    Ok(Hashed { facts, hold: Hold::Marker(Arc::new(marker)) })
}

/// The algorithms, each once: a lane hashes a message once.
fn without_repeats(asked: &[Algorithm]) -> Vec<Algorithm> {
    let mut once = Vec::with_capacity(Algorithm::ALL.len());
    for algorithm in asked {
        if !once.contains(algorithm) {
            once.push(*algorithm);
        }
    }
    once
}

/// The digests in the order asked, as often as asked.
fn in_order(asked: &[Algorithm], read: &Read) -> Result<Vec<Digest>, JobError> {
    asked.iter().map(|algorithm| digest_of(read, *algorithm)).collect()
}

fn digest_of(read: &Read, algorithm: Algorithm) -> Result<Digest, JobError> {
    let missing = || JobError::permanent(FailureCode::Internal, "a digest is missing");
    read.digests.iter().find(|digest| digest.algorithm() == algorithm).copied().ok_or_else(missing)
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
