//! How far the reading of one object is, and where it could be taken up again.
//!
//! It promises numbers that only grow within one reading, written by the hashing thread and read by whoever shows them; and
//! the newest checkpoint, until somebody says that it is stored. Several jobs may follow one reading: each has a
//! [`ReadProgress`] of its own, and all of them show the same [`Meter`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlane_job::Checkpoint;
use tokio::sync::Notify;

/// How far one reading is.
#[derive(Debug, Default)]
pub struct Meter {
    /// Bytes read for hashing so far, those that a checkpoint spared included.
    pub read_bytes: AtomicU64,
    /// The object's length in bytes, 0 until known.
    pub total_bytes: AtomicU64,
    /// How many of the bytes a checkpoint spared: where this attempt began.
    pub spared_bytes: AtomicU64,
    /// At least one of those who follow it leaves.
    somebody_leaves: AtomicBool,
}

impl Meter {
    /// An attempt begins at an object of this length, of which `read_bytes` need not be read again.
    pub(crate) fn begin(&self, read_bytes: u64, total_bytes: u64) {
        self.spared_bytes.store(read_bytes, Ordering::Relaxed);
        self.read_bytes.store(read_bytes, Ordering::Relaxed);
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
    }

    /// More bytes were read.
    pub(crate) fn advance(&self, bytes: usize) {
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether it is worth asking everybody whether he leaves.
    pub(crate) fn somebody_leaves(&self) -> bool {
        self.somebody_leaves.load(Ordering::Acquire)
    }

    fn percent(&self) -> u8 {
        let total = self.total_bytes.load(Ordering::Relaxed);
        let read = self.read_bytes.load(Ordering::Relaxed).min(total);
        match total {
            0 => 0,
            total => ((u128::from(read) * 100 / u128::from(total)) as u8).min(99),
        }
    }
}

/// How far a job's object is read; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct ReadProgress {
    meter: Mutex<Arc<Meter>>,
    checkpoint: Mutex<Option<Checkpoint>>,
    /// Rung for each checkpoint.
    bell: Arc<Notify>,
    leaving: AtomicBool,
    early: bool,
}

impl ReadProgress {
    /// Progress that rings `bell` when there is a checkpoint to be stored.
    pub fn ringing(bell: Arc<Notify>) -> ReadProgress {
        ReadProgress { bell, ..ReadProgress::default() }
    }

    /// Asks for first checkpoints long before they are due otherwise. To be asked before the hashing begins.
    pub fn ask_early(&mut self) {
        self.early = true;
    }

    /// Whether first checkpoints are wanted early.
    pub(crate) fn is_early(&self) -> bool {
        self.early
    }

    /// The meter of the reading that it follows now.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Percent, 0 to 99: only a job that succeeded is at 100.
    pub fn percent(&self) -> u8 {
        self.meter().percent()
    }

    /// The newest checkpoint that is not stored yet.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.newest().clone()
    }

    /// Says that this checkpoint is stored. A newer one stays.
    pub fn stored(&self, checkpoint: &Checkpoint) {
        self.newest().take_if(|newest| newest == checkpoint);
    }

    /// Asks for a last checkpoint; the hashing then ends with an error, as soon as everybody asked for the end who follows the
    /// same reading. An object that is small, or cannot be taken up in the middle, ends without one.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
        self.meter().somebody_leaves.store(true, Ordering::Release);
    }

    /// Whether somebody asked for the end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// Shows this reading from now on.
    pub(crate) fn follow(&self, meter: Arc<Meter>) {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = meter;
        // Who asked for the end before asks this reading too.
        if self.is_leaving() {
            self.leave();
        }
    }

    /// Here it could be taken up again.
    pub(crate) fn offer(&self, checkpoint: Checkpoint) {
        *self.newest() = Some(checkpoint);
        self.bell.notify_one();
    }

    fn newest(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_stays_below_a_hundred() {
        for (read, total, percent) in
            [(0, 0, 0), (5, 0, 0), (0, 10, 0), (5, 10, 50), (10, 10, 99), (11, 10, 99), (u64::MAX, u64::MAX, 99)]
        {
            let meter = Meter { read_bytes: read.into(), total_bytes: total.into(), ..Meter::default() };
            assert_eq!(meter.percent(), percent, "{read} of {total}");
        }
    }

    #[test]
    fn a_checkpoint_stays_until_it_or_a_newer_one_is_stored() {
        let progress = ReadProgress::default();
        let (first, second) = (Checkpoint::from_bytes(vec![1]), Checkpoint::from_bytes(vec![2]));
        assert_eq!(progress.checkpoint(), None);
        progress.offer(first.clone());
        assert_eq!(progress.checkpoint(), Some(first.clone()));
        progress.offer(second.clone());
        progress.stored(&first);
        assert_eq!(progress.checkpoint(), Some(second.clone()), "the newer one is not stored");
        progress.stored(&second);
        assert_eq!(progress.checkpoint(), None);
    }
}
