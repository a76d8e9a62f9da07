//! What the writer shows to everyone else after each commit: buckets and queues, counts, which queues are full, and that there
//! may be work. And what others show to it: whose callbacks are held back.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hashlane_job::{BucketName, QueueId, Stage};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::directory::Directory;
use super::held_back::HeldBack;
use crate::Counts;

#[derive(Debug, Default)]
pub(super) struct Published {
    directory: RwLock<Arc<Directory>>,
    counts: Mutex<Counts>,
    held_back: HeldBack,
    full: RwLock<Vec<QueueId>>,
    hash: Arc<Notify>,
    deliver: Arc<Notify>,
}

impl Published {
    pub(super) fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_directory(&self, directory: &Arc<Directory>) {
        if !Arc::ptr_eq(&self.directory(), directory) {
            *self.directory.write().unwrap_or_else(PoisonError::into_inner) = directory.clone();
        }
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_counts(&self, counts: Counts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    pub(super) fn held_back(&self) -> &HeldBack {
        &self.held_back
    }

    /// Whether as many jobs wait in this queue as may, as of the last commit.
    pub(super) fn is_full(&self, queue: QueueId) -> bool {
        self.full.read().unwrap_or_else(PoisonError::into_inner).contains(&queue)
    }

    /// Whether this is so of every open queue of a bucket; not of a bucket without any.
    pub(super) fn all_full(&self, bucket: &BucketName) -> bool {
        let full = self.full.read().unwrap_or_else(PoisonError::into_inner);
        if full.is_empty() {
            return false;
        }
        let directory = self.directory();
        let mut open = directory.queues_of(bucket).filter(|entry| entry.open).peekable();
        open.peek().is_some() && open.all(|entry| full.contains(&entry.queue.id))
    }

    pub(super) fn set_full(&self, full: Vec<QueueId>) {
        // Nearly always none, before and after.
        if *self.full.read().unwrap_or_else(PoisonError::into_inner) != full {
            *self.full.write().unwrap_or_else(PoisonError::into_inner) = full;
        }
    }

    /// Completes at the first [`Published::wake`] after this call, whenever it is first polled.
    pub(super) fn woken(&self, stage: Stage) -> OwnedNotified {
        self.bell(stage).clone().notified_owned()
    }

    pub(super) fn wake(&self, stage: Stage) {
        self.bell(stage).notify_waiters();
    }

    fn bell(&self, stage: Stage) -> &Arc<Notify> {
        match stage {
            Stage::Hash => &self.hash,
            Stage::Deliver => &self.deliver,
        }
    }
}
