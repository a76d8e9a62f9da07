//! Looking at an object without reading it, to know whether it is a version that was hashed before.
//!
//! # Why an earlier result may stand for a reading
//!
//! A digest must be of a version that the object had when the job was submitted, or later. The look comes after the submit.
//! The version that it finds is compared with the one that was looked at before and after the earlier reading, by words that
//! later content cannot have: see [`Version::words`](crate::objects::Version::words) and
//! [`OpenFile::version`](crate::local::OpenFile::version). A file that was changed within the last tick of the file system's clock
//! could be changed again without another stamp, so it is neither read ([`Opened::TooFresh`]) nor known again before the tick
//! is over.
//!
//! What is left out on purpose: to find out what is wrong with an object. Who cannot know it again reads it, and is told then.

use hashlane_job::ObjectRef;
use tokio::task::spawn_blocking;

use super::Engine;
use crate::hashed::{Hold, Identified};
use crate::local::{OpenFile, Opened};
use crate::pool::check_size;
use crate::schemes::Storage;

impl Engine {
    /// The version that an object has now. `None` when it must be read: its storage cannot tell versions apart for certain, it
    /// was changed this very moment, a job may not hash it, or it cannot be looked at.
    pub async fn identify(&self, object: &ObjectRef) -> Option<Identified> {
        let (hold, size_bytes) = match self.inner.buckets.storage(&object.bucket)? {
            // The marker of a folder has no content to read.
            Storage::Folder(_) if object.key.ends_with('/') => return None,
            Storage::Folder(folder) => {
                let (folder, key) = (folder.clone(), object.key.clone());
                let opened = spawn_blocking(move || OpenFile::open(&folder, &key)).await.ok()?.ok()?;
                let Opened::File(file) = opened else { return None };
                let size_bytes = file.identity().size_bytes;
                (Hold::File(file.into()), size_bytes)
            }
            Storage::Objects(objects) => {
                let version = objects.stat(&object.key).await.ok()?;
                let size_bytes = version.size_bytes;
                (Hold::Object(version.into()), size_bytes)
            }
        };
        check_size(size_bytes, self.inner.object_bytes_max).ok()?;
        let version = hold.version()?;
        Some(Identified { version, hold })
    }
}
