//! What a service does not keep itself: times, ETags, CRCs and attributes of its objects, in the memory of this process.
//!
//! It promises that an entry belongs to just one upload, which its generation tells: the same content under the same key
//! stored again is another. It grows and shrinks with the objects. It is meant for `memory`, whose objects live no longer than
//! it does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlane_job::{Clock, SystemClock, Timestamp};
use tokio::sync::RwLock;

use crate::storage::Attributes;

/// What is kept of one object.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The number of its upload.
    pub(super) generation: u64,
    pub(super) modified: Timestamp,
    /// With its double quotes.
    pub(super) etag: String,
    pub(super) crc64: u64,
    pub(super) attributes: Attributes,
}

/// What is kept of all.
#[derive(Debug)]
pub(super) struct Beside {
    kept: Mutex<HashMap<String, Kept>>,
    /// Held by whoever changes an object together with its entry, and by readers that need the two to fit.
    pub(super) gate: RwLock<()>,
    next: AtomicU64,
    opened: Timestamp,
}

impl Default for Beside {
    fn default() -> Beside {
        Beside { kept: Mutex::default(), gate: RwLock::default(), next: AtomicU64::new(1), opened: SystemClock.now() }
    }
}

impl Beside {
    /// When the bucket was opened: before any of its uploads.
    pub(super) fn opened(&self) -> Timestamp {
        self.opened
    }

    /// A number that no upload had yet.
    pub(super) fn generation(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, path: &str) -> Option<Kept> {
        self.lock().get(path).cloned()
    }

    pub(super) fn put(&self, path: String, kept: Kept) {
        self.lock().insert(path, kept);
    }

    pub(super) fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    /// Sets one item of the metadata of that very upload. Says whether it is still there.
    pub(super) fn set_metadata(&self, path: &str, generation: u64, name: String, value: String) -> bool {
        match self.lock().get_mut(path).filter(|kept| kept.generation == generation) {
            Some(kept) => {
                kept.attributes.metadata.insert(name, value);
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Each change of the map is a single call, so that a panic elsewhere cannot leave it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
