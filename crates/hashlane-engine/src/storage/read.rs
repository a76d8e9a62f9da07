//! Reading an object: its head first, then a range of the very same version, piece by piece.
//!
//! It promises that head and bytes belong to one version, or that reading ends with an error; and that no more than one
//! piece is in memory for a reader, beside what its storage holds anyway.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::spawn_blocking;

use super::{ObjectHead, StorageError};
use crate::local::LocalObject;
use crate::objects::{Objects, RangeReader, Version};

/// How much is read of a file at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// One version of an object, to be read.
pub struct OpenObject {
    pub(super) head: ObjectHead,
    pub(super) source: Source,
}

/// Where the bytes are.
pub(super) enum Source {
    /// An open file, or the marker of a folder.
    File(Arc<LocalObject>),
    /// An object of another scheme.
    Object { objects: Arc<Objects>, path: String, version: Version },
}

impl OpenObject {
    /// What is told of it.
    pub fn head(&self) -> &ObjectHead {
        &self.head
    }

    /// Reads a range, which lies within the object.
    ///
    /// # Errors
    ///
    /// [`StorageFault::Changed`](super::StorageFault::Changed) when it is another object by now.
    pub async fn read(self, range: Range<u64>) -> Result<ObjectStream, StorageError> {
        let from = match self.source {
            _ if range.is_empty() => From::Nothing,
            Source::File(file) => From::File { file, next: range.start, end: range.end },
            Source::Object { objects, path, version } => {
                From::Object(Box::new(objects.read_range(&path, &version, range).await?))
            }
        };
        Ok(ObjectStream { from })
    }
}

/// The bytes of a range, on their way.
pub struct ObjectStream {
    from: From,
}

enum From {
    Nothing,
    File { file: Arc<LocalObject>, next: u64, end: u64 },
    Object(Box<RangeReader>),
}

impl ObjectStream {
    /// The next bytes; `None` when every byte of the range was given, and only then.
    ///
    /// # Errors
    ///
    /// When reading fails, or the object was changed meanwhile. What was given before is not to be used then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        match &mut self.from {
            From::Nothing => Ok(None),
            From::Object(reader) => reader.next().await,
            From::File { next, end, .. } if next == end => Ok(None),
            From::File { file, next, end } => {
                let (file, at) = (file.clone(), *next);
                let piece_bytes = PIECE_BYTES.min(*end - at);
                let is_last = at + piece_bytes == *end;
                let read = spawn_blocking(move || {
                    let mut piece = BytesMut::zeroed(piece_bytes as usize);
                    file.read_exact_at(&mut piece, at)?;
                    // Before the last piece is given, so that a mixture never looks complete.
                    if is_last {
                        file.verify()?;
                    }
                    Ok(piece.freeze())
                });
                let piece = read.await.unwrap_or_else(|_| Err(StorageError::panicked()))?;
                *next += piece_bytes;
                Ok(Some(piece))
            }
        }
    }
}
