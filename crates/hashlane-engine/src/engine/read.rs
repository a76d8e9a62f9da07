//! Reading one object as a whole, for everybody who joined its reading.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{Checkpoint, FailureCode, JobError};
use hashlane_lanes::{Algorithm, Digest, Hasher, State};
use tokio::task::spawn_blocking;

use super::{Inner, Terms};
use crate::checkpoint::{Checkpoints, first_bytes};
use crate::etag;
use crate::hashed::{Hold, Whole};
use crate::local::Folder;
use crate::objects::{self, Objects, Version};
use crate::pool::{Course, Feeder, Input, Message, Read, Unread, check_size};
use crate::reading::Reading;
use crate::schemes::Storage;

/// How often a file is opened again that was modified this very moment. A kernel's tick is over after 10 ms; a file system
/// that keeps whole seconds needs up to one.
const FRESH_ATTEMPTS: usize = 600;
/// The pause between two of these.
const FRESH_PAUSE: Duration = Duration::from_millis(2);

impl Inner {
    /// The work of a reading.
    pub(super) async fn read(self: Arc<Self>, terms: Terms, reading: Arc<Reading>) -> Result<Whole, JobError> {
        match self.storage(&reading.object().bucket)? {
            Storage::Folder(folder) => self.read_file(folder, terms, &reading).await,
            Storage::Objects(objects) => self.read_object(objects, terms, &reading).await,
        }
    }

    async fn read_file(&self, folder: &Arc<Folder>, terms: Terms, reading: &Arc<Reading>) -> Result<Whole, JobError> {
        if reading.object().key.ends_with('/') {
            return read_marker(folder, reading).await;
        }
        for _ in 0..FRESH_ATTEMPTS {
            let seat = self.pool.seat(terms.awaited).await?;
            let (algorithms, checkpoints) = reading.open();
            let message = Message {
                algorithms,
                input: Input::File { folder: folder.clone(), key: reading.object().key.clone() },
                bytes_max: terms.object_bytes_max,
                course: self.file_course(terms, reading, checkpoints),
                reading: reading.clone(),
            };
            let read = match self.pool.submit(message, seat)?.read().await {
                Ok(read) => read,
                Err(Unread::Failed(error)) => return Err(error),
                Err(Unread::TooFresh) => {
                    tokio::time::sleep(FRESH_PAUSE).await;
                    continue;
                }
            };
            let Some(file) = read.file else { break };
            return Ok(Whole {
                digests: read.digests,
                size_bytes: read.message_bytes,
                etag: file.etag(),
                modified: file.identity().modified(),
                hold: Hold::File(Arc::new(file)),
            });
        }
        Err(JobError::temporary(FailureCode::Changed, "the object is being written all the time"))
    }

    /// How a file is gone on with. Who waits for a digest begins anew: there is no lease to keep a checkpoint.
    fn file_course(&self, terms: Terms, reading: &Reading, checkpoints: Vec<Checkpoint>) -> Course {
        if terms.awaited {
            return Course::Whole;
        }
        Course::File { object: reading.object().clone(), checkpoints, every_bytes: self.checkpoint_bytes }
    }

    /// How an object of a store is gone on with, and how many of its bytes need not be read.
    fn object_course(
        &self,
        terms: Terms,
        reading: &Reading,
        version: &Version,
        algorithms: &[Algorithm],
        earlier: &[Checkpoint],
    ) -> (Course, u64) {
        let every_bytes = self.checkpoint_bytes;
        let early = reading.is_early();
        let first_bytes = first_bytes(every_bytes, early);
        let words = version.words().filter(|_| !terms.awaited && version.size_bytes > first_bytes);
        let Some(words) = words else { return (Course::Whole, 0) };
        let checkpoints = Checkpoints::new(reading.object().clone(), words, every_bytes);
        let checkpoints = if early { checkpoints.early() } else { checkpoints };
        let state = checkpoints.open_best(earlier, algorithms);
        let state = state.filter(|state| state.message_bytes() <= version.size_bytes);
        let begin = state.as_ref().map_or(0, State::message_bytes);
        if begin > 0 {
            tracing::info!(key = reading.object().key, begin, "hashing goes on in the middle of the object");
        }
        (Course::Object { checkpoints, state }, begin)
    }

    async fn read_object(&self, objects: &Objects, terms: Terms, reading: &Arc<Reading>) -> Result<Whole, JobError> {
        let key = &reading.object().key;
        // Before anything is asked of the storage: see the head of pool.rs.
        let seat = self.pool.seat(terms.awaited).await?;
        let (mut algorithms, checkpoints) = reading.open();
        let version = objects.stat(key).await?;
        check_size(version.size_bytes, terms.object_bytes_max)?;
        if !version.is_strong() {
            reading.refuse_late();
        }

        // Nothing but the content identifies such an object, so its ETag is that of an upload: the MD5.
        let etag_of_content = version.etag.is_none() && !version.tells_modified;
        if etag_of_content && !algorithms.contains(&Algorithm::Md5) {
            algorithms.push(Algorithm::Md5);
        }

        let (course, begin) = self.object_course(terms, reading, &version, &algorithms, &checkpoints);
        reading.meter().begin(begin, version.size_bytes);
        let (feeder, input) = Feeder::new(self.pool.thread(&seat));
        let message = Message { algorithms, input, bytes_max: None, course, reading: reading.clone() };
        let ticket = self.pool.submit(message, seat)?;
        let mut reader = objects.read(key, &version, begin, self.pool.piece_bytes()).await?;
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
        reading.close();
        if read.message_bytes != version.size_bytes || objects.stat(key).await? != version {
            return Err(objects::changed());
        }
        let etag = match &version.etag {
            Some(etag) => etag::quoted(etag),
            None if etag_of_content => etag::of_content(&md5_of(&read)?),
            None => etag::of_version(key, version.size_bytes, version.modified),
        };
        Ok(Whole {
            digests: read.digests,
            size_bytes: read.message_bytes,
            etag,
            modified: version.modified,
            hold: Hold::Object(Arc::new(version)),
        })
    }
}

/// The marker of a folder: an object without content, so that there is nothing to read.
async fn read_marker(folder: &Arc<Folder>, reading: &Reading) -> Result<Whole, JobError> {
    let (algorithms, _) = reading.open();
    // Looked at once, so that who comes later was not there yet.
    reading.close();
    let (folder, key) = (folder.clone(), reading.object().key.clone());
    let opened = spawn_blocking(move || folder.open_marker_of(&key)).await;
    let failed = |_| Err(JobError::permanent(FailureCode::Internal, "opening the object failed"));
    let marker = opened.unwrap_or_else(failed)?;
    Ok(Whole {
        digests: algorithms.iter().map(|algorithm| Hasher::digest(*algorithm, b"")).collect(),
        size_bytes: 0,
        etag: marker.head.etag.clone(),
        modified: marker.head.modified,
        hold: Hold::Marker(Arc::new(marker)),
    })
}

fn md5_of(read: &Read) -> Result<Digest, JobError> {
    let missing = || JobError::permanent(FailureCode::Internal, "a digest is missing");
    read.digests.iter().find(|digest| digest.algorithm() == Algorithm::Md5).copied().ok_or_else(missing)
}
