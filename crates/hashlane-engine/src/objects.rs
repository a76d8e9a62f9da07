//! Objects through OpenDAL: look, read, store; errors in the words of a job.
//!
//! It promises that a read gives every byte of one version of the object or an error: the length must be the one that the
//! store told before, reads are bound to the version where the store can do that, and the version is looked at again at
//! the end. It leaves out what layers do around the operator: retries and time limits.

mod beside;
mod calls;

use std::time::SystemTime;

use futures_util::TryStreamExt;
use hashlane_job::{FailureCode, JobError, Timestamp};
use opendal::options::ReaderOptions;
use opendal::raw::normalize_path;
use opendal::{Buffer, BufferStream, ErrorKind, Operator, Reader};
use tokio::sync::RwLock;

use crate::error::EngineError;
use crate::storage::{Claims, UPLOADS};
use beside::Beside;

pub(crate) use calls::{ObjectWriter, RangeReader};

/// A bucket behind OpenDAL.
#[derive(Debug)]
pub(crate) struct Objects {
    operator: Operator,
    /// What the service (`memory`) does not keep itself.
    beside: Beside,
    /// Multipart uploads that somebody works on: their parts are stored side by side, and ended alone.
    claims: Claims<RwLock<()>>,
}

/// What a store tells of one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// The length.
    pub(crate) size_bytes: u64,
    /// The ETag as the store gives it.
    pub(crate) etag: Option<String>,
    /// The version's name in a store with versions.
    pub(crate) version: Option<String>,
    /// When it was modified.
    pub(crate) modified: Timestamp,
    /// Whether the store told the modified time, so that it says something of the version.
    pub(crate) tells_modified: bool,
    /// The number of the upload, where we keep what the store does not.
    pub(crate) generation: Option<u64>,
}

impl Version {
    /// Whether another content would have another version, as far as the store can tell: it has an ETag, and not a weak one.
    pub(crate) fn is_strong(&self) -> bool {
        self.etag.as_ref().is_some_and(|etag| !etag.starts_with("W/"))
    }

    /// The version in words, for checkpoints and results that are to be known again; `None` where the store tells too little for that.
    pub(crate) fn words(&self) -> Option<String> {
        let etag = self.etag.as_ref().filter(|_| self.is_strong())?;
        // Where neither the store nor an upload through us tells a time, it is that of our own start. The upload's is what
        // tells uploads of two processes apart, since both count from 1.
        let told = self.tells_modified || self.generation.is_some();
        let modified = told.then(|| self.modified.unix_millis());
        Some(format!("object {etag} {:?} {} {modified:?} {:?}", self.version, self.size_bytes, self.generation))
    }
}

impl Objects {
    /// The objects of an operator.
    pub(crate) fn new(operator: Operator) -> Objects {
        Objects { operator, beside: Beside::default(), claims: Claims::default() }
    }

    /// Multipart uploads that somebody works on.
    pub(crate) fn claims(&self) -> &Claims<RwLock<()>> {
        &self.claims
    }

    /// Looks at an object.
    pub(crate) async fn stat(&self, key: &str) -> Result<Version, JobError> {
        let key = path(key)?;
        // With the gate, so that object and entry fit.
        let _gate = self.beside.gate.read().await;
        self.stat_path(key).await
    }

    /// Looks at what is under a path that was checked, while the caller holds the gate.
    async fn stat_path(&self, key: &str) -> Result<Version, JobError> {
        let metadata = self.operator.stat(key).await.map_err(|error| failure(&error))?;
        if !metadata.is_file() {
            return Err(JobError::permanent(FailureCode::Denied, "the object is not a regular object"));
        }
        let told = metadata.last_modified().map(|time| Timestamp::from(SystemTime::from(time)));
        let etag = metadata.etag().filter(|etag| !etag.is_empty()).map(str::to_owned);
        let kept = self.beside.get(key);
        Ok(Version {
            size_bytes: metadata.content_length(),
            etag: etag.or_else(|| kept.as_ref().map(|kept| kept.etag.clone())),
            version: metadata.version().map(str::to_owned),
            modified: told.or_else(|| kept.as_ref().map(|kept| kept.modified)).unwrap_or(self.beside.opened()),
            tells_modified: told.is_some(),
            generation: kept.map(|kept| kept.generation),
        })
    }

    /// Begins to read a version of an object, behind its first `begin` bytes.
    ///
    /// Where the store can bind reads to an ETag, the object is read in ranges of at most `piece_bytes`, so that no more of
    /// it is in memory. Where it cannot, ranges could come from two versions, so one stream gives the whole; the one such
    /// service (`memory`) gives slices of what it holds anyway.
    pub(crate) async fn read(
        &self,
        key: &str,
        version: &Version,
        begin: u64,
        piece_bytes: usize,
    ) -> Result<ObjectReader, JobError> {
        let key = path(key)?;
        let bound = self.operator.info().capability().read_with_if_match;
        let if_match = version.etag.clone().filter(|_| bound);
        let options =
            ReaderOptions { chunk: if_match.is_some().then_some(piece_bytes), if_match, ..Default::default() };
        let reader = self.operator.reader_options(key, options).await.map_err(|error| failure(&error))?;
        // A range that is empty is nothing to ask a store for.
        let left = version.size_bytes.saturating_sub(begin);
        let stream = match left {
            0 => None,
            _ => Some(reader.clone().into_stream(begin..version.size_bytes).await.map_err(|error| failure(&error))?),
        };
        Ok(ObjectReader { reader, stream, size_bytes: version.size_bytes, left })
    }

    /// Whether the store answers.
    pub(crate) async fn probe(&self) -> Result<(), EngineError> {
        self.operator.check().await.map_err(|error| EngineError::new(format!("its storage does not answer: {error}")))
    }
}

/// An object that is being read.
pub(crate) struct ObjectReader {
    reader: Reader,
    stream: Option<BufferStream>,
    size_bytes: u64,
    left: u64,
}

impl ObjectReader {
    /// The next bytes; `None` when every byte was given, and only then.
    pub(crate) async fn next(&mut self) -> Result<Option<Buffer>, JobError> {
        let next = match &mut self.stream {
            Some(stream) => stream.try_next().await.map_err(|error| failure(&error))?,
            None => None,
        };
        let Some(buffer) = next else { return self.end().map(|()| None) };
        match self.left.checked_sub(buffer.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(wrong_length("sent more bytes than it told")),
        }
        Ok(Some(buffer))
    }

    /// Checks what the answers said of the object as a whole.
    fn end(&self) -> Result<(), JobError> {
        if self.left > 0 {
            return Err(wrong_length("sent fewer bytes than it told"));
        }
        match self.reader.metadata() {
            Some(metadata) if metadata.content_length() != self.size_bytes => Err(changed()),
            _ => Ok(()),
        }
    }
}

/// The path of a key for the storage calls.
pub(crate) fn object_path(key: &str) -> Result<&str, JobError> {
    path(key)
}

/// The path that a key is for OpenDAL, which tidies paths: a key that it would tidy would name the object of another.
fn path(key: &str) -> Result<&str, JobError> {
    if key.starts_with(UPLOADS) {
        return Err(JobError::permanent(
            FailureCode::Denied,
            "the key begins with '.hashlane-uploads', which is reserved",
        ));
    }
    if normalize_path(key) == key && !key.ends_with('/') && !key.contains('\0') {
        Ok(key)
    } else {
        let why = "the key begins or ends with a space or slash, or has an empty segment or a NUL byte, which this \
                   bucket's storage cannot tell from another key";
        Err(JobError::permanent(FailureCode::Denied, why))
    }
}

/// The object is not what it was when its reading began.
pub(crate) fn changed() -> JobError {
    JobError::temporary(FailureCode::Changed, "the object changed while it was read")
}

fn wrong_length(what: &str) -> JobError {
    JobError::temporary(FailureCode::Unreadable, format!("reading the object failed: the storage {what}"))
}

/// An error of a store, as a client is told of it: OpenDAL's own words name paths and addresses and go to the log.
fn failure(error: &opendal::Error) -> JobError {
    use FailureCode::{Denied, Internal, NotFound, Unreadable};
    let failure = match error.kind() {
        ErrorKind::NotFound => JobError::permanent(NotFound, "the object does not exist"),
        ErrorKind::PermissionDenied => JobError::permanent(Denied, "the server may not read the object"),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            JobError::permanent(Denied, "the object is not a regular object")
        }
        ErrorKind::ConditionNotMatch | ErrorKind::RangeNotSatisfied => changed(),
        ErrorKind::RateLimited => JobError::temporary(Unreadable, "the storage is asked too often"),
        ErrorKind::Unsupported | ErrorKind::ConfigInvalid => {
            JobError::permanent(Internal, "the storage cannot do what reading the object needs")
        }
        _ => JobError::temporary(Unreadable, "reading the object failed"),
    };
    if failure.code != NotFound {
        tracing::warn!(%error, "a storage failed");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_the_storage_would_tidy_are_refused() {
        for key in ["a", "a/b", "a b", "..", "a/../b", "./a", "中/文", "a%2Fb"] {
            assert_eq!(path(key), Ok(key));
        }
        for key in ["", "/", "/a", "a//b", "a/", " a", "a ", "a\n", "\u{3000}a", "a\0b"] {
            assert_eq!(path(key).expect_err(key).code, FailureCode::Denied, "{key:?}");
        }
    }

    #[test]
    fn messages_for_clients_have_no_paths() {
        let error = opendal::Error::new(ErrorKind::Unexpected, "it broke").with_context("path", "/srv/secret");
        let failure = failure(&error);
        assert_eq!(failure, JobError::temporary(FailureCode::Unreadable, "reading the object failed"));
    }
}
