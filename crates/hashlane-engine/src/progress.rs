//! How far the reading of one object is.
//!
//! It promises numbers that only grow within one attempt, written by the hashing thread and read by whoever shows them.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far the reading of one object is; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct ReadProgress {
    /// Bytes read for hashing so far.
    pub read_bytes: AtomicU64,
    /// The object's length in bytes, 0 until known.
    pub total_bytes: AtomicU64,
}

impl ReadProgress {
    /// Percent, 0 to 99: only a job that succeeded is at 100.
    pub fn percent(&self) -> u8 {
        let total = self.total_bytes.load(Ordering::Relaxed);
        let read = self.read_bytes.load(Ordering::Relaxed).min(total);
        match total {
            0 => 0,
            total => ((u128::from(read) * 100 / u128::from(total)) as u8).min(99),
        }
    }

    /// An attempt begins at an object of this length.
    pub(crate) fn begin(&self, total_bytes: u64) {
        self.read_bytes.store(0, Ordering::Relaxed);
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
    }

    /// More bytes were read.
    pub(crate) fn advance(&self, bytes: usize) {
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
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
            let progress = ReadProgress { read_bytes: read.into(), total_bytes: total.into() };
            assert_eq!(progress.percent(), percent, "{read} of {total}");
        }
    }
}
