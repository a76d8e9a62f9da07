//! The storage calls on objects of OpenDAL.
//!
//! It promises that an object and what is kept beside it change together. The one service so far (`memory`) keeps nothing
//! beside the content, so that ours is the only record; a service that keeps ETags and metadata itself, and times of its own,
//! is told apart by what it tells.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use hashlane_job::{Clock, JobError, SystemClock, Timestamp};
use hashlane_lanes::Digest;
use opendal::options::{ListOptions, ReaderOptions};
use opendal::{Buffer, BufferStream, ErrorKind, Writer};

use super::beside::Kept;
use super::{Objects, Version, changed, failure};
use crate::etag;
use crate::storage::{ListPage, ObjectHead, Pager, StorageError, StorageFault, Target, Terms, Turn, UPLOADS};

/// How much of a remote object is asked for at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// An object on its way into a store.
pub(crate) struct ObjectWriter(Writer);

impl ObjectWriter {
    /// Appends bytes.
    pub(crate) async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), StorageError> {
        self.0.write(Buffer::from_iter(batch)).await.map_err(|error| write_failure(&error))
    }
}

/// A range that is being read.
pub(crate) struct RangeReader {
    stream: BufferStream,
    /// Read and not yet given.
    buffer: Buffer,
    left: u64,
}

impl RangeReader {
    /// The next bytes; `None` when every byte was given, and only then.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        loop {
            if let Some(piece) = self.buffer.next() {
                self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(StorageError::changed)?;
                return Ok(Some(piece));
            }
            if self.left == 0 {
                return Ok(None);
            }
            let next = self.stream.try_next().await.map_err(|error| failure(&error))?;
            self.buffer = next.ok_or_else(StorageError::changed)?;
        }
    }
}

impl Objects {
    /// What is told of an object, and which version it is.
    pub(crate) async fn head(&self, path: &str) -> Result<(ObjectHead, Version), StorageError> {
        let _gate = self.beside.gate.read().await;
        self.head_path(path).await
    }

    /// As [`Objects::head`], while the caller holds the gate.
    async fn head_path(&self, path: &str) -> Result<(ObjectHead, Version), StorageError> {
        let version = self.stat_path(path).await?;
        let kept = self.beside.get(path);
        let etag = match &version.etag {
            Some(etag) => etag::quoted(etag),
            None => etag::of_version(path, version.size_bytes, version.modified),
        };
        let (crc64, attributes) = kept.map(|kept| (Some(kept.crc64), kept.attributes)).unwrap_or_default();
        let head = ObjectHead { size_bytes: version.size_bytes, etag, modified: version.modified, crc64, attributes };
        Ok((head, version))
    }

    /// Begins to read a range of that very version.
    pub(crate) async fn read_range(
        &self,
        path: &str,
        version: &Version,
        range: Range<u64>,
    ) -> Result<RangeReader, StorageError> {
        let _gate = self.beside.gate.read().await;
        if self.beside.get(path).map(|kept| kept.generation) != version.generation {
            return Err(StorageError::changed());
        }
        let bound = self.operator.info().capability().read_with_if_match;
        let if_match = version.etag.clone().filter(|_| bound);
        let options =
            ReaderOptions { chunk: if_match.is_some().then_some(PIECE_BYTES), if_match, ..Default::default() };
        let reader = self.operator.reader_options(path, options).await.map_err(|error| failure(&error))?;
        let left = range.end - range.start;
        let mut stream = reader.into_stream(range).await.map_err(|error| failure(&error))?;
        // While the gate is closed to writers: from here on the stream holds on to what it gives.
        let buffer = stream.try_next().await.map_err(|error| failure(&error))?.ok_or_else(StorageError::changed)?;
        Ok(RangeReader { stream, buffer, left })
    }

    /// Begins to store an object.
    pub(crate) async fn writer(&self, path: &str) -> Result<ObjectWriter, StorageError> {
        self.operator.writer(path).await.map(ObjectWriter).map_err(|error| write_failure(&error))
    }

    /// Stores what was written, and says when that was.
    pub(crate) async fn store(
        &self,
        mut writer: ObjectWriter,
        target: Target,
        etag: &str,
        crc64: u64,
        terms: &Terms,
    ) -> Result<Timestamp, StorageError> {
        let _gate = self.beside.gate.write().await;
        self.check_terms(&target.path, terms).await?;
        writer.0.close().await.map_err(|error| write_failure(&error))?;
        let modified = SystemClock.now();
        let (generation, etag) = (self.beside.generation(), etag.to_owned());
        self.beside.put(target.path, Kept { generation, modified, etag, crc64, attributes: target.attributes });
        Ok(modified)
    }

    /// Deletes an object; one that does not exist is deleted already.
    pub(crate) async fn delete(&self, path: &str, terms: &Terms) -> Result<(), StorageError> {
        let _gate = self.beside.gate.write().await;
        self.check_terms(path, terms).await?;
        match self.operator.delete(path).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(write_failure(&error)),
        }
        self.beside.remove(path);
        Ok(())
    }

    /// Whether an object could be stored now.
    pub(crate) async fn may_store(&self, path: &str, terms: &Terms) -> Result<(), StorageError> {
        let _gate = self.beside.gate.read().await;
        self.check_terms(path, terms).await
    }

    /// Asks whether the object of a path, if there is one, may be replaced or deleted, while the caller holds the gate.
    async fn check_terms(&self, path: &str, terms: &Terms) -> Result<(), StorageError> {
        if terms.precondition.is_none() && !terms.keep_existing {
            return Ok(());
        }
        let current = match self.head_path(path).await {
            Ok((head, _)) => Some(head),
            Err(error) if error.fault == StorageFault::NotFound => None,
            Err(error) => return Err(error),
        };
        if terms.keep_existing && current.is_some() {
            let message = "the object exists already, and was not to be replaced";
            return Err(StorageError::new(StorageFault::Exists, message));
        }
        terms.precondition.as_ref().map_or(Ok(()), |precondition| precondition.check(current.as_ref()))
    }

    /// Fills a page. Services list in the order of keys.
    pub(crate) async fn list(&self, mut pager: Pager, hidden: bool) -> Result<ListPage, StorageError> {
        let prefix = pager.request().prefix.clone();
        let options = ListOptions { recursive: true, ..Default::default() };
        let mut lister = self.operator.lister_options(&prefix, options).await.map_err(|error| failure(&error))?;
        while let Some(entry) = lister.try_next().await.map_err(|error| failure(&error))? {
            let path = entry.path();
            if path.ends_with('/') || (!hidden && path.starts_with(UPLOADS)) {
                continue;
            }
            match pager.offer(path) {
                Turn::Full => break,
                Turn::Skip => {}
                // One that vanished in between is not listed.
                Turn::Take => {
                    if let Ok((head, _)) = self.head(path).await {
                        pager.take(path, head);
                    }
                }
            }
        }
        Ok(pager.finish())
    }

    /// Stores a digest as metadata of the very upload that was hashed.
    pub(crate) async fn add_metadata(&self, path: &str, generation: u64, digest: &Digest) -> Result<(), JobError> {
        let name = digest.algorithm().to_string();
        match self.beside.set_metadata(path, generation, name, digest.to_string()) {
            true => Ok(()),
            false => Err(changed()),
        }
    }
}

fn write_failure(error: &opendal::Error) -> StorageError {
    tracing::warn!(%error, "a storage failed");
    let (fault, message) = match error.kind() {
        ErrorKind::PermissionDenied => (StorageFault::Denied, "the server may not write to the bucket's storage"),
        ErrorKind::Unsupported | ErrorKind::ConfigInvalid => {
            (StorageFault::Unsupported, "the storage of the bucket cannot do this")
        }
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            (StorageFault::Conflict, "the key is in the way of other objects")
        }
        _ => (StorageFault::Unavailable, "the storage of the bucket failed"),
    };
    StorageError::new(fault, message)
}
