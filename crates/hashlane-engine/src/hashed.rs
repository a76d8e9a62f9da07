//! What is asked of an object and what comes back.

use std::sync::Arc;

use hashlane_job::{Checkpoint, FileFacts, ObjectRef};
use hashlane_lanes::Algorithm;

use crate::ReadProgress;
use crate::local::{LocalObject, OpenFile};

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

/// What identifies the version that was hashed.
#[derive(Debug)]
pub(crate) enum Hold {
    /// The file itself.
    File(Arc<OpenFile>),
    /// The marker of a folder, which has no content.
    Marker(Arc<LocalObject>),
    /// An object of another scheme, by its number where we keep its metadata; without it nothing can be changed.
    Object { generation: Option<u64> },
}
