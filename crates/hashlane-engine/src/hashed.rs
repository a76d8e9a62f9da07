//! What is asked of an object and what comes back.

use std::sync::Arc;

use hashlane_job::{Checkpoint, FailureCode, FileFacts, JobError, ObjectRef, ObjectVersion, Timestamp};
use hashlane_lanes::{Algorithm, Digest};

use crate::ReadProgress;
use crate::local::{LocalObject, OpenFile};
use crate::objects::Version;

/// What was asked of one object.
#[derive(Debug, Clone)]
pub struct HashRequest {
    /// Which object.
    pub object: ObjectRef,
    /// At least one; one read feeds all of them.
    pub algorithms: Vec<Algorithm>,
    /// Where an earlier attempt was. It is followed when it is of the object as it is now, and thrown away otherwise.
    pub checkpoint: Option<Checkpoint>,
    /// Where progress is told, and checkpoints are offered.
    pub progress: Arc<ReadProgress>,
}

/// An object that was hashed: its facts, and its identity for a guarded write of metadata.
///
/// While it is held a local file stays open, so that its inode cannot be given to another file.
#[derive(Debug)]
pub struct Hashed {
    /// What was learnt.
    pub facts: FileFacts,
    pub(crate) hold: Hold,
}

impl Hashed {
    /// The version that was hashed; `None` when the storage could give another content the same words.
    pub fn version(&self) -> Option<ObjectVersion> {
        self.hold.version()
    }
}

/// An object as it is now, without a look at its content, see [`Engine::identify`](crate::Engine::identify). While it is held a
/// local file stays open.
#[derive(Debug)]
pub struct Identified {
    /// Which version it is.
    pub version: ObjectVersion,
    pub(crate) hold: Hold,
}

impl Identified {
    /// What hashing this version would give, from what an earlier reading of it gave.
    pub fn hashed(self, facts: FileFacts) -> Hashed {
        Hashed { facts, hold: self.hold }
    }
}

/// What came of reading an object, for everybody who waited for it.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Of every algorithm that anybody asked for.
    pub(crate) digests: Vec<Digest>,
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    pub(crate) hold: Hold,
}

impl Whole {
    /// What somebody asked for: his digests in the order asked, as often as asked.
    pub(crate) fn hashed(&self, asked: &[Algorithm]) -> Result<Hashed, JobError> {
        let digests = asked.iter().map(|algorithm| self.digest(*algorithm)).collect::<Result<_, _>>()?;
        let Whole { size_bytes, modified, .. } = *self;
        let facts = FileFacts { digests, size_bytes, etag: self.etag.clone(), modified };
        Ok(Hashed { facts, hold: self.hold.clone() })
    }

    fn digest(&self, algorithm: Algorithm) -> Result<Digest, JobError> {
        let missing = || JobError::permanent(FailureCode::Internal, "a digest is missing");
        self.digests.iter().find(|digest| digest.algorithm() == algorithm).copied().ok_or_else(missing)
    }
}

/// What identifies the version that was hashed.
#[derive(Debug, Clone)]
pub(crate) enum Hold {
    /// The file itself.
    File(Arc<OpenFile>),
    /// The marker of a folder, which has no content.
    Marker(Arc<LocalObject>),
    /// An object of another scheme.
    Object(Arc<Version>),
}

impl Hold {
    /// The version in words, when later content would have other words.
    pub(crate) fn version(&self) -> Option<ObjectVersion> {
        let words = match self {
            Hold::File(file) => Some(file.version()),
            // There is nothing to read, so nothing is spared by knowing it again.
            Hold::Marker(_) => None,
            Hold::Object(version) => version.words(),
        };
        words.map(ObjectVersion::from_words)
    }
}
