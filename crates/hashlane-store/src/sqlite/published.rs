//! What the writer shows to everyone else after each commit: buckets and queues, counts, and that there may be work. And what
//! others show to it: whose callbacks are held back.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hashlane_job::Stage;
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
