//! An upload: bytes come in, an object appears at the end, or nothing does.
//!
//! It promises bounded memory whatever the length, MD5 and CRC-64 of just these bytes, and that dropping an upload before
//! [`Upload::finish`] leaves nothing behind. Hashing and writing to disk happen on blocking threads, a batch at a time.

use std::sync::Arc;

use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use hashlane_job::Timestamp;
use hashlane_lanes::{Algorithm, Digest, Hasher};
use tokio::sync::OwnedRwLockReadGuard;
use tokio::task::spawn_blocking;

use super::{Attributes, Precondition, StorageError, StorageFault, Terms};
use crate::etag;
use crate::local::{PartFile, Temporary, blocking};
use crate::objects::{ObjectWriter, Objects};

/// So much is gathered before a blocking thread is asked: a hop costs some ten microseconds.
const BATCH_BYTES: usize = 256 * 1024;

/// What the object is to be called and to have.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its path in the storage; checked.
    pub(crate) path: String,
    /// What is given with it.
    pub(crate) attributes: Attributes,
    /// Fail rather than lose attributes, where the storage cannot keep them.
    pub(crate) needs_attributes: bool,
}

/// An object on its way into a bucket.
pub struct Upload {
    target: Target,
    /// `None` only while a blocking thread has it, or after that thread panicked.
    work: Option<Work>,
    writer: Option<(Arc<Objects>, ObjectWriter)>,
    pending: Vec<Bytes>,
    pending_bytes: usize,
}

/// How an upload ends.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// What Content-MD5 says the body is.
    pub content_md5: Option<[u8; 16]>,
    /// Refuse to replace an object that exists.
    pub keep_existing: bool,
    /// What must hold of the object that is replaced, if there is one; asked in the moment of it.
    pub precondition: Option<Precondition>,
    /// An ETag other than the MD5 of the body, with its quotes: that of a multipart upload.
    pub etag: Option<String>,
}

impl Ending {
    pub(crate) fn terms(&self) -> Terms {
        Terms { keep_existing: self.keep_existing, precondition: self.precondition.clone() }
    }
}

/// An object that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The length.
    pub size_bytes: u64,
    /// With its double quotes.
    pub etag: String,
    /// CRC-64/XZ of the content.
    pub crc64: u64,
    /// When it was stored.
    pub modified: Timestamp,
}

/// What a blocking thread works on.
struct Work {
    md5: Hasher,
    crc64: crc_fast::Digest,
    sink: Sink,
}

/// Where a blocking thread writes the bytes to.
enum Sink {
    /// Nowhere; they go to another scheme.
    Elsewhere,
    File(Temporary),
    Part(PartFile),
}

impl Work {
    fn new(sink: Sink) -> Work {
        Work { md5: Hasher::new(Algorithm::Md5), crc64: crc_fast::Digest::new(CrcAlgorithm::Crc64Xz), sink }
    }

    /// Parts are written beside other parts, but never while their upload ends.
    async fn beside_parts_only(&self) -> Option<OwnedRwLockReadGuard<()>> {
        match &self.sink {
            Sink::Part(part) => Some(part.gate().clone().read_owned().await),
            _ => None,
        }
    }

    fn take(&mut self, batch: &[Bytes]) -> Result<(), StorageError> {
        for bytes in batch {
            self.md5.update(bytes);
            self.crc64.update(bytes);
            match &mut self.sink {
                Sink::Elsewhere => {}
                Sink::File(temporary) => temporary.write(bytes)?,
                Sink::Part(part) => part.write(bytes)?,
            }
        }
        Ok(())
    }
}

impl Upload {
    /// An upload to a local folder.
    pub(crate) fn to_folder(target: Target, temporary: Temporary) -> Upload {
        Upload::to(target, Sink::File(temporary), None)
    }

    /// A part of a multipart upload to a local folder.
    pub(crate) fn to_part(part: PartFile) -> Upload {
        let target = Target { path: String::new(), attributes: Attributes::default(), needs_attributes: false };
        Upload::to(target, Sink::Part(part), None)
    }

    /// An upload to another scheme.
    pub(crate) fn to_objects(target: Target, objects: Arc<Objects>, writer: ObjectWriter) -> Upload {
        Upload::to(target, Sink::Elsewhere, Some((objects, writer)))
    }

    fn to(target: Target, sink: Sink, writer: Option<(Arc<Objects>, ObjectWriter)>) -> Upload {
        Upload { target, work: Some(Work::new(sink)), writer, pending: vec![], pending_bytes: 0 }
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// When the storage does not take them; the upload is over then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        self.pending_bytes += bytes.len();
        self.pending.push(bytes);
        if self.pending_bytes >= BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Stores the object under its key, durably, and tells of it.
    ///
    /// # Errors
    ///
    /// When the body is not the expected one, or the storage does not take it. Nothing is left behind then.
    pub async fn finish(mut self, ending: Ending) -> Result<Stored, StorageError> {
        self.flush().await?;
        let work = self.work.take().ok_or_else(StorageError::panicked)?;
        let guard = work.beside_parts_only().await;
        let Work { md5, crc64, sink } = work;
        let (size_bytes, crc64) = (md5.message_bytes(), crc64.finalize());
        let md5: Digest = md5.finish();
        if ending.content_md5.is_some_and(|expected| expected != *md5.as_bytes()) {
            let message = "the body that arrived is not the one that Content-MD5 tells of; send it again";
            return Err(StorageError::new(StorageFault::DigestMismatch, message));
        }
        let terms = ending.terms();
        let etag = ending.etag.unwrap_or_else(|| etag::of_content(&md5));
        let target = self.target;
        let modified = match (sink, self.writer) {
            (Sink::File(temporary), _) => {
                let etag = etag.clone();
                blocking(move || temporary.store(&target, &etag, crc64, &terms)).await?
            }
            (Sink::Part(part), _) => {
                let kept = blocking(move || {
                    let _beside_parts_only = guard;
                    part.keep(size_bytes, md5, crc64)
                });
                kept.await?
            }
            (Sink::Elsewhere, Some((objects, writer))) => objects.store(writer, target, &etag, crc64, &terms).await?,
            (Sink::Elsewhere, None) => return Err(StorageError::panicked()),
        };
        Ok(Stored { size_bytes, etag, crc64, modified })
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let mut work = self.work.take().ok_or_else(StorageError::panicked)?;
        let guard = work.beside_parts_only().await;
        let worked = spawn_blocking(move || {
            let _beside_parts_only = guard;
            let taken = work.take(&batch);
            (work, batch, taken)
        });
        let (work, batch, taken) = worked.await.map_err(|_| StorageError::panicked())?;
        taken?;
        if let Some((_, writer)) = &mut self.writer {
            writer.write(batch).await?;
        }
        self.work = Some(work);
        Ok(())
    }
}
